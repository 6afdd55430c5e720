// Package dirlake keeps a lake in a directory. A key is a path below it.
//
// An object is written to a temporary file beside its place, synced, and
// renamed over it, so that a reader sees the old object or the new one. Every
// rename happens under an exclusive lock of the operating system on one of 64
// lock files, chosen by the key: the kernel ends the lock with its process, so
// that a killed one leaves no stale lock. Conditions are checked under that
// lock, which makes them hold between goroutines and between processes.
//
// An object's tag is its size and modification time; the time of a replacement
// is moved past that of what it replaces, however coarse or backward the clock.
//
// Small objects are read whole and closed at once, because Windows does not
// rename over an open file. What a killed process leaves are files named
// .tmp-*: List passes over them, Sweep removes them.
//
// Unlike S3, a directory cannot hold both the key "a" and the key "a/b".
package dirlake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/rogpeppe/go-internal/lockedfile"

	"github.com/assay-pipeline/assay/pipeline/lake"
)

const (
	// locks is the folder of the lock files, directly below the root.
	locks     = ".locks"
	lockFiles = 64
	tmpPrefix = ".tmp-"
	// small objects are read whole when they are opened, in bytes.
	small = 256 << 10
)

// Dir is a lake.Driver over a directory.
type Dir struct{ root string }

var (
	_ lake.Driver       = (*Dir)(nil)
	_ lake.Locator      = (*Dir)(nil)
	_ lake.Sweeper      = (*Dir)(nil)
	_ lake.RandomReader = (*Dir)(nil)
)

// New returns the driver of the lake in root, which is made when something is
// first written. A root that is there and no directory is an error.
func New(root string) (*Dir, error) {
	if root == "" {
		return nil, errors.New("the directory of the lake is empty")
	}
	abs, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	if info, err := os.Stat(abs); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("the lake %s is a file, not a directory", abs)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return &Dir{root: abs}, nil
}

// Location returns the absolute path of key.
func (d *Dir) Location(key string) string { return filepath.Join(d.root, filepath.FromSlash(key)) }

// file returns the path of key, and an error where key is none or names a file
// of the driver itself.
func (d *Dir) file(key string) (string, error) {
	if !fs.ValidPath(key) || key == "." || strings.ContainsRune(key, 0) || runtime.GOOS == "windows" && strings.ContainsAny(key, `\:`) {
		return "", &fs.PathError{Op: "open", Path: key, Err: fs.ErrInvalid}
	}
	if own(path.Base(key)) || key == locks || strings.HasPrefix(key, locks+"/") {
		return "", &fs.PathError{Op: "open", Path: key, Err: fs.ErrInvalid}
	}
	return d.Location(key), nil
}

func own(name string) bool { return strings.HasPrefix(name, tmpPrefix) }

func object(key string, info fs.FileInfo) lake.Object {
	return lake.Object{Key: key, Size: info.Size(), Modified: info.ModTime().UTC(), Tag: tag(info)}
}

func tag(info fs.FileInfo) string {
	return fmt.Sprintf("%x-%x", info.Size(), info.ModTime().UnixNano())
}

// Get implements lake.Driver.
func (d *Dir) Get(ctx context.Context, key string, off, n int64) (io.ReadCloser, lake.Object, error) {
	f, o, err := d.open(ctx, key)
	if err != nil {
		return nil, lake.Object{}, err
	}
	left := max(0, o.Size-off)
	if n < 0 || n > left {
		n = left
	}
	part := io.NewSectionReader(f, off, n)
	if n > small {
		return &section{part, f}, o, nil
	}
	b, err := io.ReadAll(part)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, lake.Object{}, err
	}
	return io.NopCloser(bytes.NewReader(b)), o, nil
}

type section struct {
	*io.SectionReader
	f *os.File
}

func (s *section) Close() error { return s.f.Close() }

// OpenAt implements lake.RandomReader.
func (d *Dir) OpenAt(ctx context.Context, key string) (lake.ReaderAtCloser, lake.Object, error) {
	return d.open(ctx, key)
}

func (d *Dir) open(ctx context.Context, key string) (*os.File, lake.Object, error) {
	if err := ctx.Err(); err != nil {
		return nil, lake.Object{}, err
	}
	name, err := d.file(key)
	if err != nil {
		return nil, lake.Object{}, err
	}
	// Looked at before it is opened: opening a named pipe would wait for its
	// writer.
	info, err := os.Stat(name)
	if err != nil {
		return nil, lake.Object{}, absent(err)
	}
	if !info.Mode().IsRegular() {
		return nil, lake.Object{}, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, lake.Object{}, absent(err)
	}
	if info, err = f.Stat(); err != nil {
		_ = f.Close() // nothing was read
		return nil, lake.Object{}, err
	}
	return f, object(key, info), nil
}

// Put implements lake.Driver.
func (d *Dir) Put(ctx context.Context, key string, r io.Reader, cond lake.Condition) (o lake.Object, err error) {
	name, err := d.file(key)
	if err != nil {
		return lake.Object{}, err
	}
	tmp, err := d.temp(name)
	if err != nil {
		return lake.Object{}, err
	}
	defer func() {
		if err != nil {
			_ = tmp.Close()           // closed already, or of no interest
			_ = os.Remove(tmp.Name()) // Sweep finds it otherwise
		}
	}()
	if err := fill(ctx, tmp, r); err != nil {
		return lake.Object{}, err
	}
	unlock, err := d.lock(key)
	if err != nil {
		return lake.Object{}, err
	}
	defer unlock()
	info, err := os.Stat(name)
	switch {
	case err == nil && info.IsDir():
		return lake.Object{}, &fs.PathError{Op: "write", Path: name, Err: errors.New("is a directory")}
	case err == nil && (cond.IfAbsent || cond.IfTag != "" && cond.IfTag != tag(info)):
		return lake.Object{}, fmt.Errorf("%s has the tag %s: %w", name, tag(info), lake.ErrPrecondition)
	case err == nil:
		if err := outdate(tmp.Name(), info); err != nil {
			return lake.Object{}, err
		}
	case !errors.Is(absent(err), fs.ErrNotExist):
		return lake.Object{}, err
	case cond.IfTag != "":
		return lake.Object{}, fmt.Errorf("%s is not there: %w", name, lake.ErrPrecondition)
	}
	if err := ctx.Err(); err != nil {
		return lake.Object{}, err
	}
	if info, err = os.Stat(tmp.Name()); err != nil {
		return lake.Object{}, err
	}
	if err := replace(tmp.Name(), name); err != nil {
		return lake.Object{}, err
	}
	// From here on the object is there; an error only says that a power cut
	// might undo it.
	return object(key, info), syncDir(filepath.Dir(name))
}

// temp creates a temporary file beside name, and the folders above it.
func (d *Dir) temp(name string) (*os.File, error) {
	dir := filepath.Dir(name)
	var err error
	for range 10 {
		var f *os.File
		// 0o666 before the umask, as files of other programs have it.
		if f, err = createTemp(dir); err == nil {
			return f, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		// Delete may remove a folder that became empty just now: try again.
		if err := d.mkdir(dir); err != nil {
			return nil, err
		}
	}
	return nil, err
}

// mkdir makes dir and syncs the folders that hold what it made.
func (d *Dir) mkdir(dir string) error {
	var made []string
	for p := dir; ; p = filepath.Dir(p) {
		if _, err := os.Stat(p); err == nil || filepath.Dir(p) == p {
			break
		}
		made = append(made, filepath.Dir(p))
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	for _, p := range made {
		if err := syncDir(p); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

var buffers = sync.Pool{New: func() any { return new([256 << 10]byte) }}

// fill copies r to f, syncs and closes it.
func fill(ctx context.Context, f *os.File, r io.Reader) error {
	buf := buffers.Get().(*[256 << 10]byte)
	defer buffers.Put(buf)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := r.Read(buf[:])
		if _, werr := f.Write(buf[:n]); werr != nil {
			return werr
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return f.Close()
}

// lock takes the lock of key, across goroutines and processes.
func (d *Dir) lock(key string) (unlock func(), err error) {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key)) // a hash never fails
	dir := filepath.Join(d.root, locks)
	mu := lockedfile.MutexAt(filepath.Join(dir, fmt.Sprintf("%02d", h.Sum32()%lockFiles)))
	unlock, err = mu.Lock()
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			return nil, err
		}
		unlock, err = mu.Lock()
	}
	return unlock, err
}

// outdate moves the modification time of name past that of old, so that their
// tags differ on file systems with coarse times and after a clock jumped back.
func outdate(name string, old fs.FileInfo) error {
	for _, step := range []time.Duration{time.Microsecond, time.Millisecond, time.Second, 2 * time.Second} {
		info, err := os.Stat(name)
		if err != nil {
			return err
		}
		if info.ModTime().After(old.ModTime()) {
			return nil
		}
		if err := os.Chtimes(name, time.Time{}, old.ModTime().Add(step)); err != nil {
			return err
		}
	}
	return nil
}

// Delete implements lake.Driver. It also removes the folders that became
// empty, but for the first two levels: people drop files into landing/<feed>.
func (d *Dir) Delete(ctx context.Context, key string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	name, err := d.file(key)
	if err != nil {
		return err
	}
	unlock, err := d.lock(key)
	if err != nil {
		return err
	}
	defer unlock()
	if info, err := os.Lstat(name); err == nil && info.IsDir() {
		return nil // no object
	}
	if err := os.Remove(name); err != nil {
		if errors.Is(absent(err), fs.ErrNotExist) {
			return nil
		}
		return err
	}
	for dir := path.Dir(key); strings.Count(dir, "/") >= 2; dir = path.Dir(dir) {
		if os.Remove(d.Location(dir)) != nil { // not empty
			break
		}
	}
	return nil
}

// absent turns "a file stands where a folder would be" into "not there".
func absent(err error) error {
	if notDir(err) {
		return fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	return err
}
