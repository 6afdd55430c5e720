package learn_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/knowledge/learn"
)

// mugs are texts of a made-up shop: a maker, a colour, a volume.
func mugs(n int) []learn.Example {
	makers := []string{"Tonwerk", "Kiln & Co", "Brennhaus"}
	colours := []string{"moss green", "white", "Deep Blue", "red"}
	var out []learn.Example
	for i := range n {
		maker, colour, volume := makers[i%3], colours[i%4], fmt.Sprintf("%d ml", 200+10*(i%7))
		e := learn.Example{
			Text:     fmt.Sprintf("%s mug no. %d, %s, holds %s", maker, 100+i, colour, volume),
			Category: "mug",
			Attributes: map[string][]learn.Label{
				"maker": {{Text: maker, Value: maker}}, "colour": {{Text: colour, Value: strings.ToLower(colour)}},
				"volume": {{Text: volume, Value: strings.TrimSuffix(volume, " ml")}}, "lid": nil,
			},
		}
		out = append(out, e)
	}
	return out
}

func TestFind(t *testing.T) {
	d := learn.Learn(mugs(60))
	for _, c := range []struct{ attribute, text, want string }{
		{"maker", "Brennhaus mug no. 7, white, holds 210 ml", "Brennhaus"},
		{"colour", "Tonwerk mug no. 9, moss green, holds 210 ml", "moss green"},
		{"colour", "Tonwerk mug no. 9, Deep Blue, holds 210 ml", "deep blue"},
		{"volume", "Tonwerk mug no. 9, red, holds 955 ml", "955"}, // never seen
		{"lid", "Tonwerk mug no. 9, red, holds 200 ml", ""},       // never stated
		{"glaze", "Tonwerk mug no. 9, red", ""},                   // never asked
	} {
		got, ok := d.Find("mug", c.attribute, c.text)
		if ok != (c.want != "") || ok && (got.Value != c.want || c.text[got.Start:got.End] != got.Text) {
			t.Errorf("%s of %q: %+v, %v; want %q", c.attribute, c.text, got, ok, c.want)
		}
	}
	if _, ok := d.Find("plate", "maker", "Tonwerk plate"); ok {
		t.Error("a category without examples found something")
	}
	if a, b := learn.Learn(mugs(60)), learn.Learn(mugs(60)); a.Threshold != b.Threshold {
		t.Error("the same examples, another threshold")
	}
}

func TestExpander(t *testing.T) {
	var es []learn.Example
	add := func(n int, pairs ...string) {
		for range n {
			var e learn.Example
			for i := 0; i < len(pairs); i += 2 {
				e.Tokens = append(e.Tokens, learn.Token{Raw: pairs[i], Normal: pairs[i+1]})
			}
			es = append(es, e)
		}
	}
	add(5, "REP", "repair", "PMP", "pump")
	add(3, "REP", "replace", "HOSE", "hose")
	add(12, "ENG", "engine", "OIL", "oil", "LEAKING", "leaking")
	x := learn.LearnExpander(es)
	for _, c := range []struct{ in, want string }{
		{"rep pmp", "repair pump"},
		{"rep hose", "replace hose"}, // its neighbour decides
		{"rep", "repair"},
		{"eng/oil leak", "engine / oil leak"},
		{"leakign", "leaking"},         // a slip
		{"moved pumps", "moved pumps"}, // another form of a word stays
		{"g/b 400V ---", "g/b 400v ---"},
		{"", ""},
	} {
		if got := strings.Join(x.Expand(strings.Fields(c.in)), " "); got != c.want {
			t.Errorf("%q: %q, want %q", c.in, got, c.want)
		}
	}
}

// What is proposed has its counts, and nothing rare or doubtful is.
func TestPropose(t *testing.T) {
	es := mugs(24)
	es = append(es, learn.Example{Category: "mug", Tokens: []learn.Token{{Raw: "grn", Normal: "green"}, {Raw: "mug", Normal: "mug"}}})
	es = append(es, learn.Example{Category: "mug", Tokens: []learn.Token{{Raw: "GRN", Normal: "green"}}})
	ps := learn.Propose(es, nil, learn.Limits{})
	if again := learn.Propose(es, nil, learn.Limits{}); !reflect.DeepEqual(ps, again) {
		t.Error("the same examples, other proposals")
	}
	y := learn.YAML(ps, len(es))
	for _, want := range []string{`"grn": "green" # 2/2`, `{value: "Tonwerk", synonyms: ["Tonwerk"]} # 8/8`, `{value: "deep blue", synonyms: ["Deep Blue"]} # 6/6`} {
		if !strings.Contains(y, want) {
			t.Errorf("%s is not proposed:\n%s", want, y)
		}
	}
	if strings.Contains(y, `"mug"}`) {
		t.Errorf("a word that stands for itself is proposed:\n%s", y)
	}
}

func TestRead(t *testing.T) {
	es, err := learn.Read(strings.NewReader("\ufeff" + `{"text": "mug red", "category": "mug", "attributes": {"colour": {"text": "red", "value": "RED"}, "lid": null, "n": 2, "l": ["a", {"text": "b"}]}}

{"tokens": [["GRN", "green"]]}`))
	if err != nil || len(es) != 2 {
		t.Fatalf("%v, %v", es, err)
	}
	want := map[string][]learn.Label{"colour": {{Text: "red", Value: "RED"}}, "lid": nil, "n": {{Text: "2", Value: "2"}}, "l": {{Text: "a", Value: "a"}, {Text: "b", Value: "b"}}}
	if !reflect.DeepEqual(es[0].Attributes, want) {
		t.Errorf("%v", es[0].Attributes)
	}
	for _, bad := range []string{`{}`, `[]`, `{"text": "a", "attributes": {"x": {"value": "y"}}}`, `{"text": "a", "colour": 1}`, `{"text": "a", "attributes": {"x": [["y"]]}}`, `{"text":`} {
		if _, err := learn.Read(strings.NewReader(bad)); pipeline.ErrorCode(err) != pipeline.CodeInvalid || !strings.Contains(err.Error(), "line 1") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(`{"text": "mug red", "category": "mug", "attributes": {"colour": "red"}}`)
	f.Add(`{"tokens": [["G/B", "gearbox"]]}`)
	f.Fuzz(func(t *testing.T, s string) {
		es, err := learn.Read(strings.NewReader(s))
		if err != nil {
			if pipeline.ErrorCode(err) != pipeline.CodeInvalid {
				t.Fatal(err)
			}
			return
		}
		d := learn.Learn(es)
		for _, e := range es {
			for a := range e.Attributes {
				if got, ok := d.Find(e.Category, a, e.Text); ok && e.Text[got.Start:got.End] != got.Text {
					t.Fatalf("%+v in %q", got, e.Text)
				}
			}
			for _, tk := range e.Tokens {
				learn.LearnExpander(es).Expand([]string{tk.Raw})
			}
		}
		learn.YAML(learn.Propose(es, nil, learn.Limits{MinSeen: 1}), len(es))
	})
}
