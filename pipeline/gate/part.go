package gate

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

// A Shelf keeps what is between the judgement of a file's ranges and their
// merge. It holds raw records: it has to be as safe as the quarantine.
type Shelf interface {
	// Create makes a file, in place of one of the same name. Where a judgement
	// ends with an error, a writer that has a method Abort() error is aborted.
	Create(ctx context.Context, name string) (io.WriteCloser, error)
	// Open reads n bytes of a file from off; n < 0 reads to the end.
	Open(ctx context.Context, name string, off, n int64) (io.ReadCloser, error)
}

// A Part is the judgement of one range: what it found, and the names of its
// files on the shelf. It is plain data. Parts merge in any grouping: what Merge
// makes of them depends on the ranges alone.
type Part struct {
	Version int `json:"version"`
	Index   int `json:"index"`
	// Sketches: as Options said.
	Sketches bool `json:"sketches,omitempty"`
	// Open: where the range's records start could not be told.
	Open bool `json:"open,omitempty"`
	// Heads are the records before the place at which all hypotheses about the
	// range's first byte meet, one for each; Body is what follows that place.
	Heads []*segment `json:"heads,omitempty"`
	Body  *segment   `json:"body,omitempty"`
}

// PartName is the file on the shelf that JudgeRange leaves its Part in.
func PartName(index int) string { return fmt.Sprintf("range-%06d.json", index) }

// Rows are the rows of the range as far as its hypotheses agree.
func (p *Part) Rows() pipeline.Rows {
	if p.Body == nil {
		return pipeline.Rows{}
	}
	return p.Body.Rows
}

// A segment is the judgement of the records from Start to End: bytes of a text
// file, row groups of Parquet. Rows, lines and offsets count from its start.
type segment struct {
	Start int64 `json:"start"`
	// End is where the next record starts, -1 at the end of the file.
	End     int64                 `json:"end"`
	Rows    pipeline.Rows         `json:"rows"`
	Bad     int64                 `json:"bad"`
	Lines   int64                 `json:"lines"`
	Decoded int64                 `json:"decoded"`
	Faults  map[codec.Fault]int64 `json:"faults,omitempty"`
	// Tally has how many rows each rule judged, and for how many it failed.
	Tally   [][2]int64    `json:"tally"`
	Samples [][]Sample    `json:"samples"`
	Seen    []bool        `json:"seen,omitempty"`
	Extra   []string      `json:"extra,omitempty"`
	Profile *profileState `json:"profile"`
	Keys    []keyFiles    `json:"keys,omitempty"`
	Rejects shelved       `json:"rejects"`
	Staged  []Staged      `json:"staged,omitempty"`
}

// A shelved file and what it holds.
type shelved struct {
	Name  string `json:"name,omitempty"`
	Bytes int64  `json:"bytes,omitempty"`
	N     int64  `json:"n,omitempty"`
}

// Staged is a Parquet file of accepted rows on the shelf.
type Staged struct {
	Name  string `json:"name"`
	Rows  int64  `json:"rows"`
	Bytes int64  `json:"bytes"`
	// Numbers has the number of each of its rows, counted from the start of its
	// segment.
	Numbers shelved `json:"numbers"`
	// Apart: it holds the few rows that are likely to be left out.
	Apart bool `json:"apart,omitempty"`
}

// JudgeRange judges range i of a layout and leaves the Part, with all that
// Merge needs of it, on the shelf. Doing it again leaves the same. Options are
// those of Judge, but for Output and History, which are for Merge. Errors:
// invalid for a layout that is not of this file, and for content that no range
// of it can be judged for; those of Input and shelf.
func (g *Gate) JudgeRange(ctx context.Context, in Input, l *Layout, i int, shelf Shelf, opt Options) (*Part, error) {
	if err := l.check(g, in); err != nil {
		return nil, err
	}
	if i < 0 || i >= len(l.Ranges) {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: there is no range %d of %d", in.Name, i, len(l.Ranges))
	}
	j := &rangeJudge{g: g, in: in, l: l, shelf: shelf, opt: opt.withDefaults(), prefix: fmt.Sprintf("r%06d", i)}
	p := &Part{Version: LayoutVersion, Index: i, Sketches: opt.Sketches}
	r := l.Ranges[i]
	var err error
	switch {
	case g.feed.Format == contract.Parquet || i == 0:
		p.Body, err = j.segment(ctx, "body", r.From, r.To, r.Rows)
	default:
		err = j.enter(ctx, p, r)
	}
	if err != nil {
		return nil, err
	}
	b, err := json.Marshal(p)
	if err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInternal, "writing a part: %w", err)
	}
	return p, putShelf(ctx, shelf, PartName(i), b)
}

func putShelf(ctx context.Context, shelf Shelf, name string, b []byte) error {
	w, err := shelf.Create(ctx, name)
	if err != nil {
		return err
	}
	if _, err := w.Write(b); err != nil {
		return errors.Join(err, giveUp(w))
	}
	return w.Close()
}

func giveUp(w io.WriteCloser) error {
	if a, ok := w.(aborter); ok {
		return a.Abort()
	}
	return w.Close()
}

// rangeJudge judges segments of one range.
type rangeJudge struct {
	g      *Gate
	in     Input
	l      *Layout
	shelf  Shelf
	opt    Options
	prefix string
}

// enter judges a range that begins in the middle of a text file.
func (j *rangeJudge) enter(ctx context.Context, p *Part, r Range) error {
	e, err := codec.EntryOf(ctx, j.in.Name, codec.Source(j.in.Open), j.g.dialect, j.l.Begin, j.g.jsonl(), r.From)
	if err != nil {
		return err
	}
	inside := func(at int64) bool { return at >= 0 && at < r.To }
	if p.Open = e.Open; e.Open {
		if inside(e.Outside) { // likely right; Merge knows
			p.Body, err = j.segment(ctx, "body", e.Outside, r.To, 0)
		}
		return err
	}
	meet := r.To
	if inside(e.Sync) {
		meet = e.Sync
		if p.Body, err = j.segment(ctx, "body", e.Sync, r.To, 0); err != nil {
			return err
		}
	}
	for k, start := range []int64{e.Outside, e.Inside} {
		if !inside(start) || start >= meet || k == 1 && start == e.Outside {
			continue
		}
		head, err := j.segment(ctx, []string{"outside", "inside"}[k], start, meet, 0)
		if err != nil {
			return err
		}
		p.Heads = append(p.Heads, head)
	}
	return nil
}

// segment judges the records that start in [from, to). rows is the number of
// rows before it, of Parquet.
func (j *rangeJudge) segment(ctx context.Context, name string, from, to, rows int64) (*segment, error) {
	opt := j.opt
	part := &partRun{ctx: ctx, shelf: j.shelf, prefix: j.prefix + "-" + name + "-", from: from, base: rows}
	opt.Output = part
	r := newRun(j.g, j.in, opt)
	r.part = part
	for _, k := range j.g.keys {
		part.keys = append(part.keys, &keyLog{whole: k.whole()})
	}
	part.units = j.g.units
	defer part.close()
	seg := &segment{Start: from, End: -1}
	var text *codec.Segment
	if j.g.feed.Format == contract.Parquet {
		p, err := codec.NewParquet(j.in.Name, codec.NewRanges(ctx, j.in.Name, j.in.Size, j.in.Open, r.progress()), j.in.Size)
		if err != nil {
			return nil, err
		}
		if to < int64(len(p.RowGroups())) {
			seg.End = to
		}
		p.Select(int(from), int(to))
		r.rdr = p
	} else {
		part.base = from - j.l.Begin.Mark
		var err error
		text, err = codec.NewSegment(ctx, j.in.Name, metered(j.in.Open, r.progress()), j.g.dialect, j.l.Begin, j.g.jsonl(), j.g.columnNames(), from, to)
		if err != nil {
			return nil, openError(j.in.Name, err)
		}
		defer func() { _ = text.Close() }() // only read
		r.rdr = text
	}
	err := r.match()
	if err == nil {
		err = r.startReferences(ctx)
	}
	if err == nil {
		err = r.chunks(ctx)
	}
	if err == nil {
		err = part.finish(r)
	}
	if r.sink != nil {
		if cerr := r.sink.close(err); err == nil {
			err = cerr
		}
	}
	if err != nil {
		return nil, err
	}
	seg.Rows, seg.Bad, seg.Faults, seg.Samples = r.rows, r.bad, r.faults, r.samples
	for _, c := range r.tally {
		seg.Tally = append(seg.Tally, [2]int64{c.evaluated, c.failed})
	}
	seg.Profile = r.prof.state()
	if text != nil {
		seg.End, seg.Lines, seg.Decoded = text.End, text.Lines, text.Decoded
		seg.Seen, seg.Extra = text.Names()
	}
	for _, k := range part.keys {
		seg.Keys = append(seg.Keys, k.files)
	}
	seg.Rejects, seg.Staged = part.rejects.shelved(), part.staged
	return seg, nil
}

func metered(open codec.Source, told func(int64)) codec.Source {
	if told == nil {
		return open
	}
	return func(ctx context.Context, off, n int64) (io.ReadCloser, error) {
		body, err := open(ctx, off, n)
		if err != nil {
			return nil, err
		}
		return struct {
			io.Reader
			io.Closer
		}{&meter{r: body, told: told}, body}, nil
	}
}

// A partRun is what the run of a segment does besides: it shelves the keys of
// its rows, the reasons of its rejects, and the numbers of the rows it stages.
type partRun struct {
	ctx    context.Context
	shelf  Shelf
	prefix string
	// from is the segment's start; base the number that its first record has
	// among all that rows are sampled by.
	from, base int64

	pending []pendingKey
	keys    []*keyLog
	rejects *shelfFile
	staged  []Staged
	lines   lineCounter
	units   codec.Units
	apart   []bool // rows of the chunk that are staged apart
}

// A pendingKey is a key of a row of the chunk under way.
type pendingKey struct{ key, row int }

// Create implements Output for the run's sink.
func (p *partRun) Create(ctx context.Context, name string) (io.WriteCloser, error) {
	return p.shelf.Create(ctx, p.prefix+name)
}

// A shelfFile is a file of the shelf being written.
type shelfFile struct {
	name string
	w    io.WriteCloser
	buf  *bufio.Writer
	n    int64
	size int64
	b    []byte
}

func (p *partRun) file(name string) (*shelfFile, error) {
	w, err := p.shelf.Create(p.ctx, p.prefix+name)
	if err != nil {
		return nil, err
	}
	return &shelfFile{name: p.prefix + name, w: w, buf: bufio.NewWriterSize(w, 64<<10)}, nil
}

func (f *shelfFile) put(b []byte) error {
	f.n++
	f.size += int64(len(b))
	_, err := f.buf.Write(b)
	return err
}

func (f *shelfFile) close() error {
	if f == nil || f.w == nil {
		return nil
	}
	err := f.buf.Flush()
	if cerr := f.w.Close(); err == nil {
		err = cerr
	}
	f.w = nil
	return err
}

// abort gives up a file that is still open.
func (f *shelfFile) abort() {
	if f != nil && f.w != nil {
		_ = giveUp(f.w) // the first error is the one to tell
		f.w = nil
	}
}

func (f *shelfFile) shelved() shelved {
	if f == nil {
		return shelved{}
	}
	return shelved{f.name, f.size, f.n}
}

// close gives up what is still open.
func (p *partRun) close() {
	for _, k := range p.keys {
		k.abort()
	}
	p.rejects.abort()
}

// note remembers the keys of a chunk's rows that no row of the segment is known
// to have had before.
func (p *partRun) note(s *sheet) error {
	c := &s.chunk
	if len(p.keys) > 1 {
		slices.SortStableFunc(p.pending, func(a, b pendingKey) int { return a.row - b.row })
	}
	p.lines.start(c)
	p.apart = resize(p.apart, c.Rows)
	clear(p.apart)
	var pos uint32
	at := c.Source
	for _, k := range p.pending {
		e := keyEntry{hash: s.keys[k.key].hash[k.row], row: s.rowNumber(k.row), rejected: s.rejected[k.row]}
		back := false
		if c.Starts != nil {
			start, end := c.Starts[k.row], c.Ends[k.row]
			at += p.units.SourceBytes(c.Data[pos:start])
			pos = start
			e.off, e.at, e.line = c.Offset+int64(start), at, p.lines.at(int(start))
			e.size = p.units.SourceBytes(c.Data[start:end])
			if back = p.keys[k.key].goesBack(&e); back {
				p.apart[k.row] = true
				if n := int(end - start); n <= maxLogged && e.size == int64(n) {
					e.raw = c.Data[start:end]
				}
			}
		}
		if err := p.keys[k.key].add(p, k.key, &e, back); err != nil {
			return err
		}
	}
	p.pending = p.pending[:0]
	return nil
}

// finish closes what is open.
func (p *partRun) finish(r *run) error {
	for i, k := range p.keys {
		if err := k.finish(p, i, r.sets[i]); err != nil {
			return err
		}
	}
	if r.sink != nil {
		if err := r.sink.closeParts(); err != nil {
			return err
		}
	}
	return p.rejects.close()
}

// reject logs a reason; numbers count from the segment's start.
func (p *partRun) reject(rj Reject, raw []byte, first bool, recordRule int) error {
	if p.rejects == nil {
		var err error
		if p.rejects, err = p.file("rejects.bin"); err != nil {
			return err
		}
	}
	p.rejects.b = appendReason(p.rejects.b[:0], rj, raw, first, recordRule)
	return p.rejects.put(p.rejects.b)
}

// divide splits the rows to keep of a chunk into those that are staged with the
// others and those that are staged apart.
func (p *partRun) divide(sel []uint32) (with, apart []uint32) {
	if !slices.Contains(p.apart, true) {
		return sel, nil
	}
	with = make([]uint32, 0, len(sel))
	for _, r := range sel {
		if p.apart[r] {
			apart = append(apart, r)
		} else {
			with = append(with, r)
		}
	}
	return with, apart
}

// A stagedRows has the numbers of the rows of a staged file that is open.
type stagedRows struct {
	p       *partRun
	numbers *shelfFile
	last    int64
}

// note notes the numbers of the rows that go into the file.
func (n *stagedRows) note(s *sheet, sel []uint32, name string) error {
	if n.numbers == nil {
		var err error
		if n.numbers, err = n.p.file(name + ".rows"); err != nil {
			return err
		}
		n.last = 0
	}
	b := n.numbers.b[:0]
	bad := 0
	for _, r := range sel {
		for bad < len(s.chunk.Bad) && s.chunk.Bad[bad].Before <= int(r) {
			bad++
		}
		number := s.chunk.Row + int64(r) + int64(bad)
		b = appendUvarint(b, uint64(number-n.last))
		n.last = number
	}
	n.numbers.b = b
	return n.numbers.put(b)
}

// end ends the file.
func (n *stagedRows) end(f File, apart bool) error {
	if err := n.numbers.close(); err != nil {
		return err
	}
	s := n.numbers.shelved()
	s.N = f.Rows
	n.numbers = nil
	n.p.staged = append(n.p.staged, Staged{Name: n.p.prefix + f.Name, Rows: f.Rows, Bytes: f.Bytes, Numbers: s, Apart: apart})
	return nil
}
