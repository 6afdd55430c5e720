package flow

import (
	"context"
	"sync"
	"time"

	"github.com/assay-pipeline/assay/pipeline/breaker"
)

// A StageBreaker knows how the breaker of a stage that answers stands: those of
// matching, retrieval and search, beside that of parsing. A nil one is closed.
// Safe for concurrent use.
type StageBreaker struct {
	Wire  *Wire
	Scope string
	// Age is how old what it knows may be; default two seconds, so that a check at
	// the moment of entry does not ask the store each time.
	Age time.Duration

	mu    sync.Mutex
	state breaker.State
	asked time.Time
}

// Moved is the breaker where it is open or half-open: a half-open one is tried
// by a suite, not by live questions. Errors: unavailable.
func (s *StageBreaker) Moved(ctx context.Context) (breaker.State, bool, error) {
	if s == nil || s.Wire == nil {
		return breaker.State{}, false, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	age := s.Age
	if age <= 0 {
		age = 2 * time.Second
	}
	now := stamp(s.Wire.Now)
	if took := now.Sub(s.asked); s.asked.IsZero() || took < 0 || took >= age {
		state, err := s.Wire.Store.LoadBreaker(ctx, EvalBreaker(s.Scope))
		if err != nil {
			return state, false, err
		}
		s.state, s.asked = state, now
	}
	state, _ := s.Wire.Policy.Tick(s.state, now)
	return state, moves(state), nil
}

// moves reports whether something stands in for what a breaker guards.
func moves(s breaker.State) bool {
	return s.Position == breaker.Open || s.Position == breaker.HalfOpen
}

// standsIn says who answers in place of a stage, for people.
func standsIn(s breaker.State, who string) string {
	return who + ": the breaker of " + s.Key.Scope + " is " + string(s.Position)
}
