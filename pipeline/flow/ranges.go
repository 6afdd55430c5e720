package flow

import (
	"context"
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/gate"
	"github.com/assay-pipeline/assay/pipeline/lake"
)

// A file that is too large for one process goes through the pipeline in three
// steps, each of which may run in a process of its own and be done again:
//
//	Plan       cuts the file and writes the intent into the ledger
//	JudgePart  judges one range; all of them side by side
//	Merge      makes one batch of them, decides, publishes
//
// What is between the steps stands on the shelf of the batch: accepted rows
// where those of any batch stand, all else beside the raw records of the
// quarantine, since it holds such. The end is that of Object, but for the names
// of the data files.

// A Plan says how one landed object is judged.
type Plan struct {
	// Batch is the ledger's line; its Stage is Staged while there is something to
	// do.
	Batch Batch `json:"batch"`
	// Ranges is how many parts there are to judge, 0 where there is nothing to do
	// or the object is judged whole.
	Ranges int `json:"ranges"`
	// Parts is the lake key of the list of parts, a JSON array of PartOf: what an
	// orchestrator fans out over.
	Parts string `json:"parts,omitempty"`
	// Whole says why the object has to be judged by Object instead.
	Whole string `json:"whole,omitempty"`
}

// A PartOf names one range of a planned batch.
type PartOf struct {
	Batch string `json:"batch"`
	Range int    `json:"range"`
}

// planFile on the shelf is what was planned, partsFile the list of the parts.
const (
	planFile  = "plan.json"
	partsFile = "parts.json"
)

type planned struct {
	Layout *gate.Layout `json:"layout"`
	// LastSeq is the feed's last decided batch.
	LastSeq int64 `json:"last_seq"`
}

// Plan cuts the landed object key into ranges of about size bytes each (0: 256
// MiB). An object that was decided, or that cannot be cut, has no ranges. A
// planned batch is named by the object's tag, not by its content, which would
// have to be read for it. Errors: those of Object.
func (in *Ingest) Plan(ctx context.Context, key string, size int64) (Plan, error) {
	feed, ok := lake.FeedOf(key)
	if !ok {
		return Plan{}, pipeline.Errorf(pipeline.CodeInvalid, "%s is not in a feed's landing folder", key).
			WithHint("put files at landing/FEED/FILE")
	}
	obj, err := in.Lake.Stat(ctx, key)
	if err != nil {
		return Plan{}, err
	}
	ctx, done, err := in.lease(ctx, feed)
	if err != nil {
		return Plan{}, err
	}
	defer done()
	if err := in.recoverFeed(ctx, feed); err != nil {
		return Plan{}, err
	}
	b, err := in.batchOf(ctx, feed, key, tagContent(obj), obj)
	switch {
	case err != nil:
		return Plan{}, err
	case b.Stage != "" && b.Stage != Staged && b.Stage != Unjudged:
		return Plan{Batch: b}, nil
	}
	f, err := in.feedOf(ctx, b)
	if err != nil {
		return Plan{Whole: "its contract: " + err.Error()}, nil //nolint:nilerr // Object says it in the ledger
	}
	if b.Stage == Unjudged && b.ContractHash == f.Hash {
		return Plan{Batch: b}, nil
	}
	b.Tag, b.Size = obj.Tag, obj.Size
	g, err := gate.Compile(f)
	if err != nil {
		return Plan{Whole: "its contract: " + err.Error()}, nil //nolint:nilerr // as above
	}
	layout, err := g.Lay(ctx, in.input(b), size)
	if err != nil {
		return Plan{}, err
	}
	if layout.Whole != "" {
		return Plan{Whole: layout.Whole}, nil
	}
	dup, err := in.resent(ctx, b, f)
	if err != nil {
		return Plan{}, err
	}
	b.ContractID, b.ContractVersion, b.ContractHash = f.ContractID, f.Version, f.Hash
	b.Stage, b.Updated, b.Reason, b.Verdict = Staged, stamp(in.Now), "", ""
	if dup != "" {
		b.Stage, b.Reason = Duplicate, dup
		return Plan{Batch: b}, in.Store.PutBatch(ctx, b)
	}
	b.Files = stagedFiles(b)
	in.trace(StepIntent)
	if err := stillHeld(ctx); err != nil {
		return Plan{}, err
	}
	if err := in.Store.PutBatch(ctx, b); err != nil {
		return Plan{}, err
	}
	s := in.shelf(b)
	last, err := in.Store.LastSeq(ctx, feed)
	if err != nil {
		return Plan{}, err
	}
	if err := s.putJSON(ctx, planFile, planned{layout, last}); err != nil {
		return Plan{}, err
	}
	parts := make([]PartOf, len(layout.Ranges))
	for i := range parts {
		parts[i] = PartOf{b.ID, i}
	}
	if err := s.putJSON(ctx, partsFile, parts); err != nil {
		return Plan{}, err
	}
	return Plan{Batch: b, Ranges: len(layout.Ranges), Parts: s.key(partsFile)}, nil
}

// A PartDone is what a range came to, as far as it can be told alone.
type PartDone struct {
	Batch string        `json:"batch"`
	Range int           `json:"range"`
	Rows  pipeline.Rows `json:"rows"`
}

// JudgePart judges range i of a planned batch. Errors: not_found for a batch
// that was not planned, conflict for one whose contract or object has changed
// since.
func (in *Ingest) JudgePart(ctx context.Context, batch string, i int) (PartDone, error) {
	b, g, plan, err := in.planned(ctx, batch)
	if err != nil {
		return PartDone{}, err
	}
	if b.Stage != Staged {
		return PartDone{Batch: batch, Range: i}, nil // decided in the meantime
	}
	sure, err := in.expected(ctx, g.Feed(), b)
	if err != nil {
		return PartDone{}, err
	}
	in.trace(StepJudge)
	s := in.shelf(b)
	part, err := g.JudgeRange(ctx, in.input(b), plan.Layout, i, s, gate.Options{
		Batch: b.ID, Confidence: sure, Memory: in.Memory, Tmp: in.Tmp, Sketches: in.Sketches, Progress: in.Progress, Now: in.Now, EventTime: b.EventTime, Keys: in.keysFor(g, b),
		References: &Published{Lake: in.Lake, Contracts: in.Contracts},
	})
	if err != nil {
		return PartDone{}, err
	}
	return PartDone{Batch: batch, Range: i, Rows: part.Rows()}, s.putJSON(ctx, filesOf(i), s.data)
}

// Merge makes one batch of the ranges that were judged, decides it and
// publishes it, as Object does. Errors: not_found for a range that was not
// judged, conflict for a contract or object that has changed since the plan.
func (in *Ingest) Merge(ctx context.Context, batch string) (Batch, error) {
	b, err := in.Store.Batch(ctx, batch)
	if err != nil {
		return Batch{}, err
	}
	ctx, done, err := in.lease(ctx, b.Feed)
	if err != nil {
		return Batch{}, err
	}
	defer done()
	b, g, plan, err := in.planned(ctx, batch)
	if err != nil || b.Stage != Staged {
		return b, err
	}
	f := g.Feed()
	if m, ok, err := in.Lake.HasBatch(ctx, b.Feed, b.ID); err != nil {
		return Batch{}, err
	} else if ok {
		return in.recover(ctx, b, f, m)
	}
	if err := in.keysMoved(ctx, g, b.Feed, plan.LastSeq); err != nil {
		return Batch{}, err
	}
	report, files, err := in.merge(ctx, b, g, plan.Layout)
	if err != nil {
		if pipeline.ErrorCode(err) == pipeline.CodeInvalid {
			return in.unjudged(ctx, b, err.Error())
		}
		return Batch{}, err
	}
	if b, err = in.decide(ctx, b, f, report, files, false); err != nil {
		return Batch{}, err
	}
	return b, in.shelf(b).clear(ctx)
}

// Stopped writes into the ledger why a planned batch was not judged to its end.
// The batch stays Staged: planning its object again takes it up. A batch that was
// decided meanwhile is left alone. Errors: not_found, locked, unavailable.
func (in *Ingest) Stopped(ctx context.Context, batch, reason string) (Batch, error) {
	b, err := in.Store.Batch(ctx, batch)
	if err != nil {
		return Batch{}, err
	}
	ctx, done, err := in.lease(ctx, b.Feed)
	if err != nil {
		return Batch{}, err
	}
	defer done()
	if b, err = in.Store.Batch(ctx, batch); err != nil || b.Stage != Staged {
		return b, err
	}
	b.Reason, b.Updated = reason, stamp(in.Now)
	return b, in.Store.PutBatch(ctx, b)
}

func (in *Ingest) merge(ctx context.Context, b Batch, g *gate.Gate, layout *gate.Layout) (*gate.Report, []lake.File, error) {
	history, err := in.history(ctx, g.Feed(), b)
	if err != nil {
		return nil, nil, err
	}
	sure, err := in.expected(ctx, g.Feed(), b)
	if err != nil {
		return nil, nil, err
	}
	s := in.shelf(b)
	for i := range layout.Ranges {
		var data []lake.File
		if err := s.readJSON(ctx, filesOf(i), &data); err != nil {
			return nil, nil, err
		}
		s.data = append(s.data, data...)
	}
	at := stamp(in.Now)
	choice, err := in.choose(ctx, b)
	if err != nil {
		return nil, nil, err
	}
	facts, err := Facts(ctx, in.Store, in.Lake, g.Feed(), &b, at)
	if err != nil {
		return nil, nil, err
	}
	merged, err := g.Merge(ctx, in.input(b), layout, s, gate.Options{
		Batch: b.ID, Confidence: sure, Output: &output{lake: in.Lake, batch: b}, Memory: in.Memory, Tmp: in.Tmp,
		Now: func() time.Time { return at }, EventTime: b.EventTime, History: history, Keys: in.keysFor(g, b),
		References: &Published{Lake: in.Lake, Contracts: in.Contracts}, Ledger: facts,
	})
	if err != nil {
		return nil, nil, err
	}
	report := merged.Report
	report.Chosen(choice)
	if !report.Rows.Balanced() {
		return nil, nil, pipeline.Errorf(pipeline.CodeInternal, "%s: %d rows read, %d accepted, %d rejected", b.Key, report.Rows.Read, report.Rows.Accepted, report.Rows.Rejected)
	}
	var files []lake.File
	for _, m := range merged.Files {
		file, err := s.publish(ctx, m)
		if err != nil {
			return nil, nil, err
		}
		i := slices.IndexFunc(report.Files, func(r gate.File) bool { return r.Name == m.Name })
		report.Files[i] = gate.File{Name: path.Base(file.Key), Rows: file.Rows, Bytes: file.Size}
		files = append(files, file)
	}
	in.trace(StepReport)
	return report, files, in.writeReport(ctx, b, report)
}

// planned loads a planned batch.
func (in *Ingest) planned(ctx context.Context, batch string) (Batch, *gate.Gate, planned, error) {
	var plan planned
	b, err := in.Store.Batch(ctx, batch)
	if err != nil || b.Stage != Staged {
		return b, nil, plan, err
	}
	changed := func(what string) error {
		return pipeline.Errorf(pipeline.CodeConflict, "%s: its %s has changed since the plan", b.Key, what).WithHint("plan it again")
	}
	f, err := in.feedOf(ctx, b)
	if err != nil {
		return b, nil, plan, err
	}
	if f.Hash != b.ContractHash {
		return b, nil, plan, changed("contract")
	}
	obj, err := in.Lake.Stat(ctx, b.Key)
	if err != nil {
		return b, nil, plan, err
	}
	if obj.Tag != b.Tag || obj.Size != b.Size {
		return b, nil, plan, changed("object")
	}
	g, err := gate.Compile(f)
	if err != nil {
		return b, nil, plan, err
	}
	return b, g, plan, in.shelf(b).readJSON(ctx, planFile, &plan)
}

func filesOf(i int) string { return fmt.Sprintf("files-%06d.json", i) }
