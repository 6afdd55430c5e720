package main

import (
	"context"
	"encoding/json"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// A handler sweeps when the clock says so.
type handler struct {
	sweep *flow.Sweep
	trace *app.Tracer
}

func newHandler(ctx context.Context, environ []string, dir string, opt app.Options) (*handler, error) {
	cfg, err := app.ReadConfig(environ, dir)
	if err != nil {
		return nil, err
	}
	a := app.Open(cfg, opt)
	s, err := a.Sweep(ctx)
	if err != nil {
		return nil, err
	}
	return &handler{s, a.Tracer()}, nil
}

// A response is what the sweep found, or why there was none.
type response struct {
	flow.SweepResult
	// Skipped: another sweep runs.
	Skipped bool `json:"skipped,omitempty"`
}

// Handle sweeps once; what the event says does not matter. A sweep that finds
// another one at work leaves it to that one.
func (h *handler) Handle(ctx context.Context, _ json.RawMessage) (response, error) {
	var res response
	err := h.trace.Work(ctx, "sweep", func(ctx context.Context) (err error) {
		res.SweepResult, err = h.sweep.Once(ctx)
		if pipeline.ErrorCode(err) == pipeline.CodeLocked {
			res.Skipped = true
			return nil
		}
		return err
	})
	return res, err
}
