package flow

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/gate"
	"github.com/assay-pipeline/assay/pipeline/review"
)

// Decisions on a batch that waits for a person.
const (
	Approved = "approved"
	Refused  = "rejected"
)

// Clock is who decides where nobody did in time.
const Clock = "clock"

// An Approval is a batch that waits for a person, as its entry in the review
// queue keeps it. While it waits nothing runs: the entry is the whole state,
// and its end is noticed by whoever looks next.
type Approval struct {
	Batch    string            `json:"batch"`
	Key      string            `json:"key"`
	Expires  time.Time         `json:"expires"`
	Verdict  pipeline.Verdict  `json:"verdict"`
	Decision pipeline.Decision `json:"decision"` // what it would have been
	Rows     pipeline.Rows     `json:"rows"`
	Report   string            `json:"report"` // lake key
}

// ApprovalID is the id of a batch's entry in the review queue.
func ApprovalID(batch string) string { return pipeline.ContentID("approval", batch) }

// asks says whether, and why, a person has to release a batch.
func asks(f *contract.Feed, b Batch, report *gate.Report, o outcome) (string, bool) {
	if b.ReleasedBy != "" {
		return "", false
	}
	published := o.decision.Published()
	switch f.Approval.When {
	case "always":
		if !published {
			return o.reason, true
		}
		return "every batch of this feed needs an approval", true
	case "on_warn":
		if published && report.Verdict != pipeline.Passed {
			return fmt.Sprintf("it %s: %s", report.Verdict, failedChecks(report)), true
		}
	case "on_hold":
		if !published {
			return o.reason, true
		}
	}
	return "", false
}

// failedChecks names the checks that failed or warned, at most three.
func failedChecks(r *gate.Report) string {
	const most = 3
	text, n := "", 0
	for _, c := range r.Checks {
		if c.Result != gate.ResultFailed && c.Result != gate.ResultWarned {
			continue
		}
		if n++; n > most {
			continue
		}
		if text != "" {
			text += ", "
		}
		text += c.ID
	}
	if n > most {
		text += fmt.Sprintf(" and %d more", n-most)
	}
	if text == "" {
		return "its report says why"
	}
	return text
}

// ask puts a batch before the people who may release it.
func ask(ctx context.Context, tx Tx, b Batch, f *contract.Feed, report *gate.Report, reason string) error {
	expiry, err := contract.ParseDuration(f.Approval.Expiry)
	if err != nil {
		expiry = 24 * time.Hour
	}
	a := Approval{Batch: b.ID, Key: b.Key, Expires: b.Updated.Add(expiry), Verdict: report.Verdict, Decision: report.Decision, Rows: b.Rows, Report: b.Report}
	data, err := json.Marshal(a)
	if err != nil {
		return pipeline.Errorf(pipeline.CodeInternal, "approval of batch %s: %w", b.ID, err)
	}
	entry := review.Entry{ID: ApprovalID(b.ID), Kind: review.Batch, Subject: b.ID, Feed: b.Feed, Reason: reason, Priority: 1, Data: data, Created: b.Updated}
	if err := tx.AddReviews(ctx, []review.Entry{entry}); err != nil {
		return err
	}
	e, err := pipeline.NewEvent(pipeline.ApprovalRequested, source(b.Feed), b.ID, b.Feed, b.Updated,
		ApprovalData{Batch: b.ID, Feed: b.Feed, Reason: reason, Expires: a.Expires})
	if err != nil {
		return err
	}
	return tx.PutOutgoing(ctx, Outgoing{Event: &e})
}

// ApprovalOf reads what an entry of the review queue says of its batch.
func ApprovalOf(e review.Entry) (Approval, error) {
	var a Approval
	if err := json.Unmarshal(e.Data, &a); err != nil || a.Batch == "" {
		return a, pipeline.Errorf(pipeline.CodeCorrupt, "review %s is not that of a batch: %v", e.ID, err)
	}
	return a, nil
}

// Decide approves or rejects a batch that waits for a person. The first
// decision holds; it is recorded before anything is done, and what it asks for
// is done now or, where another run works on the feed or this process dies, by
// the next run or sweep (the batch is still Waiting then).
//
// Errors: not_found; conflict (decided before, by whom and when; expired; a
// later batch of a snapshot or upsert feed is published; the contract changed);
// invalid (no name or reason, a batch that nobody was asked about, a feed
// without a contract).
func (in *Ingest) Decide(ctx context.Context, batch, decision, who, reason string) (Batch, error) {
	if who == "" || reason == "" {
		return Batch{}, pipeline.Errorf(pipeline.CodeInvalid, "a batch is not decided without a name and a reason").WithHint("say --reason \"…\"")
	}
	b, err := in.Store.Batch(ctx, batch)
	if err != nil {
		return Batch{}, err
	}
	entry, err := in.Store.Review(ctx, ApprovalID(batch))
	if pipeline.ErrorCode(err) == pipeline.CodeNotFound {
		return b, notAsked(b)
	}
	if err != nil {
		return b, err
	}
	a, err := ApprovalOf(entry)
	if err != nil {
		return b, err
	}
	now := stamp(in.Now)
	if entry.State != review.Decided && !now.Before(a.Expires) {
		if b, err = in.expire(ctx, b, entry, a); err != nil {
			return b, err
		}
		return b, pipeline.Errorf(pipeline.CodeConflict, "the approval of batch %s expired at %s: the batch was rejected and lies in quarantine", pipeline.ShortID(b.ID), a.Expires.UTC().Format(time.RFC3339)).
			WithHint("land the file again to have it judged and asked about again")
	}
	if entry.State == review.Decided && b.Stage != Waiting {
		return b, decidedBefore(b, entry)
	}
	if decision == Approved && entry.State != review.Decided {
		if _, err := in.releasable(ctx, b); err != nil {
			return b, err
		}
	}
	if entry.State != review.Decided || entry.Decision != decision || entry.Decider != who {
		entry, err = review.Queue{Store: in.Store, Now: in.Now}.Decide(ctx, entry.ID, who, decision, reason)
		if pipeline.ErrorCode(err) == pipeline.CodeConflict {
			if e, rerr := in.Store.Review(ctx, ApprovalID(batch)); rerr == nil && e.State == review.Decided {
				return b, decidedBefore(b, e)
			}
		}
		if err != nil {
			return b, err
		}
	}
	done, err := in.carryOut(ctx, b.ID, entry)
	if pipeline.ErrorCode(err) == pipeline.CodeLocked {
		return b, nil // the run that holds the feed does it
	}
	return done, err
}

func notAsked(b Batch) error {
	id := pipeline.ShortID(b.ID)
	switch b.Stage {
	case Held:
		return pipeline.Errorf(pipeline.CodeInvalid, "batch %s is held, and its contract lets nobody release it", id).
			WithHint("mend the contract or the data and run assay replay, or set assay.approval: on_hold")
	case Done:
		return pipeline.Errorf(pipeline.CodeConflict, "batch %s is published already", id)
	}
	return pipeline.Errorf(pipeline.CodeInvalid, "batch %s is %s: nobody was asked about it", id, b.Stage)
}

func decidedBefore(b Batch, e review.Entry) error {
	return pipeline.Errorf(pipeline.CodeConflict, "batch %s was %s by %s at %s: %s", pipeline.ShortID(b.ID), e.Decision, e.Decider, e.Decided.UTC().Format(time.RFC3339), e.Note).
		WithHint("one decision is enough; land the file again to have it judged again")
}

// releasable is the contract under which b can be published as it was judged.
func (in *Ingest) releasable(ctx context.Context, b Batch) (*contract.Feed, error) {
	id := pipeline.ShortID(b.ID)
	f, err := in.feedOf(ctx, b)
	if pipeline.ErrorCode(err) == pipeline.CodeNotFound {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "batch %s waits for an approval, and its feed %s has no contract any more", id, b.Feed).
			WithHint("if the feed was renamed, give the contract its old name until the batch is decided, or reject the batch")
	}
	if err != nil {
		return nil, err
	}
	if f.Hash != b.ContractHash {
		return nil, pipeline.Errorf(pipeline.CodeConflict, "the contract of %s changed since batch %s was judged (%s, now %s)", b.Feed, id, b.ContractVersion, f.Version).
			WithHint("reject it and land the file again: it is judged by the contract as it is now")
	}
	if f.Load == contract.Append {
		return f, nil
	}
	later, err := in.Store.Batches(ctx, BatchFilter{Feed: b.Feed, Stage: Done, Latest: true, Limit: 50})
	if err != nil {
		return nil, err
	}
	for _, l := range later {
		if l.Seq > b.Seq {
			return nil, pipeline.Errorf(pipeline.CodeConflict, "batch %s was published after batch %s, and this feed is loaded as %s: the older rows would replace the newer", pipeline.ShortID(l.ID), id, f.Load).
				WithHint("reject it; if its rows are still needed, land them again")
		}
	}
	return f, nil
}

// Settle carries out what was decided and not done yet, and ends what nobody
// decided in time. It returns the batches that it moved.
func (in *Ingest) Settle(ctx context.Context) ([]Batch, error) {
	waiting, err := in.Store.Batches(ctx, BatchFilter{Stage: Waiting, Limit: 1 << 20})
	if err != nil {
		return nil, err
	}
	var moved []Batch
	for _, b := range waiting {
		entry, err := in.Store.Review(ctx, ApprovalID(b.ID))
		if pipeline.ErrorCode(err) == pipeline.CodeNotFound {
			continue
		}
		if err != nil {
			return moved, err
		}
		a, err := ApprovalOf(entry)
		if err != nil {
			return moved, err
		}
		switch {
		case entry.State == review.Decided:
			b, err = in.carryOut(ctx, b.ID, entry)
		case !stamp(in.Now).Before(a.Expires):
			b, err = in.expire(ctx, b, entry, a)
		default:
			continue
		}
		switch code := pipeline.ErrorCode(err); code {
		case "":
			moved = append(moved, b)
		case pipeline.CodeUnavailable, pipeline.CodeCanceled, pipeline.CodeInternal:
			return moved, err
		default:
			in.Log.Warn("decision not carried out", "feed", b.Feed, "batch", b.ID, "error", err)
		}
	}
	return moved, nil
}

// expire rejects a batch in the name of the clock.
func (in *Ingest) expire(ctx context.Context, b Batch, entry review.Entry, a Approval) (Batch, error) {
	reason := "nobody answered by " + a.Expires.UTC().Format(time.RFC3339)
	if entry.State == review.Leased {
		// Who has it open has had the time.
		entry.State, entry.Holder, entry.Until = review.Open, "", time.Time{}
		var err error
		if entry, err = in.Store.UpdateReview(ctx, entry); err != nil {
			return b, err
		}
	}
	entry, err := review.Queue{Store: in.Store, Now: in.Now}.Decide(ctx, entry.ID, Clock, Refused, reason)
	if err != nil {
		return b, err
	}
	return in.carryOut(ctx, b.ID, entry)
}

// carryOut does what the decided entry of a batch says, under the feed's lease.
func (in *Ingest) carryOut(ctx context.Context, batch string, entry review.Entry) (Batch, error) {
	b, err := in.Store.Batch(ctx, batch)
	if err != nil {
		return Batch{}, err
	}
	ctx, done, err := in.lease(ctx, b.Feed)
	if err != nil {
		return b, err
	}
	defer done()
	if b, err = in.Store.Batch(ctx, batch); err != nil || b.Stage != Waiting {
		return b, err // somebody carried it out meanwhile
	}
	if entry.Decision == Approved {
		return in.release(ctx, b, entry)
	}
	return in.refuse(ctx, b, entry)
}
