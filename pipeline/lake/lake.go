package lake

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"path"
	"strings"
	"syscall"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
)

// Options of a Lake.
type Options struct {
	// Now stamps manifests and status markers that bring no time of their own,
	// and is the present for GC; default time.Now.
	Now func() time.Time
}

// A Lake is object storage with zones. It is safe for use by several
// goroutines and several processes at once.
type Lake struct {
	d   Driver
	now func() time.Time
}

// New returns the lake that d stores.
func New(d Driver, opt Options) *Lake {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	return &Lake{d: d, now: opt.Now}
}

// Location says where key lies, in the form that other programs open: an
// absolute path or an s3:// URL.
func (l *Lake) Location(key string) string {
	if loc, ok := l.d.(Locator); ok {
		return loc.Location(key)
	}
	return key
}

// Landed yields the files in the landing zone of feed, or of all feeds where
// feed is empty, in key order. It skips *.part, names that begin with a dot,
// and folder markers. With feed "" it also yields files that lie in no feed's
// folder: FeedOf tells them.
func (l *Lake) Landed(ctx context.Context, feed string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		prefix := Landing + "/"
		if feed != "" {
			if err := CheckName("feed", feed); err != nil {
				yield(Object{}, err)
				return
			}
			prefix += feed + "/"
		}
		for o, err := range l.d.List(ctx, prefix, "") {
			if err != nil {
				yield(Object{}, l.wrap("list", prefix, err))
				return
			}
			if hidden(o.Key) {
				continue
			}
			if !yield(o, nil) {
				return
			}
		}
	}
}

// hidden reports whether a landed key is not, or not yet, a file to read.
func hidden(key string) bool {
	if strings.HasSuffix(key, "/") || strings.EqualFold(path.Ext(key), ".part") {
		return true
	}
	for elem := range strings.SplitSeq(key, "/") {
		if strings.HasPrefix(elem, ".") {
			return true
		}
	}
	return false
}

// List yields the objects under prefix in key order.
func (l *Lake) List(ctx context.Context, prefix string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) {
		for o, err := range l.d.List(ctx, prefix, "") {
			if err != nil {
				yield(Object{}, l.wrap("list", prefix, err))
				return
			}
			if !yield(o, nil) {
				return
			}
		}
	}
}

// Open reads n bytes of key from off; n < 0 reads to the end. Errors:
// not_found, denied, unavailable.
func (l *Lake) Open(ctx context.Context, key string, off, n int64) (io.ReadCloser, Object, error) {
	if err := checkKey(key); err != nil {
		return nil, Object{}, err
	}
	if off < 0 {
		return nil, Object{}, pipeline.Errorf(pipeline.CodeInvalid, "lake key %q: negative offset %d", key, off)
	}
	r, o, err := l.d.Get(ctx, key, off, n)
	if err != nil {
		return nil, Object{}, l.wrap("read", key, err)
	}
	return &reader{r: r, l: l, key: key}, o, nil
}

// reader wraps the errors of a driver's reader.
type reader struct {
	r   io.ReadCloser
	l   *Lake
	key string
}

func (r *reader) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	// Only io.EOF itself is the end: an error that wraps one is a cut-off read.
	if err != nil && err != io.EOF { //nolint:errorlint // as said
		err = r.l.wrap("read", r.key, err)
	}
	return n, err
}

func (r *reader) Close() error { return r.l.wrap("close", r.key, r.r.Close()) }

// Stat looks key up without reading it. Error: not_found.
func (l *Lake) Stat(ctx context.Context, key string) (Object, error) {
	r, o, err := l.Open(ctx, key, 0, 0)
	if err != nil {
		return Object{}, err
	}
	return o, r.Close()
}

// MaxObject bounds what ReadObject holds in memory, in bytes.
const MaxObject = 256 << 20

// ReadObject returns the content of a small object. Errors: not_found, limit.
func (l *Lake) ReadObject(ctx context.Context, key string) ([]byte, error) {
	b, _, err := l.readObject(ctx, key)
	return b, err
}

func (l *Lake) readObject(ctx context.Context, key string) ([]byte, Object, error) {
	r, o, err := l.Open(ctx, key, 0, -1)
	if err != nil {
		return nil, Object{}, err
	}
	if o.Size > MaxObject {
		_ = r.Close() // nothing was read
		return nil, Object{}, pipeline.Errorf(pipeline.CodeLimit, "%s has %d bytes, more than the %d that are read at once", key, o.Size, int64(MaxObject))
	}
	b := make([]byte, 0, o.Size+1)
	for {
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		if err == io.EOF { //nolint:errorlint // an error that wraps io.EOF is a cut-off read
			if int64(len(b)) != o.Size {
				_ = r.Close() // what was read is of no use
				return nil, Object{}, pipeline.Errorf(pipeline.CodeUnavailable, "%s has %d bytes, %d were read", l.Location(key), o.Size, len(b)).WithHint("run again")
			}
			return b, o, r.Close()
		}
		if err == nil && len(b) == cap(b) {
			if len(b) > MaxObject {
				err = pipeline.Errorf(pipeline.CodeLimit, "%s grew while it was read", key)
			} else {
				b = append(b, 0)[:len(b)]
			}
		}
		if err != nil {
			_ = r.Close() // the read has failed already
			return nil, Object{}, err
		}
	}
}

// WriteObject stores a small object whole or not at all, outside the curated
// zone. Errors: invalid, conflict (a data file of a published batch), denied,
// limit (disk full), unavailable.
func (l *Lake) WriteObject(ctx context.Context, key string, b []byte) error {
	w, err := l.Create(ctx, key)
	if err != nil {
		return err
	}
	if _, err := w.Write(b); err != nil {
		_ = w.Abort() // the write's error says more
		return err
	}
	return w.Close()
}

// Delete removes an object outside the curated zone and outside the data files,
// which only GC removes; an absent one is not an error.
func (l *Lake) Delete(ctx context.Context, key string) error {
	if err := checkWritable(key); err != nil {
		return err
	}
	if strings.HasPrefix(key, Data+"/") {
		return pipeline.Errorf(pipeline.CodeInvalid, "data file %q is removed by gc alone", key)
	}
	return l.wrap("delete", key, l.d.Delete(ctx, key))
}

// wrap gives a driver's error its code, what was done where, and what to do.
func (l *Lake) wrap(op, key string, err error) error {
	var known *pipeline.Error
	if err == nil || errors.As(err, &known) {
		return err
	}
	at := l.Location(key)
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return pipeline.Errorf(pipeline.ErrorCode(err), "lake: %s %s: %w", op, at, err)
	case errors.Is(err, fs.ErrNotExist):
		return pipeline.Errorf(pipeline.CodeNotFound, "lake: %s is not there (%s: %w)", at, op, err)
	case errors.Is(err, ErrPrecondition):
		return pipeline.Errorf(pipeline.CodeConflict, "lake: %s was changed by someone else meanwhile (%s: %w)", at, op, err).
			WithHint("run again")
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return pipeline.Errorf(pipeline.CodeDenied, "lake: %s %s: %w", op, at, err).
			WithHint("give this user the right to %s %s", op, at)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return pipeline.Errorf(pipeline.CodeLimit, "lake: %s %s: %w", op, at, err).
			WithHint("free space on the disk or raise the quota of %s, then run again; nothing was half-written", at)
	case errors.Is(err, syscall.ENAMETOOLONG):
		return pipeline.Errorf(pipeline.CodeInvalid, "lake: %s %s: %w", op, at, err).
			WithHint("give it a shorter name")
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR):
		// Like a right that is lacking: somebody has to mend the storage, and
		// no batch is to blame.
		return pipeline.Errorf(pipeline.CodeDenied, "lake: %s %s: %w", op, at, err).
			WithHint("a file stands where a folder is needed: move it away")
	}
	return pipeline.Errorf(pipeline.CodeUnavailable, "lake: %s %s: %w", op, at, err).
		WithHint("check that the storage of %s can be reached, then run again", at)
}
