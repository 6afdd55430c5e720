package gate

import (
	"context"
	"slices"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

// A rereader reads single records of a file again, in the order of the file.
type rereader struct {
	src   *codec.Ranges
	sheet *sheet
	// of Parquet: the segment being read, and the chunk under way.
	rows *codec.Parquet
	seg  *mergedSegment
	n    int64 // rows of the segment read so far
}

func (a *rereader) close() { *a = rereader{} }

// reread judges one record of a segment again: a sheet with that row alone, and
// its bytes.
func (m *merger) reread(ctx context.Context, seg *mergedSegment, e keyEntry) (*sheet, []byte, error) {
	a := &m.records
	if a.src == nil {
		a.src = codec.NewRanges(ctx, m.in.Name, m.in.Size, m.in.Open, nil)
		a.sheet = m.g.newSheet()
	}
	if m.g.feed.Format == contract.Parquet {
		return m.rereadRow(ctx, seg, e.row)
	}
	b := slices.Grow(e.raw, 2)
	if e.raw == nil {
		b = make([]byte, e.size, e.size+2)
		if n, err := a.src.ReadAt(b, seg.Start+e.at); err != nil && n < len(b) {
			return nil, nil, m.changed(err)
		}
	}
	if e.size > 0 && b[e.size-1] == '\r' {
		// A line of CR CR LF ends with a CR of its own, which at the end of a
		// file would count as the line's end.
		b = append(b, '\r', '\n') //nolint:makezero // behind what was read
	}
	rdr, err := codec.Record(m.in.Name, b, m.g.dialect, m.l.Begin, m.g.jsonl(), m.g.columnNames())
	if err == nil {
		err = rdr.Next(ctx, &a.sheet.chunk)
	}
	if err != nil || a.sheet.chunk.Rows != 1 {
		return nil, nil, m.changed(err)
	}
	m.r.columns(a.sheet)
	return a.sheet, a.sheet.raw(a.sheet.chunk.Starts[0], a.sheet.chunk.Ends[0], 1), nil
}

func (m *merger) changed(err error) error {
	if c := pipeline.ErrorCode(err); err != nil && c != pipeline.CodeInvalid && c != pipeline.CodeInternal {
		return err
	}
	return pipeline.Errorf(pipeline.CodeConflict, "%s: a record is not what it was when its range was judged", m.in.Name).
		WithHint("the file was changed in between: judge it again")
}

// rereadRow reads a Parquet row again; rows come in their order.
func (m *merger) rereadRow(ctx context.Context, seg *mergedSegment, row int64) (*sheet, []byte, error) {
	a := &m.records
	if a.seg != seg {
		p, err := codec.NewParquet(m.in.Name, a.src, m.in.Size)
		if err != nil {
			return nil, nil, err
		}
		to := len(p.RowGroups())
		if seg.End >= 0 {
			to = int(seg.End)
		}
		p.Select(int(seg.Start), to)
		a.rows, a.seg, a.n = p, seg, 0
		a.sheet.chunk = codec.Chunk{}
	}
	for a.n < row {
		if err := a.rows.Next(ctx, &a.sheet.chunk); err != nil {
			return nil, nil, m.changed(err)
		}
		a.n += int64(a.sheet.chunk.Rows)
	}
	one := m.g.newSheet()
	one.chunk = a.sheet.chunk.Only(int(row - a.sheet.chunk.Row))
	m.r.columns(one)
	return one, one.raw(0, 0, one.chunk.Row), nil
}
