// Package storetest is the conformance suite of the stores: what the comments
// of the ports promise (flow, breaker, catalog, review, contract), as tests that every
// backend passes. A backend's own tests cover only what is its own: files,
// schemas, connections.
package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-pipeline/assay/evals"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/knowledge/documents"
)

// A Store is the union of all ports that a backend satisfies.
type Store interface {
	flow.Store
	contract.RegistryStore
	documents.Store
	evals.Store
}

// A Place makes handles of one store: the first call an empty store, each
// further one another handle of the same, as another process would have it. A
// handle is closed by the test's cleanup.
type Place func(t *testing.T) Store

// Run runs the suite. place makes a new, empty place for each test.
func Run(t *testing.T, place func(t *testing.T) Place) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, p Place)
	}{
		{"Ledger", ledger},
		{"LedgerFilters", ledgerFilters},
		{"Shards", shards},
		{"Keys", keys},
		{"Leases", leases},
		{"LeaseRace", leaseRace},
		{"Queue", queue},
		{"QueueReceivers", queueReceivers},
		{"Outbox", outbox},
		{"OutboxForms", outboxForms},
		{"Breaker", breakers},
		{"BreakerRace", breakerRace},
		{"Entries", entries},
		{"EntriesSelect", entriesSelect},
		{"EntriesLate", entriesLate},
		{"EntriesRace", entriesRace},
		{"Vectors", vectors},
		{"SearchIndex", searchIndex},
		{"SearchRows", searchRows},
		{"SearchRace", searchRace},
		{"SearchSame", searchSame},
		{"SearchLarge", searchLarge},
		{"Matches", matches},
		{"Clusters", clusters},
		{"ClusterHistory", clusterHistory},
		{"MatchPages", matchPages},
		{"ClusterPages", clusterPages},
		{"CatalogModel", catalogModel},
		{"Learning", learning},
		{"EntriesSince", entriesSince},
		{"Contracts", contracts},
		{"Documents", documentSnapshots},
		{"EvalRuns", evalRuns},
		{"EvalBaselines", evalBaselines},
		{"Reviews", reviews},
		{"ReviewQueue", reviewQueue},
		{"ReviewRace", reviewRace},
		{"Calls", calls},
		{"Budgets", budgets},
		{"Tally", tally},
		{"Sweeps", sweeps},
		{"Notices", notices},
		{"Watches", watches},
		{"Observed", observed},
		{"LiveBaselines", liveBaselines},
		{"Trials", trials},
		{"CanaryRuns", canaryRuns},
		{"Tombstones", tombstones},
		{"Erasure", erasure},
		{"Responses", responses},
		{"ResponseRace", responseRace},
		{"Lifetimes", lifetimes},
		{"AtomicCommit", atomicCommit},
		{"AtomicRollback", atomicRollback},
		{"AtomicDoomed", atomicDoomed},
		{"AtomicIsolation", atomicIsolation},
		{"AtomicCancel", atomicCancel},
		{"TwoHandles", twoHandles},
		{"Redelivery", redelivery},
		{"Unicode", unicodeTexts},
		{"Large", large},
		{"BadIDs", badIDs},
		{"Empty", empty},
	} {
		t.Run(c.name, func(t *testing.T) { c.run(t, place(t)) })
	}
}

// base is a moment with microseconds, the precision that stores keep.
var base = time.Date(2026, 3, 29, 0, 59, 58, 123456000, time.UTC)

// at is n seconds after base.
func at(n int) time.Time { return base.Add(time.Duration(n) * time.Second) }

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// must returns v, or ends the test.
func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		ok(t, err)
		return v
	}
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, cmp.AllowUnexported(pipeline.Value{})); d != "" {
		t.Errorf("%s (-want +got):\n%s", what, d)
	}
}

func code(t *testing.T, what string, err error, want pipeline.Code) {
	t.Helper()
	if got := pipeline.ErrorCode(err); got != want {
		t.Errorf("%s: code %q, want %q (%v)", what, got, want, err)
	}
}

// utc reports a time that is not in UTC or finer than a store keeps.
func utc(t *testing.T, what string, x time.Time) {
	t.Helper()
	if x.Location() != time.UTC || !x.Equal(x.Truncate(time.Microsecond)) {
		t.Errorf("%s: %v is not in UTC to the microsecond", what, x)
	}
}

func id(prefix string, n int) string { return fmt.Sprintf("%s%04d", prefix, n) }

var ctx = context.Background()
