package postgres

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

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
	return p.single(ctx, func(s session) error {
		_, err := s.Exec(ctx, `INSERT INTO models (kind, id, trained, summary, body) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (kind, id) DO UPDATE SET trained = excluded.trained, summary = excluded.summary, body = excluded.body`,
			m.Kind, m.ID, stamp(m.Trained), summary, append([]byte{}, m.Body...))
		return err
	})
}

// LatestModel is the one that was trained last.
func (p *ports) LatestModel(ctx context.Context, kind string) (m catalog.StoredModel, err error) {
	err = p.reading(ctx, func(s session) error {
		var trained *time.Time
		var summary []byte
		m.Kind = kind
		found, err := one(ctx, s, []any{&m.ID, &trained, &summary, &m.Body},
			`SELECT id, trained, summary, body FROM models WHERE kind = $1 ORDER BY trained DESC NULLS LAST, id LIMIT 1`, kind)
		if err == nil && !found {
			return notFound("model of", kind)
		}
		m.Trained, m.Summary = moment(trained), summary
		return err
	})
	return m, err
}

// LatestModelID is the id of the one that was trained last.
func (p *ports) LatestModelID(ctx context.Context, kind string) (id string, err error) {
	err = p.reading(ctx, func(s session) error {
		found, err := one(ctx, s, []any{&id}, `SELECT id FROM models WHERE kind = $1 ORDER BY trained DESC NULLS LAST, id LIMIT 1`, kind)
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
		b := &pgx.Batch{}
		for _, e := range es {
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
			b.Queue(`INSERT INTO enrichments (item, attribute, value, text, actor, at) VALUES ($1, $2, $3, $4, $5, $6)
				ON CONFLICT (item, attribute) DO UPDATE SET value = excluded.value, text = excluded.text, actor = excluded.actor, at = excluded.at`,
				e.Item, e.Value.Name, value, clean(e.Text), clean(e.Actor), stamp(e.At))
		}
		return s.SendBatch(ctx, b).Close()
	})
}

// Enrichments of items, by item and attribute.
func (p *ports) Enrichments(ctx context.Context, items []string) (out []catalog.Enrichment, err error) {
	var w where
	if items != nil {
		w.add(`item = ANY($)`, items)
	}
	err = p.reading(ctx, func(s session) error {
		return each(ctx, s, func(r pgx.Rows) error {
			var e catalog.Enrichment
			var value []byte
			var at *time.Time
			if err := r.Scan(&e.Item, &value, &e.Text, &e.Actor, &at); err != nil {
				return err
			}
			e.At = moment(at)
			err := decode("an answer about "+e.Item, value, &e.Value)
			out = append(out, e)
			return err
		}, `SELECT item, value, text, actor, at FROM enrichments`+w.String()+` ORDER BY item, attribute`, w.args...)
	})
	return out, err
}

// DropEnrichments removes the answers for one attribute of an item.
func (p *ports) DropEnrichments(ctx context.Context, item, attribute string) error {
	return p.single(ctx, func(s session) error {
		_, err := s.Exec(ctx, `DELETE FROM enrichments WHERE item = $1 AND attribute = $2`, item, attribute)
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
	return p.single(ctx, func(s session) error {
		_, err := s.Exec(ctx, `INSERT INTO catalog_reports (batch, at, figures) VALUES ($1, $2, $3)
			ON CONFLICT (batch) DO UPDATE SET at = excluded.at, figures = excluded.figures`, x.Batch, stamp(x.At), figures)
		return err
	})
}

// Snapshots are the latest n, oldest first.
func (p *ports) Snapshots(ctx context.Context, n int) (out []catalog.Snapshot, err error) {
	err = p.reading(ctx, func(s session) error {
		return each(ctx, s, func(r pgx.Rows) error {
			var x catalog.Snapshot
			var at *time.Time
			var figures []byte
			err := r.Scan(&x.Batch, &at, &figures)
			x.At, x.Figures = moment(at), figures
			out = append(out, x)
			return err
		}, `SELECT batch, at, figures FROM catalog_reports ORDER BY at DESC NULLS LAST, batch DESC LIMIT $1`, n)
	})
	slices.Reverse(out)
	return out, err
}
