package storetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

func responses(t *testing.T, p Place) {
	s := p(t)
	claim := func(subject, key, owner string, n int) flow.Response {
		return flow.Response{Subject: subject, Key: key, Print: "p-" + owner, Owner: owner, Until: at(n + 60), At: at(n)}
	}
	a := claim("ann", "k", "o1", 0)
	equal(t, "free", must(s.ClaimResponse(ctx, a, at(0)))(t), a)
	equal(t, "under way", must(s.ClaimResponse(ctx, claim("ann", "k", "o2", 1), at(1)))(t).Owner, "o1")
	equal(t, "another caller's key", must(s.ClaimResponse(ctx, claim("bob", "k", "o3", 1), at(1)))(t).Owner, "o3")
	equal(t, "another key", must(s.ClaimResponse(ctx, claim("ann", "k2", "o4", 1), at(1)))(t).Owner, "o4")

	done := a
	done.Status, done.Header, done.Body = 201, map[string]string{"Content-Type": "application/json", "ETag": `"x"`}, `{"é":"<p/1>"}`
	ok(t, s.PutResponse(ctx, done))
	code(t, "answered twice", s.PutResponse(ctx, done), pipeline.CodeConflict)
	got := must(s.ClaimResponse(ctx, claim("ann", "k", "o5", 2), at(2)))(t)
	utc(t, "claimed at", got.At)
	if !got.Until.IsZero() {
		t.Errorf("an answer has an end: %v", got.Until)
	}
	got.Until = done.Until
	equal(t, "answered", got, done)
	equal(t, "an answer outlives its claim", must(s.ClaimResponse(ctx, claim("ann", "k", "o6", 900), at(900)))(t).Owner, "o1")
	ok(t, s.DropResponse(ctx, "ann", "k", "o1"))
	equal(t, "an answer is not dropped", must(s.ClaimResponse(ctx, claim("ann", "k", "o7", 3), at(3)))(t).Status, 201)

	// A claim that ended is free; who held it comes too late.
	next := claim("bob", "k", "o8", 61)
	equal(t, "not yet ended", must(s.ClaimResponse(ctx, next, at(60)))(t).Owner, "o3")
	equal(t, "ended", must(s.ClaimResponse(ctx, next, at(61)))(t), next)
	late := claim("bob", "k", "o3", 1)
	late.Status = 200
	code(t, "too late", s.PutResponse(ctx, late), pipeline.CodeConflict)
	ok(t, s.DropResponse(ctx, "bob", "k", "o3"))
	equal(t, "somebody else's claim stays", must(s.ClaimResponse(ctx, claim("bob", "k", "o9", 62), at(62)))(t).Owner, "o8")
	ok(t, s.DropResponse(ctx, "bob", "k", "o8"))
	equal(t, "given up", must(s.ClaimResponse(ctx, claim("bob", "k", "o9", 62), at(62)))(t).Owner, "o9")

	for name, r := range map[string]flow.Response{
		"no key": {Subject: "a", Owner: "o"}, "no subject": {Key: "k", Owner: "o"}, "no owner": {Subject: "a", Key: "k"},
		"NUL": {Subject: "a", Key: "k", Owner: "o", Body: "\x00"}, "not UTF-8": {Subject: "a", Key: "k", Owner: "o", Body: "\xff"},
		"a claim with a status": {Subject: "a", Key: "k", Owner: "o", Status: 200},
	} {
		_, err := s.ClaimResponse(ctx, r, at(0))
		code(t, name, err, pipeline.CodeInvalid)
	}
	code(t, "an answer without a status", s.PutResponse(ctx, a), pipeline.CodeInvalid)

	// Erasure finds the subject in an answer, a lifetime ends it.
	quoting := claim("eve", "k", "o10", 5)
	must(s.ClaimResponse(ctx, quoting, at(5)))(t)
	quoting.Status, quoting.Body = 200, `{"item":"p/A\u0026B"}`
	ok(t, s.PutResponse(ctx, quoting))
	equal(t, "nothing quotes it", must(s.EraseTexts(ctx, []string{"p/A"}))(t), 0)
	equal(t, "erased", must(s.EraseItems(ctx, []string{"p/A&B"}))(t), 1)
	equal(t, "free again", must(s.ClaimResponse(ctx, claim("eve", "k", "o11", 6), at(6)))(t).Owner, "o11")
	equal(t, "too old", must(s.TrimResponses(ctx, at(6)))(t), 2)
	equal(t, "again", must(s.TrimResponses(ctx, at(6)))(t), 0)
	equal(t, "the old answer is gone", must(s.ClaimResponse(ctx, claim("ann", "k", "o12", 7), at(7)))(t).Owner, "o12")
}

// responseRace: of many who claim one key at once, in several handles, one gets
// it, and all the others see that one.
func responseRace(t *testing.T, p Place) {
	handles := []Store{p(t), p(t)}
	for round := range 5 {
		key := id("k", round)
		var wg sync.WaitGroup
		var won atomic.Int64
		owners := make([]string, 8)
		for i := range owners {
			wg.Go(func() {
				own := fmt.Sprintf("o%d", i)
				got, err := handles[i%2].ClaimResponse(ctx, flow.Response{Subject: "ann", Key: key, Owner: own, Until: at(60), At: at(0)}, at(0))
				if err != nil {
					t.Error(err)
					return
				}
				if owners[i] = got.Owner; got.Owner == own {
					won.Add(1)
				}
			})
		}
		wg.Wait()
		equal(t, "claims won", won.Load(), int64(1))
		for _, o := range owners {
			equal(t, "everybody sees the same", o, owners[0])
		}
	}
}
