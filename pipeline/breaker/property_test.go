package breaker

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

func policies(t *rapid.T) Policy {
	p := Default()
	p.Mode = rapid.SampledFrom([]Mode{Enforce, Observe}).Draw(t, "mode")
	p.Fallback = rapid.SampledFrom([]Fallback{LastGood, Degraded, Halt}).Draw(t, "fallback")
	p.Window = rapid.IntRange(1, 5).Draw(t, "window")
	p.Probes = rapid.IntRange(1, 3).Draw(t, "probes")
	p.MinRows = rapid.Int64Range(0, 200).Draw(t, "min rows")
	p.Cooldown = time.Duration(rapid.IntRange(1, 120).Draw(t, "cooldown")) * time.Minute
	p.MaxCooldown = p.Cooldown * time.Duration(rapid.IntRange(1, 8).Draw(t, "longest"))
	if rapid.Bool().Draw(t, "has a span") {
		p.Span = time.Duration(rapid.IntRange(1, 600).Draw(t, "span")) * time.Minute
	}
	if rapid.Bool().Draw(t, "is fresh") {
		p = p.Fresh(time.Hour)
	}
	if err := p.Check(); err != nil {
		t.Fatal(err)
	}
	return p
}

func histories(t *rapid.T) []Sample {
	n := rapid.IntRange(0, 40).Draw(t, "samples")
	at := begin
	var h []Sample
	for i := range n {
		at = at.Add(time.Duration(rapid.IntRange(0, 90).Draw(t, "minutes")) * time.Minute)
		s := Sample{Batch: fmt.Sprintf("b%d", i), At: at, Rows: rapid.Int64Range(0, 500).Draw(t, "rows"), Published: true}
		switch rapid.IntRange(0, 9).Draw(t, "kind") {
		case 0:
			s.Published, s.Violations = false, []string{"v"}
		case 1:
			s.Published = false
		case 2:
			s.Command, s.Actor, s.Published = rapid.SampledFrom([]string{Trip, Reset, Retry}).Draw(t, "command"), "anna", false
		case 3:
			s.Watch, s.Published = true, false
			s.Metrics = map[string]float64{Freshness: float64(rapid.IntRange(0, 10000).Draw(t, "age"))}
		default:
			s.Metrics = map[string]float64{RejectRate: rapid.Float64Range(0, 0.1).Draw(t, "rejects"), NullRate: rapid.Float64Range(0, 0.07).Draw(t, "nulls")}
		}
		h = append(h, s)
	}
	return h
}

func fold(p Policy, h []Sample) (State, []Transition) {
	s := State{Key: Key{"feed:x", "quality"}}.normal()
	var all []Transition
	for _, in := range h {
		var ts []Transition
		s, ts = p.Step(s, in)
		all = append(all, ts...)
	}
	return s, all
}

// stored is s as it comes back from a store.
func stored(t *rapid.T, s State) State {
	b, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var back State
	if err := json.Unmarshal(b, &back); err != nil {
		t.Fatal(err)
	}
	return back
}

// TestFold: the state is the fold of the samples; storing it between steps,
// asking for the time in between, and repeated samples change nothing.
func TestFold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, h := policies(t), histories(t)
		want, wantTs := fold(p, h)

		s := State{Key: Key{"feed:x", "quality"}}
		var ts []Transition
		step := func(next State, more []Transition) { s, ts = next, append(ts, more...) }
		for i, in := range h {
			s = stored(t, s)
			if rapid.Bool().Draw(t, "tick") {
				step(p.Tick(s, in.At.Add(-time.Duration(rapid.IntRange(0, 60).Draw(t, "before"))*time.Minute)))
			}
			if i > 0 && rapid.Bool().Draw(t, "repeat") {
				again := h[rapid.IntRange(0, i-1).Draw(t, "which")]
				before := s
				step(p.Step(s, again))
				if diff := cmp.Diff(before.normal(), s, cmpopts.EquateEmpty()); diff != "" {
					t.Fatalf("a repeated sample changed the state:\n%s", diff)
				}
			}
			step(p.Step(s, in))
		}
		if diff := cmp.Diff(want, s.normal(), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("state:\n%s", diff)
		}
		if diff := cmp.Diff(wantTs, ts, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("transitions:\n%s", diff)
		}
	})
}

// TestInvariants of every step.
func TestInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, h := policies(t), histories(t)
		s := State{Key: Key{"feed:x", "quality"}, Version: 7}
		for _, in := range h {
			before := stored(t, s)
			next, ts := p.Step(s, in)
			if diff := cmp.Diff(before, stored(t, s)); diff != "" {
				t.Fatalf("Step changed its argument:\n%s", diff)
			}
			at := s.normal().Position
			for _, tr := range ts {
				if tr.From != at {
					t.Fatalf("a move from %s while %s", tr.From, at)
				}
				at = tr.To
				if tr.Cause == "" || tr.Actor == "" || tr.Key != s.Key || tr.At.IsZero() {
					t.Fatalf("a move without its reasons: %+v", tr)
				}
				if _, err := json.Marshal(tr); err != nil {
					t.Fatal(err)
				}
			}
			s = next
			if s.Position != at {
				t.Fatalf("position %s after moves to %s", s.Position, at)
			}
			switch {
			case s.Version != 7 || s.Key.Scope != "feed:x":
				t.Fatalf("Step touched version or key: %+v", s)
			case (s.Position == Open) != !s.Until.IsZero() || (s.Position == Open && !s.Until.After(s.Since)):
				t.Fatalf("%s until %s, since %s", s.Position, s.Until, s.Since)
			case s.Position == Open && s.Until.Sub(s.Since) > p.MaxCooldown:
				t.Fatalf("a cooldown of %s", s.Until.Sub(s.Since))
			case s.Good >= p.Probes || s.Good > 0 && s.Position != HalfOpen:
				t.Fatalf("%s with %d of %d good probes", s.Position, s.Good, p.Probes)
			case len(s.Window) > p.Window || len(s.Folded) > remembered:
				t.Fatalf("%d samples in a window of %d, %d ids", len(s.Window), p.Window, len(s.Folded))
			case s.Position != Closed && s.Trips == 0 || s.Position == Closed && (s.Trips != 0 || s.Fallback != ""):
				t.Fatalf("%s after %d openings, fallback %q", s.Position, s.Trips, s.Fallback)
			}
			if len(in.Violations) > 0 && s.Position != Open {
				t.Fatalf("%s after a violation", s.Position)
			}
			switch a := p.Allow(s); {
			case (a == Hold || a == Flag) != (s.Position == Open && p.Mode == Enforce):
				t.Fatalf("%s while %s in mode %s", a, s.Position, p.Mode)
			case (a == Flag) != p.Degrades(s) || (a == Hold) != p.Stops(s):
				t.Fatalf("%s, degrades %v, stops %v", a, p.Degrades(s), p.Stops(s))
			}
		}
	})
}

// TestSimulateIsTheFold and accounts for every batch.
func TestSimulateIsTheFold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, h := policies(t), histories(t)
		outcomes, sum := p.Simulate(Key{"feed:x", "quality"}, h)
		want, ts := fold(p, h)
		if len(outcomes) != len(h) {
			t.Fatalf("%d outcomes of %d samples", len(outcomes), len(h))
		}
		if len(h) > 0 {
			if diff := cmp.Diff(want, outcomes[len(h)-1].State); diff != "" {
				t.Fatal(diff)
			}
		}
		trips := 0
		for _, tr := range ts {
			if tr.To == Open {
				trips++
			}
		}
		if trips != sum.Trips || sum.Published+sum.Held+sum.HeldAnyway != sum.Batches || sum.Flagged > sum.Published {
			t.Fatalf("%d trips, %+v", trips, sum)
		}
		if p.Mode == Observe && sum.Held+sum.Flagged > 0 {
			t.Fatalf("observed, and yet %+v", sum)
		}
		if len(h) > 0 && sum.Open > h[len(h)-1].At.Sub(begin) {
			t.Fatalf("open for %s of %s", sum.Open, h[len(h)-1].At.Sub(begin))
		}
	})
}

// TestSuggestKeepsThePast: no good batch of the history would have tripped the
// proposed limits of the shares by itself.
func TestSuggestKeepsThePast(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := histories(t)
		base := Default()
		p, why := Suggest(base, h)
		if err := p.Check(); err != nil {
			t.Fatal(err)
		}
		if len(why) == 0 {
			t.Fatal("no reason given")
		}
		for _, s := range h {
			if s.Published && len(s.Violations) == 0 && s.Rows > 0 && strings.Contains(why[0], "median") {
				if cause, _ := p.excess([]Sample{s}); strings.Contains(cause, "rate") {
					t.Fatalf("a good batch would have tripped: %s; %v", cause, why)
				}
			}
		}
	})
}

func TestSuggest(t *testing.T) {
	var h []Sample
	for i := range 40 {
		h = append(h, Sample{Batch: fmt.Sprint(i), At: begin.Add(time.Duration(i) * time.Hour), Rows: 2000, Published: true,
			Metrics: map[string]float64{RejectRate: 0.004 + 0.0001*float64(i%10), NullRate: 0}})
	}
	bad := Sample{Batch: "bad", At: begin.Add(40 * time.Hour), Rows: 2000, Metrics: map[string]float64{RejectRate: 0.4}}
	p, why := Suggest(Default(), append(h, bad))
	want := Default().Limit(RejectRate, 0.0074).Limit(NullRate, 0.0015).MaxAge(2 * time.Hour)
	want.MinRows, want.Window = 667, 1
	if diff := cmp.Diff(want, p, cmpopts.EquateApprox(0, 1e-12)); diff != "" {
		t.Errorf("%s\n%s", diff, strings.Join(why, "\n"))
	}
	_, sum := p.Simulate(Key{}, append(h, bad))
	if sum.Held != 0 || sum.HeldAnyway != 1 || sum.Trips != 1 {
		t.Errorf("the proposed policy over its own history: %+v", sum)
	}
	if p, why := Suggest(Default(), h[:9]); !cmp.Equal(p, Default()) || len(why) != 1 || !strings.Contains(why[0], "9 batches") {
		t.Errorf("from nine batches: %+v, %q", p, why)
	}
}

func TestCheck(t *testing.T) {
	if err := Default().Check(); err != nil {
		t.Error(err)
	}
	for why, f := range map[string]func(*Policy){
		"mode":      func(p *Policy) { p.Mode = "" },
		"fallback":  func(p *Policy) { p.Fallback = "none" },
		"window":    func(p *Policy) { p.Window = 0 },
		"big":       func(p *Policy) { p.Window = MaxWindow + 1 },
		"probes":    func(p *Policy) { p.Probes = 0 },
		"cooldown":  func(p *Policy) { p.Cooldown = 0 },
		"longest":   func(p *Policy) { p.MaxCooldown = time.Second },
		"span":      func(p *Policy) { p.Span = -1 },
		"metric":    func(p *Policy) { *p = p.Limit("", 1) },
		"clear":     func(p *Policy) { *p = p.Set(Threshold{Metric: "x", Limit: 1, Clear: 2}) },
		"floor":     func(p *Policy) { *p = p.Set(Threshold{Metric: "x", Limit: 1, Clear: 0.5, Floor: true}) },
		"limit NaN": func(p *Policy) { *p = p.Limit("x", nan()) },
	} {
		p := Default()
		f(&p)
		if err := p.Check(); err == nil || !strings.HasPrefix(err.Error(), "breaker policy: ") {
			t.Errorf("%s: %v", why, err)
		}
	}
}

func nan() float64 { v := 0.0; return v / v }

// TestCooldown doubles up to the longest and never overflows.
func TestCooldown(t *testing.T) {
	p := Default()
	for trips, want := range map[int]time.Duration{1: time.Hour, 2: 2 * time.Hour, 5: 16 * time.Hour, 6: 24 * time.Hour, 1000: 24 * time.Hour} {
		if d := p.cooldown(trips); d != want {
			t.Errorf("after %d openings: %s", trips, d)
		}
	}
	p.MaxCooldown = 0
	if d := p.cooldown(1 << 30); d != 365*24*time.Hour {
		t.Errorf("without a longest cooldown: %s", d)
	}
}
