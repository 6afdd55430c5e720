package parse_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
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

// modelParser is a parser over the shipped pack that asks a model on the server.
func modelParser(t testing.TB, s *llmtest.Server, change ...func(*parse.LLMOptions, *parse.Options, *model.Limits)) *parse.Parser {
	t.Helper()
	p, err := pack()
	if err != nil {
		t.Fatal(err)
	}
	return modelParserOf(t, p, s, change...)
}

func modelParserOf(t testing.TB, p *knowledge.Pack, s *llmtest.Server, change ...func(*parse.LLMOptions, *parse.Options, *model.Limits)) *parse.Parser {
	t.Helper()
	lo, po, limits := parse.LLMOptions{}, parse.Options{}, model.Limits{DayMicros: -1, DayTokens: -1, Tries: 1, Timeout: time.Second}
	for _, f := range change {
		f(&lo, &po, &limits)
	}
	po.Second = secondOf(t, p, s, lo, limits)
	return parse.New(p, parse.NewRules(p), po)
}

func secondOf(t testing.TB, p *knowledge.Pack, s *llmtest.Server, lo parse.LLMOptions, limits model.Limits) *parse.LLM {
	t.Helper()
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
	x, err := parse.NewLLM(p, model.NewClient(model.Client{Chat: chat, Store: db, Model: "openai:gpt-test", Limits: limits}), prompts, lo)
	if err != nil {
		t.Fatal(err)
	}
	return x
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

// What a pack wants done when an answer does not hold.
func TestOnFail(t *testing.T) {
	const wrong = `{"attributes":{"head":{"text":"30 m","value":"31","unit":"m"},"speed":{"text":"2900","value":"2901","unit":"rpm"}}}`
	for _, tc := range []struct {
		onFail string
		asked  int
		speed  string // the value in the record
		flag   string
	}{
		{"", 2, "", "ungrounded"},
		{"reask", 2, "", "ungrounded"},
		{"null_and_flag", 1, "", "ungrounded"},
		{"review", 1, "", parse.ToReview},
		{"fallback", 1, "", parse.FellBack},
		{"fix", 1, "2900", ""},
	} {
		t.Run(tc.onFail, func(t *testing.T) {
			p := packWith(t, tc.onFail)
			s := llmtest.Start(t, llmtest.Always(wrong))
			ps := modelParserOf(t, p, s)
			r, err := ps.Parse(context.Background(), pipeline.Item{ID: "1", Source: "Kreiselpumpe Umlaufzahl des Laeufers 2900"})
			if err != nil {
				t.Fatal(err)
			}
			a, _ := r.Attribute("speed")
			if n := len(s.Asked()); n != tc.asked || a.Value.String() != tc.speed || tc.flag != "" && !r.HasFlag(tc.flag) {
				t.Errorf("asked %d times, speed %q, flags %v", n, a.Value, r.Flags)
			}
		})
	}
	if _, err := knowledge.Load(packFiles(t, "pray")); err == nil || !strings.Contains(err.Error(), "on_fail of speed") {
		t.Errorf("an action that is none: %v", err)
	}
}

// packFiles is a pack of pumps whose speed has the action.
func packFiles(t *testing.T, onFail string) fstest.MapFS {
	t.Helper()
	if onFail == "" {
		onFail = `""`
	}
	return fstest.MapFS{
		"pack.yaml": {Data: []byte("name: test\nversion: \"1\"\n")},
		"pump/category.yaml": {Data: []byte(`title: pumps
nouns: [kreiselpumpe]
attributes:
  - {name: type, title: type, kind: enum, values: [centrifugal pump]}
  - {name: speed, title: speed, kind: number, dimension: rotation, unit: /min, implied: true, required: true, labelled: true, labels: [drehzahl], on_fail: ` + onFail + `}
`)},
	}
}

func packWith(t *testing.T, onFail string) *knowledge.Pack {
	t.Helper()
	p, err := knowledge.Load(packFiles(t, onFail))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Words that must not leave keep the item from the model, and an answer that
// holds one is refused; a switch keeps all of them.
func TestDenied(t *testing.T) {
	const source = "Kreiselpumpe Projekt Falke, Spezialausfuehrung"
	s := llmtest.Start(t, llmtest.Always(`{"attributes":{"manufacturer":{"text":"FALKE","value":"Falke","unit":""}}}`))
	r, err := modelParser(t, s, func(lo *parse.LLMOptions, _ *parse.Options, _ *model.Limits) { lo.Deny = []string{"falke"} }).
		Parse(context.Background(), pipeline.Item{ID: "1", Source: source})
	if err != nil || len(s.Asked()) != 0 || len(r.Trace) != 1 || r.Trace[0].Did != "screened" {
		t.Errorf("%v, asked %d, %+v", err, len(s.Asked()), r.Trace)
	}
	r, err = modelParser(t, s, func(lo *parse.LLMOptions, _ *parse.Options, _ *model.Limits) { lo.Deny = []string{"FALKE"} }).
		Parse(context.Background(), pipeline.Item{ID: "1", Source: "Kreiselpumpe Projekt F, Spezialausfuehrung"})
	if err != nil || len(s.Asked()) != 1 || !r.HasFlag(parse.FellBack) {
		t.Errorf("%v, asked %d, %+v", err, len(s.Asked()), r.Flags)
	}
	_, err = modelParser(t, s, func(_ *parse.LLMOptions, o *parse.Options, _ *model.Limits) {
		o.Off = func(pipeline.Item) bool { return true }
	}).
		Parse(context.Background(), pipeline.Item{ID: "1", Source: "Kreiselpumpe Projekt F, Spezialausfuehrung"})
	if err != nil || len(s.Asked()) != 1 {
		t.Errorf("switched off: %v, asked %d", err, len(s.Asked()))
	}
}

// The word that only the prompt says must not come back.
func TestCanaryLeak(t *testing.T) {
	s := llmtest.Start(t, func(a llmtest.Asked) (string, bool) {
		i := strings.Index(a.System, "Reference c")
		return `{"attributes":{"manufacturer":{"text":"` + a.System[i+len("Reference "):i+len("Reference ")+13] + `","value":"x","unit":""}}}`, false
	})
	r, err := modelParser(t, s).Parse(context.Background(), pipeline.Item{ID: "1", Source: "Kreiselpumpe Projekt F, Spezialausfuehrung"})
	if err != nil || !r.HasFlag(parse.FellBack) || !strings.Contains(fmt.Sprint(r.Trace), "only the prompt says") {
		t.Errorf("%v %+v", err, r.Trace)
	}
}

// A share of the items sees the new model, always the same ones.
func TestCanaryShare(t *testing.T) {
	old, fresh := llmtest.Start(t, llmtest.Always(`{"attributes":{}}`)), llmtest.Start(t, llmtest.Always(`{"attributes":{}}`))
	p, err := pack()
	if err != nil {
		t.Fatal(err)
	}
	limits := model.Limits{DayMicros: -1, DayTokens: -1}
	main, canary := secondOf(t, p, old, parse.LLMOptions{}, limits), secondOf(t, p, fresh, parse.LLMOptions{}, limits)
	for _, percent := range []float64{0, 20, 100} {
		before := len(fresh.Asked())
		ps := parse.New(p, parse.NewRules(p), parse.Options{Second: &parse.Canary{Main: main, New: canary, Percent: func(pipeline.Item) float64 { return percent }}})
		for i := range 200 {
			if _, err := ps.Parse(context.Background(), pipeline.Item{ID: fmt.Sprint(i), Source: fmt.Sprintf("Kreiselpumpe Spezialausfuehrung %v %d", percent, i)}); err != nil {
				t.Fatal(err)
			}
		}
		n := float64(len(fresh.Asked())-before) / 2
		if n < percent-8 || n > percent+8 {
			t.Errorf("%v %% of the items, %v %% saw it", percent, n)
		}
	}
}
