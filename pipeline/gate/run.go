package gate

import (
	"context"
	"errors"
	"io"
	"runtime"
	"slices"
	"sync"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/codec"
)

// A fetcher is a reader whose chunks are finished by Chunk.Cut, side by side.
type fetcher interface {
	Fetch(ctx context.Context, c *codec.Chunk) error
}

// A run is one judgement under way.
type run struct {
	g    *Gate
	in   Input
	opt  Options
	rdr  codec.Reader
	cols []int // per field, its column in the file or -1
	// extra are the columns of the file that the contract does not declare.
	extra []string

	readLock sync.Mutex
	fetch    func(context.Context, *codec.Chunk) error
	seq      int64
	readErr  error

	turnLock sync.Mutex
	turn     *sync.Cond       // signalled when a sheet becomes idle
	next     int64            // the chunk whose turn it is
	waiting  map[int64]*sheet // judged chunks whose turn it is not yet
	busy     bool             // a worker does what depends on order
	idle     []*sheet
	sheets   int // made so far
	failed   error

	// In the order of the file:
	rows    pipeline.Rows
	tally   []count
	bad     int64
	sets    []*seenKeys
	spill   *spill
	lines   lineCounter
	samples [][]Sample
	faults  map[codec.Fault]int64
	sink    *sink
	sql     *sqlRun
	refs    []*reference
	carried []int // columns carried through under evolve
	// part is set where the run judges a segment of a file.
	part *partRun
	// feedKeys, per key, is set for those of scope feed.
	feedKeys []*feedKeyRun
	// spans are what is usual, per rule that asks for it.
	spans map[int]span

	profLock sync.Mutex
	prof     *profiler
}

// Judge judges one file. What cannot be read as the contract says, an empty
// file for one, gives a report with verdict error and its Problem. An error is
// returned when the file could not be judged for other reasons: not_found or
// unavailable from Input, canceled, what Output returned.
func (g *Gate) Judge(ctx context.Context, in Input, opt Options) (*Report, error) {
	opt = opt.withDefaults()
	r := newRun(g, in, opt)
	start := opt.now()
	err := r.judge(ctx)
	if err == nil {
		err = r.finishLate()
	}
	if r.spill != nil {
		r.spill.close()
	}
	if r.sql != nil {
		if cerr := r.sql.table.Close(); err == nil {
			err = cerr
		}
	}
	if r.sink != nil {
		if cerr := r.sink.close(err); err == nil {
			err = cerr
		}
	}
	if err != nil && pipeline.ErrorCode(err) != pipeline.CodeInvalid {
		return nil, err
	}
	rep := r.report(err)
	if opt.Now != nil {
		rep.Duration = opt.now().Sub(start).Seconds()
	}
	return rep, nil
}

func newRun(g *Gate, in Input, opt Options) *run {
	r := &run{g: g, in: in, opt: opt, tally: make([]count, len(g.rules)), faults: map[codec.Fault]int64{},
		samples: make([][]Sample, len(g.rules)), prof: newProfiler(g)}
	r.turn, r.waiting = sync.NewCond(&r.turnLock), map[int64]*sheet{}
	r.spans = r.usual()
	for _, k := range g.keys {
		r.sets = append(r.sets, newSeenKeys(k, opt.keyMemory()/int64(len(g.keys))))
	}
	return r
}

func (r *run) judge(ctx context.Context) error {
	closer, err := r.open(ctx)
	if closer != nil {
		defer closer()
	}
	if err != nil {
		return err
	}
	if err := r.match(); err != nil {
		return err
	}
	if err := r.startReferences(ctx); err != nil {
		return err
	}
	if err := r.startSQL(ctx); err != nil {
		return err
	}
	return r.chunks(ctx)
}

// chunks judges all that the reader has.
func (r *run) chunks(ctx context.Context) (err error) {
	if err := r.startFeedKeys(ctx); err != nil {
		return err
	}
	if r.opt.Output != nil {
		if r.sink, err = newSink(ctx, r); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { r.turnLock.Lock(); r.turn.Broadcast(); r.turnLock.Unlock() })
	defer stop()
	r.fetch = r.rdr.Next
	if f, ok := r.rdr.(fetcher); ok {
		r.fetch = f.Fetch
	}
	var wg sync.WaitGroup
	for range r.opt.Workers {
		wg.Go(func() {
			if err := r.work(ctx); err != nil {
				r.turnLock.Lock()
				if r.failed == nil {
					r.failed = err
				}
				r.turnLock.Unlock()
				cancel()
			}
		})
	}
	wg.Wait()
	if r.failed != nil && !errors.Is(r.failed, context.Canceled) {
		return r.failed
	}
	if r.readErr != nil && !errors.Is(r.readErr, io.EOF) {
		return r.readErr
	}
	if r.failed != nil {
		return r.failed
	}
	return r.runSQL(ctx)
}

// work judges chunks until the file ends.
func (r *run) work(ctx context.Context) error {
	prof := newProfiler(r.g)
	prof.sketches = r.opt.Sketches
	if r.part != nil {
		prof.base = r.part.base
	}
	defer func() {
		r.profLock.Lock()
		r.prof.merge(prof)
		r.profLock.Unlock()
	}()
	for {
		s, err := r.sheet(ctx)
		if err != nil {
			return err
		}
		if !r.read(ctx, s) {
			r.turnLock.Lock()
			r.idle = append(r.idle, s)
			r.turn.Signal()
			r.turnLock.Unlock()
			return nil
		}
		s.chunk.Cut()
		r.columns(s)
		prof.add(s)
		if err := r.hand(ctx, s); err != nil {
			return err
		}
	}
}

// lockSpins is how often a worker looks whether it may read before it sleeps.
const lockSpins = 500

// lockReader takes the lock of the reader. It is held for some tens of
// microseconds: to be put to sleep and woken takes longer than to wait for it.
func (r *run) lockReader() {
	for range lockSpins {
		if r.readLock.TryLock() {
			return
		}
		runtime.Gosched()
	}
	r.readLock.Lock()
}

// read fills the next chunk; it reports whether there was one.
func (r *run) read(ctx context.Context, s *sheet) bool {
	r.lockReader()
	defer r.readLock.Unlock()
	if r.readErr == nil {
		r.readErr = r.fetch(ctx, &s.chunk)
	}
	if r.readErr != nil {
		return false
	}
	s.seq = r.seq
	r.seq++
	return true
}

// sheet takes a sheet that is not in use. There are enough for every worker to
// be some chunks ahead of the slowest.
func (r *run) sheet(ctx context.Context) (*sheet, error) {
	r.turnLock.Lock()
	defer r.turnLock.Unlock()
	for len(r.idle) == 0 {
		if r.failed != nil {
			return nil, r.failed
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if r.sheets < 1+3*(r.opt.Workers-1) {
			r.sheets++
			s := r.g.newSheet()
			s.usual = r.spans
			return s, nil
		}
		r.turn.Wait()
	}
	n := len(r.idle) - 1
	s := r.idle[n]
	r.idle = r.idle[:n]
	return s, nil
}

// hand gives a judged chunk to what depends on order. Whoever brings the chunk
// whose turn it is does that for it and for those after it that wait; the others
// go on with other chunks.
func (r *run) hand(ctx context.Context, s *sheet) error {
	r.turnLock.Lock()
	defer r.turnLock.Unlock()
	r.waiting[s.seq] = s
	if r.busy {
		return nil
	}
	r.busy = true
	defer func() { r.busy = false }()
	for {
		s := r.waiting[r.next]
		if s == nil {
			return nil
		}
		if r.failed != nil || ctx.Err() != nil {
			return ctx.Err()
		}
		delete(r.waiting, r.next)
		r.turnLock.Unlock()
		err := r.ordered(ctx, s)
		r.turnLock.Lock()
		r.next++
		r.idle = append(r.idle, s)
		r.turn.Signal()
		if err != nil {
			return err
		}
	}
}

func (g *Gate) newSheet() *sheet {
	return &sheet{vecs: make([]vector, len(g.fields)), tally: make([]count, len(g.rules)), keys: make([]keyColumn, len(g.keys))}
}

// columns judges a chunk column by column.
func (r *run) columns(s *sheet) {
	s.fails = s.fails[:0]
	clear(s.tally)
	clear(s.shown)
	for i, f := range r.g.fields {
		if c := r.cols[i]; c >= 0 {
			f.judge(s, &s.chunk.Cols[c])
		} else {
			f.judgeAbsent(s)
		}
	}
	for _, e := range r.g.expressions {
		e.judge(s)
	}
	for _, ref := range r.refs {
		ref.judge(s)
	}
	for i, k := range r.g.keys {
		k.hashes(s, &s.keys[i])
	}
	for _, c := range r.g.checks {
		if c.spec.Metric == "rowCount" {
			s.tally[c.rule].evaluated += int64(s.chunk.Records())
		}
	}
}

// judgeAbsent gives a field that the file does not have a column of nulls.
func (f *field) judgeAbsent(s *sheet) {
	n := s.chunk.Rows
	v := &s.vecs[f.index]
	v.state = resize(v.state, n)
	v.ints, v.scale = resize(v.ints, n), resize(v.scale, n)
	for i := range v.state {
		v.state[i] = nullCell
	}
	v.cells, v.data, v.kinds, v.col, v.float = nil, nil, nil, nil, false
	v.nulls, v.bad, v.known, v.floatsKnown = n, 0, false, false
}

// ordered does what depends on the order of rows.
func (r *run) ordered(ctx context.Context, s *sheet) error {
	g := r.g
	s.undecided = s.undecided[:0]
	for i, k := range g.keys {
		kc := &s.keys[i]
		reaches := r.feedKeys[i] != nil
		s.open = s.open[:0]
		for row, ok := range kc.ok {
			if !ok {
				continue
			}
			s.tally[k.rule].evaluated++
			switch seen := r.sets[i].add(kc.hash[row]); {
			case seen == repeated:
				s.fail(row, k.rule)
			case reaches, r.part != nil, seen == undecided:
				s.open = append(s.open, openKey{row, seen == undecided})
			}
		}
		if err := r.settleKeys(ctx, i, s); err != nil {
			return err
		}
	}
	s.settle(g)
	if r.part != nil {
		if err := r.part.note(s); err != nil {
			return err
		}
	}
	if len(s.undecided) > 0 {
		slices.SortStableFunc(s.undecided, func(a, b undecidedKey) int { return a.row - b.row })
		r.lines.start(&s.chunk)
		if err := r.setAside(s); err != nil {
			return err
		}
	}
	for i := range s.tally {
		r.tally[i].evaluated += s.tally[i].evaluated
		r.tally[i].failed += s.tally[i].failed
	}
	for _, b := range s.chunk.Bad {
		r.faults[b.Fault]++
	}
	r.bad += int64(len(s.chunk.Bad))
	accepted := int64(len(s.sel))
	n := int64(s.chunk.Records())
	r.rows = r.rows.Add(pipeline.Rows{Read: n, Accepted: accepted, Rejected: n - accepted})
	r.tally[g.record].evaluated += n
	r.tally[g.record].failed += int64(len(s.chunk.Bad))
	r.sample(s)
	if r.sql != nil {
		if err := r.sql.add(ctx, s, g.fields); err != nil {
			return err
		}
	}
	if r.sink != nil {
		if err := r.sink.write(s); err != nil {
			return err
		}
	}
	return r.bound()
}
