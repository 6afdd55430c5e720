package contract

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// options compares the logicalTypeOptions of a field whose type stayed.
func (d *differ) options(path string, line int, o, n *Field) {
	a, b := o.Options, n.Options
	d.bound(path, "min_length", line, number(a.MinLength), number(b.MinLength), +1, exact)
	d.bound(path, "max_length", line, number(a.MaxLength), number(b.MaxLength), -1, exact)
	d.bound(path, "min_items", line, number(a.MinItems), number(b.MinItems), +1, exact)
	d.bound(path, "max_items", line, number(a.MaxItems), number(b.MaxItems), -1, exact)
	d.bound(path, "min_properties", line, number(a.MinProperties), number(b.MinProperties), +1, exact)
	d.bound(path, "max_properties", line, number(a.MaxProperties), number(b.MaxProperties), -1, exact)
	value := exact
	if o.Type == Date || o.Type == Timestamp || o.Type == Time {
		value = func(s string) (*big.Rat, bool) {
			m, ok := ParseMoment(o.Type, slices.Concat(b.Formats, a.Formats), s)
			return momentRat(m), ok
		}
	}
	d.bound(path, "minimum", line, a.Minimum, b.Minimum, +1, value)
	d.bound(path, "exclusive_minimum", line, a.ExclusiveMinimum, b.ExclusiveMinimum, +1, value)
	d.bound(path, "maximum", line, a.Maximum, b.Maximum, -1, value)
	d.bound(path, "exclusive_maximum", line, a.ExclusiveMaximum, b.ExclusiveMaximum, -1, value)
	d.multiple(path, line, a.MultipleOf, b.MultipleOf)
	d.stated(path, "pattern", line, a.Pattern, b.Pattern)
	d.enum(path, line, a.Enum, b.Enum)
	d.sets(path, "required_properties", line, a.RequiredProperties, b.RequiredProperties)
	if a.UniqueItems != b.UniqueItems {
		d.note(path, "unique_items", shift(a.UniqueItems, b.UniqueItems), line, strconv.FormatBool(a.UniqueItems), strconv.FormatBool(b.UniqueItems),
			"%s", map[bool]string{true: "entries must be unique now", false: "entries may repeat now"}[b.UniqueItems])
	}
	switch o.Type {
	case Integer, Decimal:
		d.numberFormat(path, line, a.Format, b.Format)
	case String:
		d.stated(path, "format", line, a.Format, b.Format)
	case Date, Timestamp, Time:
		d.layouts(path, line, a, b)
	}
}

// stated compares a constraint of which one cannot tell whether it is stricter.
func (d *differ) stated(path, kind string, line int, o, n string) {
	switch {
	case o == n:
	case o == "":
		d.note(path, kind, narrower, line, o, n, "there is a %s now: %s", words(kind), n)
	case n == "":
		d.note(path, kind, wider, line, o, n, "the %s %s is gone", words(kind), o)
	default:
		d.note(path, kind, other, line, o, n, "the %s changes from %s to %s: which texts that admits cannot be told", words(kind), o, n)
	}
}

// multiple: multiples of 0.5 are multiples of 0.1 too.
func (d *differ) multiple(path string, line int, o, n string) {
	a, okA := exact(o)
	b, okB := exact(n)
	switch {
	case o == n:
	case o == "":
		d.note(path, "multiple_of", narrower, line, o, n, "values must be multiples of %s now", n)
	case n == "":
		d.note(path, "multiple_of", wider, line, o, n, "values need not be multiples of %s any more", o)
	case !okA || !okB || a.Sign() == 0 || b.Sign() == 0:
		d.swap(path, "multiple_of", other, line, o, n)
	case a.Cmp(b) == 0:
	case new(big.Rat).Quo(b, a).IsInt():
		d.note(path, "multiple_of", narrower, line, o, n, "multiples of %s become multiples of %s", o, n)
	case new(big.Rat).Quo(a, b).IsInt():
		d.note(path, "multiple_of", wider, line, o, n, "multiples of %s become multiples of %s: values may be finer", o, n)
	default:
		d.swap(path, "multiple_of", other, line, o, n)
	}
}

func (d *differ) enum(path string, line int, o, n []string) {
	switch {
	case o == nil && n == nil:
	case o == nil:
		d.note(path, "enum", narrower, line, "", strings.Join(n, ", "), "only %s are valid now", strings.Join(n, ", "))
	case n == nil:
		d.note(path, "enum", wider, line, strings.Join(o, ", "), "", "any value is valid now, not only %s", strings.Join(o, ", "))
	default:
		added, gone := without(n, o), without(o, n)
		var parts []string
		var e effect
		if len(added) > 0 {
			e |= wider
			parts = append(parts, strings.Join(added, ", ")+" may come now")
		}
		if len(gone) > 0 {
			e |= narrower
			parts = append(parts, strings.Join(gone, ", ")+" no longer may")
		}
		if e != neutral {
			d.note(path, "enum", e, line, strings.Join(o, ", "), strings.Join(n, ", "), "%s", strings.Join(parts, ", "))
		}
	}
}

func without(a, b []string) (out []string) {
	for _, s := range a {
		if !slices.Contains(b, s) {
			out = append(out, s)
		}
	}
	return out
}

// sets compares lists of which every entry is a demand.
func (d *differ) sets(path, kind string, line int, o, n []string) {
	if added := without(n, o); len(added) > 0 {
		d.note(path, kind, narrower, line, strings.Join(o, ", "), strings.Join(n, ", "), "%s must be there now", strings.Join(added, ", "))
	}
	if gone := without(o, n); len(gone) > 0 {
		d.note(path, kind, wider, line, strings.Join(o, ", "), strings.Join(n, ", "), "%s need not be there any more", strings.Join(gone, ", "))
	}
}

// numberFormat compares the ranges of i8 … u128, f32, f64. Without a format no
// range is promised.
func (d *differ) numberFormat(path string, line int, o, n string) {
	if o == n {
		return
	}
	if o == "" || n == "" {
		d.stated(path, "format", line, o, n)
		return
	}
	a, b := formatRange(o), formatRange(n)
	e := neutral
	if b.low.Cmp(a.low) < 0 || b.high.Cmp(a.high) > 0 {
		e |= wider
	}
	if b.low.Cmp(a.low) > 0 || b.high.Cmp(a.high) < 0 {
		e |= narrower
	}
	d.note(path, "format", e, line, o, n, "the number format changes from %s to %s", o, n)
}

type numberRange struct{ low, high *big.Int }

func formatRange(f string) numberRange {
	bits, err := strconv.Atoi(strings.TrimLeft(f, "iuf"))
	if err != nil || bits < 1 || bits > 128 {
		bits = 128
	}
	pow := func(n int) *big.Int { return new(big.Int).Lsh(big.NewInt(1), uint(n)) } //nolint:gosec // n is at most 1024
	switch f[:1] {
	case "u":
		return numberRange{big.NewInt(0), new(big.Int).Sub(pow(bits), big.NewInt(1))}
	case "f": // by the exponent: 2^128 and 2^1024
		high := pow(map[int]int{32: 128, 64: 1024}[bits])
		return numberRange{new(big.Int).Neg(high), high}
	}
	return numberRange{new(big.Int).Neg(pow(bits - 1)), new(big.Int).Sub(pow(bits-1), big.NewInt(1))}
}

// layouts: consumers see the first format only, since values are normalised to
// it; a format that is no longer accepted shuts old files out.
func (d *differ) layouts(path string, line int, a, b Options) {
	if len(a.Formats) > 0 && len(b.Formats) > 0 && a.Formats[0] != b.Formats[0] {
		d.note(path, "format", other, line, a.Format, b.Format, "values are written as %s now, not as %s", named(b.Format), named(a.Format))
		return
	}
	if gone := without(a.Formats, b.Formats); len(gone) > 0 {
		d.note(path, "formats", narrower, line, strings.Join(a.Formats, ", "), strings.Join(b.Formats, ", "), "a format is no longer accepted")
	}
	if added := without(b.Formats, a.Formats); len(added) > 0 {
		d.note(path, "formats", neutral, line, strings.Join(a.Formats, ", "), strings.Join(b.Formats, ", "), "a further format is accepted, and normalised")
	}
	if yes(a.Timezone) != yes(b.Timezone) {
		d.note(path, "timezone", other, line, yes(a.Timezone), yes(b.Timezone), "whether values carry a time zone changes from %s to %s", yes(a.Timezone), yes(b.Timezone))
	}
	zone := func(o Options) string {
		if o.DefaultTimezone == "" {
			return "Etc/UTC"
		}
		return o.DefaultTimezone
	}
	if zone(a) != zone(b) {
		d.note(path, "default_timezone", other, line, zone(a), zone(b), "the same text means another moment: the default time zone changes from %s to %s", zone(a), zone(b))
	}
}

func yes(p *bool) string {
	if p == nil {
		return "unstated"
	}
	return fmt.Sprint(*p)
}
