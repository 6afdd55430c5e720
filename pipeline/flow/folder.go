package flow

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
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

// A batch of a feed of files is a ZIP archive, or a folder below the feed's
// landing folder in which the producer writes FolderMark last:
//
//	landing/photos/2026-03-01/a.jpg
//	landing/photos/2026-03-01/a.jpg.meta.json
//	landing/photos/2026-03-01/_SUCCESS

// FolderMark is the name of the object that says that a folder is complete. Its
// content means nothing.
const FolderMark = "_SUCCESS"

// Part is the stage of an object that waits for the mark of its folder. It is
// an answer to whoever asked; the ledger has no such batch.
const Part Stage = "part"

// partOf reports whether a landed key is one object of a batch that is a
// folder, for a feed of files.
func partOf(f *contract.Feed, key string) bool {
	return f != nil && f.Format == contract.Files && path.Base(key) != FolderMark && !strings.EqualFold(path.Ext(key), ".zip")
}

// partOfFolder is partOf for a feed by its name; a feed without a contract has
// no folders.
func (in *Ingest) partOfFolder(feed, key string) bool {
	f, err := in.Contracts.Feed(feed)
	return err == nil && partOf(f, key)
}

// isFolder reports whether the landed key stands for a folder.
func (in *Ingest) isFolder(feed, key string) bool {
	if path.Base(key) != FolderMark {
		return false
	}
	f, err := in.Contracts.Feed(feed)
	return err == nil && f.Format == contract.Files
}

// folderObjects lists the objects of a folder by their keys.
func (in *Ingest) folderObjects(ctx context.Context, mark string) ([]lake.Object, error) {
	prefix := path.Dir(mark) + "/"
	if _, below, _ := strings.Cut(strings.TrimPrefix(prefix, lake.Landing+"/"), "/"); below == "" {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: the mark lies in the landing folder of the feed itself", mark).
			WithHint("give each batch a folder of its own: landing/FEED/BATCH/%s", FolderMark)
	}
	var out []lake.Object
	for o, err := range in.Lake.List(ctx, prefix) {
		if err != nil {
			return nil, err
		}
		if base := path.Base(o.Key); base == FolderMark || strings.HasPrefix(base, ".") || strings.HasSuffix(o.Key, "/") || strings.HasSuffix(o.Key, ".part") {
			continue
		}
		out = append(out, o)
	}
	slices.SortFunc(out, func(a, b lake.Object) int { return cmp.Compare(a.Key, b.Key) })
	return out, nil
}

// folderPrint is the content of a folder: a hash over the names and contents of
// its objects; and their size together.
func (in *Ingest) folderPrint(ctx context.Context, mark string) (content string, size int64, err error) {
	objects, err := in.folderObjects(ctx, mark)
	if err != nil {
		return "", 0, err
	}
	all := sha256.New()
	for _, o := range objects {
		r, _, err := in.Lake.Open(ctx, o.Key, 0, -1)
		if err != nil {
			return "", 0, err
		}
		h := sha256.New()
		n, err := io.Copy(h, r)
		r.Close()
		if err != nil {
			return "", 0, err
		}
		size += n
		name := strings.TrimPrefix(o.Key, path.Dir(mark)+"/")
		fmt.Fprintf(all, "%d:%s%x", len(name), name, h.Sum(nil))
	}
	return hex.EncodeToString(all.Sum(nil)), size, nil
}

// folderInput gives the objects of a folder to the gate.
func (in *Ingest) folderInput(b Batch) gate.Input {
	return gate.Input{Name: path.Dir(b.Key), Size: b.Size, Objects: func(ctx context.Context) ([]codec.Object, error) {
		objects, err := in.folderObjects(ctx, b.Key)
		if err != nil {
			return nil, err
		}
		out := make([]codec.Object, len(objects))
		for i, o := range objects {
			out[i] = codec.Object{Name: strings.TrimPrefix(o.Key, path.Dir(b.Key)+"/"), Open: func(ctx context.Context) (io.ReadCloser, error) {
				r, _, err := in.Lake.Open(ctx, o.Key, 0, -1)
				return r, err
			}}
		}
		return out, nil
	}}
}

// objectPrefix is where the accepted objects of a batch go.
func objectPrefix(b Batch) string { return lake.ObjectPrefix(b.Feed, b.ID) }

// copyObjects puts the accepted objects of a batch beside its table, before the
// table is published: a row of the table never names an object that is not
// there. The rejected ones stay where they landed.
func (in *Ingest) copyObjects(ctx context.Context, b Batch, f *contract.Feed, tables []lake.File) error {
	objects, err := gate.Objects(ctx, in.input(b))
	if err != nil {
		return err
	}
	column := ""
	for _, fd := range f.Fields {
		if fd.Column == "document" {
			column = fd.Name
		}
	}
	for _, t := range tables {
		err := in.readKeys(ctx, t, []string{column}, func(values []string) error {
			name := values[0]
			i, found := slices.BinarySearchFunc(objects, name, func(o codec.Object, n string) int { return cmp.Compare(o.Name, n) })
			if !found {
				return pipeline.Errorf(pipeline.CodeConflict, "%s: the object %s is gone since it was judged", b.Key, name).
					WithHint("a landed batch must not change; deliver it again under another name")
			}
			return in.copyObject(ctx, b, objects[i])
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (in *Ingest) copyObject(ctx context.Context, b Batch, o codec.Object) error {
	r, err := o.Open(ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := in.Lake.Create(ctx, codec.ObjectPath(objectPrefix(b), o.Name))
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, r); err != nil {
		_ = w.Abort() // the first error is the one to tell
		return err
	}
	return w.Close()
}
