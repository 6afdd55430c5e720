package flow

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/evals/observe"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/contract"
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
