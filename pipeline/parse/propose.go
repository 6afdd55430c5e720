package parse

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/guard"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/model"
	"github.com/assay-pipeline/assay/pipeline/quantity"
)

// A Proposal is the draft of a category's schema. Nothing reads items by it
// before a person has approved it.
type Proposal struct {
	Category string `json:"category"`
	// YAML is the category.yaml that would be written.
	YAML string `json:"yaml"`
	// Retrieved are the ids of the passages that it was drafted from.
	Retrieved []string        `json:"retrieved"`
	Model     string          `json:"model"`
	Trace     []pipeline.Step `json:"trace"`
}

var categoryName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z][a-z0-9_]{1,40}$`) })

// draftShape is what a draft looks like.
const draftSchema = `{"type":"object","additionalProperties":false,"required":["title","nouns","attributes"],"properties":{"title":{"type":"string"},"nouns":{"type":"array","items":{"type":"string"}},"attributes":{"type":"array","items":{"type":"object","additionalProperties":false,"required":["name","title","kind","dimension","critical","required","values","labels"],"properties":{"name":{"type":"string"},"title":{"type":"string"},"kind":{"type":"string","enum":["number","enum","text"]},"dimension":{"type":"string"},"critical":{"type":"boolean"},"required":{"type":"boolean"},"values":{"type":"array","items":{"type":"string"}},"labels":{"type":"array","items":{"type":"string"}}}}}}}`

// draft is a category as it is written into a file.
type draft struct {
	Title      string           `yaml:"title" json:"title"`
	Nouns      []string         `yaml:"nouns" json:"nouns"`
	Attributes []draftAttribute `yaml:"attributes" json:"attributes"`
}

type draftAttribute struct {
	Name      string   `yaml:"name" json:"name"`
	Title     string   `yaml:"title" json:"title"`
	Kind      string   `yaml:"kind" json:"kind"`
	Dimension string   `yaml:"dimension,omitempty" json:"dimension"`
	Unit      string   `yaml:"unit,omitempty" json:"-"`
	Critical  bool     `yaml:"critical,omitempty" json:"critical"`
	Required  bool     `yaml:"required,omitempty" json:"required"`
	Values    []string `yaml:"values,omitempty" json:"values"`
	Labels    []string `yaml:"labels,omitempty" json:"labels"`
}

// Propose drafts the schema of a category that the pack does not have, from
// items and passages. check says what is wrong with a draft as a file of the
// pack; the model may mend it, as often as it may be asked again. Errors:
// invalid (a name that is taken or none, no usable draft), those of the model.
func (x *LLM) Propose(ctx context.Context, name string, items []string, known []Passage, check func(yaml []byte) error) (Proposal, error) {
	out := Proposal{Category: name, Model: x.client.Model, Retrieved: []string{}}
	if !categoryName().MatchString(name) {
		return out, pipeline.Errorf(pipeline.CodeInvalid, "category name %q: lower case letters, digits and _", name)
	}
	if _, taken := x.pack.Schema(name); taken {
		return out, pipeline.Errorf(pipeline.CodeInvalid, "the pack has a category %s", name).WithHint("assay knowledge show %s", name)
	}
	p, ok := x.prompts["propose"]
	if !ok {
		return out, pipeline.Errorf(pipeline.CodeInvalid, "the pack has no prompt propose")
	}
	q := struct {
		Name   string    `json:"name"`
		Items  []string  `json:"items"`
		Known  []Passage `json:"known,omitempty"`
		Errors []string  `json:"errors,omitempty"`
	}{Name: name, Known: known}
	for _, text := range items {
		in, send := prepare(pipeline.Item{Source: text})
		if out.Trace = append(out.Trace, in.steps...); send {
			q.Items = append(q.Items, in.asked.Item.Text)
		}
	}
	if len(q.Items) == 0 {
		return out, pipeline.Errorf(pipeline.CodeInvalid, "no item to draft category %s from", name).WithHint("give descriptions of such items")
	}
	for _, k := range known {
		out.Retrieved = append(out.Retrieved, k.ID)
	}
	system, err := p.Write("system", struct {
		Canary     string
		Dimensions []dimension
	}{x.canary, dimensions(x.pack)})
	if err != nil {
		return out, err
	}
	schema := &model.Schema{Name: "category_draft", JSON: []byte(draftSchema)}
	shape, err := guard.ShapeOf(schema.JSON)
	if err != nil {
		return out, err
	}
	f := newFixed(system, schema, shape)
	meter := &model.Meter{Name: "the draft of " + name, Most: x.opt.ItemTokens}
	for round := 0; ; round++ {
		data, err := json.Marshal(q)
		if err != nil {
			return out, pipeline.Errorf(pipeline.CodeInternal, "a draft of %s: %w", name, err)
		}
		user, err := p.Write("user", string(data))
		if err != nil {
			return out, err
		}
		reply, steps, err := x.ask(ctx, model.Question{
			Purpose: "draft", Prompt: p.Version, Schema: f.version, Knowledge: x.pack.Hash(), Retrieved: out.Retrieved, Fixed: f.id, Meters: []*model.Meter{meter},
			Request: model.Request{System: system, Schema: schema, MaxTokens: max(x.opt.MaxTokens, 3000), Messages: []model.Message{{Role: model.User, Text: user}}},
		}, shape)
		out.Trace = append(out.Trace, steps...)
		if err != nil {
			return out, err
		}
		text, problems := written(x.pack, reply.Value)
		if problems == nil {
			problems = check(text)
		}
		if problems == nil {
			out.YAML = string(text)
			return out, nil
		}
		if round >= x.opt.Reasks {
			return out, pipeline.Errorf(pipeline.CodeInvalid, "the drafts of %s do not hold: %w", name, problems).WithHint("give more items, or write contracts/catalog/%s/category.yaml by hand", name)
		}
		q.Errors = []string{clipped4k(problems.Error())}
		out.Trace = append(out.Trace, pipeline.Step{Did: "reasked", Detail: clipped(problems.Error())})
	}
}

func clipped4k(s string) string {
	if len(s) > 4096 {
		s = strings.ToValidUTF8(s[:4096], "")
	}
	return s
}

// written is a draft as a file. Units are the pack's, never the model's.
func written(p *knowledge.Pack, reply any) ([]byte, error) {
	raw, err := json.Marshal(reply)
	if err != nil {
		return nil, err
	}
	var d draft
	if err := json.Unmarshal(raw, &d); err != nil {
		return nil, err
	}
	units := dimensions(p)
	if len(d.Attributes) == 0 || len(d.Attributes) > 40 || len(d.Nouns) == 0 {
		return nil, fmt.Errorf("a category needs nouns, and between 1 and 40 attributes")
	}
	for i := range d.Attributes {
		a := &d.Attributes[i]
		if a.Kind != "enum" {
			a.Values = nil
		}
		if a.Kind != "number" {
			a.Dimension = ""
		}
		if a.Dimension == "" {
			continue
		}
		k := slices.IndexFunc(units, func(u dimension) bool { return u.Name == a.Dimension })
		if k < 0 {
			return nil, fmt.Errorf("attribute %s: there is no dimension %q", a.Name, a.Dimension)
		}
		a.Unit = units[k].Unit
	}
	return yaml.Marshal(d)
}

// A dimension and the unit that the pack keeps it in.
type dimension struct{ Name, Unit string }

// dimensions are those of the pack's attributes, each with its commonest unit.
func dimensions(p *knowledge.Pack) (out []dimension) {
	count := map[dimension]int{}
	for _, name := range p.Categories() {
		s, _ := p.Schema(name)
		for i := range s.Attributes {
			if a := &s.Attributes[i]; a.Dimension != quantity.None && a.Unit != "" {
				count[dimension{string(a.Dimension), a.Unit}]++
			}
		}
	}
	best := map[string]dimension{}
	for d, n := range count {
		if b, ok := best[d.Name]; !ok || n > count[b] || n == count[b] && d.Unit < b.Unit {
			best[d.Name] = d
		}
	}
	for _, d := range best {
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b dimension) int { return strings.Compare(a.Name, b.Name) })
	return out
}
