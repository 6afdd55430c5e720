package flow

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/gate"
	"github.com/assay-pipeline/assay/pipeline/lake"
)

// Contracts finds the contract that judges a feed. Errors: not_found where the
// feed has none, invalid where it has a broken one.
type Contracts interface {
	Feed(name string) (*contract.Feed, error)
}

// Ingest takes landed objects through the gate, the breaker, and the publish.
type Ingest struct {
	Lake      *lake.Lake
	Store     Store
	Contracts Contracts
	// Versions, where set, says which version of a contract judges a batch;
	// else Contracts does.
	Versions Versions
	// Registry, where set, knows the consumers whom a violation concerns, and
	// keeps the drafts of contracts that evolve.
	Registry *contract.Registry
	// SQL, where set, runs the sql rules of contracts.
	SQL gate.Database
	// Owner names this process in leases; two processes never share one.
	Owner string
	Now   func() time.Time
	Log   *slog.Logger
	// Memory and Tmp bound the gate.
	Memory int64
	Tmp    string
	// Sketches has profiles count over all rows; see gate.Options.
	Sketches bool
	// KeyLimit bounds the index of published keys, for each key of a feed; 0 =
	// DefaultKeyLimit.
	KeyLimit int64
	// Progress, where set, is told how many bytes of the file being judged were
	// read so far.
	Progress func(bytes int64)
	// Still, where not 0, is how long an object must have looked the same
	// before Scan returns it: somebody may still be writing it.
	Still time.Duration
	seen  map[string]sighting
	// Archive moves landed objects to the archive after their final decision.
	Archive bool
	// Stray, where set, is told of a landed file that lies in no feed's folder.
	Stray func(key string)
	// Decided, where set, is told of each batch that was decided, of the checks
	// that failed, and of the position of its breaker then.
	Decided func(ctx context.Context, b Batch, failed []FailedCheck, at breaker.Position)
	// Trace, where set, is called before each step of the commit with its name;
	// the crash test ends the process there.
	Trace func(step string)
	// wall is the clock by which this process's own leases run out; nil is that of
	// the machine.
	wall func() time.Time
}

// Steps of the commit, as Trace names them.
const (
	StepIntent  = "intent"  // before the intent is in the ledger
	StepJudge   = "judge"   // before the gate reads the file
	StepReport  = "report"  // before the report is stored
	StepDecide  = "decide"  // before the breaker is asked
	StepPublish = "publish" // before the manifest is swapped
	StepFinish  = "finish"  // after the swap, before what depends on it
	StepCommit  = "commit"  // before the transaction
	StepMark    = "mark"    // after the transaction
)

func (in *Ingest) trace(step string) {
	if in.Trace != nil {
		in.Trace(step)
	}
}

// ShardItems is the most items in one parse message.
const ShardItems = 200

// judge takes one batch from landed to decided, or from wherever a dead
// process left it.
func (in *Ingest) judge(ctx context.Context, b Batch) (Batch, error) {
	f, err := in.feedOf(ctx, b)
	if err != nil {
		return in.withoutContract(ctx, b, err)
	}
	if b.Stage == Unjudged && b.ContractHash == f.Hash {
		return b, nil
	}
	if b.Stage == Staged {
		if m, ok, err := in.Lake.HasBatch(ctx, b.Feed, b.ID); err != nil {
			return Batch{}, err
		} else if ok {
			return in.recover(ctx, b, f, m)
		}
	}
	b.ContractID, b.ContractVersion, b.ContractHash = f.ContractID, f.Version, f.Hash
	if dup, err := in.resent(ctx, b, f); err != nil {
		return Batch{}, err
	} else if dup != "" {
		b.Stage, b.Reason, b.Updated = Duplicate, dup, stamp(in.Now)
		return b, in.Store.PutBatch(ctx, b)
	}

	// 1. The intent.
	b.Stage, b.Updated, b.Reason, b.Verdict = Staged, stamp(in.Now), "", ""
	b.Files = stagedFiles(b)
	in.trace(StepIntent)
	if err := stillHeld(ctx); err != nil {
		return Batch{}, err
	}
	if err := in.Store.PutBatch(ctx, b); err != nil {
		return Batch{}, err
	}
	if b.Replays > 0 {
		if err := in.sweepRejects(ctx, b); err != nil {
			return Batch{}, err
		}
	}
	report, files, err := in.probeOrGate(ctx, f, b)
	if err != nil {
		// What the content is to blame for is the batch's fate; a lake that is
		// full or cannot be written is not.
		if pipeline.ErrorCode(err) == pipeline.CodeInvalid {
			return in.unjudged(ctx, b, err.Error())
		}
		return Batch{}, err
	}
	return in.decide(ctx, b, f, report, files, true)
}

// withoutContract settles a batch whose feed has no contract, or a broken one.
// A batch that a dead process published, or that is held, is not settled by
// that: it waits until the contract is back.
func (in *Ingest) withoutContract(ctx context.Context, b Batch, err error) (Batch, error) {
	if c := pipeline.ErrorCode(err); c != pipeline.CodeNotFound && c != pipeline.CodeInvalid {
		return Batch{}, err
	}
	if b.Stage == Held || b.Stage == Staged && b.Replays > 0 {
		return Batch{}, pipeline.Errorf(pipeline.CodeInvalid, "batch %s of feed %s is held, and cannot be judged again: %w", pipeline.ShortID(b.ID), b.Feed, err).
			WithHint("restore the feed's contract, then assay replay")
	}
	if b.Stage == Staged {
		if _, ok, herr := in.Lake.HasBatch(ctx, b.Feed, b.ID); herr != nil {
			return Batch{}, herr
		} else if ok {
			return Batch{}, pipeline.Errorf(pipeline.CodeInvalid, "batch %s of feed %s was published by a run that was interrupted, and cannot be entered without its contract: %w", pipeline.ShortID(b.ID), b.Feed, err).
				WithHint("restore the contract, then run again")
		}
	}
	reason := "no contract: " + err.Error()
	if b.Stage == Unjudged && b.ContractHash == "" && b.Reason == reason {
		return b, nil
	}
	b.ContractID, b.ContractVersion, b.ContractHash = "", "", ""
	return in.unjudged(ctx, b, reason)
}

// gate judges the batch and leaves its files in the lake, unreferenced; every
// row of them carries the confidence.
func (in *Ingest) gate(ctx context.Context, f *contract.Feed, b Batch, confidence float64) (*gate.Report, []lake.File, error) {
	g, err := gate.Compile(f)
	if err != nil {
		return nil, nil, err
	}
	in.trace(StepJudge)
	history, err := in.history(ctx, f, b)
	if err != nil {
		return nil, nil, err
	}
	at := stamp(in.Now)
	choice, err := in.choose(ctx, b)
	if err != nil {
		return nil, nil, err
	}
	facts, err := Facts(ctx, in.Store, in.Lake, f, &b, at)
	if err != nil {
		return nil, nil, err
	}
	out := &output{lake: in.Lake, batch: b}
	report, err := g.Judge(ctx, in.input(b), gate.Options{
		Batch:        b.ID,
		Confidence:   confidence,
		Output:       out,
		ObjectPrefix: objectPrefix(b),
		Memory:       in.Memory,
		Tmp:          in.Tmp,
		Progress:     in.Progress,
		// One moment, so that a report does not depend on how long it took.
		Now:        func() time.Time { return at },
		EventTime:  b.EventTime,
		History:    history,
		SQL:        in.SQL,
		References: &Published{Lake: in.Lake, Contracts: in.Contracts},
		Ledger:     facts,
		Keys:       in.keysFor(g, b),
		Sketches:   in.Sketches,
	})
	if err != nil {
		return nil, nil, err
	}
	report.Chosen(choice)
	if report.Problem != nil {
		return nil, nil, report.Problem.Err()
	}
	if !report.Rows.Balanced() {
		return nil, nil, pipeline.Errorf(pipeline.CodeInternal, "%s: %d rows read, %d accepted, %d rejected", b.Key, report.Rows.Read, report.Rows.Accepted, report.Rows.Rejected)
	}
	files, err := out.parts(report)
	if err != nil {
		return nil, nil, err
	}
	in.trace(StepReport)
	return report, files, in.writeReport(ctx, b, report)
}

// historyOf is the most batches that a rule over a feed's past looks back at.
const historyOf = 30

// history is the profiles of the feed's last published batches, oldest first,
// for a contract with rules that compare against them; nil for another one.
func (in *Ingest) history(ctx context.Context, f *contract.Feed, b Batch) ([]*gate.Profile, error) {
	window := 0
	for _, c := range f.Checks {
		if c.Metric == "drift" || c.Metric == "volume" || c.Metric == "usual" {
			window = max(window, c.Window)
			if c.Window == 0 {
				window = historyOf
			}
		}
	}
	if window == 0 {
		return nil, nil
	}
	past, err := in.Store.Batches(ctx, BatchFilter{Feed: b.Feed, Stage: Done, Latest: true, Limit: min(window, historyOf)})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(past, func(x, y Batch) int { return cmp.Compare(x.Seq, y.Seq) })
	var profiles []*gate.Profile
	for _, p := range past {
		r, err := ReadReport(ctx, in.Lake, p.Report)
		if err != nil {
			return nil, err
		}
		if r.Profile != nil {
			profiles = append(profiles, r.Profile)
		}
	}
	return profiles, nil
}

// input opens the landed object for the gate.
func (in *Ingest) input(b Batch) gate.Input {
	if in.isFolder(b.Feed, b.Key) {
		return in.folderInput(b)
	}
	return gate.Input{
		Name: b.Key,
		Size: b.Size,
		Open: func(ctx context.Context, off, n int64) (io.ReadCloser, error) {
			r, o, err := in.Lake.Open(ctx, b.Key, off, n)
			if err == nil && o.Tag != b.Tag {
				_ = r.Close() // nothing was read
				return nil, replacedMeanwhile(b.Key)
			}
			return r, err
		},
	}
}

// unjudged settles a batch that cannot be judged. It is taken up again when
// its feed's contract changes.
func (in *Ingest) unjudged(ctx context.Context, b Batch, reason string) (Batch, error) {
	b.Stage, b.Verdict, b.Reason, b.Updated = Unjudged, pipeline.VerdictError, reason, stamp(in.Now)
	b.Decision = pipeline.Hold
	event, err := pipeline.NewEvent(pipeline.BatchHeld, source(b.Feed), b.ID, b.Feed, b.Updated, batchData(b, false))
	if err != nil {
		return Batch{}, err
	}
	err = in.Store.Atomic(ctx, func(tx Tx) error {
		if err := stillHeld(ctx); err != nil {
			return err
		}
		if err := tx.PutBatch(ctx, b); err != nil {
			return err
		}
		return tx.PutOutgoing(ctx, Outgoing{Event: &event})
	})
	if err != nil {
		return Batch{}, err
	}
	in.Log.Warn("batch could not be judged", "feed", b.Feed, "batch", b.ID, "reason", reason)
	return b, nil
}

// stagedFiles are the lake prefixes that the judgement of b writes under.
func stagedFiles(b Batch) []string {
	return []string{
		dataKey(b, "") + "/",
		lake.QuarantineKey(b.Feed, b.ID, "") + "/",
		lake.RawKey(b.Feed, b.ID, "") + "/",
	}
}

func source(feed string) string { return "assay/feed/" + feed }

// stamp is the time as stores keep it: UTC, to the microsecond.
func stamp(now func() time.Time) time.Time { return now().UTC().Truncate(time.Microsecond) }
