package lake

import (
	"context"
	"io"
	"slices"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
)

// CompactTarget is the size of file that Compact works towards by default.
const CompactTarget = 256 << 20

// CompactOptions say how the files of a feed become fewer.
type CompactOptions struct {
	// Target is the largest file to make, in bytes; default CompactTarget.
	Target int64
	// Kind returns the same text for files that can be merged with each other
	// (their schema); nil: all can.
	Kind func(ctx context.Context, f File) (string, error)
	// Merge writes the rows of files, in order, as one file, and returns their
	// number.
	Merge func(ctx context.Context, files []File, w io.Writer) (rows int64, err error)
	// Dry only plans.
	Dry bool
}

// A Compaction is what Compact did, or would do.
type Compaction struct {
	Before int   `json:"files_before"`
	After  int   `json:"files_after"`
	Bytes  int64 `json:"bytes_merged"`
	// Manifest is the one that was published, nil where nothing was.
	Manifest *Manifest `json:"manifest,omitempty"`
}

// Compact merges runs of small neighbouring files of feed and publishes the
// result as a manifest of its own: the same rows of the same batches in the
// same order. Readers of the previous manifest go on reading its files, which
// stay. A run is merged when it at least doubles its largest file or is small
// altogether, so that a large file is not copied for each small one that joins
// it. Errors: not_found before the first publish; conflict when a batch was
// published meanwhile (the files stay as they are: run again); corrupt when the
// rows do not add up; those of Merge.
func (l *Lake) Compact(ctx context.Context, feed string, opt CompactOptions) (Compaction, error) {
	if opt.Target <= 0 {
		opt.Target = CompactTarget
	}
	cur, err := l.Current(ctx, feed)
	if err != nil {
		return Compaction{}, err
	}
	runs, err := plan(ctx, cur.Files, opt)
	if err != nil {
		return Compaction{}, err
	}
	c := Compaction{Before: len(cur.Files), After: len(runs)}
	if c.After == c.Before {
		return c, nil
	}
	m := *cur
	m.Previous, m.Load, m.At = cur.ID, "compact", l.now()
	m.DataAt = cur.dataAt()
	m.Batch = "compact-" + pipeline.ContentID("compact", feed, cur.ID)[:16]
	m.Files = nil
	for _, run := range runs {
		if len(run) == 1 {
			m.Files = append(m.Files, run[0])
			continue
		}
		for _, f := range run {
			c.Bytes += f.Size
		}
		if opt.Dry {
			continue
		}
		f, err := l.merge(ctx, &m, run, opt)
		if err != nil {
			return Compaction{}, err
		}
		m.Files = append(m.Files, f)
	}
	if opt.Dry {
		return c, nil
	}
	if c.Manifest, err = l.Publish(ctx, m); err != nil {
		return Compaction{}, err
	}
	return c, l.Finish(ctx, c.Manifest)
}

// merge writes one run as a file of the compaction m.
func (l *Lake) merge(ctx context.Context, m *Manifest, run []File, opt CompactOptions) (File, error) {
	part := 0
	for _, f := range m.Files {
		if f.Batch == m.Batch {
			part++
		}
	}
	var want int64
	var batches []string
	for _, f := range run {
		want += f.Rows
		for _, b := range f.From() {
			if !slices.Contains(batches, b) {
				batches = append(batches, b)
			}
		}
	}
	w, err := l.Create(ctx, DataKey(m.Feed, m.Batch, part))
	if err != nil {
		return File{}, err
	}
	rows, err := opt.Merge(ctx, run, w)
	if err == nil && rows != want {
		err = pipeline.Errorf(pipeline.CodeCorrupt, "compaction of feed %s: %d files have %d rows, their manifest says %d", m.Feed, len(run), rows, want).
			WithHint("nothing was changed; run lake verify %s", m.Feed)
	}
	if err != nil {
		_ = w.Abort() // the first error is the one to tell
		return File{}, err
	}
	w.SetRows(rows)
	if err := w.Close(); err != nil {
		return File{}, err
	}
	f := w.File()
	f.Batch, f.Batches = m.Batch, batches
	return f, nil
}

// plan cuts files into runs; a run of more than one is to be merged.
func plan(ctx context.Context, files []File, opt CompactOptions) ([][]File, error) {
	var runs [][]File
	var run []File
	var size, largest int64
	var kind string
	flush := func() {
		if len(run) > 1 && (size >= 2*largest || size <= opt.Target/16) {
			runs = append(runs, run)
		} else {
			for _, f := range run {
				runs = append(runs, []File{f})
			}
		}
		run, size, largest = nil, 0, 0
	}
	for _, f := range files {
		if f.Size > opt.Target/4*3 {
			flush()
			runs = append(runs, []File{f})
			continue
		}
		k := ""
		if opt.Kind != nil {
			var err error
			if k, err = opt.Kind(ctx, f); err != nil {
				return nil, err
			}
		}
		if len(run) > 0 && (k != kind || size+f.Size > opt.Target) {
			flush()
		}
		run, kind = append(run, f), k
		size, largest = size+f.Size, max(largest, f.Size)
	}
	flush()
	return runs, nil
}

// dataAt is when rows were last published.
func (m *Manifest) dataAt() time.Time {
	if !m.DataAt.IsZero() {
		return m.DataAt
	}
	return m.At
}

// From is the batches whose rows are in f.
func (f File) From() []string {
	if len(f.Batches) > 0 {
		return f.Batches
	}
	return []string{f.Batch}
}
