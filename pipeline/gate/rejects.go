package gate

import (
	"bytes"
	"slices"

	"github.com/assay-pipeline/assay/pipeline/codec"
)

var rejectColumns = []codec.ColumnSpec{
	{Name: "row", Type: codec.IntColumn}, {Name: "line", Type: codec.IntColumn},
	{Name: "start", Type: codec.IntColumn}, {Name: "end", Type: codec.IntColumn},
	{Name: "hash"}, {Name: "code", Low: true}, {Name: "column", Low: true}, {Name: "value"},
	{Name: "rule", Low: true}, {Name: "expected", Low: true},
}

// documentColumn follows them for a feed whose rows are measured of documents.
var documentColumn = codec.ColumnSpec{Name: "document"}

// A rejectTable gathers reasons as columns.
type rejectTable struct {
	ints  [4][]int64
	cells [7][]codec.Cell
	data  []byte
	sel   []uint32
	line  []byte
}

func (t *rejectTable) reset() {
	for i := range t.ints {
		t.ints[i] = t.ints[i][:0]
	}
	for i := range t.cells {
		t.cells[i] = t.cells[i][:0]
	}
	t.data, t.sel = t.data[:0], t.sel[:0]
}

func (t *rejectTable) add(r Reject) {
	t.sel = append(t.sel, uint32(len(t.sel)))
	for i, n := range [4]int64{r.Row, r.Line, r.Start, r.End} {
		t.ints[i] = append(t.ints[i], n)
	}
	for i, s := range [7]string{r.Hash, r.Code, r.Column, r.Value, r.Rule, r.Expected, r.Document} {
		start := uint32(len(t.data))
		t.data = append(t.data, s...)
		t.cells[i] = append(t.cells[i], codec.Cell{Start: start, End: uint32(len(t.data))})
	}
}

// vectors are the columns; the writer takes the first of them that it has.
func (t *rejectTable) vectors() []codec.Vector {
	out := make([]codec.Vector, 0, 11)
	for _, v := range t.ints {
		out = append(out, codec.Vector{Ints: v})
	}
	for _, c := range t.cells {
		out = append(out, codec.Vector{Cells: c, Data: t.data})
	}
	return out
}

// A place is a record of a chunk: good or bad, the other is -1.
type place struct {
	row       int64
	good, bad int
}

// places lists the records that may have to be rejected, in order.
func (s *sheet) places() []place {
	var out []place
	bad := 0
	last := -1
	next := func(upTo int) {
		for bad < len(s.chunk.Bad) && s.chunk.Bad[bad].Before <= upTo {
			out = append(out, place{s.chunk.Row + int64(s.chunk.Bad[bad].Before+bad), -1, bad})
			bad++
		}
	}
	for _, f := range s.fails {
		if int(f.row) == last {
			continue
		}
		last = int(f.row)
		next(last)
		out = append(out, place{s.chunk.Row + int64(last+bad), last, -1})
	}
	next(s.chunk.Rows)
	return out
}

func (s *sheet) sortFails() {
	slices.SortFunc(s.fails, func(a, b fail) int {
		if a.row != b.row {
			return int(a.row) - int(b.row)
		}
		return int(a.rule) - int(b.rule)
	})
}

// A lineCounter finds line numbers within a chunk, for growing positions.
type lineCounter struct {
	c    *codec.Chunk
	pos  int
	line int64
}

func (l *lineCounter) start(c *codec.Chunk) { l.c, l.pos, l.line = c, 0, c.Line }

func (l *lineCounter) at(pos int) int64 {
	if pos > l.pos {
		l.line += int64(bytes.Count(l.c.Data[l.pos:pos], []byte{'\n'}))
		l.pos = pos
	}
	return l.line
}
