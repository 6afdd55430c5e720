package gate_test

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/assay-pipeline/assay/pipeline/gate"
)

var update = flag.Bool("update", false, "rewrite the expected parts of the cases")

// TestCases runs testdata/*.txtar: a contract and a file become a report and
// rejects. In the file, \xNN stands for a byte and \{N*text} for N times text.
func TestCases(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			var src, data []byte
			var file string
			keep := a.Files[:0:0]
			for _, f := range a.Files {
				switch f.Name {
				case "contract.odcs.yaml":
					src = f.Data
				case "report", "rejects.csv":
					continue
				default:
					file, data = f.Name, unquote(f.Data)
				}
				keep = append(keep, f)
			}
			out := memory{}
			g := compile(t, string(src))
			rep, err := g.Judge(context.Background(), bytesInput(file, data), gate.Options{Batch: "b1", Output: out})
			if err != nil {
				t.Fatal(err)
			}
			if !rep.Rows.Balanced() {
				t.Fatalf("%+v: read is not accepted + rejected", rep.Rows)
			}
			var text bytes.Buffer
			if err := rep.WriteText(&text); err != nil {
				t.Fatal(err)
			}
			keep = append(keep, txtar.File{Name: "report", Data: text.Bytes()})
			if b := out["rejects.csv"]; b != nil {
				keep = append(keep, txtar.File{Name: "rejects.csv", Data: b.Bytes()})
			}
			got := txtar.Format(&txtar.Archive{Comment: a.Comment, Files: keep})
			if *update {
				if err := os.WriteFile(name, got, 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if want := txtar.Format(a); !bytes.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
		})
	}
}

var escape = regexp.MustCompile(`\\x[0-9a-f]{2}|\\\{[0-9]+\*[^}]*\}`)

func unquote(b []byte) []byte {
	return escape.ReplaceAllFunc(b, func(m []byte) []byte {
		if m[1] == 'x' {
			n, _ := strconv.ParseUint(string(m[2:]), 16, 8)
			return []byte{byte(n)}
		}
		count, text, _ := strings.Cut(string(m[2:len(m)-1]), "*")
		n, _ := strconv.Atoi(count)
		return []byte(strings.Repeat(text, n))
	})
}
