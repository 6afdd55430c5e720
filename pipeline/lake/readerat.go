package lake

import (
	"context"
	"errors"
	"io"
	"sync"

	"github.com/assay-pipeline/assay/pipeline"
)

// ReaderAt opens key for random access, as Parquet is read. Close it. Errors:
// not_found, denied, unavailable.
func (l *Lake) ReaderAt(ctx context.Context, key string) (ReaderAtCloser, Object, error) {
	if err := checkKey(key); err != nil {
		return nil, Object{}, err
	}
	if d, ok := l.d.(RandomReader); ok {
		r, o, err := d.OpenAt(ctx, key)
		return r, o, l.wrap("read", key, err)
	}
	o, err := l.Stat(ctx, key)
	if err != nil {
		return nil, Object{}, err
	}
	return &blocks{ctx: ctx, l: l, o: o}, o, nil
}

// blocks reads an object in aligned blocks and keeps the latest of them, since
// readers of Parquet ask for many small neighbouring ranges.
type blocks struct {
	// ctx bounds every later read: io.ReaderAt has no room for one.
	ctx context.Context //nolint:containedctx // as said above
	l   *Lake
	o   Object

	mu   sync.Mutex
	kept []block // oldest first
}

type block struct {
	at int64
	b  []byte
}

const (
	blockSize  = 1 << 20
	blocksKept = 8
)

func (r *blocks) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, pipeline.Errorf(pipeline.CodeInvalid, "lake key %q: negative offset %d", r.o.Key, off)
	}
	n := 0
	for n < len(p) {
		at := off + int64(n)
		if at >= r.o.Size {
			return n, io.EOF
		}
		b, err := r.block(at - at%blockSize)
		if err != nil {
			return n, err
		}
		n += copy(p[n:], b[at%blockSize:])
	}
	return n, nil
}

func (r *blocks) block(at int64) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, k := range r.kept {
		if k.at == at {
			r.kept = append(append(r.kept[:i:i], r.kept[i+1:]...), k)
			return k.b, nil
		}
	}
	n := min(blockSize, r.o.Size-at)
	body, o, err := r.l.Open(r.ctx, r.o.Key, at, n)
	if err != nil {
		return nil, err
	}
	b := make([]byte, n)
	_, err = io.ReadFull(body, b)
	if cerr := body.Close(); err == nil {
		err = cerr
	}
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), err == nil && o.Tag != r.o.Tag:
		return nil, pipeline.Errorf(pipeline.CodeConflict, "%s changed while it was read", r.l.Location(r.o.Key)).WithHint("run again")
	case err != nil:
		return nil, err
	}
	if len(r.kept) == blocksKept {
		r.kept = r.kept[1:]
	}
	r.kept = append(r.kept, block{at, b})
	return b, nil
}

func (r *blocks) Close() error { return nil }
