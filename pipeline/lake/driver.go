// Package lake keeps files in zones over object storage: it writes atomically,
// publishes a feed by swapping one manifest, and checks what it stored.
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
	// Get opens n bytes of key from off; n < 0 reads to the end.
	Get(ctx context.Context, key string, off, n int64) (io.ReadCloser, Object, error)
	// Put stores r whole or not at all: a reader sees the previous object or
	// the new one.
	Put(ctx context.Context, key string, r io.Reader, cond Condition) (Object, error)
	// List yields the objects under prefix in key order, after the key after.
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
