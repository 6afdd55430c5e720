package pages

import (
	_ "embed"
	"fmt"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/page"
)

//go:embed overview.html
var overviewSource string

var overviewPage = template("overview", overviewSource)

// feedsPerPage keeps a page of the overview readable, and small.
const feedsPerPage = 50

// ratesShown is how many batches a sparkline goes back.
const ratesShown = 20

func (p *Pages) overviewRoutes() {
	p.page("overview", "GET /{$}", "listFeeds", p.overview)
}

type overviewView struct {
	Total, Matching, Open, Held, Waiting, Late string
	Name                                       string
	States                                     []choice
	Feeds                                      []feedRow
	Pager                                      pager
	Filtered                                   bool
}

// A choice is an option of a select.
type choice struct {
	Value, Name string
	Here        bool
}

type feedRow struct {
	Feed, To                   string
	Breaker, Cause             string
	Batch, BatchTo, At         string
	Stage, Verdict, Age, Due   string
	Rate                       string
	Line                       *page.Line
	Held, Waiting, Late, Wrong string
	WaitingTo, HeldTo          string
}

var feedStates = []choice{{"", "all", false}, {flow.StateOpen, "breaker not closed", false}, {flow.StateHeld, "held batches", false}, {flow.StateWaiting, "waiting for approval", false}, {flow.StateLate, "something amiss", false}}

// overview shows how the feeds are, a page at a time; the filter stands in the
// address.
func (p *Pages) overview(v *visit) (*screen, error) {
	q := v.URL.Query()
	f := flow.OverviewFilter{Name: q.Get("q"), State: q.Get("state"), After: q.Get("after"), Limit: feedsPerPage, Rates: ratesShown}
	o, err := p.opt.Use.Overview.Page(v.Context(), f)
	if err != nil {
		return nil, err
	}
	now := p.opt.Use.Overview.Now()
	out := overviewView{Total: count(int64(o.Total)), Matching: count(int64(o.Matching)), Open: count(int64(o.Open)), Held: count(int64(o.Held)), Waiting: count(int64(o.Waiting)), Late: count(int64(o.Late)),
		Name: f.Name, Filtered: f.Name != "" || f.State != ""}
	for _, c := range feedStates {
		c.Here = c.Value == f.State
		out.States = append(out.States, c)
	}
	for _, l := range o.Feeds {
		out.Feeds = append(out.Feeds, rowOf(l, now))
	}
	out.Pager.Label = "pages of feeds"
	if f.After != "" {
		out.Pager.First = to(nil, "q", f.Name, "state", f.State)
	}
	if o.More {
		out.Pager.Next = to(nil, "q", f.Name, "state", f.State, "after", o.Feeds[len(o.Feeds)-1].Feed)
	}
	return &screen{Title: "Overview", Here: "/", Main: out, t: overviewPage}, nil
}

func rowOf(l flow.FeedLine, now time.Time) feedRow {
	r := feedRow{Feed: page.Short(l.Feed, 100), To: to([]string{"feeds", l.Feed}), Breaker: string(l.Breaker), Cause: page.Short(l.Cause, 200),
		Stage: string(l.BatchStage), Verdict: string(l.Verdict), At: moment(l.BatchAt), Due: moment(l.Due), Wrong: page.Short(l.Problem, 300)}
	if l.Batch != "" {
		r.Batch, r.BatchTo = pipeline.ShortID(l.Batch), to([]string{"batches", l.Batch})
		r.Rate = rate(l.RejectRate)
	}
	if l.Age >= 0 {
		r.Age = age(time.Duration(l.Age) * time.Second)
	}
	if !l.Due.IsZero() && l.Due.Before(now) {
		r.Late = "due since " + moment(l.Due)
	}
	for _, x := range l.Open {
		r.Late = page.Short(x.Kind+": "+x.Detail, 200)
	}
	if l.Held > 0 {
		r.Held, r.HeldTo = count(int64(l.Held)), to([]string{"feeds", l.Feed, "batches"}, "stage", "held")
	}
	if l.Waiting > 0 {
		r.Waiting, r.WaitingTo = count(int64(l.Waiting)), to([]string{"feeds", l.Feed, "batches"}, "stage", "waiting")
	}
	if len(l.Rates) > 1 {
		line := sparkline(l.Rates)
		r.Line = &line
	}
	return r
}

// sparkline draws the reject rates of batches, the oldest on the left.
func sparkline(rates []float64) page.Line {
	vs := make([]page.Value, len(rates))
	highest := 0.0
	for i, r := range rates {
		vs[i].Y = r
		highest = max(highest, r)
	}
	return page.Draw(fmt.Sprintf("reject rate of %d batches, at most %s", len(rates), rate(highest)), 100, 22, 0, 0, 0.01, vs)
}
