package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"time"

	"github.com/assay-pipeline/assay/pipeline/flow"
)

// PutSweeps inserts or replaces what the sweep remembers of feeds.
func (p *ports) PutSweeps(ctx context.Context, states ...flow.SweepState) error {
	if len(states) == 0 {
		return nil
	}
	return p.writing(ctx, func(s session) error {
		for _, st := range states {
			if err := goodID("feed", st.Feed); err != nil {
				return err
			}
			doc, err := encode(st)
			if err != nil {
				return err
			}
			if _, err := s.exec(ctx, `INSERT INTO sweeps (feed, doc_json) VALUES (?, ?)
				ON CONFLICT (feed) DO UPDATE SET doc_json = excluded.doc_json`, st.Feed, doc); err != nil {
				return err
			}
		}
		return nil
	})
}

// docs reads rows of one JSON document each, and appends them to out.
func docs[T any](ctx context.Context, p *ports, what string, out *[]T, query string, args ...any) error {
	return p.reading(ctx, func(s session) error {
		return each(ctx, s, func(r *sql.Rows) error {
			var doc string
			if err := r.Scan(&doc); err != nil {
				return err
			}
			var v T
			err := decode(what, doc, &v)
			*out = append(*out, v)
			return err
		}, query, args...)
	})
}

// Sweeps returns what the sweep remembers, by feed.
func (p *ports) Sweeps(ctx context.Context) (out []flow.SweepState, err error) {
	err = docs(ctx, p, "the state of a sweep", &out, `SELECT doc_json FROM sweeps ORDER BY feed`)
	return out, err
}

// PutNotices appends notices; an id that was appended before is dropped.
func (p *ports) PutNotices(ctx context.Context, ns ...flow.Notice) error {
	if len(ns) == 0 {
		return nil
	}
	return p.writing(ctx, func(s session) error {
		for _, n := range ns {
			if err := goodID("notice id", n.ID); err != nil {
				return err
			}
			n.Seq = 0
			doc, err := encode(n)
			if err != nil {
				return err
			}
			if _, err := s.exec(ctx, `INSERT INTO notices (id, lane, feed, state, next, created, doc_json) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
				n.ID, n.Lane, n.Feed, n.State, nextOf(n), micros(n.Created), doc); err != nil {
				return err
			}
		}
		return nil
	})
}

// nextOf is when a notice is sent; one without a time is sent at once.
func nextOf(n flow.Notice) int64 {
	if n.Next.IsZero() {
		return 0
	}
	return n.Next.UnixMicro()
}

// Lanes returns lanes whose head is due.
func (p *ports) Lanes(ctx context.Context, now time.Time, n int) (out []string, err error) {
	err = p.reading(ctx, func(s session) error {
		return each(ctx, s, func(r *sql.Rows) error {
			var lane string
			err := r.Scan(&lane)
			out = append(out, lane)
			return err
		}, `SELECT n.lane FROM (SELECT lane, min(seq) AS head FROM notices WHERE state = 'waiting' GROUP BY lane) h
			JOIN notices n ON n.seq = h.head WHERE n.next <= ? ORDER BY n.seq LIMIT ?`, now.UnixMicro(), n)
	})
	return out, err
}

func (p *ports) notices(ctx context.Context, query string, args ...any) (out []flow.Notice, err error) {
	err = p.reading(ctx, func(s session) error {
		return each(ctx, s, func(r *sql.Rows) error {
			var seq int64
			var doc string
			if err := r.Scan(&seq, &doc); err != nil {
				return err
			}
			var n flow.Notice
			err := decode("a notice", doc, &n)
			n.Seq = seq
			out = append(out, n)
			return err
		}, query, args...)
	})
	return out, err
}

// Lane returns the waiting notices of a lane.
func (p *ports) Lane(ctx context.Context, lane string, n int) ([]flow.Notice, error) {
	return p.notices(ctx, `SELECT seq, doc_json FROM notices WHERE lane = ? AND state = 'waiting' ORDER BY seq LIMIT ?`, lane, n)
}

// UpdateNotices replaces notices by id.
func (p *ports) UpdateNotices(ctx context.Context, ns ...flow.Notice) error {
	if len(ns) == 0 {
		return nil
	}
	return p.writing(ctx, func(s session) error {
		for _, n := range ns {
			n.Seq = 0
			doc, err := encode(n)
			if err != nil {
				return err
			}
			if _, err := s.exec(ctx, `UPDATE notices SET state = ?, next = ?, doc_json = ? WHERE id = ?`, n.State, nextOf(n), doc, n.ID); err != nil {
				return err
			}
		}
		return nil
	})
}

// Notices selects notices, newest first.
func (p *ports) Notices(ctx context.Context, f flow.NoticeFilter) ([]flow.Notice, error) {
	var w where
	if f.State != "" {
		w.add(`state = ?`, f.State)
	}
	if f.Feed != "" {
		w.add(`feed = ?`, f.Feed)
	}
	if f.Limit <= 0 {
		f.Limit = 100
	}
	w.args = append(w.args, f.Limit)
	return p.notices(ctx, `SELECT seq, doc_json FROM notices`+w.String()+` ORDER BY seq DESC LIMIT ?`, w.args...)
}

// PutWatch stores a watch once.
func (p *ports) PutWatch(ctx context.Context, w flow.Watch) error {
	if err := goodID("watch id", w.ID); err != nil {
		return err
	}
	doc, err := encode(w)
	if err != nil {
		return err
	}
	return p.writing(ctx, func(s session) error {
		_, err := s.exec(ctx, `INSERT INTO watches (id, created, doc_json) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING`, w.ID, micros(w.Created), doc)
		return err
	})
}

// DropWatch removes a watch.
func (p *ports) DropWatch(ctx context.Context, id string) error {
	return p.writing(ctx, func(s session) error {
		n, err := changed(ctx, s, `DELETE FROM watches WHERE id = ?`, id)
		if err == nil && n == 0 {
			err = notFound("watch", id)
		}
		return err
	})
}

// Watches returns all watches.
func (p *ports) Watches(ctx context.Context) (out []flow.Watch, err error) {
	err = docs(ctx, p, "a watch", &out, `SELECT doc_json FROM watches ORDER BY created, id`)
	return out, err
}

// PutTombstone stores a tombstone.
func (p *ports) PutTombstone(ctx context.Context, t flow.Tombstone) error {
	if err := goodID("tombstone id", t.ID); err != nil {
		return err
	}
	doc, err := encode(t)
	if err != nil {
		return err
	}
	return p.writing(ctx, func(s session) error {
		_, err := s.exec(ctx, `INSERT INTO tombstones (id, feed, at, doc_json) VALUES (?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET at = excluded.at, doc_json = excluded.doc_json`, t.ID, t.Feed, micros(t.At), doc)
		return err
	})
}

// Tombstones returns those of feed, or all.
func (p *ports) Tombstones(ctx context.Context, feed string) (out []flow.Tombstone, err error) {
	err = docs(ctx, p, "a tombstone", &out, `SELECT doc_json FROM tombstones WHERE feed = ? OR ? = '' ORDER BY at, id`, feed, feed)
	return out, err
}

// EraseItems removes items and whatever names them.
func (p *ports) EraseItems(ctx context.Context, ids []string) (n int, err error) {
	if len(ids) == 0 {
		return 0, nil
	}
	err = p.writing(ctx, func(s session) error {
		n = 0
		arg := list(ids)
		for _, q := range []string{
			`DELETE FROM embeddings WHERE item IN (SELECT value FROM json_each(?))`,
			`DELETE FROM matches WHERE a IN (SELECT value FROM json_each(?1)) OR b IN (SELECT value FROM json_each(?1))`,
			`DELETE FROM cluster_items WHERE item IN (SELECT value FROM json_each(?))`,
			`DELETE FROM items WHERE id IN (SELECT value FROM json_each(?))`,
			`DELETE FROM enrichments WHERE item IN (SELECT value FROM json_each(?))`,
			`DELETE FROM model_answers WHERE item IN (SELECT value FROM json_each(?))`,
			`DELETE FROM observed WHERE item IN (SELECT value FROM json_each(?))`,
			`DELETE FROM model_calls WHERE item IN (SELECT value FROM json_each(?))`,
			`DELETE FROM reviews WHERE EXISTS (SELECT 1 FROM json_each(?) e WHERE subject = e.value
				OR substr(subject, 1, length(e.value) + 1) = e.value || '|' OR substr(subject, -length(e.value) - 1) = '|' || e.value)`,
		} {
			k, err := changed(ctx, s, q, arg)
			if err != nil {
				return err
			}
			n += int(k)
		}
		if err := unindex(ctx, s, ids); err != nil {
			return err
		}
		if err := unnameBaselines(ctx, s, ids); err != nil {
			return err
		}
		k, err := unnameHistory(ctx, s, ids)
		if err != nil {
			return err
		}
		n += k
		k, err = eraseTexts(ctx, s, ids)
		n += k
		return err
	})
	return n, err
}

// EraseTexts removes what quotes one of texts.
func (p *ports) EraseTexts(ctx context.Context, texts []string) (n int, err error) {
	if len(texts) == 0 {
		return 0, nil
	}
	err = p.writing(ctx, func(s session) error {
		n, err = eraseTexts(ctx, s, texts)
		return err
	})
	return n, err
}

func eraseTexts(ctx context.Context, s session, texts []string) (n int, err error) {
	var quoted []string
	for _, t := range texts {
		q, err := encode(t)
		if err != nil {
			return n, err
		}
		// Responses are as they were sent, with the escapes of web pages.
		web, err := json.Marshal(t)
		if err != nil {
			return n, err
		}
		if quoted = append(quoted, q); string(web) != q {
			quoted = append(quoted, string(web))
		}
	}
	arg := list(quoted)
	for _, q := range []string{
		`DELETE FROM reviews WHERE EXISTS (SELECT 1 FROM json_each(?) e WHERE instr(coalesce(data, ''), e.value) > 0 OR instr(coalesce(history_json, ''), e.value) > 0)`,
		`DELETE FROM notices WHERE EXISTS (SELECT 1 FROM json_each(?) e WHERE instr(doc_json, e.value) > 0)`,
		`DELETE FROM watches WHERE EXISTS (SELECT 1 FROM json_each(?) e WHERE instr(doc_json, e.value) > 0)`,
		`DELETE FROM responses WHERE EXISTS (SELECT 1 FROM json_each(?) e WHERE instr(body, e.value) > 0)`,
		// A question about several items names the others among what it cites.
		`DELETE FROM model_answers WHERE call IN (SELECT id FROM model_calls WHERE purpose = 'judge' AND EXISTS (SELECT 1 FROM json_each(?) e WHERE instr(call_json, e.value) > 0))`,
		`DELETE FROM model_calls WHERE purpose = 'judge' AND EXISTS (SELECT 1 FROM json_each(?) e WHERE instr(call_json, e.value) > 0)`,
		`DELETE FROM messages WHERE state <> 0 AND EXISTS (SELECT 1 FROM json_each(?) e WHERE instr(coalesce(body, ''), e.value) > 0)`,
	} {
		k, err := changed(ctx, s, q, arg)
		if err != nil {
			return n, err
		}
		n += int(k)
	}
	return n, nil
}

// TrimReviews removes decided entries.
func (p *ports) TrimReviews(ctx context.Context, kind string, before time.Time) (n int, err error) {
	return p.trim(ctx, `DELETE FROM reviews WHERE state = 'decided' AND (kind = ?1 OR ?1 = '') AND coalesce(decided, 0) < ?2`, kind, before.UnixMicro())
}

// TrimNotices removes what was sent or given up.
func (p *ports) TrimNotices(ctx context.Context, before time.Time) (int, error) {
	return p.trim(ctx, `DELETE FROM notices WHERE state <> 'waiting' AND coalesce(created, 0) < ?`, before.UnixMicro())
}

func (p *ports) trim(ctx context.Context, query string, args ...any) (n int, err error) {
	err = p.writing(ctx, func(s session) error {
		k, err := changed(ctx, s, query, args...)
		n = int(k)
		return err
	})
	return n, err
}
