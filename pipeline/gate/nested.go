package gate

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

// nested is the plan of an object or array: its value is JSON. What stands in
// it is judged as columns are: the elements of all arrays of a chunk make one
// column, and so do the values that all objects have under one name.
type nested struct {
	open byte
	path string

	fewest, most     int // rules of minItems, maxItems, minProperties, maxProperties
	min, max         int
	unique, required int // rules of uniqueItems and of the required option
	names            []string
	items            *field
	members          []*field
	index            map[string]int
	rules            []int // of everything within
	anything         bool
}

// nested plans the value of spec. Rules within carry the path, such as
// address.zip and tags[].
func (c *compiler) nested(spec *contract.Field) (*nested, error) {
	n := &nested{open: '{', path: spec.Name, fewest: -1, most: -1, unique: -1, required: -1}
	o := &spec.Options
	least, atMost, what, lessName, moreName := o.MinProperties, o.MaxProperties, " members", "minProperties", "maxProperties"
	if spec.Type == contract.Array {
		n.open = '['
		least, atMost, what, lessName, moreName = o.MinItems, o.MaxItems, " items", "minItems", "maxItems"
	}
	first := len(c.g.rules)
	row := func(name, dimension, want string) int {
		return c.rule(rule{id: spec.Name + "." + name, field: spec.Name, name: name, severity: spec.Severity,
			onFail: spec.OnFail, dimension: dimension, want: want})
	}
	if least != nil {
		n.min, n.fewest = *least, row(lessName, "conformity", "at least "+strconv.Itoa(*least)+what)
	}
	if atMost != nil {
		n.max, n.most = *atMost, row(moreName, "conformity", "at most "+strconv.Itoa(*atMost)+what)
	}
	if o.UniqueItems && spec.Type == contract.Array {
		n.unique = row("uniqueItems", "uniqueness", "items that differ")
	}
	if len(o.RequiredProperties) > 0 && spec.Type == contract.Object {
		n.names = o.RequiredProperties
		n.required = row("requiredProperties", "completeness", "the members "+strings.Join(n.names, ", "))
	}
	within := func(inner contract.Field, path string, index int) (*field, error) {
		inner.Name = path
		inner.Classified = inner.Classified || spec.Classified
		was := c.inner
		c.inner = true
		f, err := c.field(&inner)
		c.inner = was
		if err != nil {
			return nil, err
		}
		f.index = index
		return f, nil
	}
	var err error
	if spec.Type == contract.Array && spec.Items != nil {
		if n.items, err = within(*spec.Items, spec.Name+"[]", 0); err != nil {
			return nil, err
		}
	}
	if spec.Type == contract.Object {
		n.index = map[string]int{}
		for i, inner := range spec.Fields {
			f, err := within(inner, spec.Name+"."+inner.Name, i)
			if err != nil {
				return nil, err
			}
			n.members, n.index[inner.Column] = append(n.members, f), i
		}
	}
	for i := first; i < len(c.g.rules); i++ {
		n.rules = append(n.rules, i)
	}
	n.anything = len(n.rules) > 0
	return n, nil
}

// fields are the fields directly within.
func (n *nested) fields() []*field {
	if n.items != nil {
		return []*field{n.items}
	}
	return n.members
}

// hides: the field or something within it is classified, so its whole value is.
func hides(f *contract.Field) bool {
	return f.Classified || f.Items != nil && hides(f.Items) ||
		slices.ContainsFunc(f.Fields, func(i contract.Field) bool { return hides(&i) })
}

// within finds a field by its path, such as address.zip or tags[].
func (f *field) within(path string) *field {
	if f.spec.Name == path {
		return f
	}
	if f.nested != nil && strings.HasPrefix(path, f.spec.Name) {
		for _, i := range f.nested.fields() {
			if found := i.within(path); found != nil {
				return found
			}
		}
	}
	return nil
}

// nestings reads objects and arrays: JSON values, or JSON text in a CSV cell.
func (f *field) nestings(s *sheet, v *vector) {
	n := f.nested
	for r, st := range v.state {
		if st != okCell {
			continue
		}
		b := v.text(r)
		ok := len(b) > 0 && b[0] == n.open
		if v.kinds == nil {
			ok = ok && json.Valid(b)
		} else {
			ok = ok && v.kinds[r] == codec.Nested
		}
		if !ok {
			f.mistype(s, v, r)
		}
	}
	if n.anything {
		n.judge(s, f, v)
	}
}

// A box is the judgement of what stands within one nested column of a chunk.
type box struct {
	sheet sheet
	// row of the column that each value of the box belongs to.
	row []int
	// seen marks the members that the object at hand has.
	seen []bool
}

// boxFor is the box of n within s, empty.
func (s *sheet) boxFor(n *nested) *box {
	if s.boxes == nil {
		s.boxes = map[*nested]*box{}
	}
	b := s.boxes[n]
	if b == nil {
		b = &box{seen: make([]bool, len(n.members))}
		b.sheet.vecs = make([]vector, len(n.fields()))
		b.sheet.chunk.Cols = make([]codec.Column, len(n.fields()))
		s.boxes[n] = b
	}
	b.row = b.row[:0]
	in := &b.sheet
	in.chunk.Data, in.chunk.Rows, in.fails = in.chunk.Data[:0], 0, in.fails[:0]
	for i := range in.chunk.Cols {
		c := &in.chunk.Cols[i]
		c.Cells, c.Kinds = c.Cells[:0], c.Kinds[:0]
	}
	clear(in.shown)
	return b
}

// put appends a value to a column of the box.
func (b *box) put(col int, value []byte, kind codec.Kind) {
	ch := &b.sheet.chunk
	start := uint32(len(ch.Data))
	ch.Data = append(ch.Data, value...)
	c := &ch.Cols[col]
	c.Cells = append(c.Cells, codec.Cell{Start: start, End: uint32(len(ch.Data))})
	c.Kinds = append(c.Kinds, kind)
}

// judge unpacks the values of a column and judges what is in them. A rule
// within counts rows: those with such a column, and those where it fails
// anywhere in the value.
func (n *nested) judge(s *sheet, f *field, v *vector) {
	b := s.boxFor(n)
	if n.open == '[' {
		n.unpackArrays(s, b, v)
	} else {
		n.unpackObjects(s, b, v)
	}
	good := int64(0)
	for _, st := range v.state {
		if st == okCell {
			good++
		}
	}
	for _, rule := range n.rules {
		s.tally[rule].evaluated += good
	}
	inner := n.fields()
	if len(inner) == 0 {
		return
	}
	in := &b.sheet
	in.chunk.Rows = len(b.row)
	in.tally = resize(in.tally, len(s.tally)) // the rows are counted here
	for i, g := range inner {
		g.judge(in, &in.chunk.Cols[i])
	}
	// The first failure of each rule in a row stands for the row.
	slices.SortFunc(in.fails, func(a, b fail) int {
		return cmp.Or(cmp.Compare(a.rule, b.rule), cmp.Compare(a.row, b.row))
	})
	last := fail{row: ^uint32(0)}
	for _, x := range in.fails {
		at := fail{uint32(b.row[x.row]), x.rule}
		if at == last {
			continue
		}
		last = at
		if s.shown == nil {
			s.shown = map[fail]string{}
		}
		if deeper, ok := in.shown[x]; ok {
			s.shown[at] = deeper
		} else if g := n.owner(int(x.rule)); g != nil && !f.spec.Classified && !g.spec.Classified {
			s.shown[at] = string(in.vecs[g.index].display(int(x.row)))
		} else {
			s.shown[at] = masked
		}
		s.fail(int(at.row), int(x.rule))
	}
}

// owner is the field directly within whose own rule it is.
func (n *nested) owner(rule int) *field {
	for _, g := range n.fields() {
		if rule >= g.rules[0] && rule < g.rules[1] || slices.ContainsFunc(g.counted, func(c *counted) bool { return c.rule == rule }) {
			return g
		}
	}
	return nil
}

func (n *nested) unpackArrays(s *sheet, b *box, v *vector) {
	for r, st := range v.state {
		if st != okCell {
			continue
		}
		count := 0
		var seen map[string]bool
		repeated := false
		codec.Elements(v.text(r), func(value []byte, kind codec.Kind) {
			count++
			if n.unique >= 0 {
				if seen == nil {
					seen = map[string]bool{}
				}
				form := canonicalJSON(value, kind)
				repeated = repeated || seen[form]
				seen[form] = true
			}
			if n.items != nil {
				b.put(0, value, kind)
				b.row = append(b.row, r)
			}
		})
		n.counts(s, r, count)
		if repeated {
			s.fail(r, n.unique)
		}
	}
}

func (n *nested) unpackObjects(s *sheet, b *box, v *vector) {
	for r, st := range v.state {
		if st != okCell {
			continue
		}
		count, missing := 0, len(n.names)
		clear(b.seen)
		codec.Members(v.text(r), func(name, value []byte, kind codec.Kind) {
			count++
			if slices.Contains(n.names, string(name)) {
				missing--
			}
			if i, ok := n.index[string(name)]; ok && !b.seen[i] {
				b.seen[i] = true
				b.put(i, value, kind)
			}
		})
		for i, has := range b.seen {
			if !has {
				b.put(i, nil, codec.Absent)
			}
		}
		b.row = append(b.row, r)
		n.counts(s, r, count)
		if missing > 0 {
			s.fail(r, n.required)
		}
	}
}

func (n *nested) counts(s *sheet, r, count int) {
	if n.fewest >= 0 && count < n.min {
		s.fail(r, n.fewest)
	}
	if n.most >= 0 && count > n.max {
		s.fail(r, n.most)
	}
}

// canonicalJSON is a form that equal JSON values share: numbers by value,
// members by name.
func canonicalJSON(value []byte, kind codec.Kind) string {
	switch kind {
	case codec.Text:
		return `"` + string(value)
	case codec.Number:
		return canonicalNumber(string(value))
	case codec.Nested:
		d := json.NewDecoder(bytes.NewReader(value))
		d.UseNumber()
		var tree any
		if d.Decode(&tree) == nil {
			if b, err := json.Marshal(canonicalTree(tree)); err == nil {
				return string(b)
			}
		}
	}
	return string(value)
}

func canonicalNumber(s string) string {
	if m, scale, ok := parseDecimal([]byte(s)); ok && scale <= 18 {
		return decimalRat(m, scale).RatString()
	}
	return s
}

func canonicalTree(v any) any {
	switch v := v.(type) {
	case json.Number:
		return canonicalNumber(v.String())
	case string:
		return `"` + v
	case []any:
		for i := range v {
			v[i] = canonicalTree(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = canonicalTree(v[k])
		}
	}
	return v
}

// covers adds a rule over a field within.
func (n *nested) covers(rule int) {
	n.rules = append(n.rules, rule)
	n.anything = true
}

// Concerns reports whether the field of a check is the field name, or something
// within its values.
func Concerns(field, name string) bool { return about(field, name) }

// about reports whether the rule of a report concerns the column name, or
// something within its values.
func about(field, name string) bool {
	return field == name || strings.HasPrefix(field, name+".") || strings.HasPrefix(field, name+"[]")
}
