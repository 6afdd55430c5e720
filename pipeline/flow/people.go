package flow

import (
	"context"
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
