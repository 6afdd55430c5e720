package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/model"
)

var _ model.Store = (*DB)(nil)

// Settle writes what came of questions.
func (p *ports) Settle(ctx context.Context, st model.Settlement) error {
	bodies := make([]string, len(st.Calls))
	for i, c := range st.Calls {
		if err := goodID("call", c.ID); err != nil {
			return err
		}
		c.At = c.At.UTC().Truncate(time.Microsecond)
		var err error
		if bodies[i], err = encode(c); err != nil {
			return err
		}
	}
	return p.writing(ctx, func(s session) error {
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
			if _, err := s.exec(ctx, putCall, c.ID, micros(c.At), c.Model, c.Purpose, c.Item, c.Batch, c.Usage.In, c.Usage.Out, c.Usage.Cached,
				c.Micros, c.Priced, c.Error != "", bodies[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

var putCall = `INSERT OR REPLACE INTO model_calls
	(id, at, model, purpose, item, batch, tokens_in, tokens_out, cached, micros, priced, failed, call_json) VALUES ` + values(1, 13)

// Call returns one call.
func (p *ports) Call(ctx context.Context, id string) (c model.Call, err error) {
	err = p.reading(ctx, func(s session) error {
		var body string
		found, err := one(ctx, s, []any{&body}, `SELECT call_json FROM model_calls WHERE id = ?`, id)
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
		w.add(`item = ?`, f.Item)
	}
	if f.Batch != "" {
		w.add(`batch = ?`, f.Batch)
	}
	if f.Model != "" {
		w.add(`model = ?`, f.Model)
	}
	if !f.Since.IsZero() {
		w.add(`at >= ?`, f.Since.UnixMicro())
	}
	err = p.reading(ctx, func(s session) error {
		return each(ctx, s, func(r *sql.Rows) error {
			var id, body string
			if err := r.Scan(&id, &body); err != nil {
				return err
			}
			out = append(out, model.Call{})
			return decode("call "+id, body, &out[len(out)-1])
		}, `SELECT id, call_json FROM model_calls`+w.String()+` ORDER BY at DESC, id LIMIT ?`, append(w.args, f.Limit)...)
	})
	return out, err
}

// callGroups are what calls can be summed by.
var callGroups = map[string]string{
	"model": "model", "batch": "batch", "item": "item", "purpose": "purpose",
	"feed": "CASE WHEN instr(item, '/') > 0 THEN substr(item, 1, instr(item, '/') - 1) END", // of the item: FEED/KEY
	"day":  "strftime('%Y-%m-%d', at / 1000000, 'unixepoch')",
}

// SumCalls sums calls by group, the dearest first.
func (p *ports) SumCalls(ctx context.Context, by string, since time.Time) (out []model.Sum, err error) {
	group, ok := callGroups[by]
	if !ok {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "calls are not summed by %q", by).WithHint("by model, feed, batch, item, purpose or day")
	}
	var w where
	if !since.IsZero() {
		w.add(`at >= ?`, since.UnixMicro()) // by the index
	}
	err = p.reading(ctx, func(s session) error {
		return each(ctx, s, func(r *sql.Rows) error {
			var x model.Sum
			err := r.Scan(&x.Group, &x.Calls, &x.Failed, &x.Usage.In, &x.Usage.Out, &x.Usage.Cached, &x.Micros, &x.Unpriced)
			out = append(out, x)
			return err
		}, `SELECT coalesce(`+group+`, '') AS g, count(*), sum(failed), sum(tokens_in), sum(tokens_out), sum(cached), sum(micros), sum(NOT priced)
			FROM model_calls`+w.String()+` GROUP BY g ORDER BY sum(micros) DESC, sum(tokens_in + tokens_out) DESC, g`, w.args...)
	})
	return out, err
}

// DeleteCalls deletes calls and answers made before a time.
func (p *ports) DeleteCalls(ctx context.Context, before time.Time) (int, error) {
	var n int64
	err := p.writing(ctx, func(s session) (err error) {
		if _, err := s.exec(ctx, `DELETE FROM model_answers WHERE at < ?`, before.UnixMicro()); err != nil {
			return err
		}
		n, err = changed(ctx, s, `DELETE FROM model_calls WHERE at < ?`, before.UnixMicro())
		return err
	})
	return int(n), err
}

func putAnswer(ctx context.Context, s session, a *model.Answered) error {
	if err := goodID("question", a.Key); err != nil {
		return err
	}
	reply, err := encode(a.Reply)
	if err != nil {
		return err
	}
	_, err = s.exec(ctx, `INSERT OR REPLACE INTO model_answers (key, item, call, at, reply_json) VALUES (?, ?, ?, ?, ?)`,
		a.Key, a.Item, a.Call, micros(a.At), reply)
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
	return p.writing(ctx, func(s session) error {
		_, err := s.exec(ctx, `INSERT INTO model_fixed (id, fixed_json) VALUES (?, ?) ON CONFLICT (id) DO NOTHING`, id, body)
		return err
	})
}

// Fixed finds the fixed part of questions.
func (p *ports) Fixed(ctx context.Context, id string) (f model.Fixed, err error) {
	err = p.reading(ctx, func(s session) error {
		var body string
		found, err := one(ctx, s, []any{&body}, `SELECT fixed_json FROM model_fixed WHERE id = ?`, id)
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
		var at sql.NullInt64
		var reply string
		found, err := one(ctx, s, []any{&a.Item, &a.Call, &at, &reply}, `SELECT item, call, at, reply_json FROM model_answers WHERE key = ?`, key)
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
	return p.writing(ctx, func(s session) error { return spend(ctx, s, day, spendings) })
}

func spend(ctx context.Context, s session, day string, spendings []model.Spending) error {
	sums := make([]int64, len(spendings))
	for i, x := range spendings {
		if err := goodID("account", x.Account); err != nil {
			return err
		}
		sum, err := spent(ctx, s, x.Account, day)
		if err != nil {
			return err
		}
		if x.Amount > 0 && x.Most >= 0 && (sum > x.Most || x.Amount > x.Most-sum) {
			return pipeline.Errorf(pipeline.CodeLimit, "%s has %d of %d on %s", x.Account, sum, x.Most, day)
		}
		sums[i] = sum + x.Amount
	}
	for i, x := range spendings {
		if x.Amount == 0 {
			continue
		}
		if _, err := s.exec(ctx, `INSERT OR REPLACE INTO budgets (account, day, spent) VALUES (?, ?, ?)`, x.Account, day, sums[i]); err != nil {
			return err
		}
	}
	return nil
}

// Spent is the sum of an account's day.
func (p *ports) Spent(ctx context.Context, account, day string) (sum int64, err error) {
	err = p.reading(ctx, func(s session) error {
		sum, err = spent(ctx, s, account, day)
		return err
	})
	return sum, err
}

// SpentSince is the sum of an account over a day and those after it.
func (p *ports) SpentSince(ctx context.Context, account, day string) (sum int64, err error) {
	err = p.reading(ctx, func(s session) error {
		_, err := one(ctx, s, []any{&sum}, `SELECT coalesce(sum(spent), 0) FROM budgets WHERE account = ? AND day >= ?`, account, day)
		return err
	})
	return sum, err
}

func spent(ctx context.Context, s session, account, day string) (sum int64, err error) {
	_, err = one(ctx, s, []any{&sum}, `SELECT spent FROM budgets WHERE account = ? AND day = ?`, account, day)
	return sum, err
}
