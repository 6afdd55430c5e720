package flow

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/lake"
)

// BatchID names one content of one landed file: what comes again by a repeated
// event has the same id. Where a content comes back under its name after
// another one (a snapshot that returns to an earlier state), landing tells the
// two apart: it is the Batch.Landing of such a batch and 0 of the first one.
func BatchID(feed, key, content string, landing int) string {
	if landing == 0 {
		return pipeline.ContentID("batch", feed, key, content)
	}
	return pipeline.ContentID("batch", feed, key, content, strconv.Itoa(landing))
}

// Object takes the landed object key through the pipeline and returns what the
// ledger says of it. Calling it again for an object that was decided changes
// nothing, also when it has moved to the archive since. The returned error is
// about the pipeline (locked, unavailable, …); a file that cannot be read or
// judged is an answer, not an error: its batch is Unjudged, with the reason.
func (in *Ingest) Object(ctx context.Context, key string) (Batch, error) {
	feed, ok := lake.FeedOf(key)
	if !ok {
		return Batch{}, pipeline.Errorf(pipeline.CodeInvalid, "%s is not in a feed's landing folder", key).
			WithHint("put files at landing/FEED/FILE")
	}
	if in.partOfFolder(feed, key) {
		return Batch{Feed: feed, Key: key, Stage: Part, Reason: "it waits for " + FolderMark + " in its folder"}, nil
	}
	content, obj, err := in.fingerprint(ctx, key)
	if err != nil && !settles(err) {
		return Batch{}, err
	}
	ctx, done, lerr := in.lease(ctx, feed)
	if lerr != nil {
		return Batch{}, lerr
	}
	defer done()
	switch pipeline.ErrorCode(err) {
	case pipeline.CodeNotFound:
		return in.archived(ctx, feed, key, err)
	case pipeline.CodeDenied:
		return in.unreadable(ctx, feed, key, err)
	}
	// While this process waited for the lease, another content may have taken
	// the name.
	if now, err := in.Lake.Stat(ctx, key); err != nil {
		return Batch{}, err
	} else if now.Tag != obj.Tag {
		if content, obj, err = in.fingerprint(ctx, key); err != nil {
			return Batch{}, err
		}
	}
	if err := in.recoverFeed(ctx, feed); err != nil {
		return Batch{}, err
	}
	b, err := in.batchOf(ctx, feed, key, content, obj)
	if err != nil {
		return Batch{}, err
	}
	if b.Stage != "" && b.Stage != Staged && b.Stage != Unjudged {
		if b, err = in.seenAgain(ctx, b, obj); err != nil {
			return Batch{}, err
		}
		return b, in.archive(ctx, b)
	}
	b.Tag, b.Size = obj.Tag, obj.Size
	if b, err = in.judge(ctx, b); err != nil {
		if lost := stillHeld(ctx); lost != nil {
			return Batch{}, lost // what another process did meanwhile is why
		}
		return Batch{}, err
	}
	return b, in.archive(ctx, b)
}

// settles reports that an error of reading a landed object is an answer about
// that object.
func settles(err error) bool {
	c := pipeline.ErrorCode(err)
	return c == pipeline.CodeNotFound || c == pipeline.CodeDenied
}

// batchOf is the batch of what lies at key: the latest of that name, where it
// has the same content, else a new one (without a stage). What was not published
// of the name before is Replaced by it.
func (in *Ingest) batchOf(ctx context.Context, feed, key, content string, obj lake.Object) (Batch, error) {
	last, found, err := in.latest(ctx, feed, key)
	if err != nil || found && sameContent(last, content, obj) {
		return last, err
	}
	b := Batch{
		ID: BatchID(feed, key, content, 0), Feed: feed, Key: key, Content: content, Landing: 1,
		Created: stamp(in.Now), EventTime: EventTime(obj),
	}
	if !found {
		return b, nil
	}
	b.Landing = last.Landing + 1
	switch _, err := in.Store.Batch(ctx, b.ID); {
	case err == nil: // the content lay here before
		b.ID = BatchID(feed, key, content, b.Landing)
	case pipeline.ErrorCode(err) != pipeline.CodeNotFound:
		return Batch{}, err
	}
	switch last.Stage {
	case Held, Unjudged, Staged:
		last.Stage, last.Updated = Replaced, stamp(in.Now)
		last.Reason = "another content landed under its name, batch " + pipeline.ShortID(b.ID)
		if err := in.Store.PutBatch(ctx, last); err != nil {
			return Batch{}, err
		}
	}
	return b, nil
}

// tagContent stands for the content of an object that is too large to be read
// for its hash before it is planned.
func tagContent(obj lake.Object) string {
	return pipeline.ContentID("tag", obj.Tag, strconv.FormatInt(obj.Size, 10))
}

// sameContent reports whether b is the batch of an object: by the hash of its
// bytes, or, where one of the two was only planned, by the tag.
func sameContent(b Batch, content string, obj lake.Object) bool {
	tag := tagContent(obj)
	return b.Content == content || b.Content == tag || content == tag && b.Tag == obj.Tag
}

// latest is the batch of what landed at key last.
func (in *Ingest) latest(ctx context.Context, feed, key string) (last Batch, found bool, err error) {
	past, err := in.Store.Batches(ctx, BatchFilter{Feed: feed, Key: key, Latest: true})
	if err != nil {
		return Batch{}, false, err
	}
	for _, b := range past {
		// Before landings were counted, the younger is the later.
		if !found || b.Landing > last.Landing {
			last, found = b, true
		}
	}
	return last, found, nil
}

// recoverFeed finishes what a dead process published and did not enter, before
// anything else of the feed is decided: the next decision has to see it.
func (in *Ingest) recoverFeed(ctx context.Context, feed string) error {
	staged, err := in.Store.Batches(ctx, BatchFilter{Feed: feed, Stage: Staged})
	if err != nil {
		return err
	}
	for _, b := range staged {
		m, ok, err := in.Lake.HasBatch(ctx, feed, b.ID)
		if err != nil {
			return err
		}
		if !ok {
			continue // it starts over when its object is taken up
		}
		f, err := in.Contracts.Feed(feed)
		if err != nil {
			_, err = in.withoutContract(ctx, b, err)
			return err
		}
		if _, err := in.recover(ctx, b, f, m); err != nil {
			return err
		}
	}
	return nil
}

// unreadable settles an object that the lake does not let this process read. It
// is tried again by every scan.
func (in *Ingest) unreadable(ctx context.Context, feed, key string, why error) (Batch, error) {
	b, err := in.batchOf(ctx, feed, key, "", lake.Object{Key: key, Modified: stamp(in.Now)})
	if err != nil {
		return Batch{}, err
	}
	if reason := why.Error(); b.Stage != Unjudged || b.Reason != reason {
		return in.unjudged(ctx, b, reason)
	}
	return b, nil
}

// Missing enters into the ledger that an event told of an object that is not
// there: Unjudged, with the reason, until something lands under the name. What else
// the ledger says of the name stays. Errors: locked, unavailable.
func (in *Ingest) Missing(ctx context.Context, key string, why error) (Batch, error) {
	return in.note(ctx, key, "an event told of it, but it is not there: "+why.Error(), false)
}

// Stuck enters into the ledger why an object could not be judged yet, where tries
// go on that may all fail the same: Unjudged, with the reason, until one succeeds.
// A line of work that was begun keeps its stage, and has the reason; with keep, one
// that has a reason already keeps that. What else the ledger says of the name
// stays. Errors: locked, unavailable.
func (in *Ingest) Stuck(ctx context.Context, key, why string, keep bool) (Batch, error) {
	return in.note(ctx, key, why, keep)
}

func (in *Ingest) note(ctx context.Context, key, reason string, keep bool) (Batch, error) {
	feed, ok := lake.FeedOf(key)
	if !ok {
		return Batch{}, pipeline.Errorf(pipeline.CodeInvalid, "%s is not in a feed's landing folder", key)
	}
	ctx, done, err := in.lease(ctx, feed)
	if err != nil {
		return Batch{}, err
	}
	defer done()
	last, found, err := in.latest(ctx, feed, key)
	if err != nil {
		return Batch{}, err
	}
	if found {
		begun := last.Stage == Staged || last.Stage == Unjudged && last.Content == ""
		if !begun || last.Reason == reason || keep && last.Reason != "" {
			return last, nil
		}
		last.Reason, last.Updated = reason, stamp(in.Now)
		return last, in.Store.PutBatch(ctx, last)
	}
	b, err := in.batchOf(ctx, feed, key, "", lake.Object{Key: key, Modified: stamp(in.Now)})
	if err != nil {
		return Batch{}, err
	}
	return in.unjudged(ctx, b, reason)
}

// seenAgain keeps the cheap tag of a settled batch current, so that the next
// scan need not read the file.
func (in *Ingest) seenAgain(ctx context.Context, b Batch, obj lake.Object) (Batch, error) {
	if b.Tag == obj.Tag {
		return b, nil
	}
	b.Tag = obj.Tag
	return b, in.Store.PutBatch(ctx, b)
}

// archive moves the object of a batch whose fate is final out of the landing
// zone, where that is configured. Another content that landed meanwhile stays.
func (in *Ingest) archive(ctx context.Context, b Batch) error {
	if !in.Archive || !final(b) {
		return nil
	}
	var rest []lake.Object
	if in.isFolder(b.Feed, b.Key) {
		var err error
		if rest, err = in.folderObjects(ctx, b.Key); err != nil {
			return err
		}
	}
	// The mark of a folder first: without it the others are no batch.
	for _, o := range append([]lake.Object{{Key: b.Key, Tag: b.Tag}}, rest...) {
		_, err := in.Lake.Move(ctx, o.Key, o.Tag)
		if pipeline.ErrorCode(err) == pipeline.CodeConflict {
			in.Log.Info("landed file changed before it was archived", "feed", b.Feed, "batch", b.ID)
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// final reports whether nothing will be done with the object of b any more.
func final(b Batch) bool { return b.Stage == Done || b.Stage == Duplicate || b.Stage == Rejected }

// archived answers for an object that is not in the landing zone: one that was
// decided and moved to the archive is a duplicate, any other one is gone.
func (in *Ingest) archived(ctx context.Context, feed, key string, gone error) (Batch, error) {
	b, found, err := in.latest(ctx, feed, key)
	if err != nil {
		return Batch{}, err
	}
	if !found || !final(b) {
		return Batch{}, gone
	}
	if _, err := in.Lake.Stat(ctx, lake.ArchiveKey(key)); err != nil {
		return Batch{}, gone
	}
	return b, nil
}

// fingerprint reads the object once: the content hash is its version. That of
// the mark of a folder is of the whole folder, and so is the size.
func (in *Ingest) fingerprint(ctx context.Context, key string) (string, lake.Object, error) {
	if feed, _ := lake.FeedOf(key); in.isFolder(feed, key) {
		obj, err := in.Lake.Stat(ctx, key)
		if err != nil {
			return "", lake.Object{}, err
		}
		content, size, err := in.folderPrint(ctx, key)
		obj.Size = size
		return content, obj, err
	}
	r, obj, err := in.Lake.Open(ctx, key, 0, -1)
	if err != nil {
		return "", lake.Object{}, err
	}
	defer r.Close()
	h := sha256.New()
	if _, err := io.Copy(h, r); err != nil {
		return "", lake.Object{}, err
	}
	return hex.EncodeToString(h.Sum(nil)), obj, nil
}

// replacedMeanwhile: a new content took the name while the old one was judged.
// Its own event, or the next scan, brings it.
func replacedMeanwhile(key string) error {
	return pipeline.Errorf(pipeline.CodeConflict, "%s was replaced while it was judged", key).
		WithHint("run again: the new content is judged then")
}

// resent reports why b is the same delivery under another name, or "". Only an
// append feed can be hurt by that: a snapshot or an upsert may rightly return
// to an earlier state.
func (in *Ingest) resent(ctx context.Context, b Batch, f *contract.Feed) (string, error) {
	if f.Load != contract.Append {
		return "", nil
	}
	same, err := in.Store.Batches(ctx, BatchFilter{Feed: b.Feed, Content: b.Content})
	if err != nil {
		return "", err
	}
	for _, o := range same {
		if o.ID != b.ID && (o.Stage == Done || o.Stage == Held || o.Stage == Waiting) && o.Rows.Read > 0 {
			return fmt.Sprintf("the same bytes landed before as %s (batch %s)", o.Key, pipeline.ShortID(o.ID)), nil
		}
	}
	return "", nil
}
