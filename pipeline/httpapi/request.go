package httpapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"github.com/assay-pipeline/assay/pipeline"
)

// mostMistakes is how many mistakes of a request are named.
const mostMistakes = 20

// conform holds a request against the document before it is decoded.
func (s *Server) conform(o *operation, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mistakes, err := o.checkParams(r)
		if err == nil && o.body != nil {
			var more []FieldError
			more, err = o.checkBody(r)
			mistakes = append(mistakes, more...)
		}
		if err != nil {
			s.Fail(w, r, err)
			return
		}
		if len(mistakes) > 0 {
			s.Fail(w, r, invalid(mistakes[:min(len(mistakes), mostMistakes)]))
			return
		}
		h.ServeHTTP(w, r)
	})
}

// checkParams names what is wrong with the parameters of r: unknown ones too,
// since a filter that is misspelt must not widen the answer.
func (o *operation) checkParams(r *http.Request) ([]FieldError, error) {
	var out []FieldError
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "the query does not read: %w", err).WithHint("escape it as in a form: a space is +, a plus %%2B, a percent %%25")
	}
	known := map[string]bool{}
	for _, p := range o.params {
		var values []string
		switch p.in {
		case "query":
			known[p.name] = true
			values = query[p.name]
		case "path":
			values = []string{r.PathValue(p.name)}
		case "header":
			values = r.Header.Values(p.name)
		}
		if len(values) == 0 {
			if p.required {
				out = append(out, FieldError{In: FieldErrorIn(p.in), Pointer: p.name, Detail: "is missing"})
			}
			continue
		}
		if why := p.check(values); why != "" {
			out = append(out, FieldError{In: FieldErrorIn(p.in), Pointer: p.name, Detail: why})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		if !known[name] {
			out = append(out, FieldError{In: Query, Pointer: cut(name), Detail: "is no parameter of " + o.id})
		}
	}
	return out, nil
}

// check says what is wrong with the values of a parameter.
func (p *parameter) check(values []string) string {
	for _, v := range values {
		if !utf8.ValidString(v) || strings.ContainsRune(v, 0) {
			return "is not text"
		}
	}
	if p.kind == "array" {
		list := make([]any, len(values))
		for i, v := range values {
			x, why := typed(p.items, v)
			if why != "" {
				return why
			}
			list[i] = x
		}
		return firstMistake(p.schema.Validate(list))
	}
	if len(values) > 1 {
		return fmt.Sprintf("is given %d times", len(values))
	}
	x, why := typed(p.kind, values[0])
	if why != "" {
		return why
	}
	return firstMistake(p.schema.Validate(x))
}

// typed reads a parameter as its kind.
func typed(kind, v string) (any, string) {
	switch kind {
	case "integer":
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return nil, fmt.Sprintf("%q is no whole number", cut(v))
		}
		return n, ""
	case "number":
		// A JSON number: no NaN, no hexadecimals.
		if !json.Valid([]byte(v)) {
			return nil, fmt.Sprintf("%q is no number", cut(v))
		}
		n, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return nil, fmt.Sprintf("%q is no number", cut(v))
		}
		return n, ""
	case "boolean":
		switch v {
		case "true":
			return true, ""
		case "false":
			return false, ""
		}
		return nil, fmt.Sprintf("%q is neither true nor false", cut(v))
	}
	return v, ""
}

// checkBody reads the body, holds it against its schema, and leaves it to be
// read again.
func (o *operation) checkBody(r *http.Request) ([]FieldError, error) {
	if ct := r.Header.Get("Content-Type"); ct != "" || r.ContentLength != 0 {
		mt, params, err := mime.ParseMediaType(ct)
		if err != nil || mt != "application/json" || params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8") {
			return nil, &refusal{status: http.StatusUnsupportedMediaType, code: codeUnsupportedMedia, detail: fmt.Sprintf("the body is %q", cut(ct)), hint: "send application/json in UTF-8"}
		}
	}
	if enc := r.Header.Get("Content-Encoding"); enc != "" && !strings.EqualFold(enc, "identity") {
		return nil, &refusal{status: http.StatusUnsupportedMediaType, code: codeUnsupportedMedia, detail: fmt.Sprintf("the body is encoded as %q", cut(enc)), hint: "send it as it is"}
	}
	src, err := io.ReadAll(r.Body)
	if err != nil {
		var large *http.MaxBytesError
		if errors.As(err, &large) {
			return nil, err
		}
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "the body does not arrive: %w", err)
	}
	if len(bytes.TrimSpace(src)) == 0 {
		if o.bodyRequired {
			return []FieldError{{In: Body, Detail: "is empty; send a JSON object"}}, nil
		}
		src = []byte("{}")
	}
	if !utf8.Valid(src) {
		return []FieldError{{In: Body, Detail: "is not UTF-8"}}, nil
	}
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(src))
	if err != nil {
		return []FieldError{{In: Body, Detail: "is no JSON: " + err.Error()}}, nil //nolint:nilerr // it is told
	}
	if where, ok := nul(v, ""); ok {
		return []FieldError{{In: Body, Pointer: where, Detail: "has a NUL character"}}, nil
	}
	if err := o.body.Validate(v); err != nil {
		return mistakesOf(err), nil
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(src)), int64(len(src))
	return nil, nil
}

// nul finds a NUL character, which no store takes.
func nul(v any, at string) (string, bool) {
	switch v := v.(type) {
	case string:
		return at, strings.ContainsRune(v, 0)
	case []any:
		for i, x := range v {
			if where, ok := nul(x, at+"/"+strconv.Itoa(i)); ok {
				return where, true
			}
		}
	case map[string]any:
		for k, x := range v {
			if strings.ContainsRune(k, 0) {
				return at, true
			}
			if where, ok := nul(x, at+"/"+k); ok {
				return where, true
			}
		}
	}
	return "", false
}

var english = message.NewPrinter(language.English)

// mistakesOf are the leaves of a validation error, in the order of the places.
func mistakesOf(err error) []FieldError {
	var v *jsonschema.ValidationError
	if !errors.As(err, &v) {
		return []FieldError{{In: Body, Detail: err.Error()}}
	}
	var out []FieldError
	leaves(v, func(x *jsonschema.ValidationError) {
		pointer := ""
		for _, p := range x.InstanceLocation {
			pointer += "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(cut(p))
		}
		out = append(out, FieldError{In: Body, Pointer: pointer, Detail: words(x)})
	})
	slices.SortStableFunc(out, func(a, b FieldError) int { return strings.Compare(a.Pointer, b.Pointer) })
	return out
}

func leaves(v *jsonschema.ValidationError, yield func(*jsonschema.ValidationError)) {
	if len(v.Causes) == 0 {
		yield(v)
		return
	}
	for _, c := range v.Causes {
		leaves(c, yield)
	}
}

// words says in a sentence what is wrong at one place.
func words(v *jsonschema.ValidationError) string {
	switch k := v.ErrorKind.(type) {
	case *kind.Required:
		return "lacks " + strings.Join(k.Missing, ", ")
	case *kind.AdditionalProperties:
		return "has the unknown " + cut(strings.Join(k.Properties, ", "))
	case *kind.MaxProperties:
		return fmt.Sprintf("has %d members, %d are taken", k.Got, k.Want)
	case *kind.MaxItems:
		return fmt.Sprintf("has %d entries, %d are taken", k.Got, k.Want)
	case *kind.MinItems:
		return "is empty"
	case *kind.MinLength:
		return "is empty"
	case *kind.Minimum:
		return "is less than " + k.Want.RatString()
	case *kind.Maximum:
		return "is more than " + k.Want.RatString()
	case *kind.Type:
		return "is " + k.Got + ", not " + strings.Join(k.Want, " or ")
	case *kind.Pattern:
		if k.Want == `\S` {
			return "is empty"
		}
		return "does not match " + k.Want
	case *kind.MaxLength:
		return fmt.Sprintf("has %d characters, %d are taken", k.Got, k.Want)
	}
	return cut(v.ErrorKind.LocalizedString(english))
}

func firstMistake(err error) string {
	if err == nil {
		return ""
	}
	return mistakesOf(err)[0].Detail
}

// cut bounds what is quoted of a request.
func cut(s string) string {
	const most = 120
	if len(s) <= most {
		return s
	}
	n := most
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
