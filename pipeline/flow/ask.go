package flow

import (
	"cmp"
	"context"
	"encoding/json"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/review"
)

// closer is who closes the entries that later data decide.
const closer = "assay"

// Decisions about a pair of items.
const (
	Same      = "same"
	Different = "different"
	// Obsolete: the pair is no question any more.
	Obsolete = "obsolete"
)

// PairReview is the id of the review entry of a pair, a < b.
func PairReview(a, b string) string {
	return pipeline.ContentID("review", string(review.Pair), a+"|"+b)
}

// RecordReview is the id of the review entry of an item's record.
func RecordReview(item, text string) string {
	return pipeline.ContentID("review", string(review.Record), item, text)
}

// PairOf reads what an entry of the review queue asks about two items: the
// match as it was computed.
func PairOf(e review.Entry) (catalog.Match, error) {
	var m catalog.Match
	if err := json.Unmarshal(e.Data, &m); err != nil || m.A == "" || m.B == "" {
		return m, pipeline.Errorf(pipeline.CodeCorrupt, "review %s is not that of a pair: %v", e.ID, err)
	}
	return m, nil
}

// ask keeps the queue in step with what was found: pairs that cannot be told
// and records in doubt join it, entries that the new data decide are closed,
// and those that were closed so and are open again come back.
func (m *Match) ask(ctx context.Context, tx Tx, b MatchBatch, all []catalog.Entry, touched []string, pairs []catalog.Match, at time.Time) ([]Outgoing, error) {
	byID := make(map[string]*catalog.Entry, len(all))
	for i := range all {
		byID[all[i].Item.ID] = &all[i]
	}
	entries, err := pairReviews(pairs, byID, b.Feed, at)
	if err != nil {
		return nil, err
	}
	for i := range all {
		e := &all[i]
		if e.Batch != b.Batch || b.Batch == "" || e.Item.Degraded {
			continue // degraded ones are asked about when they are read
		}
		why, yes := m.Matcher.Uncertain(e)
		if !yes {
			continue
		}
		data, err := json.Marshal(map[string]any{"item": e.Item.ID, "text": e.Item.Source, "text_id": catalog.TextID(e.Item.Source), "record": e.Record})
		if err != nil {
			return nil, pipeline.Errorf(pipeline.CodeInternal, "review of %s: %w", e.Item.ID, err)
		}
		entries = append(entries, review.Entry{
			ID: RecordReview(e.Item.ID, e.Item.Source), Kind: review.Record, Subject: e.Item.ID,
			Feed: e.Item.Meta.Feed, Category: e.Record.Category, Reason: why, Priority: 1 - e.Record.Confidence, Data: data, Created: at,
		})
	}
	fresh, err := unknown(ctx, tx, entries)
	if err != nil {
		return nil, err
	}
	if err := tx.AddReviews(ctx, fresh); err != nil {
		return nil, err
	}
	if err := m.settle(ctx, tx, touched, pairs, at); err != nil {
		return nil, err
	}
	return requested(fresh, b, at)
}

// unknown leaves out the entries that the queue has.
func unknown(ctx context.Context, tx Tx, entries []review.Entry) ([]review.Entry, error) {
	var out []review.Entry
	for _, e := range entries {
		_, err := tx.Review(ctx, e.ID)
		switch pipeline.ErrorCode(err) {
		case pipeline.CodeNotFound:
			out = append(out, e)
		case "":
		default:
			return nil, err
		}
	}
	return out, nil
}

// pairReviews asks people about the pairs that could not be told.
func pairReviews(pairs []catalog.Match, byID map[string]*catalog.Entry, feed string, at time.Time) ([]review.Entry, error) {
	var entries []review.Entry
	for _, p := range pairs {
		if p.Verdict != catalog.Review {
			continue
		}
		reason := "similar, and nothing decides"
		if len(p.Reasons) > 0 {
			reason = p.Reasons[0]
		}
		data, err := json.Marshal(p)
		if err != nil {
			return nil, pipeline.Errorf(pipeline.CodeInternal, "review of %s and %s: %w", p.A, p.B, err)
		}
		e := review.Entry{
			ID: PairReview(p.A, p.B), Kind: review.Pair, Subject: p.A + "|" + p.B,
			Feed: feed, Reason: reason, Priority: p.Score, Data: data, Created: at,
		}
		if x := byID[p.A]; x != nil {
			e.Category = x.Record.Category
		}
		entries = append(entries, e)
	}
	return entries, nil
}

// settle closes the open entries of touched pairs that are no question any
// more, and opens those again that were closed so and are one.
func (m *Match) settle(ctx context.Context, tx Tx, touched []string, pairs []catalog.Match, at time.Time) error {
	in := make(map[string]bool, len(touched))
	for _, id := range touched {
		in[id] = true
	}
	now := make(map[[2]string]catalog.Match, len(pairs))
	for _, p := range pairs {
		now[[2]string{p.A, p.B}] = p
	}
	return eachReview(ctx, tx, review.Filter{Kind: review.Pair}, func(e review.Entry) error {
		byData := e.State == review.Decided && e.Decider == closer
		if e.State == review.Decided && !byData {
			return nil
		}
		x, err := PairOf(e)
		if err != nil || !in[x.A] && !in[x.B] {
			return nil //nolint:nilerr // an entry that does not read is left to people
		}
		is, found := now[[2]string{x.A, x.B}]
		open := found && is.Verdict == catalog.Review
		switch {
		case open && byData:
			e.History = append(e.History, review.Step{At: at, Actor: closer, Action: "undo", Decision: e.Decision, Note: "the data leave it open again"})
			e.State, e.Decision, e.Decider, e.Note, e.Decided = review.Open, "", "", "", time.Time{}
		case !open && !byData:
			word, note := Obsolete, "the pair is no candidate any more"
			if found && is.Verdict == catalog.Duplicate {
				word, note = Same, "later data decide: "+first(is.Reasons)
			} else if found {
				word, note = Different, "later data decide: "+first(is.Reasons)
			}
			e.State, e.Holder, e.Until = review.Decided, "", time.Time{}
			e.Decision, e.Decider, e.Note, e.Decided = word, closer, note, at
			e.History = append(e.History, review.Step{At: at, Actor: closer, Action: "decide", Decision: word, Note: note})
		default:
			return nil
		}
		_, err = tx.UpdateReview(ctx, e)
		return err
	})
}

func first(s []string) string {
	if len(s) == 0 {
		return ""
	}
	return s[0]
}

// eachReview pages through the entries that f selects. What visit changes does
// not move an entry within the order.
func eachReview(ctx context.Context, s review.Store, f review.Filter, visit func(review.Entry) error) error {
	f.Limit = 1000
	for {
		page, err := s.Reviews(ctx, f)
		if err != nil {
			return err
		}
		for _, e := range page {
			if err := visit(e); err != nil {
				return err
			}
		}
		if len(page) < f.Limit {
			return nil
		}
		f.After = page[len(page)-1].ID
	}
}

// pairDecisions are what people decided about pairs of which one item is among
// ids; nil ids mean all.
func pairDecisions(ctx context.Context, s review.Store, ids []string) ([]catalog.Decision, error) {
	in := make(map[string]bool, len(ids))
	for _, id := range ids {
		in[id] = true
	}
	var out []catalog.Decision
	err := eachReview(ctx, s, review.Filter{Kind: review.Pair, State: review.Decided}, func(e review.Entry) error {
		if e.Decider == closer || e.Decision != Same && e.Decision != Different {
			return nil
		}
		x, err := PairOf(e)
		if err != nil || ids != nil && !in[x.A] && !in[x.B] {
			return nil //nolint:nilerr // nothing can be made of it
		}
		out = append(out, catalog.Decision{A: x.A, B: x.B, Same: e.Decision == Same, Who: e.Decider, Note: e.Note})
		return nil
	})
	return out, err
}

// requested tells what joined the queue, one event per feed, kind and category.
func requested(entries []review.Entry, b MatchBatch, at time.Time) ([]Outgoing, error) {
	type key struct {
		feed     string
		kind     review.Kind
		category string
	}
	var order []key
	sets := map[key]*ReviewData{}
	for _, e := range entries {
		k := key{cmp.Or(b.Feed, e.Feed), e.Kind, e.Category}
		d := sets[k]
		if d == nil {
			d = &ReviewData{Kind: string(e.Kind), Feed: k.feed, Batch: b.Batch, Category: e.Category, Entries: []string{}}
			sets[k] = d
			order = append(order, k)
		}
		d.Count++
		if len(d.Entries) < PairsInEvent {
			d.Entries = append(d.Entries, e.ID)
		}
	}
	var out []Outgoing
	for _, k := range order {
		d := sets[k]
		subject := b.Batch
		if subject == "" {
			subject = d.Entries[0]
		}
		e, err := pipeline.NewEvent(pipeline.ReviewRequested, source(k.feed), subject+"/"+string(k.kind)+"/"+k.category, k.feed, at, d)
		if err != nil {
			return nil, err
		}
		out = append(out, Outgoing{Event: &e})
	}
	return out, nil
}
