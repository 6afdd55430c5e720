package sqlite

import (
	"context"
	"database/sql"

	"github.com/assay-pipeline/assay/pipeline/catalog"
)

const matchColumns = `a, b, verdict, score, reasons_json, veto`

// MatchPage returns a page of the stored matches.
func (p *ports) MatchPage(ctx context.Context, q catalog.MatchQuery) ([]catalog.Match, error) {
	var w where
	if q.Item != "" {
		w.add(`(a = ? OR b = ?)`, q.Item, q.Item)
	}
	if q.Verdict != "" {
		w.add(`verdict = ?`, string(q.Verdict))
	}
	if q.MinScore > 0 {
		w.add(`score >= ?`, q.MinScore)
	}
	if q.AfterA != "" || q.AfterB != "" {
		w.add(`(a, b) > (?, ?)`, q.AfterA, q.AfterB)
	}
	return p.matches(ctx, `SELECT `+matchColumns+` FROM matches`+w.String()+` ORDER BY a, b LIMIT ?`, append(w.args, pageOf(q.Limit)))
}

// pageOf is the size of a page.
func pageOf(limit int) int {
	if limit <= 0 {
		return 1000
	}
	return limit
}

func (p *ports) matches(ctx context.Context, query string, args []any) (out []catalog.Match, err error) {
	err = p.reading(ctx, func(s session) error {
		return each(ctx, s, func(r *sql.Rows) error {
			var m catalog.Match
			var reasons string
			if err := r.Scan(&m.A, &m.B, &m.Verdict, &m.Score, &reasons, &m.Veto); err != nil {
				return err
			}
			err := decode("a match of "+m.A, reasons, &m.Reasons)
			out = append(out, m)
			return err
		}, query, args...)
	})
	return out, err
}

// ClusterPage returns a page of the clusters.
func (p *ports) ClusterPage(ctx context.Context, q catalog.ClusterQuery) ([]catalog.Cluster, error) {
	var w where
	if q.ID != "" {
		w.add(`cluster = ?`, q.ID)
	}
	if q.Item != "" {
		w.add(`item = ?`, q.Item)
	}
	if q.After != "" {
		w.add(`cluster > ?`, q.After)
	}
	return p.clusters(ctx, `SELECT cluster, item FROM cluster_items WHERE cluster IN
		(SELECT DISTINCT cluster FROM cluster_items`+w.String()+` ORDER BY cluster LIMIT ?) ORDER BY cluster, item`, append(w.args, pageOf(q.Limit)))
}

// clusters gathers the rows (cluster, item) of a query that orders by both.
func (p *ports) clusters(ctx context.Context, query string, args []any) (out []catalog.Cluster, err error) {
	err = p.reading(ctx, func(s session) error {
		return each(ctx, s, func(r *sql.Rows) error {
			var id, item string
			if err := r.Scan(&id, &item); err != nil {
				return err
			}
			if len(out) == 0 || out[len(out)-1].ID != id {
				out = append(out, catalog.Cluster{ID: id})
			}
			c := &out[len(out)-1]
			c.Items = append(c.Items, item)
			return nil
		}, query, args...)
	})
	return out, err
}
