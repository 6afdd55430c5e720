package codec

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"strings"

	"golang.org/x/text/transform"
)

// A Source opens a file by ranges of bytes; n < 0 reads to the end.
type Source func(ctx context.Context, off, n int64) (io.ReadCloser, error)

// A Beginning is what has to be known of the front of a text file to read it
// from any other place: what its header says, and where its records begin.
type Beginning struct {
	Columns []string `json:"columns,omitempty"`
	// Encoding of the file: the dialect's, with the byte order that the file's
	// mark says.
	Encoding string `json:"encoding,omitempty"`
	// Source is the byte of the file at which records begin, Decoded the same
	// place in the decoded text, Line its line from 1.
	Source int64 `json:"source"`
	// Mark is how many bytes of a byte order mark precede the text.
	Mark    int64 `json:"mark,omitempty"`
	Decoded int64 `json:"decoded"`
	Line    int64 `json:"line"`
}

// Begin reads the front of an uncompressed CSV or JSONL file. Errors: those of
// Open and NewCSV.
func Begin(ctx context.Context, name string, open Source, d Dialect, jsonl bool, columns []string) (Beginning, error) {
	body, err := open(ctx, 0, -1)
	if err != nil {
		return Beginning{}, err
	}
	defer body.Close()
	head := make([]byte, 3)
	n, err := io.ReadFull(body, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return Beginning{}, readError(name, err)
	}
	head = head[:n]
	b := Beginning{Encoding: d.Encoding, Line: 1}
	mark := int64(0)
	switch kind := unitsOf(d.Encoding); {
	case kind == unitUTF8 && bytes.HasPrefix(head, []byte("\xef\xbb\xbf")):
		mark = 3
	case kind == unitUTF16:
		big := bytes.HasPrefix(head, []byte{0xfe, 0xff})
		small := bytes.HasPrefix(head, []byte{0xff, 0xfe})
		switch encodingName(d.Encoding) {
		case "utf-16", "utf16":
			b.Encoding = "utf-16le"
			if big {
				b.Encoding = "utf-16be"
			}
			if big || small {
				mark = 2
			}
		case "utf-16be", "utf16be":
			if big {
				mark = 2
			}
		default:
			if small {
				mark = 2
			}
		}
	}
	text, err := Open(name, io.MultiReader(bytes.NewReader(head), body), d)
	if err != nil {
		return Beginning{}, err
	}
	b.Source, b.Mark = mark, mark
	if jsonl {
		_, err := NewJSON(name, text, d, columns, false) // says whether the file is empty
		return b, err
	}
	c, err := NewCSV(name, text, d, columns)
	if err != nil {
		return Beginning{}, err
	}
	b.Columns, b.Decoded, b.Line = c.cols, c.off, c.line
	b.Source += c.src
	return b, nil
}

// Units are what one character takes in a file of some encoding.
type Units uint8

const (
	unitUTF8  Units = iota // as many bytes as in the decoded text
	unitByte               // one byte
	unitUTF16              // two bytes, or four for what UTF-16 writes as a pair
)

func encodingName(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "-", " ", "").Replace(name))
}

func unitsOf(encoding string) Units {
	switch n := encodingName(encoding); {
	case strings.HasPrefix(n, "utf-16"), strings.HasPrefix(n, "utf16"):
		return unitUTF16
	case n == "", n == "utf-8", n == "utf8", n == "ascii", n == "us-ascii":
		return unitUTF8
	}
	return unitByte
}

// Units of a file in the dialect's encoding.
func (d Dialect) Units() Units { return unitsOf(d.Encoding) }

// SourceBytes is how many bytes of a file decoded text came from. It adds up
// over pieces of a text, wherever it is cut.
func (u Units) SourceBytes(text []byte) int64 {
	if u == unitUTF8 {
		return int64(len(text))
	}
	var chars, wide int64
	for _, c := range text {
		if c&0xc0 != 0x80 {
			chars++
		}
		if c >= 0xf0 {
			wide++
		}
	}
	if u == unitUTF16 {
		return 2 * (chars + wide)
	}
	return chars
}

// AlignRange moves a place in a file to where a character starts, as far as the
// encoding lets it tell: a range must not begin with half a character.
func AlignRange(ctx context.Context, name string, open Source, encoding string, at, size int64) (int64, error) {
	if unitsOf(encoding) != unitUTF16 || at >= size {
		return min(at, size), nil
	}
	at &^= 1
	body, err := open(ctx, at, 2)
	if err != nil {
		return 0, err
	}
	defer body.Close()
	var b [2]byte
	if _, err := io.ReadFull(body, b[:]); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return size, nil
		}
		return 0, readError(name, err)
	}
	high := b[1]
	if strings.HasSuffix(encodingName(encoding), "be") {
		high = b[0]
	}
	if high&0xfc == 0xdc { // the second half of a pair
		at += 2
	}
	return min(at, size), nil
}

// decoding is the text of src. Text that came from the first n bytes of src is
// told from what follows: edge is its length once it is known, else -1.
type decoding struct {
	first, rest io.Reader
	read        int64
	edge        int64
}

func newDecoding(src io.Reader, encoding string, n int64) (*decoding, error) {
	dec, err := decoderOf(encoding)
	if err != nil {
		return nil, err
	}
	if dec == nil {
		return &decoding{first: src, rest: src, edge: n}, nil
	}
	again, err := decoderOf(encoding)
	if err != nil {
		return nil, err
	}
	return &decoding{first: transform.NewReader(io.LimitReader(src, n), dec), rest: transform.NewReader(src, again), edge: -1}, nil
}

func (d *decoding) Read(p []byte) (int, error) {
	if d.edge < 0 {
		n, err := d.first.Read(p)
		d.read += int64(n)
		if errors.Is(err, io.EOF) && !pipelineError(err) {
			d.edge = d.read // nothing beyond the edge comes with this call
			err = nil
		}
		return n, err
	}
	return d.rest.Read(p)
}

// A Segment reads the records of a CSV or JSONL file that start in a range of
// its bytes, the first of which starts a record. Rows, lines and offsets of its
// chunks are counted from there.
type Segment struct {
	rdr   Reader
	csv   *CSV
	json  *JSON
	text  *decoding
	body  io.Closer
	from  int64
	units Units
	done  bool
	// End is the byte of the file where the first record after the segment
	// starts, -1 where there is none; Lines and Decoded are the line breaks and
	// bytes of text up to there. They are known once Next has returned io.EOF.
	End            int64
	Lines, Decoded int64
}

// NewSegment reads the records that start at byte from and before byte to. b is
// what Begin said of the file. A record of JSONL belongs to the segment in
// which its line starts.
func NewSegment(ctx context.Context, name string, open Source, d Dialect, b Beginning, jsonl bool, columns []string, from, to int64) (*Segment, error) {
	d.Header, d.Preamble, d.Encoding, d.Compression = -1, 0, b.Encoding, "none"
	body, err := open(ctx, from, -1)
	if err != nil {
		return nil, err
	}
	s := &Segment{body: body, from: from, units: unitsOf(b.Encoding), End: -1}
	if !jsonl {
		columns = b.Columns
	}
	src := bufio.NewReaderSize(body, 64<<10)
	_, err = src.Peek(1)
	empty := errors.Is(err, io.EOF) && !pipelineError(err)
	if s.text, err = newDecoding(src, b.Encoding, to-from); err != nil {
		_ = body.Close()
		return nil, err
	}
	if empty {
		s.rdr, s.done = emptyReader{columns}, true
		return s, nil
	}
	if jsonl {
		s.json, err = NewJSON(name, &wholeLines{text: s.text}, d, columns, false)
		s.rdr = s.json
	} else {
		s.csv, err = NewCSV(name, s.text, d, columns)
		s.rdr = s.csv
	}
	if err != nil {
		_ = body.Close() // the first error is the one to tell
		return nil, err
	}
	return s, nil
}

// An emptyReader is a segment without a byte.
type emptyReader struct{ columns []string }

func (e emptyReader) Columns() []string                { return e.columns }
func (emptyReader) Next(context.Context, *Chunk) error { return io.EOF }

// Columns are those of the file.
func (s *Segment) Columns() []string { return s.rdr.Columns() }

// Close ends the reading.
func (s *Segment) Close() error { return s.body.Close() }

// Names reports of a JSONL segment for each column whether some record had it,
// and the names that no column has in the order in which they came up.
func (s *Segment) Names() (seen []bool, extra []string) {
	if s.json == nil {
		return nil, nil
	}
	return s.json.seen, s.json.names
}

// Next fills ch with the next records of the segment.
func (s *Segment) Next(ctx context.Context, ch *Chunk) error {
	if s.done {
		return io.EOF
	}
	err := s.rdr.Next(ctx, ch)
	if errors.Is(err, io.EOF) && !pipelineError(err) {
		s.done = true
		if s.csv != nil {
			s.Lines, s.Decoded = s.csv.line-1, s.csv.off
		} else {
			s.Lines, s.Decoded = s.json.line-1, s.json.off
			if s.text.edge >= 0 && s.json.r.(*wholeLines).over {
				s.End = s.from + s.json.src
			}
		}
		return io.EOF
	}
	if err != nil || s.csv == nil || s.text.edge < 0 {
		return err
	}
	edge := s.text.edge - ch.Offset
	good, bad := ch.Rows, len(ch.Bad)
	for good > 0 && int64(ch.Starts[good-1]) >= edge {
		good--
	}
	for bad > 0 && int64(ch.Bad[bad-1].Start) >= edge {
		bad--
	}
	if good == ch.Rows && bad == len(ch.Bad) {
		return nil
	}
	pos := uint32(len(ch.Data))
	if good < ch.Rows {
		pos = ch.Starts[good]
	}
	if bad < len(ch.Bad) {
		pos = min(pos, ch.Bad[bad].Start)
	}
	front := ch.Data[:pos]
	s.done = true
	s.End = s.from + ch.Source + s.units.SourceBytes(front)
	s.Lines = ch.Line - 1 + int64(bytes.Count(front, []byte{'\n'}))
	s.Decoded = ch.Offset + int64(pos)
	ch.Rows, ch.Bad = good, ch.Bad[:bad]
	ch.Starts, ch.Ends = ch.Starts[:good], ch.Ends[:good]
	for i := range ch.Cols {
		ch.Cols[i].Cells = ch.Cols[i].Cells[:good]
	}
	if ch.Records() == 0 {
		return io.EOF
	}
	return nil
}

// wholeLines reads a text up to the end of the line that holds the last byte
// before its edge.
type wholeLines struct {
	text *decoding
	n    int64
	last byte
	over bool // the text goes on
	end  bool
	held []byte
}

func (w *wholeLines) Read(p []byte) (int, error) {
	if w.end {
		return 0, io.EOF
	}
	if w.text.edge >= 0 && w.n >= w.text.edge && (w.last == '\n' || w.n == 0) {
		// Is anything left of the file?
		var b [1]byte
		n, err := io.ReadFull(w.text, b[:])
		w.end, w.over = true, n > 0
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, err
		}
		return 0, io.EOF
	}
	if len(w.held) == 0 {
		if cap(w.held) == 0 {
			w.held = make([]byte, 0, 64<<10)
		}
		buf := w.held[:cap(w.held)]
		if e := w.text.edge; e >= 0 && w.n < e && int64(len(buf)) > e-w.n {
			buf = buf[:e-w.n] // never past the edge in one read
		}
		n, err := w.text.Read(buf)
		w.held = buf[:n]
		if n == 0 {
			return 0, err
		}
	}
	k := copy(p, w.held)
	part := p[:k]
	if w.text.edge >= 0 && w.n >= w.text.edge {
		if nl := bytes.IndexByte(part, '\n'); nl >= 0 {
			w.end = true
			w.over = nl+1 < len(w.held)
			if !w.over {
				var b [1]byte
				n, err := io.ReadFull(w.text, b[:])
				if err != nil && !errors.Is(err, io.EOF) {
					return 0, err
				}
				w.over = n > 0
			}
			k = nl + 1
			part = p[:k]
		}
	}
	w.n += int64(k)
	if k > 0 {
		w.last = part[k-1]
	}
	w.held = w.held[:copy(w.held[:cap(w.held)], w.held[k:])]
	return k, nil
}

// Record reads one record of a file that Begin has seen the front of.
func Record(name string, b []byte, d Dialect, front Beginning, jsonl bool, columns []string) (Reader, error) {
	d.Header, d.Preamble, d.Encoding, d.Compression = -1, 0, front.Encoding, "none"
	text, err := newDecoding(bytes.NewReader(b), front.Encoding, int64(len(b)))
	if err != nil {
		return nil, err
	}
	if jsonl {
		return NewJSON(name, text, d, columns, false)
	}
	return NewCSV(name, text, d, front.Columns)
}
