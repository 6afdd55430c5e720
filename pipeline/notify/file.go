// Package notify sends events out of the pipeline: CloudEvents 1.0 in JSON,
// one line each, appended to a file or written to a stream.
//
// Delivery is at least once and in the order given; a consumer drops repeats
// by the id, which derives from content. A line is whole or absent: a batch of
// events is one write under a lock, a write that failed is taken back, and what
// a process left behind that died in the middle of a write is cut off by the
// next one. The events of such a cut were never reported as sent, so they come
// again.
package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/rogpeppe/go-internal/lockedfile"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

var (
	_ flow.Publisher = (*File)(nil)
	_ flow.Publisher = (*Writer)(nil)
)

// encode returns events as lines. Error: invalid.
func encode(events []pipeline.Event) ([]byte, error) {
	var b bytes.Buffer
	for _, e := range events {
		line, err := json.Marshal(e)
		if err != nil {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "event %s of type %s: %w", e.ID, e.Type, err)
		}
		b.Write(line)
		b.WriteByte('\n')
	}
	return b.Bytes(), nil
}

// A Writer writes events to a stream, one write per batch.
type Writer struct {
	mu sync.Mutex
	w  io.Writer
}

// NewWriter returns the publisher that writes to w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Publish writes events to the stream. Errors: invalid, unavailable.
func (w *Writer) Publish(ctx context.Context, events []pipeline.Event) error {
	b, err := encode(events)
	if err != nil || len(b) == 0 {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, err := w.w.Write(b); err != nil {
		return pipeline.Errorf(pipeline.CodeUnavailable, "write events: %w", err)
	}
	return nil
}

// Close does nothing: the stream is the caller's.
func (w *Writer) Close() error { return nil }

// A File appends events to a file that it opens for each batch, so that the
// file can be rotated. Several processes may append to one file.
type File struct{ path string }

// OpenFile returns the publisher that appends to the file at path. It makes
// the file and its folder where they are absent and mends a torn last line.
// Errors: invalid (something else stands there), denied, unavailable.
func OpenFile(path string) (*File, error) {
	if path == "" {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "the path of the event file is empty").WithHint("set ASSAY_EVENTS to file:///PATH")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return nil, failed(path, err)
	}
	f := &File{path: path}
	return f, f.append(nil)
}

// Publish appends events and syncs the file. Errors: invalid, denied,
// unavailable; after an error none of them is in the file, or all are and will
// be sent again.
func (f *File) Publish(ctx context.Context, events []pipeline.Event) error {
	b, err := encode(events)
	if err != nil || len(b) == 0 {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	return f.append(b)
}

// Close does nothing: the file is open only while events are appended.
func (f *File) Close() error { return nil }

func (f *File) append(b []byte) (err error) {
	out, err := os.OpenFile(f.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o666)
	if err != nil {
		return failed(f.path, err)
	}
	defer func() {
		if cerr := out.Close(); err == nil && cerr != nil {
			err = failed(f.path, cerr)
		}
	}()
	info, err := out.Stat()
	if err != nil {
		return failed(f.path, err)
	}
	if !info.Mode().IsRegular() {
		// A pipe or a terminal: nothing to mend, nothing to sync.
		if _, err := out.Write(b); err != nil {
			return failed(f.path, err)
		}
		return nil
	}
	// The lock is a file of its own, since on Windows a locked file cannot be
	// read; the system ends it with its process.
	unlock, err := lockedfile.MutexAt(filepath.Join(filepath.Dir(f.path), "."+filepath.Base(f.path)+".lock")).Lock()
	if err != nil {
		return failed(f.path, err)
	}
	defer unlock()
	size, err := mend(out)
	if err != nil {
		return failed(f.path, err)
	}
	if len(b) == 0 {
		return nil
	}
	if _, err := out.Write(b); err != nil {
		// Take back what a full disk took of it.
		return failed(f.path, errors.Join(err, out.Truncate(size)))
	}
	if err := out.Sync(); err != nil {
		return failed(f.path, err)
	}
	return nil
}

// Erase replaces every JSON string in the file that is one of texts, under the
// same lock, and returns how many lines changed. Errors: denied, unavailable.
func (f *File) Erase(ctx context.Context, texts []string) (int, error) {
	unlock, err := lockedfile.MutexAt(filepath.Join(filepath.Dir(f.path), "."+filepath.Base(f.path)+".lock")).Lock()
	if err != nil {
		return 0, failed(f.path, err)
	}
	defer unlock()
	old, err := os.ReadFile(f.path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, failed(f.path, err)
	}
	quoted := make([][]byte, len(texts))
	for i, t := range texts {
		if quoted[i], err = json.Marshal(t); err != nil {
			return 0, failed(f.path, err)
		}
	}
	var b bytes.Buffer
	n := 0
	for line := range bytes.Lines(old) {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		clean := line
		for _, q := range quoted {
			clean = bytes.ReplaceAll(clean, q, []byte(`"`+flow.Erased+`"`))
		}
		if !bytes.Equal(clean, line) {
			n++
		}
		b.Write(clean)
	}
	if n == 0 {
		return 0, nil
	}
	// Over the old bytes, not beside them: nothing of them is left on the disk's
	// free blocks under another name.
	out, err := os.OpenFile(f.path, os.O_WRONLY, 0)
	if err != nil {
		return 0, failed(f.path, err)
	}
	_, err = out.WriteAt(b.Bytes(), 0)
	err = errors.Join(err, out.Truncate(int64(b.Len())), out.Sync(), out.Close())
	if err != nil {
		return 0, failed(f.path, err)
	}
	return n, nil
}

// begin is how every line begins: what tells a torn event from the last line
// of a file that is none of ours.
const begin = `{"specversion":"`

// mend cuts a torn last line off and returns the size of the file.
func mend(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	size, cut := info.Size(), int64(0)
	var tail [64 << 10]byte
	for at := size; at > 0 && cut == 0; {
		n := min(at, int64(len(tail)))
		at -= n
		if _, err := f.ReadAt(tail[:n], at); err != nil {
			return 0, err
		}
		if i := bytes.LastIndexByte(tail[:n], '\n'); i >= 0 {
			cut = at + int64(i) + 1
		}
	}
	if cut == size {
		return size, nil
	}
	head := make([]byte, min(size-cut, int64(len(begin))))
	if _, err := f.ReadAt(head, cut); err != nil {
		return 0, err
	}
	if !bytes.HasPrefix([]byte(begin), head) {
		return 0, pipeline.Errorf(pipeline.CodeInvalid, "%s does not end in an event: it is no event file", f.Name()).
			WithHint("set ASSAY_EVENTS to a file of its own")
	}
	return cut, f.Truncate(cut)
}

func failed(path string, err error) error {
	var known *pipeline.Error
	switch {
	case errors.As(err, &known):
		return err
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return pipeline.Errorf(pipeline.CodeDenied, "event file %s: %w", path, err).WithHint("give this user the right to write it, or set ASSAY_EVENTS")
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return pipeline.Errorf(pipeline.CodeUnavailable, "event file %s: %w", path, err).WithHint("free space on the disk; the events are kept and sent again")
	case errors.Is(err, syscall.EISDIR), errors.Is(err, syscall.ENOTDIR):
		return pipeline.Errorf(pipeline.CodeInvalid, "event file %s: %w", path, err).WithHint("set ASSAY_EVENTS to a file")
	}
	return pipeline.Errorf(pipeline.CodeUnavailable, "event file %s: %w", path, err).WithHint("the events are kept and sent again")
}
