package codec

import (
	"encoding/binary"
	"math/bits"
)

// classify writes, for every 64 bytes of src, three bitmaps to dst: where
// quotes, delimiters and line breaks stand. It returns dst and whether some
// byte is NUL or not ASCII.
func classify(dst []uint64, src []byte, q, d byte) ([]uint64, bool) {
	blocks := (len(src) + 63) / 64
	if cap(dst) < 3*blocks {
		dst = make([]uint64, 3*blocks+3*blocks/4)
	}
	dst = dst[:3*blocks]
	odd := false
	whole := len(src) / 64
	if whole > 0 {
		odd = classifyBlocks(dst, src[:whole*64], q, d)
	}
	if rest := src[whole*64:]; len(rest) > 0 {
		var last [64]byte
		for i := copy(last[:], rest); i < 64; i++ {
			last[i] = ' '
		}
		if classifyWords(dst[3*whole:], last[:], q, d) {
			odd = true
		}
		// A blank may itself be the delimiter or the quote.
		keep := uint64(1)<<len(rest) - 1
		for i := range 3 {
			dst[3*whole+i] &= keep
		}
	}
	return dst, odd
}

const (
	lows  = 0x0101010101010101
	highs = 0x8080808080808080
)

// classifyWords is the portable form, eight bytes at a time.
func classifyWords(dst []uint64, src []byte, q, d byte) bool {
	var high, nul uint64
	qs, ds := lows*uint64(q), lows*uint64(d)
	for b := 0; b+64 <= len(src); b += 64 {
		var mq, md, mn uint64
		for i := 0; i < 64; i += 8 {
			x := binary.LittleEndian.Uint64(src[b+i:])
			high |= x
			nul |= zeros(x)
			mq |= gather(zeros(x^qs)) << i
			md |= gather(zeros(x^ds)) << i
			mn |= gather(zeros(x^lows*'\n')) << i
		}
		dst[3*(b/64)], dst[3*(b/64)+1], dst[3*(b/64)+2] = mq, md, mn
	}
	return high&highs != 0 || nul != 0
}

// zeros marks the zero bytes of x by their high bit, exactly.
func zeros(x uint64) uint64 { return ^((x&^highs + ^uint64(highs)) | x) & highs }

// gather packs the high bits of the bytes of x into one byte.
func gather(x uint64) uint64 { return (x >> 7) * 0x0102040810204080 >> 56 }

// splitFast is splitAll by bitmaps. A record without quotes is cut by them
// alone; anything out of the ordinary is left to the splitter, so that there is
// one rule.
func (c *CSV) splitFast(ch *Chunk, pos int) (int, bool) {
	data := ch.Data
	base := pos
	var odd bool
	c.masks, odd = classify(c.masks, data[pos:], c.d.Quote, c.d.Delimiter)
	clean := !odd || cleanText(data[pos:])
	masks, n := c.masks, len(c.cols)
	row := ch.Rows
	cols := c.reserve(ch, row, len(data)-pos)
	start, from, k := pos, pos, 0 // of the record, of the field, fields so far
	ahead := pos                  // what lies before is done
	kept := len(c.undo)           // escapes of whole records
	for w := 0; w < len(masks); w += 3 {
		at := base + w/3*64
		if ahead >= at+64 {
			continue
		}
		q, d, nl := masks[w], masks[w+1], masks[w+2]
		set := q | d | nl
		if ahead > at {
			set &^= 1<<uint(ahead-at) - 1
		}
		for set != 0 {
			i := bits.TrailingZeros64(set)
			set &= set - 1
			p := at + i
			if d>>i&1 != 0 {
				if k < n {
					cols[k][row] = Cell{uint32(from), uint32(p)}
				}
				k++
				from = p + 1
				continue
			}
			cell, stop, last, ok := Cell{uint32(from), uint32(p)}, p, p, clean // stop is the line break, last the record's end
			if q>>i&1 != 0 {
				end, esc := -1, false
				if p == from && clean {
					end, esc = c.closes(data, base, p+1)
				}
				cell, last, stop = Cell{uint32(p + 1), uint32(end)}, end+1, end+1
				if esc {
					c.undo = append(c.undo, undo{k, row})
				}
				if end >= 0 && data[stop] == c.d.Delimiter && k < n-1 {
					cols[k][row] = cell
					k++
					from = stop + 1
					ahead = from
					if ahead >= at+64 {
						break
					}
					set &^= 1<<uint(ahead-at) - 1
					continue
				}
				if end >= 0 && data[stop] == '\r' && stop+1 < len(data) {
					stop++
				}
				ok = end >= 0 && data[stop] == '\n'
			} else if p > from && data[p-1] == '\r' {
				last--
				cell.End--
			}
			if ok && k == n-1 && last-start <= c.d.MaxRecordBytes && (last > start || n == 1) {
				cols[k][row] = cell
				ch.Starts[row], ch.Ends[row] = uint32(start), uint32(last)
				row++
				kept = len(c.undo)
				start, from, k = stop+1, stop+1, 0
				ahead = start
				if ahead >= at+64 {
					break
				}
				set &^= 1<<uint(ahead-at) - 1
				continue
			}
			// Whatever is out of the ordinary.
			c.undo = c.undo[:kept]
			c.settle(ch, row)
			switch c.s.split(data[start:], c.eof) {
			case needMore:
				return start, false
			case tooLong:
				return start, true
			}
			if c.s.end > 0 || n == 1 {
				c.keep(ch, start, clean)
			}
			kept = len(c.undo)
			start += c.s.next
			row, from, k = ch.Rows, start, 0
			cols = c.reserve(ch, row, len(data)-start)
			// The next record may begin before p.
			ahead = start
			w = (start-base)/64*3 - 3
			break
		}
	}
	c.undo = c.undo[:kept]
	c.settle(ch, row)
	if start < len(data) && c.eof {
		return c.splitAll(ch, start)
	}
	return start, false
}

// closes finds the quote that closes the field whose text begins at i, and
// whether the text holds doubled quotes. It gives -1 where that quote, or the
// byte after it, is not in sight.
func (c *CSV) closes(data []byte, base, i int) (int, bool) {
	if c.d.Escape != c.d.Quote {
		return -1, false
	}
	esc := false
	for i < len(data) {
		w := (i - base) / 64 * 3
		m := c.masks[w] &^ (1<<uint((i-base)&63) - 1)
		for m == 0 {
			if w += 3; w >= len(c.masks) {
				return -1, false
			}
			m = c.masks[w]
		}
		end := base + w/3*64 + bits.TrailingZeros64(m)
		if end+1 >= len(data) {
			return -1, false
		}
		if data[end+1] != c.d.Quote {
			return end, esc
		}
		esc = true
		i = end + 2
	}
	return -1, false
}

// reserve makes room for the records that left more bytes can hold.
func (c *CSV) reserve(ch *Chunk, row, left int) [][]Cell {
	most := row + left/max(len(c.cols), 1) + 1 // a record has a delimiter or line break per field
	if cap(c.into) < len(c.cols) {
		c.into = make([][]Cell, len(c.cols))
	}
	c.into = c.into[:len(c.cols)]
	for i := range ch.Cols {
		ch.Cols[i].Cells = extend(ch.Cols[i].Cells, most)
		c.into[i] = ch.Cols[i].Cells
	}
	ch.Starts, ch.Ends = extend(ch.Starts, most), extend(ch.Ends, most)
	return c.into
}

// settle cuts the columns to the rows that were found.
func (c *CSV) settle(ch *Chunk, rows int) {
	for i := range ch.Cols {
		ch.Cols[i].Cells = ch.Cols[i].Cells[:rows]
	}
	ch.Starts, ch.Ends = ch.Starts[:rows], ch.Ends[:rows]
	ch.Rows = rows
}

func extend[T any](s []T, n int) []T {
	if cap(s) >= n {
		return s[:n]
	}
	out := make([]T, n)
	copy(out, s)
	return out
}
