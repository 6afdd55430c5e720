package httpapi

import (
	"context"
	"slices"
	"strconv"
	"strings"

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
	var ids []string
	if p.Item != "" {
		ids = []string{p.Item}
	}
	all, err := s.opt.People.Store.Matches(ctx, ids)
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(m catalog.Match) bool {
		return p.Verdict != "" && string(m.Verdict) != string(p.Verdict) || m.Score < p.MinScore
	})
	if after != nil {
		i, found := slices.BinarySearchFunc(all, after, func(m catalog.Match, k []string) int { return slices.Compare([]string{m.A, m.B}, k) })
		if found {
			i++
		}
		all = all[i:]
	}
	n := limitOf(p.Limit)
	out := ListDuplicates200JSONResponse{Data: all}
	if len(all) > n {
		out.Data = all[:n]
		out.Next = writeCursor("duplicates", filters, all[n-1].A, all[n-1].B)
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
	var items []string
	if p.Item != "" {
		items = []string{p.Item}
	}
	all, err := s.opt.People.Store.Clusters(ctx, items)
	if err != nil {
		return nil, err
	}
	page, last := pageOf(all, func(c Cluster) string { return c.ID }, after, limitOf(p.Limit))
	out := ListClusters200JSONResponse{Data: page}
	if last != "" {
		out.Next = writeCursor("clusters", filters, last)
	}
	return out, nil
}

// GetCluster is the golden record of a cluster.
func (s *Server) GetCluster(ctx context.Context, r GetClusterRequestObject) (GetClusterResponseObject, error) {
	all, err := s.opt.People.Store.Clusters(ctx, nil)
	if err != nil {
		return nil, err
	}
	i, found := slices.BinarySearchFunc(all, r.Cluster, func(c Cluster, id string) int { return strings.Compare(c.ID, id) })
	if !found {
		return nil, pipeline.Errorf(pipeline.CodeNotFound, "there is no cluster %q", cut(r.Cluster)).WithHint("GET /v1/clusters?item=… finds the one of an item")
	}
	entries, err := s.opt.People.Store.Entries(ctx, catalog.Query{IDs: all[i].Items, Live: true})
	if err != nil {
		return nil, err
	}
	g := s.opt.People.Match.Matcher.Golden(all[i], entries)
	if g.Values == nil {
		g.Values = []GoldenValue{}
	}
	return GetCluster200JSONResponse(g), nil
}
