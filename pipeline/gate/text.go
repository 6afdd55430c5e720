package gate

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// A Document is the JSON form of reports.
type Document struct {
	SchemaVersion int       `json:"schema_version"`
	Batches       []*Report `json:"batches"`
}

// WriteJSON writes reports as one document.
func WriteJSON(w io.Writer, reports ...*Report) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(Document{SchemaVersion, reports})
}

// WriteJSON writes the report as a document of one batch.
func (r *Report) WriteJSON(w io.Writer) error { return WriteJSON(w, r) }

// WriteText writes the report for a terminal: the checks that did not pass,
// and one line with the verdict.
func (r *Report) WriteText(w io.Writer) error {
	rows := [][]string{{"Result", "Check", "Field", "Details"}}
	passed := 0
	for _, c := range r.Checks {
		if c.Result == ResultPassed || r.Problem != nil {
			passed++
			continue
		}
		name := c.Rule
		if c.Rule == "expression" || c.Rule == "sql" {
			name = c.ID // the rule's own name tells more
		}
		rows = append(rows, []string{c.Result, name, c.Field, c.details()})
	}
	var b strings.Builder
	if len(rows) > 1 {
		table(&b, rows)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "note: %s\n", n)
	}
	if r.Problem != nil {
		fmt.Fprintf(&b, "error: %s", r.Problem.Message)
		if r.Problem.Hint != "" {
			fmt.Fprintf(&b, " (%s)", r.Problem.Hint)
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "%s\n", r.Line(passed))
	_, err := io.WriteString(w, b.String())
	return err
}

// Line is the verdict in one line.
func (r *Report) Line(passed int) string {
	line := fmt.Sprintf("%s: %s, %s: %d rows read, %d accepted, %d rejected", r.Source, r.Verdict, r.Decision,
		r.Rows.Read, r.Rows.Accepted, r.Rows.Rejected)
	if r.Problem == nil {
		line += fmt.Sprintf("; %d of %d checks passed", passed, len(r.Checks))
	}
	if r.Reason != "" && r.Problem == nil {
		line += " (" + r.Reason + ")"
	}
	return line
}

// details is one line about a check that did not pass.
func (c *CheckResult) details() string {
	var parts []string
	if c.Detail != "" {
		parts = append(parts, c.Detail)
	}
	rows := c.Rule != "rowCount" && c.Rule != "undeclared_columns"
	if c.Failed > 0 && c.Evaluated > 1 && rows {
		parts = append(parts, fmt.Sprintf("%d of %d rows", c.Failed, c.Evaluated))
	}
	if c.Expected != "" && c.Rule != "record" && c.Rule != "present" && c.Result != ResultNotJudged {
		parts = append(parts, "expected "+c.Expected)
	}
	if len(c.Samples) > 0 {
		s := c.Samples[0]
		at := fmt.Sprintf("row %d", s.Row)
		if s.Line > 0 {
			at = fmt.Sprintf("line %d", s.Line)
		}
		if s.Document != "" {
			at = short(printable(s.Document), 60)
		}
		if s.Value != "" {
			at += ": " + short(printable(s.Value), 40)
		}
		parts = append(parts, at)
	}
	return strings.Join(parts, "; ")
}

// table aligns columns by two blanks.
func table(b *strings.Builder, rows [][]string) {
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	for _, row := range rows {
		for i, cell := range row {
			b.WriteString(cell)
			if i < len(row)-1 {
				b.WriteString(strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell)+2))
			}
		}
		b.WriteByte('\n')
	}
}
