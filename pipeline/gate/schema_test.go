package gate_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/assay-pipeline/assay/contracts"
	"github.com/assay-pipeline/assay/pipeline/gate"
)

// reportSchema is the published schema of the JSON report; strict takes no key
// that it does not describe.
func reportSchema(t testing.TB, strict bool) *jsonschema.Schema {
	t.Helper()
	b, err := library.FS.ReadFile("reports/gate.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if strict {
		closeObjects(doc)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("report.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("report.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func closeObjects(v any) {
	switch v := v.(type) {
	case map[string]any:
		if v["properties"] != nil && v["type"] == "object" && v["additionalProperties"] == nil {
			v["additionalProperties"] = false
		}
		for _, x := range v {
			closeObjects(x)
		}
	case []any:
		for _, x := range v {
			closeObjects(x)
		}
	}
}

// fitsSchema holds a report against the published schema.
func fitsSchema(t testing.TB, rep *gate.Report) {
	t.Helper()
	var b bytes.Buffer
	if err := rep.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if err := reportSchema(t, true).Validate(doc); err != nil {
		t.Errorf("the report is not what contracts/reports/gate.schema.json says: %v\n%s", err, b.Bytes())
	}
}

// TestSchemaRefuses: the schema is not one that takes anything.
func TestSchemaRefuses(t *testing.T) {
	g := compile(t, speedContract)
	rep, err := g.Judge(t.Context(), bytesInput("x.csv", speedRows(20, 0.5)), gate.Options{Batch: "b"})
	if err != nil {
		t.Fatal(err)
	}
	fitsSchema(t, rep)
	schema := reportSchema(t, false)
	for what, spoil := range map[string]func(*gate.Report){
		"a verdict of its own": func(r *gate.Report) { r.Verdict = "fine" },
		"an error without a reason": func(r *gate.Report) {
			r.Verdict, r.Reason = "error", ""
		},
		"less than no rows":        func(r *gate.Report) { r.Rows.Accepted = -1 },
		"a check without an id":    func(r *gate.Report) { r.Checks[0].ID = "" },
		"a result of its own":      func(r *gate.Report) { r.Checks[1].Result = "maybe" },
		"a sample before the file": func(r *gate.Report) { r.Checks[0].Samples = []gate.Sample{{Row: 0}} },
	} {
		spoilt := *rep
		spoilt.Checks = append([]gate.CheckResult{}, rep.Checks...)
		spoil(&spoilt)
		b, err := json.Marshal(gate.Document{SchemaVersion: 1, Batches: []*gate.Report{&spoilt}})
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if schema.Validate(doc) == nil {
			t.Errorf("the schema takes %s", what)
		}
	}
}
