package codec

import (
	"bytes"
	"fmt"
)

// A splitter cuts CSV records. Where a record ends and what it holds depends
// only on the bytes from its start, by this rule:
//
// A record is fields between delimiters up to a line break outside quotes. A
// quote opens a field only as its first character; inside, a doubled quote is
// one quote. A quote elsewhere in an unquoted field is stray: the record is bad
// and ends at its line break. An opened quote is itself stray if anything but a
// delimiter or a line break follows its closing quote, if it does not close
// within MaxRecordBytes of the record's start, or if the record that results
// spans lines and does not have the fields of the file: then the record ends at
// the first line break after that quote, and the next line is read afresh.
type splitter struct {
	d    Dialect
	want int // fields of a record, 0 for any

	row   []field // fields of the last record
	end   int     // its end, line break excluded
	next  int     // start of the next record
	fault Fault
	why   string
}

// A field is a cell relative to the record's start; esc says that it holds
// escapes to be undone.
type field struct {
	start, end int
	esc        bool
}

// Results of split.
const (
	whole    = iota // a record, good or bad
	needMore        // more bytes are needed to tell
	tooLong         // longer than MaxRecordBytes; ends at a line break not in sight
)

// split reads the record that starts at b[0]. eof says that b reaches the end
// of the file. b must not be empty.
func (s *splitter) split(b []byte, eof bool) int {
	s.row, s.fault, s.why = s.row[:0], "", ""
	limit := s.d.MaxRecordBytes
	window := b
	if len(window) > limit+2 {
		window = window[:limit+2] // a record of limit bytes and its CR LF
	}
	closed := eof && len(window) == len(b) // the end of window is the end of the file
	nl := bytes.IndexByte(window, '\n')
	line := window
	if nl >= 0 {
		line = window[:nl]
	}
	if s.d.Quote == NoQuote || bytes.IndexByte(line, s.d.Quote) < 0 {
		if nl < 0 && !closed {
			return s.unfinished(b, limit)
		}
		s.plain(line, nl)
		return whole
	}
	return s.quoted(b, window, closed)
}

func (s *splitter) unfinished(b []byte, limit int) int {
	if len(b) < limit+2 {
		return needMore
	}
	return tooLong
}

// plain splits a line without quotes.
func (s *splitter) plain(line []byte, nl int) {
	s.next = nl + 1
	if nl < 0 {
		s.next = len(line)
	}
	end := len(line)
	if end > 0 && line[end-1] == '\r' {
		end--
	}
	s.end = end
	start := 0
	for {
		i := bytes.IndexByte(line[start:end], s.d.Delimiter)
		if i < 0 {
			break
		}
		s.add(line, start, start+i)
		start += i + 1
	}
	s.add(line, start, end)
	s.count()
}

func (s *splitter) add(b []byte, start, end int) {
	if s.d.Trim {
		for start < end && blank(b[start]) {
			start++
		}
		for end > start && blank(b[end-1]) {
			end--
		}
	}
	s.row = append(s.row, field{start: start, end: end})
}

func blank(c byte) bool { return c == ' ' || c == '\t' }

func (s *splitter) count() bool {
	if s.want > 0 && len(s.row) != s.want {
		if s.fault == "" {
			s.fault = FieldCount
			s.why = fmt.Sprintf("%d fields, %d expected", len(s.row), s.want)
		}
		return false
	}
	return true
}

// cut ends the record at the line break at index nl.
func (s *splitter) cut(b []byte, nl int, why string) int {
	s.fault, s.why = StrayQuote, why
	s.next = nl + 1
	s.end = nl
	if nl > 0 && b[nl-1] == '\r' {
		s.end--
	}
	return whole
}

// quoted splits a record whose first line holds a quote.
func (s *splitter) quoted(b, w []byte, closed bool) int {
	q, delim := s.d.Quote, s.d.Delimiter
	multi := -1 // the first line break inside a quoted field
	i := 0
	for {
		// A field starts at i.
		if s.d.Trim {
			for i < len(w) && blank(w[i]) {
				i++
			}
		}
		var stop int // index of the delimiter or line break after the field
		if i < len(w) && w[i] == q {
			end, esc, nl := s.closing(w, i+1)
			if end < 0 { // never closes in sight
				switch {
				case !closed && len(b) < s.d.MaxRecordBytes+2:
					return needMore
				case nl >= 0:
					return s.cut(w, nl, "a quote that does not close")
				case multi >= 0 && !closed:
					return s.cut(w, multi, "a quoted field too long for a record")
				case !closed:
					return tooLong
				}
				s.row = append(s.row, field{start: i + 1, end: len(w)})
				s.fault, s.why = StrayQuote, "a quote that does not close"
				s.end, s.next = len(w), len(w)
				return whole
			}
			stop = end + 1
			if s.d.Trim {
				for stop < len(w) && blank(w[stop]) {
					stop++
				}
			}
			if stop >= len(w)-1 && !closed && len(b) < s.d.MaxRecordBytes+2 {
				return needMore // CR LF may be cut in two
			}
			switch {
			case stop >= len(w), w[stop] == delim, w[stop] == '\n',
				w[stop] == '\r' && (stop+1 >= len(w) || w[stop+1] == '\n'):
				if nl >= 0 && multi < 0 {
					multi = nl
				}
				s.row = append(s.row, field{start: i + 1, end: end, esc: esc})
			case nl >= 0:
				return s.cut(w, nl, "text after a closing quote")
			default:
				s.fault, s.why = StrayQuote, "text after a closing quote"
				stop += unquotedEnd(w[stop:], delim)
				s.row = append(s.row, field{start: i + 1, end: stop})
			}
			if stop < len(w) && w[stop] == '\r' {
				stop++
			}
		} else {
			stop = i + unquotedEnd(w[i:], delim)
			end := stop
			if (stop >= len(w) || w[stop] == '\n') && end > i && w[end-1] == '\r' {
				end--
			}
			if bytes.IndexByte(w[i:end], q) >= 0 && s.fault == "" {
				s.fault, s.why = StrayQuote, "a quote inside an unquoted field"
			}
			s.add(w, i, end)
		}
		if stop < len(w) && w[stop] == delim {
			if s.want > 0 && len(s.row) > s.want && multi >= 0 {
				return s.cut(w, multi, "a quote after which the fields do not fit")
			}
			i = stop + 1
			continue
		}
		if stop >= len(w) && !closed {
			if len(b) < s.d.MaxRecordBytes+2 {
				return needMore
			}
			if multi >= 0 {
				return s.cut(w, multi, "a quoted field too long for a record")
			}
			return tooLong
		}
		s.next = min(stop+1, len(w))
		s.end = min(stop, len(w))
		if s.end > 0 && w[s.end-1] == '\r' {
			s.end--
		}
		if !s.count() && multi >= 0 {
			return s.cut(w, multi, "a quote after which the fields do not fit")
		}
		return whole
	}
}

// unquotedEnd is the index of the first delimiter or line break, or len(b).
func unquotedEnd(b []byte, delim byte) int {
	for i, c := range b {
		if c == delim || c == '\n' {
			return i
		}
	}
	return len(b)
}

// closing finds the quote that closes a field whose text begins at i: its
// index or -1, whether the text holds escapes, and its first line break or -1.
func (s *splitter) closing(w []byte, i int) (end int, esc bool, nl int) {
	nl = -1
	q, e := s.d.Quote, s.d.Escape
	for i < len(w) {
		switch c := w[i]; {
		case c == e && e != q:
			esc = true
			i++
			if i < len(w) && w[i] == '\n' && nl < 0 {
				nl = i
			}
		case c == q:
			if e == q && i+1 < len(w) && w[i+1] == q {
				esc = true
				i++
			} else {
				return i, esc, nl
			}
		case c == '\n' && nl < 0:
			nl = i
		}
		i++
	}
	return -1, esc, nl
}

// unescape appends the text of an escaped field to dst.
func (d *Dialect) unescape(dst, b []byte) []byte {
	for i := 0; i < len(b); i++ {
		if b[i] == d.Escape && i+1 < len(b) {
			i++
		}
		dst = append(dst, b[i])
	}
	return dst
}
