package lake

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"
)

// A Driver is object storage reduced to what Lake needs. Keys are
// slash-separated, relative, and valid UTF-8; a driver never sees "..".
//
// Drivers return raw errors: one that satisfies errors.Is(err, fs.ErrNotExist)
// for an absent key, and ErrPrecondition when a condition did not hold. Lake
// wraps them.
type Driver interface {
	// Get opens n bytes of key from off; n < 0 reads to the end, and n = 0
	// only looks the object up. A range beyond the end is cut short, down to
	// an empty reader.
	Get(ctx context.Context, key string, off, n int64) (io.ReadCloser, Object, error)
	// Put stores r whole or not at all: a reader sees the previous object or
	// the new one.
	Put(ctx context.Context, key string, r io.Reader, cond Condition) (Object, error)
	// List yields the objects whose key begins with prefix in the byte order of
	// their keys, those after the key after only. An error ends the sequence.
	List(ctx context.Context, prefix, after string) iter.Seq2[Object, error]
	// Delete removes key; an absent key is not an error.
	Delete(ctx context.Context, key string) error
}

// An Object is a stored file.
type Object struct {
	Key      string
	Size     int64
	Modified time.Time
	// Tag changes whenever the content may have changed: the ETag on S3, size
	// and modification time on disk. It is cheap; it is no content hash.
	Tag string
	// Contract is the version of the feed's contract that the object's metadata
	// asks for; only Get knows it, and only where the storage keeps metadata
	// (assay-contract-version on S3).
	Contract string
}

// A Condition guards a Put.
type Condition struct {
	// IfAbsent: the key must not exist.
	IfAbsent bool
	// IfTag: the key must exist with this tag.
	IfTag string
}

// ErrPrecondition is what a Driver returns when a Condition did not hold.
var ErrPrecondition = errors.New("precondition failed")

// A Locator is a Driver that can say where an object lies, in the form that
// other programs open: an absolute path or an s3:// URL.
type Locator interface {
	Location(key string) string
}

// A Sweeper is a Driver that may leave debris of interrupted writes (temporary
// files, unfinished multipart uploads), which List never yields.
type Sweeper interface {
	// Sweep removes debris older than before, or only lists it.
	Sweep(ctx context.Context, before time.Time, dry bool) ([]Object, error)
}

// A RandomReader is a Driver with a cheaper way to random access than one Get
// per range.
type RandomReader interface {
	OpenAt(ctx context.Context, key string) (ReaderAtCloser, Object, error)
}

// A ReaderAtCloser reads at offsets, from several goroutines at once.
type ReaderAtCloser interface {
	io.ReaderAt
	io.Closer
}
