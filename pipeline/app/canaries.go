package app

import (
	"context"
	"errors"
	"io/fs"
	"strings"

	"github.com/assay-pipeline/assay/evals/observe"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/knowledge/retrieve"
)

// canaryFile holds queries of the project's own, beside the suites.
const canaryFile = "canaries.jsonl"

// Canaries builds what asks live indexes queries whose answers are known: the
// check at the moment of entry, the search, and the passages of the knowledge. It
// asks the indexes themselves, whatever stands in for them meanwhile.
func (a *App) Canaries(ctx context.Context) (*flow.Canaries, error) {
	s, err := a.Store(ctx)
	if err != nil {
		return nil, err
	}
	own, err := a.ownCanaries()
	if err != nil {
		return nil, err
	}
	check, err := a.CheckItem(ctx)
	if err != nil {
		return nil, err
	}
	search, err := a.Search(ctx)
	if err != nil {
		return nil, err
	}
	check.Breaker, search.Breaker = nil, nil
	p := rulesParser(search.Pack) // a model is not asked each hour
	check.Parser, search.Parser = p, p
	index, err := a.Retriever(ctx)
	if err != nil {
		return nil, err
	}
	version, err := a.indexVersion(ctx, s)
	if err != nil {
		return nil, err
	}
	return &flow.Canaries{Store: s, Wire: a.wire(s), Now: a.now, Log: a.log, Sets: []flow.CanarySet{
		{Name: flow.ItemCanaries, Scope: flow.MatchStage, K: 3, Own: own[flow.ItemCanaries], Find: func(ctx context.Context, query string, k int) ([]string, error) {
			as, err := check.Items(ctx, []pipeline.Item{{Source: query}})
			if err != nil {
				return nil, err
			}
			var ids []string
			for _, m := range as[0].Matches {
				ids = append(ids, m.Item)
			}
			return ids, nil
		}},
		{Name: flow.SearchCanaries, Scope: flow.SearchStage, K: 3, Own: own[flow.SearchCanaries], Find: func(ctx context.Context, query string, k int) ([]string, error) {
			r, err := search.Query(ctx, query, k)
			if err != nil {
				return nil, err
			}
			var ids []string
			for _, f := range r.Found {
				ids = append(ids, f.ID)
			}
			return ids, nil
		}},
		{Name: flow.KnowledgeCanaries, Scope: flow.RetrieveStage, Version: version, K: 5, Own: own[flow.KnowledgeCanaries], Passages: passageQueries(index), Find: func(ctx context.Context, query string, k int) ([]string, error) {
			hits, err := index.Find(ctx, retrieve.Query{Text: query, Stage: retrieve.Parsing, K: k})
			if err != nil {
				return nil, err
			}
			var ids []string
			for _, h := range hits {
				ids = append(ids, lasting(h.ID))
			}
			return ids, nil
		}},
	}}, nil
}

// ownCanaries are the queries that the project wrote, by set.
func (a *App) ownCanaries() (map[string][]observe.Query, error) {
	folder, err := a.EvalFolder()
	if err != nil {
		return nil, err
	}
	f, err := folder.Open(canaryFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, pipeline.Errorf(pipeline.CodeUnavailable, "%s: %w", canaryFile, err)
	}
	defer func() { _ = f.Close() }()
	written, err := observe.ReadCanaries(canaryFile, f, flow.ItemCanaries, flow.SearchCanaries, flow.KnowledgeCanaries)
	if err != nil {
		return nil, err
	}
	out := map[string][]observe.Query{}
	for _, w := range written {
		out[w.Set] = append(out[w.Set], w.Query)
	}
	return out, nil
}

// indexVersion names what the index of the knowledge is made of: the pack and the
// newest snapshot of documents.
func (a *App) indexVersion(ctx context.Context, s Store) (string, error) {
	pack, err := a.Knowledge()
	if err != nil {
		return "", err
	}
	all, err := s.DocumentSnapshots(ctx)
	if err != nil {
		return "", err
	}
	newest := ""
	if len(all) > 0 {
		newest = all[len(all)-1].ID
	}
	return pipeline.ShortID(pipeline.ContentID("index", pack.Hash(), newest)), nil
}

// lasting is the id of a passage without the snapshot that a document's chunk
// came by: doc/SOURCE#N.
func lasting(id string) string {
	rest, ok := strings.CutPrefix(id, "doc/")
	if !ok {
		return id
	}
	_, rest, _ = strings.Cut(rest, "/")
	return "doc/" + rest
}

// passageQueries ask for each passage that parsing may be shown by its title and
// its first words.
func passageQueries(index *retrieve.Index) []observe.Query {
	const words = 12
	var out []observe.Query
	for _, p := range index.All() {
		if p.Kind != retrieve.Document && p.Kind != retrieve.Guideline && p.Kind != retrieve.Standard || !p.Serves(retrieve.Parsing) {
			continue
		}
		first := strings.Fields(p.Title + " " + p.Text)
		id := lasting(p.ID)
		out = append(out, observe.Query{ID: id, Text: strings.Join(first[:min(words, len(first))], " "), All: []string{id}})
	}
	return out
}
