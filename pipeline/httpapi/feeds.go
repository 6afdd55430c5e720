package httpapi

import (
	"context"
	"slices"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

// ListFeeds says how every feed is.
func (s *Server) ListFeeds(ctx context.Context, r ListFeedsRequestObject) (ListFeedsResponseObject, error) {
	after, err := readCursor(r.Params.Cursor, "feeds", nil, 1)
	if err != nil {
		return nil, err
	}
	all, err := s.opt.Overview.List(ctx)
	if err != nil {
		return nil, err
	}
	page, last := pageOf(all, func(f FeedState) string { return f.Feed }, after, limitOf(r.Params.Limit))
	out := ListFeeds200JSONResponse{Data: page}
	if last != "" {
		out.Next = writeCursor("feeds", nil, last)
	}
	return out, nil
}

// GetFeed says how a feed is.
func (s *Server) GetFeed(ctx context.Context, r GetFeedRequestObject) (GetFeedResponseObject, error) {
	o := *s.opt.Overview
	if !slices.Contains(o.Names(), r.Feed) {
		return nil, noFeed(r.Feed)
	}
	o.Feeds = []string{r.Feed}
	all, err := o.List(ctx)
	if err != nil {
		return nil, err
	}
	return GetFeed200JSONResponse(all[0]), nil
}

func noFeed(name string) error {
	return pipeline.Errorf(pipeline.CodeNotFound, "there is no feed %q", cut(name)).WithHint("GET /v1/feeds lists those that have a contract")
}

// GetStatus is the status marker of a feed.
func (s *Server) GetStatus(ctx context.Context, r GetStatusRequestObject) (GetStatusResponseObject, error) {
	st, err := s.opt.Overview.Lake.Status(ctx, r.Feed)
	if pipeline.ErrorCode(err) == pipeline.CodeNotFound {
		return nil, pipeline.Errorf(pipeline.CodeNotFound, "feed %q has no status marker", cut(r.Feed)).WithHint("the first batch that is decided writes it")
	}
	return GetStatus200JSONResponse(st), err
}

// CheckHistory says what the checks of a feed found over time.
func (s *Server) CheckHistory(ctx context.Context, r CheckHistoryRequestObject) (CheckHistoryResponseObject, error) {
	since := r.Params.Since
	if since == "" {
		since = "7d"
	}
	back, err := contract.ParseDuration(since)
	if err != nil || back <= 0 {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "since: %q is not a duration", since).WithHint("write it like 24h or 7d")
	}
	h, err := s.opt.Overview.History(ctx, r.Feed, s.opt.Overview.Now().Add(-back), r.Params.Check)
	if err != nil {
		return nil, err
	}
	return CheckHistory200JSONResponse(*h), nil
}
