package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/review"
)

const reviewColumns = `id, kind, subject, feed, category, reason, priority, data, created,
	state, holder, until, decision, decider, note, decided, history, version`

func reviewArgs(e review.Entry) ([]any, error) {
	data, err := raw("the data of review "+e.ID, e.Data)
	if err != nil {
		return nil, err
	}
	var history *string
	if e.History != nil {
		s, err := encode(e.History)
		if err != nil {
			return nil, err
		}
		history = &s
	}
	return []any{e.ID, string(e.Kind), e.Subject, e.Feed, e.Category, clean(e.Reason), e.Priority, data, stamp(e.Created),
		e.State, e.Holder, stamp(e.Until), e.Decision, e.Decider, clean(e.Note), stamp(e.Decided), history, e.Version}, nil
}

// AddReviews inserts entries that are not there yet.
func (p *ports) AddReviews(ctx context.Context, entries []review.Entry) error {
	if len(entries) == 0 {
		return nil
	}
	return p.writing(ctx, func(s session) error {
		b := &pgx.Batch{}
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
			b.Queue(`INSERT INTO reviews (`+reviewColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9,
				$10, $11, $12, $13, $14, $15, $16, $17, $18) ON CONFLICT (id) DO NOTHING`, args...)
		}
		return s.SendBatch(ctx, b).Close()
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
	err = each(ctx, s, func(r pgx.Rows) (err error) {
		found = true
		e, err = scanReview(r)
		return err
	}, `SELECT `+reviewColumns+` FROM reviews WHERE id = $1`, clean(id))
	if err == nil && !found {
		err = notFound("review", id)
	}
	return e, err
}

func scanReview(r pgx.Rows) (e review.Entry, err error) {
	var created, until, decided *time.Time
	var data *string
	var history []byte
	if err := r.Scan(&e.ID, &e.Kind, &e.Subject, &e.Feed, &e.Category, &e.Reason, &e.Priority, &data, &created,
		&e.State, &e.Holder, &until, &e.Decision, &e.Decider, &e.Note, &decided, &history, &e.Version); err != nil {
		return e, err
	}
	e.Created, e.Until, e.Decided = moment(created), moment(until), moment(decided)
	if data != nil {
		e.Data = []byte(*data)
	}
	if history != nil {
		err = decode("the history of review "+e.ID, history, &e.History)
	}
	return e, err
}

// reviewsWhere is the condition of a filter.
func reviewsWhere(ctx context.Context, s session, f review.Filter) (w where, err error) {
	for _, side := range []struct{ id, is string }{{f.After, ">"}, {f.Before, "<"}} {
		if side.id == "" {
			continue
		}
		e, err := getReview(ctx, s, side.id)
		if err != nil {
			return w, err
		}
		w.add(`(-priority, coalesce(created, '-infinity'), id) `+side.is+` ($, coalesce($, '-infinity'::timestamptz), $)`, -e.Priority, stamp(e.Created), e.ID)
	}
	if f.Kind != "" {
		w.add(`kind = $`, string(f.Kind))
	}
	switch f.State {
	case "":
	case review.Decided:
		w.add(`state = $`, f.State)
	default: // the condition of the partial index
		w.add(`state = $ AND state <> 'decided'`, f.State)
	}
	if f.Waiting {
		w.add(`state <> 'decided'`)
	}
	if !f.Free.IsZero() {
		w.add(`state <> 'decided' AND (state = 'open' OR coalesce(until, '-infinity') <= $)`, stamp(f.Free))
	}
	if f.Feed != "" {
		w.add(`feed = $`, f.Feed)
	}
	if f.Category != "" {
		w.add(`category = $`, f.Category)
	}
	if f.Subject != "" {
		w.add(`subject = $`, f.Subject)
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
		order := `priority DESC, created NULLS FIRST, id`
		if f.Before != "" {
			order = `priority, created DESC NULLS LAST, id DESC`
		}
		query := `SELECT ` + reviewColumns + ` FROM reviews` + w.String() + ` ORDER BY ` + order + ` LIMIT ` + w.arg(f.Limit)
		return each(ctx, s, func(r pgx.Rows) error {
			e, err := scanReview(r)
			out = append(out, e)
			return err
		}, query, w.args...)
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
			query = `SELECT count(*) FROM (SELECT 1 FROM reviews` + w.String() + ` LIMIT ` + w.arg(f.Limit) + `) AS bounded`
		}
		return each(ctx, s, func(r pgx.Rows) error { return r.Scan(&n) }, query, w.args...)
	})
	return n, err
}

// UpdateReview stores e over the version that it was read at.
func (p *ports) UpdateReview(ctx context.Context, e review.Entry) (review.Entry, error) {
	read := e.Version
	e.Version++
	err := p.single(ctx, func(s session) error {
		args, err := reviewArgs(e)
		if err != nil {
			return err
		}
		tag, err := s.Exec(ctx, `UPDATE reviews SET kind = $2, subject = $3, feed = $4, category = $5, reason = $6, priority = $7,
			data = $8, created = $9, state = $10, holder = $11, until = $12, decision = $13, decider = $14, note = $15,
			decided = $16, history = $17, version = $18 WHERE id = $1 AND version = $19`, append(args, read)...)
		if err != nil || tag.RowsAffected() > 0 {
			return err
		}
		old, err := getReview(ctx, s, e.ID)
		if err != nil {
			return err
		}
		return pipeline.Errorf(pipeline.CodeConflict, "review %s has changed since it was read (version %d, now %d)", e.ID, read, old.Version).
			WithHint("read it again")
	})
	if err != nil {
		return review.Entry{}, err
	}
	return e, nil
}
