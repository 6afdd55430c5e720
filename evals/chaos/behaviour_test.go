package chaos_test

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"

	library "github.com/assay-pipeline/assay/contracts"
	"github.com/assay-pipeline/assay/evals/chaos"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/embed"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/llm"
	"github.com/assay-pipeline/assay/pipeline/llm/llmtest"
	"github.com/assay-pipeline/assay/pipeline/model"
	"github.com/assay-pipeline/assay/pipeline/store/sqlite"
)

var figures = flag.Bool("figures", false, "play the experiments with answers with 500 outputs and print the figures")

func behaviourOptions(t *testing.T) chaos.BehaviourOptions {
	t.Helper()
	sub, err := fs.Sub(library.FS, "catalog")
	if err != nil {
		t.Fatal(err)
	}
	pack, err := knowledge.Load(sub)
	if err != nil {
		t.Fatal(err)
	}
	prompts, err := knowledge.LoadPrompts(sub, "extract", "classify")
	if err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(context.Background(), t.TempDir()+"/calls.db", sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return chaos.BehaviourOptions{
		Pack: pack, Prompts: prompts, Embedder: embed.NewHashing(nil), Store: db, Seed: 1,
		Serve: func(m chaos.Mind) (model.Chat, func(), error) {
			s := llmtest.New(func(a llmtest.Asked) (string, bool) { return m(a.System, a.User()), false })
			chat, err := llm.Open("openai:simulated", llm.Options{URL: s.URL, Key: llmtest.Key})
			return chat, s.Close, err
		},
	}
}

// TestBehaviour: every experiment is found by the detector that was named before
// it, and what is believed stays right.
func TestBehaviour(t *testing.T) {
	behaviour(t, 200)
}

// TestBehaviourFigures plays them with 500 outputs; make bench-evals runs it.
func TestBehaviourFigures(t *testing.T) {
	if !*figures {
		t.Skip("runs with -figures: seven experiments with 500 outputs each")
	}
	behaviour(t, 500)
}

func behaviour(t *testing.T, outputs int) {
	t.Helper()
	opt := behaviourOptions(t)
	opt.Outputs = outputs
	rep, err := chaos.RunBehaviour(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := rep.WriteText(&b); err != nil {
		t.Fatal(err)
	}
	for _, o := range rep.Outcomes {
		if !o.Passed {
			t.Errorf("%s: %s (by %v, before %.3f, under %+v, after %+v)", o.Name, o.Why, o.By, o.Before, o.Under, o.After)
		}
		if o.Criterion == "" || o.Detector == "" {
			t.Errorf("%s has no criterion or detector", o.Name)
		}
	}
	if t.Failed() || *figures {
		fmt.Fprint(os.Stdout, b.String())
	}
	if *figures {
		fmt.Printf("{\"chaos_detected\":%d,\"chaos_total\":%d}\n", rep.Found, rep.Total)
	}
	if !strings.Contains(b.String(), "7 of 7") {
		t.Errorf("the report does not say how many were found:\n%s", b.String())
	}
}

func TestBehaviourBadOptions(t *testing.T) {
	opt := behaviourOptions(t)
	opt.Outputs = 10
	if _, err := chaos.RunBehaviour(context.Background(), opt); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
		t.Errorf("10 outputs: %v", err)
	}
	opt.Outputs, opt.Only = 50, []string{"nonsense"}
	if _, err := chaos.RunBehaviour(context.Background(), opt); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
		t.Errorf("an experiment that is none: %v", err)
	}
}
