package sqlite

import (
	"context"
	"database/sql"

	"github.com/assay-pipeline/assay/pipeline/contract"
)

// PutDraft inserts or replaces the draft of a contract.
func (p *ports) PutDraft(ctx context.Context, v contract.Version) error {
	if err := goodID("contract id", v.Contract); err != nil {
		return err
	}
	feeds, err := encode(v.Feeds)
	if err != nil {
		return err
	}
	return p.writing(ctx, func(s session) error {
		_, err := s.exec(ctx, `INSERT OR REPLACE INTO contract_drafts (contract, version, source, file, hash, feeds_json, proposed)
			VALUES (?, ?, ?, ?, ?, ?, ?)`, v.Contract, v.Version, string(v.Source), v.File, v.Hash, feeds, micros(v.Published))
		return err
	})
}

// Drafts returns the draft of a contract, or all.
func (p *ports) Drafts(ctx context.Context, id string) (out []contract.Version, err error) {
	err = p.reading(ctx, func(s session) error {
		return each(ctx, s, func(r *sql.Rows) error {
			var v contract.Version
			var source, feeds string
			var proposed sql.NullInt64
			if err := r.Scan(&v.Contract, &v.Version, &source, &v.File, &v.Hash, &feeds, &proposed); err != nil {
				return err
			}
			v.Source, v.Published = []byte(source), moment(proposed)
			out = append(out, v)
			return decode("the feeds of "+v.Contract, feeds, &out[len(out)-1].Feeds)
		}, `SELECT contract, version, source, file, hash, feeds_json, proposed FROM contract_drafts
			WHERE ?1 = '' OR contract = ?1 ORDER BY contract`, id)
	})
	return out, err
}
