package gate

import (
	"context"
	"errors"
	"io"

	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

// undeclaredNames are the members of a JSON file that the contract does not
// declare, for a feed that may evolve: unlike a CSV header, only the whole file
// tells them, so it is read once before it is judged. A stream is not, and its
// undeclared members stay behind.
func (r *run) undeclaredNames(ctx context.Context, declared []string) ([]string, error) {
	f := r.g.feed
	if f.Evolution != contract.EvolveEvolve || f.Format != contract.JSONL && f.Format != contract.JSON || r.in.Size < 0 || r.opt.Output == nil {
		return nil, nil
	}
	body, err := r.in.Open(ctx, 0, -1)
	if err != nil {
		return nil, openError(r.in.Name, err)
	}
	defer body.Close()
	text, err := codec.Open(r.in.Name, body, r.g.dialect)
	if err != nil {
		return nil, err
	}
	j, err := codec.NewJSON(r.in.Name, text, r.g.dialect, declared, f.Format == contract.JSON)
	if err != nil {
		return nil, err
	}
	var ch codec.Chunk
	for {
		if err := j.Next(ctx, &ch); errors.Is(err, io.EOF) {
			return j.Extra(), nil
		} else if err != nil {
			return nil, err
		}
	}
}
