package httpapi

import (
	"context"
	"strconv"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
)

// ListClusterEvents lists what happened to clusters.
func (s *Server) ListClusterEvents(ctx context.Context, r ListClusterEventsRequestObject) (ListClusterEventsResponseObject, error) {
	p := r.Params
	filters := []string{p.Cluster, p.Item}
	after, err := readCursor(p.Cursor, "cluster-events", filters, 1)
	if err != nil {
		return nil, err
	}
	n := limitOf(p.Limit)
	q := catalog.HistoryQuery{Cluster: p.Cluster, Item: p.Item, Limit: n + 1}
	if after != nil {
		if q.Before, err = strconv.ParseInt(after[0], 10, 64); err != nil || q.Before < 1 {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "the cursor is not one of this list").WithHint("take next of the page before, as it is")
		}
	}
	page, err := s.opt.People.Store.ClusterEvents(ctx, q)
	if err != nil {
		return nil, err
	}
	out := ListClusterEvents200JSONResponse{Data: page}
	if len(page) > n {
		out.Data = page[:n]
		out.Next = writeCursor("cluster-events", filters, strconv.FormatInt(page[n-1].Seq, 10))
	}
	if out.Data == nil {
		out.Data = []ClusterEvent{}
	}
	return out, nil
}
