package postings

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/assay-pipeline/assay/pipeline"
)

// TestRows: what stands in the rows after any moves is what the items have.
func TestRows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type place struct {
			block int
			key   string
		}
		rows := map[place][]byte{}
		has := map[int][]string{}
		keys := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 0, 4, rapid.ID[string])
		for range rapid.IntRange(1, 20).Draw(t, "steps") {
			e := Edits{}
			first, n := rapid.IntRange(0, 2*Block).Draw(t, "first"), rapid.IntRange(1, 600).Draw(t, "items")
			now := slices.Sorted(slices.Values(keys.Draw(t, "keys")))
			for i := first; i < first+n; i++ {
				e.Move(i, has[i], now)
				has[i] = now
			}
			for block, byKey := range e {
				for key, x := range byKey {
					p := place{block, key}
					raw, err := x.Apply(rows[p])
					if err != nil {
						t.Fatal(err)
					}
					if rows[p] = raw; raw == nil {
						delete(rows, p)
					}
					if len(raw) > Block/8 {
						t.Fatalf("a row of %d bytes", len(raw))
					}
				}
			}
		}
		want, got := map[place]int{}, map[place]int{}
		for i, ks := range has {
			for _, k := range ks {
				want[place{i / Block, k}]++
			}
		}
		for p, raw := range rows {
			var b Bits
			if err := b.Add(raw); err != nil {
				t.Fatal(err)
			}
			got[p] = b.Count()
			b.All(func(i int) bool {
				if !slices.Contains(has[p.block*Block+i], p.key) {
					t.Fatalf("item %d has no %s", i, p.key)
				}
				return true
			})
		}
		if !maps.Equal(got, want) {
			t.Fatalf("%v, want %v", got, want)
		}
	})
}

func FuzzAdd(f *testing.F) {
	f.Add([]byte{1, 0, 255, 15})
	f.Add(make([]byte, Block/8))
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, raw []byte) {
		var b, again Bits
		if err := b.Add(raw); err != nil {
			if pipeline.ErrorCode(err) != pipeline.CodeCorrupt {
				t.Fatal(err)
			}
			return
		}
		if err := again.Add(b.Append(nil)); err != nil || again != b {
			t.Fatalf("%x does not read again: %v", raw, err)
		}
	})
}
