package evals

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/quantity"
)

// Accept is what the value of an attribute may be. In JSON:
//
//	25                      a number in the unit of the schema
//	"25 mm", "1/2 in"       a number in a unit of its own
//	"2RS"                   words
//	{"from": 10, "to": 30}  an interval
//	[…]                     any of these is right
//	null                    the record must not have it
//
// Two numbers are the same where they differ by no more than the tolerance that
// the schema gives the attribute, after exact conversion. Words are compared
// without case, spaces and hyphens.
type Accept struct {
	// Any of these is right; none: it must be absent.
	Any []pipeline.Value
	// Units are the UCUM codes of Any; empty is that of the schema.
	Units []string

	written []string // Any as it stands in the file
}

// Absent reports whether the attribute must not be there.
func (x Accept) Absent() bool { return len(x.Any) == 0 }

// String shows what is accepted.
func (x Accept) String() string {
	if x.Absent() {
		return "absent"
	}
	return strings.Join(x.written, " or ")
}

// UnmarshalJSON reads one of the forms.
func (x *Accept) UnmarshalJSON(b []byte) error {
	*x = Accept{}
	if string(b) == "null" {
		return nil
	}
	if len(b) > 0 && b[0] == '[' {
		var many []json.RawMessage
		if err := json.Unmarshal(b, &many); err != nil || len(many) == 0 {
			return fmt.Errorf("%s is no list of values", clip(string(b)))
		}
		for _, m := range many {
			if err := x.add(m); err != nil {
				return err
			}
		}
		return nil
	}
	return x.add(b)
}

func (x *Accept) add(b []byte) error {
	var v pipeline.Value
	if err := v.UnmarshalJSON(b); err != nil || v.IsZero() {
		return fmt.Errorf("%s is no value: write a number, a word, \"25 mm\", {\"from\": 1, \"to\": 2}, a list of them, or null", clip(string(b)))
	}
	unit, written := "", v.String()
	if !v.IsNumber() && !v.IsInterval() {
		if number, u, ok := measured(v.String()); ok {
			v, unit = number, u
		}
	}
	x.Any, x.Units, x.written = append(x.Any, v), append(x.Units, unit), append(x.written, written)
	return nil
}

// MarshalJSON writes what UnmarshalJSON reads.
func (x Accept) MarshalJSON() ([]byte, error) {
	if x.Absent() {
		return []byte("null"), nil
	}
	out := make([]any, len(x.Any))
	for i, v := range x.Any {
		out[i] = v
		if x.Units[i] != "" {
			out[i] = x.written[i]
		}
	}
	if len(out) == 1 {
		return json.Marshal(out[0])
	}
	return json.Marshal(out)
}

// measured splits "25 mm" into a number and its UCUM unit. Words with numbers in
// them, such as 6205-2RS, are words: a number and a unit of the standard's own
// spelling, with a space between them, and nothing else.
func measured(s string) (pipeline.Value, string, bool) {
	number, unit, ok := strings.Cut(s, " ")
	if !ok {
		return pipeline.Value{}, "", false
	}
	if whole, frac, two := strings.Cut(number, "/"); two { // 1/2 in
		w, wok := quantity.ParseDecimal(whole)
		f, fok := quantity.ParseDecimal(frac)
		if !wok || !fok || f.Sign() == 0 {
			return pipeline.Value{}, "", false
		}
		q, _ := w.Quo(f)
		number = q.String()
	}
	v, ok := pipeline.Number(number)
	if !ok {
		return pipeline.Value{}, "", false
	}
	if _, err := quantity.ParseUnit(unit); err == nil {
		return v, unit, true
	}
	if us := quantity.LookupUnit(unit); len(us) > 0 {
		return v, us[0].Code, true
	}
	return pipeline.Value{}, "", false
}

// Right reports whether a value is accepted, by the attribute of the schema;
// attr may be nil where the category has none of that name.
func (x Accept) Right(attr *knowledge.Attribute, got pipeline.Attribute) bool {
	for i, v := range x.Any {
		if same(attr, v, x.Units[i], x.written[i], got) {
			return true
		}
	}
	return false
}

func same(attr *knowledge.Attribute, want pipeline.Value, unit, written string, got pipeline.Attribute) bool {
	if !want.IsNumber() && !want.IsInterval() {
		return squeeze(written) == squeeze(got.Value.String())
	}
	wl, wh := want.Ends()
	gl, gh := got.Value.Ends()
	if gl.IsZero() { // a code such as 6205 that the schema keeps as words
		return squeeze(written) == squeeze(got.Value.String())
	}
	return within(attr, wl, unit, gl, got.Unit) && within(attr, wh, unit, gh, got.Unit)
}

// within compares two numbers within the tolerance of the attribute, in the unit
// of the record.
func within(attr *knowledge.Attribute, want pipeline.Value, unit string, got pipeline.Value, gotUnit string) bool {
	w, wok := quantity.ParseDecimal(want.String())
	g, gok := quantity.ParseDecimal(got.String())
	if !wok || !gok {
		return false
	}
	if unit == "" && attr != nil {
		unit = attr.Unit
	}
	if unit != gotUnit {
		c, err := quantity.Convert(w, unit, gotUnit)
		if err != nil {
			return false
		}
		w = c
	}
	d := w.Sub(g).Abs()
	if attr == nil || attr.Tolerance.IsZero() {
		return d.Sign() == 0
	}
	tol, ok := quantity.ParseDecimal(attr.Tolerance.String())
	return ok && d.Cmp(tol) <= 0
}

var squeezer = strings.NewReplacer(" ", "", "-", "", "_", "", "\u00a0", "")

func squeeze(s string) string { return strings.ToLower(squeezer.Replace(s)) }

// convertible reports whether a number of one unit can be read in another; ""
// is the unit of the schema.
func convertible(number, from, to string) bool {
	if from == "" || from == to {
		return true
	}
	d, ok := quantity.ParseDecimal(number)
	if !ok {
		return false
	}
	_, err := quantity.Convert(d, from, to)
	return err == nil
}
