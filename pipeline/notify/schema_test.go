package notify

import (
	"bytes"
	"encoding/json"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	library "github.com/assay-pipeline/assay/contracts"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

var at = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// examples has one full event of every type.
var examples = map[string]any{
	pipeline.BatchPublished: flow.BatchData{Batch: "b1", Feed: "orders", Key: "landing/orders/1.csv", Seq: 3, Verdict: pipeline.Failed,
		Decision: pipeline.PublishAccepted, Reason: "degraded", Rows: pipeline.Rows{Read: 10, Accepted: 9, Rejected: 1},
		ContractID: "orders", ContractVersion: "1.2.0", Manifest: "m1", Degraded: true},
	pipeline.BatchHeld: flow.BatchData{Batch: "b1", Feed: "orders", Key: "landing/orders/1.csv", Seq: 4, Verdict: pipeline.Failed,
		Decision: pipeline.Hold, Reason: "failed: rows.count", Rows: pipeline.Rows{Read: 1, Rejected: 1}, ContractID: "orders",
		ContractVersion: "1.2.0", Manifest: "m1", Degraded: true},
	pipeline.ContractViolated: flow.ViolationData{Batch: "b1", Feed: "orders", ContractID: "orders", ContractVersion: "1.2.0", Owner: "sales",
		Checks: []flow.FailedCheck{{ID: "amount.type", Field: "amount", Rule: "type", Severity: "error", Evaluated: 10, Failed: 1}}},
	pipeline.BreakerChanged: flow.BreakerData{Scope: "feed:orders", Signal: "quality", From: "closed", To: "open", Cause: "reject rate",
		Actor: "breaker", Batch: "b1", Fallback: "last_good", Evidence: map[string]float64{"reject_rate": 0.1}, At: at},
	pipeline.ItemsParsed: flow.ParsedData{Batch: "b1", Feed: "items", Shard: 0, Shards: 2, Items: 200, Knowledge: "k1",
		Categories: map[string]int{"bearing": 200}, Flagged: 3, Degraded: true},
	pipeline.DuplicatesFound: flow.DuplicatesData{Batch: "b1", Feed: "items", Duplicates: 1, Reviews: 2,
		Pairs: []flow.PairData{{A: "items/1", B: "items/2", Score: 0.97}}},
	pipeline.ItemChanged: flow.ItemData{Item: "items/1", Feed: "items", Change: flow.ChangeRecord, Batch: "b1", Category: "bearing", Before: "seal",
		Attributes: []string{"bore"}, Flags: []string{"missing"}, Revision: "0123456789abcdef0123456789abcdef"},
	pipeline.ClusterMerged: flow.ClusterData{Cluster: "c1", From: []string{"c2"}, To: []string{"c1"}, Items: []string{"items/1", "items/2"}},
	pipeline.ClusterSplit:  flow.ClusterData{Cluster: "c1", From: []string{"c1"}, To: []string{"c3"}, Items: []string{"items/1"}},
	pipeline.ReviewRequested: flow.ReviewData{Kind: "pair", Feed: "items", Batch: "b1", Category: "bearing", Count: 1,
		Entries: []string{"r1"}},
	pipeline.ApprovalDecided: flow.ApprovalDecision{Batch: "b1", Feed: "orders", Decision: "rejected", By: "clock", Reason: "nobody answered", At: at},
	pipeline.SLAMissed: flow.SLAData{Feed: "orders", ContractID: "orders", ContractVersion: "1.2.0", Owner: "sales", Kind: "frequency", Due: at,
		Expected: "a batch every 1d", Detail: "the last came 2d ago"},
	pipeline.BudgetReached: flow.BudgetData{Account: "model.tokens", Day: "2026-03-01", Percent: 80, Most: 1000},
	pipeline.EvalTripped: flow.EvalData{Scope: "category:bearing", Source: "parse", Reason: "two runs lie 8 points below the baseline", Fallback: "degraded",
		Slice: "category=bearing", Was: 0.97, Is: 0.88, Examples: []flow.EvalExample{{Item: "p-1", Before: true, Score: 1}}, Evidence: map[string]float64{"chance": 0.0001}, At: at},
	pipeline.CanaryChanged: flow.CanaryData{Trial: "t1", State: "rolled_back", Change: "model openai:x", Percent: 5, By: "canary", Reason: "its live score is lower",
		Evidence: map[string]float64{"score.new": 0.8}, At: at},
	pipeline.SubjectErased:     flow.ErasedData{Feed: "orders", Tombstone: "t1", By: "ann", At: at},
	pipeline.ApprovalRequested: flow.ApprovalData{Batch: "b1", Feed: "orders", Reason: "warned", Expires: at},
}

func compile(t *testing.T, typ string) (*jsonschema.Schema, map[string]any) {
	t.Helper()
	name := "events/" + strings.TrimPrefix(typ, "assay.") + ".schema.json"
	b, err := fs.ReadFile(library.FS, name)
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(name, doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile(name)
	if err != nil {
		t.Fatal(err)
	}
	return s, doc.(map[string]any)
}

// TestSchemas: what is published satisfies its schema, and the schema knows
// every key that the Go types can write and no other.
func TestSchemas(t *testing.T) {
	for typ, data := range examples {
		t.Run(typ, func(t *testing.T) {
			s, doc := compile(t, typ)
			e, err := pipeline.NewEvent(typ, "/feeds/orders", "b1", "orders", at, data)
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			if err := NewWriter(&b).Publish(t.Context(), []pipeline.Event{e}); err != nil {
				t.Fatal(err)
			}
			line, err := jsonschema.UnmarshalJSON(bytes.NewReader(b.Bytes()))
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Validate(line); err != nil {
				t.Errorf("the event does not satisfy its schema: %v\n%s", err, b.String())
			}
			agree(t, typ, reflect.TypeFor[pipeline.Event](), doc)
			agree(t, typ+" data", reflect.TypeOf(data), doc["properties"].(map[string]any)["data"])

			// The schema refuses what is not of its type.
			wrong := line.(map[string]any)
			delete(wrong["data"].(map[string]any), doc["properties"].(map[string]any)["data"].(map[string]any)["required"].([]any)[0].(string))
			if s.Validate(wrong) == nil {
				t.Error("the schema takes an event without its first required key")
			}
		})
	}
	entries, err := fs.Glob(library.FS, "events/*.schema.json")
	if err != nil || len(entries) != len(examples) {
		t.Errorf("%d schemas for %d types of events (%v)", len(entries), len(examples), err)
	}
}

// agree compares the keys of a Go type with those of a schema, and the keys
// that are always written with those that are required.
func agree(t *testing.T, at string, typ reflect.Type, schema any) {
	t.Helper()
	obj := schema.(map[string]any)
	props, _ := obj["properties"].(map[string]any)
	var required []string
	for _, r := range obj["required"].([]any) {
		required = append(required, r.(string))
	}
	known := map[string]bool{}
	for i := range typ.NumField() {
		f := typ.Field(i)
		name, opts, _ := strings.Cut(f.Tag.Get("json"), ",")
		prop, ok := props[name]
		if !ok {
			t.Errorf("%s: the schema lacks %s", at, name)
			continue
		}
		known[name] = true
		if always := opts == ""; always != slices.Contains(required, name) {
			t.Errorf("%s: %s is always written: %v; required: %v", at, name, always, !always)
		}
		ft := f.Type
		if ft.Kind() == reflect.Slice && ft != reflect.TypeFor[json.RawMessage]() {
			ft, prop = ft.Elem(), prop.(map[string]any)["items"]
		}
		if ft.Kind() == reflect.Struct && ft != reflect.TypeFor[time.Time]() {
			agree(t, at+"."+name, ft, prop)
		}
	}
	for name := range props {
		if known[name] {
			continue
		}
		t.Errorf("%s: the schema has %s, which is never written", at, name)
	}
}
