package evals

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
)

// sides are the ids of the two items of a pair in the catalog of the suite.
func (c *Case) sides() (a, b string) {
	id := func(it *Item, side string) string {
		if it.ID != "" {
			return it.ID
		}
		return c.ID + "/" + side
	}
	return id(c.A, "a"), id(c.B, "b")
}

// A pairing is the answer to a suite of pairs: one catalog of all items, as in
// production, so that what is never proposed as a pair is measured too.
type pairing struct {
	entries  []catalog.Entry
	at       map[string]int
	broken   map[string]string // items that could not be read
	spent    map[string]Spent
	matches  map[[2]string]catalog.Match
	clusters map[string]string
	breaches map[string][]Breach // by item
}

// pair reads the items of all cases and judges them as one catalog.
func (s *Subject) pair(ctx context.Context, cases []Case, each func(ctx context.Context, n int, f func(i int)) error) (*pairing, error) {
	p := &pairing{at: map[string]int{}, broken: map[string]string{}, spent: map[string]Spent{}, matches: map[[2]string]catalog.Match{}, clusters: map[string]string{}, breaches: map[string][]Breach{}}
	var items []pipeline.Item
	seen := map[string]bool{}
	for i := range cases {
		a, b := cases[i].sides()
		for _, side := range []struct {
			id string
			it *Item
		}{{a, cases[i].A}, {b, cases[i].B}} {
			if !seen[side.id] {
				seen[side.id] = true
				items = append(items, pipeline.Item{ID: side.id, Source: side.it.Text, Meta: side.it.Meta})
			}
		}
	}
	entries, read, err := s.entries(ctx, items, each)
	if err != nil {
		return nil, err
	}
	for i, sc := range read {
		p.spent[items[i].ID] = sc.Spent
		if sc.Error != "" {
			p.broken[items[i].ID] = sc.Error
			continue
		}
		p.at[items[i].ID] = len(p.entries)
		p.entries = append(p.entries, entries[i])
	}
	at := s.Now()
	matches, err := s.Matcher.Pairs(ctx, p.entries, nil)
	if err != nil {
		return nil, err
	}
	clusters, _, err := s.Matcher.Clusters(ctx, p.entries, matches, nil)
	if err != nil {
		return nil, err
	}
	// The judgement of the catalog is shared out evenly.
	took := s.Now().Sub(at) / time.Duration(max(1, len(items)))
	for id, sp := range p.spent {
		sp.Latency += took
		p.spent[id] = sp
	}
	for _, m := range matches {
		p.matches[[2]string{m.A, m.B}] = m
		if m.Verdict == catalog.Duplicate {
			p.veto(s, m.A, m.B, "were called one thing")
		}
	}
	for _, c := range clusters {
		for i, a := range c.Items {
			p.clusters[a] = c.ID
			for _, b := range c.Items[i+1:] {
				if p.match(a, b).Verdict != catalog.Duplicate {
					p.veto(s, a, b, "stand in one cluster")
				}
			}
		}
	}
	return p, nil
}

// entries reads and embeds items, in their order.
func (s *Subject) entries(ctx context.Context, items []pipeline.Item, each func(ctx context.Context, n int, f func(i int)) error) ([]catalog.Entry, []Scored, error) {
	entries := make([]catalog.Entry, len(items))
	read := make([]Scored, len(items))
	err := each(ctx, len(items), func(i int) {
		if r, ok := s.read(ctx, items[i], false, &read[i]); ok {
			entries[i] = catalog.Entry{Item: items[i], Record: r}
		}
	})
	if err != nil {
		return nil, nil, err
	}
	const atOnce = 256
	for from := 0; from < len(items); from += atOnce {
		part := items[from:min(from+atOnce, len(items))]
		texts := make([]string, len(part))
		for i, it := range part {
			texts[i] = it.Source
		}
		vectors, err := s.Embedder.Embed(ctx, texts)
		if err != nil {
			return nil, nil, err
		}
		for i := range part {
			entries[from+i].Space, entries[from+i].Vector = s.Embedder.Space(), vectors[i]
		}
	}
	return entries, read, nil
}

func ordered(a, b string) [2]string {
	if b < a {
		a, b = b, a
	}
	return [2]string{a, b}
}

// match is the judgement of a pair; one that was never proposed is distinct.
func (p *pairing) match(a, b string) catalog.Match {
	if m, ok := p.matches[ordered(a, b)]; ok {
		return m
	}
	return catalog.Match{Verdict: catalog.Distinct}
}

// veto looks whether two items that were joined conflict.
func (p *pairing) veto(s *Subject, a, b, how string) {
	i, iok := p.at[a]
	j, jok := p.at[b]
	if !iok || !jok {
		return
	}
	m, _ := s.Explainer.Explain(&p.entries[i], &p.entries[j])
	if m.Veto == "" {
		return
	}
	detail := fmt.Sprintf("%q and %q %s, though they conflict in %s", clip(p.entries[i].Item.Source), clip(p.entries[j].Item.Source), how, m.Veto)
	p.breaches[a] = append(p.breaches[a], Breach{Invariant: NoVetoBroken, Detail: detail})
}

// score is what becomes of one case. A breach is told of the first case that
// holds the item.
func (p *pairing) score(c *Case, told map[string]bool) Scored {
	a, b := c.sides()
	out := Scored{Case: c.ID, Text: c.A.Text + " | " + c.B.Text}
	out.Spent = p.spent[a].plus(p.spent[b])
	for _, id := range []string{a, b} {
		if why, broken := p.broken[id]; broken {
			out.Error = why
			return out
		}
	}
	m := p.match(a, b)
	got, want := string(m.Verdict), c.Want.Verdict
	together := p.clusters[a] != "" && p.clusters[a] == p.clusters[b]
	const duplicate, review = string(catalog.Duplicate), string(catalog.Review)
	switch got {
	case want:
		out.set(string(Verdict), 1)
	case review:
		out.set(string(Verdict), 0.5)
	default:
		out.set(string(Verdict), 0)
	}
	if got != want {
		out.miss("verdict", want, got)
	}
	if want == string(catalog.Distinct) {
		merged := got == duplicate || together
		out.set(string(FalseMerge), bit(merged))
		if together && got != duplicate {
			out.miss("cluster", "two", "one")
		}
	}
	out.set(string(Abstention), bit((want == review) == (got == review)))
	if want == duplicate {
		out.Counts.Stated = 1
	}
	if got == duplicate {
		if want == duplicate {
			out.Counts.Right, out.Counts.Found = 1, 1
		} else {
			out.Counts.Wrong = 1
		}
	}
	if out.Counts != (Counts{}) {
		out.set(string(F1), out.Counts.f1())
		out.set(string(Recall), out.Counts.recall())
		out.set(string(Precision), out.Counts.precision())
	}
	if m.A != "" && want != review {
		out.Beliefs = append(out.Beliefs, Belief{m.Score, want == duplicate})
	}
	for _, id := range []string{a, b} {
		if !told[id] {
			told[id] = true
			for _, br := range p.breaches[id] {
				br.Case = c.ID
				out.Breaches = append(out.Breaches, br)
			}
		}
	}
	return out
}

func (sp Spent) plus(o Spent) Spent {
	return Spent{
		Latency: sp.Latency + o.Latency, Asked: sp.Asked + o.Asked, Kept: sp.Kept + o.Kept, Tokens: sp.Tokens + o.Tokens,
		In: sp.In + o.In, Cached: sp.Cached + o.Cached, Micros: sp.Micros + o.Micros, Calls: slices.Concat(sp.Calls, o.Calls),
	}
}
