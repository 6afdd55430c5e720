package flow

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/review"
)

// aboutItem is the data of an entry about one item.
type aboutItem struct {
	Item      string   `json:"item"`
	Text      string   `json:"text,omitempty"`
	TextID    string   `json:"text_id,omitempty"`
	Category  string   `json:"category,omitempty"`
	Attribute string   `json:"attribute,omitempty"`
	Title     string   `json:"title,omitempty"`
	Unit      string   `json:"unit,omitempty"`
	Values    []string `json:"values,omitempty"`
	// Set are the attributes that a decision gave values to.
	Set []string `json:"set,omitempty"`
}

func aboutOf(e review.Entry) (aboutItem, error) {
	var a aboutItem
	if len(e.Data) == 0 && e.Kind == review.Record {
		return aboutItem{Item: e.Subject}, nil
	}
	if err := json.Unmarshal(e.Data, &a); err != nil || a.Item == "" {
		return a, pipeline.Errorf(pipeline.CodeCorrupt, "review %s is not that of an item: %v", e.ID, err)
	}
	return a, nil
}

// setBy is the item of a decided entry and the attributes that it set.
func setBy(e review.Entry) (item string, names []string) {
	a, err := aboutOf(e)
	if err != nil {
		return "", nil
	}
	return a.Item, a.Set
}

// observed tells the observer what was said of an item: by that the confidence
// of live answers is held against the truth.
func (p *People) observed(ctx context.Context, e review.Entry, said string, err error) (review.Entry, error) {
	if err != nil {
		return e, err
	}
	a, err := aboutOf(e)
	if err != nil {
		return e, err
	}
	_, err = p.Store.ReviewObserved(ctx, a.Item, said)
	return e, err
}

// answer puts the answer to a question into the record.
func (p *People) answer(ctx context.Context, e review.Entry, v Verdict) (review.Entry, error) {
	a, err := aboutOf(e)
	if err != nil {
		return review.Entry{}, err
	}
	return p.set(ctx, e, a, v, map[string]string{a.Attribute: v.Decision}, strings.TrimSpace(v.Decision), false)
}

// correct puts the right values into a record and proposes what can be learned
// from it.
func (p *People) correct(ctx context.Context, e review.Entry, v Verdict) (review.Entry, error) {
	a, err := aboutOf(e)
	if err != nil {
		return review.Entry{}, err
	}
	return p.set(ctx, e, a, v, v.Set, Corrected, true)
}

// set stores values, decides the entry, and has the item judged again.
func (p *People) set(ctx context.Context, e review.Entry, a aboutItem, v Verdict, values map[string]string, decision string, propose bool) (review.Entry, error) {
	found, err := p.Store.Entries(ctx, catalog.Query{IDs: []string{a.Item}, Live: true})
	if err != nil {
		return review.Entry{}, err
	}
	if len(found) == 0 {
		return review.Entry{}, pipeline.Errorf(pipeline.CodeConflict, "item %s is not in the catalog any more", a.Item).WithHint("nothing is left to decide; decide it unknown")
	}
	if a.TextID != "" && a.TextID != catalog.TextID(found[0].Item.Source) {
		return review.Entry{}, pipeline.Errorf(pipeline.CodeConflict, "the description of item %s has changed since this was asked", a.Item).
			WithHint("it reads %q now; ask again with assay catalog questions --ask", found[0].Item.Source)
	}
	at := stamp(p.Now)
	es, err := p.read(found[0], values, v, at)
	if err != nil {
		return review.Entry{}, err
	}
	err = p.Store.Atomic(ctx, func(tx Tx) error {
		a := a
		for _, x := range es {
			a.Set = append(a.Set, x.Value.Name)
		}
		slices.Sort(a.Set)
		a.Set = slices.Compact(a.Set)
		done, err := review.Queue{Store: tx, Now: p.Now}.Decide(ctx, e.ID, v.Who, decision, v.Note)
		if err != nil {
			return err
		}
		if len(e.Data) == 0 {
			e.Data, err = json.Marshal(aboutItem{Item: a.Item})
			if err != nil {
				return pipeline.Errorf(pipeline.CodeInternal, "review %s: %w", e.ID, err)
			}
		}
		if done.Data, err = mergeData(e.Data, a.Set); err != nil {
			return err
		}
		if e, err = tx.UpdateReview(ctx, done); err != nil {
			return err
		}
		if propose {
			drafts, err := proposals(found[0], es, v.Who, at)
			if err != nil {
				return err
			}
			if err := tx.AddReviews(ctx, drafts); err != nil {
				return err
			}
		}
		return enrich(ctx, tx, p.Pack, es, at)
	})
	if err != nil {
		return review.Entry{}, err
	}
	return e, p.Match.Again(ctx, []string{a.Item}, v.Who)
}

// read turns what people wrote into values of x's category.
func (p *People) read(x catalog.Entry, values map[string]string, v Verdict, at time.Time) ([]catalog.Enrichment, error) {
	source := v.Source
	if source == "" {
		source = v.Who
	}
	names := make([]string, 0, len(values))
	for n := range values {
		names = append(names, n)
	}
	slices.Sort(names)
	var es []catalog.Enrichment
	for _, n := range names {
		value, err := catalog.ReadAnswer(p.Pack, x.Record.Category, n, values[n], source)
		if err != nil {
			return nil, err
		}
		es = append(es, catalog.Enrichment{Item: x.Item.ID, Value: value, Text: catalog.TextID(x.Item.Source), Actor: v.Who, At: at})
	}
	return es, nil
}

// enrich stores answers and the records that they change.
func enrich(ctx context.Context, tx Tx, pack *knowledge.Pack, es []catalog.Enrichment, at time.Time) error {
	if err := tx.PutEnrichments(ctx, es); err != nil {
		return err
	}
	var ids []string
	for _, x := range es {
		ids = append(ids, x.Item)
	}
	slices.Sort(ids)
	entries, err := tx.Entries(ctx, catalog.Query{IDs: slices.Compact(ids)})
	if err != nil {
		return err
	}
	for i := range entries {
		catalog.Enrich(pack, &entries[i], es)
		entries[i].Updated = at
	}
	return putChanged(ctx, tx, entries, at)
}

// mergeData adds the names of what was set to the data of an entry.
func mergeData(data json.RawMessage, set []string) (json.RawMessage, error) {
	m := map[string]any{}
	if len(data) == 0 {
		data = json.RawMessage("{}")
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, pipeline.Errorf(pipeline.CodeCorrupt, "the data of a review do not read: %w", err)
	}
	m["set"] = set
	out, err := json.Marshal(m)
	if err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInternal, "the data of a review: %w", err)
	}
	return out, nil
}

// proposals are what a corrected record can teach: a golden item for the
// evals, and for each value that stands in the text a dictionary entry. They
// wait for somebody who accepts them.
func proposals(x catalog.Entry, es []catalog.Enrichment, who string, at time.Time) ([]review.Entry, error) {
	catalog.Enrich(nil, &x, es)
	var out []review.Entry
	add := func(what, subject, reason string, data any) error {
		raw, err := json.Marshal(data)
		if err != nil {
			return pipeline.Errorf(pipeline.CodeInternal, "draft for %s: %w", subject, err)
		}
		out = append(out, review.Entry{
			ID: pipeline.ContentID("review", string(review.Draft), what, subject, string(raw)), Kind: review.Draft, Subject: subject,
			Feed: x.Item.Meta.Feed, Category: x.Record.Category, Reason: reason, Data: raw, Created: at,
		})
		return nil
	}
	golden := map[string]any{"draft": "golden_item", "text": x.Item.Source, "category": x.Record.Category, "values": golden(x.Record), "by": who}
	if err := add("golden", x.Item.ID, "a corrected record may become a golden item", golden); err != nil {
		return nil, err
	}
	for _, e := range es {
		words := unread(x)
		if len(words) == 0 || e.Value.Value.IsNumber() {
			continue
		}
		d := map[string]any{
			"draft": "dictionary_entry", "category": x.Record.Category, "attribute": e.Value.Name, "value": e.Value.Value,
			"words": words, "text": x.Item.Source, "by": who,
		}
		if err := add("entry", x.Item.ID+"|"+e.Value.Name, "one of these words may mean "+e.Value.Name+" "+e.Value.Value.String(), d); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// golden is a record as a golden item states it.
func golden(r pipeline.Record) map[string]string {
	out := map[string]string{}
	for _, a := range r.Attributes {
		v := a.Value.String()
		if a.Unit != "" && a.Unit != "1" {
			v += " " + a.Unit
		}
		out[a.Name] = v
	}
	return out
}

// unread are the words of an item that no attribute's span covers.
func unread(x catalog.Entry) []string {
	src := x.Item.Source
	var out []string
	at := 0
	for _, w := range strings.FieldsFunc(src, func(r rune) bool { return r == ' ' || r == ',' || r == ';' || r == '/' }) {
		i := strings.Index(src[at:], w) + at
		at = i + len(w)
		s := pipeline.Span{Start: i, End: at}
		if !slices.ContainsFunc(x.Record.Attributes, func(a pipeline.Attribute) bool { return a.Valid(len(src)) && a.Overlaps(s) }) && len(w) > 1 {
			out = append(out, w)
		}
	}
	return out
}
