package flow

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/gate"
)

// Validate judges single rows, or a few, by a contract before they are sent:
// what a producer asks from beside its own program. Rows are judged as those of
// a batch are, unique keys within the call; checks over a batch are left out. It
// stores nothing. Safe for concurrent use.
type Validate struct {
	// Contracts are those of the folder; Registry, where set, comes first.
	Contracts *contract.Set
	Registry  *contract.Registry
	// References, where set, looks up foreign keys.
	References gate.References
	Now        func() time.Time

	mu    sync.Mutex
	gates map[string]*gate.Gate // by the hash of the feed
}

// RowsAtOnce bounds the rows of one call, validateBytes their size together.
const (
	RowsAtOnce    = 1000
	validateBytes = 8 << 20
)

// A Validation is what a call says of its rows.
type Validation struct {
	Feed     string           `json:"feed"`
	Contract gate.ContractRef `json:"contract"`
	// Valid: every row is.
	Valid bool          `json:"valid"`
	Rows  pipeline.Rows `json:"rows"`
	// Results has an entry for each row, in order.
	Results []gate.Event `json:"results"`
	// Warnings are the checks that failed without rejecting a row, and those
	// that could not be judged.
	Warnings []gate.CheckResult `json:"warnings"`
}

// Rows judges rows, each a JSON object whose members are the columns of the
// feed, by the contract of that id: its version where one is named, else the
// newest that is active; its feed where it has several. Errors: not_found,
// invalid (too many rows, several feeds, a version that is not active),
// unavailable.
func (v *Validate) Rows(ctx context.Context, id, version, feed string, rows [][]byte) (Validation, error) {
	size := 0
	for _, r := range rows {
		size += len(r)
	}
	if len(rows) > RowsAtOnce || size > validateBytes {
		return Validation{}, pipeline.Errorf(pipeline.CodeInvalid, "%d rows of %d bytes in one call; %d rows and %d bytes are taken", len(rows), size, RowsAtOnce, validateBytes).
			WithHint("send them in several calls, or land a file")
	}
	f, rule, err := v.feed(ctx, id, version, feed)
	if err != nil {
		return Validation{}, err
	}
	out := Validation{Feed: f.Name, Contract: gate.ContractRef{ID: f.ContractID, Version: f.Version, Hash: f.Hash, Rule: rule},
		Valid: true, Results: []gate.Event{}, Warnings: []gate.CheckResult{}}
	if len(rows) == 0 {
		return out, nil
	}
	g, err := v.gate(f)
	if err != nil {
		return Validation{}, err
	}
	rep, events, err := g.Events(ctx, "rows", rows, gate.Options{References: v.References, Now: v.Now})
	if err != nil {
		return Validation{}, err
	}
	if rep.Problem != nil {
		return Validation{}, rep.Problem.Err()
	}
	out.Rows, out.Results = rep.Rows, events
	out.Valid = rep.Rows.Rejected == 0
	for _, c := range rep.Checks {
		missing := c.Rule == "present" && len(rows) > 0 // each row says so itself
		if !missing && (c.Result == gate.ResultWarned || c.Result == gate.ResultError || c.Result == gate.ResultNotJudged ||
			c.Result == gate.ResultFailed && c.OnFail != contract.RejectRow) {
			out.Warnings = append(out.Warnings, c)
			out.Valid = out.Valid && c.Severity != contract.SeverityError
		}
	}
	return out, nil
}

// feed finds the contract, in the registry first.
func (v *Validate) feed(ctx context.Context, id, version, feed string) (*contract.Feed, string, error) {
	if v.Registry != nil {
		r, err := v.Registry.Version(ctx, id, version)
		switch code := pipeline.ErrorCode(err); {
		case err == nil:
			name := feed
			if name == "" && len(r.Feeds) == 1 {
				name = r.Feeds[0]
			}
			if name == "" || !slices.Contains(r.Feeds, name) {
				return nil, "", severalFeeds(id, feed, r.Feeds)
			}
			// The rule of activity is that of batches: nobody picks a laxer one.
			c, err := v.Registry.Choose(ctx, contract.Request{Feed: name, Metadata: version, At: v.Now()}, nil)
			if err != nil {
				return nil, "", err
			}
			return c.Feed, c.Rule, nil
		case code != pipeline.CodeNotFound || version != "" && v.published(ctx, id):
			return nil, "", err
		}
	}
	for _, d := range v.Contracts.Documents() {
		if d.ID() != id || version != "" && d.Version() != version {
			continue
		}
		names := d.Feeds()
		if feed == "" && len(names) == 1 {
			feed = names[0]
		}
		if feed == "" || !slices.Contains(names, feed) {
			return nil, "", severalFeeds(id, feed, names)
		}
		f, err := d.Feed(feed)
		return f, contract.RuleConfigured, err
	}
	name := id
	if version != "" {
		name += " " + version
	}
	return nil, "", pipeline.Errorf(pipeline.CodeNotFound, "there is no contract %s", name).WithHint("assay contract list names those that are published")
}

func (v *Validate) published(ctx context.Context, id string) bool {
	_, err := v.Registry.Version(ctx, id, "")
	return err == nil
}

func severalFeeds(id, feed string, names []string) error {
	if feed != "" {
		return pipeline.Errorf(pipeline.CodeNotFound, "the contract %s defines no feed %s", id, feed).WithHint("it defines %v", names)
	}
	return pipeline.Errorf(pipeline.CodeInvalid, "the contract %s defines several feeds", id).WithHint("name one of %v", names)
}

// gate compiles what judges the rows of f, once.
func (v *Validate) gate(f *contract.Feed) (*gate.Gate, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if g := v.gates[f.Hash]; g != nil {
		return g, nil
	}
	rows := *f
	rows.Format, rows.Kind, rows.SLA, rows.MaxRejectRate = contract.JSONL, "", nil, 1
	rows.Checks = slices.DeleteFunc(slices.Clone(f.Checks), func(k contract.Check) bool { return k.OnFail != contract.RejectRow })
	g, err := gate.Compile(&rows)
	if err != nil {
		return nil, err
	}
	if v.gates == nil || len(v.gates) >= 1000 {
		v.gates = map[string]*gate.Gate{}
	}
	v.gates[f.Hash] = g
	return g, nil
}
