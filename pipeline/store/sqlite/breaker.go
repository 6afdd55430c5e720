package sqlite

import (
	"context"
	"database/sql"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
)

// LoadBreaker returns the stored state, or the zero state of key.
func (p *ports) LoadBreaker(ctx context.Context, key breaker.Key) (breaker.State, error) {
	state := breaker.State{Key: key}
	err := p.reading(ctx, func(s session) error {
		var doc string
		found, err := one(ctx, s, []any{&doc, &state.Version}, `SELECT state_json, version FROM breakers WHERE scope = ? AND signal = ?`, key.Scope, key.Signal)
		if err != nil || !found {
			return err
		}
		return readState(key, doc, state.Version, &state)
	})
	return state, err
}

func readState(key breaker.Key, doc string, version int64, state *breaker.State) error {
	*state = breaker.State{}
	err := decode("breaker "+key.Scope+" "+key.Signal, doc, state)
	state.Key, state.Version = key, version
	return err
}

// SaveBreaker stores a state, the sample that led to it, and its transitions.
func (p *ports) SaveBreaker(ctx context.Context, state breaker.State, in breaker.Sample, ts []breaker.Transition) error {
	key := state.Key
	if err := goodID("breaker scope", key.Scope); err != nil {
		return err
	}
	if err := goodID("breaker signal", key.Signal); err != nil {
		return err
	}
	return p.writing(ctx, func(s session) error {
		if in.Batch != "" {
			var n int
			folded, err := one(ctx, s, []any{&n}, `SELECT 1 FROM breaker_samples WHERE scope = ? AND signal = ? AND batch = ?`, key.Scope, key.Signal, in.Batch)
			if err != nil || folded {
				return err
			}
		}
		var stored int64
		if _, err := one(ctx, s, []any{&stored}, `SELECT version FROM breakers WHERE scope = ? AND signal = ?`, key.Scope, key.Signal); err != nil {
			return err
		}
		if stored != state.Version {
			return pipeline.Errorf(pipeline.CodeConflict, "breaker %s %s: its state has moved on from version %d to %d", key.Scope, key.Signal, state.Version, stored).
				WithHint("load it again and fold the sample into what is stored now")
		}
		if in.Batch != "" {
			doc, err := encode(in)
			if err != nil {
				return err
			}
			if _, err := s.exec(ctx, `INSERT INTO breaker_samples (scope, signal, batch, sample_json) VALUES (?, ?, ?, ?)`, key.Scope, key.Signal, in.Batch, doc); err != nil {
				return err
			}
		}
		state.Version = stored + 1
		doc, err := encode(state)
		if err != nil {
			return err
		}
		if _, err := s.exec(ctx, `INSERT INTO breakers (scope, signal, version, state_json) VALUES (?, ?, ?, ?)
			ON CONFLICT (scope, signal) DO UPDATE SET version = excluded.version, state_json = excluded.state_json`,
			key.Scope, key.Signal, state.Version, doc); err != nil {
			return err
		}
		for _, t := range ts {
			t.Key = key
			doc, err := encode(t)
			if err != nil {
				return err
			}
			if _, err := s.exec(ctx, `INSERT INTO breaker_transitions (scope, signal, transition_json) VALUES (?, ?, ?)`, key.Scope, key.Signal, doc); err != nil {
				return err
			}
		}
		return nil
	})
}

// Breakers returns every stored state, by scope and signal.
func (p *ports) Breakers(ctx context.Context) (out []breaker.State, err error) {
	err = p.reading(ctx, func(s session) error {
		return each(ctx, s, func(r *sql.Rows) error {
			var key breaker.Key
			var doc string
			var version int64
			if err := r.Scan(&key.Scope, &key.Signal, &version, &doc); err != nil {
				return err
			}
			var state breaker.State
			err := readState(key, doc, version, &state)
			out = append(out, state)
			return err
		}, `SELECT scope, signal, version, state_json FROM breakers ORDER BY scope, signal`)
	})
	return out, err
}

// BreakerHistory returns what was stored of key, in the order of saving.
func (p *ports) BreakerHistory(ctx context.Context, key breaker.Key) (in []breaker.Sample, ts []breaker.Transition, err error) {
	err = p.reading(ctx, func(s session) error {
		// Transitions first: a sample that is saved between the two statements
		// then at worst stands there without its transition.
		if err := each(ctx, s, func(r *sql.Rows) error {
			var doc string
			if err := r.Scan(&doc); err != nil {
				return err
			}
			var x breaker.Transition
			err := decode("a transition of breaker "+key.Scope, doc, &x)
			ts = append(ts, x)
			return err
		}, `SELECT transition_json FROM breaker_transitions WHERE scope = ? AND signal = ? ORDER BY n`, key.Scope, key.Signal); err != nil {
			return err
		}
		return each(ctx, s, func(r *sql.Rows) error {
			var doc string
			if err := r.Scan(&doc); err != nil {
				return err
			}
			var x breaker.Sample
			err := decode("a sample of breaker "+key.Scope, doc, &x)
			in = append(in, x)
			return err
		}, `SELECT sample_json FROM breaker_samples WHERE scope = ? AND signal = ? ORDER BY n`, key.Scope, key.Signal)
	})
	return in, ts, err
}

// OpenBreakers are those of a signal that are not closed, by scope.
func (p *ports) OpenBreakers(ctx context.Context, signal string) (out []breaker.State, err error) {
	err = p.reading(ctx, func(s session) error {
		out = nil
		return each(ctx, s, func(r *sql.Rows) error {
			key := breaker.Key{Signal: signal}
			var doc string
			var version int64
			if err := r.Scan(&key.Scope, &version, &doc); err != nil {
				return err
			}
			var state breaker.State
			err := readState(key, doc, version, &state)
			out = append(out, state)
			return err
		}, `SELECT scope, version, state_json FROM breakers INDEXED BY breakers_moved WHERE signal = ? AND state_json ->> '$.position' IN ('open', 'half-open') ORDER BY scope`, signal)
	})
	return out, err
}
