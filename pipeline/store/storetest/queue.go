package storetest

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

func contains(s string, parts ...string) bool {
	for _, p := range parts {
		if !strings.Contains(s, p) {
			return false
		}
	}
	return true
}

func msg(n int, topic string) flow.Message {
	return flow.Message{ID: id("m", n), Topic: topic, Body: json.RawMessage(fmt.Sprintf(`{"n":%d}`, n))}
}

func messageIDs(ms []flow.Message) (out []string) {
	for _, m := range ms {
		out = append(out, m.ID)
	}
	return out
}

func queue(t *testing.T, p Place) {
	s := p(t)
	depth := func(what string, waiting, dead int) {
		t.Helper()
		w, d, err := s.Depth(ctx, "parse")
		ok(t, err)
		equal(t, what, []int{w, d}, []int{waiting, dead})
	}
	equal(t, "an empty queue", len(must(s.Receive(ctx, "parse", 10, at(0), at(60)))(t)), 0)
	ok(t, s.Send(ctx, msg(3, "parse"), msg(1, "parse"), msg(9, "match"), msg(2, "parse")))
	again := msg(1, "parse")
	again.Body = json.RawMessage(`{"other":true}`)
	ok(t, s.Send(ctx, again, msg(4, "parse"), msg(4, "parse")))
	depth("sent", 4, 0)

	got := must(s.Receive(ctx, "parse", 2, at(0), at(60)))(t)
	first, second := msg(3, "parse"), msg(1, "parse")
	first.Tries, second.Tries = 1, 1
	equal(t, "the first two, in the order sent", got, []flow.Message{first, second})
	equal(t, "the next, not those leased", messageIDs(must(s.Receive(ctx, "parse", 10, at(59), at(60)))(t)), []string{"m0002", "m0004"})
	equal(t, "all are leased", len(must(s.Receive(ctx, "parse", 10, at(59), at(60)))(t)), 0)
	depth("leased ones wait too", 4, 0)

	// Leases end; what was not acknowledged comes again and counts.
	ok(t, s.Ack(ctx, "m0002", "unknown"))
	got = must(s.Receive(ctx, "parse", 10, at(60), at(100)))(t)
	equal(t, "after the lease", messageIDs(got), []string{"m0003", "m0001", "m0004"})
	equal(t, "tries", got[0].Tries, 2)
	depth("one acknowledged", 3, 0)

	// An acknowledged message is never queued again.
	ok(t, s.Send(ctx, msg(2, "parse")))
	depth("sent after ack", 3, 0)
	ok(t, s.Ack(ctx, "m0002"))

	// Nack with a delay, and to the dead letters.
	ok(t, s.Nack(ctx, "m0003", at(70), "model is away", false))
	ok(t, s.Nack(ctx, "m0001", at(70), "cannot be parsed", true))
	ok(t, s.Nack(ctx, "m0002", at(70), "too late", false)) // acknowledged: stays so
	ok(t, s.Nack(ctx, "unknown", at(70), "", false))
	depth("one dead", 2, 1)
	equal(t, "before the delay", len(must(s.Receive(ctx, "parse", 10, at(69), at(100)))(t)), 0)
	got = must(s.Receive(ctx, "parse", 10, at(70), at(200)))(t)
	equal(t, "after the delay", messageIDs(got), []string{"m0003"})
	equal(t, "tries after nack", got[0].Tries, 3)
	ok(t, s.Send(ctx, msg(1, "parse")))
	depth("a dead one is not sent again", 2, 1)
	ok(t, s.Ack(ctx, "m0001"))
	depth("a dead one put to rest", 2, 0)

	equal(t, "the other topic", messageIDs(must(s.Receive(ctx, "match", 10, at(0), at(60)))(t)), []string{"m0009"})
	equal(t, "none asked", len(must(s.Receive(ctx, "match", 0, at(100), at(160)))(t)), 0)

	ok(t, s.Send(ctx, flow.Message{ID: "bare", Topic: "bare"}))
	equal(t, "without a body", must(s.Receive(ctx, "bare", 1, at(0), at(60)))(t), []flow.Message{{ID: "bare", Topic: "bare", Tries: 1}})
	code(t, "no topic", s.Send(ctx, flow.Message{ID: "x"}), pipeline.CodeInvalid)
	code(t, "not JSON", s.Send(ctx, flow.Message{ID: "x", Topic: "t", Body: json.RawMessage("{")}), pipeline.CodeInvalid)
}

// queueReceivers: many receivers share the work; each message is delivered to
// one of them.
func queueReceivers(t *testing.T, p Place) {
	const n = 200
	handles := []Store{p(t), p(t)}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			for i := range n / 4 {
				if err := handles[w%2].Send(ctx, msg(w*n/4+i, "work")); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	var mu sync.Mutex
	seen := map[string]int{}
	for w := range 6 {
		s := handles[w%2]
		wg.Go(func() {
			for {
				ms, err := s.Receive(ctx, "work", 7, at(0), at(60))
				if err != nil {
					t.Error(err)
					return
				}
				if len(ms) == 0 {
					return
				}
				mu.Lock()
				for _, m := range ms {
					seen[m.ID]++
				}
				mu.Unlock()
				if err := s.Ack(ctx, messageIDs(ms)...); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for m, times := range seen {
		if times != 1 {
			t.Errorf("message %s was delivered %d times", m, times)
		}
	}
	equal(t, "messages delivered", len(seen), n)
	waiting, dead, err := handles[0].Depth(ctx, "work")
	ok(t, err)
	equal(t, "left", []int{waiting, dead}, []int{0, 0})
}

func event(n int) flow.Outgoing {
	e := pipeline.Event{SpecVersion: "1.0", ID: id("e", n), Source: "assay", Type: pipeline.BatchHeld, Subject: "orders",
		Time: at(n), ContentType: "application/json", Data: json.RawMessage(fmt.Sprintf(`{"n":%d}`, n)), Key: "orders"}
	return flow.Outgoing{Event: &e}
}

func outgoingIDs(out []flow.Outgoing) (ids []string) {
	for _, o := range out {
		if o.Event != nil {
			ids = append(ids, o.Event.ID)
		} else {
			ids = append(ids, o.Message.ID)
		}
	}
	return ids
}

func outbox(t *testing.T, p Place) {
	s := p(t)
	m := msg(1, "parse")
	ok(t, s.PutOutgoing(ctx, event(2), event(1), flow.Outgoing{Message: &m}))
	ok(t, s.PutOutgoing(ctx, event(1), event(3), event(3), flow.Outgoing{Message: &m}))
	got := must(s.Outgoing(ctx, 10))(t)
	equal(t, "in the order appended, each once", outgoingIDs(got), []string{"e0002", "e0001", "m0001", "e0003"})
	for i := 1; i < len(got); i++ {
		if got[i].Seq <= got[i-1].Seq {
			t.Errorf("seq %d does not follow %d", got[i].Seq, got[i-1].Seq)
		}
	}
	equal(t, "an event", got[0].Event, event(2).Event)
	equal(t, "a message", got[2].Message, &m)
	equal(t, "limit", outgoingIDs(must(s.Outgoing(ctx, 2))(t)), []string{"e0002", "e0001"})
	equal(t, "none asked", len(must(s.Outgoing(ctx, 0))(t)), 0)

	ok(t, s.MarkSent(ctx, got[0].Seq, got[2].Seq))
	equal(t, "unsent", outgoingIDs(must(s.Outgoing(ctx, 10))(t)), []string{"e0001", "e0003"})
	ok(t, s.MarkSent(ctx, got[0].Seq)) // again
	ok(t, s.MarkSent(ctx, 1<<40))
	ok(t, s.PutOutgoing(ctx, event(2))) // sent before: stays sent
	equal(t, "after a repeat", outgoingIDs(must(s.Outgoing(ctx, 10))(t)), []string{"e0001", "e0003"})

	// Events and messages have ids of their own.
	e := msg(1, "x")
	e.ID = "e0001"
	ok(t, s.PutOutgoing(ctx, flow.Outgoing{Message: &e}))
	equal(t, "a message with an event's id", len(must(s.Outgoing(ctx, 10))(t)), 3)
}

func outboxForms(t *testing.T, p Place) {
	s := p(t)
	code(t, "neither event nor message", s.PutOutgoing(ctx, flow.Outgoing{}), pipeline.CodeInvalid)
	both := event(1)
	m := msg(1, "parse")
	both.Message = &m
	code(t, "both", s.PutOutgoing(ctx, both), pipeline.CodeInvalid)
	code(t, "no id", s.PutOutgoing(ctx, flow.Outgoing{Message: &flow.Message{Topic: "x"}}), pipeline.CodeInvalid)
	bad := event(1)
	bad.Event.Data = json.RawMessage(`{"n":`)
	code(t, "not JSON", s.PutOutgoing(ctx, event(7), bad), pipeline.CodeInvalid)
	equal(t, "nothing of a call that failed", len(must(s.Outgoing(ctx, 10))(t)), 0)

	web := event(2)
	web.Event.Data = json.RawMessage(`{"text":"<b>Ø 25 µm & \u0000 é\"</b>","big":12345678901234567890,"dec":1.10}`)
	ok(t, s.PutOutgoing(ctx, web, flow.Outgoing{Message: &flow.Message{ID: "bare", Topic: "t"}}))
	got := must(s.Outgoing(ctx, 10))(t)
	equal(t, "data keeps its digits and escapes", string(got[0].Event.Data), string(web.Event.Data))
	equal(t, "no body", got[1].Message, &flow.Message{ID: "bare", Topic: "t"})
}
