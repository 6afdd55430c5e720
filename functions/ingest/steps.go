package main

import (
	"context"
	"encoding/json"

	"github.com/assay-pipeline/assay/pipeline"
)

// A step is one state of infra/statemachine/large-file.asl.json. Each may run
// again, in any process: what it did is found done.
type step struct {
	Step   string `json:"step"` // plan, part, merge, stopped
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
	// RangeBytes is about how large the ranges of a plan are; 0: 256 MiB.
	RangeBytes int64  `json:"range_bytes"`
	Batch      string `json:"batch"`
	Range      int    `json:"range"`
	// Error and Cause of what stopped the execution, as Step Functions has them.
	Error string `json:"error"`
	Cause string `json:"cause"`
}

// A plan is what the state machine has to know of one: where the list of the
// parts lies for its ItemReader, or that the object is judged whole, or that
// nothing is to be done.
type plan struct {
	Batch  string `json:"batch"`
	Next   string `json:"next"` // parts, whole, nothing
	Why    string `json:"why,omitempty"`
	Ranges int    `json:"ranges"`
	Parts  struct {
		Bucket string `json:"bucket"`
		Key    string `json:"key"`
	} `json:"parts"`
}

func (h *handler) step(ctx context.Context, raw json.RawMessage) (any, error) {
	var s step
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "the step does not read: %w", err)
	}
	switch s.Step {
	case "plan":
		return h.plan(ctx, s)
	case "part":
		return h.ingest.JudgePart(ctx, s.Batch, s.Range)
	case "merge":
		b, err := h.ingest.Merge(ctx, s.Batch)
		if err != nil {
			return nil, err
		}
		h.count.Attempt(h.drain(ctx))
		return b, nil
	case "stopped":
		why := "judging it in ranges stopped"
		if s.Error != "" {
			why += ": " + s.Error
		}
		if said := said(s.Cause); said != "" {
			why += ": " + said
		}
		return h.ingest.Stopped(ctx, s.Batch, why)
	}
	return nil, pipeline.Errorf(pipeline.CodeInvalid, "there is no step %q", s.Step).WithHint("plan, part, merge or stopped")
}

func (h *handler) plan(ctx context.Context, s step) (plan, error) {
	key, err := h.config.Object(s.Bucket, s.Key)
	if err != nil {
		return plan{}, err
	}
	p, err := h.ingest.Plan(ctx, key, s.RangeBytes)
	if err != nil {
		return plan{}, err
	}
	out := plan{Batch: p.Batch.ID, Next: "nothing", Ranges: p.Ranges}
	switch {
	case p.Whole != "":
		out.Next, out.Why = "whole", p.Whole
	case p.Ranges > 0:
		out.Next = "parts"
		out.Parts.Bucket, out.Parts.Key = h.config.Location(p.Parts)
	default:
		out.Why = string(p.Batch.Stage)
	}
	return out, nil
}

// said is the message of a function's error, as Step Functions gives it: JSON in
// a text, for whatever else, the text, cut short.
func said(cause string) string {
	var e struct {
		Message string `json:"errorMessage"`
	}
	if err := json.Unmarshal([]byte(cause), &e); err == nil && e.Message != "" {
		cause = e.Message
	}
	if r := []rune(cause); len(r) > 500 {
		cause = string(r[:500]) + " …"
	}
	return cause
}
