package flow

import (
	"context"

	"github.com/assay-pipeline/assay/pipeline/catalog"
)

// exact answers by part numbers and designations alone, which need no index of
// vectors and no weights: what states the same one is put to a person, and that
// nothing does proves nothing, so no item is called new.
func (c *CheckItem) exact(ctx context.Context, entries []catalog.Entry, why string) ([]catalog.Answer, error) {
	large, err := c.large(ctx)
	if err != nil {
		return nil, err
	}
	var live *catalog.Live
	if !large {
		if live, err = c.Live(ctx); err != nil {
			return nil, err
		}
	}
	answers := make([]catalog.Answer, len(entries))
	for i := range entries {
		e := &entries[i]
		var found []catalog.Entry
		exists := false
		if large {
			ids, err := c.Near.WithParts(ctx, catalog.PartKeys(e), partsAtOnce)
			if err != nil {
				return nil, err
			}
			if found, err = c.fetch(ctx, e, append(ids, e.Item.ID)); err != nil {
				return nil, err
			}
		} else {
			found = live.Stating(e, partsAtOnce)
			_, exists = live.Entry(e.Item.ID)
		}
		candidates := make([]*catalog.Entry, 0, len(found))
		for k := range found {
			if found[k].Item.ID == e.Item.ID {
				exists = e.Item.ID != ""
				continue
			}
			candidates = append(candidates, &found[k])
		}
		a, err := c.Matcher.Check(ctx, e, candidates)
		if err != nil {
			return nil, err
		}
		a.Exists, a.Verdict, a.Degraded = exists, catalog.Review, why
		for k := range a.Matches {
			if a.Matches[k].Verdict == catalog.Duplicate {
				a.Matches[k].Verdict = catalog.Review
			}
		}
		answers[i] = a
	}
	return answers, nil
}
