package gate

import (
	"bufio"
	"context"
	"fmt"
	"io"

	"github.com/assay-pipeline/assay/pipeline/codec"
)

// A File is a file that was written to Output.
type File struct {
	Name  string `json:"name"`
	Rows  int64  `json:"rows"`
	Bytes int64  `json:"bytes"`
}

// tableRows is how many reasons are gathered before they are written.
const tableRows = 1024

// partBytes is about how large a part grows.
const partBytes = 128 << 20

// A sink writes accepted rows and rejects.
type sink struct {
	ctx  context.Context
	r    *run
	spec []codec.ColumnSpec

	part     *codec.Writer
	partFile *outFile
	partRows stagedRows
	// aside is the file of the rows of a segment that are staged apart.
	aside     *codec.Writer
	asideFile *outFile
	asideRows stagedRows
	asides    int
	// published counts the parts in Output; staged are those in Tmp.
	published int
	staged    []*stagedPart
	staging   bool

	rejects     *codec.Writer
	rejectsFile *outFile
	csv, raw    *outFile

	files []File
	table rejectTable
	lines lineCounter
}

// An outFile is an open file of Output.
type outFile struct {
	name string
	w    io.WriteCloser
	buf  *bufio.Writer
	n    int64
	rows int64
}

func (o *outFile) Write(p []byte) (int, error) {
	n, err := o.buf.Write(p)
	o.n += int64(n)
	return n, err
}

func (o *outFile) close() error {
	err := o.buf.Flush()
	if cerr := o.w.Close(); err == nil {
		err = cerr
	}
	return err
}

// abort gives up all open files, or closes those that cannot be given up.
func (k *sink) abort() error {
	var err error
	for _, f := range []*outFile{k.partFile, k.asideFile, k.rejectsFile, k.csv, k.raw} {
		if f == nil {
			continue
		}
		end := f.w.Close
		if a, ok := f.w.(aborter); ok {
			end = a.Abort
		}
		if e := end(); err == nil {
			err = e
		}
	}
	k.partRows.numbers.abort()
	k.asideRows.numbers.abort()
	return err
}

func newSink(ctx context.Context, r *run) (*sink, error) {
	k := &sink{ctx: ctx, r: r, partRows: stagedRows{p: r.part}, asideRows: stagedRows{p: r.part}}
	for _, f := range r.g.fields {
		k.spec = append(k.spec, codec.ColumnSpec{Name: f.spec.Name, Type: f.store, Low: f.enum >= 0})
	}
	for _, c := range r.carried {
		k.spec = append(k.spec, codec.ColumnSpec{Name: r.rdr.Columns()[c], Type: codec.StringColumn})
	}
	k.spec = append(k.spec, codec.ColumnSpec{Name: "_assay_batch", Type: codec.StringColumn, Low: true},
		codec.ColumnSpec{Name: "_assay_confidence", Type: codec.FloatColumn, Low: true})
	return k, nil
}

func (k *sink) create(name string) (*outFile, error) {
	w, err := k.r.opt.Output.Create(k.ctx, name)
	if err != nil {
		return nil, err
	}
	return &outFile{name: name, w: w, buf: bufio.NewWriterSize(w, 64<<10)}, nil
}

func (k *sink) write(s *sheet) error {
	if err := k.accept(s); err != nil {
		return err
	}
	if len(s.chunk.Bad) == 0 && len(s.fails) == 0 {
		return nil
	}
	return k.reject(s)
}

func (k *sink) accept(s *sheet) error {
	if len(s.sel) == 0 || k.r.opt.RejectsOnly {
		return nil
	}
	k.vectors(s)
	sel := s.sel
	if k.r.part != nil {
		var apart []uint32
		if sel, apart = k.r.part.divide(s.sel); len(apart) > 0 {
			if err := k.setAside(s, apart); err != nil {
				return err
			}
		}
	}
	if len(sel) == 0 {
		return nil
	}
	if k.part == nil {
		var err error
		if k.staging {
			err = k.stage(fmt.Sprintf("staged-%04d.parquet", len(k.staged)))
		} else {
			k.partFile, err = k.create(fmt.Sprintf("part-%04d.parquet", k.published))
			k.published++
		}
		if err != nil {
			return err
		}
		if k.part, err = codec.NewWriter(k.partFile, k.spec); err != nil {
			return err
		}
	}
	if err := k.part.Append(sel, s.out); err != nil {
		return err
	}
	if k.r.part != nil {
		if err := k.partRows.note(s, sel, k.partFile.name); err != nil {
			return err
		}
	}
	if k.staging {
		if err := k.staged[len(k.staged)-1].note(s); err != nil {
			return err
		}
	}
	if k.part.Bytes() >= partBytes {
		return k.closePart()
	}
	return nil
}

func (k *sink) closePart() error {
	err := k.part.Close()
	if cerr := k.partFile.close(); err == nil {
		err = cerr
	}
	if !k.staging {
		f := File{k.partFile.name, k.part.Rows(), k.partFile.n}
		k.files = append(k.files, f)
		if k.r.part != nil && err == nil {
			err = k.partRows.end(f, false)
		}
	}
	k.part, k.partFile = nil, nil
	return err
}

// vectors are the columns of a chunk as they are written.
func (k *sink) vectors(s *sheet) {
	s.out = resize(s.out, len(k.spec))
	for i, f := range k.r.g.fields {
		s.out[i] = f.vector(s, &s.vecs[i])
	}
	at := len(k.r.g.fields)
	for _, c := range k.r.carried {
		s.out[at] = s.carry(c)
		at++
	}
	s.out[at] = codec.Vector{Same: []byte(k.r.opt.Batch)}
	s.out[at+1] = codec.Vector{SameFloat: k.r.opt.Confidence}
}

// setAside stages rows apart.
func (k *sink) setAside(s *sheet, sel []uint32) error {
	if k.aside == nil {
		var err error
		if k.asideFile, err = k.create(fmt.Sprintf("aside-%04d.parquet", k.asides)); err != nil {
			return err
		}
		k.asides++
		if k.aside, err = codec.NewWriter(k.asideFile, k.spec); err != nil {
			return err
		}
	}
	if err := k.aside.Append(sel, s.out); err != nil {
		return err
	}
	return k.asideRows.note(s, sel, k.asideFile.name)
}

// closeParts ends the files of accepted rows that are open.
func (k *sink) closeParts() error {
	if k.part != nil {
		if err := k.closePart(); err != nil {
			return err
		}
	}
	if k.aside == nil {
		return nil
	}
	err := k.aside.Close()
	if cerr := k.asideFile.close(); err == nil {
		err = cerr
	}
	f := File{k.asideFile.name, k.aside.Rows(), k.asideFile.n}
	k.files = append(k.files, f)
	if err == nil {
		err = k.asideRows.end(f, true)
	}
	k.aside, k.asideFile = nil, nil
	return err
}

// vector is the column of f as it is written.
func (f *field) vector(s *sheet, v *vector) codec.Vector {
	out := codec.Vector{Null: v.state, Ints: v.ints, Cells: v.cells, Data: v.data}
	switch f.store {
	case codec.FloatColumn:
		if v.col != nil && v.float && !mixed(v) {
			out.Floats = v.floats
			break
		}
		out.Floats = make([]float64, len(v.state))
		for r, st := range v.state {
			if st == okCell {
				out.Floats[r] = f.float(s, v, r)
			}
		}
	case codec.StringColumn, codec.JSONColumn:
		if v.cells == nil && v.col != nil {
			return shownVector(v)
		}
	}
	return out
}

// mixed: some values of a float column came as whole numbers.
func mixed(v *vector) bool {
	for _, k := range v.kinds {
		if k == codec.Int {
			return true
		}
	}
	return false
}

// shownVector writes typed values out as text.
func shownVector(v *vector) codec.Vector {
	out := codec.Vector{Null: v.state}
	for r := range v.state {
		start := uint32(len(out.Data))
		out.Data = append(out.Data, v.display(r)...)
		out.Cells = append(out.Cells, codec.Cell{Start: start, End: uint32(len(out.Data))})
	}
	return out
}

// carry is an undeclared column, as text.
func (s *sheet) carry(c int) codec.Vector {
	col := &s.chunk.Cols[c]
	v := &vector{col: col, data: s.chunk.Data, state: make([]uint8, s.chunk.Rows)}
	if len(col.Cells) > 0 {
		v.cells = col.Cells
	}
	if len(col.Kinds) > 0 {
		v.kinds = col.Kinds
	}
	for r := range v.state {
		if b := v.display(r); len(b) == 0 {
			v.state[r] = nullCell
		}
	}
	return shownVector(v)
}

func (k *sink) flush() error {
	if k.rejects == nil || len(k.table.sel) == 0 {
		return nil
	}
	err := k.rejects.Append(k.table.sel, k.table.vectors())
	k.rejectsFile.rows += int64(len(k.table.sel))
	k.table.reset()
	return err
}

// An aborter is a file of Output that can be given up instead of closed.
type aborter interface{ Abort() error }

// close finishes all files. After a failure files that can be given up are, so
// that nothing half-written stays.
func (k *sink) close(failed error) error {
	if failed != nil {
		return k.abort()
	}
	var err error
	keep := func(e error) {
		if err == nil {
			err = e
		}
	}
	keep(k.closeParts())
	if k.rejects != nil {
		keep(k.flush())
		keep(k.rejects.Close())
		for _, f := range []*outFile{k.rejectsFile, k.csv, k.raw} {
			keep(f.close())
			k.files = append(k.files, File{f.name, f.rows, f.n})
		}
	}
	return err
}
