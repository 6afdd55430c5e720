package flow

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/assay-pipeline/assay/evals/observe"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/parse"
)

// What one stage hands to the next is held against what it got: the id, the text,
// the unit of measure and the category of a published row have to be those of the
// item, of its record, and of what the catalog keeps of it. One that is lost is
// told by the flag handover of the record, a step of its trace, and a trip.

// handoverSource is who trips for what was lost.
const handoverSource = "handover"

// A handed row is what a published row says of its item, read by itself.
type handed struct{ id, text, unit, category string }

// handedBy reads those columns out of the rows of a feed.
func handedBy(f *contract.Feed, b *binder) func(values []string) handed {
	c := f.Catalog
	at := func(column string) int { return slices.Index(b.columns, column) }
	ids := make([]int, len(c.IDs))
	for i, name := range c.IDs {
		ids[i] = at(name)
	}
	text, unit, category := at(c.Text), at(c.UnitOfMeas), at(c.Category)
	return func(values []string) handed {
		get := func(i int) string {
			if i < 0 || codec.IsNull(values[i]) {
				return ""
			}
			return values[i]
		}
		h := handed{id: f.Name, text: get(text), unit: get(unit), category: get(category)}
		for _, i := range ids {
			if v := get(i); v != "" {
				h.id += "/" + v
			}
		}
		if h.category == "" {
			h.category = c.DefaultCategory
		}
		return h
	}
}

// lost names what of a row did not reach the record, "" for nothing.
func (h handed) lost(r *pipeline.Record) string {
	switch {
	case r.ID != h.id:
		return "id"
	case r.Source != h.text:
		return "text"
	case r.Meta.UnitOfMeas != h.unit:
		return "unit of measure"
	case r.Meta.Category != h.category:
		return "category"
	}
	return ""
}

// arrived marks the records in which something of the row is missing, and names
// the items of those and of the ones that the parser marked.
func arrived(rows []handed, records []pipeline.Record) (broken []string) {
	for i := range records {
		r := &records[i]
		if what := rows[i].lost(r); what != "" {
			r.Trace = append(r.Trace, pipeline.Step{Did: "handover", Detail: what})
			r.Flags = append(r.Flags, pipeline.Flag{Code: parse.Handover, Detail: "the " + what + " of the row did not reach the record"})
			r.Confidence = 0
		}
		if r.HasFlag(parse.Handover) {
			broken = append(broken, rows[i].id)
		}
	}
	return broken
}

// readBack is the share of stored entries that are read back; which ones is
// decided by the hash of their ids.
const readBack = 0.05

// kept reads entries back that were stored just now, and names those whose id,
// category, values or units are not what was handed over. Those that a later batch
// had stored already are none.
func kept(ctx context.Context, tx Tx, entries []catalog.Entry, rate float64) (broken []string, err error) {
	by, twice := map[string]*catalog.Entry{}, map[string]bool{}
	var ids []string
	for i := range entries {
		if id := entries[i].Item.ID; observe.Sampled(id, max(rate, readBack)) {
			twice[id] = by[id] != nil
			by[id] = &entries[i]
			ids = append(ids, id)
		}
	}
	// Of two rows with one id only one is kept, and nobody promised which.
	ids = slices.DeleteFunc(ids, func(id string) bool { return twice[id] })
	if len(ids) == 0 {
		return nil, nil
	}
	stored, err := tx.Entries(ctx, catalog.Query{IDs: ids})
	if err != nil {
		return nil, err
	}
	found := map[string]bool{}
	for _, s := range stored {
		found[s.Item.ID] = true
		if e := by[s.Item.ID]; s.Seq <= e.Seq && !sameRecord(&s.Record, &e.Record) {
			broken = append(broken, s.Item.ID)
		}
	}
	for _, id := range ids {
		if !found[id] {
			broken = append(broken, id)
		}
	}
	return broken, nil
}

func sameRecord(a, b *pipeline.Record) bool {
	return a.ID == b.ID && a.Source == b.Source && a.Category == b.Category && a.Meta.UnitOfMeas == b.Meta.UnitOfMeas &&
		slices.EqualFunc(a.Attributes, b.Attributes, func(x, y pipeline.Attribute) bool { return x.Name == y.Name && x.Value == y.Value && x.Unit == y.Unit })
}

// handoverTrip opens the breaker of parsing because of what did not arrive.
func (w *Wire) handoverTrip(ctx context.Context, tx Tx, s ParseShard, broken []string, of int, at time.Time) ([]Outgoing, error) {
	slices.Sort(broken)
	broken = slices.Compact(broken)
	n := float64(len(broken)) / float64(max(1, of))
	t := Trip{
		Scope: ParseStage, Source: handoverSource, ID: fmt.Sprintf("%s/%d", s.Batch, s.Shard), Slice: "feed=" + s.Feed, Was: 1, Is: 1 - n,
		Reason:   fmt.Sprintf("what one stage handed to the next did not arrive in %d of %d items, such as %s", len(broken), of, broken[0]),
		Evidence: map[string]float64{"lost": float64(len(broken))},
	}
	for _, id := range broken[:min(5, len(broken))] {
		t.Examples = append(t.Examples, observe.Example{Item: id, Before: true, Score: 1}, observe.Example{Item: id})
	}
	_, out, err := w.trip(ctx, tx, t, at)
	return out, err
}
