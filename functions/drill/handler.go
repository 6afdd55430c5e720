package main

import (
	"context"
	"encoding/json"
	"time"

	"github.com/assay-pipeline/assay/evals/chaos"
	"github.com/assay-pipeline/assay/pipeline/app"
)

// every is how long a drill counts: a schedule that comes more often attacks each
// feed once a month.
const every = 30 * 24 * time.Hour

// A handler drills when the clock says so.
type handler struct {
	app   *app.App
	now   func() time.Time
	count *app.Metrics
	// clean is how many batches of natural variation must trip nothing.
	clean int
}

func newHandler(environ []string, dir string, opt app.Options) (*handler, error) {
	cfg, err := app.ReadConfig(environ, dir)
	if err != nil {
		return nil, err
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	a := app.Open(cfg, opt)
	return &handler{a, opt.Now, a.Metrics(), 200}, nil
}

// A response has a line per feed that was drilled.
type response struct {
	Drills  []drill  `json:"drills"`
	Skipped []string `json:"skipped"`
}

type drill struct {
	Feed   string `json:"feed"`
	Passed bool   `json:"passed"`
	Score  string `json:"score"`
}

// Handle attacks the contracts whose last drill is too long ago; the event may
// name one feed, which is drilled now. A contract that misses a fault is a result
// and no error: the report says which clause it lacks.
func (h *handler) Handle(ctx context.Context, raw json.RawMessage) (response, error) {
	var event struct {
		Feed string `json:"feed"`
	}
	_ = json.Unmarshal(raw, &event) // the clock's events name no feed
	res := response{Drills: []drill{}, Skipped: []string{}}
	d := app.Drill{
		Feed: event.Feed, Every: every, Now: h.now,
		Attack: func(ctx context.Context, feed string) (*chaos.Report, error) {
			return h.app.Attack(ctx, feed, 1, h.clean)
		},
		Skipped: func(err error) { res.Skipped = append(res.Skipped, err.Error()) },
		Done: func(rep *chaos.Report) {
			passed := 0.0
			if rep.Passed() {
				passed = 1
			}
			h.count.Put(map[string]string{"Feed": rep.Feed}, app.Measure{Name: "DrillsPassed", Unit: "Count", Value: passed}, app.Measure{Name: "Drills", Unit: "Count", Value: 1})
			res.Drills = append(res.Drills, drill{rep.Feed, rep.Passed(), rep.Line()})
		},
	}
	if event.Feed != "" {
		d.Every = 0
	}
	_, err := h.app.Drill(ctx, d)
	return res, err
}
