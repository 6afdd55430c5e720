package catalog

import (
	"slices"

	"github.com/assay-pipeline/assay/pipeline/knowledge"
)

// A Missing is a critical attribute that an item leaves out: a question to
// whoever knows the thing.
type Missing struct {
	Attribute string `json:"attribute"`
	Title     string `json:"title"`
	Unit      string `json:"unit,omitempty"`
	// Values are what may be answered, where the schema lists them.
	Values []string `json:"values,omitempty"`
	// Required: every such item has one.
	Required bool `json:"required,omitempty"`
}

// needed are the critical attributes that an item is asked for: the required
// ones, or where a category requires none, all; those that a custom of the
// trade fills left out.
func (c *criteria) needed() []int {
	var required, all []int
	for _, j := range c.critical {
		if c.list[j].implicit != "" {
			continue
		}
		all = append(all, j)
		if c.list[j].required {
			required = append(required, j)
		}
	}
	if len(required) > 0 {
		return required
	}
	return all
}

// Missing lists the critical attributes that e needs and leaves out. Empty for
// an item of no category, of which nobody knows what it needs.
func (m *Matcher) Missing(e *Entry) []Missing {
	out := []Missing{}
	v := viewOf(e, m.criteria())
	if v.crit == nil {
		return out
	}
	var s *knowledge.Schema
	if m.Pack != nil {
		s, _ = m.Pack.Schema(v.category)
	}
	for _, j := range v.crit.needed() {
		c := &v.crit.list[j]
		if v.vals[j].known {
			continue
		}
		x := Missing{Attribute: c.name, Title: c.title, Unit: c.unit, Required: c.required}
		if s != nil {
			x.Values = choices(s, c.name)
		}
		out = append(out, x)
	}
	return out
}

// choices are the values that a schema lists for an attribute, at most forty.
func choices(s *knowledge.Schema, name string) []string {
	for i := range s.Attributes {
		a := &s.Attributes[i]
		if a.Name != name || a.Kind == knowledge.KindNumber {
			continue
		}
		var out []string
		for _, v := range a.Allowed {
			out = append(out, v.Value)
		}
		slices.Sort(out)
		return out[:min(len(out), 40)]
	}
	return nil
}

// Uncertain reports whether a person should look at the record of e, and why:
// its confidence is low, or it contradicts itself in a critical attribute.
func (m *Matcher) Uncertain(e *Entry) (reason string, yes bool) {
	crit := m.criteria()[categoryOf(e)]
	if crit == nil {
		return "", false
	}
	for _, f := range e.Record.Flags {
		j, ok := crit.byName[f.Attribute]
		if ok && f.Code == toReview {
			return crit.list[j].title + ": " + cmpString(f.Detail, "in doubt"), true
		}
		if ok && crit.list[j].critical && (f.Code == contradiction || f.Code == disagreement || f.Code == concluded) {
			return crit.list[j].title + ": " + cmpString(f.Detail, "contradictory"), true
		}
	}
	if e.Record.Confidence > 0 && e.Record.Confidence < LowConfidence {
		return "the record is of low confidence", true
	}
	return "", false
}

// LowConfidence is the confidence of a record below which somebody should look:
// where it is calibrated, more than one such record in four is wrong.
const LowConfidence = 0.75
