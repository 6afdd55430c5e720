package parse

import (
	"context"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/guard"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/quantity"
)

// Ground answers for one value whether a source carries it: the guard's verdict
// on what an extractor would have to claim. field is an attribute's name, or
// CATEGORY.NAME; without a category it is read in that of the source, else in
// the first category that has it, and a name that no category has is judged by
// the value's own unit. Errors: invalid (no value, an unknown category).
func (ps *Parser) Ground(ctx context.Context, source, field, value string) (guard.Verdict, error) {
	value = strings.TrimSpace(value)
	if value == "" {
		return guard.Verdict{}, pipeline.Errorf(pipeline.CodeInvalid, "no value to look for").WithHint("write it like \"25 mm\"")
	}
	s, a, err := ps.fieldOf(source, field)
	if err != nil {
		return guard.Verdict{}, err
	}
	number, unit, isNumber := measure(value, a)
	if a == nil || isNumber && a.Kind == knowledge.KindEnum && !strings.Contains(field, ".") {
		return anyField(source, value, number, unit, isNumber), nil
	}
	cl := claim{attribute: a, value: value}
	if a.Kind == knowledge.KindNumber && isNumber {
		cl.value, cl.unit = number, unit
	}
	c := ps.claimant(s, pipeline.Item{ID: "1", Source: source}, "")
	got, bad := c.resolve(cl)
	if bad.Code != "" {
		// The dictionaries may read what no entry spells out.
		read, err := ps.readBy(ctx, s, a, source, cl)
		if err != nil || read == nil {
			return guard.Verdict{Reason: bad.Detail}, err
		}
		got = *read
	}
	reason := "stands in the text"
	switch got.Provenance {
	case pipeline.Dictionary, pipeline.Standard:
		reason = "named entry " + got.Evidence
	case pipeline.Normalised:
		reason = "stands in the text in another form"
	}
	return guard.Verdict{Grounded: true, Span: got.Span, Provenance: got.Provenance, Reason: reason}, nil
}

// readBy is the attribute as the extractor reads it from the source, where that
// is the claimed value and the guard lets it stand.
func (ps *Parser) readBy(ctx context.Context, s *knowledge.Schema, a *knowledge.Attribute, source string, cl claim) (*pipeline.Attribute, error) {
	item := pipeline.Item{ID: "1", Source: source}
	resp, err := ps.extractor.Extract(ctx, Request{Item: item, Schema: s})
	if err != nil {
		return nil, err
	}
	r := pipeline.Record{Source: source, Category: s.Category, Attributes: resp.Attributes}
	ps.complete(s, &r)
	ps.check(s, &r, "")
	have, ok := r.Attribute(a.Name)
	if !ok {
		return nil, nil
	}
	want := pipeline.Text(cl.value)
	if a.Kind == knowledge.KindNumber {
		c := ps.claimant(s, item, "")
		v, _, problem := c.number(a, cl.value, cl.unit)
		if problem != "" {
			return nil, nil
		}
		want = v
	} else if v, ok := a.Canonical(cl.value); ok {
		want = v
	}
	if have.Value.String() != want.String() {
		return nil, nil
	}
	return &have, nil
}

// anyField judges a value of a name that no category has: by the value's own
// unit, in every reading of it.
func anyField(source, value, number, unit string, isNumber bool) guard.Verdict {
	src := guard.Read(source, quantity.Options{})
	if !isNumber {
		return src.Ground(guard.Claim{Value: pipeline.Text(value)})
	}
	v, ok := pipeline.Number(number)
	if !ok {
		return guard.Verdict{Reason: value + " is not a plain number"}
	}
	readings := quantity.LookupUnit(unit)
	if u, err := quantity.ParseUnit(unit); unit != "" && err == nil {
		readings = append([]quantity.Unit{u}, readings...)
	}
	verdict := guard.Verdict{Reason: "\"" + unit + "\" is not a unit"}
	if unit == "" {
		verdict = src.Ground(guard.Claim{Value: v})
	}
	for _, u := range readings {
		if verdict = src.Ground(guard.Claim{Value: v, Unit: u.Code, Dimension: u.Dimension}); verdict.Grounded {
			break
		}
	}
	return verdict
}

// fieldOf finds the attribute that a name means for a source.
func (ps *Parser) fieldOf(source, field string) (*knowledge.Schema, *knowledge.Attribute, error) {
	if category, name, ok := strings.Cut(field, "."); ok {
		s, known := ps.pack.Schema(category)
		if !known {
			return nil, nil, pipeline.Errorf(pipeline.CodeInvalid, "there is no category %q", category).WithHint("assay knowledge show lists them")
		}
		a, _, known := s.Attribute(name)
		if !known {
			return nil, nil, pipeline.Errorf(pipeline.CodeInvalid, "category %s has no attribute %q", category, name).WithHint("assay knowledge show %s lists them", category)
		}
		return s, a, nil
	}
	category, _, _ := ps.pack.Classify(pipeline.Item{ID: "1", Source: source})
	for _, name := range append([]string{category}, ps.pack.Categories()...) {
		if s, ok := ps.pack.Schema(name); ok {
			if a, _, ok := s.Attribute(field); ok {
				return s, a, nil
			}
		}
	}
	return nil, nil, nil
}

// measure splits a value such as "-15 V", "1.5kW" or "1 1/2 in" into a plain
// number and its unit.
func measure(value string, a *knowledge.Attribute) (number, unit string, ok bool) {
	if d, plain := quantity.ParseDecimal(value); plain {
		return d.String(), "", true
	}
	i := 0
	for i < len(value) && strings.IndexByte("+-0123456789.,", value[i]) >= 0 {
		i++
	}
	if i > 0 && i < len(value) {
		if d, plain := quantity.ParseDecimal(strings.TrimPrefix(value[:i], "+")); plain {
			rest := strings.TrimSpace(value[i:])
			if a != nil && a.Kind == knowledge.KindNumber {
				if _, known := unitFor(a, rest); known {
					return d.String(), rest, true
				}
			}
			if _, err := quantity.ParseUnit(rest); err == nil || len(quantity.LookupUnit(rest)) > 0 {
				return d.String(), rest, true
			}
		}
	}
	qs := quantity.Scan(value, quantity.Options{})
	if len(qs) != 1 || !qs[0].HasUnit() {
		return "", "", false
	}
	q := qs[0]
	if a != nil && a.Dimension != quantity.None {
		if r, resolved := q.Resolve(a.Dimension); resolved {
			q = r
		}
	}
	return q.Value.String(), q.Unit.String(), true
}
