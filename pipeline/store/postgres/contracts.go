package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

var _ contract.RegistryStore = (*DB)(nil)

// PutContract stores a published version; of one that is there already only
// the end may change.
func (p *ports) PutContract(ctx context.Context, v contract.Version) error {
	if err := goodID("contract id", v.Contract); err != nil {
		return err
	}
	return p.writing(ctx, func(s session) error {
		var known string
		found, err := one(ctx, s, []any{&known}, `SELECT hash FROM contracts WHERE contract = $1 AND version = $2`, v.Contract, v.Version)
		if err != nil {
			return err
		}
		if found && known != v.Hash {
			return pipeline.Errorf(pipeline.CodeConflict, "%s %s is published already, with other words", v.Contract, v.Version).
				WithHint("a published version never changes: raise the version")
		}
		_, err = s.Exec(ctx, `INSERT INTO contracts (contract, version, source, file, hash, feeds, published, actor, deprecated)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (contract, version) DO UPDATE SET deprecated = excluded.deprecated`,
			v.Contract, v.Version, v.Source, v.File, v.Hash, v.Feeds, stamp(v.Published), v.Actor, stamp(v.Deprecated))
		return err
	})
}

// Contracts returns published versions by contract and time.
func (p *ports) Contracts(ctx context.Context, id string) (out []contract.Version, err error) {
	err = p.reading(ctx, func(s session) error {
		return each(ctx, s, func(r pgx.Rows) error {
			var v contract.Version
			var published, deprecated *time.Time
			err := r.Scan(&v.Contract, &v.Version, &v.Source, &v.File, &v.Hash, &v.Feeds, &published, &v.Actor, &deprecated)
			v.Published, v.Deprecated = moment(published), moment(deprecated)
			out = append(out, v)
			return err
		}, `SELECT contract, version, source, file, hash, feeds, published, actor, deprecated FROM contracts
			WHERE $1 = '' OR contract = $1 ORDER BY contract, published NULLS FIRST, version`, id)
	})
	return out, err
}

// PutConsumer inserts or replaces a consumer.
func (p *ports) PutConsumer(ctx context.Context, c contract.Consumer) error {
	if err := goodID("consumer", c.Name); err != nil {
		return err
	}
	return p.single(ctx, func(s session) error {
		_, err := s.Exec(ctx, `INSERT INTO consumers (contract, name, feed, contact, fields) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (contract, name) DO UPDATE SET feed = excluded.feed, contact = excluded.contact, fields = excluded.fields`,
			c.Contract, c.Name, c.Feed, c.Contact, c.Fields)
		return err
	})
}

// Consumers returns the consumers of a contract by name.
func (p *ports) Consumers(ctx context.Context, id string) (out []contract.Consumer, err error) {
	err = p.reading(ctx, func(s session) error {
		return each(ctx, s, func(r pgx.Rows) error {
			var c contract.Consumer
			err := r.Scan(&c.Contract, &c.Name, &c.Feed, &c.Contact, &c.Fields)
			out = append(out, c)
			return err
		}, `SELECT contract, name, feed, contact, fields FROM consumers WHERE contract = $1 ORDER BY name`, id)
	})
	return out, err
}
