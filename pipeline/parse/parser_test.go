package parse_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/parse"
)

// An extractor that claims what it likes: the guard stands in between.
type liar struct{ claims []pipeline.Attribute }

func (l liar) Extract(context.Context, parse.Request) (parse.Response, error) {
	return parse.Response{Attributes: l.claims}, nil
}

func TestUntrustedExtractor(t *testing.T) {
	p, err := pack()
	if err != nil {
		t.Fatal(err)
	}
	num := func(s string) pipeline.Value { v, _ := pipeline.Number(s); return v }
	const source = "MOTOR 1,5 KW 400V IE3"
	for _, c := range []struct {
		name  string
		claim pipeline.Attribute
		flag  string
	}{
		{"another number", pipeline.Attribute{Name: "power", Value: num("15000"), Unit: "W", Text: "1,5 KW", Span: pipeline.Span{Start: 6, End: 12}, Provenance: pipeline.Normalised, Confidence: 1}, "ungrounded"},
		{"a number from nowhere", pipeline.Attribute{Name: "frequency", Value: num("50"), Unit: "Hz", Provenance: pipeline.Inferred, Confidence: 1}, "inferred_number"},
		{"an attribute that is none", pipeline.Attribute{Name: "colour", Value: pipeline.Text("red"), Text: "MOTOR", Span: pipeline.Span{Start: 0, End: 5}, Provenance: pipeline.Dictionary, Confidence: 1}, "unknown_attribute"},
		{"an entry that is none", pipeline.Attribute{Name: "efficiency", Value: pipeline.Text("IE3"), Text: "IE3", Span: pipeline.Span{Start: 18, End: 21}, Provenance: pipeline.Dictionary, Evidence: "motor/efficiency/IE9", Confidence: 1}, "bad_provenance"},
		{"an entry that the text does not name", pipeline.Attribute{Name: "efficiency", Value: pipeline.Text("IE4"), Text: "IE3", Span: pipeline.Span{Start: 18, End: 21}, Provenance: pipeline.Dictionary, Evidence: "motor/efficiency/IE4", Confidence: 1}, "ungrounded"},
		{"a span outside", pipeline.Attribute{Name: "efficiency", Value: pipeline.Text("IE3"), Text: "IE3", Span: pipeline.Span{Start: 18, End: 99}, Provenance: pipeline.Verbatim, Confidence: 1}, "bad_span"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := parse.New(p, liar{[]pipeline.Attribute{c.claim}}, parse.Options{}).Parse(context.Background(), pipeline.Item{ID: "x", Source: source})
			if err != nil {
				t.Fatal(err)
			}
			if _, ok := r.Attribute(c.claim.Name); ok || !r.HasFlag(c.flag) {
				t.Errorf("got %+v, flags %v; want it out, flagged %s", r.Attributes, r.Flags, c.flag)
			}
		})
	}
}

type broken struct{}

func (broken) Extract(context.Context, parse.Request) (parse.Response, error) {
	return parse.Response{}, pipeline.Errorf(pipeline.CodeUnavailable, "the model is away")
}

// An outage is an error, never an empty record.
func TestOutage(t *testing.T) {
	p, err := pack()
	if err != nil {
		t.Fatal(err)
	}
	ps := parse.New(p, broken{}, parse.Options{})
	items := []pipeline.Item{{ID: "a", Source: "Motor 4 kW"}, {ID: "b", Source: "Motor 5 kW"}}
	if _, err := ps.Parse(context.Background(), items[0]); pipeline.ErrorCode(err) != pipeline.CodeUnavailable {
		t.Errorf("Parse: %v", err)
	}
	if _, err := ps.ParseAll(context.Background(), items); pipeline.ErrorCode(err) != pipeline.CodeUnavailable {
		t.Errorf("ParseAll: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := newParser(t).ParseAll(ctx, items); pipeline.ErrorCode(err) != pipeline.CodeCanceled || !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// The records of many goroutines are those of one, in the order of the items.
func TestParseAll(t *testing.T) {
	ps := newParser(t)
	var items []pipeline.Item
	for i := range 700 {
		items = append(items, pipeline.Item{ID: fmt.Sprint(i), Source: fmt.Sprintf("Sechskantschraube DIN 933 M%dx%d vrznkt", 4+i%20, 10+i)})
	}
	got, err := ps.ParseAll(context.Background(), items)
	if err != nil {
		t.Fatal(err)
	}
	for i, item := range items {
		want, err := ps.Parse(context.Background(), item)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(got[i], want) {
			t.Fatalf("item %d: %+v, alone %+v", i, got[i], want)
		}
	}
	if got, err := ps.ParseAll(context.Background(), nil); err != nil || len(got) != 0 {
		t.Errorf("nothing: %v, %v", got, err)
	}
}

func TestMetadata(t *testing.T) {
	ps := newParser(t)
	parseOne := func(source string, m pipeline.Meta) pipeline.Record {
		r, err := ps.Parse(context.Background(), pipeline.Item{ID: "x", Source: source, Meta: m})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	r := parseOne("Rillenkugellager 6205", pipeline.Meta{Manufacturer: "Acme Lagerwerk"})
	if a, ok := r.Attribute("manufacturer"); !ok || a.Provenance != pipeline.Metadata || a.Value.String() != "Acme Lagerwerk" {
		t.Errorf("the maker's column: %+v", r.Attributes)
	}
	r = parseOne("Rillenkugellager 6205 SKF", pipeline.Meta{Manufacturer: "FAG"})
	if a, _ := r.Attribute("manufacturer"); a.Value.String() != "SKF" || !r.HasFlag(parse.MetadataConflict) {
		t.Errorf("text against column: %+v %v", a, r.Flags)
	}
	r = parseOne("Rillenkugellager 6205 SKF", pipeline.Meta{Category: "screw"})
	if r.Category != "bearing" || !r.HasFlag(parse.MetadataConflict) {
		t.Errorf("category against column: %s %v", r.Category, r.Flags)
	}
	low, _ := ps.Parse(context.Background(), pipeline.Item{Source: "Rillenkugellager 6205", Degraded: true})
	if high := parseOne("Rillenkugellager 6205", pipeline.Meta{}); low.Confidence >= high.Confidence {
		t.Errorf("degraded %v, sound %v", low.Confidence, high.Confidence)
	}
}

// A text of a megabyte takes no longer than its first part.
func TestLongText(t *testing.T) {
	ps := newParser(t)
	for name, s := range map[string]string{
		"words":   strings.Repeat("Lager ", 200_000),
		"letters": strings.Repeat("a", 1<<20),
		"digits":  strings.Repeat("1x2x3", 200_000),
		"commas":  strings.Repeat("schr,", 200_000),
	} {
		start := time.Now()
		r, err := ps.Parse(context.Background(), pipeline.Item{ID: name, Source: s})
		if err != nil || !r.HasFlag("too_long") {
			t.Errorf("%s: %v, %v", name, err, r.Flags)
		}
		if d := time.Since(start); d > 20*time.Second {
			t.Errorf("%s took %v", name, d)
		}
	}
}

// No text makes the parser fail or a record lie about its source.
func FuzzParse(f *testing.F) {
	for _, s := range []string{"SKRT SCHR M10X50 DIN 933 8.8 VZ", "6205-2RS C3 1/4\" 25*52*15", "MTR 3PH 1,5KW 400V 4P B3 IE3", "\xff\u202e DN50 PN16 Ø12 ½", "VALVE,BALL,2IN,SS316"} {
		f.Add(s)
	}
	ps := newParser(f)
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ps.Parse(context.Background(), pipeline.Item{ID: "x", Source: s})
		if err != nil {
			t.Fatal(err)
		}
		checkRecord(t, &r)
	})
}

func BenchmarkParse(b *testing.B) {
	ps := newParser(b)
	sources := []string{
		"SKRT SCHR M10X50 DIN 933 8.8 VZ", "Rillenkugellager 6205-2RS C3 SKF", "MTR 3PH 1,5KW 400V 4P B3 IE3 IP55 SIEMENS",
		"Kugelhahn DN50 PN16 Edelstahl Flansch", "PUMP,CENTRIF,BSCH,1.5KW,400V", "Wellendichtring 35x52x7 FKM", "NYM-J 3G1,5 Kabel", "Sechskantmutter M10 A2-70",
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, err := ps.Parse(context.Background(), pipeline.Item{ID: "x", Source: sources[i%len(sources)]}); err != nil {
			b.Fatal(err)
		}
		i++
	}
}
