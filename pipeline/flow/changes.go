package flow

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
)

// What became of an item, as ItemData.Change says it.
const (
	ChangeAdded    = "added"
	ChangeRecord   = "changed"
	ChangeRemoved  = "removed"
	ChangeReturned = "returned"
)

// ItemData is the data of assay.item.changed: an item that somebody watches
// has another record, or came to the catalog or left it.
type ItemData struct {
	Item   string `json:"item"`
	Feed   string `json:"feed"`
	Change string `json:"change"`
	// Batch that brought the change; of what a person changed, the one that
	// brought the item.
	Batch string `json:"batch"`
	// Category is that of the record, Before the one that it had where that was
	// another.
	Category string `json:"category"`
	Before   string `json:"before,omitempty"`
	// Attributes are the names of those whose value came, went or is another,
	// Flags the codes of those that came or went, both in byte order.
	Attributes []string `json:"attributes,omitempty"`
	Flags      []string `json:"flags,omitempty"`
	// Revision names this change: it derives from the record before and after
	// and from what caused it. Two changes of an item that look alike here, such
	// as a value that is corrected twice, differ in it.
	Revision string `json:"revision"`
}

// watchedItems are those of ids that somebody watches, in the order of ids.
func watchedItems(ctx context.Context, tx Tx, ids []string) ([]string, error) {
	watches, err := tx.Watches(ctx)
	if err != nil {
		return nil, err
	}
	watched := map[string]bool{}
	for _, w := range watches {
		if w.Kind == WatchItem {
			watched[w.Subject] = true
		}
	}
	if len(watched) == 0 {
		return nil, nil
	}
	var out []string
	for _, id := range ids {
		if watched[id] {
			out = append(out, id)
			delete(watched, id) // an id that comes twice is one item
		}
	}
	return out, nil
}

// changedItems are the events about those of entries that somebody watches and
// that say something new. It is called before they are stored, in the same
// transaction; cause tells two changes apart that do the same to an item.
func changedItems(ctx context.Context, tx Tx, entries []catalog.Entry, cause string, at time.Time) ([]Outgoing, error) {
	next := make(map[string]catalog.Entry, len(entries))
	ids := make([]string, 0, len(entries))
	for _, e := range entries {
		ids = append(ids, e.Item.ID)
		// Of one id, the store keeps the last of those that are latest.
		if have, twice := next[e.Item.ID]; !twice || e.Seq >= have.Seq {
			next[e.Item.ID] = e
		}
	}
	ids, err := watchedItems(ctx, tx, ids)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	stored, err := tx.Entries(ctx, catalog.Query{IDs: ids})
	if err != nil {
		return nil, err
	}
	before := make(map[string]catalog.Entry, len(stored))
	for _, e := range stored {
		before[e.Item.ID] = e
	}
	var out []Outgoing
	for _, id := range ids {
		e := next[id]
		old, known := before[id]
		if known && old.Seq > e.Seq || e.Retired {
			continue // it arrived late, and is not stored; or it is gone, and stays so
		}
		d := difference(old.Record, e.Record)
		switch {
		case !known:
			d = ItemData{Change: ChangeAdded}
		case old.Retired:
			d.Change = ChangeReturned
		case d.Before == "" && len(d.Attributes)+len(d.Flags) == 0:
			continue
		default:
			d.Change = ChangeRecord
		}
		o, err := itemEvent(d, &old, e, e.Batch, cause, at)
		if err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}

// putChanged stores entries that people changed, and tells those who watch them.
func putChanged(ctx context.Context, tx Tx, entries []catalog.Entry, at time.Time) error {
	// People may change a value back and forth: the moment tells it apart.
	out, err := changedItems(ctx, tx, entries, at.Format(time.RFC3339Nano), at)
	if err != nil {
		return err
	}
	if err := tx.PutEntries(ctx, entries); err != nil {
		return err
	}
	return tx.PutOutgoing(ctx, out...)
}

// removedItems are the events about those of the items with ids that somebody
// watches and that batch is about to take out of the catalog.
func removedItems(ctx context.Context, tx Tx, ids []string, batch string, at time.Time) ([]Outgoing, error) {
	ids, err := watchedItems(ctx, tx, ids)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	live, err := tx.Entries(ctx, catalog.Query{IDs: ids, Live: true})
	if err != nil {
		return nil, err
	}
	var out []Outgoing
	for _, e := range live {
		o, err := itemEvent(ItemData{Change: ChangeRemoved}, nil, e, batch, "", at)
		if err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}

func itemEvent(d ItemData, old *catalog.Entry, e catalog.Entry, batch, cause string, at time.Time) (Outgoing, error) {
	d.Item, d.Feed, d.Batch, d.Category = e.Item.ID, e.Item.Meta.Feed, batch, e.Record.Category
	parts := []string{"item", d.Item, d.Change, batch, cause}
	if old != nil {
		parts = append(parts, essence(old.Record)...)
	}
	d.Revision = pipeline.ContentID(append(append(parts, ""), essence(e.Record)...)...)
	event, err := pipeline.NewEvent(pipeline.ItemChanged, source(d.Feed), d.Item, d.Feed, at, d)
	return Outgoing{Event: &event}, err
}

// difference is what b says that a does not, and the other way round.
func difference(a, b pipeline.Record) ItemData {
	var d ItemData
	if a.Category != b.Category {
		d.Before = a.Category
	}
	d.Attributes = unlike(values(a), values(b))
	d.Flags = unlike(flags(a), flags(b))
	return d
}

// essence is a record as a reader of the catalog sees it: where a value stands
// in the text, and how sure it is, are no part of it.
func essence(r pipeline.Record) []string {
	out := []string{r.Category}
	for _, m := range []map[string][]string{values(r), flags(r)} {
		var lines []string
		for name, vs := range m {
			lines = append(lines, name+"="+strings.Join(vs, ","))
		}
		slices.Sort(lines)
		out = append(out, lines...)
	}
	return out
}

// values are the values of each attribute with their units.
func values(r pipeline.Record) map[string][]string {
	m := make(map[string][]string, len(r.Attributes))
	for _, a := range r.Attributes {
		v, err := json.Marshal(a.Value) // tells a number from a word
		if err != nil {
			v = []byte(a.Value.String())
		}
		m[a.Name] = append(m[a.Name], string(v)+" "+a.Unit)
	}
	return m
}

// flags are the attributes that each code of a flag is about.
func flags(r pipeline.Record) map[string][]string {
	m := make(map[string][]string, len(r.Flags))
	for _, f := range r.Flags {
		m[f.Code] = append(m[f.Code], f.Attribute)
	}
	return m
}

// unlike are the names of which a and b do not hold the same, in byte order.
func unlike(a, b map[string][]string) []string {
	var names []string
	for n, vs := range a {
		if other, ok := b[n]; !ok || !sameSet(vs, other) {
			names = append(names, n)
		}
	}
	for n := range b {
		if _, ok := a[n]; !ok {
			names = append(names, n)
		}
	}
	slices.Sort(names)
	return names
}

// sameSet compares without regard to order.
func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// itemStory tells what became of an item.
func itemStory(s *Story, d ItemData) {
	s.Batch, s.Item = d.Batch, d.Item
	switch d.Change {
	case ChangeAdded:
		s.Title = fmt.Sprintf("item %s came to the catalog: %s", d.Item, d.Category)
		return
	case ChangeRemoved:
		s.Title = fmt.Sprintf("item %s left the catalog: feed %s no longer holds it", d.Item, d.Feed)
		return
	case ChangeReturned:
		s.Title = fmt.Sprintf("item %s is back in the catalog", d.Item)
	default:
		s.Title = fmt.Sprintf("item %s has changed", d.Item)
	}
	var what []string
	if d.Before != "" {
		what = append(what, "category "+d.Before+" → "+d.Category)
	}
	if len(d.Attributes) > 0 {
		what = append(what, "values of "+strings.Join(d.Attributes, ", "))
	}
	if len(d.Flags) > 0 {
		what = append(what, "flags "+strings.Join(d.Flags, ", "))
	}
	if len(what) > 0 {
		s.Title += ": " + strings.Join(what, "; ")
	}
}
