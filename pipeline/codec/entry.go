package codec

import (
	"bytes"
	"context"
	"errors"
)

// An Entry says where the records of a range may start. Which records a range
// holds is known for sure only to who has read what lies before it: its first
// byte may stand inside a quoted field. A range is therefore read under both
// hypotheses, until one is refuted or both have come to the same place.
//
// Places are bytes of the file at which a record starts, blank lines and
// comments passed over; -1 is the end of the file.
type Entry struct {
	// Outside is the first record if the range begins outside quotes, Inside if
	// it begins inside a quoted field.
	Outside, Inside int64
	// Sync is where both have come to the same place: it is Outside where one
	// was refuted.
	Sync int64
	// Open: no place was found, or no common one, within reach. Only what was
	// before the range can tell.
	Open bool
}

// reach is how far an Entry is looked for, in records of the largest size.
const reach = 4

// EntryOf finds where the records of the range that begins at byte from start.
// from must be aligned (AlignRange) and lie behind the beginning b.
func EntryOf(ctx context.Context, name string, open Source, d Dialect, b Beginning, jsonl bool, from int64) (Entry, error) {
	d.Encoding = b.Encoding
	d = d.withDefaults()
	units := unitsOf(b.Encoding)
	before := int64(1)
	if units == unitUTF16 {
		before = 2
	}
	body, err := open(ctx, from-before, -1)
	if err != nil {
		return Entry{}, err
	}
	defer body.Close()
	text, err := newDecoding(body, b.Encoding, before)
	if err != nil {
		return Entry{}, err
	}
	e := entry{d: d, s: splitter{d: d, want: len(b.Columns)}, jsonl: jsonl}
	limit := reach*d.MaxRecordBytes + 1<<20
	for n := 64 << 10; ; n *= 4 {
		if e.w, e.eof, err = fill(name, text, e.w, n, e.eof); err != nil {
			return Entry{}, err
		}
		if text.edge < 0 {
			continue
		}
		e.skip = int(text.edge)
		outside, inside, sync, ok := e.find()
		if !ok && !e.eof && n < limit {
			continue
		}
		at := func(i int) int64 {
			if i < 0 {
				return -1
			}
			return from - before + units.SourceBytes(e.w[:i])
		}
		return Entry{Outside: at(outside), Inside: at(inside), Sync: at(sync), Open: !ok}, nil
	}
}

// entry looks for the records of a window of text.
type entry struct {
	d     Dialect
	s     splitter
	jsonl bool
	w     []byte
	eof   bool
	skip  int // the text of what stands before the range
}

// errMore: the window is too small to tell.
var errMore = errors.New("more is needed")

func (e *entry) find() (outside, inside, sync int, ok bool) {
	outside, err := e.outside()
	if err != nil {
		return -1, -1, -1, false
	}
	if e.jsonl || e.d.Quote == NoQuote {
		return outside, outside, outside, true
	}
	if inside, err = e.inside(outside); err != nil {
		return outside, -1, -1, false
	}
	x, y := outside, inside
	for x != y {
		p := &x
		if x < 0 || y >= 0 && y < x {
			p = &y
		}
		if *p, err = e.next(*p); err != nil {
			return outside, inside, -1, false
		}
	}
	return outside, inside, x, true
}

// outside is the first record after the line that the range begins in.
func (e *entry) outside() (int, error) {
	from := max(e.skip-1, 0) // a line break right before the range ends a line
	nl := bytes.IndexByte(e.w[from:], '\n')
	if nl < 0 {
		if e.eof {
			return -1, nil
		}
		return 0, errMore
	}
	return e.record(from + nl + 1)
}

// inside is the first record after the quoted field that the range begins in;
// outside where there can be no such field.
func (e *entry) inside(outside int) (int, error) {
	field := append([]byte{e.d.Quote}, e.w[e.skip:]...)
	if len(field) == 1 {
		return outside, nil
	}
	s := splitter{d: e.d}
	switch s.split(field, e.eof) {
	case needMore:
		return 0, errMore
	case tooLong:
		return outside, nil
	}
	if s.next >= len(field) && e.eof {
		if s.fault != "" {
			return outside, nil
		}
		return -1, nil
	}
	return e.record(e.skip + s.next - 1)
}

// record is the first record at or after p, which starts a line.
func (e *entry) record(p int) (int, error) {
	for p < len(e.w) {
		b := e.w[p:]
		nl := bytes.IndexByte(b, '\n')
		switch {
		case e.jsonl:
			return p, nil
		case e.d.Comment != "" && bytes.HasPrefix(b, []byte(e.d.Comment)):
		case e.d.Comment != "" && len(b) < len(e.d.Comment) && !e.eof:
			return 0, errMore
		case b[0] == '\n', len(b) > 1 && b[0] == '\r' && b[1] == '\n', e.eof && len(b) == 1 && b[0] == '\r':
			if e.s.want <= 1 {
				return p, nil
			}
		case b[0] == '\r' && len(b) == 1:
			return 0, errMore
		default:
			return p, nil
		}
		if nl < 0 {
			if e.eof {
				return -1, nil
			}
			return 0, errMore
		}
		p += nl + 1
	}
	if e.eof {
		return -1, nil
	}
	return 0, errMore
}

// next is the record after the one at p.
func (e *entry) next(p int) (int, error) {
	if p >= len(e.w) {
		return 0, errMore
	}
	switch e.s.split(e.w[p:], e.eof) {
	case needMore:
		return 0, errMore
	case tooLong:
		nl := bytes.IndexByte(e.w[p:], '\n')
		if nl < 0 {
			if e.eof {
				return -1, nil
			}
			return 0, errMore
		}
		return e.record(p + nl + 1)
	}
	return e.record(p + e.s.next)
}
