package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/assay-pipeline/assay/evals"
)

var _ evals.Store = (*DB)(nil)

// PutRun keeps a run with its results, together or not at all.
func (p *ports) PutRun(ctx context.Context, r evals.Run, results []evals.Result) error {
	if err := goodID("run", r.ID); err != nil {
		return err
	}
	run, err := encode(r)
	if err != nil {
		return err
	}
	rows := make([][]any, len(results))
	for i, x := range results {
		if err := goodID("case", x.Case); err != nil {
			return err
		}
		body, err := encode(x)
		if err != nil {
			return err
		}
		rows[i] = []any{r.ID, x.Case, body}
	}
	return p.writing(ctx, func(s session) error {
		if _, err := s.Exec(ctx, `INSERT INTO eval_runs (id, suite, kind, at, run) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (id) DO UPDATE SET suite = excluded.suite, kind = excluded.kind, at = excluded.at, run = excluded.run`,
			r.ID, r.Suite, string(r.Kind), stamp(r.At), run); err != nil {
			return err
		}
		if _, err := s.Exec(ctx, `DELETE FROM eval_results WHERE run = $1`, r.ID); err != nil {
			return err
		}
		_, err := s.CopyFrom(ctx, pgx.Identifier{"eval_results"}, []string{"run", "case_id", "result"}, pgx.CopyFromRows(rows))
		return err
	})
}

// TrimRuns removes old runs that are no baselines.
func (p *ports) TrimRuns(ctx context.Context, before time.Time) (int, error) {
	return p.trim(ctx, `DELETE FROM eval_runs WHERE coalesce(at, '-infinity') < $1 AND id NOT IN (SELECT run FROM eval_baselines)`, stamp(before))
}

// Run finds a run.
func (p *ports) Run(ctx context.Context, id string) (r evals.Run, err error) {
	err = p.reading(ctx, func(s session) error {
		var body []byte
		found, err := one(ctx, s, []any{&body}, `SELECT run FROM eval_runs WHERE id = $1`, id)
		switch {
		case err != nil:
			return err
		case !found:
			return notFound("eval run", id)
		}
		return decode("the eval run "+id, body, &r)
	})
	return r, err
}

// Runs selects runs, the latest first.
func (p *ports) Runs(ctx context.Context, f evals.RunFilter) (out []evals.Run, err error) {
	var w where
	if f.Suite != "" {
		w.add(`suite = $`, f.Suite)
	}
	if f.Kind != "" {
		w.add(`kind = $`, string(f.Kind))
	}
	if f.Prefix != "" {
		w.add(`starts_with(id, $)`, f.Prefix)
	}
	if !f.Since.IsZero() {
		w.add(`at >= $`, stamp(f.Since))
	}
	limit := f.Limit
	if limit <= 0 {
		limit = 100
	}
	query := `SELECT id, run FROM eval_runs` + w.String() + ` ORDER BY at DESC NULLS LAST, id LIMIT ` + w.arg(limit)
	err = p.reading(ctx, func(s session) error {
		return each(ctx, s, func(rows pgx.Rows) error {
			var id string
			var body []byte
			if err := rows.Scan(&id, &body); err != nil {
				return err
			}
			var r evals.Run
			err := decode("the eval run "+id, body, &r)
			out = append(out, r)
			return err
		}, query, w.args...)
	})
	return out, err
}

// Results of a run, by case.
func (p *ports) Results(ctx context.Context, run string) (out []evals.Result, err error) {
	err = p.reading(ctx, func(s session) error {
		return each(ctx, s, func(rows pgx.Rows) error {
			var id string
			var body []byte
			if err := rows.Scan(&id, &body); err != nil {
				return err
			}
			var r evals.Result
			err := decode("the result of "+id, body, &r)
			out = append(out, r)
			return err
		}, `SELECT case_id, result FROM eval_results WHERE run = $1 ORDER BY case_id`, run)
	})
	return out, err
}

// PutBaseline adds a baseline; one that is there stays as it is.
func (p *ports) PutBaseline(ctx context.Context, b evals.Baseline) error {
	if err := goodID("suite", b.Suite); err != nil {
		return err
	}
	return p.writing(ctx, func(s session) error {
		var n int
		known, err := one(ctx, s, []any{&n}, `SELECT 1 FROM eval_runs WHERE id = $1`, b.Run)
		switch {
		case err != nil:
			return err
		case !known:
			return notFound("eval run", b.Run)
		}
		_, err = s.Exec(ctx, `INSERT INTO eval_baselines (suite, run, at, locker, note) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
			b.Suite, b.Run, stamp(b.At), clean(b.By), clean(b.Note))
		return err
	})
}

// Baselines of a suite, the latest first.
func (p *ports) Baselines(ctx context.Context, suite string) (out []evals.Baseline, err error) {
	err = p.reading(ctx, func(s session) error {
		return each(ctx, s, func(rows pgx.Rows) error {
			b := evals.Baseline{Suite: suite}
			var at *time.Time
			err := rows.Scan(&b.Run, &at, &b.By, &b.Note)
			b.At = moment(at)
			out = append(out, b)
			return err
		}, `SELECT run, at, locker, note FROM eval_baselines WHERE suite = $1 ORDER BY at DESC NULLS LAST, run`, suite)
	})
	return out, err
}
