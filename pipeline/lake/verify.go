package lake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"reflect"

	"github.com/assay-pipeline/assay/pipeline"
)

// A Problem is one thing that Verify found wrong.
type Problem struct {
	Key string `json:"key"`
	// Kind is absent, size, checksum, rows, manifest, chain, symlink or status.
	Kind    string `json:"kind"`
	Message string `json:"message"`
}

func (p Problem) String() string { return p.Kind + ": " + p.Message }

// Verify checks what is published of feed: the pointer against its own id and
// the chain, every entry of the chain back to the first, every data file that
// one of them names against its size and checksum, and the symlink manifest
// against the current files. It reads every byte of those files. The error is
// for what could not be checked; not_found before the first publish.
func (l *Lake) Verify(ctx context.Context, feed string) ([]Problem, error) {
	var found []Problem
	problem := func(key, kind, format string, args ...any) {
		found = append(found, Problem{key, kind, fmt.Sprintf(format, args...)})
	}
	cur, err := l.Current(ctx, feed)
	if c := pipeline.ErrorCode(err); c == pipeline.CodeCorrupt || c == pipeline.CodeInvalid {
		problem(pointerKey(feed), "manifest", "%s", pipeline.ErrorMessage(err))
		return found, nil
	}
	if err != nil {
		return nil, err
	}
	if _, err := l.chained(ctx, feed, cur.Seq, cur.ID); err != nil {
		if pipeline.ErrorCode(err) != pipeline.CodeCorrupt {
			return nil, err
		}
		problem(chainKey(feed, cur.Seq, cur.ID), "chain", "the entry of the current manifest: %s", pipeline.ErrorMessage(err))
	}
	erased, err := l.erased(ctx, feed)
	if err != nil {
		return nil, err
	}
	checked := map[string]File{}
	for m, err := range l.Manifests(ctx, feed) {
		if err != nil {
			if c := pipeline.ErrorCode(err); c != pipeline.CodeCorrupt && c != pipeline.CodeInvalid {
				return nil, err
			}
			problem(chainPrefix(feed), "chain", "%s", pipeline.ErrorMessage(err))
			break
		}
		var rows int64
		for _, f := range m.Files {
			rows += f.Rows
			was, ok := checked[f.Key]
			if ok {
				if !reflect.DeepEqual(was, f) {
					problem(f.Key, "manifest", "manifest %s describes the file differently from a later one", m.ID)
				}
				continue
			}
			checked[f.Key] = f
			if erased[f.Key] {
				continue
			}
			p, err := l.verifyFile(ctx, f)
			if err != nil {
				return nil, err
			}
			if p != nil {
				found = append(found, *p)
			}
		}
		if rows != m.Rows {
			problem(chainKey(feed, m.Seq, m.ID), "rows", "manifest %s has %d rows, its files have %d", m.ID, m.Rows, rows)
		}
		if m.Previous == "" && m.Seq != 1 {
			problem(chainKey(feed, m.Seq, m.ID), "chain", "manifest %s has the number %d and no predecessor", m.ID, m.Seq)
		}
	}
	link, err := l.ReadObject(ctx, SymlinkKey(feed))
	switch c := pipeline.ErrorCode(err); {
	case c == pipeline.CodeNotFound:
		problem(SymlinkKey(feed), "symlink", "the symlink manifest is absent; the next publish writes it")
	case err != nil:
		return nil, err
	case string(link) != string(l.symlink(cur)):
		problem(SymlinkKey(feed), "symlink", "the symlink manifest does not name the files of manifest %s; the next publish writes it", cur.ID)
	}
	s, err := l.Status(ctx, feed)
	switch c := pipeline.ErrorCode(err); {
	case c == pipeline.CodeNotFound || c == pipeline.CodeCorrupt:
		problem(statusKey(feed), "status", "%s", pipeline.ErrorMessage(err))
	case err != nil:
		return nil, err
	case s.Manifest != cur.ID:
		problem(statusKey(feed), "status", "the marker speaks of manifest %q, current is %s", s.Manifest, cur.ID)
	}
	return found, nil
}

// verifyFile compares one data file with what its manifest says of it.
func (l *Lake) verifyFile(ctx context.Context, f File) (*Problem, error) {
	r, o, err := l.Open(ctx, f.Key, 0, -1)
	if pipeline.ErrorCode(err) == pipeline.CodeNotFound {
		return &Problem{f.Key, "absent", l.Location(f.Key) + " is not there"}, nil
	}
	if err != nil {
		return nil, err
	}
	if o.Size != f.Size {
		return &Problem{f.Key, "size", fmt.Sprintf("%s has %d bytes, its manifest says %d", l.Location(f.Key), o.Size, f.Size)}, r.Close()
	}
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		_ = r.Close() // the read has failed already
		return nil, err
	}
	if err := r.Close(); err != nil {
		return nil, err
	}
	if sum := hex.EncodeToString(h.Sum(nil)); sum != f.SHA256 {
		return &Problem{f.Key, "checksum", fmt.Sprintf("%s has the SHA-256 %s, its manifest says %s", l.Location(f.Key), sum, f.SHA256)}, nil
	}
	return nil, nil
}
