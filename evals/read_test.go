package evals

import (
	"context"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	library "github.com/assay-pipeline/assay/contracts"
	"github.com/assay-pipeline/assay/pipeline/embed"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/knowledge/retrieve"
)

var update = flag.Bool("update", false, "rewrite the expected part of the cases")

// loadPack compiles the knowledge that ships, once for all tests.
var loadPack = sync.OnceValues(func() (*retrieve.Index, error) {
	sub, err := fs.Sub(library.FS, "catalog")
	if err != nil {
		return nil, err
	}
	if pack, err = knowledge.Load(sub); err != nil {
		return nil, err
	}
	return retrieve.New(context.Background(), pack, embed.NewHashing(nil), nil)
})

var pack *knowledge.Pack

func testPack(t testing.TB) (*knowledge.Pack, *retrieve.Index) {
	t.Helper()
	index, err := loadPack()
	if err != nil {
		t.Fatal(err)
	}
	return pack, index
}

// TestShipped: what the project ships with has no mistake, and is big enough to
// say anything.
func TestShipped(t *testing.T) {
	pack, index := testPack(t)
	sets, problems, err := Lint(t.Context(), FS, nil, pack, index)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Error(p)
	}
	tasks := map[Task]int{}
	for _, s := range sets {
		tasks[s.Task] += len(s.Cases)
		if len(s.Hash) < 32 {
			t.Errorf("%s: hash %q", s.Name, s.Hash)
		}
	}
	for _, task := range Tasks {
		if tasks[task] < 15 {
			t.Errorf("%d cases of %s", tasks[task], task)
		}
	}
}

// TestMistakes holds what lint says of a folder of evals against testdata: each
// case is a folder and the section want.
func TestMistakes(t *testing.T) {
	pack, index := testPack(t)
	files, err := filepath.Glob("testdata/lint/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			folder, want := fstest.MapFS{}, -1
			for i, f := range ar.Files {
				if f.Name == "want" {
					want = i
					continue
				}
				folder[f.Name] = &fstest.MapFile{Data: f.Data}
			}
			if want < 0 {
				t.Fatal("no section want")
			}
			_, problems, err := Lint(t.Context(), folder, nil, pack, index)
			got := problems.Error()
			if err != nil {
				got = err.Error()
			}
			got = strings.TrimSpace(got) + "\n"
			if got == string(ar.Files[want].Data) {
				return
			}
			if !*update {
				t.Fatalf("got\n%swant\n%s", got, ar.Files[want].Data)
			}
			ar.Files[want].Data = []byte(got)
			if err := os.WriteFile(file, txtar.Format(ar), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func FuzzReadSuite(f *testing.F) {
	for _, name := range []string{"parse", "match", "search"} {
		src, err := fs.ReadFile(FS, "suites/"+name+".yaml")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(src)
	}
	f.Add([]byte("name: x\nscorers: [{type: [f1]}]\nobserve:\n"))
	f.Fuzz(func(t *testing.T, src []byte) {
		s, problems := ReadSuite("suites/x.yaml", src)
		if len(problems) > 0 {
			return
		}
		if s.Name != "x" || len(s.Scorers) == 0 || len(s.Dataset) == 0 {
			t.Errorf("a suite without mistakes: %+v", s)
		}
	})
}

func FuzzReadCases(f *testing.F) {
	for _, task := range Tasks {
		src, err := fs.ReadFile(FS, "golden/"+string(task)+".jsonl")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(task), src)
	}
	f.Fuzz(func(t *testing.T, task string, src []byte) {
		cases, problems := ReadCases("x.jsonl", src, Task(task))
		if len(problems) == 0 && len(cases) == 0 {
			t.Error("neither a case nor a mistake")
		}
		for _, c := range cases {
			for name, x := range c.Want.Attributes {
				b, err := x.MarshalJSON()
				if err != nil {
					t.Fatalf("%s %v: %v", name, x, err)
				}
				var again Accept
				if err := again.UnmarshalJSON(b); err != nil || again.String() != x.String() {
					t.Errorf("%s is read back as %s (%v)", x, again, err)
				}
			}
		}
	})
}
