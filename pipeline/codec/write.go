package codec

import (
	"io"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/assay-pipeline/assay/pipeline"
)

// A ColumnType is how a column is stored in Parquet.
type ColumnType uint8

const (
	StringColumn    ColumnType = iota // BYTE_ARRAY, UTF8
	IntColumn                         // INT64
	FloatColumn                       // DOUBLE
	BoolColumn                        // BOOLEAN, from Ints 0 and 1
	DateColumn                        // INT32 DATE, from Ints in days
	TimestampColumn                   // INT64 TIMESTAMP(MICROS, UTC), from Ints
	ClockColumn                       // INT64 TIME(MICROS), from Ints
	JSONColumn                        // BYTE_ARRAY, JSON
)

func (t ColumnType) node() parquet.Node {
	switch t {
	case IntColumn:
		return parquet.Leaf(parquet.Int64Type)
	case FloatColumn:
		return parquet.Leaf(parquet.DoubleType)
	case BoolColumn:
		return parquet.Leaf(parquet.BooleanType)
	case DateColumn:
		return parquet.Date()
	case TimestampColumn:
		return parquet.Timestamp(parquet.Microsecond)
	case ClockColumn:
		return parquet.Time(parquet.Microsecond)
	case JSONColumn:
		return parquet.JSON()
	}
	return parquet.String()
}

// A ColumnSpec is one column of a file to be written.
type ColumnSpec struct {
	Name string
	Type ColumnType
	// Low: few distinct values are expected; a dictionary is used.
	Low bool
}

// A Vector is the values of one column of a chunk. Which of its slices hold
// the values follows from the column's type.
type Vector struct {
	// Null is non-zero where there is no value.
	Null   []uint8
	Ints   []int64
	Floats []float64
	Cells  []Cell // in Data
	Data   []byte
	// Same, where not nil, is the value of every row, of a string column.
	Same []byte
	// SameFloat is the value of every row of a float column whose Floats is nil.
	SameFloat float64
}

// ordered is a parquet.Group whose fields keep the order in which they were
// declared.
type ordered struct {
	parquet.Group
	names []string
}

func (o ordered) Fields() []parquet.Field {
	byName := map[string]parquet.Field{}
	for _, f := range o.Group.Fields() {
		byName[f.Name()] = f
	}
	fields := make([]parquet.Field, len(o.names))
	for i, n := range o.names {
		fields[i] = byName[n]
	}
	return fields
}

// A Writer writes columns as zstd Parquet. Its memory is bounded by
// RowGroupBytes, whatever the length of the file.
type Writer struct {
	out     *countingWriter
	pq      *parquet.GenericWriter[any]
	cols    []ColumnSpec
	scratch []parquet.Value
	rows    int64
	group   int64 // bytes of values in the open row group
	// RowGroupBytes ends a row group; 0 = 16 MiB of values.
	RowGroupBytes int64
}

type countingWriter struct {
	w io.Writer
	n int64
}

func (c *countingWriter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}

// NewWriter starts a file. Errors: invalid for two columns of one name.
func NewWriter(w io.Writer, cols []ColumnSpec) (*Writer, error) {
	root := ordered{Group: parquet.Group{}}
	for _, c := range cols {
		if _, ok := root.Group[c.Name]; ok {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "column %q stands twice", c.Name)
		}
		n := c.Type.node()
		if c.Low && (c.Type == StringColumn || c.Type == FloatColumn) {
			n = parquet.Encoded(n, &parquet.RLEDictionary)
		}
		root.Group[c.Name] = parquet.Optional(n)
		root.names = append(root.names, c.Name)
	}
	out := &countingWriter{w: w}
	pq := parquet.NewGenericWriter[any](out, parquet.NewSchema("feed", root),
		parquet.Compression(&zstd.Codec{Level: zstd.SpeedFastest, Concurrency: 1}),
		parquet.PageBufferSize(256<<10),
		parquet.WriteBufferSize(64<<10),
		parquet.DictionaryMaxBytes(1<<20),
		parquet.DataPageStatistics(false),
		parquet.CreatedBy("assay", "1", "0"))
	return &Writer{out: out, pq: pq, cols: cols, RowGroupBytes: 16 << 20}, nil
}

// Append writes the rows sel of the vectors, one per column in order.
func (w *Writer) Append(sel []uint32, vs []Vector) error {
	if len(sel) == 0 {
		return nil
	}
	writers := w.pq.ColumnWriters()
	for i := range w.cols {
		vals := w.scratch[:0]
		vals, size := w.values(vals, w.cols[i].Type, i, sel, &vs[i])
		w.scratch = vals[:0]
		w.group += size
		if _, err := writers[i].WriteRowValues(vals); err != nil {
			return err
		}
	}
	w.rows += int64(len(sel))
	if w.group >= w.RowGroupBytes {
		w.group = 0
		return w.pq.Flush()
	}
	return nil
}

func (w *Writer) values(dst []parquet.Value, t ColumnType, col int, sel []uint32, v *Vector) ([]parquet.Value, int64) {
	null := func(r uint32) bool { return v.Null != nil && v.Null[r] != 0 }
	size := int64(8 * len(sel))
	for _, r := range sel {
		if null(r) {
			dst = append(dst, parquet.NullValue().Level(0, 0, col))
			continue
		}
		var pv parquet.Value
		switch t {
		case IntColumn, TimestampColumn, ClockColumn:
			pv = parquet.Int64Value(v.Ints[r])
		case DateColumn:
			pv = parquet.Int32Value(int32(v.Ints[r]))
		case BoolColumn:
			pv = parquet.BooleanValue(v.Ints[r] != 0)
		case FloatColumn:
			if v.Floats == nil {
				pv = parquet.DoubleValue(v.SameFloat)
			} else {
				pv = parquet.DoubleValue(v.Floats[r])
			}
		default:
			b := v.Same
			if b == nil {
				c := v.Cells[r]
				b = v.Data[c.Start:c.End]
				size += int64(len(b))
			}
			pv = parquet.ByteArrayValue(b)
		}
		dst = append(dst, pv.Level(0, 1, col))
	}
	return dst, size
}

// Rows is how many rows were written.
func (w *Writer) Rows() int64 { return w.rows }

// Bytes is how many bytes the file has so far; those of the open row group are
// not among them.
func (w *Writer) Bytes() int64 { return w.out.n }

// Close writes the footer. It does not close the underlying writer.
func (w *Writer) Close() error { return w.pq.Close() }
