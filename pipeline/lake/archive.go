package lake

import (
	"context"
	"errors"
	"io"

	"github.com/assay-pipeline/assay/pipeline"
)

// Move takes an object of the landing zone to the archive after its final
// decision: it is copied, then removed, on the condition that it still is
// the object with this tag. Where it is in the archive already, with nothing
// left in the landing zone, Move does nothing. It returns the archive key.
// Errors: not_found where it is in neither; conflict when another version
// landed meanwhile (which stays where it is).
func (l *Lake) Move(ctx context.Context, landing, tag string) (string, error) {
	if _, ok := FeedOf(landing); !ok {
		return "", pipeline.Errorf(pipeline.CodeInvalid, "lake key %q is not in a feed's landing folder", landing)
	}
	to := ArchiveKey(landing)
	r, o, err := l.Open(ctx, landing, 0, -1)
	if pipeline.ErrorCode(err) == pipeline.CodeNotFound {
		if _, serr := l.Stat(ctx, to); serr == nil {
			return to, nil
		}
		return "", err
	}
	if err != nil {
		return "", err
	}
	defer r.Close()
	changed := func() error {
		return pipeline.Errorf(pipeline.CodeConflict, "%s changed before it was archived", l.Location(landing)).
			WithHint("the new version is taken by the next run")
	}
	if o.Tag != tag {
		return "", changed()
	}
	w, err := l.Create(ctx, to)
	if err != nil {
		return "", err
	}
	if n, err := io.Copy(w, r); err != nil || n != o.Size {
		_ = w.Abort() // the first error is the one to tell
		if err == nil {
			err = changed()
		}
		return "", err
	}
	if err := w.Close(); err != nil {
		return "", err
	}
	// Storage knows no conditional delete everywhere; look again, so that the
	// gap is as short as it can be. What lands in it has the same name, and is
	// judged when its event comes: the copy in the archive is the old version.
	if now, err := l.Stat(ctx, landing); err != nil || now.Tag != tag {
		return "", errors.Join(err, changed())
	}
	return to, l.Delete(ctx, landing)
}
