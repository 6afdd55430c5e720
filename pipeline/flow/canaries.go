package flow

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/assay-pipeline/assay/evals/observe"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/embed"
)

// Sets of canary queries, one for each live index.
const (
	// ItemCanaries ask what is asked before an item is created.
	ItemCanaries = "items"
	// SearchCanaries ask the search.
	SearchCanaries = "search"
	// KnowledgeCanaries ask for the passages that a model is shown.
	KnowledgeCanaries = "knowledge"
)

// A CanarySet is one live index with the breaker that guards it.
type CanarySet struct {
	Name  string
	Scope string
	// Version of what the index is made of, where a new one is no fault: each has a
	// baseline of its own. Empty for the catalog, whose items come and go one by
	// one.
	Version string
	// K is how many answers are looked at.
	K    int
	Find observe.Finder
	// Own are queries that somebody wrote for it; they are asked beside those that
	// are made of what the index holds.
	Own []observe.Query
	// Passages that queries are made of; nil makes them of the catalog's items.
	Passages []observe.Query
}

// Canaries ask live indexes queries whose answers are known. By themselves those
// are made of the catalog: an item is asked for by its own text, or by its part
// number, and has to be found; which ones is decided by the hash of their ids.
// The scores of the first whole run lock the baseline, which is never replaced
// silently. Precision that fell by more than the tolerance, item by item and twice
// in a row, trips the breaker of the stage. What is stored are ids and scores.
type Canaries struct {
	Store Store
	Wire  *Wire
	Sets  []CanarySet
	// Size is how many queries are made of what an index holds; default 60.
	Size int
	Now  func() time.Time
	Log  *slog.Logger
}

// LeastCanaries is how many queries must be comparable for a judgement.
const LeastCanaries = 10

// baseline is the version under which the baseline of a set is kept.
func (s *CanarySet) baseline() string {
	if s.Version == "" {
		return "canaries/" + s.Name
	}
	return "canaries/" + s.Name + "/" + s.Version
}

// A CanaryOutcome is what became of a set.
type CanaryOutcome struct {
	observe.CanaryRun
	// Queries that were asked, and Baseline the precision that was locked.
	Queries  int     `json:"queries"`
	Baseline float64 `json:"baseline"`
	// Locked: this run became the baseline.
	Locked bool `json:"locked,omitempty"`
	// Position of the breaker afterwards.
	Scope    string           `json:"scope"`
	Position breaker.Position `json:"position,omitempty"`
}

// Run asks the named sets, all where none is named. Errors: invalid (a set that is
// none), unavailable (nothing could be asked): a query that failed has no score,
// it is none that was answered wrong.
func (c *Canaries) Run(ctx context.Context, names ...string) ([]CanaryOutcome, error) {
	for _, n := range names {
		if !slices.ContainsFunc(c.Sets, func(s CanarySet) bool { return s.Name == n }) {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "there is no set of canary queries %q", n).WithHint("sets are items, search, knowledge")
		}
	}
	out := []CanaryOutcome{}
	for _, s := range c.Sets {
		if len(names) > 0 && !slices.Contains(names, s.Name) {
			continue
		}
		o, ok, err := c.one(ctx, s)
		if err != nil {
			return out, err
		}
		if ok {
			out = append(out, o)
		}
	}
	return out, nil
}

// Lock makes a run of the named sets the next generation of their baselines, with
// queries that are made anew. Errors: invalid (no name or reason), unavailable.
func (c *Canaries) Lock(ctx context.Context, by, reason string, names ...string) ([]CanaryOutcome, error) {
	if strings.TrimSpace(by) == "" || strings.TrimSpace(reason) == "" {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "a baseline is not replaced without a name and a reason").WithHint("say --reason \"…\"")
	}
	var out []CanaryOutcome
	for _, s := range c.Sets {
		if len(names) > 0 && !slices.Contains(names, s.Name) {
			continue
		}
		qs, _, err := c.queries(ctx, s, nil)
		if err != nil || len(qs) == 0 {
			return out, err
		}
		run, err := observe.AskCanaries(ctx, s.Name, qs, s.K, s.Find, c.Now)
		if err != nil {
			return out, err
		}
		o := CanaryOutcome{CanaryRun: run, Queries: len(qs), Scope: s.Scope}
		if err := c.lock(ctx, s, &o, by, reason); err != nil {
			return out, err
		}
		out = append(out, o)
	}
	return out, nil
}

// one asks a set; ok is false where there is nothing to ask.
func (c *Canaries) one(ctx context.Context, s CanarySet) (o CanaryOutcome, ok bool, err error) {
	var base *observe.Baseline
	switch b, err := c.Store.LiveBaseline(ctx, s.baseline()); {
	case err == nil:
		base = &b
	case pipeline.ErrorCode(err) != pipeline.CodeNotFound:
		return o, false, err
	}
	qs, gone, err := c.queries(ctx, s, base)
	if err != nil || len(qs)+len(gone) == 0 {
		return o, false, err
	}
	ask := func() (observe.CanaryRun, error) {
		run, err := observe.AskCanaries(ctx, s.Name, qs, s.K, s.Find, c.Now)
		if err != nil {
			return run, err
		}
		run.Lost(gone)
		return run, nil
	}
	o = CanaryOutcome{Queries: len(qs) + len(gone), Scope: s.Scope}
	if o.CanaryRun, err = ask(); err != nil {
		return o, false, err
	}
	if base == nil {
		switch {
		case o.Errors > 0:
			o.Reason = "some queries failed: this run is no baseline"
		case len(o.Scores) < LeastCanaries:
			o.Reason = fmt.Sprintf("%d queries are too few for a baseline, %d are needed", len(o.Scores), LeastCanaries)
		default:
			return o, true, c.lock(ctx, s, &o, "", "")
		}
		return o, true, c.Store.PutCanaryRun(ctx, o.CanaryRun)
	}
	return o, true, c.judge(ctx, s, &o, *base, ask)
}

func (c *Canaries) lock(ctx context.Context, s CanarySet, o *CanaryOutcome, by, reason string) error {
	b := observe.Baseline{Version: s.baseline(), Generation: 1, Of: observe.Version{Model: o.Set}, Locked: stamp(c.Now), Queries: o.Scores, By: by, Reason: reason}
	o.Locked, o.Baseline, o.Reason = true, o.Precision, fmt.Sprintf("%d queries locked", len(o.Scores))
	return c.Store.Atomic(ctx, func(tx Tx) error {
		last, err := tx.LiveBaseline(ctx, b.Version)
		switch {
		case err == nil:
			b.Generation = last.Generation + 1
		case pipeline.ErrorCode(err) != pipeline.CodeNotFound:
			return err
		}
		if err := tx.PutLiveBaseline(ctx, b); err != nil {
			return err
		}
		return tx.PutCanaryRun(ctx, o.CanaryRun)
	})
}

// judge compares with the baseline, asks again at once where that is suspicious,
// and opens the breaker where both say so. A breaker that canaries opened and that
// is half-open closes where they are well again.
func (c *Canaries) judge(ctx context.Context, s CanarySet, o *CanaryOutcome, base observe.Baseline, ask func() (observe.CanaryRun, error)) error {
	was, now, n := base.Compared(o.CanaryRun)
	o.Baseline = was
	if n < LeastCanaries {
		o.Reason = fmt.Sprintf("%d of the locked queries are left, %d are needed: assay observe canaries lock makes new ones", n, LeastCanaries)
		return c.Store.PutCanaryRun(ctx, o.CanaryRun)
	}
	second := o.CanaryRun
	if now < was {
		var err error
		if second, err = ask(); err != nil {
			return err
		}
	}
	o.JudgeCanaries(base, second)
	state, err := c.Store.LoadBreaker(ctx, EvalBreaker(s.Scope))
	if err != nil {
		return err
	}
	state, _ = c.Wire.Policy.Tick(state, stamp(c.Now))
	if err := c.Store.PutCanaryRun(ctx, o.CanaryRun); err != nil {
		return err
	}
	switch {
	case o.Tripped:
		t, err := c.tripOf(ctx, s, o, base)
		if err != nil {
			return err
		}
		if state, err = c.Wire.Trip(ctx, t); err != nil {
			return err
		}
	case state.Position == breaker.HalfOpen:
		if state, err = c.Wire.Passed(ctx, s.Scope, CanarySource, o.ID); err != nil {
			return err
		}
	}
	o.Position = state.Position
	return nil
}

// CanarySource is who trips for canary queries.
const CanarySource = "canaries"

// tripOf says what fell: the category whose queries lost most, with five of them
// before and now.
func (c *Canaries) tripOf(ctx context.Context, s CanarySet, o *CanaryOutcome, base observe.Baseline) (Trip, error) {
	t := Trip{Scope: s.Scope, Source: CanarySource, ID: o.ID, Reason: o.Reason, Slice: "set=" + s.Name, Was: o.Baseline, Is: o.Precision, Evidence: map[string]float64{
		"precision": o.Precision, "change": o.Precision - o.Baseline, "latency_ms": o.LatencyMS, "errors": o.Errors}}
	ids := make([]string, 0, len(o.Scores))
	for id := range o.Scores {
		if _, ok := base.Queries[id]; ok {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	categories := map[string][]string{}
	if s.Passages == nil {
		es, err := c.Store.Entries(ctx, catalog.Query{IDs: ids})
		if err != nil {
			return t, err
		}
		for _, e := range es {
			categories[e.Record.Category] = append(categories[e.Record.Category], e.Item.ID)
		}
	} else {
		for _, id := range ids {
			category, _, _ := strings.Cut(id, "/")
			categories[category] = append(categories[category], id)
		}
	}
	worst := 0.0
	in := ids
	for name, members := range categories {
		var was, is float64
		for _, id := range members {
			was, is = was+base.Queries[id], is+o.Scores[id]
		}
		n := float64(len(members))
		slice := "category=" + name
		if lost := was - is; lost > worst || lost == worst && lost > 0 && slice < t.Slice {
			worst, in = lost, members
			t.Slice, t.Was, t.Is = slice, was/n, is/n
		}
	}
	in = slices.Clone(in)
	slices.SortFunc(in, func(a, b string) int {
		return cmp.Or(cmp.Compare(o.Scores[a]-base.Queries[a], o.Scores[b]-base.Queries[b]), cmp.Compare(a, b))
	})
	for _, id := range in[:min(5, len(in))] {
		t.Examples = append(t.Examples, observe.Example{Item: id, Before: true, Score: base.Queries[id]}, observe.Example{Item: id, Score: o.Scores[id]})
	}
	return t, nil
}

// queries of a set: those of the baseline where there is one, else new ones. gone
// are those whose item the store does not know any more, though nobody retired or
// forgot it: nothing can be asked, and nothing is found.
func (c *Canaries) queries(ctx context.Context, s CanarySet, base *observe.Baseline) (qs []observe.Query, gone []string, err error) {
	qs = slices.Clone(s.Own)
	size := c.Size
	if size <= 0 {
		size = 60
	}
	wanted := func(string) bool { return base == nil }
	if base != nil {
		wanted = func(id string) bool { _, ok := base.Queries[id]; return ok }
	}
	if s.Passages != nil {
		made := slices.DeleteFunc(slices.Clone(s.Passages), func(q observe.Query) bool { return !wanted(q.ID) })
		if base == nil {
			made = sampled(made, size)
		} else {
			for id := range base.Queries {
				if id != "" && !slices.ContainsFunc(made, func(q observe.Query) bool { return q.ID == id }) && !slices.ContainsFunc(qs, func(q observe.Query) bool { return q.ID == id }) {
					gone = append(gone, id)
				}
			}
		}
		slices.Sort(gone)
		return append(qs, made...), gone, nil
	}
	all, err := LiveEntries(ctx, c.Store, catalog.Query{})
	if err != nil {
		return nil, nil, err
	}
	made := itemQueries(all, s.Name == SearchCanaries)
	if base == nil {
		// Where more items answer than are looked at, the loss of some shows
		// nothing.
		few := slices.DeleteFunc(slices.Clone(made), func(q observe.Query) bool { return len(q.All) > s.K })
		if len(few) >= LeastCanaries {
			made = few
		}
		return append(qs, sampled(made, size)...), nil, nil
	}
	live := map[string]observe.Query{}
	for _, q := range made {
		live[q.ID] = q
	}
	var lost []string
	for id := range base.Queries {
		if q, ok := live[id]; ok {
			qs = append(qs, q)
		} else if id != "" && !slices.ContainsFunc(s.Own, func(q observe.Query) bool { return q.ID == id }) {
			lost = append(lost, id)
		}
	}
	slices.SortFunc(qs, func(a, b observe.Query) int { return cmp.Compare(a.ID, b.ID) })
	if len(lost) == 0 {
		return qs, nil, nil
	}
	known, err := c.Store.Entries(ctx, catalog.Query{IDs: lost})
	if err != nil {
		return nil, nil, err
	}
	for _, id := range lost {
		if !slices.ContainsFunc(known, func(e catalog.Entry) bool { return e.Item.ID == id }) {
			gone = append(gone, id)
		}
	}
	slices.Sort(gone)
	return qs, gone, nil
}

// sampled are n of the queries, by the hash of their ids, in order of id.
func sampled(qs []observe.Query, n int) []observe.Query {
	slices.SortFunc(qs, func(a, b observe.Query) int {
		return cmp.Or(cmp.Compare(xxh3.HashString("canary query/"+a.ID), xxh3.HashString("canary query/"+b.ID)), cmp.Compare(a.ID, b.ID))
	})
	qs = qs[:min(n, len(qs))]
	slices.SortFunc(qs, func(a, b observe.Query) int { return cmp.Compare(a.ID, b.ID) })
	return qs
}

// signs of filters; a text is looked up as words.
var signs = strings.NewReplacer("=", " ", "<", " ", ">", " ", `"`, " ")

// itemQueries asks for each item by its own text, or, for a search and every
// second item that has one, by its part number. All items that say the same
// answer.
func itemQueries(all []catalog.Entry, search bool) []observe.Query {
	texts, parts := map[string][]string{}, map[string][]string{}
	fold := func(s string) string { return string(embed.Fold(nil, signs.Replace(s))) }
	for _, e := range all {
		texts[fold(e.Item.Source)] = append(texts[fold(e.Item.Source)], e.Item.ID)
		if p := e.Item.Meta.PartNumber; p != "" {
			parts[fold(p)] = append(parts[fold(p)], e.Item.ID)
		}
	}
	var out []observe.Query
	for _, e := range all {
		q := observe.Query{ID: e.Item.ID, Text: e.Item.Source, All: texts[fold(e.Item.Source)]}
		if search {
			q.Text = signs.Replace(q.Text)
			if p := e.Item.Meta.PartNumber; p != "" && xxh3.HashString("by part/"+e.Item.ID)%2 == 0 {
				q.Text, q.All = signs.Replace(p), parts[fold(p)]
			}
		}
		if fold(q.Text) != "" {
			out = append(out, q)
		}
	}
	return out
}
