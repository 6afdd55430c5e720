package codec

import (
	"context"
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/assay-pipeline/assay/pipeline"
)

// mergedGroup is the rows of a row group of a merged file: as many as keep a
// group of wide rows at some tens of megabytes while it is built.
const mergedGroup = 128 << 10

// ParquetSchema is a text that two Parquet files share when MergeParquet can
// make one of them: names, types and order of their columns.
func ParquetSchema(src io.ReaderAt, size int64) (string, error) {
	f, err := openParquet(src, size)
	if err != nil {
		return "", err
	}
	return f.Schema().String(), nil
}

// A Merger writes the rows of several Parquet files as one.
type Merger struct {
	dst    io.Writer
	w      *parquet.GenericWriter[any]
	schema string
}

// NewMerger begins a file at dst.
func NewMerger(dst io.Writer) *Merger { return &Merger{dst: dst} }

// Add appends the rows of a file and returns their number. Errors: invalid for
// what is no Parquet or has another schema than the first; those of dst.
func (m *Merger) Add(ctx context.Context, src io.ReaderAt, size int64) (rows int64, err error) {
	defer guardParquet(&err)
	f, err := openParquet(src, size)
	if err != nil {
		return 0, err
	}
	schema := f.Schema().String()
	if m.w == nil {
		m.schema = schema
		m.w = parquet.NewGenericWriter[any](m.dst, f.Schema(),
			parquet.Compression(&zstd.Codec{Level: zstd.SpeedFastest, Concurrency: 1}),
			parquet.PageBufferSize(256<<10), parquet.DataPageStatistics(false),
			parquet.MaxRowsPerRowGroup(mergedGroup), parquet.CreatedBy("assay", "1", "0"))
	}
	if schema != m.schema {
		return 0, pipeline.Errorf(pipeline.CodeInvalid, "Parquet files of different schemas cannot be merged: %s and %s", m.schema, schema)
	}
	for _, rg := range f.RowGroups() {
		n, _, err := rewriteGroup(ctx, rg, m.w, nil, 0, func(int64, []string) bool { return true })
		rows += n
		if err != nil {
			return rows, err
		}
	}
	return rows, nil
}

// Close ends the file. Error: invalid where nothing was added.
func (m *Merger) Close() error {
	if m.w == nil {
		return pipeline.Errorf(pipeline.CodeInvalid, "no Parquet file to merge")
	}
	return m.w.Close()
}
