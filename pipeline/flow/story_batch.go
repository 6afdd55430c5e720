package flow

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/gate"
	"github.com/assay-pipeline/assay/pipeline/guard"
	"github.com/assay-pipeline/assay/pipeline/lake"
)

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
