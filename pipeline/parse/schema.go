package parse

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/model"
)

// answerSchema is the JSON Schema of what a model answers for a category. It
// depends on the category's attributes alone and has the same bytes for the
// same pack: providers compile schemas, and cache what they compiled. It keeps
// to what strict modes know: every property required, null for what is absent,
// nothing additional.
func answerSchema(s *knowledge.Schema) *model.Schema {
	var b bytes.Buffer
	b.WriteString(`{"type":"object","additionalProperties":false,"required":["attributes"],"properties":{"attributes":{"type":"object","additionalProperties":false,"required":[`)
	for i := range s.Attributes {
		comma(&b, i)
		quote(&b, s.Attributes[i].Name)
	}
	b.WriteString(`],"properties":{`)
	for i := range s.Attributes {
		a := &s.Attributes[i]
		comma(&b, i)
		quote(&b, a.Name)
		b.WriteString(`:{"anyOf":[{"type":"null"},{"type":"object","additionalProperties":false,"required":["text","value","unit"],"properties":{"text":{"type":"string"},"value":{"type":"string"`)
		if choices := choices(s, a); len(choices) > 0 {
			b.WriteString(`,"enum":[`)
			for k, c := range choices {
				comma(&b, k)
				quote(&b, c)
			}
			b.WriteString(`]`)
		}
		b.WriteString(`},"unit":{"type":"string"}}}]}`)
	}
	b.WriteString(`}}}}`)
	return &model.Schema{Name: "record", JSON: b.Bytes()}
}

// categorySchema is the JSON Schema of the answer to what category an item has.
func categorySchema(p *knowledge.Pack) *model.Schema {
	var b bytes.Buffer
	b.WriteString(`{"type":"object","additionalProperties":false,"required":["category","text"],"properties":{"category":{"type":"string","enum":[`)
	for _, name := range p.Categories() {
		quote(&b, name)
		b.WriteString(`,`)
	}
	quote(&b, pipeline.Unknown)
	b.WriteString(`]},"text":{"type":"string"}}}`)
	return &model.Schema{Name: "category", JSON: b.Bytes()}
}

// choices are the values that an attribute may take, none where it is open.
func choices(s *knowledge.Schema, a *knowledge.Attribute) (out []string) {
	switch {
	case a.Kind == knowledge.KindEnum && !a.Open:
		for k := range a.Allowed {
			out = append(out, a.Allowed[k].Value)
		}
	case a.Kind == knowledge.KindStandard:
		for k := range s.Standards {
			out = append(out, s.Standards[k].ID)
		}
	}
	return out
}

func comma(b *bytes.Buffer, i int) {
	if i > 0 {
		b.WriteByte(',')
	}
}

func quote(b *bytes.Buffer, s string) {
	q, err := json.Marshal(s)
	if err != nil { // strings always encode
		q = []byte(`""`)
	}
	b.Write(q)
}

// promptAttribute is an attribute as the template of the prompt sees it.
type promptAttribute struct {
	Name, Title, Kind, Unit, Below, Labels, Choices string
}

// systemOf fills the fixed part of the prompt for a category.
func systemOf(p knowledge.Prompt, s *knowledge.Schema, canary string) (string, error) {
	data := struct {
		Category, Title, Canary string
		Attributes              []promptAttribute
		Abbreviations           []knowledge.Abbreviation
	}{Category: s.Category, Title: s.Title, Canary: canary, Abbreviations: s.Abbreviations}
	for i := range s.Attributes {
		a := &s.Attributes[i]
		pa := promptAttribute{Name: a.Name, Title: a.Title, Below: a.Below, Labels: strings.Join(a.Labels, ", ")}
		switch a.Kind {
		case knowledge.KindNumber:
			pa.Kind, pa.Unit = "a number", a.Unit
			if a.Unit == "" {
				pa.Kind = "a count"
			}
		case knowledge.KindEnum:
			pa.Kind = "a choice"
			if a.Open {
				pa.Kind = "a name"
			}
		case knowledge.KindDesignation:
			pa.Kind = "a code"
		case knowledge.KindStandard:
			pa.Kind = "a standard"
		}
		pa.Choices = strings.Join(choices(s, a), ", ")
		data.Attributes = append(data.Attributes, pa)
	}
	return p.Write("system", data)
}
