package codec

import "math"

// A stretch is some records in a row without quotes: their delimiters are a
// matrix, one row per record, that begins at delims[at].
type stretch struct{ row, rows, at int }

// A cutting is what walk leaves for Cut.
type cutting struct {
	index
	stretches []stretch
	cols      int
}

// walk is splitAll by the index of the marks. It finds the records; the cells of
// those without quotes are left to Cut. Anything out of the ordinary goes to
// the splitter, so that there is one rule. It also returns how many line breaks
// stand before the position it returns, or -1.
func (c *CSV) walk(ch *Chunk) (pos int, long bool, breaks int) {
	data, x, n := ch.Data, &ch.cut.index, len(c.cols)
	marks := x.read(data, c.d.Quote, c.d.Delimiter)
	clean := marks&oddByte == 0 || cleanText(data)
	nb := len(x.breaks)
	x.bound(n)
	x.breaks, x.quotes = append(x.breaks, math.MaxUint32), append(x.quotes, math.MaxUint32)
	ch.cut.stretches, ch.cut.cols = ch.cut.stretches[:0], n
	w := cursor{data: data, index: x}
	row := ch.Rows
	c.reserve(ch, row, len(data))
	for w.b < nb {
		// As many records without quotes as there are.
		first, at, start := row, w.d, w.start
		quote := int(x.quotes[w.q])
		for clean && w.b < nb {
			end := int(x.breaks[w.b])
			if end > quote || end-start > c.d.MaxRecordBytes ||
				int(x.delims[w.d+n-1]) < end || n > 1 && int(x.delims[w.d+n-2]) > end {
				break
			}
			last := end
			if last > start && data[last-1] == '\r' {
				last--
			}
			if last == start && n > 1 {
				break
			}
			ch.Starts[row], ch.Ends[row] = uint32(start), uint32(last)
			row++
			w.d += n - 1
			w.b++
			start = end + 1
		}
		w.start = start
		if row > first {
			ch.cut.stretches = append(ch.cut.stretches, stretch{first, row - first, at})
		}
		if w.b == nb {
			break
		}
		if clean && c.quotedRecord(ch, &w, row) {
			row++
			continue
		}
		// Whatever is out of the ordinary.
		settle(ch, row)
		switch c.s.split(data[w.start:], c.eof) {
		case needMore:
			return w.start, false, w.b
		case tooLong:
			return w.start, true, w.b
		}
		if c.s.end > 0 || n == 1 {
			c.keep(ch, w.start, clean)
		}
		w.start += c.s.next
		row = ch.Rows
		c.reserve(ch, row, len(data)-w.start)
		w.skip(w.start)
	}
	settle(ch, row)
	if left := len(data) - w.start; left > 0 && (c.eof || left > c.d.MaxRecordBytes+2) {
		pos, long = c.splitAll(ch, w.start)
		return pos, long, -1
	}
	return w.start, false, w.b
}

// A cursor is a place in a text and in the lists of its index.
type cursor struct {
	data []byte
	*index
	start   int // of the record
	d, b, q int // the next delimiter, line break and quote
}

// skip leaves the marks before pos behind.
func (w *cursor) skip(pos int) {
	for w.d < len(w.delims) && int(w.delims[w.d]) < pos {
		w.d++
	}
	for int(w.breaks[w.b]) < pos {
		w.b++
	}
	for int(w.quotes[w.q]) < pos {
		w.q++
	}
}

// quotedRecord cuts one record with quotes in their ordinary places into row
// and moves on; it reports false, and stays, where the record is not of that
// kind.
func (c *CSV) quotedRecord(ch *Chunk, at *cursor, row int) bool {
	if c.d.Escape != c.d.Quote {
		return false
	}
	w, n, kept := *at, len(c.cols), len(c.undo)
	from, k := w.start, 0
	for {
		cell, stop := Cell{}, 0 // stop is the delimiter or line break after the field
		if int(w.quotes[w.q]) == from {
			i, esc := w.q+1, false
			for int(w.quotes[i]) < len(w.data) && w.quotes[i+1] == w.quotes[i]+1 {
				esc = true
				i += 2
			}
			end := int(w.quotes[i])
			if end+1 >= len(w.data) {
				break
			}
			cell, stop = Cell{uint32(from + 1), uint32(end)}, end+1
			w.q = i + 1
			w.skip(stop)
			if esc {
				c.undo = append(c.undo, undo{k, row})
			}
			if w.data[stop] == '\r' && stop+1 < len(w.data) {
				stop++
				if w.data[stop] != '\n' {
					break
				}
			}
		} else {
			stop = int(min(w.delims[w.d], w.breaks[w.b]))
			if stop >= len(w.data) || int(w.quotes[w.q]) < stop {
				break
			}
			cell = Cell{uint32(from), uint32(stop)}
			if w.data[stop] == '\n' && stop > from && w.data[stop-1] == '\r' {
				cell.End--
			}
		}
		switch {
		case w.data[stop] == c.d.Delimiter && k < n-1:
			ch.Cols[k].Cells[row] = cell
			w.d++
			k++
			from = stop + 1
			continue
		case w.data[stop] == '\n' && k == n-1:
			last := stop
			if last > w.start && w.data[last-1] == '\r' {
				last--
			}
			if last-w.start > c.d.MaxRecordBytes || last == w.start && n > 1 {
				break
			}
			ch.Cols[k].Cells[row] = cell
			ch.Starts[row], ch.Ends[row] = uint32(w.start), uint32(last)
			w.b++
			w.start = stop + 1
			*at = w
			return true
		}
		break
	}
	c.undo = c.undo[:kept]
	return false
}

// Cut finishes a chunk that Fetch filled: it makes the cells of the records
// that were found. Chunks may be cut side by side.
func (c *Chunk) Cut() {
	n := c.cut.cols
	for _, s := range c.cut.stretches {
		starts, ends := c.Starts[s.row:s.row+s.rows], c.Ends[s.row:s.row+s.rows]
		if n == 1 {
			cells := c.Cols[0].Cells[s.row:][:len(starts)]
			for r := range cells {
				cells[r] = Cell{starts[r], ends[r]}
			}
			continue
		}
		w := n - 1
		delims := c.cut.delims[s.at : s.at+w*s.rows]
		cells := c.Cols[0].Cells[s.row:][:len(starts)]
		i := 0
		for r := range cells {
			cells[r] = Cell{starts[r], delims[i]}
			i += w
		}
		for k := 1; k < w; k++ {
			cells := c.Cols[k].Cells[s.row:][:len(starts)]
			i := k
			for r := range cells {
				cells[r] = Cell{delims[i-1] + 1, delims[i]}
				i += w
			}
		}
		cells = c.Cols[w].Cells[s.row:][:len(ends)]
		i = w - 1
		for r := range cells {
			cells[r] = Cell{delims[i] + 1, ends[r]}
			i += w
		}
	}
	c.cut.stretches = c.cut.stretches[:0]
}

// reserve makes room for the records that left more bytes can hold.
func (c *CSV) reserve(ch *Chunk, row, left int) {
	most := row + left/max(len(c.cols), 1) + 1 // a record has a delimiter or line break per field
	for i := range ch.Cols {
		ch.Cols[i].Cells = extend(ch.Cols[i].Cells, most)
	}
	ch.Starts, ch.Ends = extend(ch.Starts, most), extend(ch.Ends, most)
}

// settle cuts the columns to the rows that were found.
func settle(ch *Chunk, rows int) {
	for i := range ch.Cols {
		col := &ch.Cols[i]
		col.Cells = col.Cells[:rows]
		if len(col.Kinds) > 0 {
			col.Kinds = col.Kinds[:rows]
		}
	}
	ch.Starts, ch.Ends = ch.Starts[:rows], ch.Ends[:rows]
	ch.Rows = rows
}

// extend makes s at least n long.
func extend[T any](s []T, n int) []T {
	if cap(s) >= n {
		return s[:n]
	}
	out := make([]T, n)
	copy(out, s)
	return out
}
