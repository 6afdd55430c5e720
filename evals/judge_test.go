package evals_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/assay-pipeline/assay/evals"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/guard"
	"github.com/assay-pipeline/assay/pipeline/parse"
	"github.com/assay-pipeline/assay/pipeline/store/sqlite"
)

// A spoiler is a reader whose answers are altered after the parser made them.
type spoiler struct {
	Reader
	mu    sync.Mutex
	spoil func(r *pipeline.Record) error
}

func (s *spoiler) Parse(ctx context.Context, item pipeline.Item) (pipeline.Record, error) {
	r, err := s.Reader.Parse(ctx, item)
	if err != nil {
		return r, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.spoil != nil {
		err = s.spoil(&r)
	}
	return r, err
}

// bench is a runner over a store of its own, and the reader that can be spoilt.
func bench(t testing.TB) (*Runner, *spoiler) {
	t.Helper()
	db, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "assay.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	s := RulesSubject(t)
	sp := &spoiler{Reader: s.Reader}
	s.Reader = sp
	now := time.Date(2026, 3, 1, 2, 0, 0, 0, time.UTC)
	var mu sync.Mutex
	clock := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(time.Millisecond)
		return now
	}
	s.Now = clock
	return &Runner{Subject: s, Store: db, Now: clock, Seed: 1}, sp
}

func mustLock(t testing.TB, r *Runner, set *Set) *Run {
	t.Helper()
	run, _, err := r.Lock(t.Context(), set, LockOptions{By: "ann", Replace: true})
	if err != nil {
		t.Fatal(err)
	}
	if run.Judgement != Locked {
		t.Fatalf("%s: %v", run.Judgement, run.Reasons)
	}
	return run
}

func nightly(t testing.TB, r *Runner, set *Set) *Run {
	t.Helper()
	base, err := Latest(t.Context(), r.Store, set.Name)
	if err != nil {
		t.Fatal(err)
	}
	run, results, err := r.Run(t.Context(), set, base)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := r.Store.Run(t.Context(), run.ID)
	if err != nil || kept.Judgement != run.Judgement || kept.Score != run.Score {
		t.Fatalf("kept as %s, %g (%v), was %s, %g", kept.Judgement, kept.Score, err, run.Judgement, run.Score)
	}
	if len(results) != run.Cases {
		t.Fatalf("%d results of %d cases", len(results), run.Cases)
	}
	return run
}

// lose takes an attribute out of the records of a category.
func lose(category, attribute string) func(r *pipeline.Record) error {
	return func(r *pipeline.Record) error {
		if r.Category == category {
			r.Attributes = slices.DeleteFunc(r.Attributes, func(a pipeline.Attribute) bool { return a.Name == attribute })
		}
		return nil
	}
}

// TestNothingHappened: the same answers pass, in one pass, however often.
func TestNothingHappened(t *testing.T) {
	r, _ := bench(t)
	set := LoadSet(t, FS, "parse")
	locked := mustLock(t, r, set)
	if locked.Passes != 1 || !locked.Deterministic {
		t.Errorf("%d passes to lock what does not vary", locked.Passes)
	}
	for range 2 {
		run := nightly(t, r, set)
		if run.Judgement != Passed || run.Passes != 1 || run.Difference.Mean != 0 || run.Moved != nil || len(run.Changed) != 0 || run.Baseline != locked.ID {
			t.Errorf("%s after %d passes, %+v, %v", run.Judgement, run.Passes, run.Difference, run.Reasons)
		}
	}
}

// TestDropIsFound: a drop beyond the tolerance trips after a second pass, and
// the slice that lost most is named with examples before and after.
func TestDropIsFound(t *testing.T) {
	r, sp := bench(t)
	set := LoadSet(t, FS, "parse")
	mustLock(t, r, set)
	sp.spoil = func(r *pipeline.Record) error {
		if r.Category == "bearing" {
			r.Category, r.Attributes = "screw", nil
		}
		return nil
	}
	var told []string
	r.Told = func(_ context.Context, run *Run) error {
		told = append(told, string(run.Judgement))
		return nil
	}
	run := nightly(t, r, set)
	if run.Judgement != Tripped || run.Passes != 2 || run.Second == nil || run.Difference.Hi >= 0 {
		t.Fatalf("%s after %d passes: %+v %v", run.Judgement, run.Passes, run.Difference, run.Reasons)
	}
	if run.Moved == nil || run.Moved.Key != "category" || run.Moved.Value != "bearing" || *run.Moved.Change > -0.5 {
		t.Errorf("moved %+v", run.Moved)
	}
	if len(run.Examples) != MaxExamples || run.Examples[0].Before <= run.Examples[0].After || !strings.Contains(strings.Join(run.Examples[0].Is, " "), "want bearing, got screw") {
		t.Errorf("examples %+v", run.Examples)
	}
	if !slices.Equal(told, []string{"tripped"}) {
		t.Errorf("told %v", told)
	}
}

// TestSecondPassDecides: a drop that the second pass does not see is none.
func TestSecondPassDecides(t *testing.T) {
	r, sp := bench(t)
	set := LoadSet(t, FS, "parse")
	mustLock(t, r, set)
	asked := 0
	sp.spoil = func(rec *pipeline.Record) error {
		if asked++; asked <= len(set.Cases) && rec.Category == "bearing" {
			rec.Attributes = nil
		}
		return nil
	}
	run := nightly(t, r, set)
	if run.Judgement != Passed || run.Passes != 2 || !strings.Contains(strings.Join(run.Reasons, " "), "did not confirm") {
		t.Errorf("%s after %d passes: %v", run.Judgement, run.Passes, run.Reasons)
	}
}

// TestWithinTolerance: a drop that the suite accepts is told and trips nothing.
func TestWithinTolerance(t *testing.T) {
	r, sp := bench(t)
	set := LoadSet(t, FS, "parse")
	set.Tolerance = 0.2
	mustLock(t, r, set)
	sp.spoil = lose("bearing", "designation")
	run := nightly(t, r, set)
	if run.Judgement != Passed || run.Difference.Mean >= 0 || run.Moved == nil || !strings.Contains(strings.Join(run.Reasons, " "), "within the tolerance") {
		t.Errorf("%s: %+v %v", run.Judgement, run.Difference, run.Reasons)
	}
}

// TestModelDown: a case that could not be answered is no wrong answer; where too
// many could not, nothing is judged, and nothing becomes a baseline.
func TestModelDown(t *testing.T) {
	r, sp := bench(t)
	set := LoadSet(t, FS, "parse")
	down := pipeline.Errorf(pipeline.CodeUnavailable, "the model does not answer")
	asked := 0
	sp.spoil = func(*pipeline.Record) error {
		if asked++; asked > 40 {
			return down
		}
		return nil
	}
	run, _, err := r.Lock(t.Context(), set, LockOptions{})
	if err != nil || run.Judgement != Unfinished || !strings.Contains(strings.Join(run.Reasons, " "), "the model does not answer") {
		t.Fatalf("%+v, %v", run, err)
	}
	if asked > 40+set.MayFail()+r.Subject.Workers+1 {
		t.Errorf("asked %d times though it was down", asked)
	}
	if _, err := Latest(t.Context(), r.Store, set.Name); pipeline.ErrorCode(err) != pipeline.CodeNotFound {
		t.Errorf("an unfinished run is a baseline: %v", err)
	}
	sp.spoil = nil
	mustLock(t, r, set)
	// A few errors: the run is judged by the cases that could be asked.
	asked = 0
	sp.spoil = func(*pipeline.Record) error {
		if asked++; asked <= set.MayFail() {
			return down
		}
		return nil
	}
	if run := nightly(t, r, set); run.Judgement != Passed || run.Errors != set.MayFail() || run.Difference.Items != len(set.Cases)-run.Errors {
		t.Errorf("%s, %d errors, %d items, %v", run.Judgement, run.Errors, run.Difference.Items, run.Reasons)
	}
	// Down in the middle of the night.
	asked = 0
	sp.spoil = func(*pipeline.Record) error {
		if asked++; asked > len(set.Cases)/2 {
			return down
		}
		return nil
	}
	if run := nightly(t, r, set); run.Judgement != Unfinished || run.Judgement.ExitCode() != 3 || run.Difference != nil {
		t.Errorf("%s: %v", run.Judgement, run.Reasons)
	}
	// A record that the rules made because the model could not be asked.
	sp.spoil = func(rec *pipeline.Record) error {
		rec.Flags = append(rec.Flags, pipeline.Flag{Code: parse.FellBack, Detail: "read by the rules alone"})
		return nil
	}
	if run := nightly(t, r, set); run.Judgement != Unfinished {
		t.Errorf("%s: %v", run.Judgement, run.Reasons)
	}
	// One whose answer was refused is an answer.
	sp.spoil = func(rec *pipeline.Record) error {
		rec.Flags = append(rec.Flags, pipeline.Flag{Code: parse.FellBack})
		rec.Trace = append(rec.Trace, pipeline.Step{Did: "asked"}, pipeline.Step{Did: "refused", Detail: "no JSON"})
		return nil
	}
	if run := nightly(t, r, set); run.Judgement == Unfinished || run.Errors != 0 {
		t.Errorf("%s, %d errors: %v", run.Judgement, run.Errors, run.Reasons)
	}
}

// TestOtherBaseline: what does not compare is said, not compared.
func TestOtherBaseline(t *testing.T) {
	r, _ := bench(t)
	set := LoadSet(t, FS, "category")
	mustLock(t, r, set)
	base, err := Latest(t.Context(), r.Store, set.Name)
	if err != nil {
		t.Fatal(err)
	}
	altered := *set
	altered.Hash = "another"
	unfinished := *base
	unfinished.Run.Judgement = Unfinished
	other := *base
	other.Run.Suite = "match"
	for _, tc := range []struct {
		set  *Set
		base *LockedRun
		want string
	}{
		{set, nil, "there is no baseline"},
		{&altered, base, "another version of the suite"},
		{set, &unfinished, "is no baseline: it is unfinished"},
		{set, &other, "is one of the suite match"},
	} {
		run, _, err := r.Run(t.Context(), tc.set, tc.base)
		if err != nil || run.Judgement != Uncompared || run.Judgement.ExitCode() != 2 || !strings.Contains(strings.Join(run.Reasons, " "), tc.want) {
			t.Errorf("%s %v (%v), want %q", run.Judgement, run.Reasons, err, tc.want)
		}
	}
	// Other versions of the pipeline are what is compared, and are named.
	r.Subject.Versions.Model = "openai:x"
	if run := nightly(t, r, set); run.Judgement != Passed || len(run.Changed) != 1 || run.Changed[0].What != "model" {
		t.Errorf("%s %v", run.Judgement, run.Changed)
	}
}

// TestTooFew: who wants to find a small drop with few cases is told how many it
// takes.
func TestTooFew(t *testing.T) {
	r, _ := bench(t)
	set := LoadSet(t, FS, "category")
	set.Cases = set.Cases[:20]
	_, _, err := r.Lock(t.Context(), set, LockOptions{Detect: 0.05})
	if pipeline.ErrorCode(err) != pipeline.CodeInvalid || !strings.Contains(err.Error(), "20 cases find a drop of") || !strings.Contains(err.Error(), "cases would find it") {
		t.Errorf("%v", err)
	}
	_, _, err = r.Lock(t.Context(), set, LockOptions{Detect: 0.01})
	if err == nil || !strings.Contains(err.Error(), "no number of cases") {
		t.Errorf("%v", err)
	}
	if _, err := Latest(t.Context(), r.Store, set.Name); pipeline.ErrorCode(err) != pipeline.CodeNotFound {
		t.Errorf("it was locked: %v", err)
	}
	mustLock(t, r, set)
	_, _, err = r.Lock(t.Context(), set, LockOptions{})
	if pipeline.ErrorCode(err) != pipeline.CodeInvalid || !strings.Contains(err.Error(), "--replace") {
		t.Errorf("locked over a baseline: %v", err)
	}
}

// TestVaryingAnswers: what varies is locked by ten passes, and a month of nights
// without a change does not trip.
func TestVaryingAnswers(t *testing.T) {
	r, sp := bench(t)
	r.Subject.Deterministic = false
	set := LoadSet(t, FS, "category")
	n := 0
	sp.spoil = func(rec *pipeline.Record) error {
		if n++; len(rec.Source)%7 == 0 && n%3 == 0 { // a seventh of the items, a third of the time
			rec.Category = pipeline.Unknown
		}
		return nil
	}
	if run := mustLock(t, r, set); run.Passes != 10 {
		t.Errorf("%d passes", run.Passes)
	}
	for night := range 10 {
		if run := nightly(t, r, set); run.Judgement != Passed {
			t.Errorf("night %d: %s %v", night, run.Judgement, run.Reasons)
		}
	}
	sp.spoil = func(rec *pipeline.Record) error {
		if len(rec.Source)%4 == 0 {
			rec.Category = "pump"
		}
		return nil
	}
	if run := nightly(t, r, set); run.Judgement != Tripped {
		t.Errorf("%s %v", run.Judgement, run.Reasons)
	}
}

// breakers break one invariant each, in a record that can hold it.
var recordBreakers = map[Invariant]func(r *pipeline.Record) bool{
	NoUngroundedNumber: func(r *pipeline.Record) bool {
		for i := range r.Attributes {
			a := &r.Attributes[i]
			if a.Value.IsNumber() && a.Provenance != pipeline.Standard && a.Provenance != pipeline.Dictionary {
				a.Value, _ = pipeline.Number(a.Value.String() + "7")
				return true
			}
		}
		return false
	},
	SchemaValid: func(r *pipeline.Record) bool {
		for i := range r.Attributes {
			if a := &r.Attributes[i]; a.Value.IsNumber() {
				a.Value = pipeline.Text("many")
				return true
			}
		}
		return false
	},
	NoPIILeak: func(r *pipeline.Record) bool {
		for i := range r.Attributes {
			if a := &r.Attributes[i]; !a.Value.IsNumber() && !a.Value.IsInterval() {
				a.Value = pipeline.Text("ann.muster@example.org")
				return true
			}
		}
		return false
	},
	NoCanaryLeak: func(r *pipeline.Record) bool {
		for i := range r.Attributes {
			if a := &r.Attributes[i]; !a.Value.IsNumber() && !a.Value.IsInterval() {
				a.Value = pipeline.Text("c0ffee canary")
				return true
			}
		}
		return false
	},
}

// invariantsFound breaks every invariant in one case of a run, at many cases,
// and counts the runs that tripped on it in the run in which it happened.
func invariantsFound(t testing.TB, step int) (found, of int) {
	t.Helper()
	r, sp := bench(t)
	r.Subject.Canaries = []string{"c0ffee"}
	set := LoadSet(t, FS, "parse")
	mustLock(t, r, set)
	for _, inv := range []Invariant{NoUngroundedNumber, SchemaValid, NoPIILeak, NoCanaryLeak} {
		for at := 3; at < len(set.Cases); at += step {
			n, broke := 0, false
			sp.spoil = func(rec *pipeline.Record) error {
				if n++; n > at && !broke {
					broke = recordBreakers[inv](rec)
				}
				return nil
			}
			run := nightly(t, r, set)
			if !broke {
				continue
			}
			of++
			if run.Judgement == Tripped && slices.ContainsFunc(run.Breaches, func(b Breach) bool { return b.Invariant == inv }) {
				found++
			} else {
				t.Errorf("%s at case %d: %s, %v", inv, at, run.Judgement, run.Breaches)
			}
		}
	}
	f, n := vetoesFound(t, step)
	return found + f, of + n
}

func TestInvariantsAreFound(t *testing.T) {
	found, of := invariantsFound(t, 101)
	if found != of || of < 20 {
		t.Errorf("%d of %d", found, of)
	}
}

// TestSecretsStayIn: what a case calls secret stands in no record.
func TestSecretsStayIn(t *testing.T) {
	r, sp := bench(t)
	set := LoadSet(t, FS, "parse")
	i := slices.IndexFunc(set.Cases, func(c Case) bool { return len(c.Secret) > 0 })
	if i < 0 {
		t.Fatal("no case has a secret")
	}
	secret := set.Cases[i].Secret[0]
	set.Cases = set.Cases[i : i+1]
	sp.spoil = func(rec *pipeline.Record) error {
		at := strings.Index(rec.Source, secret)
		rec.Attributes = append(rec.Attributes, pipeline.Attribute{Name: "manufacturer", Value: pipeline.Text(secret), Text: secret, Span: pipeline.Span{Start: at, End: at + len(secret)}, Provenance: pipeline.Verbatim})
		return nil
	}
	run, _, err := r.Run(t.Context(), set, nil)
	if err != nil || run.Judgement != Tripped || !slices.ContainsFunc(run.Breaches, func(b Breach) bool { return b.Invariant == NoPIILeak }) {
		t.Errorf("%s %v %v", run.Judgement, run.Breaches, err)
	}
	for _, p := range guard.FindPII(fmt.Sprint(run.Breaches, run.Reasons)) {
		t.Errorf("the report repeats what leaked: %s", p.Kind)
	}
}
