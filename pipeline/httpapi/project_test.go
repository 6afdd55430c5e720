package httpapi_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline/app"
	appserve "github.com/assay-pipeline/assay/pipeline/app/serve"
	"github.com/assay-pipeline/assay/pipeline/httpapi"
)

// noon is when every case happens.
var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// judged is a project whose landed files were judged, read and matched: four
// washers in the catalog, one duplicate pair, one for review, two batches of
// another feed that wait for an approval. It is made once.
var judged = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "assay-httpapi-")
	if err != nil {
		return "", err
	}
	scaffold := os.DirFS(filepath.Join("..", "..", "cmd", "assay", "scaffold"))
	contracts, err := fs.Sub(scaffold, "contracts")
	if err != nil {
		return "", err
	}
	if err := os.CopyFS(filepath.Join(dir, "contracts"), contracts); err != nil {
		return "", err
	}
	own := filepath.Join("testdata", "project")
	if err := os.CopyFS(filepath.Join(dir, "contracts", "feeds", "more"), os.DirFS(filepath.Join(own, "contracts", "feeds"))); err != nil {
		return "", err
	}
	landing := filepath.Join(dir, "lake", "landing")
	if err := os.CopyFS(landing, os.DirFS(filepath.Join(own, "landing"))); err != nil {
		return "", err
	}
	// The change tag of a landed file has its time in it.
	err = filepath.WalkDir(landing, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chtimes(path, noon, noon)
	})
	if err != nil {
		return "", err
	}
	a, err := open(dir)
	if err != nil {
		return "", err
	}
	defer a.Close()
	r, err := a.Run(context.Background())
	if err != nil {
		return "", err
	}
	_, err = r.Once(context.Background(), "")
	return dir, err
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := judged(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

func open(dir string) (*app.App, error) {
	cfg, err := app.ReadConfig(nil, dir)
	if err != nil {
		return nil, err
	}
	return app.Open(cfg, app.Options{Now: func() time.Time { return noon }, Owner: "test", Version: "test"}), nil
}

// project is a copy of the judged project.
func project(t testing.TB) *app.App {
	t.Helper()
	from, err := judged()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	a, err := open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

// serve is the API over a copy of the judged project.
func serve(t testing.TB, change ...func(*httpapi.Options)) *httpapi.Server {
	t.Helper()
	a := project(t)
	opt, err := appserve.APIOptions(context.Background(), a, httpapi.Local{Subject: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	var n atomic.Int64
	opt.Now = func() time.Time { return noon }
	opt.NewID = func() string { return fmt.Sprintf("request-%d", n.Add(1)) }
	for _, f := range change {
		f(&opt)
	}
	s, err := httpapi.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
