package evals

import (
	"context"

	"github.com/assay-pipeline/assay/pipeline/catalog"
)

// What the tests outside of the package look at: those that need a store cannot
// stand inside of it.

const MaxExamples = maxExamples

var (
	Ordered      = ordered
	RulesSubject = rulesSubject
	LoadSet      = load1
)

func (s *Set) MayFail() int { return s.mayFail() }

func (c *Case) Sides() (string, string) { return c.sides() }

// Entries are the two items of a case as a matcher sees them.
func (r *Runner) Entries(ctx context.Context, c Case) (a, b *catalog.Entry, err error) {
	p, err := r.Subject.pair(ctx, []Case{c}, r.each)
	if err != nil {
		return nil, nil, err
	}
	x, y := c.sides()
	return &p.entries[p.at[x]], &p.entries[p.at[y]], nil
}
