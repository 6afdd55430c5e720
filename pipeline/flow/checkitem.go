package flow

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/catalog/learn"
	"github.com/assay-pipeline/assay/pipeline/embed"
	"github.com/assay-pipeline/assay/pipeline/parse"
)

// Nearby proposes candidates out of a store with indexes of its own, for
// catalogs that do not fit the memory of a process. Errors: unavailable.
type Nearby interface {
	// Neighbours are the n live items whose vectors are nearest, among those of
	// a category or, with "", of all; never fewer than there are. Error:
	// not_found (no such space).
	Neighbours(ctx context.Context, space string, v []float32, category string, n int) ([]catalog.Hit, error)
	// WithParts are the live items that have one of keys (catalog.PartKeys), at
	// most n of each.
	WithParts(ctx context.Context, keys []string, n int) ([]string, error)
	// Items counts the live items, up to most.
	Items(ctx context.Context, most int) (int, error)
}

// A CheckStore is what CheckItem reads.
type CheckStore interface {
	catalog.Store
	catalog.ModelStore
}

// CheckItem says, before an item is created, whether the catalog has it
// already. It keeps the catalog in memory and takes in what changed since it
// looked last; with a Near it asks the store instead. What the rules leave to
// people is judged by the model that was trained last, where there is one; the
// veto stands above it. It stores nothing. Safe for concurrent use.
type CheckItem struct {
	Store    CheckStore
	Parser   *parse.Parser
	Embedder embed.Embedder
	Matcher  *catalog.Matcher
	// Near, where set, proposes the candidates of a catalog of more than
	// InMemory items.
	Near Nearby
	// InMemory is how many items are held in memory; default 200,000, about 6
	// KB each. Without a Near there is no such bound.
	InMemory int
	// Age is how old the copy in memory may be; default two seconds.
	Age time.Duration
	// Breaker, where set, knows whether the verdicts of matching are to be trusted.
	Breaker *StageBreaker
	Now     func() time.Time
	Log     *slog.Logger

	mu    sync.Mutex
	live  *catalog.Live
	asked time.Time // when the copy was brought up to date
	seen  time.Time // the latest change that it has

	tooMany bool // for memory, when last counted
	counted time.Time

	model   Model
	learned *learn.Model // as of when it was looked for last
	looked  time.Time
}

// ItemsAtOnce bounds what one call may ask.
const ItemsAtOnce = 200

// Items answers for each item, in order. Errors: invalid (an item without
// text, two of one id, too many), unavailable: "could not look" is never an
// empty answer.
func (c *CheckItem) Items(ctx context.Context, items []pipeline.Item) ([]catalog.Answer, error) {
	return c.Ask(ctx, items, nil)
}

// Ask is Items with what is known of each item beside its text: given has, by
// the place of the item, values of attributes as people write them. They stand
// in the record with the provenance enriched:caller. Errors: invalid too for an
// attribute that the item's category does not have, or a value that it cannot
// have. While the breaker of matching is not closed the catalog is looked up by
// exact part numbers alone, and the answers say degraded; locked, where its
// fallback is to halt.
func (c *CheckItem) Ask(ctx context.Context, items []pipeline.Item, given map[int]map[string]string) ([]catalog.Answer, error) {
	if len(items) == 0 {
		return []catalog.Answer{}, nil
	}
	if len(items) > ItemsAtOnce {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%d items in one call, %d are taken", len(items), ItemsAtOnce).WithHint("ask in several calls, or use assay match for a whole catalog")
	}
	if err := CheckInput(items); err != nil {
		return nil, err
	}
	state, moved, err := c.Breaker.Moved(ctx)
	if err != nil {
		return nil, err
	}
	if moved && state.Fallback == breaker.Halt {
		return nil, halted(state)
	}
	entries, err := c.read(ctx, items)
	if err != nil {
		return nil, err
	}
	for i := range entries {
		if err := c.tell(&entries[i], i, given[i]); err != nil {
			return nil, err
		}
	}
	if moved {
		return c.exact(ctx, entries, standsIn(state, "looked up by exact part numbers alone"))
	}
	learned, err := c.latest(ctx)
	if err != nil {
		return nil, err
	}
	answers := make([]catalog.Answer, len(entries))
	if large, err := c.large(ctx); err != nil {
		return nil, err
	} else if large {
		for i := range entries {
			if answers[i], err = c.near(ctx, c.Matcher.With(learned), &entries[i]); err != nil {
				return nil, err
			}
		}
		return answers, nil
	}
	live, err := c.Live(ctx)
	if err != nil {
		return nil, err
	}
	for i := range entries {
		if answers[i], err = live.With(learned).Check(ctx, entries[i]); err != nil {
			return nil, err
		}
	}
	return answers, nil
}

// latest is the model to judge with, nil for the rules alone. One that does
// not read leaves the item to the rules, which is told: they say less, and
// nothing else.
func (c *CheckItem) latest(ctx context.Context) (*learn.Model, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.Now()
	if !c.looked.IsZero() && now.Sub(c.looked) < c.age() {
		return c.learned, nil
	}
	m, err := c.model.Latest(ctx, c.Store)
	if pipeline.ErrorCode(err) == pipeline.CodeCorrupt {
		c.log().Warn("the trained matcher does not read; the rules judge alone", "error", err)
		m, err = nil, nil
	}
	if err != nil {
		return nil, err
	}
	c.learned, c.looked = m, now
	return m, nil
}

func (c *CheckItem) log() *slog.Logger {
	if c.Log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return c.Log
}

func (c *CheckItem) age() time.Duration {
	if c.Age <= 0 {
		return 2 * time.Second
	}
	return c.Age
}

// MaxItemText is the longest description that is taken, in bytes.
const MaxItemText = 64 << 10

// CheckInput refuses items that nobody can judge. Error: invalid, naming the
// item.
func CheckInput(items []pipeline.Item) error {
	seen := map[string]bool{}
	for i, it := range items {
		switch {
		case !HasText(it.Source):
			return pipeline.Errorf(pipeline.CodeInvalid, "%s has no text", placeOf(i, it.ID)).WithHint("give the description that a buyer would read")
		case len(it.Source) > MaxItemText:
			return pipeline.Errorf(pipeline.CodeInvalid, "%s: the text has %d bytes, %d are taken", placeOf(i, it.ID), len(it.Source), MaxItemText)
		case it.ID != "" && seen[it.ID]:
			return pipeline.Errorf(pipeline.CodeInvalid, "two items have the id %q", it.ID)
		}
		seen[it.ID] = true
	}
	return nil
}

// placeOf names the i-th item.
func placeOf(i int, id string) string {
	if id == "" {
		return fmt.Sprintf("item %d", i+1)
	}
	return fmt.Sprintf("item %d (%q)", i+1, id)
}

// HasText reports whether s has a letter or a digit: whether there is anything
// to judge.
func HasText(s string) bool { return len(embed.Fold(nil, s)) > 0 }

func (c *CheckItem) read(ctx context.Context, items []pipeline.Item) ([]catalog.Entry, error) {
	records, err := c.Parser.ParseAll(ctx, items)
	if err != nil {
		return nil, err
	}
	texts := make([]string, len(items))
	for i, it := range items {
		texts[i] = it.Source
	}
	vectors, err := c.Embedder.Embed(ctx, texts)
	if err != nil {
		return nil, err
	}
	entries := make([]catalog.Entry, len(items))
	for i, it := range items {
		entries[i] = catalog.Entry{Item: it, Record: records[i], Space: c.Embedder.Space(), Vector: vectors[i]}
	}
	return entries, nil
}

// tell puts given values into the record of the i-th item.
func (c *CheckItem) tell(e *catalog.Entry, i int, values map[string]string) error {
	if len(values) == 0 {
		return nil
	}
	if e.Record.Category == pipeline.Unknown {
		return pipeline.Errorf(pipeline.CodeInvalid, "%s: values are given, and what the item is cannot be told from its text", placeOf(i, e.Item.ID)).
			WithHint("name its category")
	}
	var es []catalog.Enrichment
	for _, name := range slices.Sorted(maps.Keys(values)) {
		v, err := catalog.ReadAnswer(c.Matcher.Pack, e.Record.Category, name, values[name], "caller")
		if err != nil {
			return pipeline.Errorf(pipeline.CodeInvalid, "%s: %w", placeOf(i, e.Item.ID), err)
		}
		es = append(es, catalog.Enrichment{Item: e.Item.ID, Value: v, Text: catalog.TextID(e.Item.Source)})
	}
	catalog.Enrich(c.Matcher.Pack, e, es)
	return nil
}

// Live is the catalog in memory, brought up to date.
func (c *CheckItem) Live(ctx context.Context) (*catalog.Live, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.Now()
	if c.live != nil && now.Sub(c.asked) < c.age() {
		return c.live, nil
	}
	q := catalog.Query{Vectors: c.Embedder.Space(), Limit: 5000, Live: c.live == nil}
	if c.live != nil && !c.seen.IsZero() {
		q.Since = c.seen
	}
	live, seen := c.live, c.seen
	for {
		page, err := c.Store.Entries(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, e := range page {
			if e.Updated.After(seen) {
				seen = e.Updated
			}
		}
		if live == nil {
			if live, err = catalog.NewLive(ctx, c.Matcher, nil); err != nil {
				return nil, err
			}
		}
		if err := live.Put(ctx, page); err != nil {
			return nil, err
		}
		if len(page) < q.Limit {
			break
		}
		q.After = page[len(page)-1].Item.ID
	}
	c.live, c.seen, c.asked = live, seen, now
	return live, nil
}

// inMemory is the default of InMemory: beyond it an exact scan takes longer
// than a person who enters an item should wait.
const inMemory = 200_000

// large reports whether the catalog is one for the store's own indexes.
func (c *CheckItem) large(ctx context.Context) (bool, error) {
	if c.Near == nil {
		return false, nil
	}
	most := c.InMemory
	if most <= 0 {
		most = inMemory
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.Now(); c.counted.IsZero() || now.Sub(c.counted) > time.Minute {
		n, err := c.Near.Items(ctx, most+1)
		if err != nil {
			return false, err
		}
		c.tooMany, c.counted = n > most, now
		if c.tooMany {
			c.live, c.seen, c.asked = nil, time.Time{}, time.Time{} // what grew too large
		}
	}
	return c.tooMany, nil
}

// partsAtOnce bounds how many items one part number proposes.
const partsAtOnce = 64

// near judges e among what the store proposes: the nearest vectors of its
// category and of all, and the items that state one of its part numbers or
// designations.
func (c *CheckItem) near(ctx context.Context, m *catalog.Matcher, e *catalog.Entry) (catalog.Answer, error) {
	k := m.K
	if k <= 0 {
		k = 10
	}
	ids, err := c.Near.WithParts(ctx, catalog.PartKeys(e), partsAtOnce)
	if err != nil {
		return catalog.Answer{}, err
	}
	near, err := c.neighbours(ctx, e, "", 2*k)
	if err != nil {
		return catalog.Answer{}, err
	}
	found, err := c.fetch(ctx, e, slices.Concat(ids, near, []string{e.Item.ID}))
	if err != nil {
		return catalog.Answer{}, err
	}
	if cat := e.Record.Category; cat != "" && cat != pipeline.Unknown && c.strangers(found, near, cat) {
		// Where all of the nearest are of the category, those are its nearest.
		inside, err := c.neighbours(ctx, e, cat, 2*k)
		if err != nil {
			return catalog.Answer{}, err
		}
		have := map[string]bool{}
		for i := range found {
			have[found[i].Item.ID] = true
		}
		more, err := c.fetch(ctx, e, slices.DeleteFunc(inside, func(id string) bool { return have[id] }))
		if err != nil {
			return catalog.Answer{}, err
		}
		found = append(found, more...)
		slices.SortFunc(found, func(x, y catalog.Entry) int { return cmp.Compare(x.Item.ID, y.Item.ID) })
	}
	exists := false
	candidates := make([]*catalog.Entry, 0, len(found))
	for i := range found {
		if found[i].Item.ID == e.Item.ID {
			exists = e.Item.ID != ""
			continue
		}
		candidates = append(candidates, &found[i])
	}
	a, err := m.Check(ctx, e, candidates)
	a.Exists = exists
	return a, err
}

// neighbours are the ids of the nearest, none where no item has a vector yet.
func (c *CheckItem) neighbours(ctx context.Context, e *catalog.Entry, category string, n int) ([]string, error) {
	hits, err := c.Near.Neighbours(ctx, e.Space, e.Vector, category, n)
	if err != nil && pipeline.ErrorCode(err) != pipeline.CodeNotFound {
		return nil, err
	}
	ids := make([]string, len(hits))
	for i, h := range hits {
		ids[i] = h.ID
	}
	return ids, nil
}

// fetch loads the live entries of ids.
func (c *CheckItem) fetch(ctx context.Context, e *catalog.Entry, ids []string) ([]catalog.Entry, error) {
	slices.Sort(ids)
	if ids = slices.Compact(ids); len(ids) == 0 {
		return nil, nil
	}
	return c.Store.Entries(ctx, catalog.Query{IDs: ids, Live: true, Vectors: e.Space})
}

// strangers reports whether one of ids is of another category.
func (c *CheckItem) strangers(found []catalog.Entry, ids []string, category string) bool {
	in := make(map[string]bool, len(found))
	for i := range found {
		in[found[i].Item.ID] = found[i].Record.Category == category
	}
	return slices.ContainsFunc(ids, func(id string) bool { return !in[id] })
}
