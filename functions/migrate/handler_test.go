package main

import (
	"context"
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/cfn"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
)

// An empty schema is brought up, a second call does nothing, and CloudFormation's
// own events do the same and answer.
func TestHandle(t *testing.T) {
	dsn := os.Getenv("ASSAY_TEST_POSTGRES")
	if dsn == "" {
		t.Skip("needs ASSAY_TEST_POSTGRES: make postgres starts one")
	}
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set("search_path", "migrate_"+time.Now().Format("150405_000000000")[:16])
	u.RawQuery = q.Encode()
	ctx := context.Background()
	h, err := newHandler(ctx, []string{"ASSAY_STORE=" + u.String()}, t.TempDir(), app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	event, err := os.ReadFile(filepath.Join("testdata", "event.json"))
	if err != nil {
		t.Fatal(err)
	}
	out, err := h.Handle(ctx, event)
	if err != nil {
		t.Fatal(err)
	}
	first := out.(response)
	if len(first.Applied) == 0 || first.Schema.Version != first.Schema.Latest || len(first.Schema.Pending) > 0 {
		t.Fatalf("%+v", first)
	}
	if out, err = h.Handle(ctx, event); err != nil || len(out.(response).Applied) != 0 {
		t.Errorf("again: %+v, %v", out, err)
	}
	var told []string
	h.answer = func(f cfn.CustomResourceFunction) cfn.CustomResourceLambdaFunction {
		return func(ctx context.Context, e cfn.Event) (string, error) {
			id, _, err := f(ctx, e)
			told = append(told, id)
			return "", err
		}
	}
	for _, kind := range []string{"Create", "Update", "Delete"} {
		raw, err := json.Marshal(map[string]any{"RequestType": kind, "ResponseURL": "http://127.0.0.1:1", "PhysicalResourceId": "assay-schema"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.Handle(ctx, raw); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if len(told) != 3 || told[0] != "assay-schema" {
		t.Errorf("CloudFormation was told %v", told)
	}
}

func TestNoDatabase(t *testing.T) {
	h, err := newHandler(context.Background(), []string{"ASSAY_STORE=postgres://nobody@127.0.0.1:1/none?connect_timeout=1"}, t.TempDir(), app.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Handle(context.Background(), json.RawMessage(`{}`)); pipeline.ErrorCode(err) != pipeline.CodeUnavailable {
		t.Errorf("%v, want unavailable", err)
	}
}
