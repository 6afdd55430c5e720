package sqlite

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/assay-pipeline/assay/evals/observe"
	"github.com/assay-pipeline/assay/pipeline"
)

// PutObserved stores answers that are not there yet.
func (p *ports) PutObserved(ctx context.Context, answers []observe.Answer) (n int, err error) {
	if len(answers) == 0 {
		return 0, nil
	}
	err = p.writing(ctx, func(s session) error {
		n = 0
		for _, a := range answers {
			if err := goodID("answer", a.ID); err != nil {
				return err
			}
			doc, err := encode(a)
			if err != nil {
				return err
			}
			k, err := changed(ctx, s, `INSERT INTO observed (id, item, version, at, reviewed, doc_json) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
				a.ID, a.Item, a.Version, micros(a.At), a.Reviewed, doc)
			if err != nil {
				return err
			}
			n += int(k)
		}
		return nil
	})
	return n, err
}

// Observed returns answers in the order in which they were stored.
func (p *ports) Observed(ctx context.Context, f observe.AnswerFilter) (out []observe.Answer, err error) {
	if f.Limit <= 0 {
		f.Limit = 10_000
	}
	var w where
	if f.Version != "" {
		w.add("version = ?", f.Version)
	}
	if !f.Since.IsZero() {
		w.add("at >= ?", f.Since.UnixMicro())
	}
	if f.Reviewed {
		w.add("reviewed <> ''")
	}
	order := " ORDER BY seq"
	if f.Latest {
		order += " DESC"
	}
	w.args = append(w.args, f.Limit)
	err = p.reading(ctx, func(s session) error {
		out = nil
		return each(ctx, s, func(r *sql.Rows) error {
			var doc, reviewed string
			if err := r.Scan(&doc, &reviewed); err != nil {
				return err
			}
			var a observe.Answer
			err := decode("an observed answer", doc, &a)
			a.Reviewed = reviewed
			out = append(out, a)
			return err
		}, `SELECT doc_json, reviewed FROM observed`+w.String()+order+` LIMIT ?`, w.args...)
	})
	if f.Latest {
		slices.Reverse(out)
	}
	return out, err
}

// CountObserved counts the answers of a version, or all.
func (p *ports) CountObserved(ctx context.Context, version string) (n int, err error) {
	err = p.reading(ctx, func(s session) error {
		_, err := one(ctx, s, []any{&n}, `SELECT count(*) FROM observed WHERE version = ?1 OR ?1 = ''`, version)
		return err
	})
	return n, err
}

// ReviewObserved writes what a person said into the answers about an item.
func (p *ports) ReviewObserved(ctx context.Context, item, reviewed string) (int, error) {
	return p.trim(ctx, `UPDATE observed SET reviewed = ? WHERE item = ?`, reviewed, item)
}

// TrimObserved removes old answers and runs of canary queries.
func (p *ports) TrimObserved(ctx context.Context, before time.Time) (n int, err error) {
	err = p.writing(ctx, func(s session) error {
		n = 0
		for _, q := range []string{`DELETE FROM observed WHERE coalesce(at, 0) < ?`, `DELETE FROM canary_runs WHERE coalesce(at, 0) < ?`} {
			k, err := changed(ctx, s, q, before.UnixMicro())
			if err != nil {
				return err
			}
			n += int(k)
		}
		return nil
	})
	return n, err
}

// PutLiveBaseline stores the next generation of a version.
func (p *ports) PutLiveBaseline(ctx context.Context, b observe.Baseline) error {
	if err := goodID("version", b.Version); err != nil {
		return err
	}
	doc, err := encode(b)
	if err != nil {
		return err
	}
	return p.writing(ctx, func(s session) error {
		var last int
		if _, err := one(ctx, s, []any{&last}, `SELECT coalesce(max(generation), 0) FROM live_baselines WHERE version = ?`, b.Version); err != nil {
			return err
		}
		if b.Generation != last+1 {
			return pipeline.Errorf(pipeline.CodeConflict, "generation %d of the live baseline of %s was locked already", last, b.Version).
				WithHint("a live baseline is never replaced; lock generation %d", last+1)
		}
		_, err := s.exec(ctx, `INSERT INTO live_baselines (version, generation, locked, doc_json) VALUES (?, ?, ?, ?)`, b.Version, b.Generation, micros(b.Locked), doc)
		return err
	})
}

// LiveBaseline is the latest generation of a version.
func (p *ports) LiveBaseline(ctx context.Context, version string) (b observe.Baseline, err error) {
	err = p.reading(ctx, func(s session) error {
		var doc string
		found, err := one(ctx, s, []any{&doc}, `SELECT doc_json FROM live_baselines WHERE version = ? ORDER BY generation DESC LIMIT 1`, version)
		if err != nil {
			return err
		}
		if !found {
			return notFound("live baseline of", version)
		}
		return decode("a live baseline", doc, &b)
	})
	return b, err
}

// LiveBaselines are all of them, the oldest first.
func (p *ports) LiveBaselines(ctx context.Context) (out []observe.Baseline, err error) {
	err = p.reading(ctx, func(s session) error {
		out = nil
		return each(ctx, s, func(r *sql.Rows) error {
			var doc string
			if err := r.Scan(&doc); err != nil {
				return err
			}
			var b observe.Baseline
			err := decode("a live baseline", doc, &b)
			out = append(out, b)
			return err
		}, `SELECT doc_json FROM live_baselines ORDER BY locked, version, generation`)
	})
	return out, err
}

// PutCanaryRun stores a run once.
func (p *ports) PutCanaryRun(ctx context.Context, r observe.CanaryRun) error {
	if err := goodID("canary run", r.ID); err != nil {
		return err
	}
	doc, err := encode(r)
	if err != nil {
		return err
	}
	return p.writing(ctx, func(s session) error {
		_, err := s.exec(ctx, `INSERT INTO canary_runs (id, query_set, at, doc_json) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`, r.ID, r.Set, micros(r.At), doc)
		return err
	})
}

// CanaryRuns are the latest of a set, the newest first.
func (p *ports) CanaryRuns(ctx context.Context, set string, n int) (out []observe.CanaryRun, err error) {
	err = p.reading(ctx, func(s session) error {
		out = nil
		return each(ctx, s, func(r *sql.Rows) error {
			var doc string
			if err := r.Scan(&doc); err != nil {
				return err
			}
			var c observe.CanaryRun
			err := decode("a canary run", doc, &c)
			out = append(out, c)
			return err
		}, `SELECT doc_json FROM canary_runs WHERE query_set = ? ORDER BY at DESC, id DESC LIMIT ?`, set, n)
	})
	return out, err
}

// unnameBaselines takes the ids of items out of live baselines; what was measured
// of them stays.
func unnameBaselines(ctx context.Context, s session, items []string) error {
	for _, id := range items {
		quoted, err := encode(id)
		if err != nil {
			return err
		}
		if _, err := s.exec(ctx, `UPDATE live_baselines SET doc_json = replace(doc_json, ?1, '""') WHERE instr(doc_json, ?1) > 0`, quoted); err != nil {
			return err
		}
	}
	return nil
}
