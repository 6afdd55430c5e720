package catalog

import (
	"context"
	"fmt"
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/embed"
)

// TestManyCopies: the same few texts delivered over and over cost what the
// different ones cost, and every copy ends in the cluster of its text.
func TestManyCopies(t *testing.T) {
	const texts, copies = 40, 150
	var entries []Entry
	for c := range copies {
		for n := range texts {
			src := fmt.Sprintf("gearbox housing cover type %d casting number %d", 100+n, 7000+13*n)
			entries = append(entries, Entry{Item: pipeline.Item{ID: fmt.Sprintf("i%03d-%03d", c, n), Source: src}})
		}
	}
	m := new(Matcher)
	ctx := context.Background()
	ms, err := m.Pairs(ctx, entries, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(ms) > 4*len(entries) {
		t.Errorf("%d pairs of %d items", len(ms), len(entries))
	}
	cs, _, err := m.Clusters(ctx, entries, ms, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(cs) != texts {
		t.Fatalf("%d clusters of %d texts", len(cs), texts)
	}
	for _, c := range cs {
		if len(c.Items) != copies {
			t.Errorf("cluster %s has %d of %d copies", c.ID, len(c.Items), copies)
		}
	}
}

// TestNeighboursRecall: what the packed scan proposes holds the ten nearest of
// a plain scan of the category.
func TestNeighboursRecall(t *testing.T) {
	cats, entries := synthetic(3000)
	m := &Matcher{known: syntheticCriteria(cats)}
	views, err := m.views(context.Background(), entries)
	if err != nil {
		t.Fatal(err)
	}
	all := make([]int32, len(views))
	for i := range all {
		all[i] = int32(i)
	}
	groups := byCategory(views, all)
	got := map[pair]bool{}
	if err := neighbours(context.Background(), views, groups, 10, func(a, b int32) { got[pair{a, b}] = true }); err != nil {
		t.Fatal(err)
	}
	found, total := 0, 0
	for _, g := range groups {
		for n, a := range g {
			if n%7 != 0 {
				continue
			}
			best := newNearest(10)
			for _, b := range g {
				if b != a {
					best.offer(b, embed.Dot(views[a].vector, views[b].vector))
				}
			}
			for _, c := range best.items {
				if c.s > floor {
					total++
					if got[pair{a, c.i}] || got[pair{c.i, a}] {
						found++
					}
				}
			}
		}
	}
	if total < 1000 || float64(found) < 0.98*float64(total) {
		t.Errorf("%d of the %d nearest are proposed", found, total)
	}
}

// TestTilesMeetOnce: every two rows meet in exactly one tile, and no two tiles
// of a round share a block.
func TestTilesMeetOnce(t *testing.T) {
	for n := range 9 {
		var a, b []block
		for i := range n {
			a = append(a, block{i, i + 1})
		}
		for i := range 5 {
			b = append(b, block{100 + i, 101 + i})
		}
		for _, rounds := range [][][]tile{tournament(a), latin(a, b)} {
			met := map[tile]int{}
			for _, r := range rounds {
				busy := map[block]bool{}
				for _, x := range r {
					met[x]++
					if busy[x.a] || busy[x.b] {
						t.Fatalf("%d blocks: a block plays twice in one round", n)
					}
					busy[x.a], busy[x.b] = true, true
				}
			}
			for x, times := range met {
				if times != 1 {
					t.Errorf("%v meet %d times", x, times)
				}
			}
		}
		count := 0
		for _, r := range tournament(a) {
			count += len(r)
		}
		if want := n * (n + 1) / 2; count != want {
			t.Errorf("%d blocks play %d tiles, want %d", n, count, want)
		}
	}
}
