package sqlite

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/assay-pipeline/assay/pipeline/catalog"
)

// PutClusterEvents appends to the history of the clusters.
func (p *ports) PutClusterEvents(ctx context.Context, es ...catalog.ClusterEvent) error {
	if len(es) == 0 {
		return nil
	}
	return p.writing(ctx, func(s session) error {
		// The one writer numbers them; a number is not given twice, whatever was removed.
		var seq int64
		if _, err := one(ctx, s, []any{&seq}, `SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'cluster_events'), 0)`); err != nil {
			return err
		}
		var left []any // item, seq, cluster
		for part := range slices.Chunk(es, chunk) {
			args := make([]any, 0, 4*len(part))
			for _, e := range part {
				if err := goodID("cluster id", e.Cluster); err != nil {
					return err
				}
				seq++
				e.Seq = seq
				doc, err := encode(e)
				if err != nil {
					return err
				}
				args = append(args, seq, e.Cluster, micros(e.At), doc)
				for _, item := range e.Went.Items {
					left = append(left, item, seq, e.Cluster)
				}
			}
			if _, err := s.exec(ctx, `INSERT INTO cluster_events (seq, cluster, at, doc_json) VALUES `+values(len(part), 4), args...); err != nil {
				return err
			}
		}
		for part := range slices.Chunk(left, 3*chunk) {
			if _, err := s.exec(ctx, `INSERT INTO cluster_left (item, seq, cluster) VALUES `+values(len(part)/3, 3)+` ON CONFLICT DO NOTHING`, part...); err != nil {
				return err
			}
		}
		return nil
	})
}

// ClusterEvents returns a page of the history, the newest first.
func (p *ports) ClusterEvents(ctx context.Context, q catalog.HistoryQuery) (out []catalog.ClusterEvent, err error) {
	var w where
	if q.Cluster != "" {
		w.add(`cluster = ?`, q.Cluster)
	}
	if q.Item != "" {
		w.add(`cluster IN (SELECT cluster FROM cluster_items WHERE item = ? UNION SELECT cluster FROM cluster_left WHERE item = ?)`, q.Item, q.Item)
		w.add(`(cluster = (SELECT cluster FROM cluster_items WHERE item = ?)
			OR seq <= (SELECT max(l.seq) FROM cluster_left l WHERE l.item = ? AND l.cluster = cluster_events.cluster))`, q.Item, q.Item)
	}
	if q.Before != 0 {
		w.add(`seq < ?`, q.Before)
	}
	err = p.reading(ctx, func(s session) error {
		out = nil
		return each(ctx, s, func(r *sql.Rows) error {
			var at sql.NullInt64
			var doc string
			if err := r.Scan(&at, &doc); err != nil {
				return err
			}
			var e catalog.ClusterEvent
			err := decode("the history of a cluster", doc, &e)
			e.At = moment(at)
			out = append(out, e)
			return err
		}, `SELECT at, doc_json FROM cluster_events`+w.String()+` ORDER BY seq DESC LIMIT ?`, append(w.args, pageOf(q.Limit))...)
	})
	return out, err
}

// TrimClusterEvents removes what is older than before.
func (p *ports) TrimClusterEvents(ctx context.Context, before time.Time) (n int, err error) {
	err = p.writing(ctx, func(s session) error {
		k, err := changed(ctx, s, `DELETE FROM cluster_events WHERE coalesce(at, 0) < ?`, before.UnixMicro())
		if n = int(k); err != nil || n == 0 {
			return err
		}
		_, err = s.exec(ctx, `DELETE FROM cluster_left WHERE NOT EXISTS (SELECT 1 FROM cluster_events e WHERE e.seq = cluster_left.seq)`)
		return err
	})
	return n, err
}

// unnameHistory takes the ids of items out of the history of clusters; that
// something was there stays.
func unnameHistory(ctx context.Context, s session, items []string) (n int, err error) {
	var quoted []string
	for _, id := range items {
		q, err := encode(id)
		if err != nil {
			return 0, err
		}
		quoted = append(quoted, q)
	}
	docs := map[int64]string{}
	if err := each(ctx, s, func(r *sql.Rows) error {
		var seq int64
		var doc string
		err := r.Scan(&seq, &doc)
		docs[seq] = doc
		return err
	}, `SELECT seq, doc_json FROM cluster_events WHERE EXISTS (SELECT 1 FROM json_each(?) e WHERE instr(doc_json, e.value) > 0)`, list(quoted)); err != nil {
		return 0, err
	}
	for seq, doc := range docs {
		var e catalog.ClusterEvent
		if err := decode("the history of a cluster", doc, &e); err != nil {
			return n, err
		}
		if !e.Unname(items) {
			continue
		}
		if doc, err = encode(e); err != nil {
			return n, err
		}
		if _, err := s.exec(ctx, `UPDATE cluster_events SET doc_json = ? WHERE seq = ?`, doc, seq); err != nil {
			return n, err
		}
		n++
	}
	k, err := changed(ctx, s, `DELETE FROM cluster_left WHERE item IN (SELECT value FROM json_each(?))`, list(items))
	return n + int(k), err
}
