package evals

import (
	_ "embed"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline/page"
)

//go:embed page.html
var pageText string

// RunTemplate defines "run", which shows a View: here in a report, and on the pages
// that the server answers with.
//
//go:embed run.html
var RunTemplate string

var reportPage = page.Report("evals", pageText+RunTemplate)

// WriteHTML writes one self-contained page about all reports, without scripts.
func WriteHTML(w io.Writer, reports []*Report) error {
	views := make([]View, len(reports))
	for i, rep := range reports {
		views[i] = rep.View()
	}
	return reportPage.Execute(w, views)
}

// A View is a report in words, as templates show it.
type View struct {
	ID, Suite, Title, Judgement, Score, Change, Cases, Errors, At, Passes string
	Reasons                                                               []string
	Sensitivity, FirstError, Baseline                                     string
	Changed                                                               []ChangedView
	Trend                                                                 TrendView
	Breaches                                                              []BreachView
	MoreBreaches, MoreSlices                                              int // that are not shown
	Figures                                                               []FigureView
	Slices                                                                []SliceView
	Lost                                                                  []CaseView
	LostIn                                                                string
	Worst                                                                 []CaseView
	Bins                                                                  []BinView
	Versions                                                              []VersionView
}

// A ChangedView is a version that is another one than the baseline's.
type ChangedView struct{ What, Was, Is string }

// A BreachView is an invariant that broke.
type BreachView struct{ Invariant, Case, Detail string }

// A FigureView is a figure with its interval.
type FigureView struct {
	Scorer, Value, Lo, Hi, Cases, Weight, Threshold string
	Broken                                          bool
}

// A SliceView is a slice; Share is its score for a meter, Moved marks the one that
// lost most.
type SliceView struct {
	Key, Value, Cases, Score, Share, Change string
	Moved                                   bool
}

// A CaseView is a case that was lost or is among the worst.
type CaseView struct {
	Case, Score  string
	Text         []page.Piece
	Breaches     []BreachView
	Misses       []MissView
	More         int      // misses that are not shown
	Before, Then []string // what was said of it before and after
}

// A MissView is one thing that was wrong.
type MissView struct {
	Text     string
	Critical bool
}

// A BinView is a row of the table of confidence against accuracy.
type BinView struct{ Range, Answers, Said, Right, Share string }

// A VersionView is one part that made the answers.
type VersionView struct{ Part, Version string }

// An extent bounds what a View shows: bytes of a case's text and of what is said of
// it, the lines of a list, and the worst cases.
type extent struct{ text, words, lines, cases int }

// View says in words what a report holds.
func (rep *Report) View() View {
	return rep.view(extent{page.MaxText, page.MaxText, math.MaxInt, 3 * worstCases})
}

// Brief is a View that is small whatever the cases hold, for a page of a server.
func (rep *Report) Brief() View { return rep.view(extent{600, 200, 60, 2 * worstCases}) }

func (rep *Report) view(most extent) View {
	r := rep.Run
	v := View{ID: shownVersion(r.ID), Suite: page.Short(r.Suite, 100), Title: page.Short(r.Title, 200), Judgement: string(r.Judgement), Score: fmt.Sprintf("%.3f", r.Score), Cases: fmt.Sprint(r.Cases), Errors: fmt.Sprint(r.Errors), At: r.At.UTC().Format("2006-01-02 15:04 UTC"),
		Sensitivity: r.Sensitivity(), Trend: trendOf(r, rep.History)}
	if v.Title == "" {
		v.Title = v.Suite
	}
	v.Passes = fmt.Sprintf("%d passes", r.Passes)
	if r.Passes == 1 {
		v.Passes = "1 pass"
	}
	if r.Difference != nil {
		v.Change = change(r.Difference)
	}
	if r.FirstError != "" {
		v.FirstError = page.Short(r.FirstError, most.text)
	}
	if r.Baseline != "" {
		v.Baseline = shownVersion(r.Baseline)
	}
	for _, s := range first(r.Reasons, most.lines) {
		v.Reasons = append(v.Reasons, page.Short(s, most.text))
	}
	for _, c := range r.Changed {
		v.Changed = append(v.Changed, ChangedView{c.What, shownVersion(c.Was), shownVersion(c.Is)})
	}
	v.Breaches, v.MoreBreaches = breaches(first(r.Breaches, most.lines), most), max(len(r.Breaches)-most.lines, 0)
	for _, f := range r.Figures {
		x := FigureView{Scorer: f.Scorer, Value: four(f.Value), Lo: four(f.Lo), Hi: four(f.Hi), Cases: fmt.Sprint(f.Cases), Broken: f.Broken}
		if f.Weight != 0 {
			x.Weight = fmt.Sprint(f.Weight)
		}
		if f.Threshold != nil {
			x.Threshold = four(*f.Threshold)
		}
		v.Figures = append(v.Figures, x)
	}
	v.MoreSlices = max(len(r.Slices)-most.lines, 0)
	for _, s := range first(r.Slices, most.lines) {
		x := SliceView{Key: page.Short(s.Key, 100), Value: page.Short(s.Value, 100), Cases: fmt.Sprint(s.Cases), Score: fmt.Sprintf("%.3f", s.Score), Share: filled(s.Score), Moved: r.Moved != nil && r.Moved.Key == s.Key && r.Moved.Value == s.Value}
		if s.Change != nil {
			x.Change = fmt.Sprintf("%+.2f", 100*clean(*s.Change))
		}
		v.Slices = append(v.Slices, x)
	}
	if r.Moved != nil {
		v.LostIn = page.Short(r.Moved.Key+" "+r.Moved.Value, 200)
	}
	for _, e := range first(r.Examples, most.cases) {
		v.Lost = append(v.Lost, CaseView{Case: page.Short(e.Case, 200), Score: fmt.Sprintf("%.3f → %.3f", e.Before, e.After), Text: []page.Piece{{Text: page.Short(e.Text, most.text)}}, Before: visible(e.Was, most), Then: visible(e.Is, most)})
	}
	for _, w := range rep.worst(most.cases) {
		c := CaseView{Case: page.Short(w.Case, 200), Score: fmt.Sprintf("%.3f", w.Mean()), Text: marked(w, most.text), Breaches: breaches(first(w.Last.Breaches, missesShown), most)}
		for _, m := range first(w.Last.Misses, missesShown) {
			c.Misses = append(c.Misses, MissView{page.Short(m.String(), most.words), m.Critical})
		}
		c.More = len(w.Last.Misses) - len(c.Misses)
		v.Worst = append(v.Worst, c)
	}
	for _, b := range r.Reliability {
		v.Bins = append(v.Bins, BinView{four(b.From) + " – " + four(b.To), fmt.Sprint(b.Answers), fmt.Sprintf("%.3f", b.Confidence), fmt.Sprintf("%.3f", b.Right), filled(b.Right)})
	}
	ver := r.Versions
	for _, kv := range [][2]string{{"model", ver.Model}, {"prompt", ver.Prompt}, {"knowledge", ver.Knowledge}, {"embedder", ver.Embedder}, {"matcher", ver.Matcher}, {"contracts", ver.Contract}, {"program", ver.Program}, {"suite", ver.Suite}} {
		if kv[1] != "" {
			v.Versions = append(v.Versions, VersionView{kv[0], shownVersion(kv[1])})
		}
	}
	return v
}

// shownVersion is a version as a page may show it.
func shownVersion(v string) string { return page.Short(shortVersion(v), 80) }

func four(f float64) string { return fmt.Sprintf("%.4g", f) }

func filled(f float64) string { return fmt.Sprintf("%.3f", min(max(f, 0), 1)) }

// missesShown bounds what a case lists.
const missesShown = 12

// first is at most n of what is in a list.
func first[T any](list []T, n int) []T { return list[:min(len(list), n)] }

func visible(in []string, most extent) []string {
	var out []string
	for _, s := range first(in, missesShown) {
		out = append(out, page.Short(s, most.words))
	}
	return out
}

func breaches(in []Breach, most extent) []BreachView {
	var out []BreachView
	for _, b := range in {
		out = append(out, BreachView{page.Short(string(b.Invariant), 100), page.Short(b.Case, 200), page.Short(b.Detail, most.words)})
	}
	return out
}

// marked is the text of a case with the places of what was wrong.
func marked(r *Result, most int) []page.Piece {
	text := r.Last.Text
	var marks []page.Mark
	for _, m := range r.Last.Misses {
		if m.Text != "" && m.Valid(len(text)) && m.In(text) == m.Text {
			marks = append(marks, page.Mark{Start: m.Start, End: m.End, Kind: "miss", Title: page.Short(m.String(), 200)})
		}
	}
	return page.Excerpt(text, marks, most)
}

// A TrendView is the scores of the runs of a suite as a drawing, the oldest on the
// left: a run that tripped is a ring, a whisker is the interval of its difference
// to the baseline, and a band shows the tolerance below the baseline.
type TrendView struct {
	Label       string
	Width       float64
	Height      float64
	Grid        []TrendLine
	Band        *TrendBand
	Whiskers    []TrendLine
	Points      string
	Dots        []TrendDot
	First, Last string // dates
	Foot        string
}

// A TrendLine is a horizontal line of the grid, or a whisker.
type TrendLine struct{ X1, X2, Y1, Y2, TextY, Text string }

// A TrendBand is what is tolerated below the baseline.
type TrendBand struct{ X, Y, W, H, Title string }

// A TrendDot is one run.
type TrendDot struct{ X, Y, Class, Title string }

// trendRuns is how many runs a trend goes back.
const trendRuns = 60

func trendOf(run *Run, history []Run) TrendView {
	const w, h, pad = 640.0, 150.0, 34.0
	runs := []Run{*run}
	for _, r := range history {
		if r.ID != run.ID && r.Judgement != Unfinished && !r.At.After(run.At) {
			runs = append(runs, r)
		}
	}
	runs = runs[:min(len(runs), trendRuns)]
	slices.Reverse(runs)
	lo, hi := 1.0, 0.0
	for _, r := range runs {
		lo, hi = min(lo, r.Score-2*r.Tolerance), max(hi, r.Score+r.Tolerance)
	}
	lo, hi = max(lo, 0), min(hi, 1)
	if hi-lo < 0.01 {
		lo = max(0, hi-0.01)
	}
	y := func(s float64) float64 { return pad/2 + (h-pad)*(1-(min(max(s, lo), hi)-lo)/(hi-lo)) }
	x := func(i int) float64 {
		if len(runs) == 1 {
			return w / 2
		}
		return pad + (w-1.5*pad)*float64(i)/float64(len(runs)-1)
	}
	one := func(f float64) string { return fmt.Sprintf("%.1f", f) }
	t := TrendView{Label: fmt.Sprintf("score of the last %d runs, now %.3f", len(runs), run.Score), Width: w, Height: h, Foot: one(h - 2), First: runs[0].At.Format("2006-01-02")}
	if len(runs) > 1 {
		t.Last = runs[len(runs)-1].At.Format("2006-01-02")
	}
	for _, s := range []float64{lo, (lo + hi) / 2, hi} {
		t.Grid = append(t.Grid, TrendLine{one(pad), one(w), one(y(s)), one(y(s)), one(y(s) + 4), fmt.Sprintf("%.3f", s)})
	}
	if d := run.Difference; d != nil {
		top, bottom := y(d.Base), y(d.Base-run.Tolerance)
		t.Band = &TrendBand{one(pad), one(top), one(w - pad), one(max(0, bottom-top)), fmt.Sprintf("baseline %.3f, tolerance %.3f", d.Base, run.Tolerance)}
	}
	points := make([]string, len(runs))
	for i, r := range runs {
		points[i] = one(x(i)) + "," + one(y(r.Score))
		if d := r.Difference; d != nil {
			t.Whiskers = append(t.Whiskers, TrendLine{X1: one(x(i)), X2: one(x(i)), Y1: one(y(d.Base + d.Lo)), Y2: one(y(d.Base + d.Hi)), Text: "95 % interval " + change(d) + " points"})
		}
		class := "dot"
		switch {
		case r.Judgement == Tripped:
			class = "trip"
		case r.Kind == Lock:
			class = "lock"
		}
		t.Dots = append(t.Dots, TrendDot{one(x(i)), one(y(r.Score)), class, fmt.Sprintf("%s, %s, %.4f", r.At.Format("2006-01-02 15:04"), r.Judgement, r.Score)})
	}
	t.Points = strings.Join(points, " ")
	return t
}
