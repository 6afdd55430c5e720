package gate

import (
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

func TestUnjudged(t *testing.T) {
	g, err := Compile(&contract.Feed{Name: "orders", Fields: []contract.Field{{Name: "id", Column: "id", Type: contract.String, Required: true}}})
	if err != nil {
		t.Fatal(err)
	}
	r := g.Unjudged("orders.csv", pipeline.Errorf(pipeline.CodeNotFound, "orders.csv: no such file"))
	if r.Verdict != pipeline.VerdictError || r.Decision != pipeline.Hold || r.Problem.Code != pipeline.CodeNotFound || r.Source != "orders.csv" {
		t.Errorf("%+v", r)
	}
	if len(r.Checks) == 0 {
		t.Fatal("the checks that were not judged are not listed")
	}
	for _, c := range r.Checks {
		if c.Result == ResultPassed {
			t.Errorf("check %s passed on a file that nobody read", c.ID)
		}
	}
}
