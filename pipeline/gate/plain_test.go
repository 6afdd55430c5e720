package gate_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"testing"

	"pgregory.net/rapid"

	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/gate"
)

// loose are texts near the edges of what the plain loops read.
var loose = map[contract.Type]*rapid.Generator[string]{
	contract.Integer:   rapid.StringMatching(`[+-]?[0-9:/]{0,20}`),
	contract.Decimal:   rapid.StringMatching(`[+-]?[0-9]{0,10}[.:]?[0-9]{0,9}[.e]?`),
	contract.Boolean:   rapid.StringMatching(`(true|false|TRUE|falsy|tru)?.?`),
	contract.Date:      rapid.StringMatching(`(19|20|00|99)[0-9]{2}-[01][0-9]-[0-3][0-9:].?`),
	contract.Timestamp: rapid.StringMatching(`20[0-2][0-9]-[01][0-9]-[0-3][0-9][T ][0-2][0-9]:[0-6][0-9]:[0-6][0-9:](Z|z|\.[0-9]{1,9}Z?|\+01:00)?`),
	contract.String:    rapid.StringMatching(`[ab.é-]{0,6}@[ab.é!-]{0,20}|(status|returned|cancelled|\x{e4}){0,3}`),
}

// TestPlain: a column read by the plain loops and by the general readers gives
// the same report, profile and rejects.
func TestPlain(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := drawFeed(rt)
		f.Evolution = contract.EvolveIgnore
		for i := range f.Fields {
			if o := &f.Fields[i].Options; f.Fields[i].Type == contract.String && rapid.Bool().Draw(rt, "more") {
				o.Format = "email"
				o.Enum = []string{"status", "returned", "cancelled", "statusreturned", "returnedreturned", "returnedcancelled", "a@b.a"}
			}
		}
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		names := []string{"always"}
		for _, fd := range f.Fields {
			names = append(names, fd.Column)
		}
		_ = w.Write(names) // a bytes.Buffer takes everything
		for range rapid.IntRange(0, 20).Draw(rt, "rows") {
			row := []string{"x"}
			for _, fd := range f.Fields {
				row = append(row, rapid.OneOf(loose[fd.Type], rapid.SampledFrom(cellPool[fd.Type])).Draw(rt, "cell"))
			}
			_ = w.Write(row)
		}
		w.Flush()
		judge := func() []byte {
			g, err := gate.Compile(f)
			if err != nil {
				rt.Fatal(err)
			}
			out := memory{}
			rep, err := g.Judge(context.Background(), bytesInput("x.csv", b.Bytes()), gate.Options{Output: out})
			if err != nil {
				rt.Fatal(err)
			}
			var all bytes.Buffer
			if err := rep.WriteJSON(&all); err != nil {
				rt.Fatal(err)
			}
			for _, name := range []string{"rejects.csv", "part-0000.parquet"} {
				if out[name] != nil {
					all.Write(out[name].Bytes())
				}
			}
			return all.Bytes()
		}
		plain := judge()
		f.Dialect.NullWords = []string{"", "a word that no cell is"}
		if general := judge(); !bytes.Equal(plain, general) {
			rt.Fatalf("%s\nplain   %s\ngeneral %s", b.Bytes(), plain, general)
		}
	})
}
