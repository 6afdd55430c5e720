package catalog

import (
	"context"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline/catalog/postings"
)

// filters reads, for each filter, who meets it. Orders on one attribute are one
// interval, so that a narrow one is a short stretch of the index.
func (p *plan) filters(ctx context.Context, fs []Filter) error {
	orders := map[string][]*Filter{}
	for i := range fs {
		f := &fs[i]
		if f.bounds != nil && f.Op != "=" && f.Op != "!=" {
			of := f.attributes()
			orders[of] = append(orders[of], f)
			continue
		}
		var s *source
		var err error
		if f.bounds == nil {
			s, err = p.either(ctx, f.Op == "!=", []string{keyHas + f.Attribute}, []string{keyOf(keyMeta, f.Attribute, f.word)})
		} else {
			s, err = p.equal(ctx, f)
		}
		if err != nil {
			return err
		}
		p.must = append(p.must, s)
	}
	for _, name := range slices.Sorted(maps.Keys(orders)) {
		s := &source{}
		for category := range orders[name][0].bounds {
			if err := p.numbers(ctx, s, category, orders[name]); err != nil {
				return err
			}
		}
		p.must = append(p.must, s)
	}
	return nil
}

// attributes names what f is on, in every category that has it.
func (f *Filter) attributes() string {
	var b strings.Builder
	for _, category := range slices.Sorted(maps.Keys(f.bounds)) {
		b.WriteString(stem(category, f.bounds[category].name) + "\n")
	}
	return b.String()
}

// either is who has one of the keys is; with but, who has one of states and none
// of is.
func (p *plan) either(ctx context.Context, but bool, states, is []string) (*source, error) {
	has, some := &source{}, &source{}
	at := map[string][]*source{}
	for _, k := range is {
		at[k] = append(at[k], has)
	}
	if but {
		for _, k := range states {
			at[k] = append(at[k], some)
		}
	}
	if err := p.read(ctx, at); err != nil || !but {
		return has, err
	}
	some.without(has)
	return some, nil
}

func (s *source) without(t *source) {
	for b, x := range s.blocks {
		if y := t.at(b); x != nil && y != nil {
			x.AndNot(y)
		}
	}
}

// equal is who meets a filter of = or != on an attribute.
func (p *plan) equal(ctx context.Context, f *Filter) (*source, error) {
	var states, is []string
	near := &source{}
	for category, b := range f.bounds {
		of := stem(category, b.name)
		states = append(states, keyStates+of, keyCounts+of)
		is = append(is, keyOf(keyText, of, f.word))
		if !b.number {
			is = append(is, keyOf(keyString, of, f.word))
			continue
		}
		equal := *f
		equal.Op = "="
		if err := p.numbers(ctx, near, category, []*Filter{&equal}); err != nil {
			return nil, err
		}
	}
	slices.Sort(states)
	slices.Sort(is)
	s, err := p.either(ctx, f.Op == "!=", slices.Compact(states), slices.Compact(is))
	if err != nil {
		return nil, err
	}
	if f.Op == "!=" {
		s.without(near)
		return s, nil
	}
	for b, x := range near.blocks {
		if x != nil {
			s.or(b, x)
		}
	}
	return s, nil
}

func (s *source) or(block int, x *postings.Bits) {
	for len(s.blocks) <= block {
		s.blocks = append(s.blocks, nil)
	}
	if s.blocks[block] == nil {
		s.blocks[block] = new(postings.Bits)
	}
	s.blocks[block].Or(x)
}

// numbers adds to s who states a number of a category that all of fs hold for;
// fs are on one attribute. Numbers that certainly do are read by coarse steps,
// those at the ends one by one (after Schindler and Diepenbroek, "Generic XML-based
// framework for metadata portals", 2008, whose tries have more steps).
func (p *plan) numbers(ctx context.Context, s *source, category string, fs []*Filter) error {
	// All of [inner[0], inner[1]] hold; none outside of [outer[0], outer[1]].
	outer := [2]float64{math.Inf(-1), math.Inf(1)}
	inner := outer
	var name string
	for _, f := range fs {
		b := f.bounds[category]
		if !b.number {
			return nil // words have no order
		}
		name = b.name
		// More than the slack of holds, at any number that lies within it.
		wide := b.tolerance*1.001 + 1e-8*(math.Abs(b.value)+b.tolerance) + math.SmallestNonzeroFloat64
		switch f.Op {
		case "=":
			outer = [2]float64{max(outer[0], b.value-wide), min(outer[1], b.value+wide)}
			inner = [2]float64{math.Inf(1), math.Inf(-1)}
		case ">=", ">":
			outer[0], inner[0] = max(outer[0], b.value-wide), max(inner[0], b.value+wide)
		case "<=", "<":
			outer[1], inner[1] = min(outer[1], b.value+wide), min(inner[1], b.value-wide)
		}
	}
	if outer[0] > outer[1] {
		return nil
	}
	of := stem(category, name)
	exact := func(from, to string) error { return p.ends(ctx, s, of, fs, category, from, to) }
	from, to := ordered(outer[0]), ordered(outer[1])
	// The coarse steps between the one that inner begins in and the one that it
	// ends in, both left out.
	if low, high := ordered(inner[0])[:coarse], ordered(inner[1])[:coarse]; inner[0] < inner[1] && low < high {
		step := keyCoarse + of + "\t"
		begin, end := step, step+last
		if !math.IsInf(outer[0], -1) {
			if err := exact(from, low+strings.Repeat("f", 16-coarse)); err != nil {
				return err
			}
			begin = step + low + "~"
		}
		if !math.IsInf(outer[1], 1) {
			if err := exact(high+strings.Repeat("0", 16-coarse), to); err != nil {
				return err
			}
			end = step + high
		}
		rows, err := p.index.PostingsIn(ctx, begin, end, math.MaxInt32)
		for i := range rows {
			if err := s.add(&rows[i]); err != nil {
				return err
			}
		}
		return err
	}
	return exact(from, to)
}

// ends adds who states a number from ≤ number ≤ to that all of fs hold for.
func (p *plan) ends(ctx context.Context, s *source, of string, fs []*Filter, category, from, to string) error {
	key := keyNumber + of + "\t"
	rows, err := p.index.PostingsIn(ctx, key+from, key+to+"~", maxSpanRows+1)
	if err != nil {
		return err
	}
	rough := len(rows) > maxSpanRows
	if rough {
		p.loose = true
		key = keyCoarse + of + "\t"
		if rows, err = p.index.PostingsIn(ctx, key+from[:coarse], key+to[:coarse]+"~", math.MaxInt32); err != nil {
			return err
		}
	}
	known, holds := "", rough
	for i := range rows {
		if k := rows[i].Key; !rough && k != known {
			known = k
			v := unordered(k[len(key):])
			holds = !slices.ContainsFunc(fs, func(f *Filter) bool { return !f.bounds[category].holds(f.Op, v) })
		}
		if holds {
			if err := s.add(&rows[i]); err != nil {
				return err
			}
		}
	}
	return nil
}
