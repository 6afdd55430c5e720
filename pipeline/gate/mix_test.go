package gate

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

// TestMix: what is known of the kinds in a column changes how it
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
	// sameKnown judges a chunk with and without what is known of it.
	sameKnown := func(rt *rapid.T, g *Gate, what string, next func(*codec.Chunk) error) {
		judge := func(known bool) *sheet {
			s := g.newSheet()
			if err := next(&s.chunk); err != nil {
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
			rt.Fatalf("%s\nknown   %v %v\nunknown %v %v", what, got.fails, got.tally, want.fails, want.tally)
		}
		a, c := newProfiler(g), newProfiler(g)
		a.add(got)
		c.add(want)
		for i, f := range g.fields {
			x, y := &got.vecs[i], &want.vecs[i]
			if !slices.Equal(x.state, y.state) || x.nulls != y.nulls || x.bad != y.bad || !reflect.DeepEqual(a.fields[i], c.fields[i]) {
				rt.Fatalf("%s\nfield %d: %+v %+v\n%+v %+v", what, i, x.state, y.state, a.fields[i], c.fields[i])
			}
			for r, st := range x.state {
				if st == okCell && f.typ != contract.String && string(f.canonical(got, x, r, nil)) != string(f.canonical(want, y, r, nil)) {
					rt.Fatalf("%s\nfield %d row %d: %d, %d", what, i, r, x.ints[r], y.ints[r])
				}
			}
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		sel, vs := typedRows(rt)
		var b bytes.Buffer
		w, err := codec.NewWriter(&b, []codec.ColumnSpec{{Name: "i", Type: codec.IntColumn}, {Name: "d", Type: codec.FloatColumn}, {Name: "t", Type: codec.TimestampColumn}, {Name: "b", Type: codec.BoolColumn}})
		if err != nil {
			rt.Fatal(err)
		}
		if err := w.Append(sel, vs); err != nil {
			rt.Fatal(err)
		}
		if err := w.Close(); err != nil {
			rt.Fatal(err)
		}
		few := &contract.Feed{Name: "f", Format: contract.Parquet, MaxRejectRate: 1, Fields: []contract.Field{feed.Fields[0], feed.Fields[1], feed.Fields[4], feed.Fields[5]}}
		g, err := Compile(few)
		if err != nil {
			rt.Fatal(err)
		}
		sameKnown(rt, g, fmt.Sprint(vs), func(c *codec.Chunk) error {
			p, err := codec.NewParquet("x", bytes.NewReader(b.Bytes()), int64(b.Len()))
			if err != nil {
				return err
			}
			return p.Next(context.Background(), c)
		})
	})
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
		sameKnown(rt, g, b.String(), func(c *codec.Chunk) error {
			r, err := codec.NewJSON("x", strings.NewReader(b.String()), codec.Dialect{}, names, false)
			if err != nil {
				return err
			}
			return r.Next(context.Background(), c)
		})
	})
}

// typedRows draws rows of a whole number, a float, a timestamp and a boolean.
func typedRows(rt *rapid.T) (sel []uint32, vs []codec.Vector) {
	vs = make([]codec.Vector, 4)
	whole := rapid.Bool().Draw(rt, "whole")
	for i := range rapid.IntRange(1, 12).Draw(rt, "rows") {
		sel = append(sel, uint32(i))
		vs[0].Ints = append(vs[0].Ints, rapid.SampledFrom([]int64{0, -5, -6, 1000, 1001, math.MaxInt64}).Draw(rt, "i"))
		vs[1].Floats = append(vs[1].Floats, rapid.SampledFrom([]float64{0, 0.1, 99.95, 99.949, -1e300, math.Inf(1), math.NaN()}).Draw(rt, "d"))
		vs[2].Ints = append(vs[2].Ints, rapid.SampledFrom([]int64{0, 1577836800e6, 1577836800e6 - 1, 1}).Draw(rt, "t"))
		vs[3].Ints = append(vs[3].Ints, rapid.Int64Range(0, 1).Draw(rt, "b"))
		for k := range vs {
			null := uint8(0)
			if !whole && rapid.Bool().Draw(rt, "null") {
				null = 1
			}
			vs[k].Null = append(vs[k].Null, null)
		}
	}
	return sel, vs
}
