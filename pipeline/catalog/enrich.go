package catalog

import (
	"cmp"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
)

// ReadAnswer reads what somebody says an attribute of an item of category is:
// a number in any unit of its dimension, one of the values that the schema
// lists, or words where it lists none. source stands in the provenance
// (enriched:SOURCE). Errors: invalid for an unknown category, attribute or
// value, or a unit of another dimension.
func ReadAnswer(p *knowledge.Pack, category, name, text, source string) (pipeline.Attribute, error) {
	out := pipeline.Attribute{Name: name, Provenance: pipeline.Enriched, Confidence: 1}
	if source != "" {
		out.Provenance = pipeline.Provenance(string(pipeline.Enriched) + ":" + source)
	}
	s, ok := (*knowledge.Schema)(nil), false
	if p != nil {
		s, ok = p.Schema(category)
	}
	if !ok {
		return out, pipeline.Errorf(pipeline.CodeInvalid, "no category %q is known", category).WithHint("%s", nearCategories(p, category))
	}
	text = strings.TrimSpace(text)
	if text == "" {
		return out, pipeline.Errorf(pipeline.CodeInvalid, "%s: the answer is empty", name)
	}
	for i := range s.Attributes {
		a := &s.Attributes[i]
		if a.Name != name {
			continue
		}
		switch a.Kind {
		case knowledge.KindNumber:
			v, err := inUnit(text, a)
			if err != nil {
				e := pipeline.Errorf(pipeline.CodeInvalid, "%s: %w", name, err)
				return out, e.WithHint("%s is given in %s", a.Name, cmpString(a.Unit, "plain numbers"))
			}
			n, ok := pipeline.Number(v)
			if !ok {
				return out, pipeline.Errorf(pipeline.CodeInvalid, "%s: %q is not a plain number", name, text)
			}
			f := n.Float()
			if !a.Min.IsZero() && f < a.Min.Float() || !a.Max.IsZero() && f > a.Max.Float() {
				return out, pipeline.Errorf(pipeline.CodeInvalid, "%s: %s %s is not plausible", name, v, a.Unit).
					WithHint("such items have %s to %s %s", cmpString(a.Min.String(), "any"), cmpString(a.Max.String(), "any"), a.Unit)
			}
			out.Value, out.Unit = n, a.Unit
			return out, nil
		case knowledge.KindEnum:
			var known []string
			for _, v := range a.Allowed {
				if plain(v.Value) == plain(text) || slices.ContainsFunc(v.Synonyms, func(w string) bool { return plain(w) == plain(text) }) {
					out.Value = pipeline.Text(v.Value)
					return out, nil
				}
				known = append(known, v.Value)
			}
			if !a.Open {
				return out, pipeline.Errorf(pipeline.CodeInvalid, "%s: %q is none of its values", name, text).
					WithHint("use one of %s", strings.Join(known[:min(len(known), 30)], ", "))
			}
		}
		out.Value = pipeline.Text(text)
		return out, nil
	}
	return out, pipeline.Errorf(pipeline.CodeInvalid, "%s has no attribute %q", category, name).WithHint("known are %s", strings.Join(attributeNames(s), ", "))
}

// nearCategories names the categories that are spelt most like name, at most
// eight.
func nearCategories(p *knowledge.Pack, name string) string {
	known := categoryNames(p)
	if len(known) == 0 {
		return "the knowledge pack has none"
	}
	slices.SortStableFunc(known, func(a, b string) int { return cmp.Compare(distance(a, name), distance(b, name)) })
	if len(known) > 8 {
		return "known are " + strings.Join(known[:8], ", ") + " and others"
	}
	return "known are " + strings.Join(known, ", ")
}

func attributeNames(s *knowledge.Schema) []string {
	out := make([]string, len(s.Attributes))
	for i := range s.Attributes {
		out[i] = s.Attributes[i].Name
	}
	return out
}

// TextID is the content id of a description: an answer about an item holds as
// long as its text does.
func TextID(source string) string { return pipeline.ContentID("text", source) }

// Enrich puts the answers about e into its record, in place of what was read,
// and drops the flags of those attributes. Answers about another item, or
// about a text that e no longer has, are left out. p, which may be nil, gives
// the order of attributes.
func Enrich(p *knowledge.Pack, e *Entry, es []Enrichment) {
	id := TextID(e.Item.Source)
	changed := false
	for _, x := range es {
		if x.Item != e.Item.ID || x.Text != id {
			continue
		}
		if !changed { // the record may be shared
			e.Record.Attributes = slices.Clone(e.Record.Attributes)
			e.Record.Flags = slices.Clone(e.Record.Flags)
			changed = true
		}
		if i := slices.IndexFunc(e.Record.Attributes, func(a pipeline.Attribute) bool { return a.Name == x.Value.Name }); i >= 0 {
			e.Record.Attributes[i] = x.Value
		} else {
			e.Record.Attributes = append(e.Record.Attributes, x.Value)
		}
		e.Record.Flags = slices.DeleteFunc(e.Record.Flags, func(f pipeline.Flag) bool { return f.Attribute == x.Value.Name })
	}
	if !changed || p == nil {
		return
	}
	if s, ok := p.Schema(e.Record.Category); ok {
		at := map[string]int{}
		for i, n := range attributeNames(s) {
			at[n] = i
		}
		slices.SortStableFunc(e.Record.Attributes, func(a, b pipeline.Attribute) int { return at[a.Name] - at[b.Name] })
	}
}

// Restore takes answers for an attribute out of a record again.
func Restore(e *Entry, name string) {
	e.Record.Attributes = slices.DeleteFunc(slices.Clone(e.Record.Attributes), func(a pipeline.Attribute) bool {
		return a.Name == name && strings.HasPrefix(string(a.Provenance), string(pipeline.Enriched))
	})
}
