package httpapi

import (
	"context"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// seen is a breaker as clients see it: as it stands now, without the samples
// that it remembers.
func (s *Server) seen(b breaker.State) Breaker {
	if feed, ok := strings.CutPrefix(b.Key.Scope, "feed:"); ok && b.Key.Signal == flow.Quality {
		// An open one whose cooldown is over is half-open, whoever notices it.
		if f, err := s.opt.Ingest.Contracts.Feed(feed); err == nil {
			if p, err := flow.BreakerPolicy(f); err == nil {
				b, _ = p.Tick(b, s.opt.Ingest.Now().UTC())
			}
		}
	}
	if b.Position == "" {
		b.Position = breaker.Closed
	}
	b.Window, b.Folded = nil, nil
	return b
}

func breakerKey(b Breaker) string { return b.Key.Scope + "\x00" + b.Key.Signal }

// ListBreakers lists breakers.
func (s *Server) ListBreakers(ctx context.Context, r ListBreakersRequestObject) (ListBreakersResponseObject, error) {
	after, err := readCursor(r.Params.Cursor, "breakers", nil, 1)
	if err != nil {
		return nil, err
	}
	all, err := s.opt.Ingest.Store.Breakers(ctx)
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b Breaker) int { return strings.Compare(breakerKey(a), breakerKey(b)) })
	page, last := pageOf(all, breakerKey, after, limitOf(r.Params.Limit))
	for i := range page {
		page[i] = s.seen(page[i])
	}
	out := ListBreakers200JSONResponse{Data: page}
	if last != "" {
		out.Next = writeCursor("breakers", nil, last)
	}
	return out, nil
}

// GetBreaker is the breaker of a feed, with its history.
func (s *Server) GetBreaker(ctx context.Context, r GetBreakerRequestObject) (GetBreakerResponseObject, error) {
	key := flow.FeedBreaker(r.Feed)
	b, err := s.opt.Ingest.Store.LoadBreaker(ctx, key)
	if err != nil {
		return nil, err
	}
	if _, err := s.opt.Ingest.Contracts.Feed(r.Feed); b.Version == 0 && pipeline.ErrorCode(err) == pipeline.CodeNotFound {
		return nil, noFeed(r.Feed)
	}
	_, ts, err := s.opt.Ingest.Store.BreakerHistory(ctx, key)
	if err != nil {
		return nil, err
	}
	if ts == nil {
		ts = []Transition{}
	}
	b.Key = key
	return GetBreaker200JSONResponse{Breaker: s.seen(b), Transitions: ts}, nil
}

// signal moves the breaker of a feed by hand.
func (s *Server) signal(ctx context.Context, feed, command, reason string) (Breaker, error) {
	return inTurn(ctx, s, "feed/"+feed, func() (Breaker, error) {
		if _, err := s.opt.Ingest.Signal(ctx, feed, command, Who(ctx), reason); err != nil {
			return Breaker{}, err
		}
		// As it is stored now, with its version.
		b, err := s.opt.Ingest.Store.LoadBreaker(ctx, flow.FeedBreaker(feed))
		return s.seen(b), err
	})
}

// TripBreaker opens the breaker of a feed.
func (s *Server) TripBreaker(ctx context.Context, r TripBreakerRequestObject) (TripBreakerResponseObject, error) {
	b, err := s.signal(ctx, r.Feed, breaker.Trip, r.Body.Reason)
	return TripBreaker200JSONResponse(b), err
}

// ResetBreaker closes the breaker of a feed.
func (s *Server) ResetBreaker(ctx context.Context, r ResetBreakerRequestObject) (ResetBreakerResponseObject, error) {
	b, err := s.signal(ctx, r.Feed, breaker.Reset, r.Body.Reason)
	return ResetBreaker200JSONResponse(b), err
}

// RetryBreaker makes an open breaker half-open before its cooldown is over.
func (s *Server) RetryBreaker(ctx context.Context, r RetryBreakerRequestObject) (RetryBreakerResponseObject, error) {
	b, err := s.signal(ctx, r.Feed, breaker.Retry, r.Body.Reason)
	return RetryBreaker200JSONResponse(b), err
}
