package breaker

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Commands of an explicit signal.
const (
	Trip  = "trip"
	Reset = "reset"
)

// Tick moves what time alone moves: an open breaker whose cooldown is over
// becomes half-open. It starts with an empty window, since what was held while
// it was open says nothing about the next batch.
func (p Policy) Tick(s State, now time.Time) (State, []Transition) {
	s = s.normal()
	if s.Position != Open || s.Until.IsZero() || now.Before(s.Until) {
		return s, nil
	}
	cause := fmt.Sprintf("the cooldown is over; %s must be published to close it", batches(p.Probes))
	return s.move(HalfOpen, now, cause, nil, "clock", "")
}

// Step folds one sample into the state. It is deterministic: all time comes
// from the sample. A sample whose id is in the window was folded before and
// changes nothing.
func (p Policy) Step(s State, in Sample) (State, []Transition) {
	s = s.normal()
	for _, w := range s.Window {
		if in.Batch != "" && w.Batch == in.Batch {
			return s, nil
		}
	}
	switch in.Command {
	case Trip:
		return p.open(s, in, because("tripped", in), nil)
	case Reset:
		if s.Position == Closed {
			return s, nil
		}
		next, ts := s.move(Closed, in.At, because("reset", in), nil, actor(in), in.Batch)
		next.Trips = 0
		return next, ts
	}
	s.Window = p.window(s.Window, in)
	switch s.Position {
	case HalfOpen:
		return p.probe(s, in)
	case Open:
		return s, nil // held batches keep it informed, the clock moves it
	}
	if len(in.Violations) > 0 {
		return p.open(s, in, violated(in), map[string]float64{"violations": float64(len(in.Violations))})
	}
	if cause, evidence := p.excess(s.Window, func(t Threshold) float64 { return t.Max }); cause != "" {
		return p.open(s, in, cause, evidence)
	}
	return s, nil
}

// probe judges a batch in half-open by the stricter limits.
func (p Policy) probe(s State, in Sample) (State, []Transition) {
	if len(in.Violations) > 0 {
		return p.open(s, in, violated(in), map[string]float64{"violations": float64(len(in.Violations))})
	}
	if !in.Published {
		return p.open(s, in, "the batch was held while the breaker was half-open", nil)
	}
	if cause, evidence := p.excess(s.Window, func(t Threshold) float64 { return t.Clear }); cause != "" {
		return p.open(s, in, cause, evidence)
	}
	s.Good++
	if s.Good < p.Probes {
		return s, nil
	}
	good := s.Good
	next, ts := s.move(Closed, in.At, fmt.Sprintf("%s published within the limits", batches(good)), map[string]float64{"good": float64(good)}, "breaker", in.Batch)
	next.Trips = 0
	return next, ts
}

// open opens the breaker, longer each time in a row.
func (p Policy) open(s State, in Sample, cause string, evidence map[string]float64) (State, []Transition) {
	trips := s.Trips + 1
	if s.Position == Open {
		trips = max(s.Trips, 1) // tripped again by hand: the cooldown starts anew
	}
	next, ts := s.move(Open, in.At, cause, evidence, actor(in), in.Batch)
	next.Trips = trips
	next.Until = in.At.Add(p.cooldown(trips))
	next.Fallback = p.Fallback
	next.Window = s.Window
	return next, ts
}

// window is the samples that the policy still looks at, the newest last.
func (p Policy) window(w []Sample, in Sample) []Sample {
	w = append(slices.Clone(w), in)
	if n := max(p.Window, 1); len(w) > n {
		w = w[len(w)-n:]
	}
	if p.Span > 0 {
		w = slices.DeleteFunc(w, func(s Sample) bool { return in.At.Sub(s.At) > p.Span })
	}
	return w
}

// normal is s with its zero values spelled out.
func (s State) normal() State {
	if s.Position == "" {
		s.Position = Closed
	}
	return s
}

func (s State) move(to Position, at time.Time, cause string, evidence map[string]float64, by, batch string) (State, []Transition) {
	t := Transition{Key: s.Key, From: s.Position, To: to, At: at, Cause: cause, Evidence: evidence, Actor: by, Batch: batch}
	s.Position, s.Since, s.Cause = to, at, cause
	s.Until, s.Good, s.Window = time.Time{}, 0, nil
	if to == Closed {
		s.Fallback = ""
	}
	return s, []Transition{t}
}

func violated(in Sample) string {
	const most = 3
	names := in.Violations
	more := ""
	if len(names) > most {
		more = fmt.Sprintf(" and %d more", len(names)-most)
		names = names[:most]
	}
	return "failed checks that stop a batch: " + strings.Join(names, ", ") + more
}

func because(what string, in Sample) string {
	s := what + " by " + actor(in)
	if in.Reason != "" {
		s += ": " + in.Reason
	}
	return s
}

func actor(in Sample) string {
	if in.Actor != "" {
		return in.Actor
	}
	return "breaker"
}

func batches(n int) string {
	if n == 1 {
		return "1 batch"
	}
	return fmt.Sprintf("%d batches", n)
}
