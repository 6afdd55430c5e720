package contract

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// A differ compares two feeds clause by clause. Every clause says what its
// change does to the set of accepted batches; whom that breaks follows.
type differ struct {
	old, new *Feed
	changes  []Change
}

func (d *differ) note(field, kind string, e effect, line int, o, n, what string, args ...any) {
	d.changes = append(d.changes, Change{Feed: d.new.Name, Field: field, Kind: kind, Old: o, New: n, What: fmt.Sprintf(what, args...),
		Consumers: e&wider != 0, History: e&narrower != 0, Line: line})
}

func (d *differ) prose(field, kind string, line int, o, n string) {
	if o != n {
		d.changes = append(d.changes, Change{Feed: d.new.Name, Field: field, Kind: kind, Old: o, New: n, What: "the " + kind + " changes", Prose: true, Line: line})
	}
}

// swap notes a clause whose two values admit different things.
func (d *differ) swap(field, kind string, e effect, line int, o, n string) {
	if o != n {
		d.note(field, kind, e, line, o, n, "%s changes from %s to %s", strings.ReplaceAll(kind, "_", " "), named(o), named(n))
	}
}

func (d *differ) feed() {
	o, n := d.old, d.new
	d.swap("", "feed_name", other, 1, o.Name, n.Name)
	d.prose("", "description", 1, o.Description, n.Description)
	d.fields("", o.Fields, n.Fields)
	d.order()
	d.keys()
	d.checks()
	d.relations()
	d.levels()
	d.swap("", "format", other, 1, string(o.Format), string(n.Format))
	d.dialect()
	d.swap("", "load", other, 1, string(o.Load), string(n.Load))
	d.swap("", "evolution", neutral, 1, string(o.Evolution), string(n.Evolution))
	d.swap("", "missing_optional", shift(o.Missing == FailBatch, n.Missing == FailBatch), 1, string(o.Missing), string(n.Missing))
	d.swap("", "max_reject_rate", neutral, 1, float(o.MaxRejectRate), float(n.MaxRejectRate))
	if fmt.Sprint(o.Breaker) != fmt.Sprint(n.Breaker) || fmt.Sprint(o.Approval) != fmt.Sprint(n.Approval) {
		d.note("", "operation", neutral, 1, "", "", "the breaker or approval policy changes")
	}
	if show(o.Catalog) != show(n.Catalog) {
		d.note("", "catalog", neutral, 1, "", "", "the catalog binding changes: items are parsed anew")
	}
}

func show(b *Binding) string {
	if b == nil {
		return ""
	}
	return fmt.Sprint(*b)
}

func float(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// shift is the effect of a guarantee that the old and the new contract give or
// do not give.
func shift(before, after bool) effect {
	switch {
	case before && !after:
		return wider
	case !before && after:
		return narrower
	}
	return neutral
}

// order matters where files have no header to name the columns.
func (d *differ) order() {
	if d.new.Dialect.Header > 0 || d.new.Format != CSV {
		return
	}
	var o, n []string
	for _, f := range d.old.Fields {
		if d.new.field(f.Name) != nil {
			o = append(o, f.Name)
		}
	}
	for _, f := range d.new.Fields {
		if d.old.field(f.Name) != nil {
			n = append(n, f.Name)
		}
	}
	if !slices.Equal(o, n) {
		d.note("", "order", other, 1, strings.Join(o, ","), strings.Join(n, ","), "the columns change places, and files have no header")
	}
}

func (d *differ) dialect() {
	o, n := d.old.Dialect, d.new.Dialect
	for _, c := range []struct{ kind, o, n string }{
		{"delimiter", o.Delimiter, n.Delimiter}, {"quote", o.Quote, n.Quote}, {"escape", o.Escape, n.Escape},
		{"header", strconv.Itoa(o.Header), strconv.Itoa(n.Header)}, {"preamble", strconv.Itoa(o.Preamble), strconv.Itoa(n.Preamble)},
		{"encoding", o.Encoding, n.Encoding}, {"null_words", fmt.Sprintf("%q", o.NullWords), fmt.Sprintf("%q", n.NullWords)},
		{"decimal", o.Decimal, n.Decimal}, {"thousands", o.Thousands, n.Thousands},
	} {
		d.swap("", c.kind, other, 1, c.o, c.n)
	}
}

func (d *differ) fields(prefix string, olds, news []Field) {
	pair := map[string]string{} // new name → old name
	taken := map[string]bool{}
	find := func(list []Field, name string) *Field {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
		return nil
	}
	for _, n := range news {
		if find(olds, n.Name) != nil {
			pair[n.Name], taken[n.Name] = n.Name, true
		} else if n.RenamedFrom != "" && find(olds, n.RenamedFrom) != nil && find(news, n.RenamedFrom) == nil {
			pair[n.Name], taken[n.RenamedFrom] = n.RenamedFrom, true
		}
	}
	for _, o := range olds {
		if taken[o.Name] {
			continue
		}
		hint := ""
		for _, n := range news {
			if pair[n.Name] == "" && n.Type == o.Type && alike(o, n) {
				hint = fmt.Sprintf("; if it is now called %s, say so with assay.renamedFrom: %s", n.Name, o.Name)
				break
			}
		}
		d.note(prefix+o.Name, "field_removed", wider, d.lineOf(prefix), string(o.Type), "", "%s is gone%s", o.Name, hint)
	}
	for i := range news {
		n := &news[i]
		o := find(olds, pair[n.Name])
		switch {
		case o == nil && n.Required:
			d.note(prefix+n.Name, "field_added", narrower, n.Line, "", string(n.Type), "%s is new and required: old data does not have it", n.Name)
		case o == nil:
			d.note(prefix+n.Name, "field_added", neutral, n.Line, "", string(n.Type), "%s is new and optional", n.Name)
		default:
			if o.Name != n.Name {
				d.note(prefix+n.Name, "field_renamed", other, n.Line, o.Name, n.Name, "%s is now called %s", o.Name, n.Name)
			}
			d.field(prefix+n.Name, o, n)
		}
	}
}

// alike: a removed and an added field that could be one field renamed.
func alike(o, n Field) bool {
	if o.Description != "" && o.Description == n.Description {
		return true
	}
	a, b := strings.ToLower(o.Name), strings.ToLower(n.Name)
	return strings.Contains(a, b) || strings.Contains(b, a) || editDistance(a, b, 4) < 4 && len(a) > 3
}

func (d *differ) lineOf(prefix string) int {
	if f := d.new.field(strings.TrimRight(prefix, ".[]")); f != nil {
		return f.Line
	}
	return 1
}

func (d *differ) field(path string, o, n *Field) {
	line := n.Line
	if o.Column != n.Column && (o.Name == n.Name || o.Column != o.Name || n.Column != n.Name) {
		d.note(path, "column", other, line, o.Column, n.Column, "the column in the file is now called %s, not %s", n.Column, o.Column)
	}
	if o.Type != n.Type {
		e, why := promotion(o.Type, n.Type)
		d.note(path, "type", e, line, string(o.Type), string(n.Type), "the type changes from %s to %s%s", o.Type, n.Type, why)
	} else {
		d.options(path, line, o, n)
	}
	d.required(path, line, o, n)
	if o.OnFail != n.OnFail && n.promises() {
		d.note(path, "on_fail", shift(o.OnFail != Warn, n.OnFail != Warn), line, string(o.OnFail), string(n.OnFail), "%s", onFailWords(o.OnFail, n.OnFail))
	}
	if o.Classified != n.Classified || o.Classification != n.Classification {
		d.note(path, "classification", neutral, line, o.Classification, n.Classification, "the classification changes from %s to %s", named(o.Classification), named(n.Classification))
	}
	d.prose(path, "description", line, o.Description, n.Description)
	d.fields(path+".", o.Fields, n.Fields)
	if o.Items != nil && n.Items != nil {
		d.field(path+"[]", o.Items, n.Items)
	} else if (o.Items == nil) != (n.Items == nil) {
		d.note(path+"[]", "items", shift(o.Items != nil, n.Items != nil), line, "", "", "what the entries are is %s", map[bool]string{true: "no longer stated", false: "now stated"}[o.Items != nil])
	}
}

// promises: the field has a row check that onFail could weaken.
func (f *Field) promises() bool { return f.Required || f.Type != String || f.Options.any() }

func (o Options) any() bool {
	return o.MinLength != nil || o.MaxLength != nil || o.Pattern != "" || o.Format != "" || o.Enum != nil ||
		o.Minimum+o.Maximum+o.ExclusiveMinimum+o.ExclusiveMaximum+o.MultipleOf != ""
}

func onFailWords(o, n OnFail) string {
	switch {
	case n == Warn:
		return "rows that fail are no longer kept back, only warned of"
	case o == Warn:
		return "rows that fail are now kept back, not only warned of"
	}
	return fmt.Sprintf("a failure now leads to %s, not to %s", n, o)
}

// promotion is the effect of a change of type. Every integer is a number;
// nothing else passes as something else without a change in its reader.
func promotion(o, n Type) (effect, string) {
	switch {
	case o == Integer && n == Decimal:
		return wider, ": values may have decimals now"
	case o == Decimal && n == Integer:
		return narrower, ": old values may have decimals"
	}
	return other, ""
}

func (d *differ) required(path string, line int, o, n *Field) {
	switch {
	case o.Required && !n.Required:
		d.note(path, "required", wider, line, "true", "false", "it may be null now")
	case !o.Required && n.Required:
		d.note(path, "required", narrower, line, "false", "true", "it must be there now; old data may have nulls")
	}
}

// bound notes a change of a limit. sign is +1 for a lower limit, which narrows
// as it rises, and -1 for an upper one.
func (d *differ) bound(path, kind string, line int, o, n string, sign int, value func(string) (*big.Rat, bool)) {
	if o == n {
		return
	}
	a, okA := value(o)
	b, okB := value(n)
	switch {
	case o == "":
		d.note(path, kind, narrower, line, o, n, "there is a %s of %s now", words(kind), n)
	case n == "":
		d.note(path, kind, wider, line, o, n, "the %s of %s is gone", words(kind), o)
	case !okA || !okB:
		d.swap(path, kind, other, line, o, n)
	case a.Cmp(b)*sign < 0:
		d.note(path, kind, narrower, line, o, n, "the %s goes from %s to %s", words(kind), o, n)
	case a.Cmp(b)*sign > 0:
		d.note(path, kind, wider, line, o, n, "the %s goes from %s to %s", words(kind), o, n)
	}
}

func words(kind string) string { return strings.ReplaceAll(kind, "_", " ") }

func number(p *int) string {
	if p == nil {
		return ""
	}
	return strconv.Itoa(*p)
}
