package codec

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/assay-pipeline/assay/pipeline"
)

// ChunkBytes is about how many bytes of text a chunk holds: few enough to stay
// in a core's cache, enough to spread the cost of a call.
const ChunkBytes = 128 << 10

// CSV reads a delimited text file.
type CSV struct {
	name string
	r    io.Reader
	d    Dialect
	s    splitter
	cols []string

	carry     []byte // read, not yet split
	eof       bool
	row       int64
	off, line int64
	src       int64 // of off, in bytes of the undecoded file after its mark
	units     Units
	chunk     int
	undo      []undo
	// fast: records are found by an index of the marks.
	fast bool
}

// undo is a cell whose escapes are to be undone.
type undo struct{ col, row int }

// NewCSV reads the header of a file that Open opened. columns names the
// columns of a file without header. Errors: invalid, with the line.
func NewCSV(name string, r io.Reader, d Dialect, columns []string) (*CSV, error) {
	if err := d.Check(); err != nil {
		return nil, err
	}
	d = d.withDefaults()
	c := &CSV{name: name, r: r, d: d, row: 1, line: 1, chunk: ChunkBytes}
	c.s = splitter{d: d}
	c.units = unitsOf(d.Encoding)
	for range d.Preamble {
		if err := c.skipLine(); err != nil {
			return nil, err
		}
	}
	for range d.Header {
		names, err := c.header()
		if err != nil {
			return nil, err
		}
		c.cols = names
	}
	if d.Header == 0 {
		c.cols = columns
		if err := c.fill(1); err != nil {
			return nil, err
		}
		if len(c.carry) == 0 {
			return nil, c.empty()
		}
	}
	c.s.want = len(c.cols)
	c.fast = d.Comment == "" && !d.Trim && len(c.cols) > 0
	return c, nil
}

func (c *CSV) empty() error {
	return pipeline.Errorf(pipeline.CodeInvalid, "%s: the file is empty", c.name).
		WithHint("a feed file has at least a header")
}

// Columns are the names in the header.
func (c *CSV) Columns() []string { return c.cols }

// fill reads until the carry holds n bytes or the file ends.
func (c *CSV) fill(n int) error {
	var err error
	c.carry, c.eof, err = fill(c.name, c.r, c.carry, n, c.eof)
	return err
}

// fill appends to b from r until it holds n bytes or r ends.
func fill(name string, r io.Reader, b []byte, n int, eof bool) ([]byte, bool, error) {
	if cap(b) < n {
		b = append(make([]byte, 0, n), b...)
	}
	for len(b) < n && !eof {
		k, err := r.Read(b[len(b):n])
		b = b[:len(b)+k]
		if errors.Is(err, io.EOF) && !pipelineError(err) {
			eof = true
		} else if err != nil {
			return b, eof, readError(name, err)
		}
	}
	return b, eof, nil
}

// drop removes n bytes from the front of the carry.
func (c *CSV) drop(n int) {
	c.line += int64(bytes.Count(c.carry[:n], []byte{'\n'}))
	c.off += int64(n)
	c.src += c.units.SourceBytes(c.carry[:n])
	c.carry = append(c.carry[:0], c.carry[n:]...)
}

func (c *CSV) skipLine() error {
	for {
		if nl := bytes.IndexByte(c.carry, '\n'); nl >= 0 {
			c.drop(nl + 1)
			return nil
		}
		if c.eof || len(c.carry) > c.d.MaxRecordBytes {
			return pipeline.Errorf(pipeline.CodeInvalid, "%s, line %d: the file ends within its preamble", c.name, c.line).
				WithHint("assay.csv says %d lines precede the header", c.d.Preamble)
		}
		if err := c.fill(max(2*len(c.carry), 4<<10)); err != nil {
			return err
		}
	}
}

func (c *CSV) header() ([]string, error) {
	bad := func(format string, args ...any) *pipeline.Error {
		e := pipeline.Errorf(pipeline.CodeInvalid, format, args...)
		e.Message = c.name + ", line " + itoa(c.line) + ": " + e.Message
		return e.WithHint("the header must name the columns; see assay.csv")
	}
	for {
		if len(c.carry) == 0 && c.eof {
			if c.off == 0 || c.line == 1 {
				return nil, c.empty()
			}
			return nil, bad("the file ends before its header")
		}
		if len(c.carry) == 0 {
			if err := c.fill(4 << 10); err != nil {
				return nil, err
			}
			continue
		}
		switch c.s.split(c.carry, c.eof) {
		case needMore:
			if err := c.fill(max(2*len(c.carry), 4<<10)); err != nil {
				return nil, err
			}
			continue
		case tooLong:
			return nil, bad("the header is longer than %d bytes", c.d.MaxRecordBytes)
		}
		text := c.carry[:c.s.end]
		if len(text) == 0 || c.comment(text) {
			c.drop(c.s.next)
			continue
		}
		if c.s.fault != "" {
			return nil, bad("the header cannot be split: %s", c.s.why)
		}
		if len(c.s.row) > c.d.MaxColumns {
			return nil, bad("%d columns, at most %d are read", len(c.s.row), c.d.MaxColumns)
		}
		if !utf8.Valid(text) {
			return nil, bad("the header is not UTF-8").
				WithHint("if the file is Latin-1 or Windows-1252, say so: encoding in assay.csv")
		}
		if bytes.IndexByte(text, 0) >= 0 {
			return nil, bad("the header holds a NUL byte")
		}
		names := make([]string, len(c.s.row))
		for i, f := range c.s.row {
			cell := text[f.start:f.end]
			if f.esc {
				cell = c.d.unescape(nil, cell)
			}
			names[i] = strings.TrimSpace(string(cell))
		}
		c.drop(c.s.next)
		return names, nil
	}
}

func (c *CSV) comment(line []byte) bool {
	return c.d.Comment != "" && bytes.HasPrefix(line, []byte(c.d.Comment))
}

// Next fills ch with the next records.
func (c *CSV) Next(ctx context.Context, ch *Chunk) error {
	err := c.Fetch(ctx, ch)
	if err == nil {
		ch.Cut()
	}
	return err
}

// Fetch is Next without the part that chunks can do side by side, Chunk.Cut.
func (c *CSV) Fetch(ctx context.Context, ch *Chunk) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	n := len(c.cols)
	ch.reset(n)
	ch.Row, ch.Offset, ch.Source, ch.Line = c.row, c.off, c.src, c.line
	c.undo = c.undo[:0]
	ch.Data = append(ch.Data, c.carry...)
	c.carry = c.carry[:0]
	target := c.chunk
	pos, breaks := 0, -1
	for {
		var err error
		ch.Data, c.eof, err = fill(c.name, c.r, ch.Data, max(target, len(ch.Data)), c.eof)
		if err != nil {
			return err
		}
		long := false
		if breaks = -1; c.fast {
			pos, long, breaks = c.walk(ch)
		} else {
			pos, long = c.splitAll(ch, pos)
		}
		if long {
			return c.finishLong(ctx, ch, pos)
		}
		if pos > 0 || c.eof {
			break
		}
		target = 2 * len(ch.Data)
	}
	c.finish(ch, pos, breaks)
	if ch.Records() == 0 {
		if c.eof && len(c.carry) == 0 {
			return io.EOF
		}
		return c.Fetch(ctx, ch) // nothing but blank lines and comments
	}
	return nil
}

// splitAll splits the records of ch.Data from pos on; it returns where the
// first unfinished one starts, and whether that one is too long.
func (c *CSV) splitAll(ch *Chunk, pos int) (int, bool) {
	clean := cleanText(ch.Data[pos:])
	for pos < len(ch.Data) {
		b := ch.Data[pos:]
		if c.d.Comment != "" && b[0] == c.d.Comment[0] {
			nl := bytes.IndexByte(b, '\n')
			if nl < 0 && !c.eof && len(b) < c.d.MaxRecordBytes+2 {
				return pos, false
			}
			if c.comment(b) {
				if nl < 0 {
					nl = len(b) - 1
				}
				pos += nl + 1
				continue
			}
		}
		switch c.s.split(b, c.eof) {
		case needMore:
			return pos, false
		case tooLong:
			return pos, true
		}
		if c.s.end == 0 && c.s.want > 1 { // a blank line
			pos += c.s.next
			continue
		}
		c.keep(ch, pos, clean)
		pos += c.s.next
	}
	return pos, false
}

// keep adds the record that was split at pos to the chunk.
func (c *CSV) keep(ch *Chunk, pos int, clean bool) {
	end := pos + c.s.end
	fault, why := c.s.fault, c.s.why
	if fault == "" && c.s.end > c.d.MaxRecordBytes {
		fault, why = LongRecord, "longer than "+itoa(int64(c.d.MaxRecordBytes))+" bytes"
	}
	if fault == "" && !clean {
		switch text := ch.Data[pos:end]; {
		case bytes.IndexByte(text, 0) >= 0:
			fault, why = NulByte, "a NUL byte"
		case !utf8.Valid(text):
			fault, why = NotUTF8, "bytes that are not "+c.encoding()
		}
	}
	if fault != "" {
		ch.Bad = append(ch.Bad, Bad{Before: ch.Rows, Start: uint32(pos), End: uint32(end),
			Length: int64(c.s.end), Fault: fault, Detail: why})
		return
	}
	ch.Starts = append(ch.Starts, uint32(pos))
	ch.Ends = append(ch.Ends, uint32(end))
	for i, f := range c.s.row {
		ch.Cols[i].Cells = append(ch.Cols[i].Cells, Cell{uint32(pos + f.start), uint32(pos + f.end)})
		if f.esc {
			c.undo = append(c.undo, undo{i, ch.Rows})
		}
	}
	ch.Rows++
}

func (c *CSV) encoding() string {
	if c.d.Encoding == "" {
		return "UTF-8"
	}
	return c.d.Encoding
}

// finish closes the chunk at pos and carries the rest over. breaks is how many
// line breaks stand before pos, -1 where they are to be counted.
func (c *CSV) finish(ch *Chunk, pos, breaks int) {
	c.carry = append(c.carry[:0], ch.Data[pos:]...)
	ch.Data = ch.Data[:pos]
	ch.Raw = pos
	c.row += int64(ch.Records())
	c.off += int64(pos)
	c.src += c.units.SourceBytes(ch.Data)
	if breaks < 0 {
		breaks = bytes.Count(ch.Data, []byte{'\n'})
	}
	c.line += int64(breaks)
	for _, u := range c.undo {
		cell := &ch.Cols[u.col].Cells[u.row]
		start := uint32(len(ch.Data))
		ch.Data = c.d.unescape(ch.Data, ch.Data[cell.Start:cell.End])
		*cell = Cell{start, uint32(len(ch.Data))}
	}
}

// longPrefix is how much of a record that is too long a chunk keeps.
const longPrefix = 4 << 10

// finishLong ends the chunk with the record at pos, which is too long to hold:
// it is read to its line break, hashed, and dropped.
func (c *CSV) finishLong(ctx context.Context, ch *Chunk, pos int) error {
	h := sha256.New()
	rest := append([]byte(nil), ch.Data[pos:]...)
	keep := min(longPrefix, len(rest))
	var length, src int64
	var last byte
	for {
		nl := bytes.IndexByte(rest, '\n')
		part := rest
		src += c.units.SourceBytes(rest[:cutAfter(nl, len(rest))])
		if nl >= 0 {
			part = rest[:nl]
		}
		// A CR before the line break is not part of the record: hold one back.
		if len(part) > 0 {
			if last == '\r' {
				h.Write([]byte{'\r'})
				length++
			}
			last = part[len(part)-1]
			if last == '\r' {
				part = part[:len(part)-1]
			}
			h.Write(part)
			length += int64(len(part))
		}
		if nl >= 0 || c.eof && len(rest) == 0 {
			if nl >= 0 {
				c.carry = append(c.carry[:0], rest[nl+1:]...)
			}
			break
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		var err error
		rest, c.eof, err = fill(c.name, c.r, rest[:0], ChunkBytes, c.eof)
		if err != nil {
			return err
		}
	}
	tail := append([]byte(nil), c.carry...)
	ch.Data = ch.Data[:pos+keep]
	bad := Bad{Before: ch.Rows, Start: uint32(pos), End: uint32(pos + keep), Length: length,
		Fault: LongRecord, Detail: "longer than " + itoa(int64(c.d.MaxRecordBytes)) + " bytes"}
	copy(bad.Hash[:], h.Sum(nil))
	ch.Bad = append(ch.Bad, bad)
	off, line := c.off, c.line
	src += c.src + c.units.SourceBytes(ch.Data[:pos])
	before := bytes.Count(ch.Data[:pos], []byte{'\n'})
	c.finish(ch, len(ch.Data), -1)
	c.carry = tail
	brk := int64(1)
	if last == '\r' {
		brk = 2
	}
	c.off, c.src = off+int64(pos)+length+brk, src
	c.line = line + int64(before) + 1
	return nil
}

// cutAfter is where to cut n bytes after the line break at nl, if there is one.
func cutAfter(nl, n int) int {
	if nl < 0 {
		return n
	}
	return nl + 1
}

// cleanText reports whether b is valid UTF-8 up to its last line break and
// holds no NUL: then so is every record that ends within it.
func cleanText(b []byte) bool {
	return bytes.IndexByte(b, 0) < 0 && utf8.Valid(b)
}

// RecordHash names a record by its bytes: the first 128 bits of SHA-256.
func RecordHash(b []byte) [16]byte {
	var out [16]byte
	sum := sha256.Sum256(b)
	copy(out[:], sum[:])
	return out
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }
