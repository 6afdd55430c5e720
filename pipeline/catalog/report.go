package catalog

import (
	"cmp"
	"slices"

	"github.com/assay-pipeline/assay/pipeline"
)

// A Report says how complete and how clean a catalog is.
type Report struct {
	Items int `json:"items"`
	// Groups by category, plant and source (the feed), in that order, by name.
	Groups []Group `json:"groups"`
}

// A Group is the items of one category, plant or source.
type Group struct {
	By    string `json:"by"` // category, plant, source
	Name  string `json:"name"`
	Items int    `json:"items"`
	// Missing is, per critical attribute, the share of items that need it and
	// leave it out; attributes that nobody leaves out are not listed. Named
	// CATEGORY.ATTRIBUTE in groups of several categories.
	Missing []Share `json:"missing"`
	// Incomplete is the share of items that leave out at least one.
	Incomplete float64 `json:"incomplete"`
	// LowConfidence is the share of records below catalog.LowConfidence, or
	// that contradict themselves in a critical attribute.
	LowConfidence float64 `json:"low_confidence"`
	// Duplicates is the share of items that another one makes superfluous.
	Duplicates float64 `json:"duplicates"`
}

// A Share of the items that need an attribute.
type Share struct {
	Attribute string  `json:"attribute"`
	Items     int     `json:"items"`
	Of        int     `json:"of"`
	Share     float64 `json:"share"`
}

// A Reporter counts a catalog that comes in pieces, in any order.
type Reporter struct {
	m           *Matcher
	items       int
	superfluous map[string]bool
	groups      map[[2]string]*groupCount
}

type groupCount struct {
	Group
	incomplete, low, dup int
	missing, needed      map[string]int
}

// NewReporter begins a report.
func (m *Matcher) NewReporter() *Reporter {
	return &Reporter{m: m, superfluous: map[string]bool{}, groups: map[[2]string]*groupCount{}}
}

// Clusters tells which items another one makes superfluous; it comes before
// the entries.
func (r *Reporter) Clusters(clusters []Cluster) {
	for _, c := range clusters {
		for _, id := range c.Items[min(1, len(c.Items)):] {
			r.superfluous[id] = true
		}
	}
}

// Entries counts the live ones.
func (r *Reporter) Entries(entries []Entry) {
	for i := range entries {
		e := &entries[i]
		if e.Retired {
			continue
		}
		r.items++
		category := categoryOf(e)
		missing := r.m.Missing(e)
		_, low := r.m.Uncertain(e)
		for _, key := range [][2]string{{"category", category}, {"plant", e.Item.Meta.Plant}, {"source", e.Item.Meta.Feed}} {
			if key[1] == "" {
				continue
			}
			g := r.groups[key]
			if g == nil {
				g = &groupCount{Group: Group{By: key[0], Name: key[1]}, missing: map[string]int{}, needed: map[string]int{}}
				r.groups[key] = g
			}
			g.Items++
			name := func(a string) string {
				if key[0] == "category" {
					return a
				}
				return category + "." + a
			}
			if c := r.m.criteria()[category]; c != nil {
				for _, j := range c.needed() {
					g.needed[name(c.list[j].name)]++
				}
			}
			for _, x := range missing {
				g.missing[name(x.Attribute)]++
			}
			if len(missing) > 0 {
				g.incomplete++
			}
			if low {
				g.low++
			}
			if r.superfluous[e.Item.ID] {
				g.dup++
			}
		}
	}
}

// Report is what was counted.
func (r *Reporter) Report() Report {
	out := Report{Items: r.items, Groups: []Group{}}
	for _, c := range r.groups {
		g, n := c.Group, float64(c.Items)
		g.Incomplete, g.LowConfidence, g.Duplicates = float64(c.incomplete)/n, float64(c.low)/n, float64(c.dup)/n
		g.Missing = []Share{}
		for a, k := range c.missing {
			g.Missing = append(g.Missing, Share{a, k, c.needed[a], float64(k) / float64(max(1, c.needed[a]))})
		}
		slices.SortFunc(g.Missing, func(x, y Share) int {
			return cmp.Or(cmp.Compare(y.Share, x.Share), cmp.Compare(x.Attribute, y.Attribute))
		})
		out.Groups = append(out.Groups, g)
	}
	slices.SortFunc(out.Groups, func(x, y Group) int { return cmp.Or(cmp.Compare(x.By, y.By), cmp.Compare(x.Name, y.Name)) })
	return out
}

// Report counts the live entries.
func (m *Matcher) Report(entries []Entry, clusters []Cluster) Report {
	r := m.NewReporter()
	r.Clusters(clusters)
	r.Entries(entries)
	return r.Report()
}

// A Golden record is the best that a cluster knows of its thing: for each
// attribute the value that most of its items state, and which of them.
type Golden struct {
	Cluster  string         `json:"cluster"`
	Items    []string       `json:"items"`
	Category string         `json:"category"`
	Text     string         `json:"text"` // of the item that says most
	TextFrom string         `json:"text_from"`
	Values   []GoldenValue  `json:"values"`
	Meta     []GoldenSource `json:"meta,omitempty"`
}

// A GoldenValue is a value and the item that it was taken from.
type GoldenValue struct {
	pipeline.Attribute
	From string `json:"from"`
	// Agree are the other items that state the same; Differ those that state
	// another value.
	Agree  []string `json:"agree,omitempty"`
	Differ []string `json:"differ,omitempty"`
}

// A GoldenSource is what a source system states beside the text.
type GoldenSource struct {
	Field string `json:"field"` // manufacturer, part_number
	Value string `json:"value"`
	From  string `json:"from"`
}

// Golden merges the entries of one cluster. A value that a person gave wins,
// then the one that most items state, then the one of higher confidence, then
// that of the lesser id.
func (m *Matcher) Golden(c Cluster, entries []Entry) Golden {
	in := map[string]bool{}
	for _, id := range c.Items {
		in[id] = true
	}
	var of []*Entry
	for i := range entries {
		if in[entries[i].Item.ID] && !entries[i].Retired {
			of = append(of, &entries[i])
		}
	}
	slices.SortFunc(of, func(a, b *Entry) int { return cmp.Compare(a.Item.ID, b.Item.ID) })
	g := Golden{Cluster: c.ID, Items: c.Items, Values: []GoldenValue{}}
	votes := map[string]int{}
	most := -1
	for _, e := range of {
		votes[categoryOf(e)]++
		if n := len(e.Record.Attributes); n > most {
			most, g.Text, g.TextFrom = n, e.Item.Source, e.Item.ID
		}
	}
	for cat, n := range votes {
		if g.Category == "" || n > votes[g.Category] || n == votes[g.Category] && cat < g.Category {
			g.Category = cat
		}
	}
	crit := m.criteria()[g.Category]
	var names []string
	stated := map[string][]GoldenValue{}
	for _, e := range of {
		for _, a := range e.Record.Attributes {
			if a.Value.IsZero() {
				continue
			}
			if stated[a.Name] == nil {
				names = append(names, a.Name)
			}
			stated[a.Name] = append(stated[a.Name], GoldenValue{Attribute: a, From: e.Item.ID})
		}
	}
	order := map[string]int{}
	if crit != nil {
		for i := range crit.list {
			order[crit.list[i].name] = i + 1
		}
	}
	slices.SortStableFunc(names, func(a, b string) int { return cmp.Or(cmp.Compare(order[a], order[b]), cmp.Compare(a, b)) })
	for _, n := range names {
		vs := stated[n]
		kinds := kindsOf(crit, vs)
		best, bestRank := 0, [3]float64{-1}
		for i := range vs {
			rank := [3]float64{0, float64(kinds.agree[kinds.of[i]]), vs[i].Confidence}
			if len(vs[i].Provenance) >= len(pipeline.Enriched) && vs[i].Provenance[:len(pipeline.Enriched)] == pipeline.Enriched {
				rank[0] = 1
			}
			if slices.Compare(rank[:], bestRank[:]) > 0 {
				best, bestRank = i, rank
			}
		}
		v := vs[best]
		for k := range vs {
			switch {
			case k == best:
			case kinds.same(kinds.of[best], kinds.of[k]):
				v.Agree = append(v.Agree, vs[k].From)
			default:
				v.Differ = append(v.Differ, vs[k].From)
			}
		}
		g.Values = append(g.Values, v)
	}
	for _, f := range []struct {
		name string
		get  func(pipeline.Meta) string
	}{{"manufacturer", func(x pipeline.Meta) string { return x.Manufacturer }}, {"part_number", func(x pipeline.Meta) string { return x.PartNumber }}} {
		for _, e := range of {
			if v := f.get(e.Item.Meta); v != "" {
				g.Meta = append(g.Meta, GoldenSource{f.name, v, e.Item.ID})
				break
			}
		}
	}
	return g
}

// valueKinds are the different ones of many values, so that a cluster of hundreds
// compares those that differ and no others.
type valueKinds struct {
	crit  *criterion // nil: compared as words
	list  []value
	of    []int // per value, which kind it is of
	agree []int // per kind, how many values agree with it
}

func kindsOf(crit *criteria, vs []GoldenValue) *valueKinds {
	k := &valueKinds{of: make([]int, len(vs))}
	if crit != nil {
		if j, ok := crit.byName[vs[0].Name]; ok {
			k.crit = &crit.list[j]
		}
	}
	at := map[value]int{}
	var counts []int
	for i := range vs {
		x := value{key: plain(vs[i].Value.String())}
		if k.crit != nil {
			x = k.crit.valueOf(&vs[i].Attribute)
		}
		n, ok := at[x]
		if !ok {
			n = len(k.list)
			at[x] = n
			k.list, counts = append(k.list, x), append(counts, 0)
		}
		k.of[i] = n
		counts[n]++
	}
	k.agree = make([]int, len(k.list))
	for i := range k.list {
		for j, n := range counts {
			if k.same(i, j) {
				k.agree[i] += n
			}
		}
	}
	return k
}

func (k *valueKinds) same(i, j int) bool {
	if k.crit == nil {
		return i == j
	}
	return k.crit.equal(&k.list[i], &k.list[j])
}
