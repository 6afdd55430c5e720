package gate

import (
	"slices"
	"strconv"
	"strings"

	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

// A field is the plan of one declared column. Rule indices are -1 where the
// contract does not state the rule.
type field struct {
	spec  *contract.Field
	index int
	typ   contract.Type
	store codec.ColumnType

	present, required, typed int
	minLength, maxLength     int
	pattern, format, enum    int
	multipleOf, timezone     int

	bounds []bound // minimum and so on, over numbers and moments

	min, max  int // of minLength and maxLength
	matches   *pattern
	formatted func([]byte) bool
	email     bool       // the format is email
	words     *wordTable // enum
	numbers   []rat      // enum of a numeric field
	step      rat
	zoned     bool // what timezone asks for
	moments   *moments

	nulls     nulls
	decimal   byte // decimal mark, '.' if 0
	thousands byte

	usual   []int      // rules of what is usual
	counted []*counted // row predicates of thresholds over this field
	nested  *nested
	// permuted: a rule of drift tests its values; listed: one lists them.
	permuted, listed bool
	inKey            bool
	rules            [2]int // the first of its rules, and the one after the last
}

// A bound is one of the four range rules, or the range of a number format.
type bound struct {
	rule int
	*interval
}

// A counted is a threshold's predicate over the cells of one field.
type counted struct {
	rule  int
	spec  *contract.Check
	words *wordTable
	nums  []rat
	// listed: words and nums say what is valid, even when there are none.
	listed bool
	match  *pattern
}

// nulls tells null words. The usual one, the empty cell, is tested without a
// lookup.
type nulls struct {
	empty bool
	words []string
}

func (n *nulls) is(b []byte) bool {
	if len(b) == 0 {
		return n.empty
	}
	for _, w := range n.words {
		if string(b) == w {
			return true
		}
	}
	return false
}

func newNulls(d contract.Dialect) nulls {
	if d.NullWords == nil {
		return nulls{empty: true}
	}
	n := nulls{}
	for _, w := range d.NullWords {
		if w == "" {
			n.empty = true
		} else {
			n.words = append(n.words, w)
		}
	}
	return n
}

var stores = map[contract.Type]codec.ColumnType{
	contract.Integer: codec.IntColumn, contract.Decimal: codec.FloatColumn, contract.Boolean: codec.BoolColumn,
	contract.Date: codec.DateColumn, contract.Timestamp: codec.TimestampColumn, contract.Time: codec.ClockColumn,
	contract.Object: codec.JSONColumn, contract.Array: codec.JSONColumn,
}

// numberRanges are the ranges of ODCS number formats.
var numberRanges = map[string][2]string{
	"i8": {"-128", "127"}, "i16": {"-32768", "32767"}, "i32": {"-2147483648", "2147483647"},
	"i64": {"-9223372036854775808", "9223372036854775807"},
	"u8":  {"0", "255"}, "u16": {"0", "65535"}, "u32": {"0", "4294967295"}, "u64": {"0", "18446744073709551615"},
	"i128": {"-170141183460469231731687303715884105728", "170141183460469231731687303715884105727"},
	"u128": {"0", "340282366920938463463374607431768211455"},
	"f32":  {"-3.4028234663852886e38", "3.4028234663852886e38"},
	"f64":  {"-1.7976931348623157e308", "1.7976931348623157e308"},
}

func (c *compiler) field(spec *contract.Field) (*field, error) {
	if hides(spec) && !spec.Classified {
		whole := *spec
		whole.Classified, spec = true, &whole
	}
	f := &field{spec: spec, index: len(c.g.fields), typ: spec.Type, store: stores[spec.Type],
		nulls: newNulls(c.g.feed.Dialect), inKey: spec.Key > 0,
		present: -1, required: -1, minLength: -1, maxLength: -1, pattern: -1, format: -1, enum: -1, multipleOf: -1, timezone: -1}
	d := c.g.feed.Dialect
	if d.Decimal != "" && d.Decimal != "." {
		f.decimal = d.Decimal[0]
	}
	if d.Thousands != "" {
		f.thousands = d.Thousands[0]
	}
	if f.typ == "" {
		f.typ = contract.String
	}
	row := func(name, dimension, want string) int {
		return c.rule(rule{id: spec.Name + "." + name, field: spec.Name, name: name, severity: spec.Severity,
			onFail: spec.OnFail, dimension: dimension, want: want})
	}
	f.rules[0] = len(c.g.rules)
	defer func() { f.rules[1] = len(c.g.rules) }()
	if !c.inner {
		f.present = c.rule(rule{id: spec.Name + ".present", field: spec.Name, name: "present", batch: true,
			onFail: contract.FailBatch, dimension: "completeness", want: "the column " + spec.Column})
	}
	if spec.Required {
		f.required = row("required", "completeness", "a value")
	}
	f.typed = row("type", "conformity", article(f.typ))
	if !c.inner {
		c.g.rules[f.typed].rejects = true
	}
	o := &spec.Options
	var err error
	switch f.typ {
	case contract.String:
		if o.MinLength != nil {
			f.min, f.minLength = *o.MinLength, row("minLength", "conformity", "at least "+strconv.Itoa(*o.MinLength)+" characters")
		}
		if o.MaxLength != nil {
			f.max, f.maxLength = *o.MaxLength, row("maxLength", "conformity", "at most "+strconv.Itoa(*o.MaxLength)+" characters")
		}
		if o.Pattern != "" {
			if f.matches, err = compilePattern(o.Pattern); err != nil {
				return nil, c.errorf(spec.Line, "%s: the pattern is not understood: %v", spec.Name, err)
			}
			f.pattern = row("pattern", "conformity", "a match of "+o.Pattern)
		}
		if fn := formats[strings.ToLower(o.Format)]; fn != nil {
			f.formatted, f.format = fn, row("format", "conformity", "the format "+o.Format)
			f.email = strings.EqualFold(o.Format, "email")
		}
	case contract.Integer, contract.Decimal:
		if r, ok := numberRanges[strings.ToLower(o.Format)]; ok {
			lo, hi := ratOf([]byte(r[0])), ratOf([]byte(r[1]))
			rule := row("format", "conformity", "a number of format "+o.Format)
			f.bounds = append(f.bounds, bound{rule, newInterval(lo, nil, false)}, bound{rule, newInterval(nil, hi, false)})
		}
		if o.MultipleOf != "" {
			if _, _, ok := parseDecimal([]byte(o.MultipleOf)); !ok {
				return nil, c.errorf(spec.Line, "%s: multipleOf %s is not a number", spec.Name, o.MultipleOf)
			}
			f.step, f.multipleOf = ratOf([]byte(o.MultipleOf)), row("multipleOf", "conformity", "a multiple of "+o.MultipleOf)
		}
	case contract.Date, contract.Timestamp, contract.Time:
		if f.moments, err = newMoments(spec); err != nil {
			return nil, c.errorf(spec.Line, "%s: %v", spec.Name, err)
		}
		if o.Timezone != nil && f.typ != contract.Date {
			f.zoned = *o.Timezone
			want := "no offset"
			if f.zoned {
				want = "an offset such as +02:00"
			}
			f.timezone = row("timezone", "conformity", want)
		}
	case contract.Object, contract.Array:
		if f.nested, err = c.nested(spec); err != nil {
			return nil, err
		}
	}
	if err := c.ranges(f, row); err != nil {
		return nil, err
	}
	if o.Enum != nil {
		r := rule{id: spec.Name + ".enum", field: spec.Name, name: "enum", severity: spec.Severity,
			onFail: spec.OnFail, dimension: "validity", want: "one of " + short(strings.Join(o.Enum, ", "), 60)}
		if k := spec.EnumRule; k != nil {
			r.id, r.severity, r.message = k.ID, k.Severity, k.Message
			if k.OnFail != "" {
				r.onFail = k.OnFail
			}
		}
		f.enum = c.rule(r)
		words, nums := wordSet(f.typ, o.Enum)
		f.words, f.numbers = newWordTable(words), nums
	}
	return f, nil
}

// ranges adds the four range rules, over numbers and over moments.
func (c *compiler) ranges(f *field, row func(name, dimension, want string) int) error {
	o := &f.spec.Options
	for _, b := range []struct {
		name, text string
		low, open  bool
		want       string
	}{
		{"minimum", o.Minimum, true, false, "at least "}, {"exclusiveMinimum", o.ExclusiveMinimum, true, true, "more than "},
		{"maximum", o.Maximum, false, false, "at most "}, {"exclusiveMaximum", o.ExclusiveMaximum, false, true, "less than "},
	} {
		if b.text == "" {
			continue
		}
		var at rat
		switch f.typ {
		case contract.Integer, contract.Decimal:
			if _, _, ok := parseDecimal([]byte(b.text)); ok {
				at = ratOf([]byte(b.text))
			}
		case contract.Date, contract.Timestamp, contract.Time:
			if t, ok := contract.ParseMoment(f.typ, f.spec.Options.Formats, b.text); ok {
				at = newRat(f.moments.value(t))
			}
		default:
			continue // a range means nothing here; lint says so
		}
		if at == nil {
			return c.errorf(f.spec.Line, "%s: %s %q is not a %s", f.spec.Name, b.name, b.text, f.typ)
		}
		v := bound{rule: row(b.name, "conformity", b.want+b.text)}
		if b.low {
			v.interval = newInterval(at, nil, b.open)
		} else {
			v.interval = newInterval(nil, at, b.open)
		}
		f.bounds = append(f.bounds, v)
	}
	return nil
}

// wordSet prepares a list of values: texts, and numbers to compare by value.
func wordSet(t contract.Type, list []string) (map[string]bool, []rat) {
	words := map[string]bool{}
	var nums []rat
	for _, w := range list {
		words[w] = true
		if t == contract.Integer || t == contract.Decimal {
			if _, _, ok := parseDecimal([]byte(w)); ok {
				nums = append(nums, ratOf([]byte(w)))
			}
		}
	}
	return words, nums
}

// oneOf reports whether a cell is in a list: by its text, or for numbers by
// value (10 is 10.0).
func oneOf(words *wordTable, nums []rat, text []byte) bool {
	if words != nil && words.has(text) {
		return true
	}
	if len(nums) == 0 {
		return false
	}
	if _, _, ok := parseDecimal(text); !ok {
		return false
	}
	r := ratOf(text)
	return slices.ContainsFunc(nums, func(n rat) bool { return n.Cmp(r) == 0 })
}

func article(t contract.Type) string {
	switch t {
	case contract.Integer, contract.Object, contract.Array:
		return "an " + string(t)
	}
	return "a " + string(t)
}

// short cuts s to at most n characters.
func short(s string, n int) string {
	r := []rune(s)
	if len(r) <= n {
		return s
	}
	return string(r[:n-1]) + "…"
}
