package observe

import (
	"strings"
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
)

func TestReadCanaries(t *testing.T) {
	const good = `{"set": "items", "id": "hose", "query": "hose 12 mm", "all": ["p/1"]}`
	got, err := ReadCanaries("canaries.jsonl", strings.NewReader("# ours\n\n"+good+"\n"), "items", "search")
	if err != nil || len(got) != 1 || got[0].Set != "items" || got[0].ID != "hose" || got[0].All[0] != "p/1" {
		t.Fatalf("%+v, %v", got, err)
	}
	for text, want := range map[string]string{
		"{":                              "canaries.jsonl:1",
		good + "\n" + good:               "canaries.jsonl:2: the query hose stands in line 1 already",
		`{"set": "nothing", "id": "a"}`:  `no set "nothing"; sets are items, search`,
		`{"set": "items", "query": "a"}`: "needs an id and a text",
		`{"set": "items", "id": "a", "query": "a"}`: "needs the ids that answer it",
		`{"set": "items", "ids": "a"}`:              "unknown field",
		good + good:                                 "there is more",
		`"` + strings.Repeat("x", 1<<17):            "canaries.jsonl:1",
	} {
		if _, err := ReadCanaries("canaries.jsonl", strings.NewReader(text), "items", "search"); pipeline.ErrorCode(err) != pipeline.CodeInvalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s: %v", text, err)
		}
	}
}

func FuzzReadCanaries(f *testing.F) {
	f.Add(`{"set": "items", "id": "hose", "query": "hose 12 mm", "all": ["p/1"]}`)
	f.Add("# x\n{}")
	f.Fuzz(func(t *testing.T, text string) {
		qs, err := ReadCanaries("f", strings.NewReader(text), "items")
		if err != nil && pipeline.ErrorCode(err) != pipeline.CodeInvalid {
			t.Fatal(err)
		}
		for _, q := range qs {
			if q.ID == "" || q.Text == "" || len(q.All) == 0 || q.Set != "items" {
				t.Fatalf("%+v", q)
			}
		}
	})
}
