package flow

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
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
	// Owner names this process in leases; two processes never share one.
	Owner string
	Now   func() time.Time
	Log   *slog.Logger
	// Memory and Tmp bound the gate.
	Memory int64
	Tmp    string
	// Progress, where set, is told how many bytes of the file being judged were
	// read so far.
	Progress func(bytes int64)
	// Still, where not 0, is how long an object must have looked the same
	// before Scan returns it: somebody may still be writing it.
	Still time.Duration
	seen  map[string]sighting
	// Trace, where set, is called before each step of the commit with its name;
	// the crash test ends the process there.
	Trace func(step string)
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

// LeaseFor is how long a feed's lease lasts without being renewed: longer than
// any pause of a living process, short enough that a killed one does not stop
// its feed for long.
const LeaseFor = 2 * time.Minute

// ShardItems is the most items in one parse message.
const ShardItems = 200

// BatchID names one version of one landed file.
func BatchID(feed, key, content string) string {
	return pipeline.ContentID("batch", feed, key, content)
}

// Object takes the landed object key through the pipeline and returns what the
// ledger says of it. Calling it again for an object that was decided changes
// nothing. The returned error is about the pipeline (locked, unavailable, …);
// a file that cannot be judged is an answer, not an error: its batch is
// Unjudged, with the reason.
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
	if err != nil {
		return Batch{}, err
	}
	done, err := in.lease(ctx, "feed/"+feed)
	if err != nil {
		return Batch{}, err
	}
	defer done()

	b, err := in.Store.Batch(ctx, BatchID(feed, key, content))
	switch code := pipeline.ErrorCode(err); {
	case code == pipeline.CodeNotFound:
		b = Batch{
			ID: BatchID(feed, key, content), Feed: feed, Key: key, Content: content,
			Created: stamp(in.Now), EventTime: EventTime(obj),
		}
	case err != nil:
		return Batch{}, err
	case b.Stage != Staged && b.Stage != Unjudged:
		return in.seenAgain(ctx, b, obj)
	}
	b.Tag, b.Size = obj.Tag, obj.Size
	return in.judge(ctx, b)
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

// judge takes one batch from landed to decided, or from wherever a dead
// process left it.
func (in *Ingest) judge(ctx context.Context, b Batch) (Batch, error) {
	f, err := in.Contracts.Feed(b.Feed)
	if err != nil {
		if c := pipeline.ErrorCode(err); c != pipeline.CodeNotFound && c != pipeline.CodeInvalid {
			return Batch{}, err
		}
		reason := "no contract: " + err.Error()
		if b.Stage == Unjudged && b.ContractHash == "" && b.Reason == reason {
			return b, nil
		}
		b.ContractID, b.ContractVersion, b.ContractHash = "", "", ""
		return in.unjudged(ctx, b, reason)
	}
	if b.Stage == Unjudged && b.ContractHash == f.Hash {
		return b, nil
	}
	b.ContractID, b.ContractVersion, b.ContractHash = f.ContractID, f.Version, f.Hash

	if b.Stage == Staged {
		if m, ok, err := in.Lake.HasBatch(ctx, b.Feed, b.ID); err != nil {
			return Batch{}, err
		} else if ok {
			return in.recover(ctx, b, f, m)
		}
	}
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
	if err := in.Store.PutBatch(ctx, b); err != nil {
		return Batch{}, err
	}
	report, files, err := in.gate(ctx, f, b)
	if err != nil {
		// What the content is to blame for is the batch's fate; a lake that is
		// full or cannot be written is not.
		if pipeline.ErrorCode(err) == pipeline.CodeInvalid {
			return in.unjudged(ctx, b, err.Error())
		}
		return Batch{}, err
	}
	return in.decide(ctx, b, f, report, files)
}

// gate judges the batch and leaves its files in the lake, unreferenced.
func (in *Ingest) gate(ctx context.Context, f *contract.Feed, b Batch) (*gate.Report, []lake.File, error) {
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
	out := &output{lake: in.Lake, batch: b}
	report, err := g.Judge(ctx, in.input(b), gate.Options{
		Batch:        b.ID,
		Output:       out,
		ObjectPrefix: objectPrefix(b),
		Memory:       in.Memory,
		Tmp:          in.Tmp,
		Progress:     in.Progress,
		// One moment, so that a report does not depend on how long it took.
		Now:       func() time.Time { return at },
		EventTime: b.EventTime,
		History:   history,
	})
	if err != nil {
		return nil, nil, err
	}
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
			r, _, err := in.Lake.Open(ctx, b.Key, off, n)
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

// lease takes name for this process and keeps it until the returned function
// is called. Renewal runs beside the work and uses the same clock.
func (in *Ingest) lease(ctx context.Context, name string) (release func(), err error) {
	return holdLease(ctx, in.Store, in.Log, in.Now, name, in.Owner)
}

func holdLease(ctx context.Context, l Leases, log *slog.Logger, now func() time.Time, name, owner string) (func(), error) {
	take := func(ctx context.Context) error {
		t := now()
		return l.Acquire(ctx, name, owner, t, t.Add(LeaseFor))
	}
	if err := take(ctx); err != nil {
		return nil, err
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(LeaseFor / 4)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-ctx.Done():
				return
			case <-tick.C:
				if err := take(ctx); err != nil {
					log.Warn("lease not renewed", "lease", name, "error", err)
				}
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
		// A cancelled run still gives its lease back, so that the next one need
		// not wait for it to expire.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if err := l.Release(ctx, name, owner); err != nil {
			log.Warn("lease not released", "lease", name, "error", err)
		}
	}, nil
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
