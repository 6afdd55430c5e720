package documents_test

import (
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"
	"unicode/utf8"

	"golang.org/x/tools/txtar"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/embed"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/knowledge/documents"
	"github.com/assay-pipeline/assay/pipeline/knowledge/retrieve"
	"github.com/assay-pipeline/assay/pipeline/store/sqlite"
)

var update = flag.Bool("update", false, "rewrite the expected chunks")

// Each case is a folder of documents and, in the file chunks, what is made of
// it.
func TestChunks(t *testing.T) {
	files, _ := filepath.Glob("testdata/*.txtar")
	if len(files) == 0 {
		t.Fatal("no cases")
	}
	for _, file := range files {
		a, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		folder := fstest.MapFS{}
		for _, f := range a.Files[:len(a.Files)-1] {
			folder[f.Name] = &fstest.MapFile{Data: f.Data}
		}
		s, chunks, skipped, err := documents.Read(folder, "docs")
		var b strings.Builder
		if err != nil {
			fmt.Fprintf(&b, "error %s: %v\n", pipeline.ErrorCode(err), err)
		}
		for _, c := range chunks {
			fmt.Fprintf(&b, "%d %s:%d [%s] %q\n", c.Seq, c.Source, c.Line, c.Title, c.Text)
		}
		for _, k := range skipped {
			fmt.Fprintf(&b, "skipped %s: %s\n", k.Source, k.Reason)
		}
		fmt.Fprintf(&b, "%d documents, %d chunks\n", s.Documents, s.Chunks)
		last := &a.Files[len(a.Files)-1]
		if *update {
			last.Data = []byte(b.String())
			if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
				t.Fatal(err)
			}
		} else if got := b.String(); got != string(last.Data) {
			t.Errorf("%s: got\n%swant\n%s", file, got, last.Data)
		}
	}
}

func TestSnapshotIsItsContent(t *testing.T) {
	a := fstest.MapFS{"x.md": {Data: []byte("# A\ntext")}, "y.txt": {Data: []byte("more")}}
	b := fstest.MapFS{"y.txt": {Data: []byte("more")}, "x.md": {Data: []byte("# A\ntext")}, "z.pdf": {Data: []byte("%PDF")}}
	c := fstest.MapFS{"x.md": {Data: []byte("# A\ntext.")}, "y.txt": {Data: []byte("more")}}
	id := func(f fs.FS) string {
		s, _, _, err := documents.Read(f, "docs")
		if err != nil {
			t.Fatal(err)
		}
		return s.ID
	}
	if id(a) != id(b) || id(a) == id(c) {
		t.Error("a snapshot's id must follow its documents, and nothing else")
	}
	for name, f := range map[string]fs.FS{"empty": fstest.MapFS{}, "binary": fstest.MapFS{"a.txt": {Data: []byte("a\x00b")}}, "latin1": fstest.MapFS{"a.txt": {Data: []byte("gr\xfcn")}}} {
		if _, _, _, err := documents.Read(f, "docs"); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, _, err := documents.Read(os.DirFS("testdata/nothing"), "docs"); pipeline.ErrorCode(err) != pipeline.CodeNotFound {
		t.Errorf("no folder: %v", err)
	}
}

// What was taken in is found and cited, and the pack's own passages stay.
func TestIngestAndFind(t *testing.T) {
	ctx := context.Background()
	db, err := sqlite.Open(ctx, filepath.Join(t.TempDir(), "a.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // the test is over
	e := embed.NewHashing(nil)
	clock := time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)
	in := documents.Ingest{Store: db, Embedder: e, Now: func() time.Time { clock = clock.Add(time.Minute); return clock }}
	if got, err := documents.Passages(ctx, db, e); err != nil || len(got) != 0 {
		t.Fatalf("nothing taken in: %v, %v", got, err)
	}
	folder := fstest.MapFS{"rules/werk.md": {Data: []byte("# Werksnorm 47\n\nPumpen in Halle 7 bekommen Gleitringdichtungen aus Siliziumkarbid.\n")}}
	first, err := in.Folder(ctx, folder, "docs")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := in.Folder(ctx, folder, "docs"); err != nil || again.ID != first.ID {
		t.Fatalf("again: %+v, %v", again, err)
	}
	if all, err := db.DocumentSnapshots(ctx); err != nil || len(all) != 1 {
		t.Fatalf("%d snapshots, %v", len(all), err)
	}
	more, err := documents.Passages(ctx, db, e)
	if err != nil || len(more) != 1 || len(more[0].Vector) != e.Dimensions() {
		t.Fatalf("passages %+v, %v", more, err)
	}
	pack, err := knowledge.Load(os.DirFS("../../../contracts/catalog"))
	if err != nil {
		t.Fatal(err)
	}
	x, err := retrieve.New(ctx, pack, e, more)
	if err != nil {
		t.Fatal(err)
	}
	hits, err := x.Find(ctx, retrieve.Query{Text: "Gleitringdichtung Siliziumkarbid Halle 7", Stage: retrieve.Validating})
	if err != nil || len(hits) == 0 || hits[0].Source != "rules/werk.md" || hits[0].Version == "" {
		t.Errorf("hits %+v, %v", hits, err)
	}
}

// No document makes Read fail otherwise than by its codes, and no text is lost.
func FuzzRead(f *testing.F) {
	f.Add("# A\n\ntext\n\n## B\nmore", "a;b\n1;2\n")
	f.Add("```\n# no heading\n```\n####### x", "\"a,b\n\"\"")
	f.Fuzz(func(t *testing.T, md, csv string) {
		_, chunks, _, err := documents.Read(fstest.MapFS{"a.md": {Data: []byte(md)}, "b.csv": {Data: []byte(csv)}}, "docs")
		if err != nil && pipeline.ErrorCode(err) != pipeline.CodeInvalid {
			t.Fatal(err)
		}
		for i, c := range chunks {
			if c.Seq != i+1 || c.Text == "" || !utf8.ValidString(c.Text) || c.Line < 1 {
				t.Fatalf("chunk %+v", c)
			}
		}
	})
}
