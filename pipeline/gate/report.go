package gate

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

// SchemaVersion of the JSON report. Keys may be added without a change.
const SchemaVersion = 1

// A Report is what the gate found out about one file.
type Report struct {
	Batch    string            `json:"batch,omitempty"`
	Source   string            `json:"source"`
	Feed     string            `json:"feed"`
	Verdict  pipeline.Verdict  `json:"verdict"`
	Decision pipeline.Decision `json:"decision"`
	// Reason says in one line why a batch is held or could not be judged.
	Reason string        `json:"reason,omitempty"`
	Rows   pipeline.Rows `json:"rows"`
	Checks []CheckResult `json:"checks"`
	// Contract that judged the batch.
	Contract ContractRef `json:"contract"`
	// Metrics by name: rows, null_rate (null cells of all declared cells),
	// null_rate.FIELD, reject_rate, bad_record_rate.
	Metrics map[string]float64 `json:"metrics"`
	// Violations are the ids of failed checks that hold the batch.
	Violations []string `json:"violations,omitempty"`
	Notes      []string `json:"notes,omitempty"`
	Profile    *Profile `json:"profile,omitempty"`
	Files      []File   `json:"files,omitempty"`
	// Carried are the undeclared columns that stand in the accepted rows, as
	// text, since the feed may evolve.
	Carried []string `json:"carried,omitempty"`
	Problem *Problem `json:"problem,omitempty"`
	// Duration in seconds, where Options has a clock.
	Duration float64 `json:"duration_seconds,omitempty"`
}

// ContractRef names a version of a contract.
type ContractRef struct {
	ID      string `json:"id"`
	Version string `json:"version"`
	Hash    string `json:"hash,omitempty"`
	// Rule says how this version came to judge the batch, where there is more
	// than the contract at hand: object metadata, path segment, active by date,
	// embedded, configured.
	Rule string `json:"rule,omitempty"`
}

// Chosen notes in the report by which rule the contract was chosen, and warns
// where its version has ended.
func (rep *Report) Chosen(c contract.Choice) {
	rep.Contract.Rule = c.Rule
	if c.Rule != contract.RuleConfigured {
		rep.Notes = append(rep.Notes, fmt.Sprintf("judged by version %s of the contract: %s", c.Version, c.Rule))
	}
	if c.Warning == "" {
		return
	}
	rep.Checks = append(rep.Checks, CheckResult{ID: "contract.version", Rule: "contract_version", Severity: contract.SeverityWarning,
		OnFail: contract.Warn, Result: ResultWarned, Evaluated: 1, Failed: 1, Dimension: "timeliness", Expected: "a version that has not ended", Detail: c.Warning})
	if rep.Verdict == pipeline.Passed {
		rep.Verdict = pipeline.Warned
	}
}

// A Problem is why a batch has the verdict error.
type Problem struct {
	Code    pipeline.Code `json:"code"`
	Message string        `json:"message"`
	Hint    string        `json:"hint,omitempty"`
}

// Err is p as an error of its code, nil of nil.
func (p *Problem) Err() error {
	if p == nil {
		return nil
	}
	return &pipeline.Error{Code: p.Code, Message: p.Message, Hint: p.Hint}
}

// Result of a check.
const (
	ResultPassed    = "passed"
	ResultFailed    = "failed"
	ResultWarned    = "warned"
	ResultError     = "error"
	ResultNotJudged = "not_judged"
)

// A CheckResult is one line of the report.
type CheckResult struct {
	ID        string            `json:"id"`
	Field     string            `json:"field"`
	Rule      string            `json:"rule"`
	Severity  contract.Severity `json:"severity"`
	OnFail    contract.OnFail   `json:"on_fail"`
	Result    string            `json:"result"`
	Evaluated int64             `json:"evaluated"`
	Failed    int64             `json:"failed"`
	Dimension string            `json:"dimension,omitempty"`
	// Expected says in words what the rule asks for.
	Expected string `json:"expected,omitempty"`
	// Detail says what was measured, or why the check was not judged.
	Detail  string   `json:"detail,omitempty"`
	Samples []Sample `json:"samples,omitempty"`
}

// A Sample is one failing row of a check. Value is masked in classified fields.
type Sample struct {
	Row   int64  `json:"row"`
	Line  int64  `json:"line,omitempty"`
	Value string `json:"value,omitempty"`
	Fault string `json:"fault,omitempty"`
	// Document is the name of the document or object that the row is about.
	Document string `json:"document,omitempty"`
}

// sample keeps the first failing rows of each check.
func (r *run) sample(s *sheet) {
	if len(s.fails) == 0 && len(s.chunk.Bad) == 0 {
		return
	}
	full := r.opt.Samples
	for i, b := range s.chunk.Bad {
		if len(r.samples[r.g.record]) >= full {
			break
		}
		var l lineCounter
		l.start(&s.chunk)
		r.samples[r.g.record] = append(r.samples[r.g.record], Sample{Row: s.chunk.Row + int64(b.Before+i),
			Line: l.at(int(b.Start)), Fault: string(b.Fault), Value: b.Detail})
	}
	for _, f := range s.fails {
		if len(r.samples[f.rule]) >= full {
			continue
		}
		row := int(f.row)
		x := Sample{Row: s.rowNumber(row), Value: r.value(s, int(f.rule), row), Document: r.documentOf(s, row)}
		if s.chunk.Starts != nil {
			var l lineCounter
			l.start(&s.chunk)
			x.Line = l.at(int(s.chunk.Starts[row]))
		}
		r.samples[f.rule] = append(r.samples[f.rule], x)
	}
}

func (s *sheet) rowNumber(good int) int64 {
	n := 0
	for n < len(s.chunk.Bad) && s.chunk.Bad[n].Before <= good {
		n++
	}
	return s.chunk.Row + int64(good+n)
}

// value is what a rule found in a row, as it may be shown.
func (r *run) value(s *sheet, rule, row int) string {
	g := r.g
	for _, k := range g.keys {
		if k.rule == rule {
			parts := make([]string, len(k.fields))
			for i, f := range k.fields {
				parts[i] = g.shown(f, &s.vecs[f.index], row, rule)
			}
			return strings.Join(parts, " | ")
		}
	}
	for _, rel := range g.relations {
		if rel.rule == rule {
			parts := make([]string, len(rel.fields))
			for i, f := range rel.fields {
				parts[i] = g.shown(f, &s.vecs[f.index], row, rule)
			}
			return strings.Join(parts, " | ")
		}
	}
	name := g.rules[rule].field
	if text, ok := s.shown[fail{uint32(row), uint16(rule)}]; ok {
		if g.guarded && text != masked {
			return shape([]byte(text))
		}
		return clip([]byte(text))
	}
	for _, f := range g.fields {
		if f.spec.Name == name {
			return g.shown(f, &s.vecs[f.index], row, rule)
		}
	}
	return ""
}

// report draws up the report; problem is why the content could not be judged.
func (r *run) report(problem error) *Report {
	g := r.g
	rep := &Report{Batch: r.opt.Batch, Source: r.in.Name, Feed: g.feed.Name, Rows: r.rows,
		Contract: ContractRef{ID: g.feed.ContractID, Version: g.feed.Version, Hash: g.feed.Hash}, Metrics: map[string]float64{}}
	if problem != nil {
		rep.Verdict, rep.Decision = pipeline.VerdictError, pipeline.Hold
		rep.Problem = &Problem{Code: pipeline.ErrorCode(problem), Message: problem.Error()}
		if e, ok := asError(problem); ok {
			rep.Problem.Message, rep.Problem.Hint = e.Message, e.Hint
		}
		rep.Reason = rep.Problem.Message
	}
	for i := range g.rules {
		rep.Checks = append(rep.Checks, r.result(i, problem != nil))
	}
	rep.Profile = r.prof.profile()
	r.distincts(rep)
	r.presence(rep)
	r.thresholds(rep, problem != nil)
	for _, ref := range r.refs {
		ref.result(&rep.Checks[ref.rule])
	}
	r.feedKeyResults(rep)
	r.serviceLevels(rep)
	if r.sink != nil {
		rep.Files = r.sink.files
	}
	r.metrics(rep)
	r.notes(rep)
	if problem == nil {
		r.decide(rep)
	}
	return rep
}

// result is the line of a rule over rows.
func (r *run) result(i int, broken bool) CheckResult {
	ru := &r.g.rules[i]
	c := CheckResult{ID: ru.id, Field: ru.field, Rule: ru.name, Severity: ru.severity, OnFail: ru.onFail,
		Evaluated: r.tally[i].evaluated, Failed: r.tally[i].failed, Dimension: ru.dimension, Expected: ru.want,
		Samples: r.samples[i]}
	if ru.message != "" {
		c.Expected = ru.message
	}
	c.settle(c.Failed > 0)
	if i == r.g.record && c.Failed > 0 {
		c.Detail = r.faultList()
	}
	if broken && c.Result == ResultPassed {
		c.Result = ResultNotJudged
	}
	return c
}

// settle gives a check its result by its severity.
func (c *CheckResult) settle(failed bool) {
	switch {
	case !failed:
		c.Result = ResultPassed
	case c.Severity == contract.SeverityError:
		c.Result = ResultFailed
	default:
		c.Result = ResultWarned
	}
}

func (r *run) faultList() string {
	var parts []string
	for _, f := range faultOrder {
		if n := r.faults[f]; n > 0 {
			parts = append(parts, fmt.Sprintf("%s: %d", f, n))
		}
	}
	return strings.Join(parts, ", ")
}

// thresholds decides the checks over counted rows.
func (r *run) thresholds(rep *Report, broken bool) {
	rows := r.rows.Read - r.bad
	for _, t := range r.g.checks {
		c := &rep.Checks[t.rule]
		if t.unjudged != "" || broken {
			c.Result, c.Detail = ResultNotJudged, t.unjudged
			continue
		}
		if t.spec.Kind == "sql" {
			r.sqlRule(t, c)
			continue
		}
		if sp, ok := r.spans[t.rule]; t.spec.Metric == "usual" {
			if !ok {
				c.Result, c.Detail = ResultNotJudged, "there are no earlier batches"
				continue
			}
			c.Expected += ", " + sp.String()
		}
		if t.late {
			detail, holds, why := r.overTime(t, rep.Profile)
			if why != "" {
				c.Result, c.Detail = ResultNotJudged, why
				continue
			}
			c.Evaluated, c.Failed, c.Detail = 1, 0, detail
			if !holds {
				c.Failed = 1
			}
			c.settle(!holds)
			continue
		}
		x := t.measure(c.Failed, rows)
		if t.spec.Metric == "rowCount" {
			x = newRat(r.rows.Read)
			c.Evaluated = r.rows.Read
		}
		ok := t.holds(x)
		c.settle(!ok)
		c.Detail = measured(t, x)
		if t.spec.Metric == "rowCount" {
			c.Failed = 0
			if !ok {
				c.Failed = 1
			}
		}
		if ok && c.Failed > 0 && r.g.rules[t.rule].rejects {
			c.Detail += "; the rows are rejected all the same"
		}
	}
}

func measured(t *threshold, x rat) string {
	s := x.RatString()
	if !x.IsInt() {
		s = strings.TrimRight(strings.TrimRight(x.FloatString(2), "0"), ".")
	}
	if t.spec.Percent && t.spec.Metric != "rowCount" {
		s += " %"
	}
	if t.spec.Metric == "usual" {
		return "unusual rows: " + s
	}
	what := t.spec.Metric
	if what == "" {
		what = t.spec.Kind
	}
	return what + " is " + s
}

func (r *run) metrics(rep *Report) {
	m := rep.Metrics
	m["rows"] = float64(r.rows.Read)
	var nulls, cells int64
	for _, f := range rep.Profile.Fields {
		if f.Rows > 0 {
			m["null_rate."+f.Field] = float64(f.Nulls) / float64(f.Rows)
		}
		nulls += f.Nulls
		cells += f.Rows
	}
	if cells > 0 {
		m["null_rate"] = float64(nulls) / float64(cells)
	}
	if r.rows.Read > 0 {
		m["reject_rate"] = float64(r.rows.Rejected) / float64(r.rows.Read)
		m["bad_record_rate"] = float64(r.bad) / float64(r.rows.Read)
	} else {
		m["reject_rate"] = 0
	}
}

func (r *run) notes(rep *Report) {
	note := func(format string, args ...any) { rep.Notes = append(rep.Notes, fmt.Sprintf(format, args...)) }
	if rep.Problem == nil && r.rows.Read == 0 {
		note("the file holds no rows")
	}
	if n := r.faults["not_utf8"]; n > 0 {
		note("%d records are not UTF-8; if the file is Latin-1 or Windows-1252, set encoding in assay.csv", n)
	}
	if len(r.carried) > 0 {
		for _, c := range r.carried {
			rep.Carried = append(rep.Carried, r.rdr.Columns()[c])
		}
		note("undeclared columns are carried through as text: %s", printable(strings.Join(rep.Carried, ", ")))
	}
}

// decide gives verdict and decision.
func (r *run) decide(rep *Report) {
	rep.Verdict, rep.Decision = pipeline.Passed, pipeline.Publish
	var broken []string
	for i := range rep.Checks {
		c := &rep.Checks[i]
		switch {
		case c.Result == ResultError && c.Severity == contract.SeverityError:
			rep.Verdict = pipeline.VerdictError
			broken = append(broken, c.ID)
		case c.Result == ResultFailed && rep.Verdict != pipeline.VerdictError:
			rep.Verdict = pipeline.Failed
		case c.Result == ResultError && rep.Verdict == pipeline.Passed:
			rep.Verdict = pipeline.Warned
		case c.Result == ResultWarned && c.Severity == contract.SeverityWarning && rep.Verdict == pipeline.Passed:
			rep.Verdict = pipeline.Warned
		}
		if (c.Result == ResultFailed || c.Result == ResultWarned) && c.OnFail == contract.FailBatch {
			rep.Violations = append(rep.Violations, c.ID)
		}
	}
	if rep.Rows.Rejected > 0 {
		rep.Decision = pipeline.PublishAccepted
	}
	switch limit := r.g.feed.MaxRejectRate; {
	case len(broken) > 0:
		rep.Decision = pipeline.Hold
		rep.Reason = "could not be judged: " + strings.Join(broken, ", ")
	case len(rep.Violations) > 0:
		rep.Decision = pipeline.Hold
		rep.Reason = "failed: " + strings.Join(rep.Violations, ", ")
	case limit > 0 && rep.Rows.Rejected > 0 && big.NewRat(rep.Rows.Rejected, rep.Rows.Read).Cmp(exactFloat(limit)) > 0:
		rep.Decision = pipeline.Hold
		rep.Reason = fmt.Sprintf("%d of %d rows are rejected, more than the limit of %s %%", rep.Rows.Rejected, rep.Rows.Read, formatFloat(limit*100))
	}
}

// exactFloat is the decimal that a float was written as.
func exactFloat(f float64) rat { return ratOf([]byte(formatFloat(f))) }
