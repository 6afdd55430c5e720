package main

import (
	"context"
	"encoding/json"

	"github.com/aws/aws-lambda-go/cfn"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
)

// A handler brings the schema of the store up to date.
type handler struct {
	app *app.App
	// answer, where set, replaces the request that tells CloudFormation.
	answer func(cfn.CustomResourceFunction) cfn.CustomResourceLambdaFunction
}

func newHandler(_ context.Context, environ []string, dir string, opt app.Options) (*handler, error) {
	cfg, err := app.ReadConfig(environ, dir)
	if err != nil {
		return nil, err
	}
	return &handler{app.Open(cfg, opt), cfn.LambdaWrap}, nil
}

// A response says what the schema was and is.
type response struct {
	Applied []string   `json:"applied"`
	Schema  app.Schema `json:"schema"`
	// Indexed are the items of before that were taken into the search index, as
	// many as there was time for; the sweep goes on.
	Indexed int `json:"indexed,omitempty"`
}

// Handle migrates, as a custom resource of CloudFormation or by direct
// invocation. A migration only ever adds (what a release no longer needs is taken
// away by a later one), so that the functions of the release before work on while
// those of this one wait for it. A stack that is deleted leaves the data alone.
func (h *handler) Handle(ctx context.Context, raw json.RawMessage) (any, error) {
	var event cfn.Event
	if err := json.Unmarshal(raw, &event); err == nil && event.RequestType != "" {
		return h.answer(h.resource)(ctx, event)
	}
	return h.migrate(ctx)
}

func (h *handler) resource(ctx context.Context, e cfn.Event) (string, map[string]any, error) {
	id := e.PhysicalResourceID
	if id == "" {
		id = "assay-schema"
	}
	if e.RequestType == cfn.RequestDelete {
		return id, nil, nil
	}
	res, err := h.migrate(ctx)
	return id, map[string]any{"Version": res.Schema.Version, "Applied": len(res.Applied)}, err
}

func (h *handler) migrate(ctx context.Context) (response, error) {
	before, err := h.app.Schema(ctx)
	if err != nil {
		return response{}, err
	}
	if before.Problem != nil {
		return response{Applied: []string{}, Schema: before}, before.Problem
	}
	res := response{Applied: before.Pending}
	if len(before.Pending) > 0 {
		if err := h.app.Migrate(ctx); err != nil {
			return response{Applied: []string{}, Schema: before}, err
		}
	}
	if res.Applied == nil {
		res.Applied = []string{}
	}
	if res.Indexed, err = h.app.IndexWaiting(ctx); err != nil {
		return res, err
	}
	res.Schema, err = h.app.Schema(ctx)
	if err == nil && res.Schema.Problem != nil {
		err = pipeline.Errorf(pipeline.CodeInternal, "the schema is refused after the migration: %w", res.Schema.Problem)
	}
	return res, err
}
