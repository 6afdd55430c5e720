package stats

import (
	"fmt"
	"strings"
)

// A Case is one line of the table of figures: a suite, its noise, and what
// happened to it.
type Case struct {
	Noise     Noise
	Items     int
	Drop      float64 // 0: nothing happened
	Tolerance float64
}

// Cases are those that the rule is judged by, no change first. They are fixed.
func Cases() []Case {
	var out []Case
	for _, drop := range []bool{false, true} {
		for _, n := range []int{100, 500} {
			for _, noise := range NoiseModels() {
				c := Case{Noise: noise, Items: n, Tolerance: 0.02}
				switch {
				case drop && n == 100:
					c.Drop = 0.08
				case drop:
					c.Drop = 0.03
				}
				out = append(out, c)
			}
		}
	}
	return out
}

// Play simulates months of the case.
func (c Case) Play(months int) Months {
	return Simulation{Noise: c.Noise, Items: c.Items, Months: months, Drop: c.Drop, Rule: Rule{Tolerance: c.Tolerance}, Seed: 1}.Play()
}

// Figures are the worst of the cases.
type Figures struct {
	// FalseTripMonths is the largest share of months without a change that
	// tripped.
	FalseTripMonths float64 `json:"false_trip_months"`
	// TrueDropFound is the smallest share of months with a drop that tripped.
	TrueDropFound float64 `json:"true_drop_found"`
	// MeanRunsToFind is the largest mean of the runs that it took, the
	// confirming ones counted, and MeanNightsToFind without them.
	MeanRunsToFind   float64 `json:"mean_runs_to_find"`
	MeanNightsToFind float64 `json:"mean_nights_to_find"`
}

// Play simulates months of every case: a table in Markdown, and its worst lines.
func Play(months int) (table string, f Figures) {
	f.TrueDropFound = 1
	var b strings.Builder
	fmt.Fprintf(&b, "%d months of %d nights each, tolerance 2 points, baseline of %d runs.\n\n", months, Nights, BaselineRuns)
	b.WriteString("| items | noise | what happened | months that tripped | nights until then | runs, confirming ones counted |\n|---|---|---|---|---|---|\n")
	for _, c := range Cases() {
		m := c.Play(months)
		what, nights, runs := "nothing", "", ""
		if c.Drop > 0 {
			what = fmt.Sprintf("a drop of %g points", 100*c.Drop)
			nights, runs = fmt.Sprintf("%.2f", m.Nights), fmt.Sprintf("%.2f", m.Runs)
			f.TrueDropFound = min(f.TrueDropFound, m.Share())
			f.MeanRunsToFind = max(f.MeanRunsToFind, m.Runs)
			f.MeanNightsToFind = max(f.MeanNightsToFind, m.Nights)
		} else {
			f.FalseTripMonths = max(f.FalseTripMonths, m.Share())
		}
		fmt.Fprintf(&b, "| %d | %s | %s | %.1f %% | %s | %s |\n", c.Items, c.Noise.Name, what, 100*m.Share(), nights, runs)
	}
	return b.String(), f
}
