package learn

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"sort"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
)

// An Example is a text and what it is labelled with.
type Example struct {
	Text     string
	Category string
	// Attributes are the values per attribute. An attribute without values was
	// looked for and is not stated.
	Attributes map[string][]Label
	// Tokens are the words of a text with their normal forms, for
	// abbreviations.
	Tokens []Token
}

// A Label is one value.
type Label struct {
	// Text is how it stands in the text, Value how it is kept; they are the
	// same where nothing was normalised.
	Text, Value string
}

// A Token is one word of a text and what it stands for; an empty Normal belongs
// to the word before it (FOLLOW UP → follow-up).
type Token struct {
	Raw, Normal string
}

// names of the attributes, sorted.
func (e *Example) names() []string {
	out := make([]string, 0, len(e.Attributes))
	for n := range e.Attributes {
		out = append(out, n)
	}
	sort.Strings(out)
	return out
}

const maxLine = 4 << 20

// Read reads examples, one JSON object per line:
//
//	{"text": "SKRT SCHR M10", "category": "screw", "attributes": {"size": "M10", "type": {"text": "SKRT SCHR", "value": "hexagon head screw"}}}
//	{"tokens": [["SKRT", "sechskant"], ["SCHR", "schraube"]], "category": "screw"}
//
// A value is a word, an object with text and value, a list of either, or null.
// Error: invalid, with the line.
func Read(r io.Reader) ([]Example, error) {
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, maxLine)
	var out []Example
	for line := 1; sc.Scan(); line++ {
		b := bytes.TrimSpace(bytes.TrimPrefix(sc.Bytes(), []byte("\ufeff")))
		if len(b) == 0 {
			continue
		}
		e, err := readExample(b)
		if err != nil {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "line %d: %w", line, err).
				WithHint(`an example is one JSON object per line: {"text": …, "category": …, "attributes": {NAME: VALUE}}, or {"tokens": [[RAW, NORMAL], …]}`)
		}
		out = append(out, e)
	}
	if err := sc.Err(); err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "examples: %w", err).WithHint("a line has at most %d bytes", maxLine)
	}
	return out, nil
}

func readExample(b []byte) (Example, error) {
	var raw struct {
		Text       string                     `json:"text"`
		Category   string                     `json:"category"`
		Attributes map[string]json.RawMessage `json:"attributes"`
		Tokens     [][2]string                `json:"tokens"`
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&raw); err != nil {
		return Example{}, err
	}
	e := Example{Text: raw.Text, Category: raw.Category}
	for _, t := range raw.Tokens {
		e.Tokens = append(e.Tokens, Token{t[0], t[1]})
	}
	if e.Text == "" && len(e.Tokens) == 0 {
		return Example{}, fmt.Errorf("has neither text nor tokens")
	}
	if len(raw.Attributes) > 0 {
		e.Attributes = make(map[string][]Label, len(raw.Attributes))
	}
	for name, v := range raw.Attributes {
		labels, err := readLabels(v)
		if err != nil {
			return Example{}, fmt.Errorf("attribute %s: %w", name, err)
		}
		e.Attributes[name] = labels
	}
	return e, nil
}

func readLabels(b json.RawMessage) ([]Label, error) {
	b = bytes.TrimSpace(b)
	switch {
	case string(b) == "null":
		return nil, nil
	case b[0] == '[':
		var all []json.RawMessage
		if err := json.Unmarshal(b, &all); err != nil {
			return nil, err
		}
		var out []Label
		for _, one := range all {
			if strings.HasPrefix(string(bytes.TrimSpace(one)), "[") {
				return nil, fmt.Errorf("is a list of lists")
			}
			l, err := readLabels(one)
			if err != nil {
				return nil, err
			}
			out = append(out, l...)
		}
		return out, nil
	case b[0] == '{':
		var l struct{ Text, Value string }
		if err := json.Unmarshal(b, &l); err != nil {
			return nil, err
		}
		if l.Text == "" {
			return nil, fmt.Errorf("a value needs the field text")
		}
		if l.Value == "" {
			l.Value = l.Text
		}
		return []Label{{l.Text, l.Value}}, nil
	}
	var s string
	if err := json.Unmarshal(b, &s); err != nil {
		s = string(b) // a number or boolean as it is written
	}
	if strings.TrimSpace(s) == "" {
		return nil, nil
	}
	return []Label{{s, s}}, nil
}
