package chaos

import (
	"cmp"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	_ "embed"

	"github.com/assay-pipeline/assay/pipeline/page"
)

// SchemaVersion of the JSON report. Keys may be added without a change.
const SchemaVersion = 1

// ContractRef names a version of a contract.
type ContractRef struct {
	ID      string `json:"id"`
	Version string `json:"version"`
	Hash    string `json:"hash"`
}

// A Report is what an attack on a contract found.
type Report struct {
	SchemaVersion int         `json:"schema_version"`
	Feed          string      `json:"feed"`
	Contract      ContractRef `json:"contract"`
	At            time.Time   `json:"at,omitzero"`
	Seed          uint64      `json:"seed"`
	// Rows of the good batches that were used.
	Rows        int          `json:"rows"`
	Experiments []Experiment `json:"experiments"`
	Skipped     []Skipped    `json:"skipped"`
	// MutationScore is the share of the harmful experiments that anything found;
	// Named the share that the named detector found.
	MutationScore float64 `json:"mutation_score"`
	Named         float64 `json:"named_score"`
	// Strongest counts the faults in their strongest form, StrongestFound those
	// that the named detector found.
	Strongest      int `json:"strongest"`
	StrongestFound int `json:"strongest_found"`
	CleanBatches   int `json:"clean_batches"`
	// CleanTrips counts the batches of the clean twin that tripped anything,
	// PatchedTrips those under the contract with what is proposed.
	CleanTrips   int        `json:"clean_trips"`
	PatchedTrips int        `json:"patched_clean_trips"`
	Trips        []string   `json:"trips,omitempty"`
	Proposals    []Proposal `json:"proposals"`
	Seconds      float64    `json:"seconds,omitempty"`
}

// score counts.
func (rep *Report) score(faults []Fault) {
	harmful, found, named := 0, 0, 0
	for i, e := range rep.Experiments {
		f := &faults[i/len(Strengths)]
		if i%len(Strengths) == strongest {
			rep.Strongest++
			if e.Outcome == Named {
				rep.StrongestFound++
			}
		}
		if f.harmless() {
			continue
		}
		harmful++
		if e.Detected {
			found++
		}
		if e.Outcome == Named {
			named++
		}
	}
	if harmful > 0 {
		rep.MutationScore, rep.Named = rounded(found, harmful), rounded(named, harmful)
	}
	rep.Skipped = append([]Skipped{}, rep.Skipped...)
	rep.Proposals = append([]Proposal{}, rep.Proposals...)
}

func rounded(n, of int) float64 { return math.Round(float64(n)/float64(of)*1e4) / 1e4 }

// Passed reports whether every strongest fault was found by its named detector
// and the clean twin tripped nothing.
func (rep *Report) Passed() bool {
	return rep.StrongestFound == rep.Strongest && rep.CleanTrips == 0
}

// PatchesCaught counts the missed faults that a proposed clause caught in the
// second run, and those that one was proposed for.
func (rep *Report) PatchesCaught() (caught, of int) {
	for _, p := range rep.Proposals {
		caught += len(p.Caught)
		of += len(p.Faults)
	}
	return caught, of
}

// WriteJSON writes the report as one document.
func (rep *Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(rep)
}

// Line is the outcome in one line.
func (rep *Report) Line() string {
	return fmt.Sprintf("%s: %d of %d strongest faults found by the named detector, mutation score %.2f, %d trips over %d clean batches",
		rep.Feed, rep.StrongestFound, rep.Strongest, rep.MutationScore, rep.CleanTrips, rep.CleanBatches)
}

// WriteText writes tables for people.
func (rep *Report) WriteText(w io.Writer) error {
	var b strings.Builder
	rows := [][]string{{"FAULT", "STRENGTH", "EXPECTED", "OUTCOME", "BY", "PASSED", "A CONSUMER READS"}}
	for _, e := range rep.Experiments {
		rows = append(rows, []string{title(e), e.Strength + ": " + e.Level, e.Expected, e.Outcome, cmp.Or(e.DetectedBy, "–"), fmt.Sprint(e.Latency), e.Consumer})
	}
	table(&b, rows)
	rows = nil
	for _, e := range rep.Experiments {
		if r := e.Recovery; r != nil && len(r.Path) > 1 {
			end := "closed"
			if !r.Closed {
				end = "not closed"
			}
			rows = append(rows, []string{e.Name, strings.Join(r.Path, " → "), fmt.Sprintf("%s after %d good batches, %d of them held; %d faulty held", end, r.Batches, r.Held, r.Faulty)})
		}
	}
	if rows != nil {
		b.WriteString("\nThe breaker after the strongest form:\n")
		table(&b, rows)
	}
	for _, s := range rep.Skipped {
		fmt.Fprintf(&b, "not run: %s: %s\n", s.Name, s.Reason)
	}
	for _, t := range rep.Trips {
		fmt.Fprintf(&b, "tripped: %s\n", t)
	}
	for _, p := range rep.Proposals {
		fmt.Fprintf(&b, "\nThe contract lacks a clause for %s", list(p.Faults))
		switch {
		case p.Problem != "":
			fmt.Fprintf(&b, ": %s\n", p.Problem)
		case len(p.Caught) == len(p.Faults):
			b.WriteString("; with this one, the named detector finds it:\n")
		default:
			fmt.Fprintf(&b, "; with this one, %d of %d are found:\n", len(p.Caught), len(p.Faults))
		}
		b.WriteString(p.Patch)
	}
	b.WriteString("\n" + rep.Line() + "\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func title(e Experiment) string {
	if e.Column == "" {
		return e.Name
	}
	return e.Name + " " + e.Column
}

func table(b *strings.Builder, rows [][]string) {
	width := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, c := range r {
			width[i] = max(width[i], len([]rune(c)))
		}
	}
	for _, r := range rows {
		for i, c := range r {
			b.WriteString(c)
			if i < len(r)-1 {
				b.WriteString(strings.Repeat(" ", width[i]-len([]rune(c))+2))
			}
		}
		b.WriteByte('\n')
	}
}

type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Time    string        `xml:"time,attr,omitempty"`
	Failure *junitFailure `xml:"failure,omitempty"`
	Out     string        `xml:"system-out,omitempty"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// WriteJUnit writes a test case per experiment, and one for the clean twin. A
// weaker form that was not found is told, and is no failure.
func (rep *Report) WriteJUnit(w io.Writer) error {
	s := junitSuite{Name: "chaos " + rep.Feed}
	for _, e := range rep.Experiments {
		c := junitCase{Class: "chaos." + rep.Feed + "." + e.Name, Name: title(e) + ", " + e.Strength, Time: fmt.Sprintf("%.3f", e.Seconds),
			Out: fmt.Sprintf("expected %s; %s by %s; a consumer reads %s", e.Expected, e.Outcome, cmp.Or(e.DetectedBy, "nothing"), e.Consumer)}
		if e.Strength == Strengths[strongest] && e.Outcome != Named {
			c.Failure = &junitFailure{Message: e.Expected + " did not notice", Text: rep.patchFor(e.Name)}
			s.Failures++
		}
		s.Cases = append(s.Cases, c)
	}
	c := junitCase{Class: "chaos." + rep.Feed, Name: "clean twin"}
	if rep.CleanTrips > 0 {
		c.Failure = &junitFailure{Message: fmt.Sprintf("%d of %d clean batches tripped", rep.CleanTrips, rep.CleanBatches), Text: strings.Join(rep.Trips, "\n")}
		s.Failures++
	}
	s.Cases = append(s.Cases, c)
	s.Tests = len(s.Cases)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(s); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (rep *Report) patchFor(fault string) string {
	for _, p := range rep.Proposals {
		for _, f := range p.Faults {
			if f == fault {
				return p.Patch
			}
		}
	}
	return ""
}

//go:embed page.html
var pageText string

var reportPage = page.Report("chaos", pageText)

// WriteHTML writes a self-contained page.
func (rep *Report) WriteHTML(w io.Writer) error {
	type proposal struct {
		Faults, Problem, Patch string
		Caught, Of             int
	}
	type recovery struct {
		Path    string
		Batches int
	}
	type experiment struct {
		Experiment
		Breaker *recovery
	}
	view := struct {
		*Report
		Line      string
		Tried     []experiment
		Clauses   []proposal
		WentWrong []string
	}{Report: rep, Line: rep.Line()}
	for _, e := range rep.Experiments {
		x := experiment{Experiment: e}
		if e.Recovery != nil {
			x.Breaker = &recovery{strings.Join(e.Recovery.Path, " → "), e.Recovery.Batches}
		}
		view.Tried = append(view.Tried, x)
	}
	for _, t := range rep.Trips {
		view.WentWrong = append(view.WentWrong, page.Text(t))
	}
	for _, p := range rep.Proposals {
		view.Clauses = append(view.Clauses, proposal{list(p.Faults), p.Problem, p.Patch, len(p.Caught), len(p.Faults)})
	}
	return reportPage.Execute(w, view)
}
