package guard

import (
	"encoding/json"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
)

// A Repair names one thing that was wrong with a reply and was mended.
type Repair string

// Repairs, each with its cost in repairCosts.
const (
	Prose          Repair = "prose"           // text around the JSON
	Fence          Repair = "fence"           // a Markdown fence around it
	Comment        Repair = "comment"         // a comment within it
	TrailingComma  Repair = "trailing_comma"  // a comma too many
	MissingComma   Repair = "missing_comma"   // a comma too few
	MissingColon   Repair = "missing_colon"   // a colon too few
	SingleQuotes   Repair = "single_quotes"   // strings in other quotes
	UnquotedKey    Repair = "unquoted_key"    // a key without quotes
	UnquotedValue  Repair = "unquoted_value"  // a string without quotes
	Literal        Repair = "literal"         // True, None, NULL
	NumberForm     Repair = "number_form"     // .5, 1., +3
	BadEscape      Repair = "bad_escape"      // a backslash that escapes nothing
	RawControl     Repair = "raw_control"     // a line break within a string
	InnerQuote     Repair = "inner_quote"     // a quote within a string, not escaped
	MissingQuote   Repair = "missing_quote"   // a string that is not closed
	MissingValue   Repair = "missing_value"   // a key without a value: it stays null
	Mismatched     Repair = "mismatched"      // the wrong bracket, or one too many
	DuplicateKey   Repair = "duplicate_key"   // a key that is there twice; the last stays
	OtherBrackets  Repair = "other_brackets"  // (1, 2), {"a", "b"}, ["a": 1]
	Stray          Repair = "stray"           // characters that belong to nothing
	Truncated      Repair = "truncated"       // the end is missing
	SeveralAnswers Repair = "several_answers" // more than one JSON value
)

// repairCosts are what each repair takes from the confidence in the reply:
// little for form, much where a value may have been misread or cut off.
var repairCosts = map[Repair]float64{
	Prose: 0.01, Fence: 0, Comment: 0.01, TrailingComma: 0.01, MissingComma: 0.03, MissingColon: 0.05,
	SingleQuotes: 0.01, UnquotedKey: 0.02, UnquotedValue: 0.05, Literal: 0.01, NumberForm: 0.02, BadEscape: 0.02,
	RawControl: 0.01, InnerQuote: 0.08, MissingQuote: 0.15, MissingValue: 0.10, Mismatched: 0.10, DuplicateKey: 0.15,
	OtherBrackets: 0.05, Stray: 0.10, Truncated: 0.25, SeveralAnswers: 0.10,
	Coerced: 0.03, Wrapped: 0.05, InnerJSON: 0.05, LooseMatch: 0.03, ExtraKey: 0.01, FromText: 0.2,
}

// A Reply is the JSON of a model's answer.
type Reply struct {
	// Value is nil, bool, json.Number (with the digits that were written),
	// string, []any or map[string]any.
	Value any
	// Values are all of them where the text holds several; Value is the first
	// that is not empty.
	Values []any
	// Repairs lists what had to be mended, in order, each kind once.
	Repairs []Repair
	// Cost lies in 0..1 and is to be taken from the confidence: 0 for strict
	// JSON, 1 for what is hardly to be trusted.
	Cost float64
}

// maxReply bounds the text of a reply, in bytes.
const maxReply = 4 << 20

// ReadReply reads the JSON in a model's answer: strictly if it can be, else
// with repairs. No value is invented: a key without a value is null, and a
// reply without JSON is an error of code invalid.
func ReadReply(text string) (Reply, error) {
	if len(text) > maxReply {
		return Reply{}, pipeline.Errorf(pipeline.CodeLimit, "the reply has %d bytes, more than %d", len(text), maxReply)
	}
	trimmed := strings.TrimSpace(text)
	if v, ok := strict(trimmed); ok {
		return Reply{Value: v, Values: []any{v}}, nil
	}
	r := repairer{seen: map[Repair]bool{}}
	body := trimmed
	if inner, ok := fenced(trimmed); ok {
		r.note(Fence)
		if v, ok := strict(strings.TrimSpace(inner)); ok {
			return r.reply([]any{v})
		}
		body = inner
	}
	r.src = body
	if values := r.top(); len(values) > 0 {
		return r.reply(values)
	}
	return Reply{}, pipeline.Errorf(pipeline.CodeInvalid, "the reply holds no JSON: %q", clip(trimmed))
}

// strict reads text that is JSON and nothing else, without duplicate keys.
func strict(text string) (any, bool) {
	if text == "" || strings.ContainsRune(text, 0) {
		return nil, false
	}
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil || strings.TrimSpace(text[d.InputOffset():]) != "" {
		return nil, false
	}
	if _, word := v.(string); word {
		return nil, false // a quoted sentence is prose
	}
	if v != nil && !noDuplicates(text) {
		return nil, false
	}
	return v, true
}

// noDuplicates walks the tokens of valid JSON and reports whether the keys of
// each object differ.
func noDuplicates(text string) bool {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	type frame struct {
		keys map[string]bool
		key  bool
	}
	var stack []frame
	for {
		tok, err := d.Token()
		if err != nil {
			return true
		}
		top := len(stack) - 1
		switch t := tok.(type) {
		case json.Delim:
			switch t {
			case '{':
				if top >= 0 {
					stack[top].key = true
				}
				stack = append(stack, frame{map[string]bool{}, true})
			case '[':
				if top >= 0 {
					stack[top].key = true
				}
				stack = append(stack, frame{})
			default:
				stack = stack[:top]
			}
			continue
		case string:
			if top >= 0 && stack[top].keys != nil && stack[top].key {
				if stack[top].keys[t] {
					return false
				}
				stack[top].keys[t], stack[top].key = true, false
				continue
			}
		}
		if top >= 0 {
			stack[top].key = true
		}
	}
}

// fenced returns what stands in the first Markdown fence, unless JSON begins
// before it.
func fenced(text string) (string, bool) {
	start := strings.Index(text, "```")
	if start < 0 || text[0] == '{' || text[0] == '[' {
		return "", false
	}
	body := strings.TrimLeft(text[start:], "`")
	if i := strings.IndexByte(body, '\n'); i >= 0 && i < 20 && !strings.ContainsAny(body[:i], "{[(\"") {
		body = body[i+1:]
	} else {
		body = strings.TrimPrefix(strings.TrimPrefix(body, "json"), "JSON")
	}
	// The last fence closes it: a value may hold fences of its own.
	if end := strings.LastIndex(body, "```"); end >= 0 {
		if first := strings.Index(body, "\n```"); first >= 0 && !strings.ContainsAny(body[first+4:], "{[") {
			return body[:first], true
		}
		if first := fenceEnd(body); first >= 0 {
			return body[:first], true
		}
		return body[:end], true
	}
	return body, true
}

// fenceEnd is the first fence at the start of a line that follows a closing
// bracket.
func fenceEnd(body string) int {
	for from := 0; ; {
		i := strings.Index(body[from:], "\n")
		if i < 0 {
			return -1
		}
		at := from + i
		line := strings.TrimLeft(body[at+1:], " \t")
		if strings.HasPrefix(line, "```") {
			before := strings.TrimSpace(body[:at])
			if strings.HasSuffix(before, "}") || strings.HasSuffix(before, "]") || strings.HasSuffix(before, ")") {
				return at
			}
		}
		from = at + 1
	}
}

func (r *repairer) note(k Repair) {
	if !r.seen[k] {
		r.seen[k] = true
		r.order = append(r.order, k)
	}
	r.cost += repairCosts[k]
}

func (r *repairer) reply(values []any) (Reply, error) {
	full := values[:0:0]
	for _, v := range values {
		if !empty(v) {
			full = append(full, v)
		}
	}
	if len(full) == 0 {
		full = values[:1]
	}
	if len(full) > 1 {
		r.note(SeveralAnswers)
	}
	return Reply{Value: full[0], Values: full, Repairs: r.order, Cost: min(r.cost, 1)}, nil
}

func empty(v any) bool {
	switch v := v.(type) {
	case nil:
		return true
	case []any:
		return len(v) == 0
	case map[string]any:
		return len(v) == 0
	case string:
		return v == ""
	}
	return false
}
