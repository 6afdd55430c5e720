package sqlite

import (
	"context"
	"database/sql"
	"slices"

	"github.com/assay-pipeline/assay/pipeline/catalog"
)

// PutModel keeps a trained model.
func (p *ports) PutModel(ctx context.Context, m catalog.StoredModel) error {
	if err := goodID("model", m.ID); err != nil {
		return err
	}
	summary, err := encode(m.Summary)
	if err != nil {
		return err
	}
	return p.writing(ctx, func(s session) error {
		_, err := s.exec(ctx, `INSERT INTO models (kind, id, trained, summary_json, body) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (kind, id) DO UPDATE SET trained = excluded.trained, summary_json = excluded.summary_json, body = excluded.body`,
			m.Kind, m.ID, micros(m.Trained), summary, append([]byte{}, m.Body...))
		return err
	})
}

// LatestModel is the one that was trained last.
func (p *ports) LatestModel(ctx context.Context, kind string) (m catalog.StoredModel, err error) {
	err = p.reading(ctx, func(s session) error {
		var trained sql.NullInt64
		var summary string
		m.Kind = kind
		found, err := one(ctx, s, []any{&m.ID, &trained, &summary, &m.Body},
			`SELECT id, trained, summary_json, body FROM models WHERE kind = ? ORDER BY trained DESC, id LIMIT 1`, kind)
		if err == nil && !found {
			return notFound("model of", kind)
		}
		m.Trained, m.Summary = moment(trained), []byte(summary)
		return err
	})
	return m, err
}

// LatestModelID is the id of the one that was trained last.
func (p *ports) LatestModelID(ctx context.Context, kind string) (id string, err error) {
	err = p.reading(ctx, func(s session) error {
		found, err := one(ctx, s, []any{&id}, `SELECT id FROM models WHERE kind = ? ORDER BY trained DESC, id LIMIT 1`, kind)
		if err == nil && !found {
			return notFound("model of", kind)
		}
		return err
	})
	return id, err
}

// PutEnrichments keeps answers.
func (p *ports) PutEnrichments(ctx context.Context, es []catalog.Enrichment) error {
	if len(es) == 0 {
		return nil
	}
	return p.writing(ctx, func(s session) error {
		for part := range slices.Chunk(es, chunk) {
			for _, e := range part {
				if err := goodID("item id", e.Item); err != nil {
					return err
				}
				if err := goodID("attribute", e.Value.Name); err != nil {
					return err
				}
				value, err := encode(e.Value)
				if err != nil {
					return err
				}
				if _, err := s.exec(ctx, `INSERT INTO enrichments (item, attribute, value_json, text, actor, at) VALUES (?, ?, ?, ?, ?, ?)
					ON CONFLICT (item, attribute) DO UPDATE SET value_json = excluded.value_json, text = excluded.text, actor = excluded.actor, at = excluded.at`,
					e.Item, e.Value.Name, value, e.Text, e.Actor, micros(e.At)); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// Enrichments of items, by item and attribute.
func (p *ports) Enrichments(ctx context.Context, items []string) (out []catalog.Enrichment, err error) {
	var w where
	if items != nil {
		w.add(`item IN (SELECT value FROM json_each(?))`, list(items))
	}
	err = p.reading(ctx, func(s session) error {
		return each(ctx, s, func(r *sql.Rows) error {
			var e catalog.Enrichment
			var value string
			var at sql.NullInt64
			if err := r.Scan(&e.Item, &value, &e.Text, &e.Actor, &at); err != nil {
				return err
			}
			e.At = moment(at)
			err := decode("an answer about "+e.Item, value, &e.Value)
			out = append(out, e)
			return err
		}, `SELECT item, value_json, text, actor, at FROM enrichments`+w.String()+` ORDER BY item, attribute`, w.args...)
	})
	return out, err
}

// DropEnrichments removes the answers for one attribute of an item.
func (p *ports) DropEnrichments(ctx context.Context, item, attribute string) error {
	return p.writing(ctx, func(s session) error {
		_, err := s.exec(ctx, `DELETE FROM enrichments WHERE item = ? AND attribute = ?`, item, attribute)
		return err
	})
}

// PutSnapshot keeps a catalog report.
func (p *ports) PutSnapshot(ctx context.Context, x catalog.Snapshot) error {
	if err := goodID("batch", x.Batch); err != nil {
		return err
	}
	figures, err := encode(x.Figures)
	if err != nil {
		return err
	}
	return p.writing(ctx, func(s session) error {
		_, err := s.exec(ctx, `INSERT INTO catalog_reports (batch, at, figures_json) VALUES (?, ?, ?)
			ON CONFLICT (batch) DO UPDATE SET at = excluded.at, figures_json = excluded.figures_json`, x.Batch, micros(x.At), figures)
		return err
	})
}

// Snapshots are the latest n, oldest first.
func (p *ports) Snapshots(ctx context.Context, n int) (out []catalog.Snapshot, err error) {
	err = p.reading(ctx, func(s session) error {
		return each(ctx, s, func(r *sql.Rows) error {
			var x catalog.Snapshot
			var at sql.NullInt64
			var figures string
			err := r.Scan(&x.Batch, &at, &figures)
			x.At, x.Figures = moment(at), []byte(figures)
			out = append(out, x)
			return err
		}, `SELECT batch, at, figures_json FROM catalog_reports ORDER BY at DESC, batch DESC LIMIT ?`, n)
	})
	slices.Reverse(out)
	return out, err
}
