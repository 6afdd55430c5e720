package parse

import (
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/quantity"
)

// numbers gives the quantities that are left to attributes: those with a label
// beside them first, then by their dimension in the order of the schema.
func (r *reading) numbers() {
	r.quantities = quantity.AppendScan(r.quantities[:0], r.source, quantity.Options{
		Language: r.lang, Expect: r.x.expect[r.schema.Category],
	})
	for i := range r.quantities {
		q := &r.quantities[i]
		if attr := r.labelled(q); attr >= 0 {
			r.number(attr, q, 0.95)
		}
	}
	for i := range r.quantities {
		q := &r.quantities[i]
		if !q.HasUnit() || q.Kind == quantity.Tolerant || !r.free(q.Start, q.NumEnd) {
			continue
		}
		for k := range r.schema.Attributes {
			a := &r.schema.Attributes[k]
			if a.Kind == knowledge.KindNumber && a.Dimension == q.Unit.Dimension && !a.Labelled && !r.filled[k] && r.number(k, q, 0.9) {
				break
			}
		}
	}
}

// labelled is the attribute whose label stands beside q and whose dimension
// fits, -1 for none. A label before the number wins over one behind it.
func (r *reading) labelled(q *quantity.Quantity) int {
	if !r.free(q.Start, q.NumEnd) || q.Kind == quantity.Tolerant {
		return -1
	}
	best := -1
	for _, l := range r.labels {
		a := &r.schema.Attributes[l.attribute]
		if a.Kind != knowledge.KindNumber || r.filled[l.attribute] || !fits(a, q) {
			continue
		}
		if l.end <= q.Start && r.between(l.end, q.Start) {
			return l.attribute
		}
		if l.start >= q.End && best < 0 && r.between(q.End, l.start) && q.Group == 0 {
			best = l.attribute
		}
	}
	return best
}

// between reports whether only spaces and a sign of equality stand there.
func (r *reading) between(from, to int) bool {
	if to-from > 4 {
		return false
	}
	for _, c := range []byte(r.source[from:to]) {
		switch c {
		case ' ', '=', ':', '.', '-', '~':
		default:
			return false
		}
	}
	return true
}

func fits(a *knowledge.Attribute, q *quantity.Quantity) bool {
	if q.HasUnit() {
		return q.Unit.Dimension == a.Dimension
	}
	return len(q.Readings) == 0 && (a.Implied || a.Dimension == quantity.None)
}

// number reads q into an attribute, in the attribute's unit.
func (r *reading) number(attr int, q *quantity.Quantity, confidence float64) bool {
	a := &r.schema.Attributes[attr]
	if q.Kind == quantity.Range {
		return false // two ends are not one value
	}
	c, err := q.Canonical()
	if err != nil || !c.Value.Exact() {
		return false
	}
	v, ok := pipeline.Number(c.Value.String())
	if !ok || !r.plausible(a, v) {
		return false
	}
	end := q.NumEnd
	if q.UnitEnd == q.End {
		end = q.End
	}
	p := pipeline.Normalised
	r.emit(attr, v, q.Start, end, p, "", confidence)
	r.take(q.Start, q.End)
	return true
}
