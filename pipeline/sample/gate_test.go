package sample_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"io"
	"os"
	"strconv"
	"testing"

	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/gate"
	"github.com/assay-pipeline/assay/pipeline/sample"
)

// memory keeps what the gate writes.
type memory map[string]*bytes.Buffer

func (m memory) Create(_ context.Context, name string) (io.WriteCloser, error) {
	b := &bytes.Buffer{}
	m[name] = b
	return nopCloser{b}, nil
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

func judge(t *testing.T, g *gate.Gate, f sample.File) sample.Judged {
	t.Helper()
	out := memory{}
	rep, err := g.Judge(context.Background(), gate.Input{Name: f.Name, Size: int64(len(f.Bytes)),
		Open: func(_ context.Context, off, n int64) (io.ReadCloser, error) {
			b := f.Bytes[off:]
			if n >= 0 {
				b = b[:n]
			}
			return io.NopCloser(bytes.NewReader(b)), nil
		}}, gate.Options{Output: out, Tmp: t.TempDir()})
	if err != nil {
		t.Fatalf("%s: %v", f.Landing(), err)
	}
	j := sample.Judged{Feed: f.Feed, File: f.Name, Decision: rep.Decision, Rows: rep.Rows}
	if b := out["rejects.csv"]; b != nil {
		rows, err := csv.NewReader(b).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		at := map[string]int{}
		for i, c := range rows[0] {
			at[c] = i
		}
		for _, r := range rows[1:] {
			n, err := strconv.ParseInt(r[at["row"]], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			j.Rejects = append(j.Rejects, sample.Reject{Row: n, Code: r[at["code"]], Column: r[at["column"]]})
		}
	}
	return j
}

func gates(t *testing.T) map[string]*gate.Gate {
	t.Helper()
	set, err := contract.Load(os.DirFS("../../contracts"), "feeds")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]*gate.Gate{}
	for _, feed := range []string{sample.CatalogFeed, sample.OrdersFeed} {
		f, err := set.Feed(feed)
		if err != nil {
			t.Fatal(err)
		}
		if out[feed], err = gate.Compile(f); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// Every seeded fault is rejected for its reason and no clean row is, on twenty
// seeds: the contracts and the generator mean the same.
func TestGateFindsEveryFault(t *testing.T) {
	gs := gates(t)
	for seed := range uint64(20) {
		s := sample.Generate(sample.Options{Seed: seed, Items: 300, Transactions: 9000})
		var o sample.Outcome
		for _, f := range s.Files {
			o.Batches = append(o.Batches, judge(t, gs[f.Feed], f))
		}
		got := sample.ScoreRows(&s.Truth, o.Batches, []string{sample.OrdersFeed})
		if got.Right != got.Faults || got.CleanRejected != 0 || got.Unbalanced != 0 || got.BadDaysHeld != 1 || got.Faults == 0 {
			t.Errorf("seed %d: %+v", seed, got)
		}
	}
}
