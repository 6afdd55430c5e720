package gate

import "github.com/assay-pipeline/assay/pipeline/contract"

// What seenKeys says of a key.
const (
	fresh     = iota
	repeated  // an earlier row has it
	undecided // memory is full: the spill knows at the end
)

// seenKeys remembers the keys of a batch in bounded memory: whole numbers in a
// bitmap as long as they lie close together, other keys by their hash. When
// limit is reached what is in memory is kept for looking up, and every key that
// is not there goes to the spill, which decides at the end.
type seenKeys struct {
	ints  *intSet
	set   keySet
	limit int64
	full  bool
}

func newSeenKeys(k *key, limit int64) *seenKeys {
	s := &seenKeys{limit: limit}
	if len(k.fields) == 1 && k.fields[0].typ == contract.Integer {
		s.ints = &intSet{pages: map[int64]*intPage{}}
	}
	return s
}

// add looks a key up and remembers it.
func (s *seenKeys) add(h keyHash) int {
	if s.ints != nil {
		switch {
		case s.full && s.ints.has(int64(h.hi)):
			return repeated
		case s.full:
			return undecided
		case s.ints.add(int64(h.hi)):
			return fresh
		}
		return repeated
	}
	if s.full {
		if s.set.has(h) {
			return repeated
		}
		return undecided
	}
	if s.set.add(h) {
		return fresh
	}
	return repeated
}

// has reports whether a key was added, where memory was never full. Several
// goroutines may ask at once.
func (s *seenKeys) has(h keyHash) bool {
	if s.ints == nil {
		return s.set.has(h)
	}
	v := int64(h.hi)
	p := s.ints.pages[v>>pageBits]
	return p != nil && p[(v>>6)&(1<<(pageBits-6)-1)]>>(v&63)&1 != 0
}

// settle is called between chunks: it changes the form of what is remembered,
// and notices when memory is full.
func (s *seenKeys) settle() {
	if s.full {
		return
	}
	if s.ints != nil && s.ints.bytes() > 1<<20 && s.ints.bytes() > 24*s.ints.n {
		// The numbers lie far apart: hashes take less room.
		s.ints.each(func(v int64) { s.set.add(intHash(v)) })
		s.ints = nil
	}
	if s.ints != nil {
		s.full = s.ints.bytes() >= s.limit
		return
	}
	s.full = s.set.bytes() >= s.limit
}

// An intSet is a bitmap in pages.
type intSet struct {
	pages map[int64]*intPage
	last  *intPage
	at    int64
	n     int64
}

// pageBits is the logarithm of the numbers in a page.
const pageBits = 15

type intPage [1 << (pageBits - 6)]uint64

func (s *intSet) bytes() int64 { return int64(len(s.pages)) * (1<<(pageBits-3) + 48) }

func (s *intSet) page(v int64, grow bool) *intPage {
	i := v >> pageBits
	if s.last != nil && s.at == i {
		return s.last
	}
	p := s.pages[i]
	if p == nil {
		if !grow {
			return nil
		}
		p = &intPage{}
		s.pages[i] = p
	}
	s.last, s.at = p, i
	return p
}

func (s *intSet) add(v int64) bool {
	p := s.page(v, true)
	w, bit := v>>6&(1<<(pageBits-6)-1), uint64(1)<<(v&63)
	if p[w]&bit != 0 {
		return false
	}
	p[w] |= bit
	s.n++
	return true
}

func (s *intSet) has(v int64) bool {
	p := s.page(v, false)
	return p != nil && p[v>>6&(1<<(pageBits-6)-1)]&(1<<(v&63)) != 0
}

func (s *intSet) each(f func(int64)) {
	for i, p := range s.pages {
		for w, word := range p {
			for b := range 64 {
				if word>>b&1 != 0 {
					f(i<<pageBits | int64(w)<<6 | int64(b))
				}
			}
		}
	}
}

// A keySet is a hash table in shards, so that growing one does not need the
// room of all.
type keySet struct {
	shards [64]keyShard
	slots  int64
}

// A keyShard is an open-addressing table; the zero hash marks a free slot.
type keyShard struct {
	slots []keyHash
	n     int
}

func (k *keySet) bytes() int64 { return 16 * k.slots }

func (k *keySet) shard(h *keyHash) *keyShard {
	if *h == (keyHash{}) {
		h.lo = 1 << 40
	}
	return &k.shards[h.lo>>58]
}

// add reports whether h is new, and remembers it.
func (k *keySet) add(h keyHash) bool {
	s := k.shard(&h)
	if s.n*5 >= len(s.slots)*4 {
		k.slots += int64(s.grow())
	}
	mask := uint64(len(s.slots) - 1)
	for i := h.lo & mask; ; i = (i + 1) & mask {
		switch s.slots[i] {
		case keyHash{}:
			s.slots[i] = h
			s.n++
			return true
		case h:
			return false
		}
	}
}

func (k *keySet) has(h keyHash) bool {
	s := k.shard(&h)
	if len(s.slots) == 0 {
		return false
	}
	mask := uint64(len(s.slots) - 1)
	for i := h.lo & mask; ; i = (i + 1) & mask {
		switch s.slots[i] {
		case keyHash{}:
			return false
		case h:
			return true
		}
	}
}

// grow doubles the table and returns how many slots came.
func (s *keyShard) grow() int {
	old := s.slots
	s.slots = make([]keyHash, max(64, 2*len(old)))
	mask := uint64(len(s.slots) - 1)
	for _, h := range old {
		if h == (keyHash{}) {
			continue
		}
		i := h.lo & mask
		for s.slots[i] != (keyHash{}) {
			i = (i + 1) & mask
		}
		s.slots[i] = h
	}
	return len(s.slots) - len(old)
}
