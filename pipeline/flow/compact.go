package flow

import (
	"context"
	"io"

	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/lake"
)

// Compact merges the small files of a feed towards target bytes (0: the
// lake's default), under the feed's lease. Errors: not_found before the first
// publish; locked; those of the lake.
func (in *Ingest) Compact(ctx context.Context, feed string, target int64, dry bool) (lake.Compaction, error) {
	ctx, done, err := in.lease(ctx, feed)
	if err != nil {
		return lake.Compaction{}, err
	}
	defer done()
	return in.Lake.Compact(ctx, feed, lake.CompactOptions{
		Target: target,
		Dry:    dry,
		Kind: func(ctx context.Context, f lake.File) (string, error) {
			r, o, err := in.Lake.ReaderAt(ctx, f.Key)
			if err != nil {
				return "", err
			}
			defer r.Close()
			return codec.ParquetSchema(r, o.Size)
		},
		Merge: func(ctx context.Context, files []lake.File, w io.Writer) (rows int64, err error) {
			m := codec.NewMerger(w)
			for _, f := range files {
				n, err := in.mergeOne(ctx, m, f)
				if err != nil {
					return rows, err
				}
				rows += n
			}
			return rows, m.Close()
		},
	})
}

func (in *Ingest) mergeOne(ctx context.Context, m *codec.Merger, f lake.File) (int64, error) {
	r, o, err := in.Lake.ReaderAt(ctx, f.Key)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	return m.Add(ctx, r, o.Size)
}
