package gate

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"slices"

	"github.com/assay-pipeline/assay/pipeline/contract"
)

// What a segment leaves of a key on the shelf is written as its rows come, so
// that it costs next to nothing: the log of those rows that no row of the segment
// is known to have the key of, each with its place, and, where the key is a whole
// number and the numbers lie close together, all of them as a bitmap. The merge
// compares the bitmaps, and reads the logs of those segments alone that have a
// number of an earlier one.

// keyFiles are the files of one key of a segment.
type keyFiles struct {
	Log shelved `json:"log,omitzero"`
	// Back is the log of the rows that go back (see keyLog.goesBack), which the
	// other does not have.
	Back shelved `json:"back,omitzero"`
	// Set is a bitmap of the whole numbers that the segment has: pages in
	// order, each after how far it lies from the one before. Its N counts pages.
	Set shelved `json:"set,omitzero"`
}

// whole: the key is one whole number.
func (k *key) whole() bool { return len(k.fields) == 1 && k.fields[0].typ == contract.Integer }

// What an entry of a log has besides its flags. An entry of a file of records of
// one line that count up takes two bytes.
const (
	logRejected = 1 << iota
	logRow      // its row is not the next one
	logKey      // its number is not the next one
	logGap      // it lies otherwise behind the record before it
	logLine     // it begins on another line than the next
	logShift    // places in the file and in the decoded text parted
	logRaw      // its record stands behind it
)

// logState is what entries are differences to.
type logState struct {
	keyEntry
	whole bool
	gap   int64
}

// append writes the entry that follows.
func (s *logState) append(b []byte, e *keyEntry) []byte {
	at := len(b)
	b = append(b, 0)
	var flags byte
	if e.rejected {
		flags = logRejected
	}
	put := func(flag byte, is, was int64) {
		if is != was {
			flags |= flag
			b = binary.AppendVarint(b, is-was)
		}
	}
	put(logRow, e.row, s.row+1)
	if s.whole {
		put(logKey, int64(e.hash.hi), int64(s.hash.hi)+1)
	} else {
		b = binary.LittleEndian.AppendUint64(b, e.hash.lo)
		b = binary.LittleEndian.AppendUint64(b, e.hash.hi)
	}
	gap := e.off - s.off - s.size
	put(logGap, gap, s.gap)
	put(logLine, e.line, s.line+1)
	put(logShift, e.at-e.off, s.at-s.off)
	b = appendUvarint(b, uint64(e.size))
	if e.raw != nil {
		flags |= logRaw
		b = append(b, e.raw...)
	}
	b[at] = flags
	s.keyEntry, s.gap = *e, gap
	return b
}

// next reads the entry that follows; io.EOF between entries.
func (s *logState) next(r *bufio.Reader) (keyEntry, error) {
	flags, err := r.ReadByte()
	if err != nil {
		return keyEntry{}, err
	}
	n := numbers{r: r}
	get := func(flag byte, was int64) int64 {
		if flags&flag != 0 {
			was += n.varint()
		}
		return was
	}
	e := keyEntry{rejected: flags&logRejected != 0}
	e.row = get(logRow, s.row+1)
	if s.whole {
		e.hash = intHash(get(logKey, int64(s.hash.hi)+1))
	} else {
		var h [16]byte
		if _, err := io.ReadFull(r, h[:]); err != nil {
			return e, io.ErrUnexpectedEOF
		}
		e.hash = keyHash{binary.LittleEndian.Uint64(h[:]), binary.LittleEndian.Uint64(h[8:])}
	}
	s.gap = get(logGap, s.gap)
	e.off = s.off + s.size + s.gap
	e.line = get(logLine, s.line+1)
	e.at = e.off + get(logShift, s.at-s.off)
	e.size = int64(n.uvarint())
	if n.err == nil && (e.row < 0 || e.off < 0 || e.at < 0 || e.size < 0) {
		n.err = errors.New("a log of keys that counts backwards")
	}
	if n.err == nil && flags&logRaw != 0 {
		if e.size > maxLogged {
			return e, errors.New("a log of keys with a record that is too long")
		}
		e.raw = make([]byte, e.size)
		_, n.err = io.ReadFull(r, e.raw)
		n.cut()
	}
	s.keyEntry = e
	return e, n.err
}

// A keyLog is being written.
type keyLog struct {
	whole     bool
	log, back logFile
	files     keyFiles
	// top is the greatest number so far, set says that there is one; low counts
	// the rows that did not go beyond it.
	top int64
	set bool
	low int64
}

// A logFile is a log being written.
type logFile struct {
	*shelfFile
	state logState
}

// maxLogged is how long a record may be that stands in a log.
const maxLogged = 2 << 10

// goesBack: the numbers of the key count up, and this one does not. That is what
// a row looks like that came before: it is staged apart, and its record is
// logged, so that leaving it out rewrites no large file and reads nothing of the
// landed one. Where many rows go back the numbers are in no order, and it says
// nothing.
func (k *keyLog) goesBack(e *keyEntry) bool {
	if !k.whole || k.low > 1<<10+e.row>>6 {
		return false
	}
	v := int64(e.hash.hi)
	if !k.set || v > k.top {
		k.top, k.set = v, true
		return false
	}
	k.low++
	return true
}

// add logs an open key; rows come in order.
func (k *keyLog) add(p *partRun, i int, e *keyEntry, back bool) error {
	f, name := &k.log, "keys"
	if back {
		f, name = &k.back, "back"
	}
	if f.shelfFile == nil {
		w, err := p.file(fmt.Sprintf("%s-%d.bin", name, i))
		if err != nil {
			return err
		}
		*f = logFile{w, logState{whole: k.whole}}
	}
	f.b = f.state.append(f.b, e)
	f.n++
	if len(f.b) < logBlock {
		return nil
	}
	return f.flush()
}

// logBlock is how much of a log is written at once.
const logBlock = 32 << 10

// flush writes what was logged.
func (f *logFile) flush() error {
	if f.shelfFile == nil {
		return nil
	}
	f.size += int64(len(f.b))
	_, err := f.buf.Write(f.b)
	f.b = f.b[:0]
	return err
}

func (k *keyLog) abort() {
	k.log.abort()
	k.back.abort()
}

// finish closes the logs, and writes the bitmap where the segment has one that is
// smaller.
func (k *keyLog) finish(p *partRun, i int, seen *seenKeys) error {
	if err := errors.Join(k.log.flush(), k.back.flush(), k.log.close(), k.back.close()); err != nil {
		return err
	}
	k.files.Log, k.files.Back = k.log.shelved(), k.back.shelved()
	if seen.full || seen.ints == nil || seen.ints.bytes() > max(k.files.Log.Bytes, 2<<pageBits) {
		return nil
	}
	f, err := p.file(fmt.Sprintf("set-%d.bin", i))
	if err != nil {
		return err
	}
	defer f.abort()
	last := int64(0)
	for _, at := range seen.ints.order() {
		f.b = binary.AppendVarint(f.b[:0], at-last)
		for _, w := range seen.ints.pages[at] {
			f.b = binary.LittleEndian.AppendUint64(f.b, w)
		}
		if err := f.put(f.b); err != nil {
			return err
		}
		last = at
	}
	if err := f.close(); err != nil {
		return err
	}
	k.files.Set = f.shelved()
	return nil
}

// order are the numbers of the pages.
func (s *intSet) order() []int64 {
	at := make([]int64, 0, len(s.pages))
	for i := range s.pages {
		at = append(at, i)
	}
	slices.Sort(at)
	return at
}

// join adds the pages of a bitmap, and returns those of the numbers that the set
// had before.
func (s *intSet) join(r *bufio.Reader) (had *intSet, err error) {
	had = &intSet{pages: map[int64]*intPage{}}
	n := numbers{r: r}
	var words [8 << (pageBits - 6)]byte
	at := int64(0)
	for {
		if _, err := r.Peek(1); errors.Is(err, io.EOF) {
			return had, nil
		}
		at += n.varint()
		if n.err != nil {
			return nil, n.err
		}
		if _, err := io.ReadFull(r, words[:]); err != nil {
			return nil, io.ErrUnexpectedEOF
		}
		p := s.page(at<<pageBits, true)
		var both *intPage
		for w := range p {
			word := binary.LittleEndian.Uint64(words[8*w:])
			if x := p[w] & word; x != 0 {
				if both == nil {
					both = had.page(at<<pageBits, true)
				}
				both[w] = x
				had.n += int64(bits.OnesCount64(x))
			}
			s.n += int64(bits.OnesCount64(word &^ p[w]))
			p[w] |= word
		}
	}
}
