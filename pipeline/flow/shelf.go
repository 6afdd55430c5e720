package flow

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/gate"
	"github.com/assay-pipeline/assay/pipeline/lake"
)

// A batchShelf is the gate's shelf for one batch.
type batchShelf struct {
	lake  *lake.Lake
	batch Batch
	data  []lake.File // of accepted rows, as they were written
}

func (in *Ingest) shelf(b Batch) *batchShelf { return &batchShelf{lake: in.Lake, batch: b} }

func (s *batchShelf) key(name string) string {
	if strings.HasSuffix(name, ".parquet") {
		return dataKey(s.batch, name)
	}
	return lake.RawKey(s.batch.Feed, s.batch.ID, "ranges/"+name)
}

// Create implements gate.Shelf.
func (s *batchShelf) Create(ctx context.Context, name string) (io.WriteCloser, error) {
	w, err := s.lake.Create(ctx, s.key(name))
	if err != nil {
		return nil, err
	}
	if !strings.HasSuffix(name, ".parquet") {
		return w, nil
	}
	return &dataWriter{w, s}, nil
}

// A dataWriter tells the shelf what was written.
type dataWriter struct {
	*lake.Writer
	s *batchShelf
}

func (w *dataWriter) Close() error {
	if err := w.Writer.Close(); err != nil {
		return err
	}
	f := w.File()
	w.s.data = slices.DeleteFunc(w.s.data, func(o lake.File) bool { return o.Key == f.Key })
	w.s.data = append(w.s.data, f)
	return nil
}

// Open implements gate.Shelf.
func (s *batchShelf) Open(ctx context.Context, name string, off, n int64) (io.ReadCloser, error) {
	r, _, err := s.lake.Open(ctx, s.key(name), off, n)
	if pipeline.ErrorCode(err) == pipeline.CodeNotFound {
		return nil, pipeline.Errorf(pipeline.CodeNotFound, "batch %s: %s is not there", pipeline.ShortID(s.batch.ID), name).
			WithHint("judge all ranges before the merge")
	}
	return r, err
}

func (s *batchShelf) putJSON(ctx context.Context, name string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return pipeline.Errorf(pipeline.CodeInternal, "%s: %w", name, err)
	}
	return s.lake.WriteObject(ctx, s.key(name), b)
}

func (s *batchShelf) readJSON(ctx context.Context, name string, v any) error {
	r, err := s.Open(ctx, name, 0, -1)
	if err != nil {
		return err
	}
	defer r.Close()
	if err := json.NewDecoder(r).Decode(v); err != nil {
		return pipeline.Errorf(pipeline.CodeConflict, "batch %s: %s cannot be read: %w", pipeline.ShortID(s.batch.ID), name, err).
			WithHint("plan it again")
	}
	return nil
}

// publish is a staged file as it is published: without the rows that have to be
// left out.
func (s *batchShelf) publish(ctx context.Context, m gate.MergedFile) (lake.File, error) {
	key := s.key(m.Name)
	i := slices.IndexFunc(s.data, func(f lake.File) bool { return f.Key == key })
	if i < 0 {
		return lake.File{}, pipeline.Errorf(pipeline.CodeInternal, "batch %s has no file %s", s.batch.ID, key)
	}
	file := s.data[i]
	if m.LeaveOut != "" {
		out, err := gate.ReadLeaveOut(ctx, s, m.LeaveOut)
		if err != nil {
			return lake.File{}, err
		}
		if file, err = s.without(ctx, file, out); err != nil {
			return lake.File{}, err
		}
	}
	file.Rows, file.Batch = m.Rows, s.batch.ID
	return file, nil
}

// without copies a data file without some of its rows, to a name that derives
// from its own.
func (s *batchShelf) without(ctx context.Context, file lake.File, out []int64) (lake.File, error) {
	r, _, err := s.lake.ReaderAt(ctx, file.Key)
	if err != nil {
		return lake.File{}, err
	}
	defer r.Close()
	w, err := s.lake.Create(ctx, strings.TrimSuffix(file.Key, ".parquet")+"-kept.parquet")
	if err != nil {
		return lake.File{}, err
	}
	_, _, err = codec.FilterParquet(ctx, r, file.Size, w, func(row int64) bool {
		if len(out) > 0 && out[0] == row {
			out = out[1:]
			return false
		}
		return true
	})
	if err != nil {
		_ = w.Abort() // the first error is the one to tell
		return lake.File{}, err
	}
	if err := w.Close(); err != nil {
		return lake.File{}, err
	}
	return w.File(), nil
}

// clear takes away what only the merge needed.
func (s *batchShelf) clear(ctx context.Context) error {
	var keys []string
	for o, err := range s.lake.List(ctx, s.key("")+"/") {
		if err != nil {
			return err
		}
		keys = append(keys, o.Key)
	}
	for _, key := range keys {
		if err := s.lake.Delete(ctx, key); err != nil {
			return err
		}
	}
	return nil
}

var _ gate.Shelf = (*batchShelf)(nil)
