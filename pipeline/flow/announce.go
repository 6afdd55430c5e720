package flow

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/gate"
	"github.com/assay-pipeline/assay/pipeline/lake"
	"github.com/assay-pipeline/assay/pipeline/parse"
)

// writeReport stores the report beside the batch, as JSON for programs (and
// for recovery) and as a page for people.
func (in *Ingest) writeReport(ctx context.Context, b Batch, r *gate.Report) error {
	var buf bytes.Buffer
	if err := r.WriteJSON(&buf); err != nil {
		return err
	}
	if err := in.Lake.WriteObject(ctx, lake.ReportKey(b.Feed, b.ID, "json"), buf.Bytes()); err != nil {
		return err
	}
	buf.Reset()
	if err := r.WriteHTML(&buf); err != nil {
		return err
	}
	return in.Lake.WriteObject(ctx, lake.ReportKey(b.Feed, b.ID, "html"), buf.Bytes())
}

// ReadReport reads a stored report. Errors: not_found, corrupt, unavailable.
func ReadReport(ctx context.Context, l *lake.Lake, key string) (*gate.Report, error) {
	raw, err := l.ReadObject(ctx, key)
	if err != nil {
		return nil, err
	}
	var stored struct {
		Batches []*gate.Report `json:"batches"`
	}
	if err := json.Unmarshal(raw, &stored); err != nil || len(stored.Batches) != 1 {
		return nil, pipeline.Errorf(pipeline.CodeCorrupt, "%s does not read as the report of one batch: %v", key, err)
	}
	return stored.Batches[0], nil
}

// outgoing is what leaves the pipeline with a decided batch: its events, then
// one parse message per shard.
func (in *Ingest) outgoing(b Batch, v ViolationData, ts []breaker.Transition, shards []ParseShard, degraded bool) ([]Outgoing, error) {
	var out []Outgoing
	add := func(typ, subject string, at time.Time, data any) error {
		e, err := pipeline.NewEvent(typ, source(b.Feed), subject, b.Feed, at, data)
		if err != nil {
			return err
		}
		out = append(out, Outgoing{Event: &e})
		return nil
	}
	typ := pipeline.BatchHeld
	if b.Stage == Done {
		typ = pipeline.BatchPublished
	}
	if err := add(typ, b.ID, b.Updated, batchData(b, degraded)); err != nil {
		return nil, err
	}
	if len(v.Checks) > 0 {
		if err := add(pipeline.ContractViolated, b.ID, b.Updated, v); err != nil {
			return nil, err
		}
	}
	for _, t := range ts {
		e, err := breakerEvent(b.Feed, t)
		if err != nil {
			return nil, err
		}
		out = append(out, Outgoing{Event: &e})
	}
	for _, s := range shards {
		s.Seq, s.Shards = b.Seq, len(shards)
		m, err := newMessage(TopicParse, b.ContractHash, s)
		if err != nil {
			return nil, err
		}
		out = append(out, Outgoing{Message: &m})
	}
	return out, nil
}

func batchData(b Batch, degraded bool) BatchData {
	return BatchData{
		Batch: b.ID, Feed: b.Feed, Key: b.Key, Seq: b.Seq, Verdict: b.Verdict, Decision: b.Decision, Reason: b.Reason,
		Rows: b.Rows, ContractID: b.ContractID, ContractVersion: b.ContractVersion, Manifest: b.Manifest, Degraded: degraded,
	}
}

func violation(b Batch, f *contract.Feed, r *gate.Report) ViolationData {
	v := ViolationData{Batch: b.ID, Feed: b.Feed, ContractID: f.ContractID, ContractVersion: f.Version, Owner: f.Owner}
	for _, c := range r.Checks {
		if c.Result != gate.ResultFailed {
			continue
		}
		v.Checks = append(v.Checks, FailedCheck{
			ID: c.ID, Field: c.Field, Rule: c.Rule, Severity: string(c.Severity), Evaluated: c.Evaluated, Failed: c.Failed,
		})
	}
	v.Fields = failedFields(f, v.Checks)
	return v
}

func parsedData(s ParseShard, entries []catalog.Entry, knowledge string) ParsedData {
	d := ParsedData{
		Batch: s.Batch, Feed: s.Feed, Shard: s.Shard, Shards: s.Shards, Items: len(entries), Knowledge: knowledge,
		Categories: map[string]int{}, Degraded: s.Degraded,
	}
	for _, e := range entries {
		d.Categories[e.Record.Category]++
		if len(e.Record.Flags) > 0 {
			d.Flagged++
		}
		for _, f := range e.Record.Flags {
			if f.Code == parse.DocumentConflict && len(d.Conflicts) < ConflictsInEvent && !slices.Contains(d.Conflicts, f.Detail) {
				d.Conflicts = append(d.Conflicts, f.Detail)
			}
		}
	}
	return d
}

// matchEvents are what a matched batch tells the world.
func matchEvents(b MatchBatch, pairs []catalog.Match, changes []catalog.Change, at time.Time) ([]Outgoing, error) {
	d := DuplicatesData{Batch: b.Batch, Feed: b.Feed, Pairs: []PairData{}}
	for _, p := range pairs {
		switch p.Verdict {
		case catalog.Duplicate:
			d.Duplicates++
			if len(d.Pairs) < PairsInEvent {
				d.Pairs = append(d.Pairs, PairData{p.A, p.B, p.Score})
			}
		case catalog.Review:
			d.Reviews++
		}
	}
	var out []Outgoing
	add := func(typ, subject string, data any) error {
		e, err := pipeline.NewEvent(typ, source(b.Feed), subject, b.Feed, at, data)
		if err != nil {
			return err
		}
		out = append(out, Outgoing{Event: &e})
		return nil
	}
	if d.Duplicates+d.Reviews > 0 {
		// Without a batch a person's answer had items judged again.
		if err := add(pipeline.DuplicatesFound, cmp.Or(b.Batch, b.Feed), d); err != nil {
			return nil, err
		}
	}
	for _, c := range changes {
		var err error
		switch c.Kind {
		case catalog.Merged:
			err = add(pipeline.ClusterMerged, c.ID, ClusterData{Cluster: c.ID, From: c.From, Items: c.Items})
		case catalog.Split:
			for _, from := range c.From {
				err = add(pipeline.ClusterSplit, from+"/"+c.ID, ClusterData{Cluster: from, To: []string{c.ID}, Items: c.Items})
			}
		}
		// Ids that live on are no news.
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}
