package gate_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"testing"

	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/gate"
)

// TestSpill: with so little memory that most keys go to disk, the same rows are
// accepted and rejected, and nothing is left behind.
func TestSpill(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	var b bytes.Buffer
	b.WriteString("id,code,n\n")
	for range 60_000 {
		n := "1"
		if r.IntN(50) == 0 {
			n = "x"
		}
		fmt.Fprintf(&b, "%d,c%d,%s\n", r.Int64N(1<<40)-r.Int64N(1<<40), r.IntN(50_000), n)
		if r.IntN(10) == 0 {
			fmt.Fprintf(&b, "%d,c%d,%s\n", r.IntN(1000), r.IntN(1<<30), n)
		}
	}
	f := &contract.Feed{Name: "f", Format: contract.CSV, MaxRejectRate: 1, Fields: []contract.Field{
		{Name: "id", Column: "id", Type: contract.Integer}, {Name: "code", Column: "code", Type: contract.String}, {Name: "n", Column: "n", Type: contract.Integer},
	}, Keys: []contract.Key{{Name: "a", Fields: []string{"id"}}, {Name: "b", Fields: []string{"code"}}, {Name: "c", Fields: []string{"code", "n"}, OnFail: contract.Warn}}}
	g, err := gate.Compile(f)
	if err != nil {
		t.Fatal(err)
	}
	run := func(memory_ int64) (*gate.Report, []string, []string) {
		out, tmp := memory{}, t.TempDir()
		rep, err := g.Judge(context.Background(), bytesInput("x.csv", b.Bytes()), gate.Options{Output: out, Memory: memory_, Tmp: tmp})
		if err != nil {
			t.Fatal(err)
		}
		if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
			t.Fatalf("left behind: %v %v", left, err)
		}
		if !rep.Rows.Balanced() {
			t.Fatalf("%+v", rep.Rows)
		}
		var kept []string
		for i := range 100 {
			part := out[fmt.Sprintf("part-%04d.parquet", i)]
			if part == nil {
				break
			}
			err := codec.ReadRows(context.Background(), bytes.NewReader(part.Bytes()), int64(part.Len()), 0, 1<<40, []string{"id", "code"}, func(_ int64, v []string) error {
				kept = append(kept, v[0]+v[1])
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		all, err := csv.NewReader(out["rejects.csv"]).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		var rejects []string
		for _, r := range all[1:] {
			rejects = append(rejects, fmt.Sprint(r))
		}
		slices.Sort(rejects)
		return rep, kept, rejects
	}
	want, wantKept, wantRejects := run(1 << 30)
	got, gotKept, gotRejects := run(1 << 19)
	if want.Rows != got.Rows || int64(len(wantKept)) != want.Rows.Accepted || want.Rows.Rejected == 0 {
		t.Fatalf("%+v, want %+v of %d", got.Rows, want.Rows, len(wantKept))
	}
	if !slices.Equal(wantKept, gotKept) {
		t.Fatal("other rows are accepted")
	}
	if !slices.Equal(wantRejects, gotRejects) {
		t.Fatalf("other rejects: %d, want %d", len(gotRejects), len(wantRejects))
	}
	for i, c := range want.Checks {
		if d := got.Checks[i]; c.Failed != d.Failed || c.Evaluated != d.Evaluated || c.Result != d.Result {
			t.Errorf("%+v, want %+v", d, c)
		}
	}
}
