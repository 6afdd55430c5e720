package gate

import (
	"encoding/binary"
	"math/bits"
)

// A wordTable is a set of words that is asked for every cell of a column: an
// open-addressing table over the length and the first and last eight bytes.
type wordTable struct {
	slots []string
	full  []bool
	shift uint
	empty bool // the empty word is in the set
}

func newWordTable(words map[string]bool) *wordTable {
	if len(words) == 0 {
		return nil
	}
	size := bits.Len(uint(4*len(words) - 1))
	t := &wordTable{slots: make([]string, 1<<size), full: make([]bool, 1<<size), shift: uint(64 - size)}
	for w := range words {
		if w == "" {
			t.empty = true
			continue
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
	return (head ^ bits.RotateLeft64(tail, 29) ^ uint64(len(b))<<56) * 0x9e3779b97f4a7c15
}
