package gate

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"slices"

	"github.com/assay-pipeline/assay/pipeline"
)

// A spill holds the keys that memory had no room for: per key, files of
// (hash, row) by the leading bits of the hash. At the end each file that fits
// into memory is sorted, one that does not is divided further, and the rows
// that repeat an earlier key come out in order of row.
type spill struct {
	dir   string
	limit int64
	keys  []*spillKey
	// log has what the rejects need of each undecided row, in order of row.
	log *spillFile
	// scratch counts the files made.
	made int
}

type spillKey struct {
	parts [spillParts]*spillFile
	runs  []string // sorted files of late rows
}

const (
	spillParts = 16
	entryBytes = 25 // hash, row, whether the row is rejected for another reason
)

type spillFile struct {
	f *os.File
	w *bufio.Writer
	n int64
}

type spillEntry struct {
	hash     keyHash
	row      int64
	rejected bool
}

func newSpill(tmp string, keys int, limit int64) (*spill, error) {
	dir, err := os.MkdirTemp(tmp, "assay-gate-")
	if err != nil {
		return nil, spillError(err)
	}
	s := &spill{dir: dir, limit: max(limit, 1<<16)}
	for range keys {
		s.keys = append(s.keys, &spillKey{})
	}
	return s, nil
}

func spillError(err error) error {
	if err == nil {
		return nil
	}
	return pipeline.Errorf(pipeline.CodeUnavailable, "spilling keys to disk: %w", err).
		WithHint("give ASSAY_TMP a directory with room, or raise ASSAY_MEMORY")
}

func (s *spill) file() (*spillFile, error) {
	f, err := os.CreateTemp(s.dir, "k")
	if err != nil {
		return nil, spillError(err)
	}
	s.made++
	return &spillFile{f: f, w: bufio.NewWriterSize(f, 16<<10)}, nil
}

// close removes everything.
func (s *spill) close() {
	for _, k := range s.keys {
		for _, p := range k.parts {
			p.close()
		}
	}
	s.log.close()
	_ = os.RemoveAll(s.dir) // what is left is temporary
}

func (f *spillFile) close() {
	if f != nil && f.f != nil {
		_ = f.f.Close() // nothing that was written is needed any more
		f.f = nil
	}
}

// put adds an undecided row of key k.
func (s *spill) put(k int, e spillEntry) error {
	return s.putPart(&s.keys[k].parts, e, 0)
}

func (s *spill) putPart(parts *[spillParts]*spillFile, e spillEntry, depth uint) error {
	i := e.hash.hash() >> (60 - 4*depth) & 15
	if parts[i] == nil {
		var err error
		if parts[i], err = s.file(); err != nil {
			return err
		}
	}
	var b [entryBytes]byte
	binary.LittleEndian.PutUint64(b[0:], e.hash.lo)
	binary.LittleEndian.PutUint64(b[8:], e.hash.hi)
	binary.LittleEndian.PutUint64(b[16:], uint64(e.row))
	if e.rejected {
		b[24] = 1
	}
	parts[i].n++
	_, err := parts[i].w.Write(b[:])
	return spillError(err)
}

func (h keyHash) hash() uint64 { return h.lo }

func decodeEntry(b []byte) spillEntry {
	return spillEntry{keyHash{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])},
		int64(binary.LittleEndian.Uint64(b[16:])), b[24] != 0}
}

// resolve finds the late rows of all keys, as sorted runs on disk.
func (s *spill) resolve() error {
	for _, k := range s.keys {
		for _, p := range k.parts {
			if p == nil {
				continue
			}
			if err := s.divide(k, p, 1); err != nil {
				return err
			}
		}
	}
	return nil
}

// divide sorts a file that fits into memory, and splits any other.
func (s *spill) divide(k *spillKey, p *spillFile, depth uint) error {
	defer p.close()
	if err := p.rewind(); err != nil {
		return err
	}
	r := bufio.NewReaderSize(p.f, 64<<10)
	var b [entryBytes]byte
	if p.n*32 > s.limit && depth < 15 {
		var parts [spillParts]*spillFile
		for range p.n {
			if _, err := io.ReadFull(r, b[:]); err != nil {
				return spillError(err)
			}
			if err := s.putPart(&parts, decodeEntry(b[:]), depth); err != nil {
				return err
			}
		}
		p.remove()
		for _, sub := range parts {
			if sub == nil {
				continue
			}
			if err := s.divide(k, sub, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	entries := make([]spillEntry, 0, p.n)
	for range p.n {
		if _, err := io.ReadFull(r, b[:]); err != nil {
			return spillError(err)
		}
		entries = append(entries, decodeEntry(b[:]))
	}
	p.remove()
	slices.SortFunc(entries, func(x, y spillEntry) int {
		return cmp.Or(cmp.Compare(x.hash.lo, y.hash.lo), cmp.Compare(x.hash.hi, y.hash.hi), cmp.Compare(x.row, y.row))
	})
	late := entries[:0]
	for i := len(entries) - 1; i > 0; i-- { // from behind, since late overwrites the front
		if entries[i].hash != entries[i-1].hash {
			entries[i].row = -1
		}
	}
	if len(entries) > 0 {
		entries[0].row = -1
	}
	for _, e := range entries {
		if e.row >= 0 {
			late = append(late, e)
		}
	}
	if len(late) == 0 {
		return nil
	}
	slices.SortFunc(late, func(x, y spillEntry) int { return cmp.Compare(x.row, y.row) })
	out, err := s.file()
	if err != nil {
		return err
	}
	defer out.close()
	for _, e := range late {
		var b [9]byte
		binary.LittleEndian.PutUint64(b[:], uint64(e.row))
		if e.rejected {
			b[8] = 1
		}
		if _, err := out.w.Write(b[:]); err != nil {
			return spillError(err)
		}
	}
	k.runs = append(k.runs, out.f.Name())
	return spillError(out.w.Flush())
}

func (f *spillFile) rewind() error {
	if err := f.w.Flush(); err != nil {
		return spillError(err)
	}
	_, err := f.f.Seek(0, io.SeekStart)
	return spillError(err)
}

func (f *spillFile) remove() {
	name := f.f.Name()
	f.close()
	_ = os.Remove(name) // close of the spill removes the folder anyway
}

// A lateRow is a row that repeats an earlier key.
type lateRow struct {
	row      int64
	key      int
	rejected bool
}

// late yields the late rows of all keys in order of row, then key.
func (s *spill) late(yield func(lateRow) error) error {
	type run struct {
		r    *bufio.Reader
		f    *os.File
		head lateRow
	}
	var runs []*run
	defer func() {
		for _, r := range runs {
			_ = r.f.Close() // only read
		}
	}()
	next := func(r *run) (bool, error) {
		var b [9]byte
		if _, err := io.ReadFull(r.r, b[:]); err != nil {
			if errors.Is(err, io.EOF) {
				return false, nil
			}
			return false, spillError(err)
		}
		r.head.row, r.head.rejected = int64(binary.LittleEndian.Uint64(b[:])), b[8] != 0
		return true, nil
	}
	for i, k := range s.keys {
		for _, name := range k.runs {
			f, err := os.Open(name)
			if err != nil {
				return spillError(err)
			}
			r := &run{r: bufio.NewReaderSize(f, 4<<10), f: f, head: lateRow{key: i}}
			runs = append(runs, r)
			if _, err := next(r); err != nil {
				return err
			}
		}
	}
	order := func(a, b *run) int {
		return cmp.Or(cmp.Compare(a.head.row, b.head.row), cmp.Compare(a.head.key, b.head.key))
	}
	open := slices.Clone(runs)
	slices.SortFunc(open, order)
	for len(open) > 0 {
		r := open[0]
		if err := yield(r.head); err != nil {
			return err
		}
		more, err := next(r)
		if err != nil {
			return err
		}
		open = open[1:]
		if more {
			i, _ := slices.BinarySearchFunc(open, r, order)
			open = slices.Insert(open, i, r)
		}
	}
	return nil
}
