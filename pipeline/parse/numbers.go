package parse

import (
	"slices"
	"sort"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/quantity"
)

// scan reads the quantities, before any word is: their units are no words.
func (r *reading) scan() {
	r.quantities = quantity.AppendScan(r.quantities[:0], r.source, quantity.Options{
		Language: r.lang, Expect: r.x.expect[r.schema.Category],
	})
	// What stands behind an @ says under which condition the value before it
	// holds (28mΩ@10V,5.8A): it is no value of the item.
	for i := range r.quantities {
		q := &r.quantities[i]
		if q.Start == 0 {
			continue
		}
		mark := r.source[q.Start-1]
		if mark == '@' || i > 0 && mark == ',' && r.quantities[i-1].End == q.Start-1 && r.condition(&r.quantities[i-1]) {
			r.conditions = append(r.conditions, q.Start)
		}
	}
	r.units = zeroed(r.units, len(r.source))
	for i := range r.quantities {
		q := &r.quantities[i]
		if len(q.Readings) > 0 || q.HasUnit() {
			for k := q.UnitStart; k < q.UnitEnd; k++ {
				r.units[k] = true
			}
		}
	}
}

// condition reports whether q is the condition of another value.
func (r *reading) condition(q *quantity.Quantity) bool {
	return slices.Contains(r.conditions, q.Start)
}

// numbers gives the quantities that are left to attributes: those with a label
// beside them first, then by their dimension in the order of the schema.
func (r *reading) numbers() {
	r.codes()
	for i := range r.quantities {
		q := &r.quantities[i]
		r.release(q)
		if attr := r.labelled(q); attr >= 0 {
			r.number(attr, q, 0.95)
		}
	}
	r.orders()
	for i := range r.quantities {
		q := &r.quantities[i]
		if !q.HasUnit() {
			r.resolve(q)
		}
		if !q.HasUnit() || r.condition(q) || q.Kind == quantity.Tolerant && !spread(q.Unit.Dimension) || !r.free(q.Start, q.NumEnd) {
			continue
		}
		for k := range r.schema.Attributes {
			a := &r.schema.Attributes[k]
			if takes(a, q) && a.Dimension == q.Unit.Dimension && !a.Labelled && !r.filled[k] &&
				(q.Kind == quantity.Range || !r.schema.Paired(k)) && r.number(k, q, 0.9) {
				break
			}
		}
	}
	r.sole()
}

// spread reports whether values of a dimension are deviations themselves: ±1 %,
// ±100 ppm/K.
func spread(d quantity.Dimension) bool {
	return d == quantity.Percent || d == quantity.TemperatureCoefficient
}

// orders gives numbers of one dimension to attributes whose values rise by
// physics.
func (r *reading) orders() {
	for i := range r.schema.Orders {
		o := &r.schema.Orders[i]
		if !r.has(o.When) {
			continue
		}
		attrs := r.order[:0]
		for _, k := range o.Indices() {
			if !r.filled[k] {
				attrs = append(attrs, k)
			}
		}
		r.order = attrs
		if len(attrs) == 0 {
			continue
		}
		var found []*quantity.Quantity
		for k := range r.quantities {
			q := &r.quantities[k]
			if q.HasUnit() && q.Unit.Dimension == r.schema.Attributes[attrs[0]].Dimension && q.Kind != quantity.Range && q.Kind != quantity.Tolerant && r.free(q.Start, q.NumEnd) && !r.condition(q) {
				found = append(found, q)
			}
		}
		if len(found) != len(attrs) {
			continue
		}
		sort.SliceStable(found, func(a, b int) bool {
			x, _ := found[a].Canonical()
			y, _ := found[b].Canonical()
			return x.Value.Cmp(y.Value) < 0
		})
		for k, q := range found {
			r.number(attrs[k], q, ordered)
		}
	}
}

// ordered is the confidence of a value whose size told what it is.
const ordered = 0.88

// has reports whether the values have been read.
func (r *reading) has(values []knowledge.Implied) bool {
	for _, v := range values {
		ok := false
		for i := range r.out {
			ok = ok || r.out[i].Name == v.Attribute && r.out[i].Value.String() == v.Value
		}
		if !ok {
			return false
		}
	}
	return true
}

// sole gives the one bare number that is left to the attribute that may take
// it.
func (r *reading) sole() {
	for k := range r.schema.Attributes {
		a := &r.schema.Attributes[k]
		if !a.Sole || r.filled[k] {
			continue
		}
		var found *quantity.Quantity
		n := 0
		for i := range r.quantities {
			q := &r.quantities[i]
			if len(q.Readings) > 0 || q.HasUnit() || q.Glued || q.Kind != quantity.Single || r.condition(q) || !r.free(q.Start, q.NumEnd) {
				continue
			}
			if v, ok := pipeline.Number(q.Value.String()); ok && r.plausible(a, v) {
				found = q
				n++
			}
		}
		if n == 1 {
			r.number(k, found, ordered)
		}
	}
}

// release takes the unit from a number when it is the label of the next one:
// 16 DN 40 has no decinewtons.
func (r *reading) release(q *quantity.Quantity) {
	for _, l := range r.labels {
		if l.start <= q.UnitStart && q.UnitEnd <= l.end && q.UnitStart < q.UnitEnd {
			q.Unit, q.Readings, q.End, q.UnitStart, q.UnitEnd = quantity.Unit{}, nil, q.NumEnd, q.NumEnd, q.NumEnd
			return
		}
	}
}

// resolve picks the reading of an ambiguous unit (50 M in capitals: metres,
// megahertz) that alone is plausible for an attribute of the category.
func (r *reading) resolve(q *quantity.Quantity) {
	found, n := quantity.Unit{}, 0
	for _, u := range q.Readings {
		with := *q
		with.Unit = u
		c, err := with.Canonical()
		if err != nil || !c.Value.Exact() {
			continue
		}
		v, ok := pipeline.Number(c.Value.String())
		if !ok {
			continue
		}
		for k := range r.schema.Attributes {
			a := &r.schema.Attributes[k]
			if takes(a, q) && a.Dimension == u.Dimension && (a.Min.IsNumber() || a.Max.IsNumber()) && r.plausible(a, v) {
				found = u
				n++
				break
			}
		}
	}
	if n == 1 {
		q.Unit = found
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
		if !takes(a, q) || r.filled[l.attribute] || !fits(a, q) {
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

// takes reports whether an attribute takes a quantity of that form: a number
// one value, an interval both.
func takes(a *knowledge.Attribute, q *quantity.Quantity) bool {
	return a.Kind == knowledge.KindInterval || a.Kind == knowledge.KindNumber && q.Kind != quantity.Range
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
	if !takes(a, q) {
		return false // two ends are not one value
	}
	c, err := q.Canonical()
	if err != nil {
		return false
	}
	v, ok := pipeline.Number(c.Value.String())
	if ok && c.Kind == quantity.Range && c.High != nil {
		high, isNumber := pipeline.Number(c.High.String())
		if isNumber && high.Float() < v.Float() {
			v, high = high, v
		}
		v, ok = pipeline.Interval(v, high)
	}
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

// codes reads what stands behind the label of a word: class 10, frame 180L. It
// must be one of the allowed values, or, for a designation, hold a digit.
func (r *reading) codes() {
	for _, l := range r.labels {
		a := &r.schema.Attributes[l.attribute]
		if a.Kind != knowledge.KindEnum && a.Kind != knowledge.KindDesignation || r.filled[l.attribute] {
			continue
		}
		i := 0
		for i < len(r.Atoms) && r.Atoms[i].Start < l.end {
			i++
		}
		if i == len(r.Atoms) || !r.between(l.end, r.Atoms[i].Start) {
			continue
		}
		// The longest chunk of atoms that touch or are joined by one byte.
		to := i + 1
		for to < len(r.Atoms) && to-i < 4 && (r.Atoms[to].Glued || r.Atoms[to].Join == '.' || r.Atoms[to].Join == '-' || r.Atoms[to].Join == '/') {
			to++
		}
		for ; to > i; to-- {
			start, end := r.Atoms[i].Start, r.Atoms[to-1].End
			if to < len(r.Atoms) && r.Atoms[to].Glued || !r.free(start, end) {
				continue
			}
			if v, ok := r.codeValue(a, string(r.Text[r.Atoms[i].Pos:r.Atoms[to-1].Stop])); ok {
				r.emit(l.attribute, pipeline.Text(v), start, end, pipeline.Normalised, "", 0.95)
				r.take(start, end)
				break
			}
		}
	}
}

func (r *reading) codeValue(a *knowledge.Attribute, folded string) (string, bool) {
	if a.Kind == knowledge.KindDesignation {
		digit := false
		for i := range len(folded) {
			digit = digit || '0' <= folded[i] && folded[i] <= '9'
		}
		return code(folded), digit
	}
	want := compact(folded)
	for k := range a.Allowed {
		if compact(knowledge.FoldText(a.Allowed[k].Value)) == want {
			return a.Allowed[k].Value, true
		}
	}
	return "", false
}
