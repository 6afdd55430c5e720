package flow

import (
	_ "embed"
	"fmt"
	"io"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/page"
)

//go:embed history.html
var historySource string

var historyPage = page.Report("history", historySource)

// WriteHTML writes the history as one page that needs nothing but itself: a
// trend for each check as SVG, with the breaker's transitions as lines in it.
func (h *History) WriteHTML(w io.Writer) error {
	type check struct {
		CheckHistory
		Trend page.Line
	}
	type move struct{ At, From, To, Cause, Actor string }
	type batch struct {
		HistoryBatch
		When, Short string
	}
	view := struct {
		Feed, Since, Until string
		Checks             []check
		Moves              []move
		Batches            []batch
	}{Feed: page.Text(h.Feed), Since: minute(h.Since), Until: minute(h.Until)}
	for _, c := range h.Checks {
		view.Checks = append(view.Checks, check{c, h.Trend(c)})
	}
	for _, t := range h.Transitions {
		view.Moves = append(view.Moves, move{minute(t.At), string(t.From), string(t.To), page.Text(t.Cause), t.Actor})
	}
	for _, b := range h.Batches {
		view.Batches = append(view.Batches, batch{b, minute(b.At), pipeline.ShortID(b.Batch)})
	}
	return historyPage.Execute(w, view)
}

func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04Z") }

// Trend draws a check's failed share over time, 0 at the bottom and the highest
// at the top, with a line for each opening and closing of the breaker.
func (h *History) Trend(c CheckHistory) page.Line {
	at := func(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }
	from, until := at(h.Since), max(at(h.Until), at(h.Since)+1)
	vs := make([]page.Value, len(c.Points))
	top := 0.0
	for i, p := range c.Points {
		top = max(top, p.Rate())
		vs[i] = page.Value{At: at(p.At), Y: p.Rate(), Class: p.Result, Title: fmt.Sprintf("%s, %s: %.3g %%", minute(p.At), p.Result, 100*p.Rate())}
	}
	l := page.Draw(fmt.Sprintf("highest failed share %.3g %%", 100*top), 320, 36, from, until, 0, vs)
	for _, t := range h.Transitions {
		if t.To == breaker.Open || t.To == breaker.Closed {
			l.Rule(from, until, at(t.At), string(t.To), fmt.Sprintf("breaker %s %s", t.To, minute(t.At)))
		}
	}
	return l
}
