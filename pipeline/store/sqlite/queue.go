package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// Send queues messages; one whose id was sent before is dropped.
func (db *DB) Send(ctx context.Context, ms ...flow.Message) error {
	if len(ms) == 0 {
		return nil
	}
	return db.writing(ctx, func(s session) error {
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
			if _, err := s.exec(ctx, `INSERT INTO messages (id, topic, body) VALUES (?, ?, ?) ON CONFLICT (id) DO NOTHING`,
				m.ID, m.Topic, body); err != nil {
				return err
			}
		}
		return nil
	})
}

// Receive leases up to n messages of topic in the order sent.
func (db *DB) Receive(ctx context.Context, topic string, n int, now, until time.Time) (out []flow.Message, err error) {
	if n <= 0 {
		return nil, nil
	}
	// Most polls find nothing; they need not wait for a writer.
	const visible = ` FROM messages WHERE topic = ? AND state = 0 AND visible <= ? ORDER BY seq LIMIT ?`
	work := false
	if err := db.reading(ctx, func(s session) error {
		var seq int64
		work, err = one(ctx, s, []any{&seq}, `SELECT seq`+visible, topic, now.UnixMicro(), 1)
		return err
	}); err != nil || !work {
		return nil, err
	}
	err = db.writing(ctx, func(s session) error {
		out = nil
		var seqs []int64
		if err := each(ctx, s, func(r *sql.Rows) error {
			var seq int64
			var m flow.Message
			var body sql.NullString
			if err := r.Scan(&seq, &m.ID, &m.Topic, &body, &m.Tries); err != nil {
				return err
			}
			m.Body = message(body)
			m.Tries++
			seqs, out = append(seqs, seq), append(out, m)
			return nil
		}, `SELECT seq, id, topic, body, tries`+visible, topic, now.UnixMicro(), n); err != nil {
			return err
		}
		for _, seq := range seqs {
			if _, err := s.exec(ctx, `UPDATE messages SET visible = ?, tries = tries + 1 WHERE seq = ?`, until.UnixMicro(), seq); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

// Ack ends messages for good; their ids are kept.
func (db *DB) Ack(ctx context.Context, ids ...string) error {
	if len(ids) == 0 {
		return nil
	}
	return db.writing(ctx, func(s session) error {
		_, err := s.exec(ctx, `UPDATE messages SET state = 2, body = NULL, reason = ''
			WHERE state <> 2 AND id IN (SELECT value FROM json_each(?))`, list(ids))
		return err
	})
}

// Nack gives a message back, or moves it to the dead letters.
func (db *DB) Nack(ctx context.Context, id string, at time.Time, reason string, dead bool) error {
	state := 0
	if dead {
		state = 1
	}
	return db.writing(ctx, func(s session) error {
		_, err := s.exec(ctx, `UPDATE messages SET state = ?, visible = ?, reason = ? WHERE id = ? AND state = 0`,
			state, at.UnixMicro(), reason, id)
		return err
	})
}

// Depth counts the messages of topic that are not acknowledged.
func (db *DB) Depth(ctx context.Context, topic string) (waiting, dead int, err error) {
	err = db.reading(ctx, func(s session) error {
		_, err := one(ctx, s, []any{&waiting, &dead}, `SELECT
			(SELECT count(*) FROM messages WHERE topic = ?1 AND state = 0),
			(SELECT count(*) FROM messages WHERE topic = ?1 AND state = 1)`, topic)
		return err
	})
	return waiting, dead, err
}
