package knowledge_test

import (
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"golang.org/x/tools/txtar"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
)

var update = flag.Bool("update", false, "rewrite the expected parts of the cases")

const shipped = "../../contracts/catalog"

func load(t testing.TB, fsys fs.FS) *knowledge.Pack {
	t.Helper()
	p, err := knowledge.Load(fsys)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestMistakes(t *testing.T) {
	const file = "testdata/mistakes.txtar"
	a, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	pack := fstest.MapFS{}
	for i := range a.Files {
		f := &a.Files[i]
		name, rest, _ := strings.Cut(f.Name, "/")
		if rest != "problems" {
			pack[rest] = &fstest.MapFile{Data: f.Data}
			continue
		}
		_, err := knowledge.Load(pack)
		pack = fstest.MapFS{}
		if pipeline.ErrorCode(err) != pipeline.CodeInvalid {
			t.Errorf("%s: code %q of %v", name, pipeline.ErrorCode(err), err)
			continue
		}
		got := pipeline.ErrorMessage(err) + "\n"
		if *update {
			f.Data = []byte(got)
		} else if got != string(f.Data) {
			t.Errorf("%s:\ngot\n%swant\n%s", name, got, f.Data)
		}
	}
	if *update {
		if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLoadMissingFolder(t *testing.T) {
	_, err := knowledge.Load(os.DirFS(filepath.Join(t.TempDir(), "nowhere")))
	if pipeline.ErrorCode(err) != pipeline.CodeNotFound {
		t.Errorf("got %v", err)
	}
}

// The hash changes with every byte of the pack and with nothing else.
func TestHash(t *testing.T) {
	pack := func(title string) fstest.MapFS {
		return fstest.MapFS{
			"nut/category.yaml": {Data: []byte("category: nut\ntitle: " + title + "\nnouns: [nut]\nattributes: [{name: type, kind: text}]\n")},
			".hidden":           {Data: []byte("x")},
		}
	}
	a, b := load(t, pack("Nut")), load(t, pack("Nut"))
	if a.Hash() != b.Hash() || a.Hash() == load(t, pack("Nuts")).Hash() {
		t.Error("the hash is not that of the content")
	}
}

// What the shipped pack promises of every category.
func TestShipped(t *testing.T) {
	p := load(t, os.DirFS(shipped))
	for _, name := range p.Categories() {
		s, _ := p.Schema(name)
		critical := 0
		for _, a := range s.Attributes {
			if a.Critical {
				critical++
			}
		}
		if len(s.Attributes) < 8 || critical < 3 || len(s.Abbreviations) < 30 || len(s.Examples) < 3 {
			t.Errorf("%s has %d attributes, %d critical, %d abbreviations, %d examples", name, len(s.Attributes), critical, len(s.Abbreviations), len(s.Examples))
		}
		for _, e := range s.Examples {
			if got, _, _ := p.Classify(pipeline.Item{Source: e.Text}); got != name {
				t.Errorf("%s: its example %q is taken for %s", name, e.Text, got)
			}
		}
	}
}

func TestClassify(t *testing.T) {
	p := load(t, os.DirFS(shipped))
	for _, c := range []struct {
		source string
		meta   pipeline.Meta
		want   string
	}{
		{source: "PUMP, MOTOR 1.5 KW", want: "pump"},
		{source: "Motor für Pumpe 1,5 kW 4-polig", want: "motor"},
		{source: "6205-2RS C3", want: "bearing"},
		{source: "M10x50 8.8", want: "screw"},
		{source: "M10 8.8", want: pipeline.Unknown},
		{source: "DIN 933 M10x50", want: "screw"},
		{source: "M10x50 8.8", meta: pipeline.Meta{Category: "Schrauben"}, want: "screw"},
		{source: "M10", meta: pipeline.Meta{Group: "washer"}, want: "washer"},
		{source: "Kupferdichtring 14x18", want: "seal"},
		{source: "", want: pipeline.Unknown},
		{source: "Tischlampe", want: pipeline.Unknown},
	} {
		got, score, _ := p.Classify(pipeline.Item{Source: c.source, Meta: c.meta})
		if got != c.want {
			t.Errorf("%q %+v: got %s (%.2f), want %s", c.source, c.meta, got, score, c.want)
		}
		if score < 0 || score > 1 {
			t.Errorf("%q: score %v", c.source, score)
		}
	}
}
