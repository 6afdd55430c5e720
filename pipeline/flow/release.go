package flow

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/gate"
	"github.com/assay-pipeline/assay/pipeline/lake"
	"github.com/assay-pipeline/assay/pipeline/review"
)

// release publishes a batch by the decision of a person.
func (in *Ingest) release(ctx context.Context, b Batch, entry review.Entry) (Batch, error) {
	m, published, err := in.Lake.HasBatch(ctx, b.Feed, b.ID)
	if err != nil {
		return b, err
	}
	f, err := in.releasable(ctx, b)
	if err != nil && !published {
		return b, err
	}
	b.ReleasedBy, b.ReleaseReason = entry.Decider, entry.Note
	report, err := ReadReport(ctx, in.Lake, b.Report)
	if err != nil {
		return b, err
	}
	if !published {
		files, err := in.stagedParts(ctx, f, b, report)
		if err != nil {
			return b, err
		}
		o := outcome{decision: pipeline.PublishAccepted, position: breaker.Position(b.Breaker), at: stamp(in.Now)}
		in.trace(StepPublish)
		if m, err = in.publish(ctx, b, f, o, files); err != nil {
			return b, err
		}
	}
	in.trace(StepFinish)
	if err := in.Lake.Finish(ctx, m); err != nil {
		return b, err
	}
	if err := in.indexKeys(ctx, b, f, m); err != nil {
		return b, err
	}
	b.Stage, b.Manifest, b.Updated = Done, m.ID, stamp(in.Now)
	b.Reason = fmt.Sprintf("approved by %s: %s", entry.Decider, entry.Note)
	b.Decision = pipeline.PublishAccepted
	if b.Rows.Rejected == 0 {
		b.Decision = pipeline.Publish
	}
	var shards []ParseShard
	if f != nil && f.Catalog != nil {
		if shards, err = in.shards(ctx, b, f, report, m, false); err != nil {
			return b, err
		}
	}
	b.Shards = len(shards)
	in.trace(StepCommit)
	return b, in.conclude(ctx, b, entry, shards, pipeline.BatchPublished)
}

// conclude is the transaction that ends a decision.
func (in *Ingest) conclude(ctx context.Context, b Batch, entry review.Entry, shards []ParseShard, typ string) error {
	var out []Outgoing
	for _, x := range []struct {
		typ  string
		data any
	}{
		{pipeline.ApprovalDecided, ApprovalDecision{Batch: b.ID, Feed: b.Feed, Decision: entry.Decision, By: entry.Decider, Reason: entry.Note, At: entry.Decided}},
		{typ, batchData(b, false)},
	} {
		e, err := pipeline.NewEvent(x.typ, source(b.Feed), b.ID, b.Feed, b.Updated, x.data)
		if err != nil {
			return err
		}
		out = append(out, Outgoing{Event: &e})
	}
	for _, s := range shards {
		s.Seq, s.Shards = b.Seq, len(shards)
		m, err := newMessage(TopicParse, b.ContractHash, s)
		if err != nil {
			return err
		}
		out = append(out, Outgoing{Message: &m})
	}
	err := in.Store.Atomic(ctx, func(tx Tx) error {
		if err := tx.PutBatch(ctx, b); err != nil {
			return err
		}
		return tx.PutOutgoing(ctx, out...)
	})
	if err == nil {
		in.Log.Info("batch decided by a person", "feed", b.Feed, "batch", b.ID, "decision", entry.Decision, "by", entry.Decider)
	}
	return err
}

// stagedParts are the files that the judgement of b left, or, where they were
// removed meanwhile, that judging the same bytes by the same contract makes
// again.
func (in *Ingest) stagedParts(ctx context.Context, f *contract.Feed, b Batch, report *gate.Report) ([]lake.File, error) {
	var files []lake.File
	for _, p := range report.Files {
		if key, part := (&output{batch: b}).key(p.Name); part {
			file, err := in.Lake.Describe(ctx, key)
			if pipeline.ErrorCode(err) == pipeline.CodeNotFound || err == nil && file.Size != p.Bytes {
				return in.stageAgain(ctx, f, b, report)
			}
			if err != nil {
				return nil, err
			}
			file.Rows, file.Batch = p.Rows, b.ID
			files = append(files, file)
		}
	}
	return files, nil
}

// stageAgain leaves the report that was approved where the rows are the same: a
// process that only decides has no database for its sql rules.
func (in *Ingest) stageAgain(ctx context.Context, f *contract.Feed, b Batch, approved *gate.Report) ([]lake.File, error) {
	gone := pipeline.Errorf(pipeline.CodeNotFound, "the rows of batch %s are gone: its staged files were removed, and %s holds something else now", pipeline.ShortID(b.ID), b.Key).
		WithHint("reject the batch and land the file again")
	content, _, err := in.fingerprint(ctx, b.Key)
	if pipeline.ErrorCode(err) == pipeline.CodeNotFound || err == nil && content != b.Content {
		return nil, gone
	}
	if err != nil {
		return nil, err
	}
	report, files, err := in.gate(ctx, f, b, 1)
	if err == nil && report.Rows == approved.Rows {
		err = in.writeReport(ctx, b, approved)
	}
	return files, err
}

// A Rejection is what lies beside a batch that was rejected whole.
type Rejection struct {
	Batch  string    `json:"batch"`
	Feed   string    `json:"feed"`
	Key    string    `json:"key"`
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	At     time.Time `json:"at"`
	// Raw is where the landed bytes lie now, "" where they were gone.
	Raw string `json:"raw,omitempty"`
}

// refuse takes a batch to quarantine whole, with the reason.
func (in *Ingest) refuse(ctx context.Context, b Batch, entry review.Entry) (Batch, error) {
	r := Rejection{Batch: b.ID, Feed: b.Feed, Key: b.Key, By: entry.Decider, Reason: entry.Note, At: entry.Decided}
	raw := lake.RawKey(b.Feed, b.ID, "landed-"+strings.ReplaceAll(path.Base(b.Key), ":", "_"))
	content, _, err := in.fingerprint(ctx, b.Key)
	switch {
	case pipeline.ErrorCode(err) == pipeline.CodeNotFound, err == nil && content != b.Content:
		in.Log.Warn("the landed bytes of a rejected batch are gone", "feed", b.Feed, "batch", b.ID)
	case err != nil:
		return b, err
	default:
		if err := in.Lake.Copy(ctx, b.Key, raw); err != nil {
			return b, err
		}
		r.Raw = raw
	}
	doc, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return b, pipeline.Errorf(pipeline.CodeInternal, "rejection of batch %s: %w", b.ID, err)
	}
	if err := in.Lake.WriteObject(ctx, lake.QuarantineKey(b.Feed, b.ID, "rejection.json"), append(doc, '\n')); err != nil {
		return b, err
	}
	b.Stage, b.Decision, b.Updated = Rejected, pipeline.Hold, stamp(in.Now)
	b.Reason = fmt.Sprintf("rejected by %s: %s", entry.Decider, entry.Note)
	return b, in.conclude(ctx, b, entry, nil, pipeline.BatchHeld)
}
