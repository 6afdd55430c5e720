package flow_test

import (
	"context"
	"strings"
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// An item carries every bound column, and how far each is believed.
func TestItemsCarryTrust(t *testing.T) {
	bind := &contract.Binding{
		IDs: []string{"no"}, Text: "words", Procurement: "buyers", Group: "grp", Plant: "site",
		Trust: map[string]string{"text": "high", "procurementGroup": "high", "materialGroup": "low", "plant": "none"},
	}
	csv := "no,words,buyers,grp,site\n1,Lager 6205,bearings,L30,Bremen\n"
	var got []pipeline.Item
	if err := flow.ReadItems(context.Background(), "a.csv", strings.NewReader(csv), bind, func(it pipeline.Item) error {
		got = append(got, it)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	want := pipeline.Meta{Procurement: "bearings", Group: "L30", Plant: "Bremen", Trust: "plant=none procurementGroup=high"}
	if len(got) != 1 || got[0].Meta != want {
		t.Fatalf("%+v, want %+v", got, want)
	}
	if m := got[0].Meta.Believed(); m.Plant != "" || m.Procurement != "bearings" || m.Group != "L30" {
		t.Errorf("believed: %+v", m)
	}
}
