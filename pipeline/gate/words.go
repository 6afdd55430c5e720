package gate

import (
	"encoding/binary"
	"math"
	"math/bits"
)

// A wordTable is a set of words that is asked for every cell of a column: an
// open-addressing table over the length and the first and last eight bytes.
type wordTable struct {
	slots []string
	full  []bool
	shift uint
	empty bool // the empty word is in the set
	// shorts are the words of 1 to 16 bytes, by the same rule.
	shorts []shortWord
}

// A shortWord is a word of n bytes, 1 to 16, in two numbers; n is 0 in a free
// slot.
type shortWord struct {
	low, high uint64
	n         uint32
}

// lowMask and highMask cut 16 bytes in two numbers to the first n.
var lowMask, highMask = func() (low, high [17]uint64) {
	for n := range 17 {
		low[n], high[n] = math.MaxUint64, 0
		if n < 8 {
			low[n] = 1<<(8*n) - 1
		} else if n > 8 {
			high[n] = math.MaxUint64 >> (8 * (16 - n))
		}
	}
	return low, high
}()

const wordFactor = 0x9e3779b97f4a7c15

// hasShort looks up the word of the first n bytes, n at most 16, of the 16 that
// low and high hold.
func (t *wordTable) hasShort(low, high uint64, n uint32) bool {
	low, high = low&lowMask[n], high&highMask[n]
	mask := uint64(len(t.shorts) - 1)
	for i := (low ^ bits.RotateLeft64(high, 29)) * wordFactor >> t.shift; ; i++ {
		w := &t.shorts[i&mask]
		if w.low == low && w.high == high && w.n == n {
			return n > 0 || t.empty
		}
		if w.n == 0 {
			return false
		}
	}
}

func (t *wordTable) addShort(w string) {
	var b [16]byte
	copy(b[:], w)
	word := shortWord{binary.LittleEndian.Uint64(b[:]), binary.LittleEndian.Uint64(b[8:]), uint32(len(w))}
	i := (word.low ^ bits.RotateLeft64(word.high, 29)) * wordFactor >> t.shift
	for t.shorts[i].n != 0 {
		i = (i + 1) & uint64(len(t.shorts)-1)
	}
	t.shorts[i] = word
}

func newWordTable(words map[string]bool) *wordTable {
	if len(words) == 0 {
		return nil
	}
	size := bits.Len(uint(4*len(words) - 1))
	t := &wordTable{slots: make([]string, 1<<size), full: make([]bool, 1<<size), shift: uint(64 - size),
		shorts: make([]shortWord, 1<<size)}
	for w := range words {
		if w == "" {
			t.empty = true
			continue
		}
		if len(w) <= 16 {
			t.addShort(w)
		}
		i := wordHash([]byte(w)) >> t.shift
		for t.full[i] {
			i = (i + 1) & uint64(len(t.slots)-1)
		}
		t.slots[i], t.full[i] = w, true
	}
	return t
}

func (t *wordTable) has(b []byte) bool {
	if len(b) == 0 {
		return t.empty
	}
	i := wordHash(b) >> t.shift
	for t.full[i] {
		if t.slots[i] == string(b) {
			return true
		}
		i = (i + 1) & uint64(len(t.slots)-1)
	}
	return false
}

func wordHash(b []byte) uint64 {
	var head, tail uint64
	if n := len(b); n >= 8 {
		head, tail = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[n-8:])
	} else {
		for i := 0; i < n; i++ {
			head = head<<8 | uint64(b[i])
		}
	}
	return (head ^ bits.RotateLeft64(tail, 29) ^ uint64(len(b))<<56) * wordFactor
}
