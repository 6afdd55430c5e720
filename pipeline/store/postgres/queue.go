package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// Send queues messages; one whose id was sent before is dropped.
func (db *DB) Send(ctx context.Context, ms ...flow.Message) error {
	if len(ms) == 0 {
		return nil
	}
	b := &pgx.Batch{}
	for _, m := range ms {
		if err := goodID("message id", m.ID); err != nil {
			return err
		}
		if m.Topic == "" {
			return pipeline.Errorf(pipeline.CodeInvalid, "message %s has no topic", m.ID)
		}
		body, err := raw("the body of message "+m.ID, m.Body)
		if err != nil {
			return err
		}
		b.Queue(`INSERT INTO messages (id, topic, body) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING`, m.ID, m.Topic, body)
	}
	return db.writing(ctx, func(s session) error { return s.SendBatch(ctx, b).Close() })
}

// Receive leases up to n messages of topic in the order sent, past those that
// another receiver is just taking.
func (db *DB) Receive(ctx context.Context, topic string, n int, now, until time.Time) (out []flow.Message, err error) {
	if n <= 0 {
		return nil, nil
	}
	type taken struct {
		seq int64
		flow.Message
	}
	var got []taken
	err = db.single(ctx, func(s session) error {
		return each(ctx, s, func(r pgx.Rows) error {
			var m taken
			var body *string
			err := r.Scan(&m.seq, &m.ID, &m.Topic, &body, &m.Tries)
			if body != nil {
				m.Body = []byte(*body)
			}
			got = append(got, m)
			return err
		}, `UPDATE messages m SET visible = $4, tries = m.tries + 1
			FROM (SELECT seq FROM messages WHERE topic = $1 AND state = 0 AND visible <= $2 ORDER BY seq LIMIT $3 FOR UPDATE SKIP LOCKED) next
			WHERE m.seq = next.seq RETURNING m.seq, m.id, m.topic, m.body, m.tries`, topic, stamp(now), n, stamp(until))
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(got, func(a, b taken) int { return int(a.seq - b.seq) })
	for _, m := range got {
		out = append(out, m.Message)
	}
	return out, nil
}

// Ack ends messages for good; their ids are kept.
func (db *DB) Ack(ctx context.Context, ids ...string) error {
	if len(ids) == 0 {
		return nil
	}
	return db.single(ctx, func(s session) error {
		_, err := s.Exec(ctx, `UPDATE messages SET state = 2, body = NULL, reason = '' WHERE state <> 2 AND id = ANY($1)`, ids)
		return err
	})
}

// Nack gives a message back, or moves it to the dead letters.
func (db *DB) Nack(ctx context.Context, id string, at time.Time, reason string, dead bool) error {
	state := 0
	if dead {
		state = 1
	}
	return db.single(ctx, func(s session) error {
		_, err := s.Exec(ctx, `UPDATE messages SET state = $1, visible = $2, reason = $3 WHERE id = $4 AND state = 0`,
			state, at.UTC(), clean(reason), id)
		return err
	})
}

// Depth counts the messages of topic that are not acknowledged.
func (db *DB) Depth(ctx context.Context, topic string) (waiting, dead int, err error) {
	err = db.reading(ctx, func(s session) error {
		_, err := one(ctx, s, []any{&waiting, &dead}, `SELECT
			(SELECT count(*) FROM messages WHERE topic = $1 AND state = 0),
			(SELECT count(*) FROM messages WHERE topic = $1 AND state = 1)`, topic)
		return err
	})
	return waiting, dead, err
}
