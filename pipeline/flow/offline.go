package flow

import (
	"context"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/embed"
	"github.com/assay-pipeline/assay/pipeline/parse"
)

// Offline matches whole catalogs in memory, without a lake or a store.
type Offline struct {
	Parser   *parse.Parser
	Embedder embed.Embedder
	Matcher  *catalog.Matcher
	// Adviser, where set, is asked about the pairs for review.
	Adviser *catalog.Adviser
	// Step, where set, is told of progress.
	Step func(stage string, done, total int)
}

// offlineAtOnce is how many items are parsed between two looks at the context.
const offlineAtOnce = 1000

// Match parses items, judges every candidate pair, and forms clusters. Ids are
// unique; invalid otherwise.
func (o *Offline) Match(ctx context.Context, items []pipeline.Item) ([]catalog.Match, []catalog.Cluster, error) {
	entries, err := o.Entries(ctx, items)
	if err != nil {
		return nil, nil, err
	}
	if o.Step != nil {
		o.Step("match", 0, -1)
	}
	ids := make([]string, len(entries))
	for i, e := range entries {
		ids[i] = e.Item.ID
	}
	pairs, err := o.Matcher.Pairs(ctx, entries, ids)
	if err != nil {
		return nil, nil, err
	}
	if o.Adviser != nil {
		if o.Step != nil {
			o.Step("advise", 0, -1)
		}
		if _, err := o.Adviser.Advise(ctx, entries, pairs); err != nil {
			return nil, nil, err
		}
	}
	clusters, _, err := o.Matcher.Clusters(ctx, entries, pairs, nil)
	return pairs, clusters, err
}

// Entries parses and embeds items.
func (o *Offline) Entries(ctx context.Context, items []pipeline.Item) ([]catalog.Entry, error) {
	seen := make(map[string]bool, len(items))
	entries := make([]catalog.Entry, 0, len(items))
	for start := 0; start < len(items); start += offlineAtOnce {
		part := items[start:min(start+offlineAtOnce, len(items))]
		texts := make([]string, len(part))
		for i, it := range part {
			if seen[it.ID] {
				return nil, pipeline.Errorf(pipeline.CodeInvalid, "two items have the id %q", it.ID).WithHint("name a column that identifies an item with --id")
			}
			seen[it.ID] = true
			texts[i] = it.Source
		}
		records, err := o.Parser.ParseAll(ctx, part)
		if err != nil {
			return nil, err
		}
		vectors, err := o.Embedder.Embed(ctx, texts)
		if err != nil {
			return nil, err
		}
		for i, it := range part {
			entries = append(entries, catalog.Entry{Item: it, Record: records[i], Space: o.Embedder.Space(), Vector: vectors[i]})
		}
		if o.Step != nil {
			o.Step("parse", len(entries), len(items))
		}
	}
	return entries, nil
}
