package flow

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/evals/observe"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/review"
)

// People is the use case of those who decide what the pipeline cannot: pairs,
// records, questions and drafts. What they decide takes effect at once.
type People struct {
	Store Store
	Match *Match
	Pack  *knowledge.Pack
	Now   func() time.Time
}

func (p *People) queue() review.Queue { return review.Queue{Store: p.Store, Now: p.Now} }

// Claim leases the most pressing entry that f selects. Errors: those of
// review.Queue.Claim.
func (p *People) Claim(ctx context.Context, who string, lease time.Duration, f review.Filter) (review.Entry, error) {
	return p.queue().Claim(ctx, who, lease, f)
}

// A Verdict of a person about one entry.
type Verdict struct {
	// Decision is same or different (pair); right, wrong or corrected (record);
	// the value, or unknown (question); accept or reject (draft).
	Decision string
	Who      string
	Note     string
	// Set are the corrected values of a record, by attribute, as people write
	// them.
	Set map[string]string
	// Source of an answer, for its provenance; default Who.
	Source string
}

// Words that mean a decision about a pair.
var pairWords = map[string]string{
	"same": Same, "duplicate": Same, "yes": Same,
	"different": Different, "distinct": Different, "no": Different,
}

// Decisions about records, questions and drafts.
const (
	Right     = "right"
	Wrong     = "wrong"
	Corrected = "corrected"
	NotKnown  = "unknown"
	Accept    = "accept"
	Reject    = "reject"
)

// Decide records what somebody decided and lets it take effect: a pair is
// merged or kept apart, an answer or correction goes into the record and the
// item is judged again. Errors: not_found, locked (another holds the entry),
// conflict (decided otherwise before), invalid (no such decision, a value that
// the attribute cannot have); nothing is stored then.
func (p *People) Decide(ctx context.Context, id string, v Verdict) (review.Entry, error) {
	e, err := p.Store.Review(ctx, id)
	if err != nil {
		return e, err
	}
	bad := func(use string) (review.Entry, error) {
		return review.Entry{}, pipeline.Errorf(pipeline.CodeInvalid, "review %s: %q is no decision about a %s", pipeline.ShortID(id), v.Decision, e.Kind).WithHint("%s", use)
	}
	word := strings.ToLower(strings.TrimSpace(v.Decision))
	if len(v.Set) > 0 && e.Kind != review.Record {
		return review.Entry{}, pipeline.Errorf(pipeline.CodeInvalid, "review %s: values are set on records, this is a %s", pipeline.ShortID(id), e.Kind)
	}
	switch e.Kind {
	case review.Pair:
		w, ok := pairWords[word]
		if !ok {
			return bad("use same or different")
		}
		return p.decidePair(ctx, e, w, v)
	case review.Question:
		if word == NotKnown {
			return p.queue().Decide(ctx, id, v.Who, NotKnown, v.Note)
		}
		return p.answer(ctx, e, v)
	case review.Record:
		if len(v.Set) > 0 && word == "" {
			word = Corrected
		}
		switch {
		case word == Corrected && len(v.Set) > 0:
			done, err := p.correct(ctx, e, v)
			return p.observed(ctx, done, observe.Wrong, err)
		case (word == Right || word == Wrong) && len(v.Set) == 0:
			done, err := p.queue().Decide(ctx, id, v.Who, word, v.Note)
			return p.observed(ctx, done, word, err)
		}
		return bad("use right or wrong, or give the right values: --set ATTRIBUTE=VALUE")
	case review.Draft:
		if _, category := DraftOf(e); category && word == Accept {
			return review.Entry{}, pipeline.Errorf(pipeline.CodeInvalid, "review %s is the draft of a category", pipeline.ShortID(id)).
				WithHint("assay knowledge approve writes it into the pack")
		}
		if word != Accept && word != Reject {
			return bad("use accept or reject")
		}
		return p.queue().Decide(ctx, id, v.Who, word, v.Note)
	case review.Batch:
		return review.Entry{}, pipeline.Errorf(pipeline.CodeInvalid, "review %s is of a held batch", pipeline.ShortID(id)).
			WithHint("assay approve or assay reject decides batches")
	}
	return bad("this kind is decided elsewhere")
}

func (p *People) decidePair(ctx context.Context, e review.Entry, word string, v Verdict) (review.Entry, error) {
	m, err := PairOf(e)
	if err != nil {
		return review.Entry{}, err
	}
	return p.withCatalog(ctx, v.Who, func(tx Tx, all []catalog.Entry) (review.Entry, error) {
		out, err := review.Queue{Store: tx, Now: p.Now}.Decide(ctx, e.ID, v.Who, word, v.Note)
		if err != nil {
			return out, err
		}
		stored, err := tx.Matches(ctx, []string{m.A})
		if err != nil {
			return out, err
		}
		mine := slices.DeleteFunc(stored, func(x catalog.Match) bool { return x.A != m.A || x.B != m.B })
		// Merging what conflicts is refused by Decide of the matcher.
		mine = p.Match.Matcher.Decide(all, mine, []catalog.Decision{{A: m.A, B: m.B, Same: word == Same, Who: v.Who, Note: v.Note}})
		return out, tx.ReplaceMatches(ctx, nil, mine)
	})
}

// withCatalog runs the change of who in a transaction under the catalog's lease, and
// forms the clusters anew.
func (p *People) withCatalog(ctx context.Context, who string, change func(tx Tx, all []catalog.Entry) (review.Entry, error)) (review.Entry, error) {
	release, err := holdLease(ctx, p.Store, p.Match.Log, p.Now, "catalog", p.Match.Owner)
	if err != nil {
		return review.Entry{}, err
	}
	defer release()
	all, err := p.Match.live(ctx)
	if err != nil {
		return review.Entry{}, err
	}
	at := stamp(p.Now)
	var e review.Entry
	err = p.Store.Atomic(ctx, func(tx Tx) error {
		if e, err = change(tx, all); err != nil {
			return err
		}
		_, changes, err := p.Match.cluster(ctx, tx, all, catalog.ClusterEvent{At: at, Actor: who, Review: e.ID})
		if err != nil {
			return err
		}
		out, err := matchEvents(MatchBatch{Feed: e.Feed}, nil, changes, at)
		if err != nil {
			return err
		}
		return tx.PutOutgoing(ctx, out...)
	})
	if err != nil {
		return review.Entry{}, err
	}
	return e, nil
}

// Undo takes a decision back, and what it did: the pair is a question again,
// the value leaves the record and the item is judged again. Errors: not_found,
// conflict (it is not decided).
func (p *People) Undo(ctx context.Context, id, who, note string) (review.Entry, error) {
	e, err := p.Store.Review(ctx, id)
	if err != nil {
		return e, err
	}
	switch e.Kind {
	case review.Pair:
		m, err := PairOf(e)
		if err != nil {
			return review.Entry{}, err
		}
		return p.withCatalog(ctx, who, func(tx Tx, all []catalog.Entry) (review.Entry, error) {
			out, err := review.Queue{Store: tx, Now: p.Now}.Undo(ctx, id, who, note)
			if err != nil {
				return out, err
			}
			live := 0
			for i := range all {
				if x := all[i].Item.ID; x == m.A || x == m.B {
					live++
				}
			}
			if live < 2 {
				return out, nil
			}
			return out, tx.ReplaceMatches(ctx, nil, []catalog.Match{m})
		})
	case review.Question, review.Record:
		item, names := setBy(e)
		var out review.Entry
		err := p.Store.Atomic(ctx, func(tx Tx) error {
			if out, err = (review.Queue{Store: tx, Now: p.Now}).Undo(ctx, id, who, note); err != nil {
				return err
			}
			for _, n := range names {
				if err := tx.DropEnrichments(ctx, item, n); err != nil {
					return err
				}
			}
			if len(names) == 0 {
				return nil
			}
			found, err := tx.Entries(ctx, catalog.Query{IDs: []string{item}})
			if err != nil || len(found) == 0 {
				return err
			}
			x := found[0]
			for _, n := range names {
				catalog.Restore(&x, n)
			}
			x.Updated = stamp(p.Now)
			return putChanged(ctx, tx, []catalog.Entry{x}, x.Updated)
		})
		if err != nil {
			return review.Entry{}, err
		}
		if len(names) > 0 {
			err = p.Match.Again(ctx, []string{item}, who)
		}
		return out, err
	}
	return p.queue().Undo(ctx, id, who, note)
}

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
