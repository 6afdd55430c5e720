package gate

import (
	"bufio"
	"context"
	"errors"
	"io"
	"slices"
)

// repeats finds the rows whose key an earlier row has, over all segments, in the
// memory that one pass would have: by the segments' bitmaps where they have
// them, else key by key, and what memory has no room for is spilled.
func (m *merger) repeats(ctx context.Context) error {
	m.late = m.lateSorter()
	sp, err := newSpill(m.opt.Tmp, len(m.g.keys), m.opt.keyMemory()/4)
	if err != nil {
		return err
	}
	defer sp.close()
	spilled := false
	for k, key := range m.g.keys {
		seen := newSeenKeys(key, m.opt.keyMemory()/int64(len(m.g.keys)))
		for i, s := range m.segs {
			more, err := m.repeatsOf(ctx, seen, k, i, s, sp)
			if err != nil {
				return err
			}
			spilled = spilled || more
			seen.settle()
		}
	}
	if !spilled {
		return nil
	}
	return m.spilled(ctx, sp)
}

// repeatsOf looks up the keys of one segment among those of the segments before
// it; spilled says that some are undecided.
func (m *merger) repeatsOf(ctx context.Context, seen *seenKeys, k, i int, s *mergedSegment, sp *spill) (spilled bool, err error) {
	files := s.Keys[k]
	if files.Set.N > 0 && seen.ints != nil && !seen.full {
		return false, m.repeatsBySet(ctx, seen, k, i, files)
	}
	n := 0
	err = m.logged(ctx, k, files, func(e keyEntry) error {
		if n++; n%(1<<14) == 0 {
			seen.settle()
		}
		switch seen.add(e.hash) {
		case repeated:
			return m.late.add(lateEntry{i, k, e})
		case undecided:
			spilled = true
			return sp.put(k, spillEntry{e.hash, s.row + e.row, e.rejected})
		}
		return nil
	})
	return spilled, err
}

// repeatsBySet looks up the numbers of a segment by its bitmap. Those that were
// there are most often those of rows that go back, which have a log of their own.
func (m *merger) repeatsBySet(ctx context.Context, seen *seenKeys, k, i int, files keyFiles) error {
	had, err := seen.ints.join(m.open(ctx, files.Set))
	if err != nil {
		return shelfError(err)
	}
	found := int64(0)
	for _, f := range []keyFiles{{Back: files.Back}, {Log: files.Log}} {
		if found == had.n {
			return nil
		}
		err := m.logged(ctx, k, f, func(e keyEntry) error {
			if !had.has(int64(e.hash.hi)) {
				return nil
			}
			found++
			return m.late.add(lateEntry{i, k, e})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *merger) open(ctx context.Context, f shelved) *bufio.Reader {
	return bufio.NewReaderSize(&shelfReader{ctx: ctx, shelf: m.shelf, name: f.Name, size: f.Bytes}, 16<<10)
}

// A logReader reads the logs of one key of a segment, in order of row.
type logReader struct {
	logs []*logHead
}

type logHead struct {
	r     *bufio.Reader
	state logState
	at    keyEntry
}

func (m *merger) logs(ctx context.Context, k int, f keyFiles) (*logReader, error) {
	l := &logReader{}
	for _, f := range []shelved{f.Log, f.Back} {
		if f.N == 0 {
			continue
		}
		h := &logHead{r: m.open(ctx, f), state: logState{whole: m.g.keys[k].whole()}}
		var err error
		if h.at, err = h.state.next(h.r); err != nil {
			return nil, shelfError(err)
		}
		l.logs = append(l.logs, h)
	}
	return l, nil
}

// next is the next entry; io.EOF at the end.
func (l *logReader) next() (keyEntry, error) {
	if len(l.logs) == 0 {
		return keyEntry{}, io.EOF
	}
	i := 0
	if len(l.logs) > 1 && l.logs[1].at.row < l.logs[0].at.row {
		i = 1
	}
	h := l.logs[i]
	e := h.at
	var err error
	if h.at, err = h.state.next(h.r); errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		l.logs = slices.Delete(l.logs, i, i+1)
		err = nil
	}
	return e, shelfError(err)
}

// logged yields the entries of a segment's logs of key k, in order of row.
func (m *merger) logged(ctx context.Context, k int, f keyFiles, yield func(keyEntry) error) error {
	l, err := m.logs(ctx, k, f)
	if err != nil {
		return err
	}
	for {
		e, err := l.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := yield(e); err != nil {
			return err
		}
	}
}

// A logCursor finds rows in the logs of one key, in their order.
type logCursor struct {
	seg  int
	logs *logReader
}

// spilled finds out which of the spilled keys are repeated, and where their rows
// lie.
func (m *merger) spilled(ctx context.Context, sp *spill) error {
	if err := sp.resolve(); err != nil {
		return err
	}
	cursors := make([]logCursor, len(m.g.keys))
	return sp.late(func(l lateRow) error {
		c := &cursors[l.key]
		for c.seg+1 < len(m.segs) && m.segs[c.seg+1].row <= l.row {
			c.seg, c.logs = c.seg+1, nil
		}
		s := m.segs[c.seg]
		if c.logs == nil {
			var err error
			if c.logs, err = m.logs(ctx, l.key, s.Keys[l.key]); err != nil {
				return err
			}
		}
		for {
			e, err := c.logs.next()
			if errors.Is(err, io.EOF) {
				err = shelfError(io.ErrUnexpectedEOF)
			}
			if err != nil {
				return err
			}
			if e.row == l.row-s.row {
				return m.late.add(lateEntry{c.seg, l.key, e})
			}
		}
	})
}
