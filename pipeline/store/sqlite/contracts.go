package sqlite

import (
	"context"
	"database/sql"

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
	feeds, err := encode(v.Feeds)
	if err != nil {
		return err
	}
	return p.writing(ctx, func(s session) error {
		known := ""
		err := each(ctx, s, func(r *sql.Rows) error { return r.Scan(&known) },
			`SELECT hash FROM contracts WHERE contract = ? AND version = ?`, v.Contract, v.Version)
		if err != nil {
			return err
		}
		if known != "" && known != v.Hash {
			return pipeline.Errorf(pipeline.CodeConflict, "%s %s is published already, with other words", v.Contract, v.Version).
				WithHint("a published version never changes: raise the version")
		}
		_, err = s.exec(ctx, `INSERT INTO contracts (contract, version, source, file, hash, feeds_json, published, actor, deprecated)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (contract, version) DO UPDATE SET deprecated = excluded.deprecated`,
			v.Contract, v.Version, string(v.Source), v.File, v.Hash, feeds, micros(v.Published), v.Actor, micros(v.Deprecated))
		return err
	})
}

// Contracts returns published versions by contract and time.
func (p *ports) Contracts(ctx context.Context, id string) (out []contract.Version, err error) {
	err = p.reading(ctx, func(s session) error {
		return each(ctx, s, func(r *sql.Rows) error {
			var v contract.Version
			var source, feeds string
			var published, deprecated sql.NullInt64
			if err := r.Scan(&v.Contract, &v.Version, &source, &v.File, &v.Hash, &feeds, &published, &v.Actor, &deprecated); err != nil {
				return err
			}
			v.Source, v.Published, v.Deprecated = []byte(source), moment(published), moment(deprecated)
			out = append(out, v)
			return decode("the feeds of "+v.Contract, feeds, &out[len(out)-1].Feeds)
		}, `SELECT contract, version, source, file, hash, feeds_json, published, actor, deprecated FROM contracts
			WHERE ?1 = '' OR contract = ?1 ORDER BY contract, published, version`, id)
	})
	return out, err
}

// PutConsumer inserts or replaces a consumer.
func (p *ports) PutConsumer(ctx context.Context, c contract.Consumer) error {
	if err := goodID("consumer", c.Name); err != nil {
		return err
	}
	fields, err := encode(c.Fields)
	if err != nil {
		return err
	}
	return p.writing(ctx, func(s session) error {
		_, err := s.exec(ctx, `INSERT INTO consumers (contract, name, feed, contact, fields_json) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT (contract, name) DO UPDATE SET feed = excluded.feed, contact = excluded.contact, fields_json = excluded.fields_json`,
			c.Contract, c.Name, c.Feed, c.Contact, fields)
		return err
	})
}

// Consumers returns the consumers of a contract by name.
func (p *ports) Consumers(ctx context.Context, id string) (out []contract.Consumer, err error) {
	err = p.reading(ctx, func(s session) error {
		return each(ctx, s, func(r *sql.Rows) error {
			var c contract.Consumer
			var fields string
			if err := r.Scan(&c.Contract, &c.Name, &c.Feed, &c.Contact, &fields); err != nil {
				return err
			}
			out = append(out, c)
			return decode("the fields of "+c.Name, fields, &out[len(out)-1].Fields)
		}, `SELECT contract, name, feed, contact, fields_json FROM consumers WHERE contract = ? ORDER BY name`, id)
	})
	return out, err
}
