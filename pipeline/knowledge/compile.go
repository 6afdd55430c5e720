package knowledge

import (
	"regexp"
	"sort"
	"strconv"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/quantity"
)

// compile checks a category and builds its lexicon.
func (r *reader) compile(p *Pack, d *draft) {
	s := &d.Schema
	before := len(r.problems)
	if s.Title == "" {
		r.fail(d.head, "category %s needs a title", s.Category)
	}
	if !nameForm().MatchString(s.Category) {
		r.fail(d.head, "category folder %q must be lower case letters, digits and _", s.Category)
	}
	if len(s.Attributes) == 0 {
		r.fail(d.head, "category %s has no attributes", s.Category)
	}
	if len(s.Nouns) == 0 {
		r.fail(d.head, "category %s has no nouns: nothing could be recognised as one", s.Category)
	}
	s.byName = make(map[string]int, len(s.Attributes))
	for i := range s.Attributes {
		s.byName[s.Attributes[i].Name] = i
	}
	for i := range s.Attributes {
		r.checkAttribute(p, d, &s.Attributes[i])
	}
	s.paired = make([]bool, len(s.Attributes))
	for i := range s.Attributes {
		for k := range s.Attributes {
			a, b := &s.Attributes[i], &s.Attributes[k]
			s.paired[i] = s.paired[i] || a.Kind == KindInterval && b.Kind == KindNumber && a.Dimension == b.Dimension
		}
	}
	if len(r.problems) > before {
		return // what follows would only repeat them
	}
	s.standards = map[string]int{}
	s.rows = map[string]rowAt{}
	s.entries = map[string]Entry{}
	s.lexicon = newLexicon()
	for i := range s.Standards {
		r.checkStandard(d, i)
	}
	for i := range s.Tables {
		r.checkTable(d, i)
	}
	sort.Slice(s.ranges, func(i, j int) bool { return s.ranges[i].low < s.ranges[j].low })
	r.terms(d)
	r.expandAll(d)
	for i := range s.Patterns {
		r.compilePattern(d, i)
	}
	for i := range s.Orders {
		r.compileOrder(d, &s.Orders[i])
	}
	for _, e := range s.entries {
		s.close(e.Values)
	}
	s.lexicon.freeze()
	r.checkImplied(d)
}

func (r *reader) checkAttribute(p *Pack, d *draft, a *Attribute) {
	n := d.at["attribute "+a.Name]
	if a.Title == "" {
		a.Title = strings.ReplaceAll(a.Name, "_", " ")
	}
	if a.From != "" {
		vals, ok := p.shared[a.From]
		if !ok {
			r.fail(n, "attribute %s takes its values from %q, which no file of the pack's root holds", a.Name, a.From)
		}
		if only := d.only[a.Name]; len(only) > 0 {
			vals = r.pick(n, a, vals, only)
		}
		a.Allowed = append(append([]Allowed(nil), a.Allowed...), concerning(d, vals)...)
	}
	switch a.Kind {
	case KindNumber, KindInterval:
		unit := quantity.Canonical(a.Dimension)
		switch {
		case a.Dimension == quantity.None && a.Unit == "":
		case a.Dimension == quantity.None:
			r.fail(n, "attribute %s has the unit %s but no dimension", a.Name, a.Unit)
		case unit.Code == "":
			r.fail(n, "attribute %s has the dimension %q, which is not known", a.Name, a.Dimension)
		case a.Unit == "" || a.Unit != unit.Code:
			r.fail(n, "attribute %s of dimension %s must have the unit %s, the one unit of that dimension, not %q", a.Name, a.Dimension, unit.Code, a.Unit)
		}
		for _, v := range a.Allowed {
			if _, ok := a.Canonical(v.Value); !ok {
				r.fail(d.at["value "+a.Name+" "+v.Value], "value %q of the %s %s is not a plain decimal", v.Value, a.Kind, a.Name)
			}
		}
		if a.Min.IsNumber() && a.Max.IsNumber() && a.Min.Float() > a.Max.Float() {
			r.fail(n, "attribute %s has min %s above max %s", a.Name, a.Min, a.Max)
		}
	case KindEnum:
		if len(a.Allowed) == 0 {
			r.fail(n, "attribute %s is an enum without values", a.Name)
		}
	case KindText, KindDesignation, KindStandard:
	case "":
		r.fail(n, "attribute %s needs a kind: number, interval, enum, text, designation or standard", a.Name)
	default:
		r.fail(n, "attribute %s has the kind %q; kinds are number, interval, enum, text, designation, standard", a.Name, a.Kind)
	}
	if !a.Kind.Numeric() && (a.Unit != "" || a.Dimension != "" || a.Min.IsNumber() || a.Max.IsNumber() || a.Tolerance.IsNumber()) {
		r.fail(n, "attribute %s is no number: dimension, unit, min, max and tolerance have no meaning", a.Name)
	}
	if a.Below != "" {
		if b, _, ok := d.Attribute(a.Below); !ok || b.Dimension != a.Dimension {
			r.fail(n, "attribute %s is below %q, which is no attribute of the same dimension", a.Name, a.Below)
		}
	}
}

// concerning drops from the values of a shared list what they imply for
// attributes that this category does not have.
func concerning(d *draft, vals []Allowed) []Allowed {
	out := append([]Allowed(nil), vals...)
	for i := range out {
		var kept []Implied
		for _, im := range out[i].Implies {
			for k := range d.Attributes {
				if d.Attributes[k].Name == im.Attribute {
					kept = append(kept, im)
				}
			}
		}
		out[i].Implies = kept
	}
	return out
}

func (r *reader) pick(n node, a *Attribute, vals []Allowed, only []string) []Allowed {
	var out []Allowed
	for _, name := range only {
		found := false
		for _, v := range vals {
			if v.Value == name {
				out, found = append(out, v), true
			}
		}
		if !found {
			r.fail(n, "attribute %s wants %q of %s, which has no such entry", a.Name, name, a.From)
		}
	}
	return out
}

// terms enters every word of the category into its lexicon.
func (r *reader) terms(d *draft) {
	s, l := &d.Schema, d.lexiconOf()
	for i := range s.Attributes {
		a := &s.Attributes[i]
		for k, v := range a.Allowed {
			name := plain(v.Value)
			e := Entry{Name: s.Category + "/" + a.Name + "/" + name, Values: map[string]string{a.Name: name}}
			if a.From != "" && !d.own(a.Name, v.Value) {
				e.Name = a.From + "/" + name
			}
			for _, im := range v.Implies {
				e.Values[im.Attribute] = im.Value
			}
			m := Meaning{Role: RoleValue, Attribute: i, Index: k, Entry: e.Name}
			for _, t := range append([]string{v.Value}, v.Synonyms...) {
				atoms := atomTexts(t)
				if len(atoms) == 1 && isDigit(atoms[0][0]) {
					continue // a bare 4 does not mean four poles, nor class 4
				}
				if len(atoms) == 0 {
					r.fail(d.at["value "+a.Name+" "+v.Value], "%q of %s has no letter or digit", t, a.Name)
					continue
				}
				l.add(t, m)
				e.Spellings = append(e.Spellings, plain(t))
				if a.Noun {
					l.add(t, Meaning{Role: RoleNoun, Attribute: -1, Entry: s.Category})
				}
			}
			a.Allowed[k].Value = name
			if have, ok := s.entries[e.Name]; ok { // one list, two attributes
				for k, v := range e.Values {
					have.Values[k] = v
				}
			} else {
				s.entries[e.Name] = e
			}
		}
		for _, t := range a.Labels {
			l.add(t, Meaning{Role: RoleLabel, Attribute: i, Entry: s.Category + "/" + a.Name})
		}
	}
	for _, t := range s.Nouns {
		l.add(t, Meaning{Role: RoleNoun, Attribute: -1, Entry: s.Category})
	}
	for _, t := range s.Noise {
		l.add(t, Meaning{Role: RoleNoise, Attribute: -1, Entry: s.Category})
	}
}

func (d *draft) lexiconOf() *Lexicon { return d.lexicon }

// own reports whether the category itself lists the value.
func (d *draft) own(attribute, value string) bool {
	_, ok := d.at["value "+attribute+" "+value]
	return ok
}

// expandAll enters the abbreviations: short for a term, or for words that
// terms are made of. An abbreviation may name another one; a cycle is a
// mistake.
func (r *reader) expandAll(d *draft) {
	l := d.lexicon
	long := map[string]string{}
	for _, a := range d.Abbreviations {
		long[strings.Join(atomTexts(a.Short), " ")] = a.Long
	}
	for _, a := range d.Abbreviations {
		n := d.at["abbreviation "+a.Short]
		short := atomTexts(a.Short)
		target, seen := atomTexts(plain(a.Long)), map[string]bool{strings.Join(short, " "): true}
		if len(short) == 0 || len(target) == 0 {
			r.fail(n, "abbreviation %q of %q: both need a letter or digit", a.Short, a.Long)
			continue
		}
		cycle := false
		for len(l.lookup(target)) == 0 && !l.knowsAll(target) {
			key := strings.Join(target, " ")
			next, ok := long[key]
			if !ok {
				break
			}
			if cycle = seen[key]; cycle {
				break
			}
			seen[key] = true
			target = atomTexts(plain(next))
		}
		if len(short) > maxAlias {
			r.fail(n, "abbreviation %q has more than %d parts", a.Short, maxAlias)
			continue
		}
		switch ms := l.lookup(target); {
		case cycle:
			r.fail(n, "abbreviation %q of %q runs in a circle", a.Short, a.Long)
		case len(ms) > 0:
			for _, m := range ms {
				l.addAtoms(short, m)
				if e, ok := d.entries[m.Entry]; ok && m.Role == RoleValue {
					e.Spellings = append(e.Spellings, a.Short)
					d.entries[m.Entry] = e
				}
			}
			l.addAlias(short, target)
		case l.knowsAll(target):
			l.addAlias(short, target)
		default:
			r.fail(n, "abbreviation %q expands to %q, which no value, noun or label of %s uses", a.Short, a.Long, d.Category)
		}
	}
}

func (l *Lexicon) knowsAll(words []string) bool {
	for _, w := range words {
		if !l.known[w] {
			return false
		}
	}
	return true
}

// checkImplied holds every implied value against its attribute.
func (r *reader) checkImplied(d *draft) {
	check := func(n node, what string, is []Implied) {
		for _, i := range is {
			a, _, ok := d.Attribute(i.Attribute)
			if !ok {
				r.fail(n, "%s implies %s, which is no attribute of %s", what, i.Attribute, d.Category)
				continue
			}
			if _, ok := a.Canonical(i.Value); !ok {
				r.fail(n, "%s implies %s: %q, which is not one of its values", what, i.Attribute, i.Value)
			}
		}
	}
	for i := range d.Attributes {
		for _, v := range d.Attributes[i].Allowed {
			if d.own(d.Attributes[i].Name, v.Value) {
				check(d.at["value "+d.Attributes[i].Name+" "+v.Value], "value "+v.Value, v.Implies)
			}
		}
	}
	for _, s := range d.Standards {
		check(d.at["standard "+s.ID], s.ID, s.Implies)
	}
	for _, t := range d.Tables {
		for _, p := range t.Prefixes {
			check(d.at["table "+t.ID], "prefix "+p.Prefix, p.Implies)
		}
	}
	for _, p := range d.Patterns {
		check(p.at, "the pattern", p.Sets)
	}
	for _, o := range d.Orders {
		check(o.at, "the order", o.When)
	}
	for _, e := range d.Examples {
		for name := range e.Attributes {
			if _, _, ok := d.Attribute(name); !ok {
				r.fail(d.at["example "+e.Text], "the example has %s, which is no attribute of %s", name, d.Category)
			}
		}
	}
	for i := range d.Attributes {
		a := &d.Attributes[i]
		if a.Implicit != "" {
			if _, ok := a.Canonical(a.Implicit); !ok {
				r.fail(d.at["attribute "+a.Name], "attribute %s is implicitly %q, which is not one of its values", a.Name, a.Implicit)
			}
		}
	}
}

// Canonical returns the value that a plain value, as written in the pack, has
// in a record.
func (a *Attribute) Canonical(value string) (pipeline.Value, bool) {
	switch a.Kind {
	case KindNumber:
		return pipeline.Number(value)
	case KindInterval:
		from, to, ok := strings.Cut(value, "..")
		low, isNumber := pipeline.Number(from)
		if !ok {
			return low, isNumber
		}
		high, _ := pipeline.Number(to)
		return pipeline.Interval(low, high)
	case KindEnum:
		for i := range a.Allowed {
			if a.Allowed[i].Value == value {
				return pipeline.Text(value), true
			}
		}
		return pipeline.Value{}, false
	}
	return pipeline.Text(value), value != ""
}

// macros of patterns.
var macros = strings.NewReplacer(
	"{num}", `(?:[0-9]+(?:[.,][0-9]+)?)`,
	"{int}", `[0-9]+`,
	"{x}", ` *[x*] *`,
	"{sp}", `[ \-./]?`,
)

func (r *reader) compileOrder(d *draft, o *Order) {
	for _, name := range o.Rising {
		a, i, ok := d.Attribute(name)
		switch {
		case !ok:
			r.fail(o.at, "the order names %s, which is no attribute of %s", name, d.Category)
		case a.Kind != KindNumber || a.Dimension != d.Attributes[d.byName[o.Rising[0]]].Dimension:
			r.fail(o.at, "the order of %s needs numbers of one dimension, which %s is not", strings.Join(o.Rising, ", "), name)
		default:
			o.indices = append(o.indices, i)
		}
	}
}

func (r *reader) compilePattern(d *draft, i int) {
	p := &d.Patterns[i]
	p.ID = d.Category + "/pattern/" + strconv.Itoa(i+1)
	re, err := regexp.Compile(`^(?:` + macros.Replace(p.Match) + `)`)
	if err != nil {
		r.fail(p.at, "pattern: %v", err)
		return
	}
	p.re = re
	p.groups = make([]int, re.NumSubexp()+1)
	for g, name := range re.SubexpNames() {
		p.groups[g] = -1
		if name == "" {
			continue
		}
		_, a, ok := d.Attribute(name)
		if !ok {
			r.fail(p.at, "pattern has the group %s, which is no attribute of %s", name, d.Category)
			continue
		}
		p.groups[g] = a
	}
	p.first = firstBytes(macros.Replace(p.Match))
	p.needs = requires(macros.Replace(p.Match))
}
