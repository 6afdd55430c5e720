package pages

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/page"
)

// A span is a piece of an item's text (template "spans"). What was read from it
// has its numbers in the list of values beside it, so that nobody needs to tell
// colours apart.
type span struct {
	Text  string
	Tone  string // class of the stylesheet; empty: nothing was read here
	Marks string // the numbers of the values, such as "2" or "2 5"
	Title string
}

// tones is how many colours the stylesheet has for spans.
const tones = 6

// How many bytes of an item's text a page shows: where it is about one or two
// items, and where it lists many.
const (
	maxSource  = 4000
	listSource = 800
)

// spansOf cuts a text where values begin and end. named are the values in the
// order of their numbers; the first is 1. Of a long text the first most bytes are
// shown.
func spansOf(source string, most int, named []pipeline.Attribute, title func(string) string) []span {
	end := min(len(source), most)
	for end < len(source) && end > 0 && !utf8.RuneStart(source[end]) {
		end--
	}
	cuts := []int{0, end}
	sound := func(s pipeline.Span) bool {
		return s.Valid(len(source)) && s.Start < end && utf8.RuneStart(source[s.Start]) && (s.End == len(source) || utf8.RuneStart(source[s.End]))
	}
	for i := range named {
		if s := named[i].Span; sound(s) {
			cuts = append(cuts, s.Start, min(s.End, end))
		}
	}
	slices.Sort(cuts)
	cuts = slices.Compact(cuts)
	var out []span
	for i := 0; i+1 < len(cuts); i++ {
		p := span{Text: page.Visible(source[cuts[i]:cuts[i+1]])}
		var marks, titles []string
		for n := range named {
			if s := named[n].Span; !sound(s) || s.Start > cuts[i] || s.End < cuts[i+1] {
				continue
			}
			if p.Tone == "" {
				p.Tone = fmt.Sprintf("tone%d", n%tones+1)
			}
			marks = append(marks, fmt.Sprint(n+1))
			titles = append(titles, title(named[n].Name)+": "+valueOf(named[n].Value, named[n].Unit))
		}
		p.Marks, p.Title = strings.Join(marks, " "), page.Short(strings.Join(titles, "; "), 300)
		if last := len(out) - 1; last >= 0 && out[last].Marks == p.Marks {
			out[last].Text += p.Text
			continue
		}
		out = append(out, p)
	}
	if end < len(source) {
		out = append(out, span{Text: fmt.Sprintf("… (%s more)", page.Size(int64(len(source)-end)))})
	}
	return out
}

// valueOf is a value with its unit, for people.
func valueOf(v pipeline.Value, unit string) string {
	s := v.String()
	if v.IsInterval() {
		low, high := v.Ends()
		s = low.String() + " to " + high.String()
	}
	if unit != "" && unit != "1" {
		s += " " + unitOf(unit)
	}
	return page.Short(s, 200)
}

// unitOf is a UCUM code as people write it.
func unitOf(code string) string {
	if s, ok := map[string]string{"Cel": "°C", "Ohm": "Ω", "kOhm": "kΩ", "MOhm": "MΩ", "um": "µm", "uF": "µF", "deg": "°", "m2": "m²", "m3": "m³", "mm2": "mm²", "cm2": "cm²", "cm3": "cm³", "[in_i]": "in"}[code]; ok {
		return s
	}
	return page.Short(code, 20)
}

// A value is a line of the list of an item's values (template "values").
type value struct {
	Mark              string // its number in the text, empty where it does not stand there
	Tone              string
	Title, Name       string
	Value             string
	From              string // provenance, in words
	Text              string // what stands in the source
	Evidence          string
	Confidence        string
	Doubt             bool
	Critical          bool
	Flags             []string
	Missing, Required bool
}

// provenances in words.
var provenances = map[pipeline.Provenance]string{
	pipeline.Verbatim: "as written", pipeline.Normalised: "written in another form", pipeline.Dictionary: "a word of the dictionary",
	pipeline.Standard: "follows from a standard", pipeline.Metadata: "a column of the source", pipeline.Inferred: "concluded", pipeline.Enriched: "answered",
}

func provenance(p pipeline.Provenance) string {
	if w, ok := provenances[p]; ok {
		return w
	}
	kind, who, ok := strings.Cut(string(p), ":")
	if w, known := provenances[pipeline.Provenance(kind)]; ok && known {
		return w + " by " + page.Short(who, 80)
	}
	return page.Short(string(p), 80)
}

// A thing is an item with what was read from it, ready to be shown.
type thing struct {
	ID, To   string
	Category string
	Spans    []span
	Values   []value
	Flags    []string // that concern no single value
	Source   []pair   // what the source says beside the text
	Score    string   // confidence of the record
	Gone     bool     // nothing is known of it
	Left     string   // since when it is not in its feed any more; what it said stays
}

type pair struct{ Name, Value string }

// doubtful is the confidence below which a value is marked.
const doubtful = 0.7

func percent(f float64) string { return fmt.Sprintf("%.0f %%", 100*f) }

// left says since when an item is not in its feed any more, empty where it is.
func left(e *catalog.Entry) string {
	if !e.Retired {
		return ""
	}
	return moment(e.Updated)
}

// entryOf prepares an entry of the catalog, be it still in its feed or not.
func (p *Pages) entryOf(e *catalog.Entry, most int) thing {
	t := p.thingOf(&e.Item, &e.Record, most)
	t.Left = left(e)
	return t
}

// thingOf prepares an item with at most most bytes of its text.
func (p *Pages) thingOf(it *pipeline.Item, rec *pipeline.Record, most int) thing {
	s := p.schema(rec.Category)
	t := thing{ID: page.Short(it.ID, 200), To: itemAddress(it.ID), Category: page.Short(rec.Category, 80), Score: percent(rec.Confidence)}
	named, at := numbered(rec, it.Source, most)
	t.Spans = spansOf(it.Source, most, named, s.title)
	flags, missing := map[string][]string{}, map[string]bool{}
	for _, f := range rec.Flags {
		if f.Code == "missing" && f.Attribute != "" {
			missing[f.Attribute] = true // its line says so
			continue
		}
		words := strings.ReplaceAll(f.Code, "_", " ")
		if f.Detail != "" {
			words += ": " + f.Detail
		}
		flags[f.Attribute] = append(flags[f.Attribute], page.Short(words, 300))
	}
	t.Flags = flags[""]
	delete(flags, "")
	for i := range rec.Attributes {
		a := &rec.Attributes[i]
		v := value{
			Name: page.Short(a.Name, 80), Title: s.title(a.Name), Value: valueOf(a.Value, a.Unit), From: provenance(a.Provenance), Text: page.Short(a.Text, 120),
			Evidence: page.Short(a.Evidence, 120), Confidence: percent(a.Confidence), Doubt: a.Confidence < doubtful, Critical: s.critical(a.Name), Flags: flags[a.Name],
		}
		if n := at[i]; n > 0 {
			v.Mark, v.Tone = fmt.Sprint(n), fmt.Sprintf("tone%d", (n-1)%tones+1)
		}
		delete(flags, a.Name)
		delete(missing, a.Name)
		t.Values = append(t.Values, v)
	}
	for name := range flags {
		missing[name] = true
	}
	for _, name := range sortedKeys(missing) {
		t.Values = append(t.Values, value{Name: page.Short(name, 80), Title: s.title(name), Missing: true, Critical: s.critical(name), Required: true, Flags: flags[name]})
	}
	m := it.Meta
	for _, x := range []pair{
		{"Feed", m.Feed}, {"Manufacturer", m.Manufacturer}, {"Part number", m.PartNumber}, {"Category", m.Category}, {"Unit of measure", m.UnitOfMeas},
		{"Pack quantity", m.PackQuantity}, {"Material group", m.Group}, {"Procurement group", m.Procurement}, {"Plant", m.Plant}, {"Language", m.Language},
	} {
		if x.Value != "" {
			t.Source = append(t.Source, pair{x.Name, page.Short(x.Value, 200)})
		}
	}
	return t
}

// numbered are the values that stand in the shown text, in its order, and the number of
// each attribute of the record, 0 where it has none.
func numbered(rec *pipeline.Record, source string, most int) (named []pipeline.Attribute, at []int) {
	order := make([]int, 0, len(rec.Attributes))
	for i := range rec.Attributes {
		if rec.Attributes[i].Valid(len(source)) && rec.Attributes[i].Start < most {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(i, j int) int {
		x, y := rec.Attributes[i].Span, rec.Attributes[j].Span
		return cmp.Or(cmp.Compare(x.Start, y.Start), cmp.Compare(x.End, y.End))
	})
	at = make([]int, len(rec.Attributes))
	for _, i := range order {
		named = append(named, rec.Attributes[i])
		at[i] = len(named)
	}
	return named, at
}

// A words says how people call the attributes of a category.
type words struct{ *knowledge.Schema }

// schema of a category; one that the pack does not have knows nothing.
func (p *Pages) schema(category string) words {
	if pack := p.opt.Use.People.Pack; pack != nil {
		if s, ok := pack.Schema(category); ok {
			return words{s}
		}
	}
	return words{&knowledge.Schema{}}
}

func (s words) find(name string) *knowledge.Attribute {
	for i := range s.Attributes {
		if s.Attributes[i].Name == name {
			return &s.Attributes[i]
		}
	}
	return nil
}

func (s words) title(name string) string {
	if a := s.find(name); a != nil && a.Title != "" {
		return a.Title
	}
	return page.Short(strings.ReplaceAll(name, "_", " "), 80)
}

func (s words) critical(name string) bool {
	a := s.find(name)
	return a != nil && a.Critical
}
