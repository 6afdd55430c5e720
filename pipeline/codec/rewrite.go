package codec

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"
	"github.com/parquet-go/parquet-go/format"

	"github.com/assay-pipeline/assay/pipeline"
)

// NullText is how ReadRows and RewriteParquet's keep are told a null from an empty
// text: IsNull(v) holds for this very string and no other.
const NullText = "\x00"

// IsNull reports whether v stands for a null. No text of an accepted row holds
// a NUL byte.
func IsNull(v string) bool { return v == NullText }

// openParquet reads the footer of a file. A file that lies about itself makes
// the decoder panic at worst: that becomes an error here and in guardParquet.
func openParquet(src io.ReaderAt, size int64) (f *parquet.File, err error) {
	defer guardParquet(&err)
	f, err = parquet.OpenFile(src, size, parquet.SkipBloomFilters(true), parquet.ReadBufferSize(256<<10))
	if err != nil {
		return nil, parquetError(err)
	}
	return f, nil
}

func parquetError(err error) error {
	if err == nil || pipelineError(err) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return pipeline.Errorf(pipeline.CodeInvalid, "not a readable Parquet file: %w", err).
		WithHint("it may be cut short or damaged: ask the producer to send it again")
}

// guardParquet turns a panic of the decoder over a damaged file into an error.
func guardParquet(err *error) {
	if p := recover(); p != nil {
		*err = pipeline.Errorf(pipeline.CodeInvalid, "not a readable Parquet file: %v", p).
			WithHint("it may be cut short or damaged: ask the producer to send it again")
	}
}

// RewriteParquet copies src to dst without the rows for which keep is false.
// key holds the text of the key columns, in order; a null is NullText. It
// returns how many rows were kept and dropped. Errors: invalid for what is no
// Parquet or lacks a key column; those of dst as they come.
func RewriteParquet(ctx context.Context, src io.ReaderAt, size int64, dst io.Writer, keyColumns []string, keep func(key []string) bool) (kept, dropped int64, err error) {
	return rewrite(ctx, src, size, dst, keyColumns, func(_ int64, key []string) bool { return keep(key) })
}

// FilterParquet copies src to dst without the rows for which keep, told the
// row's place from 0, is false.
func FilterParquet(ctx context.Context, src io.ReaderAt, size int64, dst io.Writer, keep func(row int64) bool) (kept, dropped int64, err error) {
	return rewrite(ctx, src, size, dst, nil, func(row int64, _ []string) bool { return keep(row) })
}

func rewrite(ctx context.Context, src io.ReaderAt, size int64, dst io.Writer, keyColumns []string, keep func(row int64, key []string) bool) (kept, dropped int64, err error) {
	defer guardParquet(&err)
	f, err := openParquet(src, size)
	if err != nil {
		return 0, 0, err
	}
	keys := make([]*parquet.Column, len(keyColumns))
	for i, name := range keyColumns {
		if keys[i], err = leaf(f, name); err != nil {
			return 0, 0, err
		}
	}
	w := parquet.NewGenericWriter[any](dst, f.Schema(),
		parquet.Compression(&zstd.Codec{Level: zstd.SpeedFastest, Concurrency: 1}),
		parquet.PageBufferSize(256<<10), parquet.DataPageStatistics(false),
		parquet.CreatedBy("assay", "1", "0"))
	for _, rg := range f.RowGroups() {
		k, d, err := rewriteGroup(ctx, rg, w, keys, kept+dropped, keep)
		kept, dropped = kept+k, dropped+d
		if err != nil {
			return kept, dropped, err
		}
		if err := w.Flush(); err != nil {
			return kept, dropped, err
		}
	}
	return kept, dropped, w.Close()
}

// rewriteGroup copies one row group; base is the place of its first row.
func rewriteGroup(ctx context.Context, rg parquet.RowGroup, w *parquet.GenericWriter[any], keys []*parquet.Column, base int64, keep func(row int64, key []string) bool) (kept, dropped int64, err error) {
	rows := rg.Rows()
	defer func() {
		if cerr := rows.Close(); err == nil {
			err = parquetError(cerr)
		}
	}()
	key := make([]string, len(keys))
	buf := make([]parquet.Row, 256)
	for {
		if err := ctx.Err(); err != nil {
			return kept, dropped, err
		}
		n, rerr := rows.ReadRows(buf)
		out := buf[:0:0]
		for i, row := range buf[:n] {
			for j, k := range keys {
				key[j] = NullText
				for _, v := range row {
					if v.Column() == k.Index() {
						key[j] = valueText(v, k)
						break
					}
				}
			}
			if keep(base+kept+dropped+int64(i), key) {
				out = append(out, row)
			}
		}
		if _, err := w.WriteRows(out); err != nil {
			return kept, dropped, err
		}
		kept += int64(len(out))
		dropped += int64(n - len(out))
		if errors.Is(rerr, io.EOF) {
			return kept, dropped, nil
		}
		if rerr != nil {
			return kept, dropped, parquetError(rerr)
		}
	}
}

func leaf(f *parquet.File, name string) (*parquet.Column, error) {
	c := f.Root().Column(name)
	if c == nil || !c.Leaf() || c.Repeated() {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "the Parquet file has no plain column %q", name).
			WithHint("it has %v", columnNames(f))
	}
	return c, nil
}

func columnNames(f *parquet.File) []string {
	var names []string
	for _, c := range f.Root().Columns() {
		names = append(names, c.Name())
	}
	return names
}

// ReadRows reads the rows [first, first+count) of the named columns, as text;
// a null is NullText. Numbers are in Go's shortest form, dates ISO 8601,
// timestamps RFC 3339 in UTC. It seeks by pages: what precedes first is not
// decoded. row counts from 0 in the file. Errors: invalid for what is no
// Parquet or lacks a column; that of yield as it comes.
func ReadRows(ctx context.Context, src io.ReaderAt, size int64, first, count int64, columns []string, yield func(row int64, values []string) error) (err error) {
	defer guardParquet(&err)
	f, err := openParquet(src, size)
	if err != nil {
		return err
	}
	cols := make([]*parquet.Column, len(columns))
	for i, name := range columns {
		if cols[i], err = leaf(f, name); err != nil {
			return err
		}
	}
	values := make([]string, len(cols))
	row := int64(0)
	for _, rg := range f.RowGroups() {
		n := rg.NumRows()
		lo, hi := max(first-row, 0), min(first+count-row, n)
		if lo < hi {
			if err := readGroup(ctx, rg, cols, row, lo, hi, values, yield); err != nil {
				return err
			}
		}
		row += n
	}
	return nil
}

// readGroup reads the rows [lo, hi) of one row group, some hundred at a time.
func readGroup(ctx context.Context, rg parquet.RowGroup, cols []*parquet.Column, base, lo, hi int64, values []string, yield func(int64, []string) error) error {
	type cursor struct {
		pages parquet.Pages
		vals  parquet.ValueReader
		buf   []parquet.Value
		text  []string
	}
	cur := make([]cursor, len(cols))
	chunks := rg.ColumnChunks()
	defer func() {
		for _, c := range cur {
			if c.pages != nil {
				_ = c.pages.Close()
			}
		}
	}()
	for i, c := range cols {
		cur[i].pages = chunks[c.Index()].Pages()
		if err := cur[i].pages.SeekToRow(lo); err != nil {
			return parquetError(err)
		}
		cur[i].buf = make([]parquet.Value, 512)
	}
	for at := lo; at < hi; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := int(min(hi-at, 512))
		for i := range cur {
			c := &cur[i]
			c.text = c.text[:0]
			for len(c.text) < n {
				if c.vals == nil {
					p, err := c.pages.ReadPage()
					if err != nil {
						if errors.Is(err, io.EOF) {
							err = io.ErrUnexpectedEOF
						}
						return parquetError(fmt.Errorf("column %s: %w", cols[i].Name(), err))
					}
					c.vals = p.Values()
				}
				k, err := c.vals.ReadValues(c.buf[:n-len(c.text)])
				for _, v := range c.buf[:k] {
					c.text = append(c.text, valueText(v, cols[i]))
				}
				if errors.Is(err, io.EOF) {
					c.vals = nil
				} else if err != nil {
					return parquetError(err)
				}
			}
		}
		for r := range n {
			for i := range cur {
				values[i] = cur[i].text[r]
			}
			if err := yield(base+at+int64(r), slices.Clone(values)); err != nil {
				return err
			}
		}
		at += int64(n)
	}
	return nil
}

// valueText is the text of a Parquet value of column c.
func valueText(v parquet.Value, c *parquet.Column) string {
	if v.IsNull() {
		return NullText
	}
	switch v.Kind() {
	case parquet.Boolean:
		return strconv.FormatBool(v.Boolean())
	case parquet.Int32:
		if isDate(c.Type()) {
			return time.Unix(int64(v.Int32())*86400, 0).UTC().Format(time.DateOnly)
		}
		if unit := clockUnit(c.Type()); unit != 0 {
			return unitTime(int64(v.Int32()), unit).Format("15:04:05.999999999")
		}
		return strconv.FormatInt(int64(v.Int32()), 10)
	case parquet.Int64:
		if unit := timestampUnit(c.Type()); unit != 0 {
			return unitTime(v.Int64(), unit).Format(time.RFC3339Nano)
		}
		if unit := clockUnit(c.Type()); unit != 0 {
			return unitTime(v.Int64(), unit).Format("15:04:05.999999999")
		}
		return strconv.FormatInt(v.Int64(), 10)
	case parquet.Float:
		return strconv.FormatFloat(float64(v.Float()), 'g', -1, 32)
	case parquet.Double:
		return strconv.FormatFloat(v.Double(), 'g', -1, 64)
	case parquet.ByteArray, parquet.FixedLenByteArray:
		return string(v.ByteArray())
	}
	return v.String()
}

func annotation(t parquet.Type) any {
	if lt := t.LogicalType(); lt != nil {
		return lt.Value
	}
	return nil
}

func isDate(t parquet.Type) bool {
	_, ok := annotation(t).(*format.DateType)
	return ok
}

// timestampUnit is the number of units per second of a timestamp column, 0 of
// any other.
func timestampUnit(t parquet.Type) int64 {
	if ts, ok := annotation(t).(*format.TimestampType); ok {
		return perSecond(ts.Unit)
	}
	return 0
}

// clockUnit is the same of a time of day.
func clockUnit(t parquet.Type) int64 {
	if ts, ok := annotation(t).(*format.TimeType); ok {
		return perSecond(ts.Unit)
	}
	return 0
}

func perSecond(u format.TimeUnit) int64 {
	if u.Value == nil {
		return 1e6
	}
	return int64(time.Second / u.Value.Duration())
}

func unitTime(v, unit int64) time.Time {
	return time.Unix(v/unit, v%unit*(1e9/unit)).UTC()
}
