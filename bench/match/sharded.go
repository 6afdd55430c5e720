package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"syscall"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/embed"
)

// readAtOnce is how many items are made and read before they go to disk.
const readAtOnce = 20_000

// sharded matches a catalog of any size category by category: what is read goes
// to a file per category, and one category after the other is embedded, matched
// and clustered, so that memory is that of the largest one. Items of no category
// are looked at with each.
func (b *bench) sharded(ctx context.Context) error {
	dir, err := os.MkdirTemp("", "assay-bench-match-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	began, wall := cpu(), time.Now()
	names, counts, err := b.spill(ctx, dir)
	if err != nil {
		return err
	}
	reading := cpu() - began
	fmt.Printf("%-16s %d items of %d categories read in %.0f CPU s (%.0f s of wall clock)\n", "sharded", *scale, len(names), reading.Seconds(), time.Since(wall).Seconds())
	m := &catalog.Matcher{Pack: b.pack, Embedder: embed.NewHashing(nil)}
	lost, err := load(dir, pipeline.Unknown)
	if err != nil {
		return err
	}
	if err := embedAll(ctx, m.Embedder, lost); err != nil {
		return err
	}
	began, wall = cpu(), time.Now()
	pairs, clusters := 0, 0
	for _, name := range names {
		from := cpu()
		entries := lost
		if name != pipeline.Unknown {
			if entries, err = load(dir, name); err != nil {
				return err
			}
			if err := embedAll(ctx, m.Embedder, entries); err != nil {
				return err
			}
			entries = append(entries, lost...)
		}
		ms, err := m.Pairs(ctx, entries, nil)
		if err != nil {
			return err
		}
		cs, _, err := m.Clusters(ctx, entries, ms, nil)
		if err != nil {
			return err
		}
		pairs, clusters = pairs+len(ms), clusters+len(cs)
		fmt.Printf("  %-14s %8d items, %9d pairs, %8d clusters, %.0f CPU s, %d MB\n", name, counts[name], len(ms), len(cs), (cpu() - from).Seconds(), peak()>>20)
		entries, ms, cs = nil, nil, nil
		debug.FreeOSMemory()
	}
	took := cpu() - began
	b.out["sharded_items"], b.out["sharded_items_per_s"] = *scale, float64(*scale)/took.Seconds()
	b.out["sharded_largest"], b.out["sharded_peak_mb"] = slices.Max(values(counts)), peak()>>20
	fmt.Printf("%-16s %d items: %.0f items per CPU second (%.0f s of wall clock), %d pairs, %d clusters, at most %d MB\n", "sharded",
		*scale, float64(*scale)/took.Seconds(), time.Since(wall).Seconds(), pairs, clusters, peak()>>20)
	return nil
}

func values(m map[string]int) []int {
	var out []int
	for _, n := range m {
		out = append(out, n)
	}
	return out
}

// peak is the most memory that this process has had, in bytes.
func peak() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return int64(u.Maxrss) << 10
}

// spill makes and reads the items of the large catalog, and writes them to a
// file per category.
func (b *bench) spill(ctx context.Context, dir string) (names []string, counts map[string]int, err error) {
	type file struct {
		f *os.File
		w *bufio.Writer
		e *json.Encoder
	}
	files := map[string]*file{}
	counts = map[string]int{}
	for from := 0; from < *scale; from += readAtOnce {
		items, _ := makeParts(min(readAtOnce, *scale-from), 20, uint64(11+from))
		for i := range items {
			items[i].ID = fmt.Sprintf("bench/%08d", from+i)
		}
		entries, err := read(ctx, b.parser, items)
		if err != nil {
			return nil, nil, err
		}
		for i := range entries {
			name := entries[i].Record.Category
			f := files[name]
			if f == nil {
				f = &file{}
				if f.f, err = os.Create(filepath.Join(dir, name)); err != nil {
					return nil, nil, err
				}
				f.w = bufio.NewWriterSize(f.f, 1<<20)
				f.e = json.NewEncoder(f.w)
				files[name] = f
				names = append(names, name)
			}
			counts[name]++
			if err := f.e.Encode(&entries[i]); err != nil {
				return nil, nil, err
			}
		}
	}
	slices.Sort(names)
	for _, f := range files {
		if err := errors.Join(f.w.Flush(), f.f.Close()); err != nil {
			return nil, nil, err
		}
	}
	return names, counts, nil
}

// load reads what spill wrote of a category; one without items has no file.
func load(dir, name string) ([]catalog.Entry, error) {
	f, err := os.Open(filepath.Join(dir, name))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	d := json.NewDecoder(bufio.NewReaderSize(f, 1<<20))
	var out []catalog.Entry
	for {
		var e catalog.Entry
		switch err := d.Decode(&e); {
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return nil, err
		}
		out = append(out, e)
	}
}
