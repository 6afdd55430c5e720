package evals

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/assay-pipeline/assay/pipeline"
)

// pass answers and scores every case once. Once more cases failed than may, the
// others are not asked any more.
func (r *Runner) pass(ctx context.Context, set *Set, pass, passes int) ([]Scored, error) {
	out := make([]Scored, len(set.Cases))
	var failed, done atomic.Int64
	limit := int64(set.mayFail())
	score, err := r.scorer(ctx, set)
	if err != nil {
		if down(err) { // the whole suite could not be answered
			for i := range out {
				out[i] = Scored{Case: set.Cases[i].ID, Error: pipeline.ErrorMessage(err)}
			}
			return out, nil
		}
		return nil, err
	}
	one := func(i int) {
		c := &set.Cases[i]
		if failed.Load() > limit {
			out[i] = Scored{Case: c.ID, Error: "not asked: too many cases before it failed"}
			return
		}
		s := score(ctx, c)
		s.Slices = r.Subject.slicesOf(set.Suite, c)
		out[i] = s
		if s.Error != "" {
			failed.Add(1)
		}
		if n := done.Add(1); r.Step != nil {
			r.Step(set.Name, pass+1, passes, int(n), len(out))
		}
	}
	if err := r.each(ctx, len(out), one); err != nil {
		return nil, err
	}
	// The call log is written in groups: it is read when the pass is over.
	for i := range out {
		r.Subject.audit(ctx, &set.Cases[i], &out[i])
		out[i].weigh(set.Suite)
	}
	return out, nil
}

// down reports whether an error says that something could not be reached.
func down(err error) bool {
	switch pipeline.ErrorCode(err) {
	case pipeline.CodeUnavailable, pipeline.CodeLimit, pipeline.CodeUnauthorized, pipeline.CodeDenied:
		return true
	}
	return false
}

// scorer prepares what scores the cases of a set.
func (r *Runner) scorer(ctx context.Context, set *Set) (func(context.Context, *Case) Scored, error) {
	s := r.Subject
	switch set.Task {
	case Parse:
		return func(ctx context.Context, c *Case) Scored { return s.scoreParse(ctx, set.Suite, c) }, nil
	case Category:
		return func(ctx context.Context, c *Case) Scored { return s.scoreCategory(ctx, set.Suite, c) }, nil
	case Guard:
		return s.scoreGuard, nil
	case Retrieve:
		return func(ctx context.Context, c *Case) Scored { return s.scoreRetrieve(ctx, set.Suite, c) }, nil
	case Search:
		in, err := s.searcher(ctx, set, r.each)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, c *Case) Scored { return s.scoreSearch(ctx, set.Suite, c, in) }, nil
	case Match:
		p, err := s.pair(ctx, set.Cases, r.each)
		if err != nil {
			return nil, err
		}
		told := map[string]bool{}
		scored := make(map[string]Scored, len(set.Cases))
		for i := range set.Cases { // in order: who is told of a breach depends on it
			scored[set.Cases[i].ID] = p.score(&set.Cases[i], told)
		}
		return func(_ context.Context, c *Case) Scored { return scored[c.ID] }, nil
	}
	return nil, pipeline.Errorf(pipeline.CodeInternal, "nobody scores the task %q", set.Task)
}

// each calls f for 0..n-1 on the workers. It ends early where ctx does.
func (r *Runner) each(ctx context.Context, n int, f func(i int)) error {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(max(1, r.Subject.Workers), n) {
		wg.Go(func() {
			for ctx.Err() == nil {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				f(i)
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return pipeline.Errorf(pipeline.CodeCanceled, "running a suite: %w", err)
	}
	return nil
}
