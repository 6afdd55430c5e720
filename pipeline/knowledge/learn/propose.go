package learn

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/assay-pipeline/assay/pipeline/knowledge"
)

// A Proposal is an entry that the examples speak for and the pack lacks.
type Proposal struct {
	Category string `json:"category"`
	// Attribute and Value, with the spellings that mean it; or Short and Long of
	// an abbreviation.
	Attribute string   `json:"attribute,omitempty"`
	Value     string   `json:"value,omitempty"`
	Spellings []string `json:"spellings,omitempty"`
	Short     string   `json:"short,omitempty"`
	Long      string   `json:"long,omitempty"`
	// Right of Seen texts that hold the spelling were labelled so.
	Right int `json:"right"`
	Seen  int `json:"seen"`
	// Known: the category or the attribute is one of the pack.
	Known bool `json:"known"`
	// Conflict says what the pack reads the spelling as today.
	Conflict string `json:"conflict,omitempty"`
}

// Precision is the share of texts in which the spelling means the value.
func (p Proposal) Precision() float64 { return float64(p.Right) / float64(max(1, p.Seen)) }

// Limits of what is proposed.
type Limits struct {
	// MinSeen texts must hold the spelling; 0 = 2.
	MinSeen int
	// MinPrecision of it; 0 = 0.8.
	MinPrecision float64
}

// Propose lists what the examples teach beyond the pack, which may be nil. The
// order is that of category, attribute, and how much speaks for an entry.
func Propose(examples []Example, p *knowledge.Pack, lim Limits) []Proposal {
	if lim.MinSeen <= 0 {
		lim.MinSeen = 2
	}
	if lim.MinPrecision <= 0 {
		lim.MinPrecision = 0.8
	}
	var out []Proposal
	d := count(examples)
	for name, c := range d.categories {
		for _, a := range c.attrs {
			out = append(out, c.propose(name, a, p, lim)...)
		}
	}
	out = append(out, shortForms(examples, p, lim)...)
	slices.SortFunc(out, func(a, b Proposal) int {
		return cmp.Or(
			cmp.Compare(a.Category, b.Category), cmp.Compare(a.Attribute, b.Attribute), cmp.Compare(b.Right, a.Right),
			cmp.Compare(a.Value, b.Value), cmp.Compare(a.Short, b.Short), cmp.Compare(a.Long, b.Long))
	})
	return out
}

func (c *category) propose(name string, a *attribute, p *knowledge.Pack, lim Limits) (out []Proposal) {
	byValue := map[string]*Proposal{}
	keys := make([]string, 0, len(a.values))
	for k := range a.values {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	for _, k := range keys {
		v := a.values[k]
		occurs := max(c.occurs[k], v.seen)
		if k == "" || v.seen < lim.MinSeen || float64(v.seen)/float64(occurs) < lim.MinPrecision || !hasLetter(k) {
			continue // a bare number is a size and no entry
		}
		value := most(v.values)
		known, have, conflict := reading(p, name, a.name, most(v.texts), value)
		if have {
			continue
		}
		q := byValue[value]
		if q == nil {
			q = &Proposal{Category: name, Attribute: a.name, Value: value, Known: known}
			byValue[value] = q
		}
		q.Spellings = append(q.Spellings, most(v.texts))
		q.Right, q.Seen = q.Right+v.seen, q.Seen+occurs
		if conflict != "" {
			q.Conflict = conflict
		}
	}
	for _, q := range byValue {
		sort.Strings(q.Spellings)
		out = append(out, *q)
	}
	return out
}

// reading is what the pack says of a spelling today: whether the attribute is
// known, whether the spelling has the value already, and what else it means.
func reading(p *knowledge.Pack, category, attribute, spelling, value string) (known, have bool, conflict string) {
	if p == nil {
		return false, false, ""
	}
	s, ok := p.Schema(category)
	if !ok {
		return false, false, ""
	}
	_, i, known := s.Attribute(attribute)
	for _, m := range s.Lexicon().Lookup(spelling) {
		switch {
		case m.Role != knowledge.RoleValue:
		case m.Attribute == i && strings.EqualFold(s.Attributes[i].Allowed[m.Index].Value, value):
			have = true
		default:
			conflict = m.Entry
		}
	}
	return known, have, conflict
}

// shortForms are abbreviations: single words whose normal form is another word
// that they could be short for.
func shortForms(examples []Example, p *knowledge.Pack, lim Limits) (out []Proposal) {
	type key struct{ category, short string }
	counts := map[key]map[string]int{}
	for i := range examples {
		for _, t := range examples[i].Tokens {
			k := key{examples[i].Category, strings.ToLower(t.Raw)}
			if counts[k] == nil {
				counts[k] = map[string]int{}
			}
			counts[k][strings.ToLower(t.Normal)]++
		}
	}
	for k, m := range counts {
		long := most(m)
		right, seen := m[long], sum(m)
		if long == "" || long == k.short || strings.ContainsAny(long, "<>") || !hasLetter(k.short) || right < lim.MinSeen || float64(right)/float64(seen) < lim.MinPrecision {
			continue
		}
		q := Proposal{Category: k.category, Short: k.short, Long: long, Right: right, Seen: seen}
		if p != nil {
			if s, ok := p.Schema(k.category); ok {
				q.Known = true
				if slices.ContainsFunc(s.Abbreviations, func(a knowledge.Abbreviation) bool {
					return strings.EqualFold(a.Short, k.short) && strings.EqualFold(strings.ReplaceAll(a.Long, "|", ""), long)
				}) {
					continue
				}
				for _, a := range s.Abbreviations {
					if strings.EqualFold(a.Short, k.short) {
						q.Conflict = a.Short + ": " + strings.ReplaceAll(a.Long, "|", "")
					}
				}
			}
		}
		out = append(out, q)
	}
	return out
}

// YAML is the file of proposals for a person to read: grouped as a pack is, each
// with its counts. A pack does not load it: what is accepted is copied.
func YAML(proposals []Proposal, examples int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %d entries proposed from %d examples. Nothing of this is used: copy what is right\n", len(proposals), examples)
	b.WriteString("# into the category's files, values under values:, short forms under abbreviations:.\n")
	b.WriteString("# right/seen: texts in which the spelling means this, of those that hold it.\n")
	category, section := "\x00", ""
	for _, p := range proposals {
		if p.Category != category {
			category, section = p.Category, "\x00"
			name := category
			if name == "" {
				name = "any category"
			}
			fmt.Fprintf(&b, "%s:\n", strconv.Quote(name))
		}
		if p.Attribute != section {
			section = p.Attribute
			if section == "" {
				b.WriteString("  abbreviations:\n")
			} else {
				fmt.Fprintf(&b, "  %s:\n", strconv.Quote(section))
			}
		}
		note := fmt.Sprintf("%d/%d", p.Right, p.Seen)
		if p.Conflict != "" {
			note += ", the pack reads it as " + p.Conflict
		}
		if p.Short != "" {
			fmt.Fprintf(&b, "    %s: %s # %s\n", strconv.Quote(p.Short), strconv.Quote(p.Long), note)
			continue
		}
		quoted := make([]string, len(p.Spellings))
		for i, s := range p.Spellings {
			quoted[i] = strconv.Quote(s)
		}
		fmt.Fprintf(&b, "    - {value: %s, synonyms: [%s]} # %s\n", strconv.Quote(p.Value), strings.Join(quoted, ", "), note)
	}
	return b.String()
}
