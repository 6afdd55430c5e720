package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/lake"
)

// A Scratch is a lake and a store that nobody else uses.
type Scratch struct {
	Lake  *lake.Lake
	Store flow.Store
	// Ingest builds the use case on them, as the live one is built.
	Ingest func(c flow.Contracts, now func() time.Time) *flow.Ingest
	Close  func() error
}

// Options of one run.
type Options struct {
	// Feed is the contract under attack, Document where it stands; without one,
	// nothing is proposed.
	Feed     *contract.Feed
	Document *contract.Document
	// Batches are good ones of the feed, the newest first.
	Batches []Batch
	// Open makes the scratch lake and store in dir, an empty folder below Tmp,
	// which is removed at the end however the run ends.
	Open func(ctx context.Context, dir string) (*Scratch, error)
	Tmp  string
	// Memory bounds the gate.
	Memory int64
	// Seed of all randomness.
	Seed uint64
	// Clean is how many batches of the clean twin are judged; 0 = 200.
	Clean int
	// Own are faults of the user's, beside the built-in ones.
	Own []Own
	// Only runs the faults of these names; nil runs all.
	Only []string
	// Workers run experiments side by side; 0 = GOMAXPROCS.
	Workers int
	// Now is the clock for durations and for the report; nil leaves them out.
	Now func() time.Time
	// Step is told of progress.
	Step func(done, total int)
}

const (
	// history is how many good batches come before an experiment.
	history = 10
	// patience is how many faulty batches are delivered before a fault counts as
	// missed, and maxRecovery how many good ones are waited for.
	patience    = 3
	maxRecovery = 8
	// fewestRows is how many good rows a run needs.
	fewestRows = 20
)

// Run attacks the contract of a feed and returns the report. Errors: invalid
// (no good rows, an unknown fault, a fault on a column that is not there, a feed
// whose rows are measured), and those of the scratch lake and store.
func Run(ctx context.Context, opt Options) (rep *Report, err error) {
	r, err := newRunner(ctx, opt)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(opt.Tmp, "assay-chaos-")
	if err != nil {
		return nil, pipeline.Errorf(pipeline.CodeUnavailable, "no scratch space: %w", err).WithHint("name a folder with room in ASSAY_TMP")
	}
	defer func() {
		// Whatever happened, nothing of it stays.
		if rerr := os.RemoveAll(dir); rerr != nil && err == nil {
			rep, err = nil, pipeline.Errorf(pipeline.CodeUnavailable, "the scratch space %s could not be removed: %w", dir, rerr)
		}
	}()
	s, err := opt.Open(ctx, dir)
	if err != nil {
		return nil, r.scratchError(err)
	}
	defer func() {
		if cerr := s.Close(); cerr != nil && err == nil {
			rep, err = nil, r.scratchError(cerr)
		}
	}()
	r.scratch = s
	rep, err = r.run(ctx)
	if err != nil {
		return nil, r.scratchError(err)
	}
	return rep, nil
}

// scratchError says that the live lake is not what failed.
func (r *runner) scratchError(err error) error {
	switch code := pipeline.ErrorCode(err); code {
	case pipeline.CodeInvalid, pipeline.CodeCanceled:
		return err
	default:
		if strings.Contains(err.Error(), "no space left") {
			return pipeline.Errorf(pipeline.CodeUnavailable, "the scratch space is full: %w", err).
				WithHint("it is removed again, and the live lake was not touched; name a folder with more room in ASSAY_TMP")
		}
		return pipeline.Errorf(code, "in the scratch lake: %w", err).WithHint("it is removed again, and the live lake was not touched")
	}
}

// A runner is one run.
type runner struct {
	opt     Options
	feed    *contract.Feed // as scratch batches are judged
	twin    *Twin
	faults  []Fault
	skipped []Skipped
	scratch *Scratch
	names   *names
	past    []flow.Batch // the history, in the scratch store
	// standing are the checks that fail on good batches too.
	standing map[string]bool

	mu   sync.Mutex
	feat int
	done int
	all  int
}

// names is the contracts of the scratch feeds.
type names struct {
	mu    sync.Mutex
	feeds map[string]*contract.Feed
}

// Feed implements flow.Contracts.
func (n *names) Feed(name string) (*contract.Feed, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if f, ok := n.feeds[name]; ok {
		return f, nil
	}
	return nil, pipeline.Errorf(pipeline.CodeNotFound, "there is no scratch feed %s", name)
}

// scratchFeed is the contract as experiments use it; see the package comment.
func scratchFeed(f *contract.Feed) *contract.Feed {
	own := textFeed(*f)
	own.Relations, own.Catalog = nil, nil
	own.Approval.When = "never"
	own.Keys = slices.Clone(f.Keys)
	for i := range own.Keys {
		own.Keys[i].Scope = contract.ScopeBatch
	}
	own.SLA = slices.Clone(f.SLA)
	return &own
}

func newRunner(ctx context.Context, opt Options) (*runner, error) {
	if opt.Clean == 0 {
		opt.Clean = 200
	}
	if opt.Workers <= 0 {
		opt.Workers = runtime.GOMAXPROCS(0)
	}
	f := opt.Feed
	if f.Kind.Measured() {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "the feed %s is of %s: faults are put into rows", f.Name, f.Kind)
	}
	if len(opt.Batches) == 0 {
		return nil, NoGoodBatch(f.Name)
	}
	shape := &shape{feed: scratchFeed(f)}
	batches := opt.Batches
	if f.Load != contract.Append {
		batches = batches[:1] // the older ones hold the same rows
	}
	known := map[string]bool{}
	for _, b := range batches {
		t, err := readClean(ctx, f, b.Input, opt.Memory, opt.Tmp)
		if err != nil {
			return nil, err
		}
		if shape.pool == nil {
			shape.pool = &Table{Columns: t.Columns}
		}
		if !slices.Equal(shape.pool.Columns, t.Columns) {
			continue // an older layout of the file
		}
		shape.parts = append(shape.parts, t)
		shape.pool.Rows = append(shape.pool.Rows, shape.fresh(t, known)...)
	}
	if len(shape.pool.Rows) < fewestRows {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "the good batches of %s hold %d rows that the contract accepts, %d are needed", f.Name, len(shape.pool.Rows), fewestRows).
			WithHint("run it with a larger batch")
	}
	var notes []string
	shape.cadence, notes = cadence(f, opt.Batches)
	r := &runner{opt: opt, feed: shape.feed, names: &names{feeds: map[string]*contract.Feed{}}}
	first := opt.Batches[0].EventTime.UTC().Truncate(time.Second)
	r.twin = newTwin(shape.feed, shape.pool, len(shape.parts), first, shape.cadence)
	r.faults, r.skipped = shape.faults()
	for _, n := range notes {
		r.skipped = append(r.skipped, Skipped{"frequency", n})
	}
	for _, o := range opt.Own {
		own, err := o.fault(shape)
		if err != nil {
			return nil, err
		}
		r.faults = append(r.faults, own)
	}
	return r, r.only()
}

// NoGoodBatch is the error for a feed that nothing was ever published of.
func NoGoodBatch(feed string) error {
	return pipeline.Errorf(pipeline.CodeInvalid, "the feed %s has no published batch whose file is still in the landing zone: there is nothing good to break", feed).
		WithHint("publish one with assay run, or name a good file with --file")
}

// only keeps the faults that were asked for.
func (r *runner) only() error {
	if r.opt.Only == nil {
		return nil
	}
	var kept []Fault
	for _, name := range r.opt.Only {
		i := slices.IndexFunc(r.faults, func(f Fault) bool { return f.Name == name })
		if i < 0 {
			for _, s := range r.skipped {
				if s.Name == name {
					return pipeline.Errorf(pipeline.CodeInvalid, "the feed %s cannot have the fault %s: %s", r.feed.Name, name, s.Reason)
				}
			}
			var all []string
			for _, f := range r.faults {
				all = append(all, f.Name)
			}
			return pipeline.Errorf(pipeline.CodeInvalid, "there is no fault %s", name).WithHint("there are %s", list(all))
		}
		kept = append(kept, r.faults[i])
	}
	r.faults = kept
	return nil
}

// fresh are the rows of t whose key no earlier batch had.
func (s *shape) fresh(t *Table, known map[string]bool) [][]Value {
	if len(s.feed.Keys) == 0 {
		return t.Rows
	}
	var cols []int
	for _, name := range s.feed.Keys[0].Fields {
		for i := range s.feed.Fields {
			if s.feed.Fields[i].Name == name {
				cols = append(cols, t.Column(s.feed.Fields[i].Column))
			}
		}
	}
	if slices.Contains(cols, -1) {
		return t.Rows
	}
	var out [][]Value
	for _, r := range t.Rows {
		var b strings.Builder
		for _, c := range cols {
			fmt.Fprintf(&b, "%d:%s", len(r[c].Text), r[c].Text)
		}
		if !known[b.String()] {
			known[b.String()] = true
			out = append(out, r)
		}
	}
	return out
}

// cadence is the stated frequency, or the usual time between the good batches.
func cadence(f *contract.Feed, batches []Batch) (time.Duration, []string) {
	for _, s := range f.SLA {
		if s.Property == "frequency" && s.Within > 0 {
			return s.Within, nil
		}
	}
	if f.Breaker.Freshness != "" {
		if d, err := contract.ParseDuration(f.Breaker.Freshness); err == nil && d > 0 {
			return d / 2, nil
		}
	}
	usual := 24 * time.Hour
	var gaps []time.Duration
	for i := 1; i < len(batches); i++ {
		if d := batches[i-1].EventTime.Sub(batches[i].EventTime).Abs(); d >= time.Minute {
			gaps = append(gaps, d)
		}
	}
	if len(gaps) > 0 {
		slices.Sort(gaps)
		usual = gaps[len(gaps)/2]
	}
	return usual, []string{fmt.Sprintf("the contract states none: batches are taken to come every %s, and nothing can notice that one is overdue", contract.Span(usual))}
}

// run does the experiments, the clean twin, and the second run with what is
// proposed.
func (r *runner) run(ctx context.Context) (*Report, error) {
	start := r.now()
	rep := &Report{SchemaVersion: SchemaVersion, Feed: r.opt.Feed.Name, Seed: r.opt.Seed, Rows: len(r.twin.pool.Rows),
		Contract: ContractRef{r.opt.Feed.ContractID, r.opt.Feed.Version, r.opt.Feed.Hash}, Skipped: r.skipped, CleanBatches: r.opt.Clean, At: start}
	if err := r.seed(ctx); err != nil {
		return nil, err
	}
	r.all = len(r.faults)*len(Strengths) + r.opt.Clean
	found := make([]Experiment, len(r.faults)*len(Strengths))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(r.opt.Workers)
	g.Go(func() error {
		trips, err := r.clean(gctx, r.feed, r.opt.Clean)
		rep.Trips, rep.CleanTrips = trips, len(trips)
		return err
	})
	for i, f := range r.faults {
		for level := range Strengths {
			g.Go(func() error {
				e, err := r.experiment(gctx, r.feed, &f, level)
				found[i*len(Strengths)+level] = e
				r.step(1)
				return err
			})
		}
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	rep.Experiments = found
	if err := r.propose(ctx, rep); err != nil {
		return nil, err
	}
	rep.score(r.faults)
	if r.opt.Now != nil {
		rep.Seconds = r.now().Sub(start).Seconds()
	}
	return rep, nil
}

func (r *runner) now() time.Time {
	if r.opt.Now == nil {
		return time.Time{}
	}
	return r.opt.Now()
}

func (r *runner) step(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done += n
	if r.opt.Step != nil {
		r.opt.Step(r.done, r.all)
	}
}

// random is the source of one experiment: the same for the same fault and
// level, whatever else runs.
func (r *runner) random(name string, level int) *rand.Rand {
	h := uint64(14695981039346656037)
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * 1099511628211
	}
	return rand.New(rand.NewPCG(r.opt.Seed, h+uint64(level)))
}
