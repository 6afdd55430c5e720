package gate

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

// bound starts the spill when the keys have filled their memory.
func (r *run) bound() error {
	full := false
	for _, k := range r.sets {
		k.settle()
		full = full || k.full
	}
	if !full || r.spill != nil || r.part != nil {
		return nil
	}
	var err error
	if r.spill, err = newSpill(r.opt.Tmp, len(r.sets), r.opt.keyMemory()/4); err != nil {
		return err
	}
	if r.sink == nil {
		return nil
	}
	if r.sink.part != nil {
		if err := r.sink.closePart(); err != nil {
			return err
		}
	}
	r.sink.staging = true
	return nil
}

// keyMemory is the share of Memory that keys may take: the rest is chunks,
// open row groups and what the collector has not yet freed.
func (o Options) keyMemory() int64 { return o.Memory / 3 }

// settle orders the failures by row and finds the rows to keep.
func (s *sheet) settle(g *Gate) {
	n := s.chunk.Rows
	s.rejected = resize(s.rejected, n)
	clear(s.rejected)
	s.sel = s.sel[:0]
	if len(s.fails) == 0 {
		for i := range n {
			s.sel = append(s.sel, uint32(i))
		}
		return
	}
	s.sortFails()
	for _, f := range s.fails {
		if g.rules[f.rule].rejects {
			s.rejected[f.row] = true
		}
	}
	for i, no := range s.rejected {
		if !no {
			s.sel = append(s.sel, uint32(i))
		}
	}
}

// open opens the input and reads the header.
func (r *run) open(ctx context.Context) (func(), error) {
	g := r.g
	names := make([]string, len(g.fields))
	for i, f := range g.fields {
		names[i] = f.spec.Column
	}
	if g.feed.Kind.Measured() {
		return r.openMeasured(ctx)
	}
	if g.feed.Format == contract.Parquet {
		if r.in.Size < 0 {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: Parquet cannot be read from a stream", r.in.Name).
				WithHint("give a file")
		}
		src := codec.NewRanges(ctx, r.in.Name, r.in.Size, r.in.Open, r.progress())
		rdr, err := codec.NewParquet(r.in.Name, src, r.in.Size)
		r.rdr = rdr
		return nil, err
	}
	more, err := r.undeclaredNames(ctx, names)
	if err != nil {
		return nil, err
	}
	names = slices.Concat(names, more)
	body, err := r.in.Open(ctx, 0, -1)
	if err != nil {
		return nil, openError(r.in.Name, err)
	}
	closer := func() { _ = body.Close() }
	var src io.Reader = body
	if p := r.progress(); p != nil {
		src = &meter{r: body, told: p}
	}
	text, err := codec.Open(r.in.Name, src, g.dialect)
	if err != nil {
		return closer, err
	}
	if r.opt.Workers > 1 && codec.Compression(g.dialect, r.in.Name) != "" {
		ahead := codec.NewAhead(text)
		text, closer = ahead, func() { ahead.Close(); _ = body.Close() }
	}
	switch g.feed.Format {
	case contract.JSONL, contract.JSON:
		r.rdr, err = codec.NewJSON(r.in.Name, text, g.dialect, names, g.feed.Format == contract.JSON)
	default:
		r.rdr, err = codec.NewCSV(r.in.Name, text, g.dialect, names)
	}
	return closer, err
}

func openError(name string, err error) error {
	var e *pipeline.Error
	switch {
	case errors.As(err, &e), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, fs.ErrNotExist):
		return pipeline.Errorf(pipeline.CodeNotFound, "%s: there is no such file", name).WithHint("check the path")
	case errors.Is(err, fs.ErrPermission):
		return pipeline.Errorf(pipeline.CodeDenied, "%s: reading it is not allowed", name).WithHint("check its permissions")
	}
	return pipeline.Errorf(pipeline.CodeUnavailable, "%s: cannot be opened: %w", name, err)
}

func (r *run) progress() func(int64) {
	if r.opt.Progress == nil {
		return nil
	}
	var total atomic.Int64
	return func(n int64) { r.opt.Progress(total.Add(n)) }
}

// meter tells how many bytes were read.
type meter struct {
	r    io.Reader
	told func(int64)
}

func (m *meter) Read(p []byte) (int, error) {
	n, err := m.r.Read(p)
	if n > 0 {
		m.told(int64(n))
	}
	return n, err
}

func (o Options) now() (t time.Time) {
	if o.Now != nil {
		t = o.Now()
	}
	return t
}

func (o Options) withDefaults() Options {
	if o.Confidence == 0 {
		o.Confidence = 1
	}
	if o.Memory <= 0 {
		o.Memory = 64 << 20
	}
	if o.Samples <= 0 {
		o.Samples = 5
	}
	if o.Workers <= 0 {
		o.Workers = min(runtime.GOMAXPROCS(0), 8)
	}
	return o
}
