package evals

import (
	"encoding/csv"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/assay-pipeline/assay/evals/stats"
	"github.com/assay-pipeline/assay/pipeline"
)

// A Cell is how a suite fared with one model and one prompt.
type Cell struct {
	Suite  string `json:"suite"`
	Model  string `json:"model"`
	Prompt string `json:"prompt"`
	// Version of the prompts.
	Version string `json:"version,omitempty"`
	// Error says why there is no measurement: the model is down, or cannot be
	// opened. Everything below is then empty.
	Error string `json:"error,omitempty"`

	// Score is the mean of the cases, with the bootstrap 95 % interval over
	// clusters of cases.
	Score  float64 `json:"score"`
	Lo     float64 `json:"lo"`
	Hi     float64 `json:"hi"`
	Cases  int     `json:"cases"`
	Errors int     `json:"errors"`
	// Against is the paired difference from the first cell of the suite that was
	// measured; nil there.
	Against *stats.Difference `json:"against,omitempty"`
	// Dollars per thousand cases, nil where no price is known; Tokens per case.
	Dollars *float64 `json:"dollars_per_1000,omitempty"`
	Tokens  float64  `json:"tokens"`
	// P95 of the latency of a case in milliseconds.
	P95 float64 `json:"p95_ms"`
	// Breaches of invariants: such a model is no choice.
	Breaches []Breach `json:"breaches,omitempty"`
	// Front: no other cell of the suite is as good in quality, cost and p95 and
	// better in one of them.
	Front bool `json:"pareto"`
}

// A Matrix is suites by models and prompts.
type Matrix struct {
	SchemaVersion int    `json:"schema_version"`
	Cells         []Cell `json:"cells"`

	first map[string][]Result
}

// Fail adds a cell that could not be measured.
func (m *Matrix) Fail(suite, model, prompt string, err error) {
	m.Cells = append(m.Cells, Cell{Suite: suite, Model: model, Prompt: prompt, Error: pipeline.ErrorMessage(err)})
}

// Add adds a run. priced says whether the model has a price, or needs none.
func (m *Matrix) Add(run *Run, results []Result, prompt string, priced bool) {
	c := Cell{Suite: run.Suite, Model: run.Versions.Model, Prompt: prompt, Version: run.Versions.Prompt}
	if run.Judgement == Unfinished {
		c.Error = strings.Join(run.Reasons, "; ")
		m.Cells = append(m.Cells, c)
		return
	}
	c.Score, c.Cases, c.Errors, c.Breaches = run.Score, run.Cases, run.Errors, run.Breaches
	var level []stats.Pair
	var late []float64
	micros, tokens, n := 0.0, 0.0, 0.0
	for i := range results {
		r := &results[i]
		if len(r.Scores) == 0 {
			continue
		}
		n++
		level = append(level, stats.Pair{ID: r.Case, Cluster: r.Cluster, Base: []float64{0}, Now: r.Mean()})
		late = append(late, float64(r.Last.Spent.Latency.Microseconds())/1000)
		micros += float64(r.Last.Spent.Micros)
		tokens += float64(r.Last.Spent.Tokens)
	}
	d := stats.Rule{Seed: 1}.Compare(level)
	c.Lo, c.Hi = d.Lo, d.Hi
	if n > 0 {
		slices.Sort(late)
		c.P95, c.Tokens = late[int(math.Ceil(0.95*n))-1], tokens/n
		if priced {
			dollars := micros / 1e6 / n * 1000
			c.Dollars = &dollars
		}
	}
	if m.first == nil {
		m.first = map[string][]Result{}
	}
	if before, ok := m.first[run.Suite]; ok {
		diff := stats.Rule{Seed: 1}.Compare(pairsOf(before, results))
		c.Against = &diff
	} else {
		m.first[run.Suite] = results
	}
	m.Cells = append(m.Cells, c)
}

// Mark marks the Pareto front of each suite. Cells without a measurement, and
// those that break an invariant, are not on it and push nobody off it.
func (m *Matrix) Mark() {
	m.SchemaVersion = SchemaVersion
	for i := range m.Cells {
		a := &m.Cells[i]
		a.Front = a.choice() && !slices.ContainsFunc(m.Cells, func(b Cell) bool { return b.Suite == a.Suite && b.choice() && b.beats(a) })
	}
}

func (c *Cell) choice() bool { return c.Error == "" && len(c.Breaches) == 0 }

// beats reports whether c is nowhere worse than o, and somewhere better. A model
// without a price is compared with one that has none alone; latencies count to
// two digits, since no measurement of them repeats.
func (c *Cell) beats(o *Cell) bool {
	if (c.Dollars == nil) != (o.Dollars == nil) {
		return false
	}
	cost := 0.0
	if c.Dollars != nil {
		cost = *o.Dollars - *c.Dollars
	}
	better := []float64{c.Score - o.Score, cost, twoDigits(o.P95) - twoDigits(c.P95)}
	return !slices.ContainsFunc(better, func(d float64) bool { return d < 0 }) && slices.ContainsFunc(better, func(d float64) bool { return d > 0 })
}

func twoDigits(x float64) float64 {
	f, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', 2, 64), 64)
	if err != nil {
		return x
	}
	return f
}

// Failed reports whether a cell could not be measured.
func (m *Matrix) Failed() bool {
	return slices.ContainsFunc(m.Cells, func(c Cell) bool { return c.Error != "" })
}

// WriteText writes a table.
func (m *Matrix) WriteText(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(t, "SUITE\tMODEL\tPROMPT\tQUALITY\t95 % INTERVAL\tAGAINST THE FIRST\tUSD / 1000\tTOKENS\tP95 MS\tCHOICE")
	for _, c := range m.Cells {
		if c.Error != "" {
			fmt.Fprintf(t, "%s\t%s\t%s\terror\t\t\t\t\t\t%s\n", c.Suite, c.Model, c.Prompt, clip(c.Error))
			continue
		}
		against := "–"
		if d := c.Against; d != nil {
			against = fmt.Sprintf("%+.2f (%+.2f to %+.2f)", 100*d.Mean, 100*d.Lo, 100*d.Hi)
		}
		mark := ""
		switch {
		case len(c.Breaches) > 0:
			mark = "breaks " + string(c.Breaches[0].Invariant)
		case c.Front:
			mark = "pareto"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%.4f\t%.4f – %.4f\t%s\t%s\t%.0f\t%.3g\t%s\n", c.Suite, c.Model, c.Prompt, c.Score, c.Lo, c.Hi, against, c.price(), c.Tokens, c.P95, mark)
	}
	return t.Flush()
}

func (c *Cell) price() string {
	if c.Dollars == nil {
		return "no price"
	}
	return fmt.Sprintf("%.4f", *c.Dollars)
}

// WriteCSV writes a line per cell.
func (m *Matrix) WriteCSV(w io.Writer) error {
	out := csv.NewWriter(w)
	rows := [][]string{{"suite", "model", "prompt", "version", "error", "score", "lo", "hi", "cases", "errors", "dollars_per_1000", "tokens", "p95_ms", "breaches", "pareto"}}
	f := func(x float64) string { return strconv.FormatFloat(x, 'g', 6, 64) }
	for _, c := range m.Cells {
		row := []string{c.Suite, c.Model, c.Prompt, c.Version, c.Error, "", "", "", "", "", "", "", "", "", "false"}
		if c.Error == "" {
			price := ""
			if c.Dollars != nil {
				price = f(*c.Dollars)
			}
			row = []string{c.Suite, c.Model, c.Prompt, c.Version, "", f(c.Score), f(c.Lo), f(c.Hi), strconv.Itoa(c.Cases), strconv.Itoa(c.Errors), price, f(c.Tokens), f(c.P95), strconv.Itoa(len(c.Breaches)), strconv.FormatBool(c.Front)}
		}
		rows = append(rows, row)
	}
	return out.WriteAll(rows)
}
