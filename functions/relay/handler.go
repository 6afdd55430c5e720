package main

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// A handler sends what the outbox holds.
type handler struct {
	relay *flow.Relay
	trace *app.Tracer
}

func newHandler(ctx context.Context, environ []string, dir string, opt app.Options) (*handler, error) {
	cfg, err := app.ReadConfig(environ, dir)
	if err != nil {
		return nil, err
	}
	a := app.Open(cfg, opt)
	r, err := a.Relay(ctx)
	if err != nil {
		return nil, err
	}
	return &handler{r, a.Tracer()}, nil
}

// A response counts what left.
type response struct {
	Sent int `json:"sent"` // entries of the outbox
	Told int `json:"told"` // notices
	Dead int `json:"dead"` // notices that were given up
}

// Handle empties the outbox and delivers the notices that are due; what the event
// says does not matter. One that cannot be told does not keep the others.
func (h *handler) Handle(ctx context.Context, _ json.RawMessage) (response, error) {
	var res response
	err := h.trace.Work(ctx, "relay", func(ctx context.Context) error {
		var sent, told error
		res.Sent, sent = h.relay.Drain(ctx)
		if n := h.relay.Notify; n != nil {
			d, err := n.Deliver(ctx)
			res.Told, res.Dead, told = d.Sent, d.Dead, err
		}
		return errors.Join(sent, told)
	})
	return res, err
}
