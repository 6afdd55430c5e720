package pages

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/gate"
	"github.com/assay-pipeline/assay/pipeline/httpapi"
	"github.com/assay-pipeline/assay/pipeline/page"
)

//go:embed feed.html
var feedSource string

var feedPage = template("feed", feedSource+rowsSource)

// rowsSource defines "batchrows".
//
//go:embed rows.html
var rowsSource string

//go:embed batches.html
var batchesSource string

var batchesPage = template("batches", batchesSource+rowsSource)

// How many batches the page of a feed looks back over: each is a report to read.
var backs = []int{20, 50, 100}

func (p *Pages) feedRoutes() {
	p.page("feed", "GET /feeds/{feed}", "getFeed", p.feed)
	p.page("batches", "GET /feeds/{feed}/batches", "listBatches", p.batches)
	for _, c := range []struct{ command, operation string }{{breaker.Trip, "tripBreaker"}, {breaker.Reset, "resetBreaker"}, {breaker.Retry, "retryBreaker"}} {
		p.form(c.command, "POST /feeds/{feed}/"+c.command, c.operation, func(v *visit) (string, error) { return p.signal(v, c.command) })
	}
}

type feedView struct {
	Feed, To, BatchesTo string
	Row                 feedRow
	Backs               []choice
	Checks              []checkRow // that failed in this time, the most pressing first
	Passed              []checkRow
	Drift               []checkRow
	Fields              []fieldRow
	Moves               []moveRow
	Batches             []batchRow
	From, Until         string
	Signals             []signalForm
	MayOperate          bool
}

type signalForm struct{ To, Name, Why, Class string }

type checkRow struct {
	ID, Field, Rule, Severity, Passed, Failed, Dropped, Detail, Last string
	Line                                                             page.Line
}

type fieldRow struct {
	Field, Type, Nulls, Invalid, Distinct, Mean string
	Line                                        page.Line
	MeanLine                                    *page.Line
}

type moveRow struct{ At, From, To, Cause, Actor, Batch, BatchTo string }

type batchRow struct {
	ID, To, At, Key, Stage, Verdict, Decision, Read, Rejected, Rate, Reason string
}

var signalSaid = map[string]string{
	breaker.Trip:  "The breaker was opened.",
	breaker.Reset: "The breaker was closed.",
	breaker.Retry: "The breaker is half-open: the next batch is tried.",
}

// feed shows a feed over its last batches.
func (p *Pages) feed(v *visit) (*screen, error) {
	name := v.PathValue("feed")
	res, err := p.api.GetFeed(v.Context(), httpapi.GetFeedRequestObject{Feed: name})
	if err != nil {
		return nil, err
	}
	state, ok := res.(httpapi.GetFeed200JSONResponse)
	if !ok {
		return nil, pipeline.Errorf(pipeline.CodeInternal, "the answer is of another kind")
	}
	back, _ := strconv.Atoi(v.URL.Query().Get("batches"))
	if !slices.Contains(backs, back) {
		back = backs[0]
	}
	newest, err := p.opt.Store.Batches(v.Context(), flow.BatchFilter{Feed: name, Latest: true, Limit: back})
	if err != nil {
		return nil, err
	}
	now := p.opt.Use.Overview.Now()
	since := now
	if len(newest) > 0 {
		since = newest[len(newest)-1].Created
	}
	h, err := p.opt.Use.Overview.History(v.Context(), name, since, "")
	if err != nil {
		return nil, err
	}
	out := feedView{Feed: page.Short(name, 200), To: to([]string{"feeds", name}), BatchesTo: to([]string{"feeds", name, "batches"}),
		Row: rowOf(flow.FeedLine{FeedState: flow.FeedState(state)}, now), From: moment(since), Until: moment(now)}
	for _, n := range backs {
		out.Backs = append(out.Backs, choice{strconv.Itoa(n), strconv.Itoa(n), n == back})
	}
	out.charts(h)
	for _, t := range slices.Backward(h.Transitions) {
		r := moveRow{At: moment(t.At), From: string(t.From), To: string(t.To), Cause: page.Short(t.Cause, 300), Actor: page.Short(t.Actor, 100)}
		if t.Batch != "" {
			r.Batch, r.BatchTo = pipeline.ShortID(t.Batch), to([]string{"batches", t.Batch})
		}
		out.Moves = append(out.Moves, r)
	}
	for _, b := range newest[:min(len(newest), 10)] {
		out.Batches = append(out.Batches, rowOfBatch(b))
	}
	if out.MayOperate = v.Who.May(httpapi.ScopeOperate); out.MayOperate {
		trip := signalForm{out.To + "/" + breaker.Trip, "Open the breaker", "holds the batches that come", "bad"}
		reset := signalForm{out.To + "/" + breaker.Reset, "Close the breaker", "lets the next batch through", ""}
		retry := signalForm{out.To + "/" + breaker.Retry, "Try again now", "half-open, before the cooldown ends", ""}
		switch breaker.Position(out.Row.Breaker) {
		case breaker.Open:
			out.Signals = []signalForm{retry, reset}
		case breaker.HalfOpen:
			out.Signals = []signalForm{reset, trip}
		default:
			out.Signals = []signalForm{trip}
		}
	}
	return &screen{Title: page.Short(name, 100), Here: "/", Said: signalSaid[v.URL.Query().Get("said")], Main: out, t: feedPage}, nil
}

// charts draws checks and columns over the time of the history.
func (o *feedView) charts(h *flow.History) {
	from, until := axis(h)
	for _, c := range h.Checks {
		r := checkRow{ID: page.Short(c.ID, 200), Field: page.Short(c.Field, 100), Rule: c.Rule, Severity: c.Severity, Passed: count(c.Passed), Failed: count(c.Failed), Dropped: count(c.Dropped), Detail: page.Short(c.Detail, 400)}
		vs := make([]page.Value, len(c.Points))
		highest := 0.0
		for i, x := range c.Points {
			vs[i] = page.Value{At: seconds(x.At), Y: x.Rate()}
			highest = max(highest, x.Rate())
			if x.Result != "passed" {
				vs[i].Class, vs[i].Title = x.Result, fmt.Sprintf("%s, %s: %s", moment(x.At), x.Result, rate(x.Rate()))
			}
			r.Last = x.Result
		}
		r.Line = page.Draw(fmt.Sprintf("failed share over %d batches, at most %s", len(vs), rate(highest)), 260, 32, from, until, 0, vs)
		for _, t := range h.Transitions {
			if t.To == breaker.Open || t.To == breaker.Closed {
				r.Line.Rule(from, until, seconds(t.At), string(t.To), "breaker "+string(t.To)+" "+moment(t.At))
			}
		}
		if strings.Contains(strings.ToLower(c.Rule), "drift") {
			o.Drift = append(o.Drift, r)
		}
		if highest == 0 && r.Last == gate.ResultPassed {
			o.Passed = append(o.Passed, r)
		} else {
			o.Checks = append(o.Checks, r)
		}
	}
	slices.SortStableFunc(o.Checks, func(a, b checkRow) int { return slices.Index(worstFirst, a.Last) - slices.Index(worstFirst, b.Last) })
	for _, f := range h.Fields {
		last := f.Points[len(f.Points)-1]
		r := fieldRow{Field: page.Short(f.Field, 100), Type: f.Type, Nulls: rate(last.Nulls), Invalid: rate(last.Invalid), Distinct: count(int64(last.Distinct))}
		nulls, means := make([]page.Value, len(f.Points)), []page.Value{}
		low := 0.0
		for i, x := range f.Points {
			nulls[i] = page.Value{At: seconds(x.At), Y: x.Nulls}
			if x.Mean != nil {
				means = append(means, page.Value{At: seconds(x.At), Y: *x.Mean})
				low = min(low, *x.Mean)
			}
		}
		r.Line = page.Draw(fmt.Sprintf("share of nulls in %s over %d batches", r.Field, len(nulls)), 160, 28, from, until, 0.01, nulls)
		if len(means) > 0 {
			r.Mean = meanOf(f.Type, means[len(means)-1].Y)
			for i := range means {
				means[i].Y -= low // 0 is the bottom of a drawing
			}
			l := page.Draw(fmt.Sprintf("mean of %s over %d batches", r.Field, len(means)), 160, 28, from, until, 0, means)
			r.MeanLine = &l
		}
		o.Fields = append(o.Fields, r)
	}
}

// meanOf is the mean of a column in words: of dates it is a day.
func meanOf(kind string, mean float64) string {
	if contract.Type(kind) == contract.Date {
		return time.Unix(int64(mean)*86400, 0).UTC().Format(time.DateOnly)
	}
	return fmt.Sprintf("%.6g", mean)
}

func axis(h *flow.History) (from, until float64) {
	from, until = seconds(h.Since), seconds(h.Until)
	if n := len(h.Batches); n > 0 {
		until = max(seconds(h.Batches[n-1].At), from+1)
	}
	return from, until
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

func rowOfBatch(b flow.Batch) batchRow {
	r := batchRow{ID: pipeline.ShortID(b.ID), To: to([]string{"batches", b.ID}), At: moment(b.Created), Key: page.Short(b.Key, 200), Stage: string(b.Stage), Verdict: string(b.Verdict), Decision: string(b.Decision),
		Read: count(b.Rows.Read), Rejected: count(b.Rows.Rejected), Reason: page.Short(b.Reason, 300)}
	if b.Rows.Read > 0 {
		r.Rate = rate(float64(b.Rows.Rejected) / float64(b.Rows.Read))
	}
	return r
}

// signal moves the breaker of a feed by hand, as the API does.
func (p *Pages) signal(v *visit, command string) (string, error) {
	feed := v.PathValue("feed")
	reason, err := v.reason()
	if err != nil {
		return "", err
	}
	body := httpapi.ReasonRequest{Reason: reason}
	switch command {
	case breaker.Trip:
		_, err = p.api.TripBreaker(v.Context(), httpapi.TripBreakerRequestObject{Feed: feed, Body: &body})
	case breaker.Reset:
		_, err = p.api.ResetBreaker(v.Context(), httpapi.ResetBreakerRequestObject{Feed: feed, Body: &body})
	default:
		_, err = p.api.RetryBreaker(v.Context(), httpapi.RetryBreakerRequestObject{Feed: feed, Body: &body})
	}
	return to([]string{"feeds", feed}, "said", command), err
}

// reason is the reason that a person typed. Error: invalid.
func (v *visit) reason() (string, error) {
	reason := strings.TrimSpace(v.PostForm.Get("reason"))
	const most = 2000 // as the document of the API has it
	if reason == "" || len(reason) > most {
		return "", pipeline.Errorf(pipeline.CodeInvalid, "say why, in at most %d characters", most).WithHint("the history shows it to who looks later")
	}
	return reason, nil
}

type batchesView struct {
	Feed, To string
	Stages   []choice
	Batches  []batchRow
	Total    string
	Pager    pager
}

var stages = []choice{{"", "all", false}, {"held", "held", false}, {"waiting", "waiting for approval", false}, {"done", "done", false}, {"rejected", "rejected by a person", false}, {"unjudged", "could not be judged", false}, {"duplicate", "duplicates", false}}

// batches lists the batches of a feed, the newest first, a page at a time.
func (p *Pages) batches(v *visit) (*screen, error) {
	feed, q := v.PathValue("feed"), v.URL.Query()
	f := flow.BatchFilter{Feed: feed, Stage: flow.Stage(q.Get("stage")), Latest: true, Limit: feedsPerPage + 1}
	if !slices.ContainsFunc(stages, func(c choice) bool { return c.Value == string(f.Stage) }) {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "batches have no stage %q", cut(string(f.Stage)))
	}
	if after := q.Get("after"); after != "" {
		at, id, _ := strings.Cut(after, "~")
		t, err := time.Parse(time.RFC3339Nano, at)
		if err != nil || id == "" {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "this is no place in the list").WithHint("begin with the first page")
		}
		f.AfterTime, f.AfterID = t, id
	}
	bs, err := p.opt.Store.Batches(v.Context(), f)
	if err != nil {
		return nil, err
	}
	if len(bs) == 0 && !slices.Contains(p.opt.Use.Overview.Names(), feed) {
		if any, err := p.opt.Store.Batches(v.Context(), flow.BatchFilter{Feed: feed, Limit: 1}); err != nil || len(any) == 0 {
			return nil, pipeline.Errorf(pipeline.CodeNotFound, "there is no feed %q", cut(feed))
		}
	}
	here := []string{"feeds", feed, "batches"}
	out := batchesView{Feed: page.Short(feed, 200), To: to([]string{"feeds", feed}), Pager: pager{Label: "pages of batches"}}
	for _, c := range stages {
		c.Here = c.Value == string(f.Stage)
		out.Stages = append(out.Stages, c)
	}
	if len(bs) > feedsPerPage {
		bs = bs[:feedsPerPage]
		last := bs[len(bs)-1]
		out.Pager.Next = to(here, "stage", string(f.Stage), "after", last.Created.UTC().Format(time.RFC3339Nano)+"~"+last.ID)
	}
	if f.AfterID != "" {
		out.Pager.First = to(here, "stage", string(f.Stage))
	}
	for _, b := range bs {
		out.Batches = append(out.Batches, rowOfBatch(b))
	}
	return &screen{Title: "Batches of " + page.Short(feed, 100), Here: "/", Main: out, t: batchesPage}, nil
}
