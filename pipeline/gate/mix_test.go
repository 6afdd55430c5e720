package gate

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

// TestMix: what is known of the kinds in a column of JSON values changes how it
// is read, not what is read.
func TestMix(t *testing.T) {
	two, four := 2, 4
	feed := &contract.Feed{Name: "f", Format: contract.JSONL, MaxRejectRate: 1, Fields: []contract.Field{
		{Name: "i", Column: "i", Type: contract.Integer, Required: true, Options: contract.Options{Minimum: "-5", Maximum: "1000"}},
		{Name: "d", Column: "d", Type: contract.Decimal, Options: contract.Options{ExclusiveMaximum: "99.95"}},
		{Name: "s", Column: "s", Type: contract.String, Options: contract.Options{MinLength: &two, MaxLength: &four, Enum: []string{"ab", "", "abc"}}},
		{Name: "e", Column: "e", Type: contract.String, Options: contract.Options{Format: "email"}},
		{Name: "t", Column: "t", Type: contract.Timestamp, Options: contract.Options{Minimum: "2020-01-01T00:00:00Z"}},
		{Name: "b", Column: "b", Type: contract.Boolean},
	}}
	g, err := Compile(feed)
	if err != nil {
		t.Fatal(err)
	}
	values := [][]string{
		{"1", "-6", "12345678901", "1.5", `"1"`, "null", ""}, {"0.5", "99.95", "1e2", "7", "-0.125", `"x"`, "null", ""},
		{`"ab"`, `""`, `"abcde"`, `"ä"`, `"\n"`, "5", "null", ""}, {`"a@b.cc"`, `"a@b"`, `""`, "true", "null", ""},
		{`"2024-01-01T00:00:00Z"`, `"2019-01-01 00:00:00"`, `""`, `"x"`, "3", "null", ""}, {"true", "false", `"true"`, "null", ""},
	}
	rapid.Check(t, func(rt *rapid.T) {
		pools := make([][]string, len(values))
		for i, v := range values { // some columns are of few kinds
			pools[i] = rapid.SliceOfNDistinct(rapid.SampledFrom(v), 1, len(v), rapid.ID[string]).Draw(rt, "pool")
		}
		var b strings.Builder
		for range rapid.IntRange(1, 12).Draw(rt, "rows") {
			var members []string
			for i, pool := range pools {
				if v := rapid.SampledFrom(pool).Draw(rt, "value"); v != "" {
					members = append(members, fmt.Sprintf("%q:%s", feed.Fields[i].Name, v))
				}
			}
			fmt.Fprintf(&b, "{%s}\n", strings.Join(members, ","))
		}
		names := []string{"i", "d", "s", "e", "t", "b"}
		judge := func(known bool) *sheet {
			r, err := codec.NewJSON("x", strings.NewReader(b.String()), codec.Dialect{}, names, false)
			if err != nil {
				rt.Fatal(err)
			}
			s := g.newSheet()
			if err := r.Next(context.Background(), &s.chunk); err != nil {
				rt.Fatal(err)
			}
			for i, f := range g.fields {
				if !known {
					s.chunk.Cols[i].Mix = 0
				}
				f.judge(s, &s.chunk.Cols[i])
			}
			s.sortFails()
			return s
		}
		got, want := judge(true), judge(false)
		if !slices.Equal(got.fails, want.fails) || !slices.Equal(got.tally, want.tally) {
			rt.Fatalf("%s\nknown   %v %v\nunknown %v %v", b.String(), got.fails, got.tally, want.fails, want.tally)
		}
		a, c := newProfiler(g), newProfiler(g)
		a.add(got)
		c.add(want)
		for i := range g.fields {
			x, y := &got.vecs[i], &want.vecs[i]
			if !slices.Equal(x.state, y.state) || x.nulls != y.nulls || x.bad != y.bad || a.fields[i] != c.fields[i] {
				rt.Fatalf("%s\nfield %d: %+v %+v\n%+v %+v", b.String(), i, x.state, y.state, a.fields[i], c.fields[i])
			}
			for r, st := range x.state {
				if st == okCell && len(x.ints) > 0 && x.ints[r] != y.ints[r] {
					rt.Fatalf("%s\nfield %d row %d: %d, %d", b.String(), i, r, x.ints[r], y.ints[r])
				}
			}
		}
	})
}
