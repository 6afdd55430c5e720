package gate_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/gate"
	"github.com/assay-pipeline/assay/pipeline/gate/sqlrule"
)

var update = flag.Bool("update", false, "rewrite the expected parts of the cases")

// TestCases runs testdata/*.txtar: a contract and a file become a report and
// rejects. Files below batch/ are the objects of a batch. In a file, \xNN stands for a byte and \{N*text} for N times text.
// published/FEED.csv is what a feed has published; ledger has a line for each
// batch, its event, its decision and published, held or lost, in days before
// the batch at hand, which came an hour ago.
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
			published := shelf{}
			var facts *contract.Facts
			var objects []codec.Object
			keep := a.Files[:0:0]
			for _, f := range a.Files {
				switch f.Name {
				case "contract.odcs.yaml":
					src = f.Data
				case "report", "rejects.csv":
					continue
				case "ledger":
					facts = ledger(t, string(f.Data))
				default:
					if feed, ok := strings.CutPrefix(f.Name, "published/"); ok {
						published[strings.TrimSuffix(feed, ".csv")] = string(f.Data)
						break
					}
					if of, ok := strings.CutPrefix(f.Name, "batch/"); ok {
						b := unquote(f.Data)
						objects = append(objects, codec.Object{Name: of, Open: func(context.Context) (io.ReadCloser, error) {
							return io.NopCloser(bytes.NewReader(b)), nil
						}})
						break
					}
					file, data = f.Name, unquote(f.Data)
				}
				keep = append(keep, f)
			}
			out := memory{}
			g := compile(t, string(src))
			opt := gate.Options{Batch: "b1", Output: out, Ledger: facts, SQL: &sqlrule.Engine{Tmp: t.TempDir()}}
			if len(published) > 0 {
				opt.References = published
			}
			in := bytesInput(file, data)
			if objects != nil {
				in = gate.Input{Name: "batch", Objects: func(context.Context) ([]codec.Object, error) { return objects, nil }}
			}
			rep, err := g.Judge(context.Background(), in, opt)
			if err != nil {
				t.Fatal(err)
			}
			if !rep.Rows.Balanced() {
				t.Fatalf("%+v: read is not accepted + rejected", rep.Rows)
			}
			fitsSchema(t, rep)
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

// A shelf is what feeds have published, as CSV: the first line names columns.
type shelf map[string]string

func (s shelf) Keys(_ context.Context, feed string, fields []string, yield func([]string) error) error {
	text, ok := s[feed]
	switch {
	case !ok:
		return pipeline.Errorf(pipeline.CodeInvalid, "there is no feed %s", feed)
	case text == "":
		return pipeline.Errorf(pipeline.CodeNotFound, "nothing of %s", feed)
	}
	lines := strings.Split(strings.TrimSpace(text), "\n")
	header := strings.Split(lines[0], ",")
	for _, line := range lines[1:] {
		cells := strings.Split(line, ",")
		values := make([]string, len(fields))
		for i, f := range fields {
			if values[i] = cells[slices.Index(header, f)]; values[i] == "" {
				values[i] = codec.NullText
			}
		}
		if err := yield(values); err != nil {
			return err
		}
	}
	return nil
}

func ledger(t *testing.T, text string) *contract.Facts {
	now := time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)
	f := &contract.Facts{Now: now, Batch: &contract.Delivery{Event: now.Add(-time.Hour)}}
	for line := range strings.Lines(text) {
		var event, decided float64
		var word string
		if _, err := fmt.Sscan(line, &event, &decided, &word); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		ago := func(days float64) time.Time { return now.Add(-time.Duration(days * float64(24*time.Hour))) }
		f.Batches = append(f.Batches, contract.Delivery{Event: ago(event), Decided: ago(decided), Published: word != "held", Lost: word == "lost"})
	}
	return f
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
