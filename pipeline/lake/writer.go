package lake

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
)

// A Writer streams one object into the lake. Nothing is visible before Close.
// It is not safe for concurrent use.
type Writer struct {
	l    *Lake
	key  string
	buf  *bufio.Writer
	pipe *io.PipeWriter
	hash hash.Hash
	size int64
	rows int64
	done chan error
	over bool
	file File
}

// writeBuffer keeps small writes away from the pipe to the driver.
const writeBuffer = 256 << 10

// Create begins a new object at key; Close commits it, Abort discards it. A
// data file is immutable once its batch is published: Create refuses with
// conflict. Errors: as WriteObject.
func (l *Lake) Create(ctx context.Context, key string) (*Writer, error) {
	if err := checkWritable(key); err != nil {
		return nil, err
	}
	var cond Condition
	if strings.HasPrefix(key, Data+"/") {
		var err error
		if cond, err = l.immutable(ctx, key); err != nil {
			return nil, err
		}
	}
	pr, pw := io.Pipe()
	w := &Writer{l: l, key: key, pipe: pw, hash: sha256.New(), done: make(chan error, 1)}
	w.buf = bufio.NewWriterSize(io.MultiWriter(w.hash, pw), writeBuffer)
	// A caller that gives up without Abort must not leave the driver waiting.
	stop := context.AfterFunc(ctx, func() { _ = pw.CloseWithError(context.Cause(ctx)) })
	go func() {
		defer stop()
		_, err := l.d.Put(ctx, key, pr, cond)
		// A driver that failed has stopped reading: the next Write must not
		// wait for it.
		if err != nil {
			err = l.wrap("write", key, err)
			_ = pr.CloseWithError(err) // always nil
		}
		w.done <- err
	}()
	return w, nil
}

// immutable returns the condition under which a data file may be written: it
// is new, or it is what an unfinished attempt at the same batch left behind
// and nobody touches it meanwhile.
func (l *Lake) immutable(ctx context.Context, key string) (Condition, error) {
	o, err := l.Stat(ctx, key)
	if pipeline.ErrorCode(err) == pipeline.CodeNotFound {
		return Condition{IfAbsent: true}, nil
	}
	if err != nil {
		return Condition{}, err
	}
	elems := strings.SplitN(key, "/", 4)
	_, published, err := l.HasBatch(ctx, elems[1], elems[2])
	if err != nil {
		return Condition{}, err
	}
	if published {
		return Condition{}, pipeline.Errorf(pipeline.CodeConflict, "data file %s belongs to batch %s, which is published and never changes", key, elems[2])
	}
	return Condition{IfTag: o.Tag}, nil
}

// errAborted reaches the driver as a read error, so that it stores nothing.
var errAborted = errors.New("write aborted")

// Write appends p to the object.
func (w *Writer) Write(p []byte) (int, error) {
	n, err := w.buf.Write(p)
	w.size += int64(n)
	return n, err
}

// SetRows records the number of rows for File.
func (w *Writer) SetRows(n int64) { w.rows = n }

// Close stores the object. After an error nothing is stored.
func (w *Writer) Close() error {
	if w.over {
		return pipeline.Errorf(pipeline.CodeInternal, "lake: %s was closed or aborted before", w.key)
	}
	w.over = true
	flushed := w.buf.Flush()
	_ = w.pipe.CloseWithError(flushed) // always nil
	if err := <-w.done; err != nil {
		return err
	}
	if flushed != nil {
		return flushed
	}
	w.file = File{Key: w.key, Size: w.size, SHA256: hex.EncodeToString(w.hash.Sum(nil)), Rows: w.rows}
	return nil
}

// Abort discards the object; after Close it does nothing.
func (w *Writer) Abort() error {
	if w.over {
		return nil
	}
	w.over = true
	_ = w.pipe.CloseWithError(errAborted) // always nil
	if err := <-w.done; err != nil && !errors.Is(err, errAborted) {
		return err
	}
	return nil
}

// File describes the object, after Close.
func (w *Writer) File() File { return w.file }
