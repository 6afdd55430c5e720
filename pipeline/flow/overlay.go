package flow

import (
	"bytes"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// with is a folder with one more file in one more folder.
type with struct {
	fs.FS
	file string
	data []byte
}

// Open opens the file that was added, its folder, or what the folder has.
func (w with) Open(name string) (fs.File, error) {
	dir := path.Dir(w.file)
	switch name {
	case w.file:
		return &added{Reader: bytes.NewReader(w.data), name: path.Base(w.file), size: int64(len(w.data))}, nil
	case dir:
		return &added{Reader: bytes.NewReader(nil), name: dir, entries: []fs.DirEntry{entryOf(path.Base(w.file), int64(len(w.data)), false)}, dir: true}, nil
	}
	return w.FS.Open(name)
}

// ReadDir lists a folder, with the added one in its place.
func (w with) ReadDir(name string) ([]fs.DirEntry, error) {
	dir := path.Dir(w.file)
	if name == dir {
		return []fs.DirEntry{entryOf(path.Base(w.file), int64(len(w.data)), false)}, nil
	}
	es, err := fs.ReadDir(w.FS, name)
	if name == "." && err == nil {
		es = append(es, entryOf(dir, 0, true))
		slices.SortFunc(es, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	}
	return es, err
}

// added is an open file or folder in memory.
type added struct {
	io.Reader
	name    string
	size    int64
	dir     bool
	entries []fs.DirEntry
}

func entryOf(name string, size int64, dir bool) fs.DirEntry {
	return fs.FileInfoToDirEntry(&added{name: name, size: size, dir: dir})
}

func (a *added) Stat() (fs.FileInfo, error) { return a, nil }
func (a *added) Close() error               { return nil }
func (a *added) Name() string               { return a.name }
func (a *added) Size() int64                { return a.size }
func (a *added) ModTime() time.Time         { return time.Time{} }
func (a *added) IsDir() bool                { return a.dir }
func (a *added) Sys() any                   { return nil }

func (a *added) Mode() fs.FileMode {
	if a.dir {
		return fs.ModeDir | 0o555
	}
	return 0o444
}
