package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/review"
)

// clusterItems is how many items every twentieth one begins a cluster of, and
// largestCluster how many the first has.
const (
	clusterItems   = 3
	largestCluster = 500
)

func clusterID(n int) string { return pipeline.ContentID("bench", "cluster", fmt.Sprint(n)) }

func itemID(n int) string { return fmt.Sprintf("%s/P-%07d", feedName(n%*feeds), n) }

// people fills what people look at besides: a question for every pair that could
// not be told, a cluster for every twentieth item, and the reports of the catalog
// after a dozen batches, with a group for each feed. What is there stays.
func people(ctx context.Context, a *app.App) error {
	s, err := a.Store(ctx)
	if err != nil {
		return err
	}
	if n, err := s.CountReviews(ctx, review.Filter{Kind: review.Pair, Limit: 1}); err != nil || n > 0 {
		return err
	}
	at := time.Now().UTC().Truncate(time.Second)
	matches, err := s.Matches(ctx, nil)
	if err != nil {
		return err
	}
	for len(matches) > 0 {
		var es []review.Entry
		for _, m := range matches[:min(1000, len(matches))] {
			m.Reasons = []string{"the outer diameter differs, and nothing else decides"}
			data, err := json.Marshal(m)
			if err != nil {
				return err
			}
			es = append(es, review.Entry{ID: flow.PairReview(m.A, m.B), Kind: review.Pair, Subject: m.A + "|" + m.B, Feed: m.A[:len(feedName(0))], Category: "washer",
				Reason: m.Reasons[0], Priority: m.Score, Data: data, Created: at})
		}
		if err := s.Atomic(ctx, func(tx flow.Tx) error { return tx.AddReviews(ctx, es) }); err != nil {
			return err
		}
		matches = matches[len(es):]
	}
	cluster := func(n, from, items int) catalog.Cluster {
		c := catalog.Cluster{ID: clusterID(n)}
		for i := range items {
			c.Items = append(c.Items, itemID(from+i))
		}
		return c
	}
	cs := []catalog.Cluster{cluster(0, 0, min(largestCluster, *items/2))}
	for n := largestCluster; n+clusterItems < *items; n += 20 {
		if cs = append(cs, cluster(1+(n-largestCluster)/20, n, clusterItems)); len(cs) == 2000 {
			if err := s.PutClusters(ctx, nil, cs); err != nil {
				return err
			}
			cs = cs[:0]
		}
	}
	if err := s.PutClusters(ctx, nil, cs); err != nil {
		return err
	}
	for b := range 12 {
		r := catalog.Report{Items: *items}
		group := func(by, name string, items int) {
			r.Groups = append(r.Groups, catalog.Group{By: by, Name: name, Items: items, Incomplete: 0.1 + float64(b)/100, LowConfidence: 0.05, Duplicates: 0.1,
				Missing: []catalog.Share{{Attribute: "washer.outer_diameter", Items: items / 10, Of: items, Share: 0.1}}})
		}
		group("category", "washer", *items)
		for _, plant := range []string{"north", "south"} {
			group("plant", plant, *items/2)
		}
		for n := range *feeds {
			group("source", feedName(n), *items / *feeds)
		}
		figures, err := json.Marshal(r)
		if err != nil {
			return err
		}
		if err := s.PutSnapshot(ctx, catalog.Snapshot{Batch: pipeline.ContentID("bench", "snapshot", fmt.Sprint(b)), At: at.AddDate(0, 0, b-12), Figures: figures}); err != nil {
			return err
		}
	}
	return nil
}
