package flow

import (
	"context"
	"encoding/json"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
)

// A CatalogReport says how complete and how clean the catalog is, and was.
type CatalogReport struct {
	Items  int           `json:"items"`
	Groups []ReportGroup `json:"groups"`
}

// A ReportGroup is the items of one category, plant or source, with what stood
// after earlier batches, the oldest first.
type ReportGroup struct {
	catalog.Group
	Trend []ReportTrend `json:"trend"`
}

// A ReportTrend is a group as it stood after an earlier batch.
type ReportTrend struct {
	Batch         string    `json:"batch"`
	At            time.Time `json:"at"`
	Items         int       `json:"items"`
	Incomplete    float64   `json:"incomplete"`
	LowConfidence float64   `json:"low_confidence"`
	Duplicates    float64   `json:"duplicates"`
}

// Report counts the live items in groups by category, plant and source, or by
// one of these alone; the trend looks back over the last batches. Errors:
// invalid (another by), corrupt, unavailable.
func (p *People) Report(ctx context.Context, by string, last int) (CatalogReport, error) {
	switch by {
	case "", "category", "plant", "source":
	default:
		return CatalogReport{}, pipeline.Errorf(pipeline.CodeInvalid, "groups by %q are not known", by).WithHint("use category, plant or source")
	}
	count := p.Match.Matcher.NewReporter()
	if err := eachCluster(ctx, p.Store, func(cs []catalog.Cluster) { count.Clusters(cs) }); err != nil {
		return CatalogReport{}, err
	}
	if err := eachEntries(ctx, p.Store, catalog.Query{Live: true}, func(es []catalog.Entry) { count.Entries(es) }); err != nil {
		return CatalogReport{}, err
	}
	var snaps []catalog.Snapshot
	if last > 0 {
		var err error
		if snaps, err = p.Store.Snapshots(ctx, last); err != nil {
			return CatalogReport{}, err
		}
	}
	was := map[[2]string][]ReportTrend{}
	for _, s := range snaps {
		var old catalog.Report
		if err := json.Unmarshal(s.Figures, &old); err != nil {
			return CatalogReport{}, pipeline.Errorf(pipeline.CodeCorrupt, "the report of batch %s does not read: %w", s.Batch, err)
		}
		for _, g := range old.Groups {
			k := [2]string{g.By, g.Name}
			was[k] = append(was[k], ReportTrend{s.Batch, s.At, g.Items, g.Incomplete, g.LowConfidence, g.Duplicates})
		}
	}
	r := count.Report()
	out := CatalogReport{Items: r.Items, Groups: []ReportGroup{}}
	for _, g := range r.Groups {
		if by != "" && g.By != by {
			continue
		}
		t := was[[2]string{g.By, g.Name}]
		if t == nil {
			t = []ReportTrend{}
		}
		if g.Missing == nil {
			g.Missing = []catalog.Share{}
		}
		out.Groups = append(out.Groups, ReportGroup{g, t})
	}
	return out, nil
}

// eachCluster visits all clusters, a page at a time.
func eachCluster(ctx context.Context, s catalog.Pages, visit func([]catalog.Cluster)) error {
	q := catalog.ClusterQuery{Limit: 1000}
	for {
		page, err := s.ClusterPage(ctx, q)
		if err != nil {
			return err
		}
		visit(page)
		if len(page) < q.Limit {
			return nil
		}
		q.After = page[len(page)-1].ID
	}
}

// eachEntries visits the entries that q selects, a page at a time.
func eachEntries(ctx context.Context, s catalog.Store, q catalog.Query, visit func([]catalog.Entry)) error {
	q.Limit = 5000
	for {
		page, err := s.Entries(ctx, q)
		if err != nil {
			return err
		}
		visit(page)
		if len(page) < q.Limit {
			return nil
		}
		q.After = page[len(page)-1].Item.ID
	}
}
