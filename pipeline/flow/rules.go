package flow

import (
	"context"
	"slices"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/lake"
)

// Published looks up the keys that foreign keys lead to in what feeds have
// published. It implements gate.References.
type Published struct {
	Lake      *lake.Lake
	Contracts Contracts
}

// Keys yields the values of the fields of each published row of feed. The
// fields may go by their names in the contract or in its files.
func (p *Published) Keys(ctx context.Context, feed string, fields []string, yield func(values []string) error) error {
	m, err := p.Lake.Current(ctx, feed)
	if pipeline.ErrorCode(err) == pipeline.CodeInvalid {
		return err
	}
	none := pipeline.ErrorCode(err) == pipeline.CodeNotFound
	if err != nil && !none {
		return err
	}
	f, cerr := p.Contracts.Feed(feed)
	if none {
		if cerr != nil && pipeline.ErrorCode(cerr) == pipeline.CodeNotFound {
			return pipeline.Errorf(pipeline.CodeInvalid, "there is no feed %s: no contract defines it and nothing of it is published", feed).
				WithHint("name a feed that there is in `to`, or with assay.feed at the relationship")
		}
		return err
	}
	columns := slices.Clone(fields)
	if cerr == nil {
		for i, name := range columns {
			j := slices.IndexFunc(f.Fields, func(fd contract.Field) bool { return fd.Name == name })
			if j < 0 {
				j = slices.IndexFunc(f.Fields, func(fd contract.Field) bool { return fd.Column == name })
			}
			if j < 0 {
				return pipeline.Errorf(pipeline.CodeInvalid, "the feed %s has no field %s", feed, name).WithHint("mend `to` of the relationship")
			}
			columns[i] = f.Fields[j].Name
		}
	}
	for _, file := range m.Files {
		if err := p.read(ctx, file, columns, yield); err != nil {
			return err
		}
	}
	return nil
}

func (p *Published) read(ctx context.Context, file lake.File, columns []string, yield func(values []string) error) error {
	r, _, err := p.Lake.ReaderAt(ctx, file.Key)
	if err != nil {
		return err
	}
	defer r.Close()
	return codec.ReadRows(ctx, r, file.Size, 0, file.Rows, columns, func(_ int64, values []string) error { return yield(values) })
}

// factsOf is the most batches that service levels look back at.
const factsOf = 10_000

// Facts are what the ledger and the lake know of a feed for its service levels;
// nil where its contract promises none. b is the batch being judged, nil in a
// sweep.
func Facts(ctx context.Context, ledger Ledger, l *lake.Lake, f *contract.Feed, b *Batch, now time.Time) (*contract.Facts, error) {
	if len(f.SLA) == 0 {
		return nil, nil //nolint:nilnil // nothing is promised, so nothing is looked up
	}
	back, gone := time.Duration(0), false
	for _, s := range f.SLA {
		back = max(back, s.Lookback())
		gone = gone || s.Property == "retention"
	}
	facts := &contract.Facts{Now: now}
	if b != nil {
		facts.Batch = &contract.Delivery{Event: b.EventTime, Decided: now}
	}
	limit := factsOf
	if back == 0 {
		limit = 100 // the last published one is enough
	}
	past, err := ledger.Batches(ctx, BatchFilter{Feed: f.Name, Latest: true, Limit: limit})
	if err != nil {
		return nil, err
	}
	var kept map[string]bool
	if gone && f.Load == contract.Append {
		m, err := l.Current(ctx, f.Name)
		switch code := pipeline.ErrorCode(err); {
		case err == nil:
			kept = map[string]bool{}
			for _, id := range m.Batches {
				kept[id] = true
			}
		case code != pipeline.CodeNotFound:
			return nil, err
		}
	}
	for _, o := range past {
		published := o.Stage == Done
		if !published && o.Stage != Held && o.Stage != Unjudged || b != nil && o.ID == b.ID {
			continue
		}
		facts.Batches = append(facts.Batches, contract.Delivery{Event: o.EventTime, Decided: o.Updated, Published: published,
			// A batch without an accepted row has nothing that could be kept.
			Lost: published && kept != nil && o.Rows.Accepted > 0 && !kept[o.ID]})
	}
	slices.Reverse(facts.Batches)
	return facts, nil
}
