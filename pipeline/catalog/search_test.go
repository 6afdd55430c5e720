package catalog

import (
	"context"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
)

var searchPack = fstest.MapFS{
	"pack.yaml": {Data: []byte("name: search\nversion: 1.0.0\n")},
	"bearing/category.yaml": {Data: []byte(`category: bearing
title: Bearing
nouns: [bearing, lager]
attributes:
  - {name: designation, kind: designation, critical: true}
  - {name: bore, title: bore diameter, kind: number, dimension: length, unit: mm, tolerance: 0.01}
  - {name: seal, kind: enum, values: [{value: 2RS}, {value: 2Z}]}
patterns:
  - {match: '(?P<designation>6[0-9]{3})'}
`)},
	"motor/category.yaml": {Data: []byte(`category: motor
title: Motor
nouns: [motor]
attributes:
  - {name: power, kind: number, dimension: power, unit: W, critical: true}
  - {name: voltage, kind: number, dimension: voltage, unit: V}
  - {name: poles, kind: number, critical: true}
`)},
}

func loadSearchPack(t *testing.T) *knowledge.Pack {
	t.Helper()
	p, err := knowledge.Load(searchPack)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func searchItems(t *testing.T) []Entry {
	t.Helper()
	es := readItems(t, `
b1 bearing "Rillenkugellager 6205-2RS SKF" designation=6205 bore=25 seal=2RS .maker=SKF
b2 bearing "Rillenkugellager 6305-2RS SKF" designation=6305 bore=25 seal=2RS .maker=SKF
b3 bearing "Rillenkugellager 6206-ZZ FAG" designation=6206 bore=30 seal=2Z .maker=FAG
b4 bearing "Kugellager ohne Angaben"
m1 motor "Motor Siemens 1,5 kW 400 V 4-polig" power=1500 voltage=400 poles=4 .maker=Siemens
m2 motor "Motor Siemens 7,5 kW 690 V 2-polig" power=7500 voltage=690 poles=2 .maker=Siemens
m3 motor "ABB motor 0.75 kW 230 V" power=750 voltage=230 .maker=ABB
`)
	es[6].Item.Meta.Plant = "LDS"
	return es
}

func TestSearch(t *testing.T) {
	s, err := NewSearcher(context.Background(), loadSearchPack(t), searchItems(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ query, want string }{
		{"bore=25mm", "b1 b2"},
		{"bore=2,5cm", "b1 b2"},
		{"bore=25", "b1 b2"},
		{"bore=25.005", "b1 b2"},
		{"bore!=25mm", "b3"},
		{"bore>=25mm bore<30mm", "b1 b2"},
		{"bore>25mm", "b3"},
		{`"bore diameter"=30mm`, "b3"},
		{"voltage>=400V", "m1 m2"},
		{"voltage<0.4kV", "m3"},
		{"power<=1500W", "m1 m3"},
		{"poles=4", "m1"},
		{"seal=2rs", "b1 b2"},
		{"seal=2rs 6305", "b2"},
		{"maker=skf", "b1 b2"},
		{"manufacturer=SKF designation=6205", "b1"},
		{"plant=LDS", "m3"},
		{"category=motor maker!=siemens", "m3"},
		{"6205", "b1"},
		{"siemens motor 1,5 kW", "m1"},
		{"SIEMENS 7.5 KW", "m2"},
		{"kugellager skf bore=25mm", "b1 b2"},
		{"motor bore=25mm", ""},
		{"qqqqqq", ""},
	} {
		found, err := s.Search(context.Background(), c.query, 10)
		if err != nil {
			t.Errorf("%s: %v", c.query, err)
			continue
		}
		var ids []string
		for _, f := range found {
			ids = append(ids, f.ID)
		}
		got := strings.Join(ids, " ")
		if strings.ContainsAny(c.query, "<>=") || c.want == "" { // filters bound the whole answer
			words := !strings.ContainsAny(strings.Fields(c.query)[0], "<>=") && c.want != ""
			if got != c.want && (!words || !strings.HasPrefix(got, c.want)) {
				t.Errorf("%s: got %s, want %s", c.query, got, c.want)
			}
			continue
		}
		if !strings.HasPrefix(got, c.want) { // words rank
			t.Errorf("%s: got %s, want %s first", c.query, got, c.want)
		}
	}
}

func TestFilterMistakes(t *testing.T) {
	p := loadSearchPack(t)
	for _, c := range []struct{ query, says string }{
		{"", "empty"},
		{"bore=25kg", "no length"},
		{"bore=wide", "not one number"},
		{"bore=20-30mm", "not one number"},
		{"boer=25mm", "bore"},
		{"poles=4kg", "has a unit"},
		{"seal>2RS", "no order"},
		{"maker>SKF", "no order"},
	} {
		_, err := Search(context.Background(), p, searchItems(t), c.query, 10)
		if pipeline.ErrorCode(err) != pipeline.CodeInvalid || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q: error %v, want one of code invalid that says %q", c.query, err, c.says)
		}
	}
}

// TestNoResultBreaksAFilter draws queries and checks every result.
func TestNoResultBreaksAFilter(t *testing.T) {
	p, es := loadSearchPack(t), searchItems(t)
	rapid.Check(t, func(t *rapid.T) {
		q := rapid.SampledFrom([]string{"", "motor", "skf", "lager 6205", "400 V"}).Draw(t, "words")
		attr := rapid.SampledFrom([]string{"bore", "power", "voltage", "poles"}).Draw(t, "attribute")
		op := rapid.SampledFrom([]string{"=", "!=", "<", "<=", ">", ">="}).Draw(t, "op")
		val := rapid.SampledFrom([]string{"25", "1500", "400", "4", "690"}).Draw(t, "value")
		found, err := Search(context.Background(), p, es, q+" "+attr+op+val, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range found {
			a, ok := f.Entry.Record.Attribute(attr)
			v, _ := pipeline.Number(val)
			x, y := a.Value.Float(), v.Float()
			if !ok || !map[string]bool{"=": x == y, "!=": x != y, "<": x < y, "<=": x <= y, ">": x > y, ">=": x >= y}[op] {
				t.Fatalf("%s%s%s found %s with %v", attr, op, val, f.ID, a.Value)
			}
		}
	})
}

func FuzzParseQuery(f *testing.F) {
	for _, q := range []string{"bore=25mm", `"a b"=c`, "=", "a=", `"`, "voltage>=400V x", "é=1", "bore=1e9mm"} {
		f.Add(q)
	}
	p, err := knowledge.Load(searchPack)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, q string) {
		_, filters, err := ParseQuery(p, q)
		if err != nil && pipeline.ErrorCode(err) != pipeline.CodeInvalid {
			t.Fatalf("%q: %v", q, err)
		}
		for _, x := range filters {
			x.holds(&Entry{Record: pipeline.Record{Category: "bearing"}})
		}
	})
}

// TestProcurementGroup: the buyers' own grouping narrows a search.
func TestProcurementGroup(t *testing.T) {
	_, fs, err := ParseQuery(loadSearchPack(t), "procurement_group=B17")
	if err != nil || len(fs) != 1 {
		t.Fatalf("%+v, %v", fs, err)
	}
	e := Entry{Item: pipeline.Item{Meta: pipeline.Meta{Procurement: "b17"}}}
	if other := new(Entry); !fs[0].holds(&e) || fs[0].holds(other) {
		t.Error("the filter does not hold")
	}
}
