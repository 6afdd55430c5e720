package pages

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/page"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// A comparison is two items side by side (template "comparison").
type comparison struct {
	A, B thing
	Rows []row
	// Silent are the critical attributes of which neither says anything.
	Silent []string
	Steps  []step
	// Sum is the sum of the weights, Score what it means; Capped: something in
	// doubt keeps the score down.
	Sum, Score string
	Capped     bool
	Verdict    string
	// Vetoed names the critical attribute that conflicts.
	Vetoed string
}

// A row is one attribute of both items.
type row struct {
	Title, Outcome, Says string // Outcome is a class: agree, conflict, one_sided, silent
	Sign                 string // the outcome as a sign, for who does not see colours
	Critical             bool
	A, B                 value
}

// outcomes in words and signs.
var outcomes = map[catalog.Outcome][2]string{
	catalog.Agree: {"=", "the same"}, catalog.Conflict: {"≠", "differ"}, catalog.OneSided: {"◐", "one does not say"}, catalog.Silent: {"–", "neither says"},
}

// A step is one line of the waterfall: the bar of its weight stands where the
// weights before it have led to. The drawing is 100 wide.
type step struct {
	Subject, Detail, Sign, Outcome string
	Bits                           string
	Up                             bool
	X, W, Zero                     string
}

// compare prepares two items with what the matcher says of them.
func (p *Pages) compare(a, b *catalog.Entry) comparison {
	if b.Item.ID < a.Item.ID {
		a, b = b, a
	}
	m, why := p.opt.Use.People.Match.Matcher.Explain(a, b)
	c := comparison{A: p.entryOf(a, maxSource), B: p.entryOf(b, maxSource), Verdict: string(m.Verdict)}
	s := p.schema(a.Record.Category)
	if m.Veto != "" {
		c.Vetoed = s.title(m.Veto)
	}
	for _, r := range rowsOf(s, &c, why) {
		if r.Outcome == string(catalog.Silent) {
			c.Silent = append(c.Silent, r.Title)
			continue
		}
		c.Rows = append(c.Rows, r)
	}
	c.Capped = m.Verdict == catalog.Review
	c.waterfall(s, why, m.Score)
	return c
}

// rowsOf aligns the values of both: what conflicts first, critical ones before
// others, then what only one says, then what agrees; within these the order of
// the schema.
func rowsOf(s words, c *comparison, why []catalog.Evidence) []row {
	said := map[string]catalog.Evidence{}
	for _, e := range why {
		said[e.Subject] = e
	}
	byName := func(t *thing) map[string]value {
		out := map[string]value{}
		for _, v := range t.Values {
			if _, twice := out[v.Name]; !twice {
				out[v.Name] = v
			}
		}
		return out
	}
	as, bs := byName(&c.A), byName(&c.B)
	var names []string
	for i := range s.Attributes {
		names = append(names, s.Attributes[i].Name)
	}
	for _, t := range []*thing{&c.A, &c.B} {
		for _, v := range t.Values {
			if !slices.Contains(names, v.Name) {
				names = append(names, v.Name)
			}
		}
	}
	var out []row
	for _, n := range names {
		x, y := as[n], bs[n]
		e, judged := said[n]
		o := e.Outcome
		if !judged {
			switch {
			case x.Value == "" && y.Value == "":
				continue
			case x.Value == "" || y.Value == "":
				o = catalog.OneSided
			case x.Value == y.Value:
				o = catalog.Agree
			default:
				o = catalog.Conflict
			}
		}
		r := row{Title: s.title(n), Outcome: string(o), Sign: outcomes[o][0], Says: outcomes[o][1], Critical: s.critical(n), A: x, B: y}
		if _, custom, ok := strings.Cut(e.Detail, "neither says otherwise than "); ok && o == catalog.Agree {
			r.Says = "nothing written means " + page.Short(custom, 80)
		}
		out = append(out, r)
	}
	rank := map[string]int{string(catalog.Conflict): 0, string(catalog.OneSided): 1, string(catalog.Agree): 2, string(catalog.Silent): 3}
	slices.SortStableFunc(out, func(x, y row) int {
		if d := rank[x.Outcome] - rank[y.Outcome]; d != 0 {
			return d
		}
		if x.Critical != y.Critical {
			if x.Critical {
				return -1
			}
			return 1
		}
		return 0
	})
	return out
}

// subjects of evidence that are no attributes.
var subjects = map[string]string{
	"prior": "before anything is compared", "part_number": "part number", "text": "the texts", "complete": "completeness", "unexplained": "what nobody could read", "pack": "pack",
}

// waterfall draws the steps one below the other, on one scale.
func (c *comparison) waterfall(s words, why []catalog.Evidence, score float64) {
	low, high, sum := 0.0, 0.0, 0.0
	for _, e := range why {
		sum += e.Weight
		low, high = math.Min(low, sum), math.Max(high, sum)
	}
	scale := 100 / math.Max(high-low, 1)
	at := func(bits float64) string { return fmt.Sprintf("%.1f", (bits-low)*scale) }
	sum = 0
	for _, e := range why {
		if e.Weight == 0 && e.Outcome != catalog.Conflict {
			continue // it moves nothing
		}
		from, to := math.Min(sum, sum+e.Weight), math.Max(sum, sum+e.Weight)
		sum += e.Weight
		name, ok := subjects[e.Subject]
		if !ok || s.find(e.Subject) != nil {
			name = s.title(e.Subject)
		}
		c.Steps = append(c.Steps, step{
			Subject: name, Detail: page.Short(e.Detail, 300), Outcome: string(e.Outcome), Sign: outcomes[e.Outcome][0], Bits: bits(e.Weight), Up: e.Weight > 0,
			X: at(from), W: fmt.Sprintf("%.1f", math.Max((to-from)*scale, 0.4)), Zero: at(0),
		})
	}
	c.Sum, c.Score = bits(sum), percent(score)
}

// bits is a weight with its sign, as people read it.
func bits(w float64) string {
	if math.Abs(w) < 0.05 {
		return "0"
	}
	return strings.Replace(fmt.Sprintf("%+.1f", w), "-", "−", 1)
}

// comparePage shows any two items side by side.
func (v *visit) comparePage() (*screen, error) {
	q := v.URL.Query()
	a, b := q.Get("a"), q.Get("b")
	if a == "" || b == "" || a == b {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "two items are compared, each by its id: a=…&b=…")
	}
	es, err := v.p.entries(v.Context(), a, b)
	if err != nil {
		return nil, err
	}
	c := v.p.compare(&es[0], &es[1])
	return &screen{Title: "Compare", Here: "/search", t: compareTemplate, Main: c}, nil
}
