package dirlake

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/pipeline/lake"
)

// List implements lake.Driver. It follows symbolic links, to folders as well,
// but not in a circle. Of each folder on the way it holds the names.
func (d *Dir) List(ctx context.Context, prefix, after string) iter.Seq2[lake.Object, error] {
	return func(yield func(lake.Object, error) bool) {
		w := &walk{d: d, prefix: prefix, after: after, visit: func(o lake.Object) bool { return yield(o, nil) }}
		// Where the prefix names folders, begin there.
		dir := ""
		if i := strings.LastIndexByte(prefix, '/'); i >= 0 {
			dir = prefix[:i+1]
		}
		if dir != "" && !fs.ValidPath(strings.TrimSuffix(dir, "/")) {
			return // no key begins like that
		}
		if _, err := w.folder(ctx, dir, nil); err != nil {
			yield(lake.Object{}, err)
		}
	}
}

type walk struct {
	d             *Dir
	prefix, after string
	temps         bool // yield the temporary files instead of the objects
	visit         func(lake.Object) bool
}

// folder yields the objects below dir, a key that is empty or ends in a slash.
// It reports false when the caller has had enough. above are the folders on
// the way here.
func (w *walk) folder(ctx context.Context, dir string, above []fs.FileInfo) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	name := filepath.Join(w.d.root, filepath.FromSlash(dir))
	self, err := os.Stat(name)
	if err != nil || !self.IsDir() {
		return true, gone(err)
	}
	if slices.ContainsFunc(above, func(a fs.FileInfo) bool { return os.SameFile(a, self) }) {
		return true, nil // a link back
	}
	above = append(above, self)
	entries, err := os.ReadDir(name)
	if err != nil {
		return true, gone(err)
	}
	// Key order is not the order of names: below "a" come "a-b", "a/…", "a0".
	keys := make([]string, 0, len(entries))
	for _, e := range entries {
		key := dir + e.Name()
		if e.IsDir() || e.Type()&fs.ModeSymlink != 0 && isDir(filepath.Join(name, e.Name())) {
			key += "/"
		}
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		sub := strings.HasSuffix(key, "/")
		switch {
		case key == locks+"/":
			continue
		case sub && w.mayHold(key):
			if more, err := w.folder(ctx, key, above); err != nil || !more {
				return more, err
			}
			continue
		case sub || own(key[strings.LastIndexByte(key, '/')+1:]) != w.temps:
			continue
		case !strings.HasPrefix(key, w.prefix) || key <= w.after && w.after != "":
			continue
		}
		info, err := os.Stat(w.d.Location(key))
		if err != nil {
			if err := gone(err); err != nil {
				return true, err
			}
			continue
		}
		if !info.Mode().IsRegular() {
			continue
		}
		if !w.visit(object(key, info)) {
			return false, nil
		}
	}
	return true, nil
}

// mayHold reports whether keys that begin with dir can be wanted.
func (w *walk) mayHold(dir string) bool {
	if !strings.HasPrefix(dir, w.prefix) && !strings.HasPrefix(w.prefix, dir) {
		return false
	}
	return strings.HasPrefix(w.after, dir) || dir > w.after
}

func isDir(name string) bool {
	info, err := os.Stat(name)
	return err == nil && info.IsDir()
}

// gone drops the error of something that vanished while it was listed.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Sweep implements lake.Sweeper: it removes temporary files that have not
// been written to since before.
func (d *Dir) Sweep(ctx context.Context, before time.Time, dry bool) ([]lake.Object, error) {
	var found []lake.Object
	w := &walk{d: d, temps: true, visit: func(o lake.Object) bool {
		if !o.Modified.After(before) {
			found = append(found, o)
		}
		return true
	}}
	if _, err := w.folder(ctx, "", nil); err != nil {
		return nil, err
	}
	if dry {
		return found, nil
	}
	for i, o := range found {
		if err := os.Remove(d.Location(o.Key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return found[:i], err
		}
	}
	return found, nil
}
