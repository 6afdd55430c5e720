package gate

import (
	"bufio"
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

// Merged is what the ranges of a file come to.
type Merged struct {
	// Report is what Judge would have reported, but for the names and sizes of
	// the files of accepted rows.
	Report *Report
	// Files of accepted rows, in the order of the file. Those with LeaveOut hold
	// rows that have to go before they are published.
	Files []MergedFile
	// Again counts the segments that had to be judged again, since no
	// hypothesis about where they start was right.
	Again int
}

// A MergedFile is a staged file of accepted rows.
type MergedFile struct {
	// Name on the shelf.
	Name string
	// Rows without those to leave out.
	Rows int64
	// Bytes of the file as it stands on the shelf.
	Bytes int64
	// LeaveOut is the name on the shelf of a list of the rows to leave out, "" if
	// there are none: rows whose key an earlier range has (see ReadLeaveOut).
	LeaveOut string
}

// Merge makes one report of the judgements of all ranges of a layout, and
// writes the rejects to opt.Output. Every range must have been judged
// (JudgeRange). It reads from the file itself only what no range could know: the
// records that repeat a key of an earlier range, and segments that no
// hypothesis was right about. Errors: not_found for a part that is missing,
// invalid for one of another layout or version; those of Input and shelf.
func (g *Gate) Merge(ctx context.Context, in Input, l *Layout, shelf Shelf, opt Options) (*Merged, error) {
	if err := l.check(g, in); err != nil {
		return nil, err
	}
	opt = opt.withDefaults()
	start := opt.now()
	m := &merger{g: g, in: in, l: l, shelf: shelf, opt: opt, r: newRun(g, in, opt)}
	m.r.sets = nil
	err := m.merge(ctx)
	if m.r.sink != nil {
		if cerr := m.r.sink.close(err); err == nil {
			err = cerr
		}
	}
	if err != nil {
		return nil, err
	}
	rep := m.r.report(nil)
	files := rep.Files
	rep.Files = nil
	for _, f := range m.files {
		rep.Files = append(rep.Files, File{f.Name, f.Rows, f.Bytes})
	}
	rep.Files = append(rep.Files, files...)
	if opt.Now != nil {
		rep.Duration = opt.now().Sub(start).Seconds()
	}
	return &Merged{Report: rep, Files: m.files, Again: m.again}, nil
}

type merger struct {
	g     *Gate
	in    Input
	l     *Layout
	shelf Shelf
	opt   Options
	r     *run
	segs  []*mergedSegment
	names *foldedNames
	late  *sorter[lateEntry]
	files []MergedFile
	again int

	records rereader
}

// A mergedSegment is a segment and what lies before it.
type mergedSegment struct {
	*segment
	row, line, decoded int64
	leave              *leaver
}

func (m *merger) merge(ctx context.Context) error {
	if err := m.chain(ctx); err != nil {
		return err
	}
	if err := m.match(); err != nil {
		return err
	}
	if err := m.r.startReferences(ctx); err != nil {
		return err
	}
	if err := m.r.startFeedKeys(ctx); err != nil {
		return err
	}
	if m.opt.Output != nil {
		var err error
		if m.r.sink, err = newSink(ctx, m.r); err != nil {
			return err
		}
	}
	defer func() {
		if m.late != nil {
			m.late.close()
		}
		for _, s := range m.segs {
			s.leave.abort()
		}
	}()
	if err := m.repeats(ctx); err != nil {
		return err
	}
	if err := m.rejects(ctx); err != nil {
		return err
	}
	return m.staged()
}

// chain selects, range by range, the judgement that begins where the range
// before it ended.
func (m *merger) chain(ctx context.Context) error {
	m.names = &foldedNames{columns: m.l.Begin.Columns}
	if m.g.jsonl() {
		m.names.columns = m.g.columnNames()
	}
	line, decoded := m.l.Begin.Line-1, m.l.Begin.Decoded
	var row int64
	add := func(s *segment) {
		m.segs = append(m.segs, &mergedSegment{segment: s, row: row, line: line, decoded: decoded})
		m.fold(s, row, line)
		row, line, decoded = row+s.Rows.Read, line+s.Lines, decoded+s.Decoded
		s.Profile = nil // folded: let go
	}
	at := m.l.Ranges[0].From
	for i, r := range m.l.Ranges {
		p, err := m.part(ctx, i)
		if err != nil {
			return err
		}
		if i > 0 && (at < 0 || at >= r.To) {
			continue // a record of an earlier range reaches over this one
		}
		segs, err := m.choose(ctx, p, r, at)
		if err != nil {
			return err
		}
		for _, s := range segs {
			add(s)
			at = s.End
		}
	}
	return nil
}

// part reads a part from the shelf.
func (m *merger) part(ctx context.Context, i int) (*Part, error) {
	body, err := m.shelf.Open(ctx, PartName(i), 0, -1)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	var p Part
	if err := json.NewDecoder(body).Decode(&p); err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: the part of range %d cannot be read: %w", m.in.Name, i, err).WithHint("judge the range again")
	}
	rules := func(s *segment) bool {
		return s == nil || len(s.Tally) == len(m.g.rules) && len(s.Samples) == len(m.g.rules) && len(s.Keys) == len(m.g.keys) && s.Profile != nil
	}
	ok := p.Version == LayoutVersion && p.Index == i && rules(p.Body)
	for _, h := range p.Heads {
		ok = ok && h != nil && rules(h)
	}
	if !ok {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: the part of range %d is of another layout or version", m.in.Name, i).WithHint("judge the range again")
	}
	return &p, nil
}

// choose returns the segments of a range whose first record starts at the byte
// at, judging again what no hypothesis was right about.
func (m *merger) choose(ctx context.Context, p *Part, r Range, at int64) ([]*segment, error) {
	if p.Body != nil && p.Body.Start == at {
		return []*segment{p.Body}, nil
	}
	whole := func(s *segment) bool { return s.End < 0 || s.End >= r.To }
	for _, h := range p.Heads {
		switch {
		case h.Start != at:
		case p.Body != nil && h.End == p.Body.Start:
			return []*segment{h, p.Body}, nil
		case whole(h):
			return []*segment{h}, nil
		}
	}
	m.again++
	opt := m.opt
	opt.Sketches = p.Sketches
	j := &rangeJudge{g: m.g, in: m.in, l: m.l, shelf: m.shelf, opt: opt, prefix: fmt.Sprintf("m%06d", p.Index)}
	if p.Body != nil && at < p.Body.Start {
		h, err := j.segment(ctx, "head", at, p.Body.Start, 0)
		if err != nil {
			return nil, err
		}
		if h.End == p.Body.Start {
			return []*segment{h, p.Body}, nil
		}
	}
	s, err := j.segment(ctx, "again", at, r.To, 0)
	return []*segment{s}, err
}

// fold adds a segment's state to the run's.
func (m *merger) fold(s *segment, row, line int64) {
	r := m.r
	r.rows = r.rows.Add(s.Rows)
	r.bad += s.Bad
	for f, n := range s.Faults {
		r.faults[f] += n
	}
	for i, c := range s.Tally {
		r.tally[i].evaluated += c[0]
		r.tally[i].failed += c[1]
	}
	for i, xs := range s.Samples {
		for _, x := range xs {
			if len(r.samples[i]) >= m.opt.Samples && !m.keyRule(i) {
				break
			}
			r.samples[i] = append(r.samples[i], x.moved(row, line))
		}
	}
	m.names.add(s.Seen, s.Extra)
	r.prof.merge(s.Profile.profiler(m.g))
}

// moved is a sample whose row and line counted from a segment's start.
func (x Sample) moved(row, line int64) Sample {
	x.Row += row
	if x.Line > 0 {
		x.Line += line
	}
	return x
}

func (m *merger) keyRule(rule int) bool {
	return slices.ContainsFunc(m.g.keys, func(k *key) bool { return k.rule == rule })
}

// foldedNames are the columns of a file as its segments saw them.
type foldedNames struct {
	columns []string
	seen    []bool
	extra   []string
	have    map[string]bool
}

func (f *foldedNames) add(seen []bool, extra []string) {
	if f.seen == nil {
		f.seen, f.have = make([]bool, len(f.columns)), map[string]bool{}
	}
	for i := range min(len(seen), len(f.seen)) {
		f.seen[i] = f.seen[i] || seen[i]
	}
	for _, name := range extra {
		if !f.have[name] && len(f.extra) < codec.MaxExtra {
			f.have[name] = true
			f.extra = append(f.extra, name)
		}
	}
}

// Columns, Next, Seen and Extra stand in for the reader that a run has.
func (f *foldedNames) Columns() []string                        { return f.columns }
func (f *foldedNames) Next(context.Context, *codec.Chunk) error { return io.EOF }

type foldedKeys struct{ *foldedNames }

func (f foldedKeys) Seen() []bool    { return f.seen }
func (f foldedKeys) Extra() []string { return slices.Sorted(slices.Values(f.extra)) }

// match gives the run the columns that the file has.
func (m *merger) match() error {
	m.r.rdr = m.names
	if m.g.jsonl() {
		m.r.rdr = foldedKeys{m.names}
	}
	return m.r.match()
}

// A lateEntry is a row that repeats the key of an earlier row of its file.
type lateEntry struct {
	seg int
	key int
	keyEntry
}

func (m *merger) lateSorter() *sorter[lateEntry] {
	s := newKeySorter(m.opt.Tmp, 0)
	return &sorter[lateEntry]{dir: s.dir, limit: int(max(m.opt.keyMemory()/160, 1<<10)),
		order: func(a, b lateEntry) int {
			return cmp.Or(cmp.Compare(a.seg, b.seg), cmp.Compare(a.row, b.row), cmp.Compare(a.key, b.key))
		},
		encode: func(b []byte, e lateEntry) []byte {
			b = appendUvarint(b, uint64(e.seg))
			return appendKeyEntry(appendUvarint(b, uint64(e.key)), e.keyEntry)
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
			e.keyEntry, err = readKeyEntry(r)
			return e, err
		}}
}

// repeats finds the rows whose key an earlier row has, over all segments: each
// segment's keys lie sorted by their hashes.
func (m *merger) repeats(ctx context.Context) error {
	m.late = m.lateSorter()
	for k := range m.g.keys {
		var streams []stream[lateEntry]
		for i, s := range m.segs {
			if s.Keys[k].N == 0 {
				continue
			}
			r := bufio.NewReaderSize(&shelfReader{ctx: ctx, shelf: m.shelf, name: s.Keys[k].Name, size: s.Keys[k].Bytes}, 4<<10)
			streams = append(streams, func() (lateEntry, error) {
				e, err := readKeyEntry(r)
				return lateEntry{i, k, e}, shelfError(err)
			})
		}
		var last keyHash
		first := true
		err := mergeStreams(streams, func(a, b lateEntry) int {
			return cmp.Or(cmp.Compare(a.hash.lo, b.hash.lo), cmp.Compare(a.hash.hi, b.hash.hi), cmp.Compare(a.seg, b.seg), cmp.Compare(a.row, b.row))
		}, func(e lateEntry) error {
			if !first && e.hash == last {
				return m.late.add(e)
			}
			first, last = false, e.hash
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
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
