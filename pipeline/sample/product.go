package sample

import (
	"strings"
)

// A product is one thing in the world. Two items that describe the same
// product are duplicates; two products never agree in all critical facts.
type product struct {
	id       string
	category string
	facts    []fact
	// maker and part are the approved make and its part number; part may be
	// empty (nobody orders a washer by part number).
	maker, part string
	// cents is what it costs; each plant pays a little more or less.
	cents int
	// kind chooses words and shapes within the category.
	kind int
}

// A fact is one attribute of a product in its canonical unit.
type fact struct {
	name, value, unit string
	// critical: two products that differ here are not interchangeable.
	critical bool
	// implicit: by the custom of the trade the value is meant where nothing is
	// written (an open bearing, a right-hand thread, coarse pitch).
	implicit bool
}

func (p *product) set(f fact) {
	for i := range p.facts {
		if p.facts[i].name == f.name {
			p.facts[i] = f
			return
		}
	}
	p.facts = append(p.facts, f)
}

func (p *product) get(name string) string {
	for _, f := range p.facts {
		if f.name == name {
			return f.value
		}
	}
	return ""
}

// key is what makes the product itself: the critical facts without those of
// the names in but.
func (p *product) key(but string) string {
	var b strings.Builder
	b.WriteString(p.category)
	for _, f := range p.facts {
		if f.critical && f.name != but {
			b.WriteString("|" + f.name + "=" + f.value)
		}
	}
	return b.String()
}

// A family makes the products of one category.
type family struct {
	category string
	deep     bool
	share    int // of a thousand products
	make     func(d dice) *product
	// twin returns a product that differs from p in one critical fact, and
	// the name of that fact; nil where the throw gives none.
	twin func(d dice, p *product) (*product, string)
	// describe writes the words of p.
	describe func(w *writer, p *product)
	// group is the material group by plant.
	group [3]string
	unit  [3]string
	price [2]int // cents
}

var families = []family{
	bearings, screws, nuts, washers, motors, pumps, valves, seals, cables,
}

func familyOf(category string) *family {
	for i := range families {
		if families[i].category == category {
			return &families[i]
		}
	}
	return nil
}

// other picks one of xs that is not x.
func other(d dice, xs []string, x string) string {
	for range 50 {
		if y := pick(d, xs); y != x {
			return y
		}
	}
	return x
}
