package lake

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
)

// Describe reads an object and returns its size and checksum. Error:
// not_found.
func (l *Lake) Describe(ctx context.Context, key string) (File, error) {
	r, o, err := l.Open(ctx, key, 0, -1)
	if err != nil {
		return File{}, err
	}
	defer r.Close()
	h := sha256.New()
	n, err := io.Copy(h, r)
	if err != nil {
		return File{}, err
	}
	return File{Key: o.Key, Size: n, SHA256: hex.EncodeToString(h.Sum(nil))}, nil
}

// Copy stores the content of one object at another key outside the curated
// zone, whole or not at all. Errors: not_found, and as WriteObject.
func (l *Lake) Copy(ctx context.Context, from, to string) error {
	r, _, err := l.Open(ctx, from, 0, -1)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := l.Create(ctx, to)
	if err != nil {
		return err
	}
	if _, err := io.Copy(w, r); err != nil {
		_ = w.Abort() // the first error is the one to tell
		return err
	}
	return w.Close()
}
