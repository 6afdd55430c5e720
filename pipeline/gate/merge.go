package gate

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/codec"
)

// Merged is what the ranges of a file come to.
type Merged struct {
	// Report is what Judge would have reported, but for the names and sizes of
	// the files of accepted rows.
	Report *Report
	// Files of accepted rows, in the order of the file but for rows that looked as
	// if they came before, which stand in files apart. Those with LeaveOut hold
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
// conflict for one of another version, invalid for one of another layout; those of Input and shelf.
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
	leave              [2]*leaver // of the files that are apart, and of the others
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
			for _, l := range s.leave {
				l.abort()
			}
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
	if p.Version != LayoutVersion {
		return nil, pipeline.Errorf(pipeline.CodeConflict, "%s: the part of range %d is of version %d, this program writes %d", m.in.Name, i, p.Version, LayoutVersion).WithHint("lay the file out again")
	}
	ok := p.Index == i && rules(p.Body)
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
