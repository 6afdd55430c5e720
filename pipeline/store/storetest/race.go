package storetest

import (
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/assay-pipeline/assay/pipeline/catalog"
)

// entriesRace: several handles write the same items at once, from batches of
// different places. The last place wins, with its text and its vector.
func entriesRace(t *testing.T, p Place) {
	const workers, seqs, items = 4, 24, 12
	handles := []Store{p(t), p(t)}
	rnd := rand.New(rand.NewPCG(2, 3))
	from := func(seq int) []catalog.Entry {
		es := make([]catalog.Entry, items)
		for i := range es {
			e := entry(i)
			e.Seq, e.Batch = int64(seq), id("b", seq)
			e.Item.Source = id("text ", seq/2) // every other batch changes the text
			e.Record.Source = e.Item.Source
			e.Space, e.Vector = "sp", []float32{float32(seq), float32(i)}
			es[i] = e
		}
		return es
	}
	work := make(chan []catalog.Entry, seqs)
	for _, seq := range rnd.Perm(seqs) {
		es := from(seq)
		rnd.Shuffle(items, func(i, j int) { es[i], es[j] = es[j], es[i] }) // rows are met in any order
		work <- es
	}
	close(work)
	var wg sync.WaitGroup
	for w := range workers {
		wg.Go(func() {
			for es := range work {
				if err := handles[w%2].PutEntries(ctx, es); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	equal(t, "the last place", must(handles[0].Entries(ctx, catalog.Query{Vectors: "sp"}))(t), from(seqs-1))
}
