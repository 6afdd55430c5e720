package retrieve_test

import (
	"context"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/embed"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/knowledge/retrieve"
)

var index = sync.OnceValues(func() (*retrieve.Index, error) {
	p, err := knowledge.Load(os.DirFS("../../../contracts/catalog"))
	if err != nil {
		return nil, err
	}
	return retrieve.New(context.Background(), p, embed.NewHashing(nil), nil)
})

func shipped(t *testing.T) *retrieve.Index {
	t.Helper()
	x, err := index()
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// Each stage answers its questions; every question that it does not is listed.
func TestRecall(t *testing.T) {
	f, err := os.Open("testdata/questions.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	qs, err := retrieve.ReadQuestions(f)
	if err != nil {
		t.Fatal(err)
	}
	recall, missed, err := shipped(t).Recall(context.Background(), qs, 5)
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range missed {
		hits, _ := shipped(t).Find(context.Background(), retrieve.Query{Text: q.Text, Stage: q.Stage})
		var got []string
		for _, h := range hits {
			got = append(got, h.ID)
		}
		t.Logf("missed %s %q: want %v, got %v", q.Stage, q.Text, q.Any, got)
	}
	for _, s := range retrieve.Stages {
		t.Logf("%-10s recall@5 %.3f", s, recall[s])
		if recall[s] < 0.95 {
			t.Errorf("recall@5 of %s is %.3f, at least 0.95 is wanted", s, recall[s])
		}
	}
	if len(qs) != 150 {
		t.Errorf("%d questions, want 150", len(qs))
	}
}

func TestFind(t *testing.T) {
	x := shipped(t)
	ctx := context.Background()
	q := retrieve.Query{Text: "6205 DDU C3", Stage: retrieve.Parsing, K: 8}
	a, err := x.Find(ctx, q)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := x.Find(ctx, q)
	if !reflect.DeepEqual(a, b) || len(a) != 8 {
		t.Errorf("the same question, other answers: %v, %v", a, b)
	}
	for i, h := range a {
		if p, ok := x.Passage(h.ID); !ok || p.Text != h.Text {
			t.Errorf("hit %s is no passage", h.ID)
		}
		if i > 0 && h.Score > a[i-1].Score {
			t.Errorf("hits are not ordered: %v", a)
		}
	}
	for _, s := range []string{"", "   ", "…", strings.Repeat("x", 1<<20)} {
		if _, err := x.Find(ctx, retrieve.Query{Text: s}); err != nil {
			t.Errorf("%.10q: %v", s, err)
		}
	}
	if _, err := x.Find(ctx, retrieve.Query{Text: "a", Stage: "guessing"}); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
		t.Errorf("unknown stage: %v", err)
	}
	if hits, _ := x.Find(ctx, retrieve.Query{Text: "zzgx", Stage: retrieve.Parsing}); len(hits) > 5 {
		t.Errorf("%d hits", len(hits))
	}
}

// Ids are unique, and every stage has passages of every category.
func TestPassages(t *testing.T) {
	p, err := knowledge.Load(os.DirFS("../../../contracts/catalog"))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	per := map[string]map[retrieve.Stage]int{}
	for _, g := range retrieve.Passages(p) {
		if seen[g.ID] {
			t.Errorf("%s is there twice", g.ID)
		}
		seen[g.ID] = true
		if per[g.Category] == nil {
			per[g.Category] = map[retrieve.Stage]int{}
		}
		for _, s := range g.Stages {
			if g.Kind == retrieve.Guideline {
				per[g.Category][s]++
			}
		}
	}
	for _, c := range p.Categories() {
		for _, s := range retrieve.Stages {
			if per[c][s] == 0 {
				t.Errorf("%s has no guideline for %s", c, s)
			}
		}
	}
}
