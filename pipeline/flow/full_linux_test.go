package flow_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// On a full disk nothing is half-published: the run says so, and goes on where
// it stopped when there is space again.
func TestTheDiskIsFull(t *testing.T) {
	w := newWorld(t, "  - {property: assay.load, value: append}")
	for _, part := range []string{"data", "quarantine", "reports"} {
		disk := filepath.Join(w.dir, "lake", part)
		if err := os.MkdirAll(disk, 0o755); err != nil {
			t.Fatal(err)
		}
		if part != "data" {
			continue
		}
		if err := syscall.Mount("tmpfs", disk, "tmpfs", 0, "size=256k"); err != nil {
			t.Skip("no right to mount a small disk here: ", err)
		}
		t.Cleanup(func() {
			if err := syscall.Unmount(disk, syscall.MNT_DETACH); err != nil {
				t.Error(err)
			}
		})
	}
	w.land("2026-03-01.csv", "a,washer,1")
	w.once()
	good := w.curated()
	rows := make([]string, 20_000)
	for i := range rows {
		rows[i] = fmt.Sprintf("r%05d,washer %s,%d", i, pipeline.ContentID(fmt.Sprint(i)), i)
	}
	w.land("2026-03-02.csv", rows...)
	b, err := w.run.Ingest.Object(context.Background(), "landing/parts/2026-03-02.csv")
	if pipeline.ErrorCode(err) != pipeline.CodeLimit || !strings.Contains(err.Error(), "no space left") {
		t.Fatalf("on a full disk: %+v, %v", b, err)
	}
	w.want("what readers see", w.curated(), good)
	if err := syscall.Mount("", filepath.Join(w.dir, "lake", "data"), "", syscall.MS_REMOUNT, "size=64m"); err != nil {
		t.Fatal(err)
	}
	b, err = w.run.Ingest.Object(context.Background(), "landing/parts/2026-03-02.csv")
	if err != nil || b.Stage != flow.Done {
		t.Fatalf("with space again: %+v, %v", b, err)
	}
	w.want("rows", len(w.curated()), len(rows)+1)
}
