package gate

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"unicode/utf8"

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
	for _, f := range []*outFile{k.partFile, k.rejectsFile, k.csv, k.raw} {
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
	return err
}

func newSink(ctx context.Context, r *run) (*sink, error) {
	k := &sink{ctx: ctx, r: r}
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
	if err := k.part.Append(s.sel, s.out); err != nil {
		return err
	}
	if k.r.part != nil {
		if err := k.r.part.stage(s, k.partFile.name); err != nil {
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
			err = k.r.part.endStage(f)
		}
	}
	k.part, k.partFile = nil, nil
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

// A Reject is one reason why a row was not accepted.
type Reject struct {
	Row        int64
	Line       int64
	Start, End int64  // byte range of the record in the decoded file
	Hash       string // first 128 bits of the record's SHA-256
	Code       string
	Column     string
	Value      string
	Rule       string
	Expected   string
	// Document is the name of the document that the row is about, for a feed
	// whose rows are measured.
	Document string
	rule     int
}

// reject writes the reasons of the rows of a chunk that are not accepted.
func (k *sink) reject(s *sheet) error {
	at := 0
	k.lines.start(&s.chunk)
	for _, p := range s.places() {
		if p.bad >= 0 {
			b := &s.chunk.Bad[p.bad]
			rj := k.place(s, p.row, b.Start, b.End, b.Length)
			if b.Fault == codec.LongRecord && b.Hash != [16]byte{} {
				rj.Hash = hex.EncodeToString(b.Hash[:])
			}
			rj.Code, rj.Rule, rj.Expected, rj.rule = string(b.Fault), "record", b.Detail, k.r.g.record
			if err := k.put(rj, s.chunk.Data[b.Start:b.End], true); err != nil {
				return err
			}
			continue
		}
		for at < len(s.fails) && int(s.fails[at].row) < p.good {
			at++
		}
		if !s.rejected[p.good] {
			continue
		}
		var start, end uint32
		if s.chunk.Starts != nil {
			start, end = s.chunk.Starts[p.good], s.chunk.Ends[p.good]
		}
		rj := k.place(s, p.row, start, end, int64(end-start))
		for first := true; at < len(s.fails) && int(s.fails[at].row) == p.good; at++ {
			rule := &k.r.g.rules[s.fails[at].rule]
			if !rule.rejects {
				continue // it failed, but it is not why the row is rejected
			}
			rj.Code, rj.Column, rj.Rule, rj.Expected, rj.rule = rule.name, rule.field, rule.id, rule.want, int(s.fails[at].rule)
			rj.Value = k.r.value(s, int(s.fails[at].rule), p.good)
			rj.Document = k.r.documentOf(s, p.good)
			if err := k.put(rj, s.raw(start, end, rj.Row), first); err != nil {
				return err
			}
			first = false
		}
	}
	if len(k.table.sel) < tableRows {
		return nil
	}
	return k.flush()
}

func hashOf(record []byte) string {
	h := codec.RecordHash(record)
	return hex.EncodeToString(h[:])
}

func (k *sink) place(s *sheet, row int64, start, end uint32, length int64) Reject {
	if s.chunk.Starts == nil && length == 0 { // Parquet has neither lines nor byte ranges
		return Reject{Row: row}
	}
	off := s.chunk.Offset + int64(start)
	return Reject{Row: row, Line: k.lines.at(int(start)), Start: off, End: off + length, Hash: hashOf(s.chunk.Data[start:end])}
}

// put adds a reason; the raw record goes with the first of a row.
func (k *sink) put(rj Reject, raw []byte, first bool) error {
	if k.r.opt.Rejected != nil {
		k.r.opt.Rejected(rj)
	}
	if k.r.part != nil {
		return k.r.part.reject(rj, raw, first, k.r.g.record)
	}
	if k.csv == nil {
		var err error
		if k.csv, err = k.create("rejects.csv"); err != nil {
			return err
		}
		if _, err = io.WriteString(k.csv, k.rejectHead()); err != nil {
			return err
		}
		if k.raw, err = k.create("raw.jsonl"); err != nil {
			return err
		}
		if k.rejectsFile, err = k.create("rejects.parquet"); err != nil {
			return err
		}
		if k.rejects, err = codec.NewWriter(k.rejectsFile, k.rejectSpec()); err != nil {
			return err
		}
		k.rejects.RowGroupBytes = 4 << 20
	}
	k.table.add(rj)
	line := k.table.line[:0]
	for i, n := range []int64{rj.Row, rj.Line, rj.Start, rj.End} {
		if i > 0 {
			line = append(line, ',')
		}
		line = strconv.AppendInt(line, n, 10)
	}
	for _, v := range []string{rj.Hash, rj.Code, rj.Column, rj.Value, rj.Rule, rj.Expected} {
		line = append(line, ',')
		line = appendCSV(line, v)
	}
	if k.r.g.feed.Kind.Measured() {
		line = append(line, ',')
		line = appendCSV(line, rj.Document)
	}
	line = append(line, '\n')
	k.table.line = line
	if _, err := k.csv.Write(line); err != nil {
		return err
	}
	k.csv.rows++
	if !first {
		return nil
	}
	k.raw.rows++
	_, err := k.raw.Write(rawLine(rj, raw))
	return err
}

// raw is the record as it landed; of Parquet, its values as JSON.
func (s *sheet) raw(start, end uint32, row int64) []byte {
	if s.chunk.Starts != nil || end > start {
		return s.chunk.Data[start:end]
	}
	values := make([]any, len(s.chunk.Cols))
	for i := range s.chunk.Cols {
		v := &vector{col: &s.chunk.Cols[i], data: s.chunk.Data, cells: s.chunk.Cols[i].Cells, kinds: s.chunk.Cols[i].Kinds}
		if b := v.display(int(row - s.chunk.Row)); b != nil {
			values[i] = string(b)
		}
	}
	b, err := json.Marshal(values)
	if err != nil {
		return nil
	}
	return b
}

func rawLine(rj Reject, raw []byte) []byte {
	b := append(make([]byte, 0, len(raw)+160), `{"row":`...)
	b = strconv.AppendInt(b, rj.Row, 10)
	if rj.Line != 0 {
		b = strconv.AppendInt(append(b, `,"line":`...), rj.Line, 10)
	}
	b = strconv.AppendInt(append(b, `,"start":`...), rj.Start, 10)
	b = strconv.AppendInt(append(b, `,"end":`...), rj.End, 10)
	if rj.Hash != "" {
		b = append(append(append(b, `,"hash":"`...), rj.Hash...), '"')
	}
	switch {
	case len(raw) == 0:
	case utf8.Valid(raw):
		b = appendJSON(append(b, `,"raw":`...), raw)
	default: // the record is not UTF-8
		b = base64.StdEncoding.AppendEncode(append(b, `,"raw_base64":"`...), raw)
		b = append(b, '"')
	}
	if rj.End > rj.Start && rj.End-rj.Start > int64(len(raw)) {
		b = append(b, `,"cut":true`...)
	}
	return append(b, '}', '\n')
}

// appendJSON appends a text as a JSON string.
func appendJSON(b, text []byte) []byte {
	for _, c := range text {
		if c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			var out bytes.Buffer
			e := json.NewEncoder(&out)
			e.SetEscapeHTML(false)
			_ = e.Encode(string(text)) // strings always encode
			return append(b, bytes.TrimSuffix(out.Bytes(), []byte{'\n'})...)
		}
	}
	return append(append(append(b, '"'), text...), '"')
}

// appendCSV appends a cell, quoted where it must be.
func appendCSV(b []byte, s string) []byte {
	plain := true
	for i := 0; i < len(s); i++ {
		if c := s[i]; c == ',' || c == '"' || c == '\n' || c == '\r' {
			plain = false
			break
		}
	}
	if plain {
		return append(b, s...)
	}
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		if s[i] == '"' {
			b = append(b, '"')
		}
		b = append(b, s[i])
	}
	return append(b, '"')
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
	if k.part != nil {
		keep(k.closePart())
	}
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
