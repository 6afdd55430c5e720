package httpapi

import (
	"context"
	"strconv"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
)

// CheckItems looks for duplicates before items are created.
func (s *Server) CheckItems(ctx context.Context, r CheckItemsRequestObject) (CheckItemsResponseObject, error) {
	items := make([]pipeline.Item, len(r.Body.Items))
	given := map[int]map[string]string{}
	for i, n := range r.Body.Items {
		items[i] = pipeline.Item{ID: n.ID, Source: n.Text, Meta: pipeline.Meta{
			Category: n.Category, Manufacturer: n.Manufacturer, PartNumber: n.PartNumber, UnitOfMeas: n.UnitOfMeasure,
			PackQuantity: n.PackQuantity, Group: n.MaterialGroup, Procurement: n.ProcurementGroup, Plant: n.Plant, Language: n.Language,
		}}
		if len(n.Attributes) > 0 {
			given[i] = n.Attributes
		}
	}
	answers, err := s.opt.Check.Ask(ctx, items, given)
	if err != nil {
		return nil, err
	}
	if r.Body.Existing != Allow {
		if err := existing(items, answers); err != nil {
			return nil, err
		}
	}
	for i := range answers {
		a := &answers[i]
		if a.Matches == nil {
			a.Matches = []catalog.Checked{}
		}
		for j := range a.Matches {
			if !r.Body.Explain {
				a.Matches[j].Evidence = nil
			}
		}
	}
	return CheckItems200JSONResponse{Answers: answers}, nil
}

// existing refuses ids that the catalog has already.
func existing(items []pipeline.Item, answers []catalog.Answer) error {
	var taken []string
	for i, a := range answers {
		if a.Exists {
			taken = append(taken, strconv.Quote(items[i].ID))
		}
	}
	if len(taken) == 0 {
		return nil
	}
	return pipeline.Errorf(pipeline.CodeConflict, "the catalog has %s already", cut(strings.Join(taken, ", "))).
		WithHint(`give the new item another id, or say "existing": "allow" to check a changed description`)
}

// ListItems lists items in the order of their ids.
func (s *Server) ListItems(ctx context.Context, r ListItemsRequestObject) (ListItemsResponseObject, error) {
	p := r.Params
	filters := []string{p.Feed, p.Category, p.Batch}
	after, err := readCursor(p.Cursor, "items", filters, 1)
	if err != nil {
		return nil, err
	}
	n := limitOf(p.Limit)
	q := catalog.Query{Feed: p.Feed, Category: p.Category, Batch: p.Batch, Live: true, Limit: n + 1}
	if after != nil {
		q.After = after[0]
	}
	entries, err := s.opt.People.Store.Entries(ctx, q)
	if err != nil {
		return nil, err
	}
	out := ListItems200JSONResponse{Data: entries}
	if len(entries) > n {
		out.Data = entries[:n]
		out.Next = writeCursor("items", filters, entries[n-1].Item.ID)
	}
	if out.Data == nil {
		out.Data = []Entry{}
	}
	return out, nil
}

// GetItem is one item with its record.
func (s *Server) GetItem(ctx context.Context, r GetItemRequestObject) (GetItemResponseObject, error) {
	found, err := s.items(ctx, r.Item)
	if err != nil {
		return nil, err
	}
	return GetItem200JSONResponse(found[0]), nil
}

// items are the live items of these ids, in their order. Error: not_found,
// where there is one that is not.
func (s *Server) items(ctx context.Context, ids ...string) ([]catalog.Entry, error) {
	found, err := s.opt.People.Store.Entries(ctx, catalog.Query{IDs: ids, Live: true})
	if err != nil {
		return nil, err
	}
	by := map[string]catalog.Entry{}
	for _, e := range found {
		by[e.Item.ID] = e
	}
	out := make([]catalog.Entry, len(ids))
	for i, id := range ids {
		e, ok := by[id]
		if !ok {
			return nil, pipeline.Errorf(pipeline.CodeNotFound, "there is no item %q", cut(id)).WithHint("the slash of an id is written %%2F in a path")
		}
		out[i] = e
	}
	return out, nil
}

// deepest is how far a search can be paged through.
const deepest = 10_000

// Search answers a query by text and typed filters.
func (s *Server) Search(ctx context.Context, r SearchRequestObject) (SearchResponseObject, error) {
	query, err := s.query(r.Params)
	if err != nil {
		return nil, err
	}
	skip := 0
	key, err := readCursor(r.Params.Cursor, "search", []string{query}, 1)
	if err != nil {
		return nil, err
	}
	if key != nil {
		if skip, err = strconv.Atoi(key[0]); err != nil || skip < 0 || skip > deepest {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "the cursor is not one of this list")
		}
	}
	n := limitOf(r.Params.Limit)
	res, err := s.opt.Search.Query(ctx, query, skip+n)
	if err != nil {
		return nil, err
	}
	out := Search200JSONResponse{Data: []SearchResult{}, Total: res.Total, TotalAtLeast: res.AtLeast, FacetsOf: res.FacetsOf, Facets: res.Facets, Degraded: res.Degraded}
	for _, f := range res.Found[min(skip, len(res.Found)):] {
		out.Data = append(out.Data, SearchResult{ID: f.ID, Score: f.Score, Why: f.Why, Record: f.Entry.Record})
	}
	if end := skip + n; res.Total > end && end < deepest && (res.FacetsOf == 0 || end < res.FacetsOf) {
		out.Next = writeCursor("search", []string{query}, strconv.Itoa(end))
	}
	return out, nil
}

// query is q with the filters behind it, each of which must be one.
func (s *Server) query(p SearchParams) (string, error) {
	parts := make([]string, 0, 1+len(p.Filter))
	if p.Q != "" {
		parts = append(parts, p.Q)
	}
	for _, f := range p.Filter {
		// A value with spaces stands in quotes within a query; here it is alone.
		if i := strings.LastIndexAny(f, "=<>"); i >= 0 && strings.ContainsAny(f[i:], " \t") && !strings.Contains(f, `"`) {
			f = f[:i+1] + `"` + strings.TrimSpace(f[i+1:]) + `"`
		}
		text, filters, err := catalog.ParseQuery(s.opt.Search.Pack, f)
		if err != nil {
			return "", err
		}
		if text != "" || len(filters) != 1 {
			return "", pipeline.Errorf(pipeline.CodeInvalid, "%q is no filter", cut(f)).WithHint("write it like bore=25mm or voltage>=400V; words stand in q")
		}
		parts = append(parts, f)
	}
	return strings.Join(parts, " "), nil
}
