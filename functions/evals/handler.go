package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"slices"

	"github.com/assay-pipeline/assay/evals"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/lake"
)

// A handler runs suites when the clock says so.
type handler struct {
	runner *evals.Runner
	folder fs.FS
	lake   *lake.Lake
	relay  *flow.Relay
	count  *app.Metrics
	app    *app.App
	trace  *app.Tracer
}

func newHandler(ctx context.Context, environ []string, dir string, opt app.Options) (*handler, error) {
	cfg, err := app.ReadConfig(environ, dir)
	if err != nil {
		return nil, err
	}
	a := app.Open(cfg, opt)
	h := &handler{count: a.Metrics(), app: a, trace: a.Tracer()}
	if h.runner, err = a.Evals(ctx, app.EvalOptions{}); err != nil {
		return nil, err
	}
	if h.folder, err = a.EvalFolder(); err != nil {
		return nil, err
	}
	if h.lake, err = a.Lake(); err != nil {
		return nil, err
	}
	h.relay, err = a.Relay(ctx)
	return h, err
}

// A request names suites; none are all of them. With canaries or probe it asks
// for those instead, and for suites where they are named too. It is the input of
// the schedule, or the detail of its event.
type request struct {
	wish
	Detail wish `json:"detail"`
}

type wish struct {
	Suites []string `json:"suites"`
	// Canaries: live indexes are asked what they must find.
	Canaries bool `json:"canaries"`
	// Probe: half-open breakers of answers are tried on a sample.
	Probe bool `json:"probe"`
	// Variants asks so many hostile variants of each case of parse suites beside
	// it, others each day.
	Variants int `json:"variants"`
}

// mostVariants of a case fit into the time of a function.
const mostVariants = 100

// A response says what became of each suite.
type response struct {
	Runs     []outcome            `json:"runs"`
	Canaries []flow.CanaryOutcome `json:"canaries,omitempty"`
	Probed   []probed             `json:"probed,omitempty"`
}

// probed is a breaker that was half-open, and where it is now.
type probed struct {
	Scope    string           `json:"scope"`
	Position breaker.Position `json:"position"`
}

type outcome struct {
	Suite     string          `json:"suite"`
	Run       string          `json:"run"`
	Judgement evals.Judgement `json:"judgement"`
	Score     float64         `json:"score"`
	Reasons   []string        `json:"reasons"`
	// Report is the key of the page in the lake.
	Report string `json:"report"`
	// Failures is the key of the variants that failed, as proposed cases; empty
	// where none did.
	Failures string `json:"failures,omitempty"`
}

// Handle runs the suites one after the other. Where one could not be finished
// the others still are, and the error lets the schedule try again: a trip is no
// error, it is what was asked for.
func (h *handler) Handle(ctx context.Context, raw json.RawMessage) (res response, err error) {
	err = h.trace.Work(ctx, "evals", func(ctx context.Context) (err error) {
		res, err = h.handle(ctx, raw)
		return err
	})
	return res, err
}

func (h *handler) handle(ctx context.Context, raw json.RawMessage) (response, error) {
	var req request
	if len(bytes.TrimSpace(raw)) > 0 {
		if err := json.Unmarshal(raw, &req); err != nil {
			return response{}, pipeline.Errorf(pipeline.CodeInvalid, "the event is no JSON object: %w", err).WithHint(`send {"suites": ["parse"]}, or {} for all`)
		}
	}
	variants := max(req.Variants, req.Detail.Variants)
	if variants < 0 || variants > mostVariants {
		return response{}, pipeline.Errorf(pipeline.CodeInvalid, "variants is %d, and lies from 0 to %d", variants, mostVariants)
	}
	res := response{Runs: []outcome{}}
	var again error
	suites := slices.Concat(req.Suites, req.Detail.Suites)
	// What is half-open is tried before the canaries could open it anew.
	if req.Probe || req.Detail.Probe {
		again = errors.Join(again, h.probe(ctx, &res))
	}
	if req.Canaries || req.Detail.Canaries {
		again = errors.Join(again, h.canaries(ctx, &res))
	}
	var sets []*evals.Set
	if len(suites) > 0 || !req.Probe && !req.Canaries && !req.Detail.Probe && !req.Detail.Canaries {
		var err error
		if sets, err = evals.LoadAll(h.folder, suites); err != nil {
			return response{}, errors.Join(again, err)
		}
	}
	for _, set := range sets {
		under, end := h.trace.Start(ctx, "suite", "assay.suite", set.Name)
		out, err := h.one(under, set, variants)
		end(err)
		if err != nil {
			again = errors.Join(again, err)
			continue
		}
		res.Runs = append(res.Runs, out)
		if out.Judgement == evals.Unfinished {
			again = errors.Join(again, pipeline.Errorf(pipeline.CodeUnavailable, "the suite %s could not be finished: %s", out.Suite, out.Reasons[0]))
		}
	}
	if _, err := h.relay.Drain(ctx); err != nil {
		again = errors.Join(again, err)
	}
	return res, again
}

// probe tries the half-open breakers.
func (h *handler) probe(ctx context.Context, res *response) error {
	all, err := h.app.Probe(ctx, h.runner, 0)
	for _, p := range all {
		res.Probed = append(res.Probed, probed{p.Scope, p.After.Position})
	}
	return err
}

// canaries asks the live indexes, and counts what they found.
func (h *handler) canaries(ctx context.Context, res *response) error {
	c, err := h.app.Canaries(ctx)
	if err != nil {
		return err
	}
	res.Canaries, err = c.Run(ctx)
	for _, o := range res.Canaries {
		h.count.Put(map[string]string{"Set": o.Set},
			app.Measure{Name: "CanaryPrecision", Unit: "None", Value: o.Precision},
			app.Measure{Name: "CanaryLatency", Unit: "Milliseconds", Value: o.LatencyMS},
			app.Measure{Name: "CanaryErrors", Unit: "None", Value: o.Errors})
	}
	return err
}

// one runs a suite and leaves its page in the lake.
func (h *handler) one(ctx context.Context, set *evals.Set, variants int) (outcome, error) {
	if variants > 0 && set.Task == evals.Parse {
		day := uint64(h.runner.Now().Unix() / 86_400) //nolint:gosec // days since 1970
		set = set.With(evals.Variants(set.Cases, variants, day))
	}
	base, err := evals.Latest(ctx, h.runner.Store, set.Name)
	if err != nil && pipeline.ErrorCode(err) != pipeline.CodeNotFound {
		return outcome{}, err
	}
	run, results, err := h.runner.Run(ctx, set, base)
	if err != nil {
		return outcome{}, err
	}
	rep := &evals.Report{Run: run, Results: results, Set: set}
	if rep.History, err = h.runner.Store.Runs(ctx, evals.RunFilter{Suite: set.Name}); err != nil {
		return outcome{}, err
	}
	var page bytes.Buffer
	if err := evals.WriteHTML(&page, []*evals.Report{rep}); err != nil {
		return outcome{}, pipeline.Errorf(pipeline.CodeInternal, "the report of %s: %w", set.Name, err)
	}
	key := lake.ReportKey("evals", run.ID, "html")
	if err := h.lake.WriteObject(ctx, key, page.Bytes()); err != nil {
		return outcome{}, err
	}
	failures, err := h.propose(ctx, set, run, results, variants)
	if err != nil {
		return outcome{}, err
	}
	h.count.Put(map[string]string{"Suite": run.Suite}, app.Measure{Name: "EvalScore", Unit: "None", Value: run.Score})
	return outcome{Suite: run.Suite, Run: run.ID, Judgement: run.Judgement, Score: run.Score, Reasons: run.Reasons, Report: key, Failures: failures}, nil
}

// propose leaves the variants that failed in the lake, as cases that somebody may
// adopt.
func (h *handler) propose(ctx context.Context, set *evals.Set, run *evals.Run, results []evals.Result, variants int) (key string, err error) {
	failed := evals.Failures(set, results)
	if variants == 0 || len(failed) == 0 {
		return "", nil
	}
	var lines bytes.Buffer
	if err := evals.WriteCases(&lines, failed); err != nil {
		return "", pipeline.Errorf(pipeline.CodeInternal, "the failures of %s: %w", set.Name, err)
	}
	key = lake.ReportKey("evals", run.ID, "jsonl")
	return key, h.lake.WriteObject(ctx, key, lines.Bytes())
}
