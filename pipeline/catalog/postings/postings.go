// Package postings is the form of an inverted index as stores keep it: under
// each key the numbers of the items that have it, in blocks of 4096. A block is
// a list of two-byte places while it holds few items, and a bitmap of 512 bytes
// from where that is shorter, after Chambi, Lemire, Kaser and Godin, "Better
// bitmap performance with Roaring bitmaps" (2016). So a key that a million items
// have is 245 rows of half a kilobyte, and sets of any size are joined and
// intersected a block at a time. Pure functions of their input.
package postings

import (
	"encoding/binary"
	"math/bits"

	"github.com/assay-pipeline/assay/pipeline"
)

// Block is how many numbers one block holds: item n stands in block n / Block at
// place n % Block.
const Block = 4096

// Bits are the places of a block.
type Bits [Block / 64]uint64

// listed is the most places that are kept as a list.
const listed = Block/16 - 1

// Set adds place i.
func (b *Bits) Set(i int) { b[i/64] |= 1 << (i % 64) }

// Has reports whether b has place i.
func (b *Bits) Has(i int) bool { return b[i/64]&(1<<(i%64)) != 0 }

// Count is how many places b has.
func (b *Bits) Count() int {
	n := 0
	for _, w := range b {
		n += bits.OnesCount64(w)
	}
	return n
}

// Or adds the places of c.
func (b *Bits) Or(c *Bits) {
	for i := range b {
		b[i] |= c[i]
	}
}

// And keeps the places that c has too.
func (b *Bits) And(c *Bits) {
	for i := range b {
		b[i] &= c[i]
	}
}

// AndNot takes away the places of c.
func (b *Bits) AndNot(c *Bits) {
	for i := range b {
		b[i] &^= c[i]
	}
}

// All calls fn with each place in order until it returns false.
func (b *Bits) All(fn func(i int) bool) bool {
	for i, w := range b {
		for ; w != 0; w &= w - 1 {
			if !fn(64*i + bits.TrailingZeros64(w)) {
				return false
			}
		}
	}
	return true
}

// Append appends b as it is stored; nothing where b is empty.
func (b *Bits) Append(dst []byte) []byte {
	if b.Count() > listed {
		for _, w := range b {
			dst = binary.LittleEndian.AppendUint64(dst, w)
		}
		return dst
	}
	b.All(func(i int) bool {
		dst = binary.LittleEndian.AppendUint16(dst, uint16(i)) //nolint:gosec // < Block
		return true
	})
	return dst
}

// Add adds the places that Append wrote. Error: corrupt.
func (b *Bits) Add(raw []byte) error {
	if len(raw) == Block/8 {
		for i := range b {
			b[i] |= binary.LittleEndian.Uint64(raw[8*i:])
		}
		return nil
	}
	if len(raw) > 2*listed || len(raw)%2 != 0 {
		return pipeline.Errorf(pipeline.CodeCorrupt, "a block of the search index has %d bytes", len(raw)).
			WithHint("the row was altered by hand; restore a backup")
	}
	for ; len(raw) > 0; raw = raw[2:] {
		i := int(binary.LittleEndian.Uint16(raw))
		if i >= Block {
			return pipeline.Errorf(pipeline.CodeCorrupt, "a block of the search index names place %d of %d", i, Block).
				WithHint("the row was altered by hand; restore a backup")
		}
		b.Set(i)
	}
	return nil
}

// A Row is one block of a key, as stored.
type Row struct {
	Key   string
	Block int
	Raw   []byte
}

// Count counts the places of the rows of one key. Error: corrupt.
func Count(rows []Row) (n int, err error) {
	for _, r := range rows {
		var b Bits
		if err := b.Add(r.Raw); err != nil {
			return 0, err
		}
		n += b.Count()
	}
	return n, nil
}

// Edits are what changes in the rows of an index: by block, by key.
type Edits map[int]map[string]*Edit

// An Edit is the places that come into one row and those that leave it.
type Edit struct{ set, clear []uint16 }

// Move takes item n from the keys old to the keys now, both sorted.
func (e Edits) Move(n int, old, now []string) {
	for len(old) > 0 || len(now) > 0 {
		switch {
		case len(now) == 0 || len(old) > 0 && old[0] < now[0]:
			x := e.edit(n, old[0])
			x.clear = append(x.clear, uint16(n%Block)) //nolint:gosec // < Block
			old = old[1:]
		case len(old) == 0 || now[0] < old[0]:
			x := e.edit(n, now[0])
			x.set = append(x.set, uint16(n%Block)) //nolint:gosec // < Block
			now = now[1:]
		default:
			old, now = old[1:], now[1:]
		}
	}
}

func (e Edits) edit(n int, key string) *Edit {
	rows := e[n/Block]
	if rows == nil {
		rows = map[string]*Edit{}
		e[n/Block] = rows
	}
	x := rows[key]
	if x == nil {
		x = &Edit{}
		rows[key] = x
	}
	return x
}

// Apply is the row after the edit, raw what it was, nil where there was none. It
// returns nothing where the row is to go. Error: corrupt.
func (x *Edit) Apply(raw []byte) ([]byte, error) {
	if raw == nil && len(x.set) == 1 && len(x.clear) == 0 { // most keys: ids, part numbers
		return binary.LittleEndian.AppendUint16(nil, x.set[0]), nil
	}
	var b Bits
	if err := b.Add(raw); err != nil {
		return nil, err
	}
	for _, i := range x.clear {
		b[i/64] &^= 1 << (i % 64)
	}
	for _, i := range x.set {
		b.Set(int(i))
	}
	return b.Append(nil), nil
}
