package guard

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/quantity"
)

var bearingSchema = Schema{
	Fields: []Field{
		{Name: "bore", Kind: Number, Dimension: quantity.Length, Unit: "mm", Implied: "mm", Min: "1", Max: "2000", Critical: true, Below: "outer_diameter"},
		{Name: "outer_diameter", Kind: Number, Dimension: quantity.Length, Unit: "mm", Implied: "mm", Critical: true},
		{Name: "width", Kind: Number, Dimension: quantity.Length, Unit: "mm", Implied: "mm"},
		{Name: "mass", Kind: Number, Dimension: quantity.Mass, Unit: "kg"},
		{Name: "rows", Kind: Number},
		{Name: "seal", Kind: Word, Allowed: []string{"none", "2RS", "ZZ"}},
		{Name: "designation", Kind: Word},
	},
	Entry: func(name string) (Entry, bool) {
		if name == "seal/2RS" {
			return Entry{Name: name, Spellings: []string{"2RSR"}, Values: []pipeline.Value{pipeline.Text("2RS")}}, true
		}
		return Entry{}, false
	},
}

func attribute(source, name string, v pipeline.Value, unit, text string) pipeline.Attribute {
	a := pipeline.Attribute{Name: name, Value: v, Unit: unit, Text: text, Provenance: pipeline.Normalised, Confidence: 1}
	a.Start = strings.Index(source, text)
	a.End = a.Start + len(text)
	return a
}

func TestCheck(t *testing.T) {
	const source = "BEARING 6205-2RSR 25X52X15 0,13KG"
	good := func() *pipeline.Record {
		seal := attribute(source, "seal", pipeline.Text("2RS"), "", "2RSR")
		seal.Provenance, seal.Evidence = pipeline.Dictionary, "seal/2RS"
		return &pipeline.Record{Source: source, Attributes: []pipeline.Attribute{
			attribute(source, "bore", number("25"), "mm", "25"),
			attribute(source, "outer_diameter", number("52"), "mm", "52"),
			attribute(source, "width", number("15"), "mm", "15"),
			attribute(source, "mass", number("0.13"), "kg", "0,13KG"),
			seal,
			attribute(source, "designation", pipeline.Text("6205"), "", "6205"),
		}}
	}
	if f := Check(source, good(), bearingSchema); len(f) > 0 {
		t.Fatalf("a right record has findings: %+v", f)
	}
	for _, c := range []struct {
		name string
		do   func(r *pipeline.Record)
		want string
	}{
		{"span outside", func(r *pipeline.Record) { r.Attributes[0].End = 999 }, BadSpan},
		{"text is not there", func(r *pipeline.Record) { r.Attributes[0].Text = "26" }, BadSpan},
		{"no span", func(r *pipeline.Record) { r.Attributes[0].Span, r.Attributes[0].Text = pipeline.Span{}, "" }, BadSpan},
		{"invented number", func(r *pipeline.Record) { r.Attributes[2].Value = number("16") }, Ungrounded},
		{"inferred number", func(r *pipeline.Record) { r.Attributes[2].Provenance = pipeline.Inferred }, InferredNumber},
		{"inferred number without span", func(r *pipeline.Record) {
			r.Attributes[2] = pipeline.Attribute{Name: "rows", Value: number("1"), Provenance: pipeline.Inferred}
		}, InferredNumber},
		{"no provenance", func(r *pipeline.Record) { r.Attributes[2].Provenance = "" }, BadProvenance},
		{"entry that does not exist", func(r *pipeline.Record) { r.Attributes[4].Evidence = "seal/XX" }, BadProvenance},
		{"entry that is not named", func(r *pipeline.Record) { r.Attributes[4].Evidence = "" }, BadProvenance},
		{"metadata that is not there", func(r *pipeline.Record) {
			r.Attributes[5] = pipeline.Attribute{Name: "designation", Value: pipeline.Text("6206"), Provenance: pipeline.Metadata}
		}, Ungrounded},
		{"unknown attribute", func(r *pipeline.Record) { r.Attributes[0].Name = "colour" }, UnknownField},
		{"repeated attribute", func(r *pipeline.Record) { r.Attributes[1] = r.Attributes[0] }, Repeated},
		{"word for a number", func(r *pipeline.Record) { r.Attributes[0].Value = pipeline.Text("25") }, BadType},
		{"number for a word", func(r *pipeline.Record) { r.Attributes[5].Value = number("6205") }, BadType},
		{"wrong unit", func(r *pipeline.Record) { r.Attributes[0].Unit = "cm" }, BadUnit},
		{"not allowed", func(r *pipeline.Record) { r.Attributes[4].Value = pipeline.Text("3RS") }, NotAllowed},
		{"swapped", func(r *pipeline.Record) {
			r.Attributes[0], r.Attributes[1] = r.Attributes[1], r.Attributes[0]
			r.Attributes[0].Name, r.Attributes[1].Name = "bore", "outer_diameter"
		}, Swapped},
	} {
		r := good()
		c.do(r)
		f := Check(source, r, bearingSchema)
		if !slices.ContainsFunc(f, func(f Finding) bool { return f.Code == c.want }) {
			t.Errorf("%s: %+v, want %s", c.name, f, c.want)
			continue
		}
		before := len(r.Attributes)
		gone := Enforce(r, f)
		if gone == 0 || gone+len(r.Attributes) != before || len(r.Flags) == 0 {
			t.Errorf("%s: %d of %d attributes went, flags %v", c.name, gone, before, r.Flags)
		}
		if left := Check(source, r, bearingSchema); len(left) > 0 {
			t.Errorf("%s: findings after Enforce: %+v", c.name, left)
		}
	}
}

func TestCheckRange(t *testing.T) {
	const source = "RING 3000 X 4000 MM"
	r := &pipeline.Record{Attributes: []pipeline.Attribute{attribute(source, "bore", number("3000"), "mm", "3000")}}
	f := Check(source, r, bearingSchema)
	if len(f) != 1 || f[0].Code != OutOfRange {
		t.Errorf("%+v", f)
	}
}

// TestSwapsFlagged swaps bore and outer diameter, each with its right span.
func TestSwapsFlagged(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	flagged, total := 0, 0
	for range 1000 {
		bore := 5 + r.IntN(80)
		outer := bore + 8 + r.IntN(90)
		source := fmt.Sprintf("BEARING %dX%dX%d", bore, outer, 4+r.IntN(30))
		b, o := fmt.Sprint(bore), fmt.Sprint(outer)
		rec := &pipeline.Record{Attributes: []pipeline.Attribute{
			attribute(source, "bore", number(o), "mm", o), attribute(source, "outer_diameter", number(b), "mm", b)}}
		total++
		if len(Check(source, rec, bearingSchema)) > 0 {
			flagged++
		}
	}
	t.Logf(`{"swap_flagged": %.4f}`, float64(flagged)/float64(total))
	if flagged*10 < total*9 {
		t.Errorf("%d of %d swaps flagged, at least 90 %% are wanted", flagged, total)
	}
}

func BenchmarkCheck(b *testing.B) {
	const source = "BEARING 6205-2RSR 25X52X15 0,13KG"
	r := &pipeline.Record{Source: source, Attributes: []pipeline.Attribute{
		attribute(source, "bore", number("25"), "mm", "25"),
		attribute(source, "outer_diameter", number("52"), "mm", "52"),
		attribute(source, "width", number("15"), "mm", "15"),
		attribute(source, "mass", number("0.13"), "kg", "0,13KG"),
	}}
	k := NewChecker()
	b.ReportAllocs()
	for b.Loop() {
		k.Check(source, r, bearingSchema)
	}
}
