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
	// Retry makes an open breaker half-open before its cooldown is over, because
	// somebody mended what was wrong.
	Retry = "retry"
)

// remembered is how many ids of samples a state holds.
const remembered = 64

// Tick moves what time alone moves: an open breaker whose cooldown is over
// becomes half-open, as of the end of the cooldown, whenever that is noticed.
// It starts with an empty window, since what was held while it was open says
// nothing about the next batch.
func (p Policy) Tick(s State, now time.Time) (State, []Transition) {
	s = s.normal()
	if s.Position != Open || s.Until.IsZero() || now.Before(s.Until) {
		return s, nil
	}
	cause := fmt.Sprintf("the cooldown is over; %s must be published to close it", batches(p.Probes))
	return s.move(HalfOpen, s.Until, cause, nil, "clock", "")
}

// Step folds one sample into the state, after the Tick to its time. It is
// deterministic: all time comes from the sample. A sample that was folded
// before changes nothing.
func (p Policy) Step(s State, in Sample) (State, []Transition) {
	if in.Batch != "" && slices.Contains(s.Folded, in.Batch) {
		return s.normal(), nil
	}
	s, ticks := p.Tick(s, in.At)
	if in.Batch != "" {
		s.Folded = append(slices.Clone(s.Folded), in.Batch)
		s.Folded = s.Folded[max(0, len(s.Folded)-remembered):]
	}
	s, ts := p.fold(s, in)
	return s, append(ticks, ts...)
}

func (p Policy) fold(s State, in Sample) (State, []Transition) {
	switch in.Command {
	case Trip:
		return p.open(s, in, because("tripped", in), nil)
	case Reset:
		s.Trips = 0
		if s.Position == Closed {
			s.Window = nil
			return s, nil
		}
		return s.move(Closed, in.At, because("reset", in), nil, actor(in), in.Batch)
	case Retry:
		if s.Position != Open {
			return s, nil
		}
		return s.move(HalfOpen, in.At, because("tried again", in), nil, actor(in), in.Batch)
	}
	switch s.Position {
	case HalfOpen:
		return p.probe(s, in)
	case Open:
		return s, nil // only the clock and people move it
	}
	s.Window = p.window(s.Window, in)
	if len(in.Violations) > 0 {
		return p.open(s, in, violated(in), violations(in))
	}
	if cause, evidence := p.excess(s.Window); cause != "" {
		return p.open(s, in, cause, evidence)
	}
	return s, nil
}

// probe judges a batch in half-open, by itself.
func (p Policy) probe(s State, in Sample) (State, []Transition) {
	if len(in.Violations) > 0 {
		return p.open(s, in, violated(in), violations(in))
	}
	if cause, evidence := p.excess([]Sample{in}); cause != "" {
		return p.open(s, in, "probe: "+cause, evidence)
	}
	if in.Watch {
		return s, nil
	}
	if !in.Published {
		return p.open(s, in, "a probe was held on its own merits", nil)
	}
	s.Window = p.window(s.Window, in)
	if in.Rows == 0 || !p.clear(in) {
		return s, nil // says nothing, or lies at the edge
	}
	s.Good++
	if s.Good < p.Probes {
		return s, nil
	}
	kept, good := s.Window, s.Good
	s, ts := s.move(Closed, in.At, batches(good)+" published within the limits", map[string]float64{"good": float64(good)}, actor(in), in.Batch)
	s.Trips, s.Window = 0, kept
	return s, ts
}

// open opens the breaker, longer each time in a row. One that is open already
// is tripped by hand: its cooldown starts anew.
func (p Policy) open(s State, in Sample, cause string, evidence map[string]float64) (State, []Transition) {
	if s.Position != Open {
		s.Trips++
	}
	kept := s.Window
	s, ts := s.move(Open, in.At, cause, evidence, actor(in), in.Batch)
	s.Until = in.At.Add(p.cooldown(s.Trips))
	s.Fallback, s.Window = p.Fallback, kept
	return s, ts
}

// window is the samples that the policy still looks at, the newest last.
func (p Policy) window(w []Sample, in Sample) []Sample {
	w = append(slices.Clone(w), in)
	if n := min(max(p.Window, 1), MaxWindow); len(w) > n {
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
	s.Position, s.Since, s.Cause, s.Actor = to, at, cause, by
	s.Until, s.Good, s.Window = time.Time{}, 0, nil
	if to == Closed {
		s.Fallback = ""
	}
	return s, []Transition{t}
}

func violations(in Sample) map[string]float64 {
	return map[string]float64{"violations": float64(len(in.Violations))}
}

func violated(in Sample) string {
	const most = 3
	names, more := in.Violations, ""
	if len(names) > most {
		names, more = names[:most], fmt.Sprintf(" and %d more", len(names)-most)
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
	return Itself
}

// Itself is the actor of a breaker that was moved by a batch.
const Itself = "breaker"

func batches(n int) string {
	if n == 1 {
		return "1 batch"
	}
	return fmt.Sprintf("%d batches", n)
}
