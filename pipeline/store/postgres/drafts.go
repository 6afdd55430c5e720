package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/assay-pipeline/assay/pipeline/contract"
)

// PutDraft inserts or replaces the draft of a contract.
func (p *ports) PutDraft(ctx context.Context, v contract.Version) error {
	if err := goodID("contract id", v.Contract); err != nil {
		return err
	}
	return p.single(ctx, func(s session) error {
		_, err := s.Exec(ctx, `INSERT INTO contract_drafts (contract, version, source, file, hash, feeds, proposed)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (contract) DO UPDATE SET version = excluded.version,
			source = excluded.source, file = excluded.file, hash = excluded.hash, feeds = excluded.feeds, proposed = excluded.proposed`,
			v.Contract, v.Version, v.Source, v.File, v.Hash, v.Feeds, stamp(v.Published))
		return err
	})
}

// Drafts returns the draft of a contract, or all.
func (p *ports) Drafts(ctx context.Context, id string) (out []contract.Version, err error) {
	err = p.reading(ctx, func(s session) error {
		return each(ctx, s, func(r pgx.Rows) error {
			var v contract.Version
			var proposed *time.Time
			err := r.Scan(&v.Contract, &v.Version, &v.Source, &v.File, &v.Hash, &v.Feeds, &proposed)
			v.Published = moment(proposed)
			out = append(out, v)
			return err
		}, `SELECT contract, version, source, file, hash, feeds, proposed FROM contract_drafts
			WHERE $1 = '' OR contract = $1 ORDER BY contract`, id)
	})
	return out, err
}
