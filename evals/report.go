package evals

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/assay-pipeline/assay/evals/stats"
	"github.com/assay-pipeline/assay/pipeline"
)

// A Report is a run with all that its readers want beside it.
type Report struct {
	Run     *Run
	Results []Result
	// Set is the suite as it is now: where the cases stand. It may be nil.
	Set *Set
	// History are earlier runs of the suite, the latest first.
	History []Run
}

// WriteJSON writes the run as one document.
func (rep *Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(rep.Run)
}

// Line is the outcome in one line.
func (r *Run) Line() string {
	s := fmt.Sprintf("%s %s: score %.4f over %d cases", r.Suite, r.Judgement, r.Score, r.Cases-r.Errors)
	if r.Errors > 0 {
		s += fmt.Sprintf(", %d errors", r.Errors)
	}
	if d := r.Difference; d != nil {
		s += ", " + change(d) + " points against the baseline"
	}
	return s
}

func change(d *stats.Difference) string {
	return fmt.Sprintf("%+.2f (%+.2f to %+.2f)", 100*clean(d.Mean), 100*clean(d.Lo), 100*clean(d.Hi))
}

// clean makes no difference of a rounding error.
func clean(x float64) float64 {
	if x > -1e-9 && x < 1e-9 {
		return 0
	}
	return x
}

// Sensitivity says what the run could find.
func (r *Run) Sensitivity() string {
	if r.Detectable == 0 {
		return ""
	}
	s := fmt.Sprintf("%d cases find a true drop of %s points or more in one run (four times of five)", r.Cases-r.Errors, points(r.Detectable))
	if r.Detectable > r.Wished+1e-9 && r.Needed > 0 {
		s += fmt.Sprintf("; one of %s points needs %d cases", points(r.Wished), r.Needed)
	}
	return s
}

// WriteBrief writes the judgement and why, without tables.
func (rep *Report) WriteBrief(w io.Writer) error {
	var b strings.Builder
	rep.brief(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (rep *Report) brief(b *strings.Builder) {
	r := rep.Run
	fmt.Fprintln(b, r.Line())
	for _, reason := range r.Reasons {
		fmt.Fprintf(b, "  %s\n", reason)
	}
	if s := r.Sensitivity(); s != "" {
		fmt.Fprintf(b, "  %s\n", s)
	}
	for _, c := range r.Changed {
		fmt.Fprintf(b, "  %s changed since the baseline: %s, was %s\n", c.What, shortVersion(c.Is), shortVersion(c.Was))
	}
	if r.FirstError != "" {
		fmt.Fprintf(b, "  first error: %s\n", r.FirstError)
	}
}

// WriteText writes tables for people.
func (rep *Report) WriteText(w io.Writer) error {
	r := rep.Run
	var b strings.Builder
	rep.brief(&b)
	b.WriteString("\n")
	writeFigures(&b, r)
	writeSlices(&b, r)
	writeReliability(&b, r)
	rep.writeWorst(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

// shortVersion shortens content ids and leaves names.
func shortVersion(v string) string {
	if len(v) >= 24 && strings.Trim(v, "0123456789abcdef") == "" {
		return pipeline.ShortID(v)
	}
	return orNothing(v)
}

func writeFigures(b *strings.Builder, r *Run) {
	t := tabwriter.NewWriter(b, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "FIGURE\tVALUE\t95 % INTERVAL\tCASES\tWEIGHT\tTHRESHOLD")
	for _, f := range r.Figures {
		weight, limit := "", ""
		if f.Weight > 0 {
			weight = fmt.Sprintf("%g", f.Weight)
		}
		if f.Threshold != nil {
			side := "≥"
			if f.Less {
				side = "≤"
			}
			limit = fmt.Sprintf("%s %g", side, *f.Threshold)
			if f.Broken {
				limit += " broken"
			}
		}
		fmt.Fprintf(t, "%s\t%.4g\t%.4g – %.4g\t%d\t%s\t%s\n", f.Scorer, f.Value, f.Lo, f.Hi, f.Cases, weight, limit)
	}
	_ = t.Flush() // into memory
}

func writeSlices(b *strings.Builder, r *Run) {
	if len(r.Slices) == 0 {
		return
	}
	b.WriteString("\n")
	t := tabwriter.NewWriter(b, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "SLICE\tVALUE\tCASES\tSCORE\tCHANGE")
	for _, s := range r.Slices {
		moved := ""
		if s.Change != nil {
			moved = fmt.Sprintf("%+.2f", 100*clean(*s.Change))
			if r.Moved != nil && r.Moved.Key == s.Key && r.Moved.Value == s.Value {
				moved += "  ← lost most"
			}
		}
		fmt.Fprintf(t, "%s\t%s\t%d\t%.4f\t%s\n", s.Key, s.Value, s.Cases, s.Score, moved)
	}
	_ = t.Flush() // into memory
}

// writeReliability is the reliability table: of the answers with about this
// confidence, how many were right.
func writeReliability(b *strings.Builder, r *Run) {
	if len(r.Reliability) == 0 {
		return
	}
	b.WriteString("\n")
	t := tabwriter.NewWriter(b, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "CONFIDENCE\tANSWERS\tSAID\tRIGHT")
	for _, x := range r.Reliability {
		fmt.Fprintf(t, "%.1f – %.1f\t%d\t%.4f\t%.4f\n", x.From, x.To, x.Answers, x.Confidence, x.Right)
	}
	_ = t.Flush() // into memory
}

// worstCases of a report.
const worstCases = 10

// worst are the results that scored least, those that broke something first.
func (rep *Report) worst(n int) []*Result {
	var out []*Result
	for i := range rep.Results {
		r := &rep.Results[i]
		if len(r.Scores) > 0 && (r.Mean() < 1 || len(r.Last.Breaches) > 0) {
			out = append(out, r)
		}
	}
	slices.SortStableFunc(out, func(a, b *Result) int {
		return cmp.Or(cmp.Compare(len(b.Last.Breaches), len(a.Last.Breaches)), cmp.Compare(a.Mean(), b.Mean()), cmp.Compare(a.Case, b.Case))
	})
	return out[:min(n, len(out))]
}

func (rep *Report) writeWorst(b *strings.Builder) {
	r := rep.Run
	if len(r.Examples) > 0 {
		b.WriteString("\nLOST SINCE THE BASELINE")
		if r.Moved != nil {
			fmt.Fprintf(b, " (%s %s)", r.Moved.Key, r.Moved.Value)
		}
		b.WriteString("\n")
		for _, e := range r.Examples {
			fmt.Fprintf(b, "%s  %.2f → %.2f  %s\n", e.Case, e.Before, e.After, clip(e.Text))
			for _, m := range e.Was {
				fmt.Fprintf(b, "    before: %s\n", m)
			}
			for _, m := range e.Is {
				fmt.Fprintf(b, "    after:  %s\n", m)
			}
		}
	}
	worst := rep.worst(worstCases)
	if len(worst) == 0 {
		return
	}
	b.WriteString("\nWORST CASES\n")
	for _, res := range worst {
		fmt.Fprintf(b, "%s  %.2f  %s\n", res.Case, res.Mean(), clip(res.Last.Text))
		for _, br := range res.Last.Breaches {
			fmt.Fprintf(b, "    %s broke: %s\n", br.Invariant, br.Detail)
		}
		for _, m := range res.Last.Misses {
			fmt.Fprintf(b, "    %s\n", m)
		}
	}
}

// WriteText writes a comparison for people.
func (d *Diff) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s of %s against %s of %s\n", d.After.Suite, pipeline.ShortID(d.After.ID), d.After.At.Format("2006-01-02 15:04"), pipeline.ShortID(d.Before.ID), d.Before.At.Format("2006-01-02 15:04"))
	fmt.Fprintf(&b, "%s points over %d cases that both could score\n", change(&d.Difference), d.Difference.Items)
	if d.OnlyBefore+d.OnlyAfter > 0 {
		fmt.Fprintf(&b, "%d cases were scored before only, %d after only\n", d.OnlyBefore, d.OnlyAfter)
	}
	for _, c := range d.Changed {
		fmt.Fprintf(&b, "%s: %s → %s\n", c.What, shortVersion(c.Was), shortVersion(c.Is))
	}
	if len(d.Cases) == 0 {
		b.WriteString("no case has another score\n")
	}
	for _, c := range d.Cases {
		fmt.Fprintf(&b, "%s  %.2f → %.2f  %s\n", c.Case, c.Before, c.After, clip(c.Text))
		for _, m := range c.Was {
			fmt.Fprintf(&b, "    before: %s\n", m)
		}
		for _, m := range c.Is {
			fmt.Fprintf(&b, "    after:  %s\n", m)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}
