package httpapi

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/review"
)

// ListReviews lists what waits for a decision, the most pressing first.
func (s *Server) ListReviews(ctx context.Context, r ListReviewsRequestObject) (ListReviewsResponseObject, error) {
	p := r.Params
	filters := []string{string(p.Kind), string(p.State), p.Feed, p.Category, p.Subject}
	after, err := readCursor(p.Cursor, "reviews", filters, 1)
	if err != nil {
		return nil, err
	}
	n := limitOf(p.Limit)
	f := review.Filter{Kind: p.Kind, Feed: p.Feed, Category: p.Category, Subject: p.Subject, Limit: n + 1}
	if after != nil {
		f.After = after[0]
	}
	states := []string{string(p.State)}
	switch p.State {
	case "", Waiting:
		states = []string{review.Open, review.Leased}
	case All:
		states = []string{""}
	}
	all := []Review{}
	for _, f.State = range states {
		part, err := s.opt.People.Store.Reviews(ctx, f)
		if pipeline.ErrorCode(err) == pipeline.CodeNotFound {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "the entry where the page before ended is gone").WithHint("begin again without a cursor")
		}
		if err != nil {
			return nil, err
		}
		all = append(all, part...)
	}
	slices.SortStableFunc(all, pressing)
	out := ListReviews200JSONResponse{Data: all}
	if len(all) > n {
		out.Data = all[:n]
		out.Next = writeCursor("reviews", filters, all[n-1].ID)
	}
	return out, nil
}

// pressing is the order of the queue.
func pressing(a, b Review) int {
	switch {
	case a.Priority != b.Priority:
		if a.Priority > b.Priority {
			return -1
		}
		return 1
	case !a.Created.Equal(b.Created):
		return a.Created.Compare(b.Created)
	}
	return strings.Compare(a.ID, b.ID)
}

// GetReview is one entry of the queue.
func (s *Server) GetReview(ctx context.Context, r GetReviewRequestObject) (GetReviewResponseObject, error) {
	e, err := s.opt.People.Store.Review(ctx, r.Review)
	return GetReview200JSONResponse(e), noReview(r.Review, err)
}

// noReview says in the words of the API that there is no such entry.
func noReview(id string, err error) error {
	if pipeline.ErrorCode(err) == pipeline.CodeNotFound {
		return pipeline.Errorf(pipeline.CodeNotFound, "there is no review %q", cut(id)).WithHint("GET /v1/reviews lists them")
	}
	return err
}

func leaseOf(seconds int) time.Duration {
	if seconds == 0 {
		return 15 * time.Minute
	}
	return time.Duration(seconds) * time.Second
}

// ClaimNext takes the most pressing entry that nobody holds.
func (s *Server) ClaimNext(ctx context.Context, r ClaimNextRequestObject) (ClaimNextResponseObject, error) {
	b := r.Body
	e, err := s.opt.People.Claim(ctx, Who(ctx), leaseOf(b.LeaseSeconds), review.Filter{Kind: b.Kind, Feed: b.Feed, Category: b.Category})
	return ClaimNext200JSONResponse(e), err
}

func (s *Server) queue() review.Queue {
	return review.Queue{Store: s.opt.People.Store, Now: s.opt.People.Now}
}

// ClaimReview takes a certain entry, or extends its lease.
func (s *Server) ClaimReview(ctx context.Context, r ClaimReviewRequestObject) (ClaimReviewResponseObject, error) {
	e, err := s.queue().Take(ctx, r.Review, Who(ctx), leaseOf(r.Body.LeaseSeconds))
	return ClaimReview200JSONResponse(e), noReview(r.Review, err)
}

// ReleaseReview gives a lease up.
func (s *Server) ReleaseReview(ctx context.Context, r ReleaseReviewRequestObject) (ReleaseReviewResponseObject, error) {
	e, err := s.queue().Release(ctx, r.Review, Who(ctx))
	return ReleaseReview200JSONResponse(e), noReview(r.Review, err)
}

// DecideReview decides an entry; it takes effect at once.
func (s *Server) DecideReview(ctx context.Context, r DecideReviewRequestObject) (DecideReviewResponseObject, error) {
	e, err := s.opt.People.Store.Review(ctx, r.Review)
	if err != nil {
		return nil, noReview(r.Review, err)
	}
	if e.Kind == review.Batch {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "review %s is of a held batch", pipeline.ShortID(e.ID)).WithHint("POST /v1/batches/%s:approve or :reject decides it", e.Subject)
	}
	v := flow.Verdict{Decision: r.Body.Decision, Who: Who(ctx), Note: r.Body.Note, Set: r.Body.Set, Source: r.Body.Source}
	e, err = inTurn(ctx, s, theCatalog, func() (Review, error) { return s.opt.People.Decide(ctx, r.Review, v) })
	return DecideReview200JSONResponse(e), err
}

// UndoReview takes a decision back, and what it did.
func (s *Server) UndoReview(ctx context.Context, r UndoReviewRequestObject) (UndoReviewResponseObject, error) {
	e, err := inTurn(ctx, s, theCatalog, func() (Review, error) { return s.opt.People.Undo(ctx, r.Review, Who(ctx), r.Body.Note) })
	return UndoReview200JSONResponse(e), noReview(r.Review, err)
}
