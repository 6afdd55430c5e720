package gate

import (
	"bufio"
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"slices"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

// A lateEntry is a row that repeats the key of an earlier row of its file.
type lateEntry struct {
	seg int
	key int
	keyEntry
}

func (m *merger) lateSorter() *sorter[lateEntry] {
	return &sorter[lateEntry]{dir: m.opt.Tmp, limit: int(max(m.opt.keyMemory()/160, 1<<10)),
		order: func(a, b lateEntry) int {
			return cmp.Or(cmp.Compare(a.seg, b.seg), cmp.Compare(a.row, b.row), cmp.Compare(a.key, b.key))
		},
		weight: func(e lateEntry) int { return 1 + len(e.raw)/160 },
		encode: func(b []byte, e lateEntry) []byte {
			b = appendUvarint(b, uint64(e.seg))
			b = appendKeyEntry(appendUvarint(b, uint64(e.key)), e.keyEntry)
			return appendText(b, e.raw)
		},
		decode: func(r *bufio.Reader) (e lateEntry, err error) {
			if _, err := r.Peek(1); err != nil {
				return e, err
			}
			n := numbers{r: r}
			e.seg, e.key = int(n.uvarint()), int(n.uvarint())
			if n.err != nil {
				return e, n.err
			}
			if e.keyEntry, err = readKeyEntry(r); err != nil {
				return e, err
			}
			if raw := n.text(); raw != "" {
				e.raw = []byte(raw)
			}
			return e, n.err
		}}
}

// shelfError tells a file that ends too early from one that ends.
func shelfError(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return pipeline.Errorf(pipeline.CodeInvalid, "a file of the shelf is cut short").WithHint("judge the ranges again")
	}
	return err
}

// shelfReader reads a file of the shelf block by block, so that a merge of many
// holds no connection open while it reads from others.
type shelfReader struct {
	ctx        context.Context
	shelf      Shelf
	name       string
	size, next int64
	block      []byte
}

// shelfBlock is what one call fetches.
const shelfBlock = 256 << 10

func (s *shelfReader) Read(p []byte) (int, error) {
	if len(s.block) == 0 {
		if s.next >= s.size {
			return 0, io.EOF
		}
		n := min(shelfBlock, s.size-s.next)
		body, err := s.shelf.Open(s.ctx, s.name, s.next, n)
		if err != nil {
			return 0, err
		}
		b := make([]byte, n)
		_, err = io.ReadFull(body, b)
		if cerr := body.Close(); err == nil {
			err = cerr
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return 0, shelfError(err)
		}
		s.block = b
		s.next += n
	}
	n := copy(p, s.block)
	s.block = s.block[n:]
	return n, nil
}

// rejects writes the reasons of all rejects in the order of the file: those
// that the segments found, and those of rows that repeat a key.
func (m *merger) rejects(ctx context.Context) error {
	w := &rejectWriter{m: m}
	seg := -1
	// upTo writes what the segments found before a row of one of them.
	upTo := func(s int, row int64) error {
		for seg < s {
			if err := w.rest(); err != nil {
				return err
			}
			if seg++; seg < len(m.segs) {
				if err := w.open(ctx, m.segs[seg]); err != nil {
					return err
				}
			}
		}
		return w.before(row)
	}
	var row []lateEntry
	flush := func() error {
		if len(row) == 0 {
			return nil
		}
		if err := upTo(row[0].seg, row[0].row); err != nil {
			return err
		}
		err := w.late(ctx, row)
		row = row[:0]
		return err
	}
	err := m.late.each(func(e lateEntry) error {
		if len(row) > 0 && (row[0].seg != e.seg || row[0].row != e.row) {
			if err := flush(); err != nil {
				return err
			}
		}
		row = append(row, e)
		return nil
	})
	if err == nil {
		err = flush()
	}
	if err == nil && m.r.sink != nil {
		err = upTo(len(m.segs), 0)
	}
	m.records.close()
	if err != nil {
		return err
	}
	for i := range m.r.samples {
		x := m.r.samples[i]
		slices.SortStableFunc(x, func(a, b Sample) int { return cmp.Compare(a.Row, b.Row) })
		m.r.samples[i] = x[:min(len(x), m.opt.Samples)]
	}
	if m.r.sink != nil {
		return m.r.sink.flush()
	}
	return nil
}

// A rejectWriter writes the reasons of one segment after the other.
type rejectWriter struct {
	m    *merger
	seg  *mergedSegment
	log  *bufio.Reader
	head reason
	has  bool
	// shown counts the samples that a key's rule got from late rows.
	shown map[int]int
}

func (w *rejectWriter) open(ctx context.Context, s *mergedSegment) error {
	w.seg, w.log, w.has = s, nil, false
	if w.m.r.sink == nil || s.Rejects.N == 0 {
		return nil
	}
	w.log = bufio.NewReaderSize(&shelfReader{ctx: ctx, shelf: w.m.shelf, name: s.Rejects.Name, size: s.Rejects.Bytes}, 4<<10)
	return w.next()
}

func (w *rejectWriter) next() error {
	x, err := readReason(w.log, w.m.g)
	if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		w.has = false
		return nil
	}
	w.head, w.has = x, err == nil
	return shelfError(err)
}

func (w *rejectWriter) rest() error { return w.before(1 << 62) }

// before writes what the segment found of rows before row.
func (w *rejectWriter) before(row int64) error {
	for w.has && w.head.Row < row {
		if err := w.put(w.head); err != nil {
			return err
		}
		if err := w.next(); err != nil {
			return err
		}
	}
	return nil
}

// put writes a reason whose numbers count from the segment's start.
func (w *rejectWriter) put(x reason) error {
	rj := x.Reject
	rj.Row += w.seg.row
	if w.m.g.feed.Format != contract.Parquet {
		rj.Line += w.seg.line
		rj.Start += w.seg.decoded
		rj.End += w.seg.decoded
	}
	k := w.m.r.sink
	if err := k.put(rj, []byte(x.raw), x.first); err != nil {
		return err
	}
	if len(k.table.sel) >= 1000 {
		return k.flush()
	}
	return nil
}

// late adds the keys that a row repeats to what else is wrong with it.
func (w *rejectWriter) late(ctx context.Context, row []lateEntry) error {
	m, r := w.m, w.m.r
	var reasons []reason
	for w.has && w.head.Row == row[0].row {
		reasons = append(reasons, w.head)
		if err := w.next(); err != nil {
			return err
		}
	}
	var s *sheet
	var raw []byte
	rejects := false
	for _, e := range row {
		rule := m.g.keys[e.key].rule
		ru := &m.g.rules[rule]
		r.tally[rule].failed++
		rejects = rejects || ru.rejects
		if w.shown == nil {
			w.shown = map[int]int{}
		}
		if s == nil && (w.shown[rule] < m.opt.Samples || ru.rejects && r.sink != nil) {
			var err error
			if s, raw, err = m.reread(ctx, w.seg, e.keyEntry); err != nil {
				return err
			}
		}
		if w.shown[rule] < m.opt.Samples {
			w.shown[rule]++
			x := Sample{Row: e.row, Line: e.line, Value: r.value(s, rule, 0)}
			r.samples[rule] = append(r.samples[rule], x.moved(w.seg.row, w.seg.line))
		}
		if !ru.rejects || r.sink == nil {
			continue
		}
		rj := Reject{Row: e.row, Code: ru.name, Column: ru.field, Rule: ru.id, Expected: ru.want, rule: rule, Value: r.value(s, rule, 0)}
		if m.g.feed.Format != contract.Parquet {
			h := codec.RecordHash(raw)
			rj.Line, rj.Start, rj.End, rj.Hash = e.line, e.off, e.off+int64(len(raw)), hex.EncodeToString(h[:])
		}
		reasons = append(reasons, reason{Reject: rj})
	}
	if rejects && !row[0].rejected {
		r.rows.Accepted--
		r.rows.Rejected++
		if err := w.m.leave(ctx, w.seg, row[0].row); err != nil {
			return err
		}
	}
	if r.sink == nil {
		return nil
	}
	slices.SortStableFunc(reasons, func(a, b reason) int { return cmp.Compare(a.rule, b.rule) })
	had := slices.IndexFunc(reasons, func(x reason) bool { return x.first })
	if had >= 0 {
		raw = []byte(reasons[had].raw)
	}
	for i := range reasons {
		reasons[i].first, reasons[i].raw = i == 0, string(raw)
		if err := w.put(reasons[i]); err != nil {
			return err
		}
	}
	return nil
}
