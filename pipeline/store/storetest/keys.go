package storetest

import (
	"crypto/sha256"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/gate"
)

func keyHash(n int) gate.KeyHash {
	sum := sha256.Sum256([]byte(id("k", n)))
	return gate.KeyHash(sum[:16])
}

func keyHashes(from, n int) (out []gate.KeyHash) {
	for i := range n {
		out = append(out, keyHash(from+i))
	}
	return out
}

func keys(t *testing.T, p Place) {
	s := p(t)
	known := func(batch string, since time.Time, hs ...gate.KeyHash) []bool {
		t.Helper()
		return must(s.KnownKeys(ctx, "orders", "id", batch, since, hs))(t)
	}
	equal(t, "an index without keys", known("b1", at(0), keyHash(1)), []bool{false})
	equal(t, "no question", len(known("b1", at(0))), 0)
	equal(t, "from when on, of nothing", must(s.KeysFrom(ctx, "orders", "id"))(t).IsZero(), true)
	equal(t, "trimmed from nothing", must(s.TrimKeys(ctx, "orders", "id", at(9), 1))(t), int64(0))

	ok(t, s.PutKeys(ctx, "orders", "id", "b1", at(10), keyHashes(0, 1500)))
	ok(t, s.PutKeys(ctx, "orders", "id", "b1", at(10), keyHashes(0, 1500))) // again
	ok(t, s.PutKeys(ctx, "orders", "id", "b1", at(10), nil))
	equal(t, "a batch's own keys", known("b1", at(0), keyHash(1)), []bool{false})
	equal(t, "another batch's, some twice", known("b2", at(0), keyHash(1), keyHash(5000), keyHash(1), keyHash(1499)), []bool{true, false, true, true})
	equal(t, "at the horizon", known("b2", at(10), keyHash(1)), []bool{true})
	equal(t, "beyond the horizon", known("b2", at(11), keyHash(1)), []bool{false})
	many := known("b2", at(0), keyHashes(0, 2000)...)
	for i, has := range many {
		if has != (i < 1500) {
			t.Fatalf("key %d of 2000: %v", i, has)
		}
	}
	for _, other := range [][2]string{{"orders", "other"}, {"parts", "id"}} {
		equal(t, "of "+other[0]+"/"+other[1], must(s.KnownKeys(ctx, other[0], other[1], "b2", at(0), keyHashes(1, 1)))(t), []bool{false})
	}

	// A key that comes again belongs to the batch that is later, in any order.
	ok(t, s.PutKeys(ctx, "orders", "id", "b3", at(30), keyHashes(0, 10)))
	ok(t, s.PutKeys(ctx, "orders", "id", "b2", at(20), keyHashes(0, 20)))
	equal(t, "the latest batch's own", known("b3", at(0), keyHash(3), keyHash(15)), []bool{false, true})
	equal(t, "since the latest", known("b9", at(25), keyHash(3), keyHash(15)), []bool{true, false})

	// By age, then for want of room: keys of one moment go together.
	equal(t, "too old", must(s.TrimKeys(ctx, "orders", "id", at(11), 1000))(t), int64(1480))
	equal(t, "nothing went for want of room", must(s.KeysFrom(ctx, "orders", "id"))(t).IsZero(), true)
	equal(t, "too many", must(s.TrimKeys(ctx, "orders", "id", at(11), 15))(t), int64(10))
	from := must(s.KeysFrom(ctx, "orders", "id"))(t)
	equal(t, "from when on", from, at(20))
	utc(t, "from when on", from)
	equal(t, "what is left", known("b9", at(0), keyHash(3), keyHash(15)), []bool{true, false})
	equal(t, "enough room", must(s.TrimKeys(ctx, "orders", "id", at(11), 15))(t), int64(0))

	code(t, "a batch without id", s.PutKeys(ctx, "orders", "id", "", at(1), keyHashes(0, 1)), pipeline.CodeInvalid)

	// In a transaction, with all else or not at all.
	err := s.Atomic(ctx, func(tx flow.Tx) error {
		if err := tx.PutKeys(ctx, "orders", "id", "b4", at(40), keyHashes(7000, 3)); err != nil {
			return err
		}
		return pipeline.Errorf(pipeline.CodeConflict, "given up")
	})
	code(t, "a transaction that is given up", err, pipeline.CodeConflict)
	equal(t, "after it", known("b9", at(0), keyHash(7000)), []bool{false})
}
