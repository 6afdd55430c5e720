package flow

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/assay-pipeline/assay/evals/observe"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/gate"
	"github.com/assay-pipeline/assay/pipeline/guard"
	"github.com/assay-pipeline/assay/pipeline/lake"
	"github.com/assay-pipeline/assay/pipeline/model"
)

// A Story is an event as people are told of it.
type Story struct {
	// Events are the ids of the events that it tells of.
	Events []string `json:"events,omitempty"`
	Type   string   `json:"type"`
	Feed   string   `json:"feed,omitempty"`
	Batch  string   `json:"batch,omitempty"`
	// Item, where it tells of one item alone; by it an erasure finds the story.
	Item     string            `json:"item,omitempty"`
	Severity contract.Severity `json:"severity"`
	Title    string            `json:"title"`
	Text     string            `json:"text,omitempty"`
	At       time.Time         `json:"at"`
	// Checks that failed, with what they found before and now.
	Checks []StoryCheck `json:"checks,omitempty"`
	// Rejects are at most five examples. Classified values are masked by the
	// gate, personal data is masked here.
	Rejects []StoryReject `json:"rejects,omitempty"`
	// Runbook is the page that says what to do, Link the report or the page of
	// the decision, Command what to type.
	Runbook string `json:"runbook,omitempty"`
	Link    string `json:"link,omitempty"`
	Command string `json:"command,omitempty"`
}

// A StoryCheck is a failed check, against the last published batch.
type StoryCheck struct {
	ID       string `json:"id"`
	Field    string `json:"field,omitempty"`
	Expected string `json:"expected,omitempty"`
	Before   string `json:"before,omitempty"`
	Now      string `json:"now"`
}

// A StoryReject is one rejected row.
type StoryReject struct {
	Line  int64  `json:"line,omitempty"`
	Row   int64  `json:"row"`
	Check string `json:"check"`
	Value string `json:"value"`
}

// What one story lists at most.
const (
	storyChecks  = 5
	storyRejects = 5
)

// A touch is a thing that an event concerns, as watches name it.
type touch struct{ kind, subject string }

// story tells an event, and what it touches; nil for one that nobody is told.
func (n *Notifier) story(ctx context.Context, e pipeline.Event) (*Story, []touch, error) {
	s := &Story{Type: e.Type, Feed: e.Key, Severity: contract.SeverityInfo, At: e.Time}
	var touched []touch
	read := func(v any) error {
		if err := json.Unmarshal(e.Data, v); err != nil {
			return pipeline.Errorf(pipeline.CodeCorrupt, "event %s of type %s does not read: %w", e.ID, e.Type, err)
		}
		return nil
	}
	switch e.Type {
	case pipeline.BatchPublished, pipeline.BatchHeld:
		var d BatchData
		if err := read(&d); err != nil {
			return nil, nil, err
		}
		n.batchStory(s, e.Type, d)
	case pipeline.ContractViolated:
		var d ViolationData
		if err := read(&d); err != nil {
			return nil, nil, err
		}
		if err := n.violationStory(ctx, s, d); err != nil {
			return nil, nil, err
		}
	case pipeline.BreakerChanged:
		var d BreakerData
		if err := read(&d); err != nil {
			return nil, nil, err
		}
		touched = append(touched, touch{WatchBreaker, d.Scope})
		s.Title = fmt.Sprintf("breaker %s is %s: %s", d.Scope, d.To, d.Cause)
		switch breaker.Position(d.To) {
		case breaker.Open:
			s.Severity = contract.SeverityError
		case breaker.Closed:
			s.Severity = contract.SeverityWarning
		}
		s.Batch, s.Runbook, s.Command = d.Batch, n.page(causePage(d.Cause)), "assay breaker list"
	case pipeline.EvalTripped:
		var d EvalData
		if err := read(&d); err != nil {
			return nil, nil, err
		}
		touched = append(touched, touch{WatchBreaker, d.Scope})
		s.Severity = contract.SeverityError
		s.Title = fmt.Sprintf("answers of %s have become worse: %s", d.Scope, d.Reason)
		if d.Fallback == tells {
			s.Severity = contract.SeverityWarning
			s.Title = fmt.Sprintf("other texts come to %s, nothing is stopped: %s", d.Scope, d.Reason)
		}
		if d.Slice != "" {
			s.Text = fmt.Sprintf("Most in %s: %.2f, was %.2f.", d.Slice, d.Is, d.Was)
		}
		s.Runbook, s.Command = n.page("the-answers-have-become-worse"), "assay observe"
	case pipeline.CanaryChanged:
		var d CanaryData
		if err := read(&d); err != nil {
			return nil, nil, err
		}
		s.Severity = contract.SeverityInfo
		if d.State == string(observe.RolledBack) {
			s.Severity = contract.SeverityWarning
		}
		s.Title = fmt.Sprintf("canary (%s) is %s: %s", d.Change, d.State, d.Reason)
		s.Command = "assay canary status"
	case pipeline.ApprovalRequested:
		var d ApprovalData
		if err := read(&d); err != nil {
			return nil, nil, err
		}
		s.Batch, s.Severity = d.Batch, contract.SeverityError
		s.Title = fmt.Sprintf("%s: batch %s waits for your approval", d.Feed, pipeline.ShortID(d.Batch))
		s.Text = fmt.Sprintf("%s. Without an answer by %s it is rejected.", d.Reason, d.Expires.UTC().Format(time.RFC3339))
		s.Link, s.Runbook = n.link(d.Feed, d.Batch), n.page("a-batch-waits-for-an-approval")
		s.Command = fmt.Sprintf("assay approve %s --reason \"…\"", pipeline.ShortID(d.Batch))
	case pipeline.ApprovalDecided:
		var d ApprovalDecision
		if err := read(&d); err != nil {
			return nil, nil, err
		}
		s.Batch, s.Link = d.Batch, n.link(d.Feed, d.Batch)
		s.Title = fmt.Sprintf("%s: batch %s was %s by %s", d.Feed, pipeline.ShortID(d.Batch), d.Decision, d.By)
		s.Text = d.Reason
		if d.By == Clock {
			s.Severity = contract.SeverityWarning
		}
	case pipeline.SLAMissed:
		var d SLAData
		if err := read(&d); err != nil {
			return nil, nil, err
		}
		s.Severity = contract.SeverityWarning
		if d.Kind == LapseSchedule || d.Kind == LapseFrequency {
			s.Severity = contract.SeverityError
		}
		s.Title = fmt.Sprintf("%s: %s expected, %s", d.Feed, d.Expected, d.Detail)
		s.Text = "It was due " + d.Due.UTC().Format(time.RFC3339) + "."
		s.Runbook, s.Command = n.page(map[string]string{LapseVolume: "too-few-or-too-many-rows-came", LapseAvailability: "too-few-batches-were-published"}[d.Kind]), "assay feeds"
		if s.Runbook == n.page("") {
			s.Runbook = n.page("nothing-came")
		}
	case pipeline.DuplicatesFound:
		var d DuplicatesData
		if err := read(&d); err != nil {
			return nil, nil, err
		}
		for _, p := range d.Pairs {
			touched = append(touched, touch{WatchItem, p.A}, touch{WatchItem, p.B})
		}
		s.Batch = d.Batch
		s.Title = fmt.Sprintf("%s: %d pairs of duplicates, %d to review", d.Feed, d.Duplicates, d.Reviews)
	case pipeline.ItemChanged:
		var d ItemData
		if err := read(&d); err != nil {
			return nil, nil, err
		}
		touched = append(touched, touch{WatchItem, d.Item})
		itemStory(s, d)
	case pipeline.ClusterMerged, pipeline.ClusterSplit:
		var d ClusterData
		if err := read(&d); err != nil {
			return nil, nil, err
		}
		for _, c := range slices.Concat([]string{d.Cluster}, d.From, d.To) {
			touched = append(touched, touch{WatchCluster, c})
		}
		for _, it := range d.Items {
			touched = append(touched, touch{WatchItem, it})
		}
		what := "was split"
		if e.Type == pipeline.ClusterMerged {
			what = "took in " + strings.Join(d.From, ", ")
		}
		s.Title = fmt.Sprintf("cluster %s %s; it touches %d items", d.Cluster, what, len(d.Items))
	case pipeline.ReviewRequested:
		var d ReviewData
		if err := read(&d); err != nil {
			return nil, nil, err
		}
		s.Title = fmt.Sprintf("%s: %d entries to review", d.Feed, d.Count)
	case pipeline.BudgetReached:
		var d BudgetData
		if err := read(&d); err != nil {
			return nil, nil, err
		}
		s.Severity = contract.SeverityWarning
		if d.Percent >= 100 {
			s.Severity = contract.SeverityError
		}
		if d.Account == model.AccountItem {
			s.Severity = contract.SeverityWarning
			s.Title = fmt.Sprintf("on %s an item costs %d %% of what one cost in the seven days before (%s)", d.Day, d.Percent, model.Money(d.Most))
			s.Runbook, s.Command = n.page("a-budget-is-spent"), "assay cost --by day"
			break
		}
		s.Title = fmt.Sprintf("%d %% of the budget of %s for models is spent (%s, of %d)", d.Percent, d.Day, d.Account, d.Most)
		s.Runbook, s.Command = n.page("a-budget-is-spent"), "assay cost"
	case pipeline.SubjectErased:
		var d ErasedData
		if err := read(&d); err != nil {
			return nil, nil, err
		}
		s.Title = fmt.Sprintf("%s: a subject was erased by %s", d.Feed, d.By)
	default:
		// Alerts of other rooms: drift of answers, budgets that are spent.
		if !strings.Contains(e.Type, "drift") && !strings.Contains(e.Type, "budget") {
			return nil, nil, nil
		}
		s.Severity = contract.SeverityError
		s.Title = strings.TrimPrefix(e.Type, "assay.") + ": " + e.Subject
		s.Text = plain(e.Data)
	}
	return s, touched, nil
}

// plain writes the scalar members of a JSON object as a line.
func plain(data json.RawMessage) string {
	var m map[string]any
	if json.Unmarshal(data, &m) != nil {
		return ""
	}
	var parts []string
	for k, v := range m {
		switch v.(type) {
		case string, float64, bool:
			parts = append(parts, fmt.Sprintf("%s %v", strings.ReplaceAll(k, "_", " "), v))
		}
	}
	slices.Sort(parts)
	return strings.Join(parts, ", ")
}

func (n *Notifier) batchStory(s *Story, typ string, d BatchData) {
	s.Batch, s.Text, s.Link = d.Batch, d.Reason, n.link(d.Feed, d.Batch)
	s.Command = "assay report " + pipeline.ShortID(d.Batch)
	counts := fmt.Sprintf("%d read, %d accepted, %d rejected", d.Rows.Read, d.Rows.Accepted, d.Rows.Rejected)
	if typ == pipeline.BatchPublished {
		s.Title = fmt.Sprintf("%s: batch %s is published: %s", d.Feed, pipeline.ShortID(d.Batch), counts)
		if d.Degraded {
			s.Severity = contract.SeverityWarning
		}
		return
	}
	s.Severity = contract.SeverityError
	s.Title = fmt.Sprintf("%s: batch %s is held: %s", d.Feed, pipeline.ShortID(d.Batch), counts)
	if d.Verdict == pipeline.VerdictError {
		s.Title = fmt.Sprintf("%s: batch %s cannot be judged", d.Feed, pipeline.ShortID(d.Batch))
	}
	s.Runbook = n.page("a-batch-is-held")
}

// violationStory adds before and after, and examples, from the batch's report
// and that of the last batch that was published before it.
func (n *Notifier) violationStory(ctx context.Context, s *Story, d ViolationData) error {
	s.Batch, s.Severity, s.Link = d.Batch, contract.SeverityWarning, n.link(d.Feed, d.Batch)
	s.Command = "assay report " + pipeline.ShortID(d.Batch)
	s.Runbook = n.page("a-contract-is-violated")
	names := make([]string, 0, len(d.Checks))
	for _, c := range d.Checks {
		if c.Severity == string(contract.SeverityError) {
			s.Severity = contract.SeverityError
		}
		if len(names) < storyChecks {
			names = append(names, c.ID)
		}
	}
	s.Title = fmt.Sprintf("%s: batch %s violates its contract: %s", d.Feed, pipeline.ShortID(d.Batch), strings.Join(names, ", "))
	if more := len(d.Checks) - len(names); more > 0 {
		s.Title += fmt.Sprintf(" and %d more", more)
	}
	report, err := n.report(ctx, lake.ReportKey(d.Feed, d.Batch, "json"))
	if err != nil {
		return err
	}
	before, err := n.reportBefore(ctx, d.Feed, d.Batch)
	if err != nil {
		return err
	}
	for _, c := range d.Checks[:min(len(d.Checks), storyChecks)] {
		sc := StoryCheck{ID: c.ID, Field: c.Field, Now: share(c.Failed, c.Evaluated)}
		if r := checkIn(before, c.ID); r != nil {
			sc.Before = share(r.Failed, r.Evaluated)
		}
		if r := checkIn(report, c.ID); r != nil {
			sc.Expected = r.Expected
			if r.Detail != "" {
				sc.Now = Masked(r.Detail)
			}
			for _, x := range r.Samples {
				if len(s.Rejects) < storyRejects {
					s.Rejects = append(s.Rejects, StoryReject{Line: x.Line, Row: x.Row, Check: c.ID, Value: Masked(x.Value)})
				}
			}
		}
		s.Checks = append(s.Checks, sc)
	}
	return nil
}

// report reads a report, nil where it is gone.
func (n *Notifier) report(ctx context.Context, key string) (*gate.Report, error) {
	r, err := ReadReport(ctx, n.Lake, key)
	if c := pipeline.ErrorCode(err); c == pipeline.CodeNotFound || c == pipeline.CodeCorrupt {
		return nil, nil
	}
	return r, err
}

func (n *Notifier) reportBefore(ctx context.Context, feed, batch string) (*gate.Report, error) {
	b, err := n.Store.Batch(ctx, batch)
	if pipeline.ErrorCode(err) == pipeline.CodeNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	past, err := n.Store.Batches(ctx, BatchFilter{Feed: feed, Stage: Done, Latest: true, Limit: 10})
	if err != nil {
		return nil, err
	}
	for _, p := range past {
		if p.ID != b.ID && p.Seq < b.Seq {
			return n.report(ctx, p.Report)
		}
	}
	return nil, nil
}

func checkIn(r *gate.Report, id string) *gate.CheckResult {
	if r == nil {
		return nil
	}
	for i := range r.Checks {
		if r.Checks[i].ID == id {
			return &r.Checks[i]
		}
	}
	return nil
}

func share(failed, evaluated int64) string {
	if evaluated == 0 {
		return "not evaluated"
	}
	return fmt.Sprintf("%d of %d (%.3g %%)", failed, evaluated, 100*float64(failed)/float64(evaluated))
}

// Masked is a value as it may leave the house: personal data is replaced by its
// kind, and what is long is cut.
func Masked(v string) string {
	var b strings.Builder
	end := 0
	for _, p := range guard.FindPII(v) {
		b.WriteString(v[end:p.Start])
		b.WriteString("[" + string(p.Kind) + "]")
		end = p.End
	}
	b.WriteString(v[end:])
	out := strings.Map(func(r rune) rune {
		if r < ' ' || r == utf8.RuneError {
			return ' '
		}
		return r
	}, b.String())
	const most = 60
	if utf8.RuneCountInString(out) > most {
		out = string([]rune(out)[:most]) + "…"
	}
	return out
}

// page is a page of the runbook.
func (n *Notifier) page(anchor string) string {
	if n.Runbook == "" {
		return ""
	}
	if anchor == "" {
		return n.Runbook
	}
	return n.Runbook + "#" + anchor
}

// causePage is the page of a breaker's cause, as the breaker words it.
func causePage(cause string) string {
	cause = strings.TrimPrefix(cause, "probe: ")
	for _, c := range []struct{ has, page string }{
		{"failed checks that stop a batch: schema.", "schema-mismatch"},
		{"failed checks that stop a batch", "a-check-that-stops-a-batch"},
		{"null rate", "null-rate"},
		{"reject rate", "reject-rate"},
		{"the newest data is", "the-newest-data-is-old"},
		{"score", "score"},
		{"a probe was held", "a-probe-was-held"},
		{"tripped by", "tripped-by-a-person"},
	} {
		if strings.HasPrefix(cause, c.has) {
			return c.page
		}
	}
	if strings.Contains(cause, " is above ") || strings.Contains(cause, " is below ") {
		return "drift-volume-and-other-metrics"
	}
	return ""
}

// link is where a batch is looked at: its page, else its report in the lake.
func (n *Notifier) link(feed, batch string) string {
	if n.Site != "" {
		return strings.TrimSuffix(n.Site, "/") + "/batches/" + batch
	}
	at := n.Lake.Location(lake.ReportKey(feed, batch, "html"))
	if strings.HasPrefix(at, "/") {
		at = "file://" + at
	}
	return at
}
