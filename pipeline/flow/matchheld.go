package flow

import (
	"context"
	"slices"

	"github.com/assay-pipeline/assay/pipeline/catalog"
)

// heldBackReason stands first among the reasons of a pair that would have been
// called a duplicate, had the breaker of matching been closed.
const heldBackReason = "matching was not to be trusted when this pair was found: somebody has to look"

// holdBack turns the duplicates among pairs into reviews, but for those that were
// duplicates before: what is known is not torn apart, nothing new is merged.
func holdBack(ctx context.Context, tx catalog.Store, touched []string, pairs []catalog.Match) error {
	stored, err := tx.Matches(ctx, touched)
	if err != nil {
		return err
	}
	known := map[[2]string]bool{}
	for _, x := range stored {
		if x.Verdict == catalog.Duplicate {
			known[[2]string{x.A, x.B}] = true
		}
	}
	for i := range pairs {
		if x := &pairs[i]; x.Verdict == catalog.Duplicate && !known[[2]string{x.A, x.B}] {
			x.Verdict, x.Reasons = catalog.Review, append([]string{heldBackReason}, x.Reasons...)
		}
	}
	return nil
}

// heldBack are the items of pairs that were held back while the breaker of
// matching was not closed, once it is: they are judged again.
func (m *Match) heldBack(ctx context.Context) ([]string, error) {
	state, moved, err := m.Breaker.Moved(ctx)
	if err != nil || moved || state.Version == 0 {
		return nil, err // never moved: nothing was held back
	}
	stored, err := m.Store.Matches(ctx, nil)
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, x := range stored {
		if len(x.Reasons) > 0 && x.Reasons[0] == heldBackReason {
			ids = append(ids, x.A, x.B)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids), nil
}
