package catalog

import (
	"math"
	"sort"
	"strconv"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/embed"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
)

// A criterion is one attribute of a category as a comparison sees it.
type criterion struct {
	name, title, unit string
	number            bool
	critical          bool
	required          bool    // every such item has one, whether stated or not
	maker             bool    // who makes it: evidence, and the partner of a part number
	standard          bool    // its values are names of standards
	tolerance         float64 // in unit; two numbers this far apart are the same
	// implicit is the value that the trade means where nothing is written;
	// empty where there is no such custom.
	implicit string
	// same maps a value to the representative of its equivalents (DIN 933 and
	// ISO 4017); nil where there are none.
	same map[string]string
}

// criteria are the attributes of one category, at most 64 of them critical.
type criteria struct {
	category string
	list     []criterion
	byName   map[string]int
	critical []int // indices into list
}

// criteriaOf derives the criteria of one category from what is known of it.
func criteriaOf(s *knowledge.Schema) *criteria {
	c := &criteria{category: s.Category, byName: map[string]int{}}
	for i := range s.Attributes {
		a := &s.Attributes[i]
		cr := criterion{
			name:     a.Name,
			title:    a.Title,
			unit:     a.Unit,
			number:   a.Kind == knowledge.KindNumber,
			critical: a.Critical,
			required: a.Required,
			maker:    a.Name == makerAttribute,
			standard: a.Kind == knowledge.KindStandard,
			implicit: a.Implicit,
		}
		if cr.title == "" {
			cr.title = strings.ReplaceAll(a.Name, "_", " ")
		}
		if a.Tolerance.IsNumber() {
			cr.tolerance = math.Abs(a.Tolerance.Float())
		}
		if a.Kind == knowledge.KindStandard {
			cr.same = equivalents(s.Standards)
		}
		c.add(cr)
	}
	return c
}

// makerAttribute is the name under which every category keeps its maker.
const makerAttribute = "manufacturer"

func (c *criteria) add(cr criterion) {
	i := len(c.list)
	c.byName[cr.name] = i
	c.list = append(c.list, cr)
	if cr.critical && len(c.critical) < 64 {
		c.critical = append(c.critical, i)
	}
}

// equivalents maps each standard to the first, in order of names, of those
// that are the same for a buyer.
func equivalents(standards []knowledge.Standard) map[string]string {
	root := map[string]string{}
	var find func(string) string
	find = func(x string) string {
		if p, ok := root[x]; ok && p != x {
			return find(p)
		}
		return x
	}
	for _, s := range standards {
		for _, e := range s.Equivalent {
			a, b := find(s.ID), find(e)
			if b < a {
				a, b = b, a
			}
			root[b] = a
		}
	}
	if len(root) == 0 {
		return nil
	}
	same := map[string]string{}
	for x := range root {
		same[plain(x)] = plain(find(x))
	}
	return same
}

// plain is the form in which words are compared: folded, no spaces, so
// that "2 RS", "2-RS" and "2rs" are one value.
func plain(s string) string {
	return strings.ReplaceAll(string(embed.Fold(nil, s)), " ", "")
}

// A value is what an item says for one criterion.
type value struct {
	known   bool
	implied bool // nothing is written; the custom of the trade fills it
	// doubtful says why the record itself doubts the value, empty where it does
	// not
	doubtful string
	derived  bool // follows from another value of the same item
	number   bool
	num      float64
	// converted from another system of units, so that num is not round
	converted bool
	key       string // what is compared: the folded word or the number to 6 digits
	join      string // the key by which candidates are joined
	show      string // what a person reads
}

// valueOf brings an attribute into the form in which it is compared.
func (c *criterion) valueOf(a *pipeline.Attribute) value {
	v := value{known: true, derived: c.derived(a), show: a.Value.String()}
	if c.number && a.Value.IsNumber() {
		v.number, v.num = true, a.Value.Float()
		v.converted = converted(v.show)
		if v.converted {
			v.show = strconv.FormatFloat(v.num, 'g', 5, 64)
		}
		v.key = strconv.FormatFloat(v.num, 'g', 6, 64)
		if a.Unit != "" && a.Unit != "1" {
			v.show += " " + a.Unit
		}
		return v
	}
	v.key = plain(v.show)
	if s, ok := c.same[v.key]; ok {
		v.key = s
	}
	v.known = v.key != ""
	return v
}

// derived reports whether a was not read but follows from something that was:
// from a standard or a table, or from a dictionary entry of another attribute
// (entries are named category/attribute/value).
func (c *criterion) derived(a *pipeline.Attribute) bool {
	switch a.Provenance {
	case pipeline.Standard:
		return !c.standard
	case pipeline.Dictionary:
		parts := strings.SplitN(a.Evidence, "/", 3)
		return len(parts) == 3 && parts[1] != c.name
	}
	return false
}

// nominal is how far a value that was converted from another system may lie
// from the round one that is meant: 40 hp are 29.8 kW and are sold as 30 kW.
// The steps of the preferred numbers behind such ratings are 12 % and more.
const nominal = 0.035

// equal reports whether two known values are the same within the tolerance.
func (c *criterion) equal(a, b *value) bool {
	if a.key == b.key {
		return true
	}
	if !c.number {
		return false
	}
	d, most := math.Abs(a.num-b.num), math.Max(math.Abs(a.num), math.Abs(b.num))
	// 1e-9 of slack: a tolerance of 0.1 accepts 25.0 and 25.1.
	if d <= c.tolerance*(1+1e-9)+1e-9*most {
		return true
	}
	return a.converted != b.converted && d <= nominal*most
}

// converted reports whether a decimal has more digits than anybody writes: it
// came out of a conversion between systems of units.
func converted(s string) bool {
	s = strings.TrimLeft(strings.TrimLeft(strings.TrimPrefix(s, "-"), "0"), ".0")
	return len(strings.ReplaceAll(s, ".", "")) > 7
}

// categories returns the criteria of every category of the pack, by name.
func categories(p *knowledge.Pack) map[string]*criteria {
	out := map[string]*criteria{}
	if p == nil {
		return out
	}
	names := p.Categories()
	sort.Strings(names)
	for _, n := range names {
		if s, ok := p.Schema(n); ok {
			out[n] = criteriaOf(s)
		}
	}
	return out
}

// implicitValue is the value of c in an item that says nothing about it.
func (c *criterion) implicitValue() value {
	v := value{known: true, implied: true, show: c.implicit}
	if n, ok := pipeline.Number(c.implicit); ok && c.number {
		v.number, v.num = true, n.Float()
		v.key = strconv.FormatFloat(v.num, 'g', 6, 64)
		return v
	}
	v.key = plain(c.implicit)
	return v
}
