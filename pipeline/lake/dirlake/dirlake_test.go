package dirlake

import (
	"testing"

	"github.com/assay-pipeline/assay/pipeline/lake"
	"github.com/assay-pipeline/assay/pipeline/lake/laketest"
)

func TestConformance(t *testing.T) {
	laketest.Run(t, func(t *testing.T, n int) []lake.Driver {
		root := t.TempDir()
		ds := make([]lake.Driver, n)
		for i := range ds {
			d, err := New(root)
			if err != nil {
				t.Fatal(err)
			}
			ds[i] = d
		}
		return ds
	})
}
