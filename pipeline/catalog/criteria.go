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
	code              bool    // a designation or part number
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
			code:     a.Kind == knowledge.KindDesignation,
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
	num     float64
	key     string // what is compared: the folded word or the number to 6 digits
	show    string // what a person reads
	conf    float64
}

// valueOf brings an attribute into the form in which it is compared.
func (c *criterion) valueOf(a *pipeline.Attribute) value {
	v := value{known: true, conf: a.Confidence, show: a.Value.String()}
	if c.number && a.Value.IsNumber() {
		v.num = a.Value.Float()
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

// equal reports whether two known values are the same within the tolerance.
func (c *criterion) equal(a, b *value) bool {
	if a.key == b.key {
		return true
	}
	// 1e-9 of slack: a tolerance of 0.1 accepts 25.0 and 25.1.
	return c.number && math.Abs(a.num-b.num) <= c.tolerance*(1+1e-9)+1e-9*math.Abs(a.num)
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
	v := value{known: true, implied: true, conf: 1, show: c.implicit}
	if n, ok := pipeline.Number(c.implicit); ok && c.number {
		v.num = n.Float()
		v.key = strconv.FormatFloat(v.num, 'g', 6, 64)
		return v
	}
	v.key = plain(c.implicit)
	return v
}
