package httpapi_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/httpapi"
)

// paged refuses what reads a list whole, and counts what is read of items.
type paged struct {
	flow.Store
	entries *int
}

func (p paged) Matches(context.Context, []string) ([]catalog.Match, error) {
	return nil, pipeline.Errorf(pipeline.CodeInternal, "all pairs are read for a page")
}

func (p paged) Clusters(context.Context, []string) ([]catalog.Cluster, error) {
	return nil, pipeline.Errorf(pipeline.CodeInternal, "all clusters are read for a page")
}

func (p paged) Entries(ctx context.Context, q catalog.Query) ([]catalog.Entry, error) {
	if q.Limit == 0 && q.IDs == nil || q.Limit > 500 {
		return nil, pipeline.Errorf(pipeline.CodeInternal, "%d items are read for a page", q.Limit)
	}
	es, err := p.Store.Entries(ctx, q)
	*p.entries += len(es)
	return es, err
}

// A page costs what it shows: no list reads the whole catalog for it.
func TestPagesAreReadAsPages(t *testing.T) {
	n := 0
	api := serve(t, func(o *httpapi.Options) {
		people := *o.People
		people.Store = paged{people.Store, &n}
		o.People = &people
	})
	for _, list := range []string{"/v1/duplicates", "/v1/duplicates?verdict=review&min_score=0.2", "/v1/duplicates?item=parts%2FP-1001",
		"/v1/clusters", "/v1/cluster-events", "/v1/cluster-events?item=parts%2FP-1001", "/v1/clusters?item=parts%2FP-1001", "/v1/questions", "/v1/questions?feed=parts", "/v1/items"} {
		sep := "?"
		if strings.Contains(list, "?") {
			sep = "&"
		}
		if w := get(t, api, list+sep+"limit=1"); w.Code != http.StatusOK {
			t.Errorf("%s: %d %s", list, w.Code, w.Body)
		}
	}
	if n == 0 {
		t.Error("no item was read through the store of this test")
	}
}
