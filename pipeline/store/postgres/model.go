package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/model"
)

var _ model.Store = (*DB)(nil)

// Settle writes what came of questions. Nothing that it reads decides what it
// writes, so the weaker isolation is enough.
func (p *ports) Settle(ctx context.Context, st model.Settlement) error {
	bodies := make([]any, len(st.Calls))
	for i, c := range st.Calls {
		if err := goodID("call", c.ID); err != nil {
			return err
		}
		c.At = c.At.UTC().Truncate(time.Microsecond)
		body, err := encode(c)
		if err != nil {
			return err
		}
		bodies[i] = body
	}
	return p.bulk(ctx, func(s session) error {
		if err := spend(ctx, s, st.Day, st.Spendings); err != nil {
			return err
		}
		for i := range st.Answers {
			if err := putAnswer(ctx, s, &st.Answers[i]); err != nil {
				return err
			}
		}
		for i := range st.Calls {
			c := &st.Calls[i]
			if _, err := s.Exec(ctx, putCall, c.ID, stamp(c.At), clean(c.Model), clean(c.Purpose), clean(c.Item), clean(c.Batch),
				c.Usage.In, c.Usage.Out, c.Usage.Cached, c.Micros, c.Priced, c.Error != "", bodies[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

const putCall = `INSERT INTO model_calls
	(id, at, model, purpose, item, batch, tokens_in, tokens_out, cached, micros, priced, failed, call)
	VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
	ON CONFLICT (id) DO UPDATE SET at = excluded.at, model = excluded.model, purpose = excluded.purpose, item = excluded.item,
		batch = excluded.batch, tokens_in = excluded.tokens_in, tokens_out = excluded.tokens_out, cached = excluded.cached,
		micros = excluded.micros, priced = excluded.priced, failed = excluded.failed, call = excluded.call`

// Call returns one call.
func (p *ports) Call(ctx context.Context, id string) (c model.Call, err error) {
	err = p.reading(ctx, func(s session) error {
		var body []byte
		found, err := one(ctx, s, []any{&body}, `SELECT call FROM model_calls WHERE id = $1`, id)
		if err != nil {
			return err
		}
		if !found {
			return notFound("call", id)
		}
		return decode("call "+id, body, &c)
	})
	return c, err
}

// Calls selects calls, newest first.
func (p *ports) Calls(ctx context.Context, f model.CallFilter) (out []model.Call, err error) {
	if f.Limit <= 0 {
		f.Limit = 100
	}
	var w where
	if f.Item != "" {
		w.add(`item = $`, f.Item)
	}
	if f.Batch != "" {
		w.add(`batch = $`, f.Batch)
	}
	if f.Model != "" {
		w.add(`model = $`, f.Model)
	}
	if !f.Since.IsZero() {
		w.add(`at >= $`, f.Since)
	}
	cond := w.String()
	query := `SELECT id, call FROM model_calls` + cond + ` ORDER BY at DESC NULLS LAST, id LIMIT ` + w.arg(f.Limit)
	err = p.reading(ctx, func(s session) error {
		return each(ctx, s, func(r pgx.Rows) error {
			var id string
			var body []byte
			if err := r.Scan(&id, &body); err != nil {
				return err
			}
			out = append(out, model.Call{})
			return decode("call "+id, body, &out[len(out)-1])
		}, query, w.args...)
	})
	return out, err
}

// callGroups are what calls can be summed by.
var callGroups = map[string]string{
	"model": "model", "batch": "batch", "item": "item", "purpose": "purpose",
	"feed": "CASE WHEN position('/' in item) > 0 THEN split_part(item, '/', 1) END", // of the item: FEED/KEY
	"day":  "to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
}

// SumCalls sums calls by group, the dearest first.
func (p *ports) SumCalls(ctx context.Context, by string, since time.Time) (out []model.Sum, err error) {
	group, ok := callGroups[by]
	if !ok {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "calls are not summed by %q", by).WithHint("by model, feed, batch, item, purpose or day")
	}
	err = p.reading(ctx, func(s session) error {
		return each(ctx, s, func(r pgx.Rows) error {
			var x model.Sum
			err := r.Scan(&x.Group, &x.Calls, &x.Failed, &x.Usage.In, &x.Usage.Out, &x.Usage.Cached, &x.Micros, &x.Unpriced)
			out = append(out, x)
			return err
		}, `SELECT coalesce(`+group+`, '') COLLATE "C" AS g, count(*), count(*) FILTER (WHERE failed), sum(tokens_in)::bigint, sum(tokens_out)::bigint,
				sum(cached)::bigint, sum(micros)::bigint, count(*) FILTER (WHERE NOT priced)
			FROM model_calls WHERE $1::timestamptz IS NULL OR at >= $1 GROUP BY g ORDER BY sum(micros) DESC, sum(tokens_in + tokens_out) DESC, g`, stamp(since))
	})
	return out, err
}

// DeleteCalls deletes calls and answers made before a time.
func (p *ports) DeleteCalls(ctx context.Context, before time.Time) (n int, err error) {
	err = p.writing(ctx, func(s session) error {
		if _, err := s.Exec(ctx, `DELETE FROM model_answers WHERE at < $1`, before); err != nil {
			return err
		}
		tag, err := s.Exec(ctx, `DELETE FROM model_calls WHERE at < $1`, before)
		n = int(tag.RowsAffected())
		return err
	})
	return n, err
}

func putAnswer(ctx context.Context, s session, a *model.Answered) error {
	if err := goodID("question", a.Key); err != nil {
		return err
	}
	reply, err := encode(a.Reply)
	if err != nil {
		return err
	}
	_, err = s.Exec(ctx, `INSERT INTO model_answers (key, item, call, at, reply) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (key) DO UPDATE SET item = excluded.item, call = excluded.call, at = excluded.at, reply = excluded.reply`,
		a.Key, clean(a.Item), a.Call, stamp(a.At), reply)
	return err
}

// PutFixed keeps the fixed part of questions.
func (p *ports) PutFixed(ctx context.Context, id string, f model.Fixed) error {
	if err := goodID("fixed part", id); err != nil {
		return err
	}
	body, err := encode(f)
	if err != nil {
		return err
	}
	return p.single(ctx, func(s session) error {
		_, err := s.Exec(ctx, `INSERT INTO model_fixed (id, fixed) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING`, id, body)
		return err
	})
}

// Fixed finds the fixed part of questions.
func (p *ports) Fixed(ctx context.Context, id string) (f model.Fixed, err error) {
	err = p.reading(ctx, func(s session) error {
		var body []byte
		found, err := one(ctx, s, []any{&body}, `SELECT fixed FROM model_fixed WHERE id = $1`, id)
		if err != nil {
			return err
		}
		if !found {
			return notFound("fixed part", id)
		}
		return decode("fixed part "+id, body, &f)
	})
	return f, err
}

// Answer finds the answer to a question.
func (p *ports) Answer(ctx context.Context, key string) (a model.Answered, err error) {
	err = p.reading(ctx, func(s session) error {
		var at *time.Time
		var reply []byte
		found, err := one(ctx, s, []any{&a.Item, &a.Call, &at, &reply}, `SELECT item, call, at, reply FROM model_answers WHERE key = $1`, key)
		if err != nil {
			return err
		}
		if !found {
			return notFound("answer", key)
		}
		a.Key, a.At = key, moment(at)
		return decode("answer "+key, reply, &a.Reply)
	})
	return a, err
}

// Spend adds to the accounts of a day, to all or to none.
func (p *ports) Spend(ctx context.Context, day string, spendings ...model.Spending) error {
	return p.bulk(ctx, func(s session) error { return spend(ctx, s, day, spendings) })
}

// spend is one statement per account: many processes spend from one budget, and
// the lock of its row is all the order that they need. Accounts are taken in
// the order given, the same everywhere, so that two of them never wait for each
// other.
func spend(ctx context.Context, s session, day string, spendings []model.Spending) error {
	for _, x := range spendings {
		if err := goodID("account", x.Account); err != nil {
			return err
		}
		var sum int64
		free := x.Amount <= 0 || x.Most < 0
		found, err := one(ctx, s, []any{&sum}, `INSERT INTO budgets AS b (account, day, spent)
			SELECT $1, $2, $3::bigint WHERE $4::boolean OR $3::bigint <= $5::bigint
				OR EXISTS (SELECT FROM budgets WHERE account = $1 AND day = $2)
			ON CONFLICT (account, day) DO UPDATE SET spent = b.spent + excluded.spent
			WHERE $4::boolean OR b.spent + excluded.spent <= $5::bigint
			RETURNING spent`, x.Account, day, x.Amount, free, x.Most)
		if err != nil {
			return err
		}
		if found {
			continue
		}
		if _, err := one(ctx, s, []any{&sum}, `SELECT spent FROM budgets WHERE account = $1 AND day = $2`, x.Account, day); err != nil {
			return err
		}
		return pipeline.Errorf(pipeline.CodeLimit, "%s has %d of %d on %s", x.Account, sum, x.Most, day)
	}
	return nil
}

// SpentSince is the sum of an account over a day and those after it.
func (p *ports) SpentSince(ctx context.Context, account, day string) (sum int64, err error) {
	err = p.reading(ctx, func(s session) error {
		_, err := one(ctx, s, []any{&sum}, `SELECT coalesce(sum(spent), 0)::bigint FROM budgets WHERE account = $1 AND day >= $2`, account, day)
		return err
	})
	return sum, err
}

// Spent is the sum of an account's day.
func (p *ports) Spent(ctx context.Context, account, day string) (sum int64, err error) {
	err = p.reading(ctx, func(s session) error {
		_, err := one(ctx, s, []any{&sum}, `SELECT spent FROM budgets WHERE account = $1 AND day = $2`, account, day)
		return err
	})
	return sum, err
}
