package flow

import (
	"context"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/breaker"
)

// A StageCount is how many batches of a feed are in a stage.
type StageCount struct {
	Feed  string
	Stage Stage
	N     int
}

// A Tally answers for all feeds at once what would take a question for each.
// Errors: unavailable.
type Tally interface {
	// UndecidedBatches counts the batches that are neither done nor duplicates, by
	// feed, then stage.
	UndecidedBatches(ctx context.Context) ([]StageCount, error)
	// OpenBreakers are the breakers of a signal that are stored as open or
	// half-open, by scope.
	OpenBreakers(ctx context.Context, signal string) ([]breaker.State, error)
}

// States of a feed that an overview can be asked for.
const (
	StateOpen    = "open"    // its breaker is not closed
	StateHeld    = "held"    // batches are held
	StateWaiting = "waiting" // batches wait for a person
	StateLate    = "late"    // the last sweep found something amiss
)

// An OverviewFilter selects feeds.
type OverviewFilter struct {
	// Name is a part of the name, in any case; State one of the constants.
	Name, State string
	// After is the last feed of the page before. Limit 0 = 50.
	After string
	Limit int
	// Rates is how many of the newest batches a line shows the reject rates of.
	Rates int
}

// An OverviewPage is some lines of the overview, by name.
type OverviewPage struct {
	Feeds []FeedLine
	// Matching is how many feeds the filter selects; More is whether some follow.
	Matching int
	More     bool
	// Over all feeds, whatever the filter.
	Total, Open, Held, Waiting, Late int
}

// A FeedLine is a feed with the reject rates of its newest batches, the oldest
// first.
type FeedLine struct {
	FeedState
	Rates []float64
}

// Page returns the feeds that f selects. It reads what belongs to the lines of
// this page alone, and one tally for all. Error: invalid, for an unknown state.
func (o *Overview) Page(ctx context.Context, f OverviewFilter) (*OverviewPage, error) {
	if f.Limit <= 0 {
		f.Limit = 50
	}
	now := stamp(o.Now)
	sweeps, err := o.Store.Sweeps(ctx)
	if err != nil {
		return nil, err
	}
	counts, err := o.Store.UndecidedBatches(ctx)
	if err != nil {
		return nil, err
	}
	opened, err := o.Store.OpenBreakers(ctx, Quality)
	if err != nil {
		return nil, err
	}
	names := o.Names()
	out := &OverviewPage{Total: len(names)}
	late := map[string][]Lapse{}
	for _, s := range sweeps {
		late[s.Feed] = s.Open
	}
	held, waiting := map[string]int{}, map[string]int{}
	for _, c := range counts {
		switch c.Stage {
		case Held:
			held[c.Feed] += c.N
			out.Held += c.N
		case Waiting:
			waiting[c.Feed] += c.N
			out.Waiting += c.N
		}
	}
	positions := map[string]breaker.State{}
	for _, b := range opened {
		positions[strings.TrimPrefix(b.Key.Scope, "feed:")] = b
	}
	in := func(name string) (bool, error) {
		switch f.State {
		case "":
			return true, nil
		case StateOpen:
			_, ok := positions[name]
			return ok, nil
		case StateHeld:
			return held[name] > 0, nil
		case StateWaiting:
			return waiting[name] > 0, nil
		case StateLate:
			return len(late[name]) > 0, nil
		}
		return false, pipeline.Errorf(pipeline.CodeInvalid, "feeds have no state %q", f.State).WithHint("open, held, waiting, late")
	}
	part := strings.ToLower(f.Name)
	for _, name := range slices.Sorted(slices.Values(names)) {
		if _, ok := positions[name]; ok {
			out.Open++
		}
		if len(late[name]) > 0 {
			out.Late++
		}
		ok, err := in(name)
		if err != nil {
			return nil, err
		}
		if !ok || part != "" && !strings.Contains(strings.ToLower(name), part) {
			continue
		}
		out.Matching++
		if name <= f.After {
			continue
		}
		if len(out.Feeds) == f.Limit {
			out.More = true
			continue
		}
		line := FeedLine{FeedState: FeedState{Feed: name, Open: late[name], Held: held[name], Waiting: waiting[name]}}
		if line.Rates, err = o.fill(ctx, &line.FeedState, positions[name], now, f.Rates); err != nil {
			return nil, err
		}
		out.Feeds = append(out.Feeds, line)
	}
	return out, nil
}
