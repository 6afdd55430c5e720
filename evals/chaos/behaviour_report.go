package chaos

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// WriteJSON writes the whole report.
func (r *BehaviourReport) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

// WriteText writes a table for people, and each experiment's criterion.
func (r *BehaviourReport) WriteText(w io.Writer) error {
	var b strings.Builder
	tw := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, "EXPERIMENT\tDETECTOR\tFOUND\tAT\tBEFORE\tUNDER\tAFTER\tWRONG\tGROUNDED\tRESULT")
	for _, o := range r.Outcomes {
		found, result := "no", "passed"
		if o.Found {
			found = "yes"
		}
		if !o.Passed {
			result = "FAILED: " + o.Why
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%d\t%.3f\t%+.3f (%+.3f to %+.3f)\t%+.3f\t%.3f\t%.3f\t%s\n", o.Name, o.Detector, found, o.At,
			o.Before, o.Under.Mean, o.Under.Lo, o.Under.Hi, o.After.Mean, o.WrongUnder, o.Grounded, result)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for _, o := range r.Outcomes {
		stable := "the score left the bound meanwhile"
		if o.Stable {
			stable = "the score stayed within the bound"
		}
		correct := "what was believed stayed right"
		if !o.Correct {
			correct = "WRONG VALUES WERE BELIEVED"
		}
		fmt.Fprintf(&b, "\n%s: %s.\n  criterion: %s\n  %s; %s", o.Name, o.Fault, o.Criterion, stable, correct)
		if o.What != "" {
			fmt.Fprintf(&b, "\n  %s: %s", o.Detector, o.What)
		}
		if len(o.By) > 1 {
			fmt.Fprintf(&b, "\n  seen too by: %s", strings.Join(o.By[1:], ", "))
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "\n%d of %d experiments found by the named detector; %d outputs each, stable within %.0f %%\n", r.Found, r.Total, r.Outputs, 100*r.Bound)
	_, err := io.WriteString(w, b.String())
	return err
}
