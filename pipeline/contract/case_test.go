package contract

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "rewrite the expected part of the cases")

// eachCase runs f on every testdata/DIR/*.txtar; what f returns is the file
// named expect in the archive.
func eachCase(t *testing.T, dir, expect string, f func(t *testing.T, files map[string][]byte) string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join("testdata", dir, "*.txtar"))
	if err != nil || len(names) == 0 {
		t.Fatalf("no cases in testdata/%s: %v", dir, err)
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			files := map[string][]byte{}
			for _, file := range ar.Files {
				files[file.Name] = file.Data
			}
			got := f(t, files)
			if got != "" && !strings.HasSuffix(got, "\n") {
				got += "\n"
			}
			if *update {
				found := false
				for i := range ar.Files {
					if ar.Files[i].Name == expect {
						ar.Files[i].Data, found = []byte(got), true
					}
				}
				if !found {
					ar.Files = append(ar.Files, txtar.File{Name: expect, Data: []byte(got)})
				}
				if err := os.WriteFile(name, txtar.Format(ar), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(files[expect]), got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}

// What lint says of a contract, level first.
func TestLintCases(t *testing.T) {
	eachCase(t, "lint", "findings", func(t *testing.T, files map[string][]byte) string {
		var b strings.Builder
		for _, f := range LintSource("c.odcs.yaml", files["c.odcs.yaml"]) {
			b.WriteString(string(f.Level) + " [" + f.Rule + "] " + f.String() + "\n")
		}
		return b.String()
	})
}

// What a contract compiles to; or the error.
func TestFeedCases(t *testing.T) {
	eachCase(t, "feed", "feed.json", func(t *testing.T, files map[string][]byte) string {
		d, err := Parse("c.odcs.yaml", files["c.odcs.yaml"])
		if err != nil {
			return err.Error()
		}
		f, err := d.Feed(strings.TrimSpace(string(files["schema"])))
		if err != nil {
			return err.Error()
		}
		return stated(t, f)
	})
}

const leastContract = `apiVersion: v3.1.0
kind: DataContract
id: least
version: 1.0.0
status: active
schema:
  - name: least
    properties:
      - name: id
`

// stated is a feed as JSON without the zero values, without the hash, and
// without what every contract has by default.
func stated(t *testing.T, f *Feed) string {
	t.Helper()
	d, err := Parse("least", []byte(leastContract))
	if err != nil {
		t.Fatal(err)
	}
	least, err := d.Feed("")
	if err != nil {
		t.Fatal(err)
	}
	tree, usual := treeOf(t, f).(map[string]any), treeOf(t, least).(map[string]any)
	for k, v := range usual {
		if !strings.HasSuffix(t.Name(), "/defaults") && reflect.DeepEqual(tree[k], v) {
			delete(tree, k)
		}
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(prune(tree)); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func treeOf(t *testing.T, v any) (tree any) {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.UseNumber()
	if err := dec.Decode(&tree); err != nil {
		t.Fatal(err)
	}
	return tree
}

func prune(v any) any {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "Hash")
		for k, e := range v {
			if e = prune(e); e == nil {
				delete(v, k)
			} else {
				v[k] = e
			}
		}
		if len(v) == 0 {
			return nil
		}
	case []any:
		if len(v) == 0 {
			return nil
		}
		for i := range v {
			if p := prune(v[i]); p != nil {
				v[i] = p
			}
		}
	case string:
		if v == "" {
			return nil
		}
	case json.Number:
		if v == "0" {
			return nil
		}
	case bool:
		if !v {
			return nil
		}
	}
	return v
}
