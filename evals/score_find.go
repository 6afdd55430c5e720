package evals

import (
	"context"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/knowledge/retrieve"
)

// depth is how many results the scorers of a suite look at.
func (s *Suite) depth() int {
	k := 1
	for _, sc := range s.Scorers {
		k = max(k, sc.K)
	}
	return k
}

func (s *Subject) scoreRetrieve(ctx context.Context, suite *Suite, c *Case) Scored {
	out := Scored{Case: c.ID, Text: c.Query}
	at := s.Now()
	hits, err := s.Retriever.Find(ctx, retrieve.Query{Text: c.Query, Stage: c.Stage, Category: c.Category, K: suite.depth()})
	out.Spent.Latency = s.Now().Sub(at)
	if err != nil {
		out.Error = pipeline.ErrorMessage(err)
		return out
	}
	ids := make([]string, len(hits))
	for i, h := range hits {
		ids[i] = h.ID
	}
	out.ranked(suite, c, ids)
	return out
}

// searcher reads the catalog of a search suite; queries are read by the same
// reader as the items, as the command line does.
func (s *Subject) searcher(ctx context.Context, set *Set, each func(ctx context.Context, n int, f func(i int)) error) (*catalog.Searcher, error) {
	items := make([]pipeline.Item, len(set.Catalog))
	for i, it := range set.Catalog {
		items[i] = pipeline.Item{ID: it.ID, Source: it.Text, Meta: it.Meta}
	}
	entries, read, err := s.entries(ctx, items, each)
	if err != nil {
		return nil, err
	}
	for i, sc := range read {
		if sc.Error != "" {
			return nil, pipeline.Errorf(pipeline.CodeUnavailable, "the item %s of the catalog could not be read: %s", items[i].ID, sc.Error)
		}
	}
	found, err := catalog.NewSearcher(ctx, s.Pack, entries, s.Embedder)
	if err != nil {
		return nil, err
	}
	found.Reader = func(ctx context.Context, text string) (pipeline.Record, error) {
		return s.Reader.Parse(ctx, pipeline.Item{ID: "query", Source: text})
	}
	return found, nil
}

func (s *Subject) scoreSearch(ctx context.Context, suite *Suite, c *Case, in *catalog.Searcher) Scored {
	out := Scored{Case: c.ID, Text: c.Query}
	at := s.Now()
	found, err := in.Search(ctx, c.Query, suite.depth())
	out.Spent.Latency = s.Now().Sub(at)
	if err != nil {
		out.Error = pipeline.ErrorMessage(err)
		return out
	}
	ids := make([]string, len(found))
	for i, f := range found {
		ids[i] = f.ID
	}
	out.ranked(suite, c, ids)
	return out
}

// ranked scores a list of results, the best first.
func (out *Scored) ranked(suite *Suite, c *Case, ids []string) {
	relevant := func(id string) bool { return slices.Contains(c.Want.Any, id) || slices.Contains(c.Want.All, id) }
	for _, sc := range suite.Scorers {
		top := ids[:min(len(ids), sc.K)]
		switch sc.Type {
		case Precision:
			n := 0
			for _, id := range top {
				n += int(bit(relevant(id)))
			}
			// Of k places, not of those that were filled: nothing found is not
			// precise.
			out.set(sc.Name(), float64(n)/float64(sc.K))
		case Recall:
			out.set(sc.Name(), recallOf(c, top))
		case MRR:
			v := 0.0
			if i := slices.IndexFunc(top, relevant); i >= 0 {
				v = 1 / float64(i+1)
			}
			out.set(sc.Name(), v)
		}
	}
	if first := slices.IndexFunc(ids, relevant); first != 0 {
		out.miss("result", strings.Join(append(slices.Clone(c.Want.All), c.Want.Any...), ", "), strings.Join(ids[:min(len(ids), 3)], ", "))
	}
}

// recallOf counts each of All once, and Any as one more.
func recallOf(c *Case, top []string) float64 {
	found, of := 0, len(c.Want.All)
	for _, id := range c.Want.All {
		found += int(bit(slices.Contains(top, id)))
	}
	if len(c.Want.Any) > 0 {
		of++
		found += int(bit(slices.ContainsFunc(c.Want.Any, func(id string) bool { return slices.Contains(top, id) })))
	}
	return share(float64(found), float64(of))
}
