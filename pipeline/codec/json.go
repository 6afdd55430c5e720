package codec

import (
	"bytes"
	"context"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/assay-pipeline/assay/pipeline"
)

// JSON reads objects: one per line (JSONL), or the elements of an array. A
// record that is no object, or not JSON, is bad and does not disturb the next
// line; in an array that is not written line by line, what follows a broken
// element is lost and the file is refused.
type JSON struct {
	name  string
	r     io.Reader
	d     Dialect
	array bool
	cols  []string
	index map[string]int
	seen  []bool
	extra map[string]bool

	carry     []byte
	eof       bool
	row       int64
	off, line int64
	src       int64 // of off, in bytes of the undecoded file after its mark
	units     Units
	names     []string // of extra, in the order in which they came up
	opened    bool     // the array's bracket was read
	plain     bool     // an array file that is a sequence of objects after all
	closed    bool

	have []bool // columns of the record under way
	undo []undo
	cell []Cell
	kind []Kind
	escs []bool

	// fast: usual lines are cut by the index of the quotes.
	fast   bool
	cursor lineCursor
	text   []byte // scratch
}

// MaxExtra is how many undeclared names are remembered.
const MaxExtra = 1000

// NewJSON reads objects with the given members; array says that the file is one
// array.
func NewJSON(name string, r io.Reader, d Dialect, columns []string, array bool) (*JSON, error) {
	if err := d.Check(); err != nil {
		return nil, err
	}
	j := &JSON{name: name, r: r, d: d.withDefaults(), array: array, cols: columns, index: map[string]int{},
		fast: true, seen: make([]bool, len(columns)), extra: map[string]bool{}, row: 1, line: 1,
		have: make([]bool, len(columns)), cell: make([]Cell, len(columns)), kind: make([]Kind, len(columns)), escs: make([]bool, len(columns))}
	j.units = unitsOf(d.Encoding)
	for i, c := range columns {
		j.index[c] = i
	}
	var err error
	j.carry, j.eof, err = fill(name, r, nil, 4<<10, false)
	if err != nil {
		return nil, err
	}
	if len(j.carry) == 0 {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: the file is empty", name).
			WithHint("a feed without rows is an empty array, or a CSV with its header")
	}
	return j, nil
}

// Columns are the members that NewJSON was given.
func (j *JSON) Columns() []string { return j.cols }

// Seen reports for each column whether some record had the member.
func (j *JSON) Seen() []bool { return j.seen }

// Extra are the members of records that are no column.
func (j *JSON) Extra() []string {
	var out []string
	for name := range j.extra {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// Next fills ch with the next records.
func (j *JSON) Next(ctx context.Context, ch *Chunk) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		ch.reset(len(j.cols))
		ch.Row, ch.Offset, ch.Source, ch.Line = j.row, j.off, j.src, j.line
		j.undo = j.undo[:0]
		ch.Data = append(ch.Data, j.carry...)
		j.carry = j.carry[:0]
		target, pos := ChunkBytes, 0
		for {
			var err error
			ch.Data, j.eof, err = fill(j.name, j.r, ch.Data, max(target, len(ch.Data)), j.eof)
			if err != nil {
				return err
			}
			if j.array {
				pos, err = j.elements(ch, pos, cleanText(ch.Data[pos:]))
			} else {
				pos, err = j.lines(ch, pos)
			}
			if err != nil {
				return err
			}
			if pos > 0 || j.eof {
				break
			}
			target = 2 * len(ch.Data)
		}
		j.finish(ch, pos)
		if ch.Records() > 0 {
			return nil
		}
		if j.eof && (len(j.carry) == 0 || j.closed) {
			if j.array && j.opened && !j.plain && !j.closed {
				return pipeline.Errorf(pipeline.CodeInvalid, "%s: the file ends before the array does", j.name).
					WithHint("it was cut short: ask the producer to send it again")
			}
			return io.EOF
		}
	}
}

func (j *JSON) finish(ch *Chunk, pos int) {
	j.carry = append(j.carry[:0], ch.Data[pos:]...)
	ch.Data = ch.Data[:pos]
	ch.Raw = pos
	j.row += int64(ch.Records())
	j.off += int64(pos)
	j.src += j.units.SourceBytes(ch.Data)
	j.line += int64(bytes.Count(ch.Data, []byte{'\n'}))
	for _, u := range j.undo {
		cell := &ch.Cols[u.col].Cells[u.row]
		start := uint32(len(ch.Data))
		ch.Data, _ = unescapeJSON(ch.Data, ch.Data[cell.Start:cell.End])
		*cell = Cell{start, uint32(len(ch.Data))}
	}
	for i := range ch.Cols {
		col := &ch.Cols[i]
		col.mix()
		j.seen[i] = j.seen[i] || col.Mix&^(1<<Absent) != 0
	}
}

// skipLong drops a line that is too long to hold: its beginning stays as a bad
// record.
func (j *JSON) skipLong(ch *Chunk, pos int) error {
	for {
		b := ch.Data[pos:]
		if nl := bytes.IndexByte(b, '\n'); nl >= 0 || j.eof {
			return nil
		}
		if len(b) > 64<<20 {
			return pipeline.Errorf(pipeline.CodeInvalid, "%s, record %d: a line of more than 64 MiB", j.name, j.row+int64(ch.Records())).
				WithHint("JSON Lines has one object per line")
		}
		var err error
		if ch.Data, j.eof, err = fill(j.name, j.r, ch.Data, 2*len(ch.Data), j.eof); err != nil {
			return err
		}
	}
}

// elements reads the elements of an array.
func (j *JSON) elements(ch *Chunk, pos int, clean bool) (int, error) {
	broken := func(at int, what string) error {
		line := j.line + int64(bytes.Count(ch.Data[:at], []byte{'\n'}))
		return pipeline.Errorf(pipeline.CodeInvalid, "%s, line %d: %s", j.name, line, what).
			WithHint("a JSON feed is one array of objects; one object per line is the format jsonl")
	}
	for {
		at := skipSpace(ch.Data, pos)
		if at >= len(ch.Data) {
			return at, nil
		}
		if j.closed {
			return at, broken(at, "text after the end of the array")
		}
		c := ch.Data[at]
		if !j.opened {
			j.opened = true
			if c == '[' {
				pos = at + 1
				continue
			}
			if c != '{' {
				return at, broken(at, "the file is no array")
			}
			j.plain = true
		}
		if c == ']' && !j.plain {
			j.closed = true
			pos = at + 1
			continue
		}
		if c == ',' && !j.plain {
			pos = at + 1
			continue
		}
		end, _, res := scanValue(ch.Data, at, 0)
		if res == scanMore && !j.eof || end == len(ch.Data) && !j.eof {
			if len(ch.Data)-at > 64<<20 {
				return at, broken(at, "an element of more than 64 MiB")
			}
			return at, nil
		}
		if res == scanOK {
			j.record(ch, at, end, clean)
			pos = end
			continue
		}
		// A broken element costs its line.
		nl := bytes.IndexByte(ch.Data[at:], '\n')
		if nl < 0 {
			return at, broken(at, "an element that is not JSON")
		}
		end = at + len(bytes.TrimRight(ch.Data[at:at+nl], "\r ,"))
		j.bad(ch, at, end, JSONSyntax, "not JSON")
		pos = at + nl
	}
}

func (j *JSON) bad(ch *Chunk, start, end int, f Fault, why string) {
	ch.Bad = append(ch.Bad, Bad{Before: ch.Rows, Start: uint32(start), End: uint32(end), Length: int64(end - start), Fault: f, Detail: why})
}

// record reads the object in ch.Data[start:end].
func (j *JSON) record(ch *Chunk, start, end int, clean bool) {
	b := ch.Data[start:end]
	switch {
	case len(b) > j.d.MaxRecordBytes:
		j.bad(ch, start, end, LongRecord, "longer than "+itoa(int64(j.d.MaxRecordBytes))+" bytes")
		return
	case !clean && bytes.IndexByte(b, 0) >= 0:
		j.bad(ch, start, end, NulByte, "a NUL byte")
		return
	case !clean && !utf8.Valid(b):
		j.bad(ch, start, end, NotUTF8, "bytes that are not UTF-8")
		return
	}
	at := skipSpace(b, 0)
	if at >= len(b) || b[at] != '{' {
		if last, _, res := scanValue(b, at, 0); res == scanOK && skipSpace(b, last) == len(b) {
			j.bad(ch, start, end, NotAnObject, "a value that is no object")
		} else {
			j.bad(ch, start, end, JSONSyntax, "not JSON")
		}
		return
	}
	for i := range j.have {
		j.have[i], j.kind[i], j.escs[i], j.cell[i] = false, Absent, false, Cell{}
	}
	twice := false
	var foreign []string
	last, res := scanMembers(b, at, 0, func(name []byte, escaped bool, value Cell, kind Kind) {
		i, ok := j.index[string(name)]
		if escaped {
			plain, _ := unescapeJSON(nil, name)
			i, ok = j.index[string(plain)]
			name = plain
		}
		if !ok {
			if !j.extra[string(name)] {
				foreign = append(foreign, string(name))
			}
			return
		}
		twice = twice || j.have[i]
		j.have[i], j.kind[i] = true, kind
		if kind == Text {
			value = Cell{value.Start + 1, value.End - 1}
			j.escs[i] = bytes.IndexByte(b[value.Start:value.End], '\\') >= 0
		}
		j.cell[i] = Cell{value.Start + uint32(start), value.End + uint32(start)}
	})
	switch {
	case res != scanOK || skipSpace(b, last) < len(b):
		j.bad(ch, start, end, JSONSyntax, "not JSON")
		return
	case twice:
		j.bad(ch, start, end, DoubleName, "a name that stands twice")
		return
	}
	for i, esc := range j.escs {
		if !esc {
			continue
		}
		text, ok := unescapeJSON(nil, ch.Data[j.cell[i].Start:j.cell[i].End])
		if !ok {
			j.bad(ch, start, end, JSONSyntax, "an escape that is half a character")
			return
		}
		if bytes.IndexByte(text, 0) >= 0 {
			j.bad(ch, start, end, NulByte, "a NUL character")
			return
		}
	}
	for _, name := range foreign {
		if len(j.extra) < MaxExtra && !j.extra[name] {
			j.extra[name] = true
			j.names = append(j.names, name)
		}
	}
	ch.Starts = append(ch.Starts, uint32(start))
	ch.Ends = append(ch.Ends, uint32(end))
	for i := range j.cols {
		col := &ch.Cols[i]
		col.Cells = append(col.Cells, j.cell[i])
		col.Kinds = append(col.Kinds, j.kind[i])
		if j.escs[i] {
			j.undo = append(j.undo, undo{i, ch.Rows})
		}
	}
	ch.Rows++
}
