package flow

import (
	"context"
	"errors"

	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/gate"
	"github.com/assay-pipeline/assay/pipeline/lake"
)

// draftRows is how many rows of a new column tell its type.
const draftRows = 10_000

// errEnough ends a reading early.
var errEnough = errors.New("enough")

// evolve drafts the next version of the contract where a published batch of a
// feed that may evolve carried new columns. It runs after the publish and before
// the commit: a process that dies in between does it again, and a draft that
// has the columns stays as it is. A draft that cannot be made stops no batch.
func (in *Ingest) evolve(ctx context.Context, b Batch, f *contract.Feed, report *gate.Report, m *lake.Manifest) error {
	if f.Evolution != contract.EvolveEvolve || len(report.Carried) == 0 || in.Registry == nil || f.Document == nil {
		return nil
	}
	columns, err := in.carried(ctx, b, m, report.Carried)
	if err != nil {
		return err
	}
	version, err := in.Registry.Evolve(ctx, f.Document, f.Schema, columns)
	if err != nil {
		in.Log.Warn("the next version of the contract could not be drafted", "feed", b.Feed, "batch", b.ID, "error", err)
		return ctx.Err()
	}
	if version != "" {
		in.Log.Info("the next version of the contract is drafted", "feed", b.Feed, "batch", b.ID, "contract", f.ContractID, "version", version, "columns", len(columns))
	}
	return nil
}

// carried reads from the batch's published rows what the types of its new
// columns are.
func (in *Ingest) carried(ctx context.Context, b Batch, m *lake.Manifest, names []string) ([]contract.NewColumn, error) {
	inferrer := contract.NewInferrer(b.Feed, names)
	null := make([]bool, len(names))
	rows := 0
	read := &Published{Lake: in.Lake}
	for _, file := range m.Files {
		if file.Batch != b.ID || rows >= draftRows {
			continue
		}
		err := read.read(ctx, file, names, func(values []string) error {
			for i, v := range values {
				null[i] = codec.IsNull(v)
			}
			inferrer.Add(values, null)
			if rows++; rows >= draftRows {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			return nil, err
		}
	}
	out := make([]contract.NewColumn, len(names))
	for i, n := range names {
		t, format := inferrer.PropertyType(n)
		out[i] = contract.NewColumn{Name: n, Type: t, Format: format}
	}
	return out, nil
}
