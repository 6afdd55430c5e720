package knowledge

import (
	"regexp"
	"strings"
	"sync"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/quantity"
)

var nameForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z][a-z0-9_]*$`) })

// draft is a category while its files are read.
type draft struct {
	Schema
	head node // where the category is declared
	// broken: a file of it is not YAML.
	broken bool
	at     map[string]node     // where "attribute x", "abbreviation y" … are declared
	only   map[string][]string // attribute → the part of its shared list
}

func (d *draft) mark(kind, name string, n node) (again bool) {
	k := kind + " " + name
	_, again = d.at[k]
	if !again {
		d.at[k] = n
	}
	return again
}

// category reads one file of a category folder into d.
func (r *reader) category(d *draft, n node) {
	r.fields(n, "a category file", map[string]func(node){
		"category": func(n node) {
			d.head = n
			var name string
			r.str(&name)(n)
			if name != d.Category {
				r.fail(n, "category %q stands in the folder %q: they must be the same", name, d.Category)
			}
		},
		"title":  r.str(&d.Title),
		"parent": r.str(&d.Parent),
		"nouns":  r.strs(&d.Nouns),
		"stocked": func(n node) {
			var by string
			r.str(&by)(n)
			if d.Stocked = quantity.Dimension(by); d.Stocked != quantity.Length {
				r.fail(n, "stocked %q: length is the only dimension that items are counted in beside pieces", by)
			}
		},
		"noise":         r.strs(&d.Noise),
		"attributes":    func(n node) { r.each(n, "attributes", func(n node) { r.attribute(d, n) }) },
		"patterns":      func(n node) { r.each(n, "patterns", func(n node) { r.pattern(d, n) }) },
		"orders":        func(n node) { r.each(n, "orders", func(n node) { r.order(d, n) }) },
		"standards":     func(n node) { r.each(n, "standards", func(n node) { r.standard(d, n) }) },
		"tables":        func(n node) { r.each(n, "tables", func(n node) { r.table(d, n) }) },
		"abbreviations": func(n node) { r.abbreviations(d, n) },
		"examples":      func(n node) { r.each(n, "examples", func(n node) { r.example(d, n) }) },
	})
}

func (r *reader) attribute(d *draft, n node) {
	var a Attribute
	var kind, dimension string
	var only []string
	r.fields(n, "an attribute", map[string]func(node){
		"name": r.str(&a.Name), "title": r.str(&a.Title), "kind": r.str(&kind),
		"dimension": r.str(&dimension), "unit": r.str(&a.Unit), "from": r.str(&a.From), "only": r.strs(&only),
		"required": r.boolean(&a.Required), "critical": r.boolean(&a.Critical), "open": r.boolean(&a.Open), "noun": r.boolean(&a.Noun),
		"implied": r.boolean(&a.Implied), "implicit": r.str(&a.Implicit), "below": r.str(&a.Below),
		"labels": r.strs(&a.Labels), "labelled": r.boolean(&a.Labelled), "sole": r.boolean(&a.Sole),
		"on_fail":   r.str(&a.OnFail),
		"tolerance": r.number(&a.Tolerance), "min": r.number(&a.Min), "max": r.number(&a.Max),
		"values": func(n node) {
			r.each(n, "values", func(n node) {
				var v Allowed
				if n.kind == 's' {
					r.str(&v.Value)(n)
				} else {
					r.fields(n, "a value", map[string]func(node){
						"value": r.str(&v.Value), "synonyms": r.strs(&v.Synonyms), "implies": r.implied(&v.Implies),
						"generic": r.boolean(&v.Generic),
					})
				}
				if v.Value == "" {
					r.fail(n, "a value needs the field value")
					return
				}
				if d.mark("value "+a.Name, v.Value, n) {
					r.fail(n, "value %q of %s is there twice", v.Value, a.Name)
				}
				a.Allowed = append(a.Allowed, v)
			})
		},
	})
	a.Kind, a.Dimension = Kind(kind), quantity.Dimension(dimension)
	switch a.OnFail {
	case "", "reask", "fix", "null_and_flag", "review", "fallback":
	default:
		r.fail(n, "on_fail of %s is %q, which is none of reask, fix, null_and_flag, review, fallback", a.Name, a.OnFail)
	}
	switch {
	case !nameForm().MatchString(a.Name):
		r.fail(n, "attribute name %q must be lower case letters, digits and _", a.Name)
		return
	case d.mark("attribute", a.Name, n):
		r.fail(n, "attribute %s is there twice", a.Name)
		return
	}
	d.only[a.Name] = only
	if a.From == "manufacturers" {
		a.Open = true // nobody lists every maker
	}
	d.Attributes = append(d.Attributes, a)
}

func (r *reader) implied(dst *[]Implied) func(node) {
	return func(n node) {
		if n.kind != 'm' {
			r.fail(n, "implies must be a mapping from attribute to value")
			return
		}
		for i, k := range n.keys {
			var v string
			r.str(&v)(n.vals[i])
			*dst = append(*dst, Implied{k.text, v})
		}
	}
}

func (r *reader) pattern(d *draft, n node) {
	p := Pattern{at: n}
	var weight pipeline.Value
	r.fields(n, "a pattern", map[string]func(node){
		"match": r.str(&p.Match), "sets": r.implied(&p.Sets), "weight": r.number(&weight),
	})
	if p.Match == "" {
		r.fail(n, "a pattern needs the field match")
		return
	}
	p.Weight = weight.Float()
	d.Patterns = append(d.Patterns, p)
}

func (r *reader) order(d *draft, n node) {
	o := Order{at: n}
	r.fields(n, "an order", map[string]func(node){"when": r.implied(&o.When), "rising": r.strs(&o.Rising)})
	if len(o.Rising) == 0 {
		r.fail(n, "an order needs the field rising")
		return
	}
	d.Orders = append(d.Orders, o)
}

func (r *reader) standard(d *draft, n node) {
	var s Standard
	r.fields(n, "a standard", map[string]func(node){
		"id": r.str(&s.ID), "title": r.str(&s.Title), "aliases": r.strs(&s.Aliases),
		"equivalent": r.strs(&s.Equivalent), "implies": r.implied(&s.Implies),
		"sizes": func(n node) {
			s.Sizes = map[string][]string{}
			if n.kind != 'm' {
				r.fail(n, "sizes must be a mapping from attribute to values")
				return
			}
			for i, k := range n.keys {
				var vs []string
				r.strs(&vs)(n.vals[i])
				if n.vals[i].kind == 's' { // "M3 M4 M5" is shorter than a list
					vs = strings.Fields(vs[0])
				}
				s.Sizes[k.text] = vs
			}
		},
	})
	switch {
	case s.ID == "":
		r.fail(n, "a standard needs the field id")
	case d.mark("standard", s.ID, n):
		r.fail(n, "standard %s is there twice", s.ID)
	default:
		d.Standards = append(d.Standards, s)
	}
}

func (r *reader) table(d *draft, n node) {
	t := Table{Rows: map[string][]pipeline.Value{}}
	var rows node
	r.fields(n, "a table", map[string]func(node){
		"id": r.str(&t.ID), "key": r.str(&t.Key), "columns": r.strs(&t.Columns), "default": r.boolean(&t.Default),
		"rows": func(n node) { rows = n },
		"prefixes": func(n node) {
			if n.kind != 'm' {
				r.fail(n, "prefixes must be a mapping from prefix to what it implies")
				return
			}
			for i, k := range n.keys {
				p := Prefix{Prefix: k.text}
				if n.vals[i].kind != '0' {
					r.implied(&p.Implies)(n.vals[i])
				}
				t.Prefixes = append(t.Prefixes, p)
			}
		},
	})
	switch {
	case t.ID == "" || t.Key == "" || len(t.Columns) == 0 || rows.kind != 'm':
		r.fail(n, "a table needs the fields id, key, columns and rows")
		return
	case d.mark("table", t.ID, n):
		r.fail(n, "table %s is there twice", t.ID)
		return
	}
	for i, k := range rows.keys {
		cells := strings.Fields(rows.vals[i].text)
		if len(cells) != len(t.Columns) {
			r.fail(k, "row %s of table %s has %d values for %d columns", k.text, t.ID, len(cells), len(t.Columns))
			continue
		}
		row := make([]pipeline.Value, len(cells))
		for c, cell := range cells {
			if cell == "-" {
				continue
			}
			v, ok := pipeline.Number(cell)
			if !ok {
				v = pipeline.Text(cell)
			}
			row[c] = v
		}
		t.Rows[k.text] = row
	}
	if len(t.Prefixes) == 0 {
		t.Prefixes = []Prefix{{}}
	}
	d.Tables = append(d.Tables, t)
}

func (r *reader) abbreviations(d *draft, n node) {
	if n.kind != 'm' {
		r.fail(n, "abbreviations must be a mapping from the short to the long form")
		return
	}
	for i, k := range n.keys {
		var longs []string
		r.strs(&longs)(n.vals[i])
		for _, long := range longs {
			d.mark("abbreviation", k.text, k)
			d.Abbreviations = append(d.Abbreviations, Abbreviation{k.text, long})
		}
	}
}

func (r *reader) example(d *draft, n node) {
	e := Example{Attributes: map[string]string{}}
	r.fields(n, "an example", map[string]func(node){
		"text": r.str(&e.Text),
		"attributes": func(n node) {
			var is []Implied
			r.implied(&is)(n)
			for _, i := range is {
				e.Attributes[i.Attribute] = i.Value
			}
		},
	})
	if e.Text == "" {
		r.fail(n, "an example needs the field text")
		return
	}
	d.Examples = append(d.Examples, e)
	d.mark("example", e.Text, n)
}
