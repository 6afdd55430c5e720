package httpapi

import (
	"context"
	"strconv"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
)

// ListDuplicates lists judged pairs.
func (s *Server) ListDuplicates(ctx context.Context, r ListDuplicatesRequestObject) (ListDuplicatesResponseObject, error) {
	p := r.Params
	filters := []string{p.Item, string(p.Verdict), strconv.FormatFloat(p.MinScore, 'g', -1, 64)}
	after, err := readCursor(p.Cursor, "duplicates", filters, 2)
	if err != nil {
		return nil, err
	}
	n := limitOf(p.Limit)
	q := catalog.MatchQuery{Item: p.Item, Verdict: catalog.Verdict(p.Verdict), MinScore: p.MinScore, Limit: n + 1}
	if after != nil {
		q.AfterA, q.AfterB = after[0], after[1]
	}
	page, err := s.opt.People.Store.MatchPage(ctx, q)
	if err != nil {
		return nil, err
	}
	out := ListDuplicates200JSONResponse{Data: page}
	if len(page) > n {
		out.Data = page[:n]
		out.Next = writeCursor("duplicates", filters, page[n-1].A, page[n-1].B)
	}
	if out.Data == nil {
		out.Data = []Match{}
	}
	for i := range out.Data {
		if out.Data[i].Reasons == nil {
			out.Data[i].Reasons = []string{}
		}
	}
	return out, nil
}

// ExplainPair says why two items are, or are not, one thing.
func (s *Server) ExplainPair(ctx context.Context, r ExplainPairRequestObject) (ExplainPairResponseObject, error) {
	if r.Params.A == r.Params.B {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "a and b are one item")
	}
	found, err := s.items(ctx, r.Params.A, r.Params.B)
	if err != nil {
		return nil, err
	}
	m, why := s.opt.People.Match.Matcher.Explain(&found[0], &found[1])
	if m.Reasons == nil {
		m.Reasons = []string{}
	}
	if why == nil {
		why = []Evidence{}
	}
	return ExplainPair200JSONResponse{Match: m, Evidence: why, Items: []Item{found[0].Item, found[1].Item}}, nil
}

// ListClusters lists clusters of items that are one thing.
func (s *Server) ListClusters(ctx context.Context, r ListClustersRequestObject) (ListClustersResponseObject, error) {
	p := r.Params
	filters := []string{p.Item}
	after, err := readCursor(p.Cursor, "clusters", filters, 1)
	if err != nil {
		return nil, err
	}
	n := limitOf(p.Limit)
	q := catalog.ClusterQuery{Item: p.Item, Limit: n + 1}
	if after != nil {
		q.After = after[0]
	}
	page, err := s.opt.People.Store.ClusterPage(ctx, q)
	if err != nil {
		return nil, err
	}
	out := ListClusters200JSONResponse{Data: page}
	if len(page) > n {
		out.Data = page[:n]
		out.Next = writeCursor("clusters", filters, page[n-1].ID)
	}
	if out.Data == nil {
		out.Data = []Cluster{}
	}
	return out, nil
}

// GetCluster is the golden record of a cluster.
func (s *Server) GetCluster(ctx context.Context, r GetClusterRequestObject) (GetClusterResponseObject, error) {
	found, err := s.opt.People.Store.ClusterPage(ctx, catalog.ClusterQuery{ID: r.Cluster, Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, pipeline.Errorf(pipeline.CodeNotFound, "there is no cluster %q", cut(r.Cluster)).WithHint("GET /v1/clusters?item=… finds the one of an item")
	}
	entries, err := s.opt.People.Store.Entries(ctx, catalog.Query{IDs: found[0].Items, Live: true})
	if err != nil {
		return nil, err
	}
	g := s.opt.People.Match.Matcher.Golden(found[0], entries)
	if g.Values == nil {
		g.Values = []GoldenValue{}
	}
	return GetCluster200JSONResponse(g), nil
}
