package contract_test

import (
	"testing"

	library "github.com/assay-pipeline/assay/contracts"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

// Every contract that the program ships compiles and lints without an error or
// a warning.
func TestShippedContracts(t *testing.T) {
	set, err := contract.Load(library.FS, "feeds")
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range set.Broken() {
		t.Error(err)
	}
	if len(set.Feeds()) == 0 {
		t.Fatal("no contract is embedded")
	}
	for _, d := range set.Documents() {
		for _, f := range d.Lint() {
			if f.Level != contract.LevelNote {
				t.Error(f)
			}
		}
	}
	f, err := set.Feed("kicad-parts")
	if err != nil {
		t.Fatal(err)
	}
	if f.Catalog == nil || len(f.Catalog.IDs) != 2 || f.Catalog.Text != "description" || len(f.Keys[0].Fields) != 2 || !f.Fields[0].Required {
		t.Errorf("the binding or key of kicad-parts is not as written: %+v %+v", f.Catalog, f.Keys)
	}
}
