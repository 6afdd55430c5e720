package gate

import (
	"bufio"
	"context"
	"errors"
	"io"
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
		had, err := seen.ints.join(m.open(ctx, files.Set))
		if err != nil || had.n == 0 {
			return false, shelfError(err)
		}
		return false, m.logged(ctx, k, files, func(e keyEntry) error {
			if !had.has(int64(e.hash.hi)) {
				return nil
			}
			return m.late.add(lateEntry{i, k, e})
		})
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

func (m *merger) open(ctx context.Context, f shelved) *bufio.Reader {
	return bufio.NewReaderSize(&shelfReader{ctx: ctx, shelf: m.shelf, name: f.Name, size: f.Bytes}, 16<<10)
}

// logged yields the entries of a segment's log of key k.
func (m *merger) logged(ctx context.Context, k int, f keyFiles, yield func(keyEntry) error) error {
	if f.Log.N == 0 {
		return nil
	}
	r, state := m.open(ctx, f.Log), logState{whole: m.g.keys[k].whole()}
	for {
		e, err := state.next(r)
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return shelfError(err)
		}
		if err := yield(e); err != nil {
			return err
		}
	}
}

// A logCursor finds rows in the logs of one key, in their order.
type logCursor struct {
	seg   int
	r     *bufio.Reader
	state logState
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
			c.seg, c.r = c.seg+1, nil
		}
		s := m.segs[c.seg]
		if c.r == nil {
			c.r, c.state = m.open(ctx, s.Keys[l.key].Log), logState{whole: m.g.keys[l.key].whole()}
		}
		for {
			e, err := c.state.next(c.r)
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			if err != nil {
				return shelfError(err)
			}
			if e.row == l.row-s.row {
				return m.late.add(lateEntry{c.seg, l.key, e})
			}
		}
	})
}
