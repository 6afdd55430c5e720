package evals

import (
	"context"
	"io/fs"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/embed"
	"github.com/assay-pipeline/assay/pipeline/parse"
)

// rulesSubject is the pipeline without a model: deterministic and offline.
func rulesSubject(t testing.TB) *Subject {
	t.Helper()
	pack, index := testPack(t)
	p := parse.New(pack, parse.NewRules(pack), parse.Options{})
	e := embed.NewHashing(nil)
	m := &catalog.Matcher{Pack: pack, Embedder: e}
	return &Subject{
		Pack: pack, Reader: p, Auditor: p, Retriever: index, Matcher: m, Explainer: m, Embedder: e,
		Versions:      Versions{Knowledge: pack.Hash(), Model: "rules:", Embedder: e.Space()},
		Deterministic: true, Workers: 2, Now: time.Now,
	}
}

func load1(t testing.TB, fsys fs.FS, name string) *Set {
	t.Helper()
	set, err := Load(fsys, name)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// TestShippedSuitesRun: every suite that ships runs without an error and breaks
// no invariant.
func TestShippedSuitesRun(t *testing.T) {
	r := &Runner{Subject: rulesSubject(t), Now: time.Now}
	names, err := Names(FS)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			run, results, err := r.Run(context.Background(), load1(t, FS, name), nil)
			if err != nil {
				t.Fatal(err)
			}
			if run.Judgement != Uncompared || run.Errors != 0 || len(run.Breaches) != 0 {
				t.Errorf("%s, %d errors (%s), breaches %v", run.Judgement, run.Errors, run.FirstError, run.Breaches)
			}
			for _, f := range run.Figures {
				t.Logf("%-14s %.4f (%.4f–%.4f) over %d", f.Scorer, f.Value, f.Lo, f.Hi, f.Cases)
			}
			for _, res := range results {
				for _, m := range res.Last.Misses {
					t.Logf("%s %q %s", res.Case, res.Last.Text, m)
				}
			}
		})
	}
}
