package postgres

import (
	"context"
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"

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
			if _, err := s.Exec(ctx, `INSERT INTO sweeps (feed, doc) VALUES ($1, $2)
				ON CONFLICT (feed) DO UPDATE SET doc = excluded.doc`, st.Feed, doc); err != nil {
				return err
			}
		}
		return nil
	})
}

// docs reads rows of one JSON document each, and appends them to out.
func docs[T any](ctx context.Context, p *ports, what string, out *[]T, query string, args ...any) error {
	return p.reading(ctx, func(s session) error {
		return each(ctx, s, func(r pgx.Rows) error {
			var doc string
			if err := r.Scan(&doc); err != nil {
				return err
			}
			var v T
			err := decode(what, []byte(doc), &v)
			*out = append(*out, v)
			return err
		}, query, args...)
	})
}

// Sweeps returns what the sweep remembers, by feed.
func (p *ports) Sweeps(ctx context.Context) (out []flow.SweepState, err error) {
	err = docs(ctx, p, "the state of a sweep", &out, `SELECT doc FROM sweeps ORDER BY feed`)
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
			if _, err := s.Exec(ctx, `INSERT INTO notices (id, lane, feed, state, next, created, doc) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING`,
				n.ID, n.Lane, n.Feed, n.State, nextOf(n), stamp(n.Created), doc); err != nil {
				return err
			}
		}
		return nil
	})
}

// nextOf is when a notice is sent; one without a time is sent at once.
func nextOf(n flow.Notice) *time.Time {
	if n.Next.IsZero() {
		return stamp(time.Unix(0, 0))
	}
	return stamp(n.Next)
}

// Lanes returns lanes whose head is due.
func (p *ports) Lanes(ctx context.Context, now time.Time, n int) (out []string, err error) {
	err = p.reading(ctx, func(s session) error {
		return each(ctx, s, func(r pgx.Rows) error {
			var lane string
			err := r.Scan(&lane)
			out = append(out, lane)
			return err
		}, `SELECT n.lane FROM (SELECT lane, min(seq) AS head FROM notices WHERE state = 'waiting' GROUP BY lane) h
			JOIN notices n ON n.seq = h.head WHERE n.next <= $1 ORDER BY n.seq LIMIT $2`, stamp(now), n)
	})
	return out, err
}

func (p *ports) notices(ctx context.Context, query string, args ...any) (out []flow.Notice, err error) {
	err = p.reading(ctx, func(s session) error {
		return each(ctx, s, func(r pgx.Rows) error {
			var seq int64
			var doc string
			if err := r.Scan(&seq, &doc); err != nil {
				return err
			}
			var n flow.Notice
			err := decode("a notice", []byte(doc), &n)
			n.Seq = seq
			out = append(out, n)
			return err
		}, query, args...)
	})
	return out, err
}

// Lane returns the waiting notices of a lane.
func (p *ports) Lane(ctx context.Context, lane string, n int) ([]flow.Notice, error) {
	return p.notices(ctx, `SELECT seq, doc FROM notices WHERE lane = $1 AND state = 'waiting' ORDER BY seq LIMIT $2`, lane, n)
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
			if _, err := s.Exec(ctx, `UPDATE notices SET state = $1, next = $2, doc = $3 WHERE id = $4`, n.State, nextOf(n), doc, n.ID); err != nil {
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
		w.add(`state = $`, f.State)
	}
	if f.Feed != "" {
		w.add(`feed = $`, f.Feed)
	}
	if f.Limit <= 0 {
		f.Limit = 100
	}
	query := `SELECT seq, doc FROM notices` + w.String() + ` ORDER BY seq DESC LIMIT ` + w.arg(f.Limit)
	return p.notices(ctx, query, w.args...)
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
		_, err := s.Exec(ctx, `INSERT INTO watches (id, created, doc) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING`, w.ID, stamp(w.Created), doc)
		return err
	})
}

// DropWatch removes a watch.
func (p *ports) DropWatch(ctx context.Context, id string) error {
	return p.writing(ctx, func(s session) error {
		n, err := changed(ctx, s, `DELETE FROM watches WHERE id = $1`, id)
		if err == nil && n == 0 {
			err = notFound("watch", id)
		}
		return err
	})
}

// Watches returns all watches.
func (p *ports) Watches(ctx context.Context) (out []flow.Watch, err error) {
	err = docs(ctx, p, "a watch", &out, `SELECT doc FROM watches ORDER BY created NULLS FIRST, id`)
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
		_, err := s.Exec(ctx, `INSERT INTO tombstones (id, feed, at, doc) VALUES ($1, $2, $3, $4)
			ON CONFLICT (id) DO UPDATE SET at = excluded.at, doc = excluded.doc`, t.ID, t.Feed, stamp(t.At), doc)
		return err
	})
}

// Tombstones returns those of feed, or all.
func (p *ports) Tombstones(ctx context.Context, feed string) (out []flow.Tombstone, err error) {
	err = docs(ctx, p, "a tombstone", &out, `SELECT doc FROM tombstones WHERE feed = $1 OR $1 = '' ORDER BY at NULLS FIRST, id`, feed)
	return out, err
}

// EraseItems removes items and whatever names them.
func (p *ports) EraseItems(ctx context.Context, ids []string) (n int, err error) {
	if len(ids) == 0 {
		return 0, nil
	}
	err = p.writing(ctx, func(s session) error {
		left, vectors, err := leave(ctx, s, 0, ids)
		if err != nil {
			return err
		}
		n = vectors
		if err := tidy(ctx, s, left); err != nil {
			return err
		}
		for _, q := range []string{
			`DELETE FROM matches WHERE a = ANY($1) OR b = ANY($1)`,
			`DELETE FROM cluster_items WHERE item = ANY($1)`,
			`DELETE FROM items WHERE id = ANY($1)`,
			`DELETE FROM enrichments WHERE item = ANY($1)`,
			`DELETE FROM model_answers WHERE item = ANY($1)`,
			`DELETE FROM observed WHERE item = ANY($1)`,
			`DELETE FROM model_calls WHERE item = ANY($1)`,
			`DELETE FROM reviews WHERE EXISTS (SELECT 1 FROM unnest($1::text[]) e(value) WHERE subject = e.value
				OR left(subject, length(e.value) + 1) = e.value || '|' OR right(subject, length(e.value) + 1) = '|' || e.value)`,
		} {
			k, err := changed(ctx, s, q, ids)
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
	for _, q := range []string{
		`DELETE FROM reviews WHERE EXISTS (SELECT 1 FROM unnest($1::text[]) e(value) WHERE strpos(coalesce(data::text, ''), e.value) > 0 OR strpos(coalesce(history::text, ''), e.value) > 0)`,
		`DELETE FROM notices WHERE EXISTS (SELECT 1 FROM unnest($1::text[]) e(value) WHERE strpos(doc, e.value) > 0)`,
		`DELETE FROM watches WHERE EXISTS (SELECT 1 FROM unnest($1::text[]) e(value) WHERE strpos(doc, e.value) > 0)`,
		`DELETE FROM responses WHERE EXISTS (SELECT 1 FROM unnest($1::text[]) e(value) WHERE strpos(body, e.value) > 0)`,
		// A question about several items names the others among what it cites.
		`DELETE FROM model_answers WHERE call IN (SELECT id FROM model_calls WHERE purpose = 'judge' AND EXISTS (SELECT 1 FROM unnest($1::text[]) e(value) WHERE strpos(call::text, e.value) > 0))`,
		`DELETE FROM model_calls WHERE purpose = 'judge' AND EXISTS (SELECT 1 FROM unnest($1::text[]) e(value) WHERE strpos(call::text, e.value) > 0)`,
		`DELETE FROM messages WHERE state <> 0 AND EXISTS (SELECT 1 FROM unnest($1::text[]) e(value) WHERE strpos(coalesce(body::text, ''), e.value) > 0)`,
	} {
		k, err := changed(ctx, s, q, quoted)
		if err != nil {
			return n, err
		}
		n += int(k)
	}
	return n, nil
}

// TrimReviews removes decided entries.
func (p *ports) TrimReviews(ctx context.Context, kind string, before time.Time) (n int, err error) {
	return p.trim(ctx, `DELETE FROM reviews WHERE state = 'decided' AND (kind = $1::text OR $1::text = '') AND coalesce(decided, '-infinity') < $2`, kind, stamp(before))
}

// TrimNotices removes what was sent or given up.
func (p *ports) TrimNotices(ctx context.Context, before time.Time) (int, error) {
	return p.trim(ctx, `DELETE FROM notices WHERE state <> 'waiting' AND coalesce(created, '-infinity') < $1`, stamp(before))
}

func (p *ports) trim(ctx context.Context, query string, args ...any) (n int, err error) {
	err = p.writing(ctx, func(s session) error {
		k, err := changed(ctx, s, query, args...)
		n = int(k)
		return err
	})
	return n, err
}

// changed runs a statement and returns the number of rows that it changed.
func changed(ctx context.Context, s session, query string, args ...any) (int64, error) {
	tag, err := s.Exec(ctx, query, args...)
	return tag.RowsAffected(), err
}

// Scrub has the server reclaim what was deleted.
func (db *DB) Scrub(ctx context.Context) error {
	return db.plain(ctx, func(s session) error {
		for _, t := range []string{"items", "embeddings", "points", "matches", "cluster_items", "cluster_events", "cluster_left", "reviews", "notices", "messages", "outgoing", "responses"} {
			if _, err := s.Exec(ctx, `VACUUM `+t); err != nil {
				return err
			}
		}
		return nil
	})
}
