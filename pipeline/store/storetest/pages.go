package storetest

import (
	"slices"
	"testing"

	"github.com/assay-pipeline/assay/pipeline/catalog"
)

func matchPages(t *testing.T, p Place) {
	s := p(t)
	var all []catalog.Match
	for n := range 25 {
		m := match(id("i", n/3), id("j", n), catalog.Duplicate)
		m.Score = float64(n) / 25
		if n%2 == 0 {
			m.Verdict = catalog.Review
		}
		all = append(all, m)
	}
	all = append(all, match("z", "é", catalog.Distinct)) // ids order by bytes
	ok(t, s.ReplaceMatches(ctx, nil, all))
	for _, q := range []catalog.MatchQuery{
		{}, {Verdict: catalog.Review}, {Verdict: catalog.Distinct}, {Item: id("i", 4)}, {Item: id("j", 7)}, {Item: "z"}, {Item: "nobody"},
		{MinScore: 0.5}, {Verdict: catalog.Duplicate, MinScore: 0.4, Item: id("i", 5)},
	} {
		want := slices.DeleteFunc(slices.Clone(all), func(m catalog.Match) bool {
			return q.Item != "" && m.A != q.Item && m.B != q.Item || q.Verdict != "" && m.Verdict != q.Verdict || m.Score < q.MinScore
		})
		var got []catalog.Match
		for q.Limit = 4; ; {
			page := must(s.MatchPage(ctx, q))(t)
			got = append(got, page...)
			if len(page) > q.Limit {
				t.Fatalf("%+v: a page of %d", q, len(page))
			}
			if len(page) < q.Limit {
				break
			}
			q.AfterA, q.AfterB = page[q.Limit-1].A, page[q.Limit-1].B
		}
		equal(t, "pages", len(got), len(want))
		if len(want) > 0 {
			equal(t, "pages", got, want)
		}
		q.AfterA, q.AfterB, q.Limit = "", "", 0
		equal(t, "one large page", len(must(s.MatchPage(ctx, q))(t)), len(want))
	}
}

func clusterPages(t *testing.T, p Place) {
	s := p(t)
	var all []catalog.Cluster
	for n := range 11 {
		c := catalog.Cluster{ID: id("k", n)}
		for i := range 1 + n%4 {
			c.Items = append(c.Items, id(c.ID+"/", i))
		}
		all = append(all, c)
	}
	ok(t, s.PutClusters(ctx, nil, all))
	var got []catalog.Cluster
	q := catalog.ClusterQuery{Limit: 3}
	for {
		page := must(s.ClusterPage(ctx, q))(t)
		got = append(got, page...)
		if len(page) < q.Limit {
			break
		}
		q.After = page[len(page)-1].ID
	}
	equal(t, "pages", got, all)
	equal(t, "one large page", must(s.ClusterPage(ctx, catalog.ClusterQuery{}))(t), all)
	equal(t, "by id", must(s.ClusterPage(ctx, catalog.ClusterQuery{ID: all[3].ID}))(t), all[3:4])
	equal(t, "of an item", must(s.ClusterPage(ctx, catalog.ClusterQuery{Item: all[7].Items[2]}))(t), all[7:8])
	equal(t, "of an item, behind", len(must(s.ClusterPage(ctx, catalog.ClusterQuery{Item: all[7].Items[2], After: all[7].ID}))(t)), 0)
	equal(t, "of none", len(must(s.ClusterPage(ctx, catalog.ClusterQuery{ID: "k"}))(t)), 0)
}
