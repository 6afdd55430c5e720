package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/assay-pipeline/assay/pipeline/catalog"
)

// eventRows is how many rows of the history one statement carries.
const eventRows = 4096

// PutClusterEvents appends to the history of the clusters.
func (p *ports) PutClusterEvents(ctx context.Context, es ...catalog.ClusterEvent) error {
	if len(es) == 0 {
		return nil
	}
	return p.writing(ctx, func(s session) error {
		for part := range slices.Chunk(es, eventRows) {
			if err := putClusterEvents(ctx, s, part); err != nil {
				return err
			}
		}
		return nil
	})
}

func putClusterEvents(ctx context.Context, s session, es []catalog.ClusterEvent) error {
	seqs := make([]int64, 0, len(es))
	if err := each(ctx, s, func(r pgx.Rows) error {
		var n int64
		err := r.Scan(&n)
		seqs = append(seqs, n)
		return err
	}, `SELECT nextval(pg_get_serial_sequence('cluster_events', 'seq')) FROM generate_series(1, $1::bigint)`, len(es)); err != nil {
		return err
	}
	slices.Sort(seqs)
	var clusters, docs, leftItems, leftClusters []string
	var ats []*time.Time
	var leftSeqs []int64
	for i, e := range es {
		if err := goodID("cluster id", e.Cluster); err != nil {
			return err
		}
		e.Seq = seqs[i]
		doc, err := encode(e)
		if err != nil {
			return err
		}
		clusters, docs, ats = append(clusters, e.Cluster), append(docs, doc), append(ats, stamp(e.At))
		for _, item := range e.Went.Items {
			leftItems, leftSeqs, leftClusters = append(leftItems, item), append(leftSeqs, e.Seq), append(leftClusters, e.Cluster)
		}
	}
	if _, err := s.Exec(ctx, `INSERT INTO cluster_events (seq, cluster, at, doc) SELECT n, c, t, d::json
		FROM unnest($1::bigint[], $2::text[], $3::timestamptz[], $4::text[]) AS x(n, c, t, d)`, seqs, clusters, ats, docs); err != nil {
		return err
	}
	if len(leftItems) == 0 {
		return nil
	}
	_, err := s.Exec(ctx, `INSERT INTO cluster_left (item, seq, cluster) SELECT * FROM unnest($1::text[], $2::bigint[], $3::text[])
		ON CONFLICT DO NOTHING`, leftItems, leftSeqs, leftClusters)
	return err
}

// ClusterEvents returns a page of the history, the newest first.
func (p *ports) ClusterEvents(ctx context.Context, q catalog.HistoryQuery) (out []catalog.ClusterEvent, err error) {
	var w where
	if q.Cluster != "" {
		w.add(`cluster = $`, q.Cluster)
	}
	if q.Item != "" {
		w.add(`cluster IN (SELECT cluster FROM cluster_items WHERE item = $ UNION SELECT cluster FROM cluster_left WHERE item = $)`, q.Item, q.Item)
		w.add(`(cluster = (SELECT cluster FROM cluster_items WHERE item = $)
			OR seq <= (SELECT max(l.seq) FROM cluster_left l WHERE l.item = $ AND l.cluster = cluster_events.cluster))`, q.Item, q.Item)
	}
	if q.Before != 0 {
		w.add(`seq < $`, q.Before)
	}
	query := `SELECT at, doc FROM cluster_events` + w.String() + ` ORDER BY seq DESC LIMIT ` + w.arg(pageOf(q.Limit))
	err = p.reading(ctx, func(s session) error {
		out = nil
		return each(ctx, s, func(r pgx.Rows) error {
			var at *time.Time
			var doc []byte
			if err := r.Scan(&at, &doc); err != nil {
				return err
			}
			var e catalog.ClusterEvent
			err := decode("the history of a cluster", doc, &e)
			e.At = moment(at)
			out = append(out, e)
			return err
		}, query, w.args...)
	})
	return out, err
}

// TrimClusterEvents removes what is older than before.
func (p *ports) TrimClusterEvents(ctx context.Context, before time.Time) (n int, err error) {
	err = p.writing(ctx, func(s session) error {
		k, err := changed(ctx, s, `DELETE FROM cluster_events WHERE coalesce(at, '-infinity') < $1`, stamp(before))
		if n = int(k); err != nil || n == 0 {
			return err
		}
		_, err = s.Exec(ctx, `DELETE FROM cluster_left WHERE NOT EXISTS (SELECT 1 FROM cluster_events e WHERE e.seq = cluster_left.seq)`)
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
	docs := map[int64][]byte{}
	if err := each(ctx, s, func(r pgx.Rows) error {
		var seq int64
		var doc []byte
		err := r.Scan(&seq, &doc)
		docs[seq] = doc
		return err
	}, `SELECT seq, doc FROM cluster_events WHERE EXISTS (SELECT 1 FROM unnest($1::text[]) e(value) WHERE strpos(doc::text, e.value) > 0)`, quoted); err != nil {
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
		now, err := encode(e)
		if err != nil {
			return n, err
		}
		if _, err := s.Exec(ctx, `UPDATE cluster_events SET doc = $1::text::json WHERE seq = $2`, now, seq); err != nil {
			return n, err
		}
		n++
	}
	k, err := changed(ctx, s, `DELETE FROM cluster_left WHERE item = ANY($1)`, items)
	return n + int(k), err
}
