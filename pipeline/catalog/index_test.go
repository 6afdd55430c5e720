package catalog

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/embed"
)

// TestIndexIsExact compares the index, through additions, replacements and
// removals, with a plain sort of everything.
func TestIndexIsExact(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 7))
	h := embed.NewHashing(nil)
	x := NewIndex(embed.Dim)
	kept := map[string][]float32{}
	text := func() string {
		return fmt.Sprintf("%s %d x %d", []string{"bolt", "nut", "washer", "bearing"}[r.IntN(4)], r.IntN(30), r.IntN(9))
	}
	for n := range 600 {
		id := fmt.Sprintf("i%03d", r.IntN(300))
		if n%5 == 4 {
			x.Remove(id)
			delete(kept, id)
			continue
		}
		v := h.Vector(text())
		kept[id] = v
		if err := x.Add(id, v); err != nil {
			t.Fatal(err)
		}
	}
	if x.Len() != len(kept) {
		t.Fatalf("%d vectors, want %d", x.Len(), len(kept))
	}
	even := func(id string) bool { return id[3]%2 == 0 }
	for range 50 {
		q := h.Vector(text())
		for _, filter := range []func(string) bool{nil, even} {
			var want []Hit
			for id, v := range kept {
				if s := embed.Dot(q, v); s > 0 && (filter == nil || filter(id)) {
					want = append(want, Hit{id, s})
				}
			}
			slices.SortFunc(want, func(a, b Hit) int {
				return cmp.Or(cmp.Compare(b.Similarity, a.Similarity), cmp.Compare(a.ID, b.ID))
			})
			got := x.Search(q, 10, filter)
			if len(got) != min(10, len(want)) {
				t.Fatalf("%d hits of %d", len(got), len(want))
			}
			for i := range got {
				if d := got[i].Similarity - want[i].Similarity; d > 1e-6 || d < -1e-6 {
					t.Fatalf("hit %d is %v, want %v", i, got[i], want[i])
				}
			}
		}
	}
}

func TestIndexRefusesAnotherSpace(t *testing.T) {
	x := NewIndex(4)
	if err := x.Add("a", make([]float32, 3)); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
		t.Errorf("error %v, want code invalid", err)
	}
	if got := x.Search(make([]float32, 3), 1, nil); got != nil {
		t.Errorf("hits %v of another space", got)
	}
	x.Remove("nobody")
}
