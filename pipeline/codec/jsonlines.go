package codec

import (
	"bytes"
	"math"
)

// A lineCursor is a place in the index of a chunk of JSON Lines: delims are the
// quotes, quotes the backslashes.
type lineCursor struct {
	index
	at, escape int // the next quote, the next backslash
	// order is the column of each member of the last record, -1 for none, and
	// names are their names.
	order []int
	names []string
	// stamps tell which columns the record under way has.
	stamps []uint64
	stamp  uint64
}

// lines reads one object per line. Objects in which nothing is out of the
// ordinary are cut by the index of the quotes, all others by record.
func (j *JSON) lines(ch *Chunk, pos int) (int, error) {
	x := &j.cursor
	marks := x.read(ch.Data, '\\', '"')
	clean := marks&oddByte == 0 || cleanText(ch.Data)
	breaks := len(x.breaks)
	x.bound(2)
	x.quotes = append(x.quotes, math.MaxUint32)
	x.at, x.escape = 0, 0
	if x.stamps == nil {
		x.stamps = make([]uint64, len(j.cols))
	}
	rows := ch.Rows
	j.reserve(ch, rows, breaks+1)
	for _, nl := range x.breaks[:breaks] {
		start, end := pos, int(nl)
		pos = end + 1
		if end > start && ch.Data[end-1] == '\r' {
			end--
		}
		usual := j.fast && clean && end-start <= j.d.MaxRecordBytes && (marks&controlByte == 0 || !control(ch.Data[start:end]))
		if usual && j.usual(ch, start, end, rows) {
			ch.Starts[rows], ch.Ends[rows] = uint32(start), uint32(end)
			rows++
			continue
		}
		x.skip(start)
		if skipSpace(ch.Data[:end], start) == end {
			x.skip(pos)
			continue
		}
		settle(ch, rows)
		j.record(ch, start, end, clean)
		rows = ch.Rows
		j.reserve(ch, rows, breaks+1)
		x.skip(pos)
	}
	settle(ch, rows)
	if pos == len(ch.Data) {
		return pos, nil
	}
	if !j.eof {
		if len(ch.Data)-pos <= j.d.MaxRecordBytes+2 {
			return pos, nil
		}
		return pos, j.skipLong(ch, pos)
	}
	if end := len(bytes.TrimSuffix(ch.Data, []byte{'\r'})); skipSpace(ch.Data[:end], pos) < end {
		j.record(ch, pos, end, clean)
	}
	return len(ch.Data), nil
}

// skip leaves the marks before pos behind, or returns to those after it.
func (x *lineCursor) skip(pos int) {
	for x.at > 0 && int(x.delims[x.at-1]) >= pos {
		x.at--
	}
	for int(x.delims[x.at]) < pos {
		x.at++
	}
	for x.escape > 0 && int(x.quotes[x.escape-1]) >= pos {
		x.escape--
	}
	for int(x.quotes[x.escape]) < pos {
		x.escape++
	}
}

// control reports whether b holds a control character.
func control(b []byte) bool {
	for _, c := range b {
		if c < ' ' {
			return true
		}
	}
	return false
}

// usual cuts the object in data[start:end] into row, if it is written without
// more blanks than one after a colon or comma, has no name twice and no name
// that is new. It holds no control character and is valid UTF-8. It reports
// false where it leaves the object to record.
func (j *JSON) usual(ch *Chunk, start, end, row int) bool {
	data, x := ch.Data[:end], &j.cursor
	if end-start < 3 || data[start] != '{' || data[end-1] != '}' {
		return false
	}
	x.stamp++
	undone := len(j.undo)
	p, found := start+1, 0
	for n := 0; ; n++ {
		if data[p] == ' ' {
			p++
		}
		last := int(x.delims[x.at+1])
		if int(x.delims[x.at]) != p || last >= end || last > int(x.quotes[x.escape]) {
			break
		}
		i, ok := j.column(n, data[p+1:last])
		if !ok {
			break
		}
		x.at += 2
		if p = last + 1; data[p] != ':' {
			break
		}
		if p++; data[p] == ' ' {
			p++
		}
		cell, kind := Cell{Start: uint32(p)}, Number
		switch c := data[p]; {
		case c == '"':
			last := int(x.delims[x.at+1])
			if int(x.quotes[x.escape]) < last {
				stop, _, res := scanString(data, p)
				if res != scanOK {
					j.undo = j.undo[:undone]
					return false
				}
				last = stop - 1
				x.skip(stop)
				text, ok := unescapeJSON(j.text[:0], data[p+1:last])
				if j.text = text; !ok || bytes.IndexByte(text, 0) >= 0 {
					j.undo = j.undo[:undone]
					return false
				}
				if i >= 0 {
					j.undo = append(j.undo, undo{i, row})
				}
			} else {
				x.at += 2
			}
			if last >= end {
				j.undo = j.undo[:undone]
				return false
			}
			cell, kind, p = Cell{uint32(p + 1), uint32(last)}, Text, last+1
		case c-'0' <= 9 || c == '-':
			stop, res := scanNumber(data, p)
			if res != scanOK {
				j.undo = j.undo[:undone]
				return false
			}
			p = stop
			cell.End = uint32(p)
		default:
			stop, k, res := scanValue(data, p, 1)
			if res != scanOK {
				j.undo = j.undo[:undone]
				return false
			}
			if kind = k; k == Nested {
				x.skip(stop)
			}
			p = stop
			cell.End = uint32(p)
		}
		if i >= 0 {
			if x.stamps[i] == x.stamp {
				break
			}
			x.stamps[i] = x.stamp
			found++
			col := &ch.Cols[i]
			col.Cells[row], col.Kinds[row] = cell, kind
		}
		if data[p] == ',' {
			p++
			continue
		}
		if p != end-1 {
			break
		}
		for i := 0; found < len(x.stamps) && i < len(x.stamps); i++ {
			if x.stamps[i] != x.stamp {
				ch.Cols[i].Cells[row], ch.Cols[i].Kinds[row] = Cell{}, Absent
			}
		}
		return true
	}
	j.undo = j.undo[:undone]
	return false
}

// column finds the column of the nth member: mostly that of the nth member of
// the record before. It is -1 for a name that is known not to be one; ok is
// false for a name that is new.
func (j *JSON) column(n int, name []byte) (i int, ok bool) {
	x := &j.cursor
	if n < len(x.order) && x.names[n] == string(name) {
		return x.order[n], true
	}
	if i, ok = j.index[string(name)]; !ok {
		if !j.extra[string(name)] {
			return 0, false
		}
		i = -1
	}
	if n > len(x.order) {
		return i, true
	}
	x.order, x.names = append(x.order[:n], i), append(x.names[:n], string(name))
	return i, true
}

// reserve makes room for records.
func (j *JSON) reserve(ch *Chunk, rows, more int) {
	for i := range ch.Cols {
		col := &ch.Cols[i]
		col.Cells, col.Kinds = extend(col.Cells, rows+more), extend(col.Kinds, rows+more)
	}
	ch.Starts, ch.Ends = extend(ch.Starts, rows+more), extend(ch.Ends, rows+more)
}
