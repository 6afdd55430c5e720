package sqlite

import (
	"context"
	"database/sql"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/review"
)

const reviewColumns = `id, kind, subject, feed, category, reason, priority, data, created,
	state, holder, until, decision, decider, note, decided, history_json, version`

func reviewArgs(e review.Entry) ([]any, error) {
	data, err := raw("the data of review "+e.ID, e.Data)
	if err != nil {
		return nil, err
	}
	var history any
	if e.History != nil {
		if history, err = encode(e.History); err != nil {
			return nil, err
		}
	}
	return []any{e.ID, string(e.Kind), e.Subject, e.Feed, e.Category, e.Reason, e.Priority, data, micros(e.Created),
		e.State, e.Holder, micros(e.Until), e.Decision, e.Decider, e.Note, micros(e.Decided), history, e.Version}, nil
}

// AddReviews inserts entries that are not there yet.
func (p *ports) AddReviews(ctx context.Context, entries []review.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	return p.writing(ctx, func(s session) error {
		for _, e := range entries {
			if err := goodID("review id", e.ID); err != nil {
				return err
			}
			e.Version = 1
			if e.State == "" {
				e.State = review.Open
			}
			args, err := reviewArgs(e)
			if err != nil {
				return err
			}
			if _, err := s.exec(ctx, `INSERT INTO reviews (`+reviewColumns+`) VALUES `+values(1, 18)+` ON CONFLICT (id) DO NOTHING`, args...); err != nil {
				return err
			}
		}
		return nil
	})
}

// Review returns one entry.
func (p *ports) Review(ctx context.Context, id string) (e review.Entry, err error) {
	err = p.reading(ctx, func(s session) error {
		e, err = getReview(ctx, s, id)
		return err
	})
	return e, err
}

func getReview(ctx context.Context, s session, id string) (e review.Entry, err error) {
	found := false
	err = each(ctx, s, func(r *sql.Rows) (err error) {
		found = true
		e, err = scanReview(r)
		return err
	}, `SELECT `+reviewColumns+` FROM reviews WHERE id = ?`, id)
	if err == nil && !found {
		err = notFound("review", id)
	}
	return e, err
}

func scanReview(r *sql.Rows) (review.Entry, error) {
	var e review.Entry
	var created, until, decided sql.NullInt64
	var data, history sql.NullString
	if err := r.Scan(&e.ID, &e.Kind, &e.Subject, &e.Feed, &e.Category, &e.Reason, &e.Priority, &data, &created,
		&e.State, &e.Holder, &until, &e.Decision, &e.Decider, &e.Note, &decided, &history, &e.Version); err != nil {
		return e, err
	}
	e.Created, e.Until, e.Decided, e.Data = moment(created), moment(until), moment(decided), message(data)
	if history.Valid {
		return e, decode("the history of review "+e.ID, history.String, &e.History)
	}
	return e, nil
}

// reviewsWhere is the condition of a filter.
func reviewsWhere(ctx context.Context, s session, f review.Filter) (w where, err error) {
	// NULL sorts first, as the smallest time.
	for _, side := range []struct{ id, is string }{{f.After, ">"}, {f.Before, "<"}} {
		if side.id == "" {
			continue
		}
		e, err := getReview(ctx, s, side.id)
		if err != nil {
			return w, err
		}
		w.add(`(-priority, coalesce(created, -9e18), id) `+side.is+` (?, coalesce(?, -9e18), ?)`, -e.Priority, micros(e.Created), e.ID)
	}
	if f.Kind != "" {
		w.add(`kind = ?`, string(f.Kind))
	}
	switch f.State {
	case "":
	case review.Decided:
		w.add(`state = ?`, f.State)
	default: // the condition of the partial index
		w.add(`state = ? AND state <> 'decided'`, f.State)
	}
	if f.Waiting {
		w.add(`state <> 'decided'`)
	}
	if !f.Free.IsZero() {
		w.add(`state <> 'decided' AND (state = 'open' OR coalesce(until, 0) <= ?)`, f.Free.UnixMicro())
	}
	if f.Feed != "" {
		w.add(`feed = ?`, f.Feed)
	}
	if f.Category != "" {
		w.add(`category = ?`, f.Category)
	}
	if f.Subject != "" {
		w.add(`subject = ?`, f.Subject)
	}
	return w, nil
}

// Reviews selects entries, the most pressing first.
func (p *ports) Reviews(ctx context.Context, f review.Filter) (out []review.Entry, err error) {
	if f.Limit <= 0 {
		f.Limit = 100
	}
	err = p.reading(ctx, func(s session) error {
		w, err := reviewsWhere(ctx, s, f)
		if err != nil {
			return err
		}
		order := `priority DESC, created, id`
		if f.Before != "" {
			order = `priority, created DESC, id DESC`
		}
		w.args = append(w.args, f.Limit)
		return each(ctx, s, func(r *sql.Rows) error {
			e, err := scanReview(r)
			out = append(out, e)
			return err
		}, `SELECT `+reviewColumns+` FROM reviews`+w.String()+` ORDER BY `+order+` LIMIT ?`, w.args...)
	})
	return out, err
}

// CountReviews counts entries.
func (p *ports) CountReviews(ctx context.Context, f review.Filter) (n int, err error) {
	err = p.reading(ctx, func(s session) error {
		w, err := reviewsWhere(ctx, s, f)
		if err != nil {
			return err
		}
		query := `SELECT count(*) FROM reviews` + w.String()
		if f.Limit > 0 {
			query = `SELECT count(*) FROM (SELECT 1 FROM reviews` + w.String() + ` LIMIT ?)`
			w.args = append(w.args, f.Limit)
		}
		return each(ctx, s, func(r *sql.Rows) error { return r.Scan(&n) }, query, w.args...)
	})
	return n, err
}

// UpdateReview stores e over the version that it was read at.
func (p *ports) UpdateReview(ctx context.Context, e review.Entry) (review.Entry, error) {
	err := p.writing(ctx, func(s session) error {
		old, err := getReview(ctx, s, e.ID)
		if err != nil {
			return err
		}
		if old.Version != e.Version {
			return pipeline.Errorf(pipeline.CodeConflict, "review %s has changed since it was read (version %d, now %d)", e.ID, e.Version, old.Version).
				WithHint("read it again")
		}
		e.Version++
		args, err := reviewArgs(e)
		if err != nil {
			return err
		}
		_, err = s.exec(ctx, `INSERT OR REPLACE INTO reviews (`+reviewColumns+`) VALUES `+values(1, 18), args...)
		return err
	})
	if err != nil {
		return review.Entry{}, err
	}
	return e, nil
}
