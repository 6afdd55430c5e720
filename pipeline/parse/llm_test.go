package parse_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/llm"
	"github.com/assay-pipeline/assay/pipeline/llm/llmtest"
	"github.com/assay-pipeline/assay/pipeline/model"
	"github.com/assay-pipeline/assay/pipeline/parse"
	"github.com/assay-pipeline/assay/pipeline/store/sqlite"
)

// modelParser is a parser that asks a model on the server.
func modelParser(t testing.TB, s *llmtest.Server, change ...func(*parse.LLMOptions, *parse.Options, *model.Limits)) *parse.Parser {
	t.Helper()
	p, err := pack()
	if err != nil {
		t.Fatal(err)
	}
	prompts, err := knowledge.LoadPrompts(os.DirFS("../../contracts/catalog"), "extract", "classify")
	if err != nil {
		t.Fatal(err)
	}
	chat, err := llm.Open("openai:gpt-test", llm.Options{URL: s.URL, Key: llmtest.Key})
	if err != nil {
		t.Fatal(err)
	}
	db, err := sqlite.Open(context.Background(), filepath.Join(t.TempDir(), "assay.db"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	lo, po, limits := parse.LLMOptions{}, parse.Options{}, model.Limits{DayMicros: -1, DayTokens: -1, Tries: 1, Timeout: time.Second}
	for _, f := range change {
		f(&lo, &po, &limits)
	}
	c := model.NewClient(model.Client{Chat: chat, Store: db, Model: "openai:gpt-test", Limits: limits})
	x, err := parse.NewLLM(p, c, prompts, lo)
	if err != nil {
		t.Fatal(err)
	}
	po.Second = x
	return parse.New(p, parse.NewRules(p), po)
}

// Each case is an item, what the model answers to one question after the other,
// and the record with the questions and the steps that led to it. A reply that
// begins with ! is a fault: !status 503, !cut, !body TEXT, !refuse TEXT.
func TestModelCases(t *testing.T) {
	files, err := filepath.Glob("testdata/llm/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for i := 0; i < len(a.Files); i++ {
				name := a.Files[i].Name
				item := pipeline.Item{ID: name, Source: strings.TrimSuffix(string(a.Files[i].Data), "\n")}
				var replies []string
				for i++; i < len(a.Files) && strings.HasPrefix(a.Files[i].Name, "reply"); i++ {
					replies = append(replies, strings.TrimSuffix(string(a.Files[i].Data), "\n"))
				}
				if i == len(a.Files) || a.Files[i].Name != "record" {
					t.Fatalf("%s: no record", name)
				}
				got := answered(t, item, replies)
				if *update {
					a.Files[i].Data = []byte(got)
				} else if want := string(a.Files[i].Data); got != want {
					t.Errorf("%s %q:\ngot\n%swant\n%s", name, item.Source, got, want)
				}
			}
			if *update {
				if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// answered parses one item with a model that gives the replies, and renders
// what came out and what was asked.
func answered(t *testing.T, item pipeline.Item, replies []string) string {
	t.Helper()
	n := 0
	s := llmtest.Start(t, func(llmtest.Asked) (string, bool) {
		text := `{"attributes":{}}`
		if n < len(replies) {
			text = replies[n]
		}
		n++
		said, refused := strings.CutPrefix(text, "!refuse ")
		return said, refused
	})
	for _, r := range replies {
		var status int
		body, isBody := strings.CutPrefix(r, "!body ")
		switch {
		case isBody:
			s.Misbehave(llmtest.Fault{Body: body})
		case r == "!cut":
			s.Misbehave(llmtest.Fault{Cut: -1})
		default:
			if _, err := fmt.Sscanf(r, "!status %d", &status); err == nil {
				s.Misbehave(llmtest.Fault{Status: status})
			} else {
				s.Misbehave(llmtest.Fault{})
			}
		}
	}
	ps := modelParser(t, s)
	r, err := ps.Parse(context.Background(), item)
	if err != nil {
		t.Fatal(err)
	}
	checkRecord(t, &r)
	var b strings.Builder
	for _, a := range s.Asked() {
		var q struct {
			Item   struct{ Text string }
			Ask    []string
			Errors []struct{ Attribute, Error string }
		}
		if err := json.Unmarshal([]byte(a.User()), &q); err != nil {
			t.Fatalf("the question is not JSON: %v\n%s", err, a.User())
		}
		fmt.Fprintf(&b, "? %q", q.Item.Text)
		if len(q.Ask) > 0 {
			fmt.Fprintf(&b, ": %s", strings.Join(q.Ask, " "))
		}
		b.WriteByte('\n')
		for _, e := range q.Errors {
			fmt.Fprintf(&b, "  %s: %s\n", e.Attribute, e.Error)
		}
	}
	b.WriteString(render(&r))
	for _, st := range r.Trace {
		detail := st.Detail
		if st.Did == "asked" {
			detail, _, _ = strings.Cut(detail, ",")
		}
		fmt.Fprintf(&b, "  > %s\n", strings.TrimSpace(strings.Join(strings.Fields(st.Did+" "+st.Attribute+": "+detail), " ")))
	}
	return b.String()
}
