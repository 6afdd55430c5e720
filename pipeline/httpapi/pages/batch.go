package pages

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/gate"
	"github.com/assay-pipeline/assay/pipeline/httpapi"
	"github.com/assay-pipeline/assay/pipeline/page"
	"github.com/assay-pipeline/assay/pipeline/review"
)

//go:embed batch.html
var batchSource string

var batchPage = template("batch", batchSource)

// Bounds of a batch's page: rejected records, bytes and reasons of each, checks,
// columns. The report has all checks and columns.
const (
	rejectsPerPage = 25
	maxRecord      = 1500
	maxWhy         = 12
	maxChecks      = 200
	maxColumns     = 100
)

func (p *Pages) batchRoutes() {
	p.page("batch", "GET /batches/{batch}", "getBatch", p.batch)
	p.form("approve", "POST /batches/{batch}/approve", "approveBatch", func(v *visit) (string, error) { return p.decide(v, flow.Approved) })
	p.form("reject", "POST /batches/{batch}/reject", "rejectBatch", func(v *visit) (string, error) { return p.decide(v, flow.Refused) })
	p.form("replay", "POST /batches/{batch}/replay", "retryBreaker", p.replay)
}

type batchView struct {
	ID, To, Feed, FeedTo string
	B                    batchRow
	Contract             string
	Event, Updated       string
	Rows                 []fact
	Decided              string // by whom, where a person decided
	Expires              string
	Report               string // of the whole report
	NoReport             bool
	Checks, Good         []checkLine // those that passed by themselves
	Passed               string
	MoreChecks           int // that are not shown
	MoreFields           int
	Fields               []columnView
	Sampled              string
	Notes                []string
	Problem              string
	Rejects              rejectsView
	Ask, Held            bool // a decision is asked for; it can be judged again
	MayReview, MayReplay bool
}

type fact struct{ Name, Value string }

type checkLine struct {
	Result, Rule, Field, Severity, Failed, Expected, Detail string
	Samples                                                 []string
}

type columnView struct {
	Field, Type, Nulls, Invalid, Distinct, Range string
	Bars                                         *page.Bars
	Common                                       []fact
}

type rejectsView struct {
	Records      []rejectView
	Pager        pager
	Hidden, Gone bool
}

type rejectView struct {
	Row, Line string
	Record    []page.Piece
	Reasons   []reasonView
	More      int // reasons that are not shown
}

type reasonView struct{ Code, Column, Value, Rule, Expected, Document string }

var batchSaid = map[string]string{
	flow.Approved: "Approved: the batch is published.",
	flow.Refused:  "Rejected: the batch lies in quarantine.",
	"meanwhile":   "It was decided meanwhile; your decision was not needed. What holds stands below.",
	"underway":    "Your decision is recorded; another run works on the feed and carries it out.",
	"released":    "Judged again, and published.",
	"again":       "Judged again: it is no better and stays held.",
	"asked":       "It will be judged again in a moment. What becomes of it will stand here.",
	"not-held":    "It is not held any more. What holds stands below.",
}

// batch shows a batch with what was found in it.
func (p *Pages) batch(v *visit) (*screen, error) {
	res, err := p.api.GetBatch(v.Context(), httpapi.GetBatchRequestObject{Batch: v.PathValue("batch")})
	if err != nil {
		return nil, err
	}
	answer, ok := res.(httpapi.GetBatch200JSONResponse)
	if !ok {
		return nil, pipeline.Errorf(pipeline.CodeInternal, "the answer is of another kind")
	}
	b := flow.Batch(answer)
	out := batchView{ID: pipeline.ShortID(b.ID), To: to([]string{"batches", b.ID}), Feed: page.Short(b.Feed, 200), FeedTo: to([]string{"feeds", b.Feed}), B: rowOfBatch(b),
		Contract: page.Short(b.ContractID+" "+b.ContractVersion, 200), Event: moment(b.EventTime), Updated: moment(b.Updated),
		MayReview: v.Who.May(httpapi.ScopeReview), MayReplay: v.Who.May(httpapi.ScopeOperate)}
	out.Rows = []fact{{"read", count(b.Rows.Read)}, {"accepted", count(b.Rows.Accepted)}, {"rejected", count(b.Rows.Rejected)}}
	if err := p.decision(v, b, &out); err != nil {
		return nil, err
	}
	if err := p.report(v, b, &out); err != nil {
		return nil, err
	}
	if b.Rows.Rejected > 0 {
		if err := p.rejects(v, b, &out); err != nil {
			return nil, err
		}
	}
	return &screen{Title: "Batch " + out.ID, Here: "/", Said: batchSaid[v.URL.Query().Get("said")], Main: out, t: batchPage}, nil
}

// decision says what a person decided of b, or can.
func (p *Pages) decision(v *visit, b flow.Batch, out *batchView) error {
	out.Held = b.Stage == flow.Held
	if b.ReleasedBy != "" {
		out.Decided = "released by " + page.Short(b.ReleasedBy, 100) + ": " + page.Text(b.ReleaseReason)
	}
	e, err := p.opt.Store.Review(v.Context(), flow.ApprovalID(b.ID))
	if pipeline.ErrorCode(err) == pipeline.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	if e.State == review.Decided {
		out.Decided = page.Text(fmt.Sprintf("%s by %s at %s: %s", e.Decision, e.Decider, moment(e.Decided), e.Note))
		return nil
	}
	out.Ask = b.Stage == flow.Waiting
	if a, err := flow.ApprovalOf(e); err == nil {
		out.Expires = moment(a.Expires)
	}
	return nil
}

// report shows what the gate found, where its report is kept.
func (p *Pages) report(v *visit, b flow.Batch, out *batchView) error {
	out.NoReport = true
	if b.Report == "" {
		return nil
	}
	rep, err := flow.ReadReport(v.Context(), p.opt.Use.Ingest.Lake, b.Report)
	if pipeline.ErrorCode(err) == pipeline.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	out.NoReport, out.Report = false, "/v1"+to([]string{"batches", b.ID, "report"}, "format", "html")
	if rep.Problem != nil {
		out.Problem = page.Text(rep.Problem.Message)
	}
	for _, n := range rep.Notes {
		out.Notes = append(out.Notes, page.Text(n))
	}
	checks := slices.Clone(rep.Checks)
	slices.SortStableFunc(checks, func(a, b gate.CheckResult) int {
		return slices.Index(worstFirst, a.Result) - slices.Index(worstFirst, b.Result)
	})
	passed := 0
	for _, c := range checks {
		if c.Result == gate.ResultPassed {
			passed++
		}
		switch {
		case len(out.Checks)+len(out.Good) == maxChecks:
			out.MoreChecks++
		case c.Result == gate.ResultPassed:
			out.Good = append(out.Good, lineOf(c))
		default:
			out.Checks = append(out.Checks, lineOf(c))
		}
	}
	out.Passed = fmt.Sprintf("%d of %d", passed, len(checks))
	if rep.Profile != nil {
		out.Sampled = count(int64(rep.Profile.Sampled))
		all := rep.Profile.Fields
		out.MoreFields = max(len(all)-maxColumns, 0)
		for _, f := range all[:len(all)-out.MoreFields] {
			out.Fields = append(out.Fields, columnOf(f))
		}
	}
	return nil
}

// worstFirst are the results of checks.
var worstFirst = []string{gate.ResultError, gate.ResultFailed, gate.ResultWarned, gate.ResultNotJudged, gate.ResultPassed}

func lineOf(c gate.CheckResult) checkLine {
	l := checkLine{Result: c.Result, Rule: page.Short(c.Rule, 200), Field: page.Short(c.Field, 100), Severity: string(c.Severity), Expected: page.Short(c.Expected, 300), Detail: page.Short(c.Detail, 400)}
	if c.Failed > 0 {
		l.Failed = count(c.Failed) + " of " + count(c.Evaluated)
	}
	for _, s := range c.Samples[:min(len(c.Samples), 5)] {
		at := "row " + count(s.Row)
		switch {
		case s.Document != "":
			at = s.Document
		case s.Line != 0:
			at = "line " + count(s.Line)
		}
		if s.Value != "" {
			at += ": " + s.Value
		}
		l.Samples = append(l.Samples, page.Short(at, 240))
	}
	return l
}

func columnOf(f gate.FieldProfile) columnView {
	c := columnView{Field: page.Short(f.Field, 100), Type: f.Type, Nulls: count(f.Nulls), Distinct: count(int64(f.Distinct))}
	if f.Invalid > 0 {
		c.Invalid = count(f.Invalid)
	}
	if f.Min != "" {
		c.Range = page.Short(f.Min, 80) + " … " + page.Short(f.Max, 80)
	}
	if h := f.Histogram; h != nil && len(h.Counts) > 1 {
		bars := page.Histogram("distribution of "+c.Field, h.Min, h.Max, h.Counts)
		c.Bars = &bars
	}
	for _, t := range f.Top[:min(len(f.Top), 5)] {
		c.Common = append(c.Common, fact{page.Short(t.Value, 80), count(int64(t.Count))})
	}
	return c
}

// rejects shows rejected records with what is wrong in them marked.
func (p *Pages) rejects(v *visit, b flow.Batch, out *batchView) error {
	from := v.URL.Query().Get("rejects")
	r, err := p.opt.Use.Overview.Rejects(v.Context(), b, from, rejectsPerPage)
	if err != nil {
		return err
	}
	out.Rejects = rejectsView{Hidden: r.Hidden, Gone: r.Gone, Pager: pager{Label: "pages of rejects"}}
	here := []string{"batches", b.ID}
	if from != "" {
		out.Rejects.Pager.First = to(here) + "#rejects"
	}
	if r.Next != "" {
		out.Rejects.Pager.Next = to(here, "rejects", r.Next) + "#rejects"
	}
	for _, x := range r.Records {
		view := rejectView{Row: count(x.Row)}
		if x.Line != 0 {
			view.Line = count(x.Line)
		}
		var marks []page.Mark
		view.More = max(len(x.Reasons)-maxWhy, 0)
		for _, w := range x.Reasons[:min(len(x.Reasons), maxWhy)] {
			view.Reasons = append(view.Reasons, reasonView{w.Code, page.Short(w.Column, 100), page.Short(w.Value, 200), page.Short(w.Rule, 200), page.Short(w.Expected, 200), page.Short(w.Document, 100)})
			if start, end, ok := placeIn(x.Raw, w.Column, w.Value); ok {
				marks = append(marks, page.Mark{Start: start, End: end, Kind: "miss", Title: page.Short(w.Column, 100) + ": " + w.Code})
			}
		}
		view.Record = page.Excerpt(x.Raw, marks, maxRecord)
		out.Rejects.Records = append(out.Rejects.Records, view)
	}
	return nil
}

// placeIn is where the value of a column stands in a record as it landed: behind
// the column's name in a record that names its columns, else where the value fills
// a cell. A value that was shown shortened is looked for by what is shown of it.
func placeIn(raw, column, value string) (start, end int, ok bool) {
	value = strings.TrimSuffix(value, "…")
	if value == "" || raw == "" {
		return 0, 0, false
	}
	from := 0
	if strings.HasPrefix(strings.TrimSpace(raw), "{") {
		if i := strings.Index(raw, `"`+column+`"`); i >= 0 {
			from = i + len(column) + 2
		}
	}
	edge := func(i int) bool { return i < 0 || i >= len(raw) || strings.IndexByte(",;|\t\"\r\n {}[]:", raw[i]) >= 0 }
	for i := from; ; {
		j := strings.Index(raw[i:], value)
		if j < 0 {
			return 0, 0, false
		}
		start, end = i+j, i+j+len(value)
		if edge(start-1) && edge(end) {
			return start, end, true
		}
		i = start + 1
	}
}

// decide approves or rejects a batch, as the API does. Where it was decided
// meanwhile, the page of the batch says by whom.
func (p *Pages) decide(v *visit, decision string) (string, error) {
	id := v.PathValue("batch")
	here := []string{"batches", id}
	reason, err := v.reason()
	if err != nil {
		return "", err
	}
	body := httpapi.ReasonRequest{Reason: reason}
	if decision == flow.Approved {
		_, err = p.api.ApproveBatch(v.Context(), httpapi.ApproveBatchRequestObject{Batch: id, Body: &body})
	} else {
		_, err = p.api.RejectBatch(v.Context(), httpapi.RejectBatchRequestObject{Batch: id, Body: &body})
	}
	if err == nil {
		return to(here, "said", decision), nil
	}
	e, gone := p.opt.Store.Review(v.Context(), flow.ApprovalID(id))
	if gone != nil || e.State != review.Decided {
		return "", err
	}
	switch pipeline.ErrorCode(err) {
	case pipeline.CodeConflict:
		if e.Decision == decision && e.Decider == v.Who.Subject && e.Note == reason {
			return to(here, "said", decision), nil // the same form, sent twice
		}
		return to(here, "said", "meanwhile"), nil
	case pipeline.CodeLocked:
		return to(here, "said", "underway"), nil
	}
	return "", err
}

// replay judges a held batch again.
func (p *Pages) replay(v *visit) (string, error) {
	id := v.PathValue("batch")
	b, err := p.opt.Store.Batch(v.Context(), id)
	if err != nil {
		return "", err
	}
	here := []string{"batches", id}
	if b.Stage != flow.Held {
		return to(here, "said", "not-held"), nil
	}
	if p.opt.Later {
		return to(here, "said", "asked"), p.opt.Use.Ingest.AskReplay(v.Context(), b)
	}
	var out []flow.Replayed
	err = p.api.InTurn(v.Context(), b.Feed, func() (err error) {
		out, err = p.opt.Use.Ingest.Release(v.Context(), flow.Release{Feed: b.Feed, Batches: []string{id}})
		return err
	})
	if err != nil {
		if now, again := p.opt.Store.Batch(v.Context(), id); again == nil && now.Stage != flow.Held {
			return to(here, "said", "not-held"), nil
		}
		return "", err
	}
	for _, r := range out {
		if r.Err != nil {
			return "", r.Err
		}
		if r.Released() {
			return to(here, "said", "released"), nil
		}
	}
	return to(here, "said", "again"), nil
}
