package integration

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
)

// through narrows data to a path.
func through(data any, p *string) (any, error) {
	if p == nil {
		return data, nil
	}
	return at(data, *p)
}

// at is the value at a reference path: $, $.a.b.
func at(data any, p string) (any, error) {
	if p == "$" {
		return data, nil
	}
	rest, ok := strings.CutPrefix(p, "$.")
	if !ok || strings.ContainsAny(p, "[]*?@()") || strings.HasPrefix(p, "$$") {
		return nil, fmt.Errorf("the path %q is not understood", p)
	}
	for _, name := range strings.Split(rest, ".") {
		o, ok := data.(map[string]any)
		if !ok {
			return nil, &stateError{"States.Runtime", p + " is not there"}
		}
		if data, ok = o[name]; !ok {
			return nil, &stateError{"States.Runtime", p + " is not there"}
		}
	}
	return data, nil
}

// place puts a result into data at a path; without one it is all of it, at null
// it is dropped.
func place(data any, p path, result any) (any, error) {
	switch {
	case p.null:
		return data, nil
	case !p.set || p.text == "$":
		return result, nil
	}
	rest, ok := strings.CutPrefix(p.text, "$.")
	if !ok {
		return nil, fmt.Errorf("the result path %q is not understood", p.text)
	}
	o, ok := data.(map[string]any)
	if !ok && data != nil {
		return nil, &stateError{"States.ResultPathMatchFailure", p.text}
	}
	out := maps.Clone(o)
	if out == nil {
		out = map[string]any{}
	}
	name, deeper, nested := strings.Cut(rest, ".")
	if nested {
		inner, err := place(out[name], path{set: true, text: "$." + deeper}, result)
		out[name] = inner
		return out, err
	}
	out[name] = result
	return out, nil
}

// template fills a payload template: fields whose names end in .$ are paths.
func template(raw json.RawMessage, in any) (any, error) {
	if raw == nil {
		return in, nil
	}
	var t any
	if err := json.Unmarshal(raw, &t); err != nil {
		return nil, err
	}
	return fill(t, in)
}

func fill(t, in any) (any, error) {
	switch t := t.(type) {
	case map[string]any:
		out := map[string]any{}
		for k, v := range t {
			name, isPath := strings.CutSuffix(k, ".$")
			if !isPath {
				inner, err := fill(v, in)
				if err != nil {
					return nil, err
				}
				out[k] = inner
				continue
			}
			p, ok := v.(string)
			if !ok {
				return nil, fmt.Errorf("%s is no path", k)
			}
			inner, err := at(in, p)
			if err != nil {
				return nil, err
			}
			out[name] = inner
		}
		return out, nil
	case []any:
		out := make([]any, len(t))
		for i := range t {
			inner, err := fill(t[i], in)
			if err != nil {
				return nil, err
			}
			out[i] = inner
		}
		return out, nil
	}
	return t, nil
}

// holds tells whether a choice is true of data.
func holds(c choice, data any) (bool, error) {
	switch {
	case c.And != nil || c.Or != nil:
		want := c.Or != nil
		for _, inner := range append(c.And, c.Or...) {
			if ok, err := holds(inner, data); err != nil || ok == want {
				return want, err
			}
		}
		return !want, nil
	case c.Not != nil:
		ok, err := holds(*c.Not, data)
		return !ok, err
	}
	v, err := at(data, c.Variable)
	if c.IsPresent != nil {
		return (err == nil) == *c.IsPresent, nil
	}
	if err != nil {
		return false, err
	}
	number, isNumber := v.(float64)
	text, isText := v.(string)
	boolean, isBool := v.(bool)
	switch {
	case c.IsNull != nil:
		return (v == nil) == *c.IsNull, nil
	case c.StringEquals != nil:
		return isText && text == *c.StringEquals, nil
	case c.BooleanEquals != nil:
		return isBool && boolean == *c.BooleanEquals, nil
	case c.NumericEquals != nil:
		return isNumber && number == *c.NumericEquals, nil
	case c.NumericGreaterThan != nil:
		return isNumber && number > *c.NumericGreaterThan, nil
	case c.NumericGreaterThanEquals != nil:
		return isNumber && number >= *c.NumericGreaterThanEquals, nil
	case c.NumericLessThan != nil:
		return isNumber && number < *c.NumericLessThan, nil
	case c.NumericLessThanEquals != nil:
		return isNumber && number <= *c.NumericLessThanEquals, nil
	}
	return false, errors.New("a choice without a comparison")
}
