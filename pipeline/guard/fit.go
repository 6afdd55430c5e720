package guard

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/assay-pipeline/assay/pipeline"
)

// A fitter brings one value into a shape.
type fitter struct {
	cost    float64
	repairs []Repair
}

func (f *fitter) note(k Repair) {
	f.cost += repairCosts[k]
	for _, r := range f.repairs {
		if r == k {
			return
		}
	}
	f.repairs = append(f.repairs, k)
}

func misfit(path, want string, v any) error {
	return pipeline.Errorf(pipeline.CodeInvalid, "%s: %s is expected, not %s", clip(path), want, kindOf(v))
}

func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case json.Number:
		return "a number"
	case string:
		return "a string"
	case []any:
		return "a list"
	}
	return "an object"
}

func (f *fitter) fit(v any, s *Shape, path string, depth int) (any, error) {
	if depth > maxDepth {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: too deep", clip(path))
	}
	if len(s.Any) > 0 {
		return f.fitAny(v, s.Any, path, depth)
	}
	if len(s.Enum) > 0 {
		return f.fitEnum(v, s.Enum, path)
	}
	switch s.Type {
	case "object":
		return f.fitObject(v, s, path, depth)
	case "array":
		return f.fitArray(v, s, path, depth)
	case "string":
		switch v := v.(type) {
		case string:
			return v, nil
		case json.Number:
			f.note(Coerced)
			return string(v), nil
		}
	case "integer", "number":
		if n, ok := f.fitNumber(v, s.Type == "integer"); ok {
			return n, nil
		}
	case "boolean":
		if b, ok := f.fitBool(v); ok {
			return b, nil
		}
	case "null":
		if v == nil {
			return nil, nil //nolint:nilnil // JSON's null is the value
		}
	default:
		return v, nil
	}
	if list, ok := v.([]any); ok && len(list) == 1 {
		f.note(Wrapped)
		return f.fit(list[0], s, path, depth+1)
	}
	return nil, misfit(path, s.Type, v)
}

// fitAny takes the alternative that costs least, the first among equals.
func (f *fitter) fitAny(v any, alternatives []*Shape, path string, depth int) (any, error) {
	var best *fitter
	var value any
	var first error
	for _, alt := range alternatives {
		g := &fitter{cost: f.cost, repairs: append([]Repair(nil), f.repairs...)}
		got, err := g.fit(v, alt, path, depth+1)
		if err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		if best == nil || g.cost < best.cost {
			best, value = g, got
		}
	}
	if best == nil {
		return nil, first
	}
	*f = *best
	return value, nil
}

func (f *fitter) fitNumber(v any, whole bool) (json.Number, bool) {
	n, ok := v.(json.Number)
	if text, word := v.(string); word {
		if n, ok = jsonNumber(strings.TrimSpace(text)); ok {
			f.note(Coerced)
		}
	}
	if !ok {
		return "", false
	}
	if whole && strings.ContainsAny(string(n), ".eE") {
		x, err := n.Float64()
		if err != nil || x != math.Trunc(x) || math.Abs(x) > 1<<53 {
			return "", false // a decimal is not rounded
		}
		i, _, _ := strings.Cut(string(n), ".")
		if strings.ContainsAny(string(n), "eE") {
			return n, true
		}
		f.note(Coerced)
		return json.Number(i), true
	}
	return n, true
}

func (f *fitter) fitBool(v any) (b, ok bool) {
	switch v := v.(type) {
	case bool:
		return v, true
	case json.Number:
		x, err := v.Float64()
		f.note(Coerced)
		return x == 1, err == nil && (x == 0 || x == 1)
	case string:
		f.note(Coerced)
		switch strings.ToLower(strings.TrimSpace(v)) {
		case "true", "yes", "y", "on", "ja", "1":
			return true, true
		case "false", "no", "n", "off", "nein", "0":
			return false, true
		}
	}
	return false, false
}

func (f *fitter) fitArray(v any, s *Shape, path string, depth int) (any, error) {
	items := s.Items
	if items == nil {
		items = &Shape{}
	}
	list, ok := v.([]any)
	if !ok {
		if text, word := v.(string); word {
			if inner, ok := strict(strings.TrimSpace(text)); ok {
				if l, ok := inner.([]any); ok {
					f.note(InnerJSON)
					return f.fitArray(l, s, path, depth+1)
				}
			}
		}
		if v == nil {
			return nil, misfit(path, "a list", v)
		}
		f.note(Wrapped)
		list = []any{v}
	}
	out := make([]any, 0, len(list))
	for i, e := range list {
		got, err := f.fit(e, items, path+"["+strconv.Itoa(i)+"]", depth+1)
		if err != nil {
			return nil, err
		}
		out = append(out, got)
	}
	return out, nil
}

func (f *fitter) fitObject(v any, s *Shape, path string, depth int) (any, error) {
	m, ok := v.(map[string]any)
	if !ok {
		if text, word := v.(string); word {
			if inner, err := ReadReply(text); err == nil {
				if o, ok := inner.Value.(map[string]any); ok && strings.HasPrefix(strings.TrimSpace(text), "{") {
					f.note(InnerJSON)
					return f.fitObject(o, s, path, depth+1)
				}
			}
		}
		if list, ok := v.([]any); ok && len(list) == 1 {
			if o, ok := list[0].(map[string]any); ok {
				f.note(Wrapped)
				return f.fitObject(o, s, path, depth+1)
			}
		}
		return nil, misfit(path, "an object", v)
	}
	out := make(map[string]any, len(m))
	used := make(map[string]bool, len(m))
	for i := range s.Fields {
		field := &s.Fields[i]
		key, ok := f.keyOf(m, field)
		if !ok {
			if field.Required {
				return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: the field %q is missing", clip(path), clip(field.Name))
			}
			continue
		}
		used[key] = true
		value := m[key]
		if value == nil && !takesNull(field.Shape) {
			if field.Required {
				return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: the field %q has no value", clip(path), clip(field.Name))
			}
			out[field.Name] = nil
			continue
		}
		got, err := f.fit(value, field.Shape, path+"."+field.Name, depth+1)
		if err != nil {
			return nil, err
		}
		out[field.Name] = got
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if used[key] {
			continue
		}
		switch {
		case s.Closed:
			f.note(ExtraKey)
		case s.Rest != nil:
			got, err := f.fit(m[key], s.Rest, path+"."+key, depth+1)
			if err != nil {
				return nil, err
			}
			out[key] = got
		default:
			out[key] = m[key]
		}
	}
	return out, nil
}

func takesNull(s *Shape) bool {
	if s.Type == "null" || s.Type == "" && len(s.Any) == 0 && len(s.Enum) == 0 {
		return true
	}
	for _, a := range s.Any {
		if takesNull(a) {
			return true
		}
	}
	return false
}

// keyOf finds the key of a field: as it is, by its alias, or in another
// spelling.
func (f *fitter) keyOf(m map[string]any, field *Member) (string, bool) {
	want := field.Name
	if field.Alias != "" {
		want = field.Alias
	}
	if _, ok := m[want]; ok {
		return want, true
	}
	if _, ok := m[field.Name]; ok {
		return field.Name, true
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if plain(key) == plain(want) {
			f.note(LooseMatch)
			return key, true
		}
	}
	return "", false
}

// plain is a word without case, accents and marks.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, fold(s))
}

// fitEnum matches a choice: exactly, then without case and marks, then as the
// beginning before a colon or dash.
func (f *fitter) fitEnum(v any, choices []Choice, path string) (any, error) {
	if list, ok := v.([]any); ok && len(list) == 1 {
		f.note(Wrapped)
		v = list[0]
	}
	text, ok := v.(string)
	if !ok {
		return nil, misfit(path, "one of the choices", v)
	}
	if c, ok := choose(text, choices, true); ok {
		return c, nil
	}
	if c, ok := choose(text, choices, false); ok {
		f.note(LooseMatch)
		return c, nil
	}
	for _, mark := range [...]string{": ", " - ", " – ", " ("} {
		if head, _, ok := strings.Cut(text, mark); ok {
			if c, ok := choose(head, choices, false); ok && mentioned(text, choices) == 1 {
				f.note(LooseMatch)
				return c, nil
			}
		}
	}
	return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: %q is none of the choices", clip(path), clip(text))
}

func choose(text string, choices []Choice, exact bool) (string, bool) {
	for _, c := range choices {
		for _, name := range append([]string{c.Value}, c.Names...) {
			if name == text || !exact && plain(name) == plain(text) && plain(text) != "" {
				return c.Value, true
			}
		}
	}
	return "", false
}

// mentioned counts the choices that a text names.
func mentioned(text string, choices []Choice) (n int) {
	words := tokenize(nil, text)
	for _, c := range choices {
		for _, name := range append([]string{c.Value}, c.Names...) {
			if _, _, ok := find(words, tokenize(nil, name), 0, len(text)); ok {
				n++
				break
			}
		}
	}
	return n
}

// fromText reads a reply that is not JSON: words for a string, a literal, or a
// choice that a sentence names more often than any other. Numbers are not
// taken out of sentences.
func (f *fitter) fromText(text string, s *Shape) (any, bool) {
	if len(s.Any) > 0 {
		for _, a := range s.Any {
			g := fitter{}
			if v, ok := g.fromText(text, a); ok && a.Type != "string" {
				*f = g
				return v, true
			}
		}
	}
	switch {
	case len(s.Enum) > 0:
		if v, err := f.fitEnum(strings.Trim(text, "\"'` "), s.Enum, "$"); err == nil {
			return v, true
		}
		if v, ok := mostNamed(text, s.Enum); ok {
			f.note(FromText)
			return v, true
		}
	case s.Type == "string":
		var word string
		if json.Unmarshal([]byte(text), &word) == nil {
			return word, word != ""
		}
		return text, text != ""
	case s.Type == "boolean":
		yes, no := 0, 0
		for _, t := range tokenize(nil, text) {
			switch t.form {
			case "true":
				yes++
			case "false":
				no++
			}
		}
		if (yes > 0) != (no > 0) {
			f.note(FromText)
			return yes > 0, true
		}
	case s.Type == "integer" || s.Type == "number":
		if n, ok := f.fitNumber(text, s.Type == "integer"); ok {
			return n, true
		}
	case s.Type == "array" && s.Items != nil && scalar(s.Items):
		g := fitter{}
		if v, ok := g.fromText(text, s.Items); ok && s.Items.Type != "string" {
			*f = g
			f.note(Wrapped)
			return []any{v}, true
		}
	}
	return nil, false
}

// mostNamed is the choice that a text names most often, in its own case if it
// does so at all; none when two tie.
func mostNamed(text string, choices []Choice) (string, bool) {
	if c, ok := mostFound(text, choices, func(s string) string { return s }); ok {
		return c, true
	}
	return mostFound(text, choices, strings.ToLower)
}

func mostFound(text string, choices []Choice, form func(string) string) (string, bool) {
	text = form(text)
	best, bestCount, tie := "", 0, false
	for _, c := range choices {
		n := 0
		for _, name := range append([]string{c.Value}, c.Names...) {
			n += wholeWords(text, form(name))
		}
		switch {
		case n > bestCount:
			best, bestCount, tie = c.Value, n, false
		case n == bestCount && n > 0:
			tie = true
		}
	}
	return best, bestCount > 0 && !tie
}

// wholeWords counts how often name stands in text between other characters
// than letters and digits.
func wholeWords(text, name string) (n int) {
	if name == "" {
		return 0
	}
	for from := 0; ; {
		i := strings.Index(text[from:], name)
		if i < 0 {
			return n
		}
		start, end := from+i, from+i+len(name)
		if (start == 0 || !isWord(text[start-1])) && (end == len(text) || !isWord(text[end])) {
			n++
		}
		from = end
	}
}
