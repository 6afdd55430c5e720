package sqlite

import (
	"context"
	"database/sql"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

const batchColumns = `id, feed, key, tag, content, size, event_time, seq, stage,
	contract_id, contract_version, contract_hash, verdict, decision, reason,
	rows_read, rows_accepted, rows_rejected, files_json, manifest, report, breaker, shards,
	landing, replays, released_by, release_reason, created, updated`

// PutBatch inserts or replaces a line of the ledger.
func (p *ports) PutBatch(ctx context.Context, b flow.Batch) error {
	if err := goodID("batch id", b.ID); err != nil {
		return err
	}
	var files any
	if b.Files != nil {
		s, err := encode(b.Files)
		if err != nil {
			return err
		}
		files = s
	}
	return p.writing(ctx, func(s session) error {
		if b.Seq > 0 {
			var other string
			if taken, err := one(ctx, s, []any{&other}, `SELECT id FROM batches WHERE feed = ? AND seq = ? AND seq > 0 AND id <> ?`, b.Feed, b.Seq, b.ID); err != nil {
				return err
			} else if taken {
				return pipeline.Errorf(pipeline.CodeConflict, "batch %s: place %d of feed %s is taken by batch %s", b.ID, b.Seq, b.Feed, other).
					WithHint("another run decided meanwhile; read the ledger again")
			}
		}
		_, err := s.exec(ctx, `INSERT INTO batches (`+batchColumns+`) VALUES `+values(1, 29)+`
			ON CONFLICT (id) DO UPDATE SET
			feed = excluded.feed, key = excluded.key, tag = excluded.tag, content = excluded.content, size = excluded.size,
			event_time = excluded.event_time, seq = excluded.seq, stage = excluded.stage,
			contract_id = excluded.contract_id, contract_version = excluded.contract_version, contract_hash = excluded.contract_hash,
			verdict = excluded.verdict, decision = excluded.decision, reason = excluded.reason,
			rows_read = excluded.rows_read, rows_accepted = excluded.rows_accepted, rows_rejected = excluded.rows_rejected,
			files_json = excluded.files_json, manifest = excluded.manifest, report = excluded.report, breaker = excluded.breaker,
			shards = excluded.shards, landing = excluded.landing, replays = excluded.replays,
			released_by = excluded.released_by, release_reason = excluded.release_reason, created = excluded.created, updated = excluded.updated`,
			b.ID, b.Feed, b.Key, b.Tag, b.Content, b.Size, micros(b.EventTime), b.Seq, string(b.Stage),
			b.ContractID, b.ContractVersion, b.ContractHash, string(b.Verdict), string(b.Decision), b.Reason,
			b.Rows.Read, b.Rows.Accepted, b.Rows.Rejected, files, b.Manifest, b.Report, b.Breaker, b.Shards,
			b.Landing, b.Replays, b.ReleasedBy, b.ReleaseReason,
			micros(b.Created), micros(b.Updated))
		return err
	})
}

// Batch returns one line of the ledger.
func (p *ports) Batch(ctx context.Context, id string) (b flow.Batch, err error) {
	err = p.reading(ctx, func(s session) error {
		found := false
		if err := each(ctx, s, func(r *sql.Rows) (err error) {
			found = true
			b, err = scanBatch(r)
			return err
		}, `SELECT `+batchColumns+` FROM batches WHERE id = ?`, id); err != nil {
			return err
		}
		if !found {
			return notFound("batch", id)
		}
		return nil
	})
	return b, err
}

func scanBatch(r *sql.Rows) (flow.Batch, error) {
	var b flow.Batch
	var event, created, updated sql.NullInt64
	var files sql.NullString
	if err := r.Scan(&b.ID, &b.Feed, &b.Key, &b.Tag, &b.Content, &b.Size, &event, &b.Seq, &b.Stage,
		&b.ContractID, &b.ContractVersion, &b.ContractHash, &b.Verdict, &b.Decision, &b.Reason,
		&b.Rows.Read, &b.Rows.Accepted, &b.Rows.Rejected, &files, &b.Manifest, &b.Report, &b.Breaker, &b.Shards,
		&b.Landing, &b.Replays, &b.ReleasedBy, &b.ReleaseReason,
		&created, &updated); err != nil {
		return b, err
	}
	b.EventTime, b.Created, b.Updated = moment(event), moment(created), moment(updated)
	if files.Valid {
		return b, decode("the files of batch "+b.ID, files.String, &b.Files)
	}
	return b, nil
}

// lastRune sorts after every other: the end of a range of ids with a prefix.
const lastRune = "\U0010FFFF"

// Batches selects from the ledger.
func (p *ports) Batches(ctx context.Context, f flow.BatchFilter) (out []flow.Batch, err error) {
	w := batchWhere(f)
	order := ` ORDER BY created, id`
	if f.Latest {
		order = ` ORDER BY created DESC, id DESC`
	}
	if f.Limit <= 0 {
		f.Limit = 1000
	}
	w.args = append(w.args, f.Limit)
	err = p.reading(ctx, func(s session) error {
		return each(ctx, s, func(r *sql.Rows) error {
			b, err := scanBatch(r)
			out = append(out, b)
			return err
		}, `SELECT `+batchColumns+` FROM batches`+w.String()+order+` LIMIT ?`, w.args...)
	})
	return out, err
}

// batchWhere is the condition of a filter.
func batchWhere(f flow.BatchFilter) where {
	var w where
	if f.Feed != "" {
		w.add(`feed = ?`, f.Feed)
	}
	switch f.Stage {
	case "":
	case flow.Done, flow.Duplicate:
		w.add(`stage = ?`, string(f.Stage))
	default: // the condition of the partial index
		w.add(`stage = ? AND stage NOT IN ('done', 'duplicate')`, string(f.Stage))
	}
	if f.Key != "" {
		w.add(`key = ?`, f.Key)
	}
	if f.Content != "" {
		w.add(`content = ?`, f.Content)
	}
	if !f.Since.IsZero() {
		w.add(`created >= ?`, micros(f.Since))
	}
	if f.Prefix != "" {
		w.add(`id >= ? AND id < ?`, f.Prefix, f.Prefix+lastRune)
	}
	if f.AfterID != "" {
		// NULL sorts first, as the smallest time.
		w.add(`(coalesce(created, -9e18), id) `+beyond(f.Latest)+` (coalesce(?, -9e18), ?)`, micros(f.AfterTime), f.AfterID)
	}
	return w
}

// beyond compares with what comes behind, in the order of a list.
func beyond(descending bool) string {
	if descending {
		return `<`
	}
	return `>`
}

// CountBatches counts what a filter selects.
func (p *ports) CountBatches(ctx context.Context, f flow.BatchFilter) (n int, err error) {
	w := batchWhere(f)
	err = p.reading(ctx, func(s session) error {
		_, err := one(ctx, s, []any{&n}, `SELECT count(*) FROM batches`+w.String(), w.args...)
		return err
	})
	return n, err
}

// LastSeq is the highest place given in the order of decision of feed.
func (p *ports) LastSeq(ctx context.Context, feed string) (seq int64, err error) {
	err = p.reading(ctx, func(s session) error {
		_, err := one(ctx, s, []any{&seq}, `SELECT coalesce(max(seq), 0) FROM batches WHERE feed = ? AND seq > 0`, feed)
		return err
	})
	return seq, err
}

// PutShard records a parsed shard once.
func (p *ports) PutShard(ctx context.Context, batch string, shard int, knowledge string, at time.Time) (first bool, err error) {
	if err := goodID("batch id", batch); err != nil {
		return false, err
	}
	err = p.writing(ctx, func(s session) error {
		n, err := changed(ctx, s, `INSERT INTO shards (batch, knowledge, shard, at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING`,
			batch, knowledge, shard, micros(at))
		first = n > 0
		return err
	})
	return first, err
}

// ShardsDone counts parsed shards.
func (p *ports) ShardsDone(ctx context.Context, batch, knowledge string) (n int, err error) {
	err = p.reading(ctx, func(s session) error {
		_, err := one(ctx, s, []any{&n}, `SELECT count(*) FROM shards WHERE batch = ? AND knowledge = ?`, batch, knowledge)
		return err
	})
	return n, err
}

// UndecidedBatches counts what is neither done nor a duplicate, by feed and stage.
func (p *ports) UndecidedBatches(ctx context.Context) (out []flow.StageCount, err error) {
	err = p.reading(ctx, func(s session) error {
		out = nil
		return each(ctx, s, func(r *sql.Rows) error {
			var c flow.StageCount
			err := r.Scan(&c.Feed, &c.Stage, &c.N)
			out = append(out, c)
			return err
		}, // The planner would scan the whole ledger in the order of the feeds.
			`SELECT feed, stage, count(*) FROM batches INDEXED BY batches_stage WHERE stage NOT IN ('done', 'duplicate') GROUP BY feed, stage ORDER BY feed, stage`)
	})
	return out, err
}
