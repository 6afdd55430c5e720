package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/assay-pipeline/assay/evals/observe"
)

// PutTrial inserts or replaces a trial.
func (p *ports) PutTrial(ctx context.Context, t observe.Trial) error {
	if err := goodID("trial", t.ID); err != nil {
		return err
	}
	doc, err := encode(t)
	if err != nil {
		return err
	}
	return p.writing(ctx, func(s session) error {
		_, err := s.Exec(ctx, `INSERT INTO trials (id, started, doc) VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET started = excluded.started, doc = excluded.doc`,
			t.ID, stamp(t.Started), doc)
		return err
	})
}

// Trials are the latest, the newest first.
func (p *ports) Trials(ctx context.Context, n int) (out []observe.Trial, err error) {
	err = p.reading(ctx, func(s session) error {
		out = nil
		return each(ctx, s, func(r pgx.Rows) error {
			var doc []byte
			if err := r.Scan(&doc); err != nil {
				return err
			}
			var t observe.Trial
			err := decode("a trial", doc, &t)
			out = append(out, t)
			return err
		}, `SELECT doc FROM trials ORDER BY started DESC, id LIMIT $1`, n)
	})
	return out, err
}
