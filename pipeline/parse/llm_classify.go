package parse

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/guard"
	"github.com/assay-pipeline/assay/pipeline/model"
)

// Classify asks for the category of an item that the dictionaries cannot tell.
// It answers pipeline.Unknown unless the model names a category of the pack and
// a passage of the text that says so.
func (x *LLM) Classify(ctx context.Context, item pipeline.Item) (category string, steps []pipeline.Step, err error) {
	if w := denied(x.opt.Deny, item.Source); w != "" {
		return pipeline.Unknown, []pipeline.Step{{Did: "screened", Detail: fmt.Sprintf("the item holds the denied word %q", w)}}, nil
	}
	in, send := prepare(item)
	if !send {
		return pipeline.Unknown, in.steps, nil
	}
	f, err := x.sorting()
	if err != nil {
		return pipeline.Unknown, in.steps, err
	}
	meter := &model.Meter{Name: "the questions about " + item.ID, Most: x.opt.ItemTokens}
	q, err := x.question("classify", x.prompts["classify"], f, item, in.asked, meter)
	if err != nil {
		return pipeline.Unknown, in.steps, err
	}
	q.Request.MaxTokens = 100
	reply, steps, err := x.ask(ctx, q, f.shape)
	steps = append(in.steps, steps...)
	if err != nil {
		return pipeline.Unknown, steps, err
	}
	said, _ := reply.Value.(map[string]any)
	category = word(said["category"])
	if _, ok := x.pack.Schema(category); !ok {
		return pipeline.Unknown, steps, nil
	}
	text := strings.TrimSpace(in.scrubbed.Restore(word(said["text"])))
	if text == "" || !strings.Contains(lowerASCII(item.Source), lowerASCII(text)) {
		return pipeline.Unknown, append(steps, pipeline.Step{Did: "refused", Detail: "nothing in the text was named that says " + category}), nil
	}
	return category, append(steps, pipeline.Step{Did: "classified", Detail: category + ", for " + clipped(text)}), nil
}

// sorting is the fixed part of the question of the category.
func (x *LLM) sorting() (fixed, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.sorted != nil {
		return *x.sorted, nil
	}
	type category struct{ Name, Title, Nouns string }
	data := struct {
		Categories []category
		Canary     string
	}{Canary: x.canary}
	for _, name := range x.pack.Categories() {
		s, _ := x.pack.Schema(name)
		var nouns bytes.Buffer
		for i, n := range s.Nouns {
			if i == 8 {
				break
			}
			if i > 0 {
				nouns.WriteString(", ")
			}
			nouns.WriteString(strings.ReplaceAll(n, "|", ""))
		}
		data.Categories = append(data.Categories, category{name, s.Title, nouns.String()})
	}
	system, err := x.prompts["classify"].Write("system", data)
	if err != nil {
		return fixed{}, err
	}
	f := newFixed(system, categorySchema(x.pack), &guard.Shape{Type: "object", Fields: []guard.Member{
		{Name: "category", Shape: &guard.Shape{Type: "string"}, Required: true}, {Name: "text", Shape: &guard.Shape{}},
	}})
	x.sorted = &f
	return f, nil
}
