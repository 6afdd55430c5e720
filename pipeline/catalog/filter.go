package catalog

import (
	"fmt"
	"math"
	"slices"
	"sort"
	"strconv"
	"strings"
	"unicode"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/quantity"
)

// A Filter is one typed condition of a search, such as bore=25mm.
type Filter struct {
	Attribute string // as the schemas name it, or category, plant, feed, …
	Op        string // = != >= <= > <
	Value     string // as written
	// bounds of a number by category, in the unit of that category's schema.
	bounds map[string]bound
	word   string // comparable form of a word
}

type bound struct {
	name             string // of the attribute in that category
	number           bool
	value, tolerance float64
}

// operators, the longer first.
var operators = []string{">=", "<=", "!=", "==", "≥", "≤", "=", ">", "<"}

// ParseQuery splits a query into the words to look for and the typed filters
// in it: ATTRIBUTE OP VALUE without spaces around the operator, with quotes
// where a value has spaces (maker="Acme Bearings"). A filter names an
// attribute of a category by its name or title, or one of id, feed, plant,
// category, language, group, procurement_group, maker, part. Numbers are read as people write
// them (2,5 and 2.5) and converted to the unit of the schema; without a unit
// they are in it. Errors: invalid for an attribute that no category has, a
// unit of another dimension, or an order on words.
func ParseQuery(p *knowledge.Pack, query string) (text string, filters []Filter, err error) {
	var words []string
	for _, part := range fields(query) {
		name, op, val, ok := cutOperator(part)
		if !ok {
			words = append(words, strings.Trim(part, `"`))
			continue
		}
		f, err := parseFilter(p, name, op, strings.Trim(val, `"`))
		if err != nil {
			return "", nil, err
		}
		filters = append(filters, f)
	}
	return strings.Join(words, " "), filters, nil
}

// fields splits at spaces outside quotes.
func fields(s string) []string {
	quoted := false
	return strings.FieldsFunc(s, func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return !quoted && unicode.IsSpace(r)
	})
}

func cutOperator(part string) (name, op, val string, ok bool) {
	at := -1
	for _, o := range operators {
		if i := strings.Index(part, o); i > 0 && (at < 0 || i < at) {
			at, op = i, o
		}
	}
	if at < 0 {
		return "", "", "", false
	}
	name, val = part[:at], part[at+len(op):]
	for _, r := range name {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' && r != '-' && r != '"' && r != ' ' {
			return "", "", "", false
		}
	}
	switch op {
	case "==":
		op = "="
	case "≥":
		op = ">="
	case "≤":
		op = "<="
	}
	return strings.Trim(name, `"`), op, val, val != ""
}

// metaFields are the filters on what the source system says.
var metaFields = map[string]func(e *Entry) string{
	"id":       func(e *Entry) string { return e.Item.ID },
	"feed":     func(e *Entry) string { return e.Item.Meta.Feed },
	"plant":    func(e *Entry) string { return e.Item.Meta.Plant },
	"language": func(e *Entry) string { return e.Item.Meta.Language },
	"group":    func(e *Entry) string { return e.Item.Meta.Group },
	// The buyers' own grouping.
	"procurementgroup": func(e *Entry) string { return e.Item.Meta.Procurement },
	"part":             func(e *Entry) string { return e.Item.Meta.PartNumber },
	"category":         func(e *Entry) string { return e.Record.Category },
	"maker": func(e *Entry) string {
		if a, ok := e.Record.Attribute(makerAttribute); ok {
			return a.Value.String()
		}
		return e.Item.Meta.Manufacturer
	},
}

func parseFilter(p *knowledge.Pack, name, op, val string) (Filter, error) {
	f := Filter{Attribute: name, Op: op, Value: val}
	key := attributeKey(name)
	if key == makerAttribute {
		key = "maker"
	}
	if _, ok := metaFields[key]; ok {
		f.Attribute, f.word = key, plain(val)
		if op != "=" && op != "!=" {
			return f, pipeline.Errorf(pipeline.CodeInvalid, "filter %s%s%s: %s is a word and has no order", name, op, val, key).
				WithHint("use = or !=")
		}
		return f, nil
	}
	var firstErr error
	found := false
	f.bounds = map[string]bound{}
	// The name of an attribute, then its title, then the words that announce it:
	// what one category calls by its name is not what another calls so beside.
	for _, is := range []func(a *knowledge.Attribute) bool{
		func(a *knowledge.Attribute) bool { return attributeKey(a.Name) == key },
		func(a *knowledge.Attribute) bool { return attributeKey(a.Title) == key },
		func(a *knowledge.Attribute) bool {
			return slices.ContainsFunc(a.Labels, func(l string) bool { return attributeKey(l) == key })
		},
	} {
		for _, category := range categoryNames(p) {
			s, _ := p.Schema(category)
			for i := range s.Attributes {
				a := &s.Attributes[i]
				if _, has := f.bounds[category]; has || !is(a) {
					continue
				}
				b, err := boundOf(a, f)
				if err != nil {
					firstErr = cmpOr(firstErr, err)
					continue
				}
				if !found {
					f.Attribute = a.Name
				}
				found = true
				b.name = a.Name
				f.word = plain(val)
				f.bounds[category] = b
			}
		}
		if found || firstErr != nil {
			break
		}
	}
	if found {
		return f, nil
	}
	if firstErr != nil {
		return f, firstErr
	}
	return f, pipeline.Errorf(pipeline.CodeInvalid, "filter %s%s%s: no category has an attribute %q", name, op, val, name).
		WithHint("known are %s", strings.Join(nearNames(p, key), ", "))
}

func cmpOr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

func attributeKey(s string) string { return strings.ReplaceAll(plain(s), "_", "") }

func categoryNames(p *knowledge.Pack) []string {
	if p == nil {
		return nil
	}
	names := slices.Clone(p.Categories())
	slices.Sort(names)
	return names
}

// nearNames lists attributes whose names are most like key, at most eight.
func nearNames(p *knowledge.Pack, key string) []string {
	seen := map[string]int{}
	for n := range metaFields {
		seen[n] = distance(n, key)
	}
	for _, c := range categoryNames(p) {
		s, _ := p.Schema(c)
		for i := range s.Attributes {
			seen[s.Attributes[i].Name] = distance(attributeKey(s.Attributes[i].Name), key)
		}
	}
	names := make([]string, 0, len(seen))
	for n := range seen {
		names = append(names, n)
	}
	sort.Slice(names, func(i, j int) bool {
		if seen[names[i]] != seen[names[j]] {
			return seen[names[i]] < seen[names[j]]
		}
		return names[i] < names[j]
	})
	return head(names, 8)
}

// distance is the Levenshtein distance of two short names.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diag := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			diag, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, diag+cost)
		}
	}
	return row[len(b)]
}

// boundOf reads the value of f as one of a.
func boundOf(a *knowledge.Attribute, f Filter) (bound, error) {
	if a.Kind != knowledge.KindNumber {
		if f.Op != "=" && f.Op != "!=" {
			return bound{}, pipeline.Errorf(pipeline.CodeInvalid, "filter %s%s%s: %s is a word and has no order", f.Attribute, f.Op, f.Value, a.Name).
				WithHint("use = or !=")
		}
		return bound{}, nil
	}
	v, err := inUnit(f.Value, a)
	if err != nil {
		e := pipeline.Errorf(pipeline.CodeInvalid, "filter %s%s%s: %w", f.Attribute, f.Op, f.Value, err)
		return bound{}, e.WithHint("%s is given in %s", a.Name, cmpString(a.Unit, "plain numbers"))
	}
	n, err := strconv.ParseFloat(v, 64)
	if err != nil {
		return bound{}, pipeline.Errorf(pipeline.CodeInvalid, "filter %s%s%s: %w", f.Attribute, f.Op, f.Value, err)
	}
	return bound{number: true, value: n, tolerance: math.Abs(a.Tolerance.Float())}, nil
}

func cmpString(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// holds reports whether e meets f. An item that does not state the attribute
// meets no filter on it, not even !=.
func (f *Filter) holds(e *Entry) bool {
	if get, ok := metaFields[f.Attribute]; ok && f.bounds == nil {
		v := plain(get(e))
		return v != "" && (v == f.word) == (f.Op == "=")
	}
	b, ok := f.bounds[e.Record.Category]
	if !ok {
		return false
	}
	a, ok := e.Record.Attribute(b.name)
	if !ok || a.Value.IsZero() {
		return false
	}
	if !b.number || !a.Value.IsNumber() {
		return (plain(a.Value.String()) == f.word) == (f.Op == "=") && (f.Op == "=" || f.Op == "!=")
	}
	return b.holds(f.Op, a.Value.Float())
}

// holds reports whether a number meets op and b.
func (b bound) holds(op string, v float64) bool {
	slack := b.tolerance + 1e-9*math.Max(math.Abs(v), math.Abs(b.value))
	equal := math.Abs(v-b.value) <= slack
	switch op {
	case "=":
		return equal
	case "!=":
		return !equal
	case ">=":
		return v > b.value || equal
	case "<=":
		return v < b.value || equal
	case ">":
		return v > b.value && !equal
	case "<":
		return v < b.value && !equal
	}
	return false
}

// meets reports whether e meets all of fs.
func meets(fs []Filter, e *Entry) bool {
	return !slices.ContainsFunc(fs, func(f Filter) bool { return !f.holds(e) })
}

// String is the filter as it was understood.
func (f Filter) String() string { return fmt.Sprintf("%s%s%s", f.Attribute, f.Op, f.Value) }

// inUnit reads one number as people write it, with or without a unit, in the
// unit of a, as a plain decimal.
func inUnit(s string, a *knowledge.Attribute) (string, error) {
	dim := a.Dimension
	var unit quantity.Unit
	if a.Unit != "" {
		u, err := quantity.ParseUnit(a.Unit)
		if err != nil {
			return "", err
		}
		if dim == quantity.None {
			dim = u.Dimension
		}
		unit = quantity.Unit{Code: a.Unit, Dimension: dim}
	}
	s = strings.TrimSpace(s)
	qs := quantity.Scan(s, quantity.Options{Expect: []quantity.Dimension{dim}})
	if len(qs) != 1 || qs[0].High != nil || qs[0].Start != 0 || qs[0].End != len(s) {
		return "", pipeline.Errorf(pipeline.CodeInvalid, "%q is not one number", s)
	}
	q := qs[0]
	if len(q.Readings) == 0 && !q.HasUnit() {
		return q.Value.String(), nil
	}
	if a.Unit == "" {
		return "", pipeline.Errorf(pipeline.CodeInvalid, "%q has a unit, %s has none", s, a.Name)
	}
	q, ok := q.Resolve(dim)
	if !ok {
		return "", pipeline.Errorf(pipeline.CodeInvalid, "%q is no %s", s, strings.ReplaceAll(string(dim), "_", " "))
	}
	q, err := q.In(unit)
	if err != nil {
		return "", err
	}
	return q.Value.String(), nil
}
