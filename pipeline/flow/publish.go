package flow

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/gate"
	"github.com/assay-pipeline/assay/pipeline/lake"
)

// output puts the parts of a judged batch where they belong: accepted rows
// outside any path that a query engine lists, rejects in quarantine, and the
// raw records of rejects under a prefix with its own policy.
type output struct {
	lake  *lake.Lake
	batch Batch
	files []*lake.Writer
}

// Create implements gate.Output.
func (o *output) Create(ctx context.Context, name string) (io.WriteCloser, error) {
	key, part := o.key(name)
	w, err := o.lake.Create(ctx, key)
	if err != nil {
		return nil, err
	}
	if part {
		o.files = append(o.files, w)
	}
	return w, nil
}

func (o *output) key(name string) (key string, part bool) {
	switch {
	case strings.HasPrefix(name, "part-"):
		return dataKey(o.batch, name), true
	case strings.HasPrefix(name, "raw."):
		return lake.RawKey(o.batch.Feed, o.batch.ID, name), false
	}
	return lake.QuarantineKey(o.batch.Feed, o.batch.ID, name), false
}

func dataKey(b Batch, name string) string { return path.Join(lake.Data, b.Feed, b.ID, name) }

// parts are the accepted files, closed by now, with the rows that the report
// counted in each.
func (o *output) parts(report *gate.Report) ([]lake.File, error) {
	var files []lake.File
	for _, w := range o.files {
		f := w.File()
		f.Batch = o.batch.ID
		i := slices.IndexFunc(report.Files, func(p gate.File) bool { return p.Name == path.Base(f.Key) })
		if i < 0 {
			return nil, pipeline.Errorf(pipeline.CodeInternal, "the report of batch %s does not know its file %s", o.batch.ID, f.Key)
		}
		f.Rows = report.Files[i].Rows
		files = append(files, f)
	}
	return files, nil
}

// publish makes the next manifest of the feed from the batch's files by the
// contract's load mode, and swaps it in.
func (in *Ingest) publish(ctx context.Context, b Batch, f *contract.Feed, o outcome, files []lake.File) (*lake.Manifest, error) {
	if f.Format == contract.Files {
		if err := in.copyObjects(ctx, b, f, files); err != nil {
			return nil, err
		}
	}
	prev, err := in.Lake.Current(ctx, b.Feed)
	if err != nil && pipeline.ErrorCode(err) != pipeline.CodeNotFound {
		return nil, err
	}
	m := lake.Manifest{
		Feed: b.Feed, Batch: b.ID, Load: string(f.Load),
		ContractID: f.ContractID, ContractVersion: f.Version, ContractHash: f.Hash,
		Breaker: string(o.position), Degraded: o.degraded, At: o.at,
	}
	var kept []lake.File
	if prev != nil {
		m.Previous = prev.ID
		kept = prev.Files
	}
	switch f.Load {
	case contract.Snapshot:
		kept = nil
	case contract.Upsert:
		if b.Replays > 0 {
			if files, err = in.underNewer(ctx, b, f, kept, files); err != nil {
				return nil, err
			}
		}
		if kept, err = in.withoutKeys(ctx, b, f, kept, files); err != nil {
			return nil, err
		}
	}
	// The lake counts the rows and names the batches of the files, and this one
	// even where it has no accepted row.
	m.Files = append(slices.Clone(kept), files...)
	if err := stillHeld(ctx); err != nil {
		return nil, err
	}
	return in.Lake.Publish(ctx, m)
}

// underNewer is the files of a batch that was held for a while, without the rows
// whose key came again in a newer batch that was published meanwhile: a release
// never puts an older row over a newer one.
func (in *Ingest) underNewer(ctx context.Context, b Batch, f *contract.Feed, published, files []lake.File) ([]lake.File, error) {
	newer := map[string]bool{}
	for _, file := range published {
		for _, id := range batchesOf(file) {
			if _, ok := newer[id]; ok {
				continue
			}
			o, err := in.Store.Batch(ctx, id)
			if err != nil && pipeline.ErrorCode(err) != pipeline.CodeNotFound {
				return nil, err
			}
			newer[id] = err == nil && after(o, b)
		}
	}
	columns := primaryKey(f)
	for _, file := range published {
		if !slices.ContainsFunc(batchesOf(file), func(id string) bool { return newer[id] }) {
			continue
		}
		keys := make(map[string]struct{})
		drop := func() error {
			next, err := in.drop(ctx, b, files, columns, keys)
			files = next
			clear(keys)
			return err
		}
		err := in.readKeys(ctx, file, append(slices.Clone(columns), batchColumn), func(values []string) error {
			last := len(values) - 1
			if !newer[values[last]] {
				return nil
			}
			keys[keyOf(values[:last])] = struct{}{}
			if len(keys) < keysAtOnce {
				return nil
			}
			return drop()
		})
		if err != nil {
			return nil, err
		}
		if err := drop(); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// batchColumn names the batch of a row in every curated file.
const batchColumn = "_assay_batch"

func batchesOf(file lake.File) []string {
	if len(file.Batches) > 0 {
		return file.Batches
	}
	return []string{file.Batch}
}

// after reports whether a comes after b in the order of their feed.
func after(a, b Batch) bool {
	return cmp.Or(a.EventTime.Compare(b.EventTime), cmp.Compare(a.Key, b.Key), cmp.Compare(a.Landing, b.Landing)) > 0
}

// keysAtOnce bounds the keys held in memory while older files are rewritten:
// a larger batch takes several passes.
const keysAtOnce = 1 << 20

// withoutKeys is the files of an upsert feed without the rows whose key came
// again. A file that holds none of the keys stays as it is; another one is
// rewritten, under a name that derives from what it was made of, so that doing
// it again writes the same file.
func (in *Ingest) withoutKeys(ctx context.Context, b Batch, f *contract.Feed, old, added []lake.File) ([]lake.File, error) {
	columns := primaryKey(f)
	if len(columns) == 0 {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: assay.load is upsert, but schema %s has no primary key", f.File, f.Schema).
			WithHint("mark the key's properties with primaryKey: true")
	}
	if len(old) == 0 || len(added) == 0 {
		return old, nil
	}
	kept := old
	flush := func(keys map[string]struct{}) (err error) {
		kept, err = in.drop(ctx, b, kept, columns, keys)
		return err
	}
	keys := make(map[string]struct{})
	for _, file := range added {
		err := in.readKeys(ctx, file, columns, func(values []string) error {
			keys[keyOf(values)] = struct{}{}
			if len(keys) < keysAtOnce {
				return nil
			}
			err := flush(keys)
			clear(keys)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	if len(keys) > 0 {
		if err := flush(keys); err != nil {
			return nil, err
		}
	}
	return kept, nil
}

// drop is files without the rows of keys; one that is left without a row is
// left out.
func (in *Ingest) drop(ctx context.Context, b Batch, files []lake.File, columns []string, keys map[string]struct{}) ([]lake.File, error) {
	if len(keys) == 0 {
		return files, nil
	}
	var next []lake.File
	for _, file := range files {
		n, err := in.rewrite(ctx, b, file, columns, keys)
		if err != nil {
			return nil, err
		}
		if n.Rows > 0 {
			next = append(next, n)
		}
	}
	return next, nil
}

// readKeys reads the columns of every row.
func (in *Ingest) readKeys(ctx context.Context, file lake.File, columns []string, yield func([]string) error) error {
	r, _, err := in.Lake.ReaderAt(ctx, file.Key)
	if err != nil {
		return err
	}
	defer r.Close()
	return codec.ReadRows(ctx, r, file.Size, 0, file.Rows, columns, func(_ int64, values []string) error {
		return yield(values)
	})
}

// rewrite copies file without the rows of keys; it returns file itself where
// none is in it.
func (in *Ingest) rewrite(ctx context.Context, b Batch, file lake.File, columns []string, keys map[string]struct{}) (lake.File, error) {
	hit := 0
	err := in.readKeys(ctx, file, columns, func(values []string) error {
		if _, ok := keys[keyOf(values)]; ok {
			hit++
		}
		return nil
	})
	if err != nil || hit == 0 {
		return file, err
	}
	r, _, err := in.Lake.ReaderAt(ctx, file.Key)
	if err != nil {
		return lake.File{}, err
	}
	defer r.Close()
	key := dataKey(b, "kept-"+pipeline.ContentID("kept", file.Key, file.SHA256, fmt.Sprint(len(keys), hit))[:16]+".parquet")
	w, err := in.Lake.Create(ctx, key)
	if err != nil {
		return lake.File{}, err
	}
	rows, _, err := codec.RewriteParquet(ctx, r, file.Size, w, columns, func(key []string) bool {
		_, gone := keys[keyOf(key)]
		return !gone
	})
	if err != nil {
		_ = w.Abort() // the first error is the one to tell
		return lake.File{}, err
	}
	if err := w.Close(); err != nil {
		return lake.File{}, err
	}
	n := w.File()
	n.Rows, n.Batch, n.Batches = rows, file.Batch, file.Batches
	return n, nil
}

func primaryKey(f *contract.Feed) []string {
	for _, k := range f.Keys {
		if k.Primary {
			return k.Fields
		}
	}
	return nil
}

// keyOf joins the values of a key so that no two keys share a string.
func keyOf(values []string) string {
	var b strings.Builder
	for _, v := range values {
		fmt.Fprintf(&b, "%d:%s;", len(v), v) // a null is a text that no row holds
	}
	return b.String()
}
