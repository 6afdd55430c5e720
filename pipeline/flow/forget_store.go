package flow

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/lake"
	"github.com/assay-pipeline/assay/pipeline/review"
)

// store removes what the store keeps, and cleans the local log of events.
func (fg *Forget) store(ctx context.Context, s *subject, _ string) error {
	in := fg.Ingest
	ids := make([]string, 0, len(s.items))
	for id := range s.items {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	n, err := fg.catalog(ctx, s, ids)
	if err != nil {
		return err
	}
	s.count("catalog", n)
	// A notice that shows a value of the subject goes whole, by its own id.
	told, err := in.Store.Notices(ctx, NoticeFilter{Feed: s.f.Name, Limit: 1 << 20})
	if err != nil {
		return err
	}
	texts := slices.Clone(ids)
	for _, x := range told {
		if s.named(string(x.Body)) {
			texts = append(texts, x.ID)
		}
	}
	if n, err = in.Store.EraseTexts(ctx, texts); err != nil {
		return err
	}
	s.count("store", n)
	if fg.Events == nil {
		return nil
	}
	if n, err = fg.Events.Erase(ctx, ids); err != nil {
		return err
	}
	s.count("events", n)
	return nil
}

// catalog removes items from the catalog. Neighbours keep their cluster, whose
// history says that something left and not what; the pairs with the subject go
// with it.
func (fg *Forget) catalog(ctx context.Context, s *subject, ids []string) (n int, err error) {
	at := stamp(fg.Ingest.Now)
	err = fg.Ingest.Store.Atomic(ctx, func(tx Tx) error {
		held, err := tx.Clusters(ctx, append([]string{}, ids...))
		if err != nil {
			return err
		}
		if n, err = tx.EraseItems(ctx, ids); err != nil {
			return err
		}
		var events []catalog.ClusterEvent
		for _, c := range held {
			left := slices.DeleteFunc(slices.Clone(c.Items), func(id string) bool { return s.items[id] })
			e := catalog.ClusterEvent{Cluster: c.ID, Kind: catalog.ClusterShrunk, Items: len(left), Went: catalog.Some{Count: len(c.Items) - len(left)}, Actor: s.who, At: at}
			if len(left) == 0 {
				e.Kind = catalog.ClusterGone
			}
			events = append(events, e)
		}
		return tx.PutClusterEvents(ctx, events...)
	})
	return n, err
}

// landed rewrites landed and archived files without the subject. A batch that is
// settled stays what it is: the ledger learns the new content as a duplicate. One
// that was held or waits is given up, and its file is judged anew without the
// subject.
func (fg *Forget) landed(ctx context.Context, s *subject, _ string) error {
	in := fg.Ingest
	for _, zone := range []string{lake.Landing, lake.Archive} {
		var keys []lake.Object
		for o, err := range in.Lake.List(ctx, zone+"/"+s.f.Name+"/") {
			if err != nil {
				return err
			}
			keys = append(keys, o)
		}
		for _, o := range keys {
			n, err := fg.landedFile(ctx, s, o, zone == lake.Landing)
			if err != nil {
				return err
			}
			s.count(zone, n)
		}
	}
	return nil
}

func (fg *Forget) landedFile(ctx context.Context, s *subject, o lake.Object, ingested bool) (int, error) {
	in := fg.Ingest
	var buf bytes.Buffer
	n, err := s.without(ctx, in.Lake, o, &buf)
	if err != nil || n == 0 {
		return 0, err
	}
	if !ingested {
		return n, in.Lake.WriteObject(ctx, o.Key, buf.Bytes())
	}
	batches, err := in.Store.Batches(ctx, BatchFilter{Feed: s.f.Name, Key: o.Key, Latest: true})
	if err != nil {
		return 0, err
	}
	open := len(batches) == 0
	for _, b := range batches {
		if b.Stage != Held && b.Stage != Waiting && b.Stage != Unjudged && b.Stage != Staged {
			continue
		}
		open = true
		if b.Stage == Waiting {
			if e, err := in.Store.Review(ctx, ApprovalID(b.ID)); err == nil && e.State != review.Decided {
				if _, err := (review.Queue{Store: in.Store, Now: in.Now}).Decide(ctx, e.ID, Clock, Refused, "a subject in it was erased; the rest is judged again"); err != nil {
					return 0, err
				}
			}
		}
		b.Stage, b.Reason, b.Updated = Replaced, "a subject in it was erased; the rest is judged again", stamp(in.Now)
		if err := in.Store.PutBatch(ctx, b); err != nil {
			return 0, err
		}
	}
	if open {
		return n, in.Lake.WriteObject(ctx, o.Key, buf.Bytes())
	}
	sum := sha256.Sum256(buf.Bytes())
	content := hex.EncodeToString(sum[:])
	twin := Batch{ID: BatchID(s.f.Name, o.Key, content, 0), Feed: s.f.Name, Key: o.Key, Content: content, Size: int64(buf.Len()), EventTime: batches[0].EventTime,
		Stage: Duplicate, Reason: fmt.Sprintf("batch %s after an erasure", pipeline.ShortID(batches[0].ID)), Created: stamp(in.Now), Updated: stamp(in.Now), Landing: batches[0].Landing + 1}
	// First the ledger: whoever is told of the new object finds it known.
	if err := in.Store.PutBatch(ctx, twin); err != nil {
		return 0, err
	}
	if err := in.Lake.WriteObject(ctx, o.Key, buf.Bytes()); err != nil {
		return 0, err
	}
	now, err := in.Lake.Stat(ctx, o.Key)
	if err != nil {
		return 0, err
	}
	twin.Tag = now.Tag
	return n, in.Store.PutBatch(ctx, twin)
}

// quarantine removes the subject's rejects and raw records, and from a file
// that was put aside whole, its records.
func (fg *Forget) quarantine(ctx context.Context, s *subject, _ string) error {
	l := fg.Ingest.Lake
	rows := map[string]map[int64]bool{} // by batch, from the raw records
	var objects []lake.Object
	for _, prefix := range []string{lake.Quarantine + "/raw/" + s.f.Name + "/", lake.Quarantine + "/" + s.f.Name + "/"} {
		for o, err := range l.List(ctx, prefix) {
			if err != nil {
				return err
			}
			objects = append(objects, o)
		}
	}
	for _, o := range objects {
		batch, name := path.Base(path.Dir(o.Key)), path.Base(o.Key)
		var buf bytes.Buffer
		var n int
		var err error
		switch {
		case name == "raw.jsonl":
			if rows[batch] == nil {
				rows[batch] = map[int64]bool{}
			}
			n, err = s.withoutRaw(ctx, l, o, &buf, rows[batch])
		case strings.HasPrefix(name, "landed-"):
			n, err = s.without(ctx, l, o, &buf)
		case name == "rejects.csv":
			n, err = s.withoutRejects(ctx, l, o, &buf, rows[batch])
		case strings.HasSuffix(name, ".parquet"):
			n, err = s.withoutRejectRows(ctx, l, o, &buf, rows[batch])
		}
		if err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		s.count("quarantine", n)
		if err := l.WriteObject(ctx, o.Key, buf.Bytes()); err != nil {
			return err
		}
	}
	return nil
}
