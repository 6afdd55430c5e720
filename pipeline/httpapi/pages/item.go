package pages

import (
	_ "embed"
	"net/url"
	"slices"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/page"
	"github.com/assay-pipeline/assay/pipeline/review"
)

//go:embed item.html
var itemSource string

var itemTemplate = thingTemplate("item", itemSource)

func (p *Pages) itemRoutes() {
	p.page("item", "GET /items/{item...}", "getItem", (*visit).item)
	p.page("compare", "GET /compare", "explainPair", (*visit).comparePage)
	p.page("cluster", "GET /clusters/{cluster}", "getCluster", (*visit).cluster)
	p.page("clusters", "GET /clusters", "listClusters", (*visit).clusters)
	p.page("search", "GET /search", "search", (*visit).search)
	p.page("catalog", "GET /catalog", "catalogReport", (*visit).catalog)
}

// itemPage is one item with all that is known of it.
type itemPage struct {
	thing
	Batch, BatchTo string
	Updated        string
	Degraded       bool
	Trace          []traceLine
	Neighbours     []neighbour
	More           int // neighbours that are not shown
	Cluster        string
	ClusterTo      string
	Others         []link // other items of the cluster
	History        []historyLine
	Events         []eventLine // of the clusters it lies and lay in
	Older          bool        // there are more of them
	Waiting        []link      // of the review queue
	Find           string      // a search for its like
}

type link struct{ To, Name string }

type traceLine struct{ Did, Attribute, Detail, Call string }

// A neighbour is an item that was compared with this one.
type neighbour struct {
	To, Name, Text, Verdict, Class, Score, Why, Compare string
}

// bounds of what an item's page lists.
const (
	maxNeighbours = 30
	maxSteps      = 100
)

func (v *visit) item() (*screen, error) {
	id := v.PathValue("item")
	if id == "" {
		id = v.URL.Query().Get("id")
	}
	found, err := v.p.entries(v.Context(), id)
	if err != nil {
		return nil, err
	}
	e := &found[0]
	main := itemPage{thing: v.p.entryOf(e, maxSource), Batch: pipeline.ShortID(e.Batch), Updated: moment(e.Updated), Degraded: e.Item.Degraded}
	if e.Batch != "" {
		main.BatchTo = "/batches/" + url.PathEscape(e.Batch)
	}
	main.Find = "/search?" + url.Values{"q": {page.Short(e.Item.Source, 200)}}.Encode()
	for _, s := range e.Record.Trace[:min(len(e.Record.Trace), maxSteps)] {
		main.Trace = append(main.Trace, traceLine{page.Short(s.Did, 40), v.p.schema(e.Record.Category).title(s.Attribute), page.Short(s.Detail, 300), page.Short(s.Call, 80)})
	}
	entries, err := v.neighbours(e.Item.ID, &main)
	if err != nil {
		return nil, err
	}
	if err := v.clusterOf(e.Item.ID, &main); err != nil {
		return nil, err
	}
	var events []catalog.ClusterEvent
	if main.Events, events, main.Older, err = v.history(catalog.HistoryQuery{Item: e.Item.ID}); err != nil {
		return nil, err
	}
	if e.Retired {
		entries = pairsOf(e.Item.ID, once(events))
	}
	if err := v.decisions(e.Item.ID, entries, &main); err != nil {
		return nil, err
	}
	return &screen{Title: main.ID, Here: "/search", t: itemTemplate, Main: &main}, nil
}

// neighbours lists the judged pairs of an item, what is likeliest one thing first,
// and returns the ids of the queue's entries about them.
func (v *visit) neighbours(id string, main *itemPage) (reviews []string, err error) {
	ms, err := v.p.opt.Store.Matches(v.Context(), []string{id})
	if err != nil {
		return nil, err
	}
	slices.SortStableFunc(ms, func(a, b catalog.Match) int {
		switch {
		case a.Score > b.Score:
			return -1
		case a.Score < b.Score:
			return 1
		}
		return 0
	})
	main.More = max(len(ms)-maxNeighbours, 0)
	ms = ms[:min(len(ms), maxNeighbours)]
	ids := make([]string, 0, len(ms))
	for _, m := range ms {
		ids = append(ids, other(m, id))
	}
	texts := map[string]string{}
	if len(ids) > 0 {
		es, err := v.p.opt.Store.Entries(v.Context(), catalog.Query{IDs: ids})
		if err != nil {
			return nil, err
		}
		for i := range es {
			texts[es[i].Item.ID] = es[i].Item.Source
		}
	}
	for _, m := range ms {
		o := other(m, id)
		n := neighbour{To: itemAddress(o), Name: page.Short(o, 200), Text: page.Short(texts[o], 200), Verdict: string(m.Verdict), Score: percent(m.Score), Compare: compareAddress(m.A, m.B)}
		n.Class = map[catalog.Verdict]string{catalog.Duplicate: "passed", catalog.Review: "warned"}[m.Verdict]
		if len(m.Reasons) > 0 {
			n.Why = page.Short(m.Reasons[0], 300)
		}
		main.Neighbours = append(main.Neighbours, n)
		reviews = append(reviews, flow.PairReview(m.A, m.B))
	}
	return reviews, nil
}

// once are the items that lay in a cluster with another, by what its history names.
func once(events []catalog.ClusterEvent) []string {
	var ids []string
	for i := range events {
		ids = append(append(ids, events[i].Came.Items...), events[i].Went.Items...)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	return ids[:min(len(ids), maxNeighbours)]
}

// pairsOf are the ids of the queue's entries about an item and each of others: the
// pairs of an item that has left are not kept, what people said of them is.
func pairsOf(id string, others []string) []string {
	var out []string
	for _, o := range others {
		if o != id {
			out = append(out, flow.PairReview(min(id, o), max(id, o)))
		}
	}
	return out
}

func other(m catalog.Match, id string) string {
	if m.A == id {
		return m.B
	}
	return m.A
}

func (v *visit) clusterOf(id string, main *itemPage) error {
	cs, err := v.p.opt.Store.Clusters(v.Context(), []string{id})
	if err != nil || len(cs) == 0 {
		return err
	}
	c := cs[0]
	main.Cluster, main.ClusterTo = pipeline.ShortID(c.ID), "/clusters/"+url.PathEscape(c.ID)
	for _, o := range c.Items {
		if o != id && len(main.Others) < maxNeighbours {
			main.Others = append(main.Others, link{itemAddress(o), page.Short(o, 200)})
		}
	}
	return nil
}

// decisions are what people and later data said of an item and of its pairs, the
// oldest first, and what waits for them.
func (v *visit) decisions(id string, pairs []string, main *itemPage) error {
	about, err := v.p.opt.Store.Reviews(v.Context(), review.Filter{Subject: id, Limit: maxNeighbours})
	if err != nil {
		return err
	}
	for _, p := range pairs {
		e, err := v.p.opt.Store.Review(v.Context(), p)
		if is(err, pipeline.CodeNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		about = append(about, e)
	}
	type at struct {
		when time.Time
		line historyLine
	}
	var all []at
	for i := range about {
		e := &about[i]
		what := kindName[e.Kind] + " " + subjectOf(e)
		if e.State != review.Decided {
			main.Waiting = append(main.Waiting, link{"/reviews/" + url.PathEscape(e.ID), kindName[e.Kind] + ": " + page.Short(e.Reason, 200)})
		}
		for _, h := range stepsOf(e) {
			x := review.Entry{Kind: e.Kind, Decision: h.Decision}
			did := "decided " + decisionWords(&x)
			if h.Action == "undo" {
				did = "took back " + decisionWords(&x)
			}
			all = append(all, at{h.At, historyLine{moment(h.At), page.Short(h.Actor, 80), what + ": " + did, page.Short(h.Note, 300)}})
		}
	}
	slices.SortStableFunc(all, func(a, b at) int { return a.when.Compare(b.when) })
	for _, x := range all[max(len(all)-maxSteps, 0):] {
		main.History = append(main.History, x.line)
	}
	return nil
}
