package guard

import (
	"fmt"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/quantity"
)

// A FieldKind says what values a field takes.
type FieldKind string

// Kinds of fields.
const (
	Number FieldKind = "number"
	Word   FieldKind = "word"
	// Interval takes two ends, or one number that stands for both.
	Interval FieldKind = "interval"
)

// A Field is what the guard needs to know of one attribute of a category.
type Field struct {
	Name string
	Kind FieldKind
	// Dimension and Unit (the canonical UCUM code) are those of a number; both
	// are empty for a count.
	Dimension quantity.Dimension
	Unit      string
	// Implied is the unit of numbers that stand without one; see Claim.
	Implied string
	// Prefixes are letters that may touch a number of this field; see Claim.
	Prefixes []string
	// Allowed are the values that a word may take; empty allows all.
	Allowed []string
	// Min and Max bound a number in Unit, as plain decimals; empty is open.
	Min, Max string
	// Critical values decide whether parts are interchangeable.
	Critical bool
	// Below names a field of the same record whose number must be larger: the
	// outer diameter for a bore. It catches values swapped within a dimension.
	Below string
}

// A Schema is the guard's view of a category.
type Schema struct {
	Fields []Field
	// Entry finds a dictionary or standard entry by the name that
	// Attribute.Evidence gives; nil knows none.
	Entry func(name string) (Entry, bool)
	// Language is that of the item, if known.
	Language quantity.Language
}

func (s *Schema) field(name string) *Field {
	for i := range s.Fields {
		if s.Fields[i].Name == name {
			return &s.Fields[i]
		}
	}
	return nil
}

// An Action is what a finding demands.
type Action string

const (
	// Keep: the value stays, the record is flagged.
	Keep Action = "keep"
	// NullAndFlag: the value is taken out of the record and the record is
	// flagged.
	NullAndFlag Action = "null_and_flag"
)

// Codes of findings; they become the codes of a record's flags.
const (
	BadSpan        = "bad_span"          // the span does not lie in the source, or Text is not what stands there
	Ungrounded     = "ungrounded"        // the source does not carry the value
	InferredNumber = "inferred_number"   // a number was concluded, not read
	BadProvenance  = "bad_provenance"    // the evidence does not fit what is said of it
	UnknownField   = "unknown_attribute" // the category has no such attribute
	Repeated       = "repeated"          // the attribute is there twice
	BadType        = "bad_type"          // a word for a number or the other way round
	BadUnit        = "bad_unit"          // not the unit of the field
	NotAllowed     = "not_allowed"       // not one of the allowed values
	OutOfRange     = "out_of_range"      // outside of the plausible range
	Swapped        = "swapped"           // two values contradict each other's order
	SameText       = "same_text"         // two attributes of one dimension claim the same number
)

// A Finding is one thing that is wrong with one attribute.
type Finding struct {
	Code      string
	Attribute string
	// Index is the attribute's place in Record.Attributes.
	Index  int
	Detail string
	Action Action
}

// Flag is the finding as a record carries it.
func (f Finding) Flag() pipeline.Flag {
	return pipeline.Flag{Code: f.Code, Attribute: f.Attribute, Detail: f.Detail}
}

// Check judges every attribute of a record, whatever extractor made it. It
// changes nothing; Enforce carries the findings out.
func Check(source string, r *pipeline.Record, schema Schema) []Finding {
	return NewChecker().Check(source, r, schema)
}

// A Checker is Check with memory that is used again from call to call. It is
// not safe for concurrent use.
type Checker struct {
	source Source
}

// NewChecker returns a Checker.
func NewChecker() *Checker { return new(Checker) }

// Check is the function Check.
func (k *Checker) Check(source string, r *pipeline.Record, schema Schema) []Finding {
	k.source.read(source, quantity.Options{Language: schema.Language})
	var all []Finding
	for i := range r.Attributes {
		a := &r.Attributes[i]
		report := func(code string, action Action, format string, args ...any) {
			all = append(all, Finding{Code: code, Attribute: a.Name, Index: i, Action: action, Detail: fmt.Sprintf(format, args...)})
		}
		f := schema.field(a.Name)
		if f == nil {
			report(UnknownField, NullAndFlag, "the category has no attribute %q", clip(a.Name))
			continue
		}
		if slices.ContainsFunc(r.Attributes[:i], func(b pipeline.Attribute) bool { return b.Name == a.Name }) {
			report(Repeated, NullAndFlag, "%s is there twice; the first stays", a.Name)
			continue
		}
		if checkType(a, f, report) && k.checkEvidence(a, f, r, &schema, report) {
			checkRange(a, f, report)
		}
	}
	return append(all, checkOrder(r, &schema, all)...)
}

type reporter func(code string, action Action, format string, args ...any)

// checkType holds the value's type, unit and allowed values against the field.
func checkType(a *pipeline.Attribute, f *Field, report reporter) bool {
	switch {
	case a.Value.IsZero():
		report(BadType, NullAndFlag, "%s has no value", f.Name)
	case f.Kind == Number && !a.Value.IsNumber():
		report(BadType, NullAndFlag, "%s must be a number, not %q", f.Name, clip(a.Value.String()))
	case f.Kind == Interval && !a.Value.IsNumber() && !a.Value.IsInterval():
		report(BadType, NullAndFlag, "%s must be an interval, not %q", f.Name, clip(a.Value.String()))
	case f.Kind == Word && (a.Value.IsNumber() || a.Value.IsInterval()):
		report(BadType, NullAndFlag, "%s must be words, not the number %s", f.Name, clip(a.Value.String()))
	case a.Unit != f.Unit:
		report(BadUnit, NullAndFlag, "%s is kept in %q, not in %q", f.Name, f.Unit, clip(a.Unit))
	case len(f.Allowed) > 0 && !slices.Contains(f.Allowed, a.Value.String()):
		report(NotAllowed, NullAndFlag, "%s cannot be %q", f.Name, clip(a.Value.String()))
	default:
		return true
	}
	return false
}

// checkEvidence holds span, text, provenance and value against the source.
func (k *Checker) checkEvidence(a *pipeline.Attribute, f *Field, r *pipeline.Record, schema *Schema, report reporter) bool {
	hasSpan := a.Span != (pipeline.Span{})
	if hasSpan && (!a.Valid(len(k.source.text)) || a.In(k.source.text) != a.Text) || !hasSpan && a.Text != "" {
		report(BadSpan, NullAndFlag, "%s says that %q stands at %d-%d, where it does not", f.Name, clip(a.Text), a.Start, a.End)
		return false
	}
	claim := Claim{Value: a.Value, Unit: a.Unit, Dimension: f.Dimension, Implied: f.Implied, Prefixes: f.Prefixes, Span: a.Span}
	switch a.Provenance {
	case pipeline.Enriched:
		return true // answered by a person or a source that was asked
	case pipeline.Metadata:
		if !inMeta(r.Meta, claim) {
			report(Ungrounded, NullAndFlag, "%s %q does not stand in the item's metadata", f.Name, clip(a.Value.String()))
			return false
		}
		return true
	case pipeline.Inferred:
		if a.Value.IsNumber() || a.Value.IsInterval() || strings.ContainsAny(a.Value.String(), "0123456789") {
			report(InferredNumber, NullAndFlag, "%s %s was inferred; a number must stand in the text or in a named entry", f.Name, clip(a.Value.String()))
			return false
		}
		if len(f.Allowed) == 0 {
			report(Ungrounded, NullAndFlag, "%s %q was inferred, and the field has no list of values that it could be one of", f.Name, clip(a.Value.String()))
			return false
		}
		return true
	case pipeline.Dictionary, pipeline.Standard:
		if a.Evidence == "" {
			break
		}
		var e Entry
		ok := false
		if schema.Entry != nil {
			e, ok = schema.Entry(a.Evidence)
		}
		if !ok {
			report(BadProvenance, NullAndFlag, "%s comes from the entry %q, which does not exist", f.Name, clip(a.Evidence))
			return false
		}
		if e.Fields != nil {
			said := e.Fields[f.Name]
			e.Values, e.Unit = said.Values, said.Unit
		}
		claim.Entry = &e
	case pipeline.Verbatim, pipeline.Normalised:
	default:
		report(BadProvenance, NullAndFlag, "%s has the provenance %q, which is none", f.Name, clip(string(a.Provenance)))
		return false
	}
	if !hasSpan {
		report(BadSpan, NullAndFlag, "%s says that it was read but not where", f.Name)
		return false
	}
	if claim.Entry == nil && (a.Provenance == pipeline.Dictionary || a.Provenance == pipeline.Standard) {
		report(BadProvenance, NullAndFlag, "%s comes from an entry that it does not name", f.Name)
		return false
	}
	if v := k.source.Ground(claim); !v.Grounded {
		report(Ungrounded, NullAndFlag, "%s: %s", f.Name, v.Reason)
		return false
	}
	if a.Provenance == pipeline.Verbatim && !a.Value.IsNumber() && a.Text != a.Value.String() {
		report(BadProvenance, Keep, "%s %q is called verbatim, but the text says %q", f.Name, clip(a.Value.String()), clip(a.Text))
	}
	return true
}

// inMeta reports whether the source system's columns carry the value.
func inMeta(m pipeline.Meta, c Claim) bool {
	c.Span, c.Entry = pipeline.Span{}, nil
	for _, column := range [...]string{m.Manufacturer, m.PartNumber, m.UnitOfMeas, m.PackQuantity, m.Procurement, m.Group, m.Category} {
		if column != "" && Ground(column, c).Grounded {
			return true
		}
	}
	return false
}

func checkRange(a *pipeline.Attribute, f *Field, report reporter) {
	if f.Min == "" && f.Max == "" {
		return
	}
	low, high := a.Value.Ends()
	v, ok := quantity.ParseDecimal(low.String())
	if !ok {
		return
	}
	top, _ := quantity.ParseDecimal(high.String())
	if lo, ok := quantity.ParseDecimal(f.Min); ok && v.Cmp(lo) < 0 {
		report(OutOfRange, NullAndFlag, "%s %s %s is below the plausible %s", f.Name, a.Value, f.Unit, f.Min)
	}
	if hi, ok := quantity.ParseDecimal(f.Max); ok && top.Cmp(hi) > 0 {
		report(OutOfRange, NullAndFlag, "%s %s %s is above the plausible %s", f.Name, a.Value, f.Unit, f.Max)
	}
}

// checkOrder finds numbers of one dimension that were swapped: those whose
// order the schema knows, and two attributes that claim the same number.
func checkOrder(r *pipeline.Record, schema *Schema, before []Finding) (all []Finding) {
	bad := func(i int) bool { return slices.ContainsFunc(before, func(f Finding) bool { return f.Index == i }) }
	for i := range r.Attributes {
		a := &r.Attributes[i]
		f := schema.field(a.Name)
		if f == nil || !a.Value.IsNumber() || bad(i) {
			continue
		}
		for j := range r.Attributes {
			b := &r.Attributes[j]
			g := schema.field(b.Name)
			if i == j || g == nil || !b.Value.IsNumber() || bad(j) || f.Dimension != g.Dimension {
				continue
			}
			if f.Below == b.Name {
				x, _ := quantity.ParseDecimal(a.Value.String())
				y, _ := quantity.ParseDecimal(b.Value.String())
				if x.Cmp(y) >= 0 {
					detail := fmt.Sprintf("%s %s is not below %s %s", a.Name, a.Value, b.Name, b.Value)
					all = append(all, Finding{Swapped, a.Name, i, detail, NullAndFlag}, Finding{Swapped, b.Name, j, detail, NullAndFlag})
				}
			}
			if j < i && a.Span == b.Span && a.Span != (pipeline.Span{}) && a.Provenance != pipeline.Standard && a.Provenance != pipeline.Dictionary && a.Value == b.Value {
				all = append(all, Finding{SameText, a.Name, i, fmt.Sprintf("%s and %s are both read from %q", b.Name, a.Name, clip(a.Text)), Keep})
			}
		}
	}
	return all
}

// Enforce carries findings out: it takes the attributes that must go out of
// the record, and adds a flag for each finding. It returns how many attributes
// went.
func Enforce(r *pipeline.Record, findings []Finding) int {
	drop := make(map[int]bool)
	for _, f := range findings {
		if f.Action == NullAndFlag {
			drop[f.Index] = true
		}
		flag := f.Flag()
		if !slices.Contains(r.Flags, flag) {
			r.Flags = append(r.Flags, flag)
		}
	}
	if len(drop) == 0 {
		return 0
	}
	kept := make([]pipeline.Attribute, 0, len(r.Attributes))
	for i, a := range r.Attributes {
		if !drop[i] {
			kept = append(kept, a)
		}
	}
	n := len(r.Attributes) - len(kept)
	r.Attributes = kept
	return n
}
