package knowledge

import (
	"regexp"
	"sort"
	"strings"
	"sync"

	"github.com/assay-pipeline/assay/pipeline"
)

// rowAt is a row of a table.
type rowAt struct {
	table, prefix int
	key           string
}

// rangeAt is a row that holds for a range of numbers.
type rangeAt struct {
	rowAt
	low, high float64
}

var standardForm = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^([A-Z][A-Z/ ]*?) ([0-9A-Z][0-9A-Za-z.\-]*)$`) })

// checkStandard enters the names of a standard: ISO 4017 is also EN ISO 4017,
// DIN ISO 4017 and DIN EN ISO 4017.
func (r *reader) checkStandard(d *draft, i int) {
	s := &d.Standards[i]
	n := d.at["standard "+s.ID]
	attr := -1
	for k := range d.Attributes {
		if d.Attributes[k].Kind == KindStandard {
			attr = k
		}
	}
	if attr < 0 {
		r.fail(n, "category %s has standards but no attribute of kind standard", d.Category)
		return
	}
	for name, vs := range s.Sizes {
		if _, _, ok := d.Attribute(name); !ok {
			r.fail(n, "%s has sizes of %s, which is no attribute of %s", s.ID, name, d.Category)
		}
		if len(vs) == 0 {
			r.fail(n, "%s has no sizes of %s", s.ID, name)
		}
	}
	e := Entry{Name: s.ID, Values: map[string]string{d.Attributes[attr].Name: s.ID}}
	for _, im := range s.Implies {
		e.Values[im.Attribute] = im.Value
	}
	m := Meaning{Role: RoleStandard, Attribute: attr, Index: i, Entry: s.ID}
	for _, name := range append([]string{s.ID}, s.Aliases...) {
		for _, full := range standardNames(name) {
			d.lexicon.add(full, m)
			e.Spellings = append(e.Spellings, full)
		}
		d.standards[FoldText(name)] = i
	}
	d.entries[e.Name] = e
}

// standardNames are the ways to write the name of a standard.
func standardNames(name string) []string {
	out := []string{name}
	m := standardForm().FindStringSubmatch(name)
	if m == nil {
		return out
	}
	switch m[1] {
	case "ISO":
		out = append(out, "DIN EN ISO "+m[2], "EN ISO "+m[2], "DIN ISO "+m[2])
	case "EN":
		out = append(out, "DIN EN "+m[2])
	case "IEC":
		out = append(out, "EN "+m[2], "DIN EN "+m[2], "EN IEC "+m[2])
	}
	return out
}

func (r *reader) checkTable(d *draft, i int) {
	t := &d.Tables[i]
	n := d.at["table "+t.ID]
	if _, _, ok := d.Attribute(t.Key); !ok {
		r.fail(n, "table %s is keyed by %s, which is no attribute of %s", t.ID, t.Key, d.Category)
	}
	for c, name := range t.Columns {
		a, _, ok := d.Attribute(name)
		if !ok {
			r.fail(n, "table %s has the column %s, which is no attribute of %s", t.ID, name, d.Category)
			continue
		}
		for key, row := range t.Rows {
			if v := row[c]; !v.IsZero() {
				if _, ok := a.Canonical(v.String()); !ok {
					r.fail(n, "table %s, row %s: %q is no %s", t.ID, key, v, name)
				}
			}
		}
	}
	for k, p := range t.Prefixes {
		for key := range t.Rows {
			if lo, hi, ok := strings.Cut(key, ".."); ok {
				low, ok1 := pipeline.Number(lo)
				high, ok2 := pipeline.Number(hi)
				if !ok1 || !ok2 || low.Float() > high.Float() {
					r.fail(n, "table %s has the range %q; a range is LOW..HIGH", t.ID, key)
					continue
				}
				d.ranges = append(d.ranges, rangeAt{rowAt{i, k, key}, low.Float(), high.Float()})
				continue
			}
			full := rowKey(t.Key, p.Prefix+key)
			if have, ok := d.rows[full]; ok {
				r.fail(n, "tables %s and %s both have %s", d.Tables[have.table].ID, t.ID, p.Prefix+key)
				continue
			}
			d.rows[full] = rowAt{i, k, key}
		}
	}
}

var keyForm = strings.NewReplacer(" ", "", "-", "", "\"", "", ",", ".")

func rowKey(attribute, value string) string {
	return attribute + " " + keyForm.Replace(FoldText(value))
}

// A Row is what a table says of one designation.
type Row struct {
	// Entry names it: "ISO 15/6205".
	Entry string
	// Columns and Values correspond; an empty value is not stated.
	Columns []string
	Values  []pipeline.Value
	// Implies is what the prefix of the designation says.
	Implies []Implied
	Default bool
}

// Row finds the table row of a value of an attribute, such as designation
// 6205.
func (s *Schema) Row(attribute, value string) (Row, bool) {
	at, ok := s.rows[rowKey(attribute, value)]
	if !ok {
		// A suffix of the maker's (7303B) does not change the dimensions.
		base := strings.TrimRight(value, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
		if at, ok = s.rows[rowKey(attribute, base)]; !ok || base == "" {
			if at, ok = s.inRange(attribute, value); !ok {
				return Row{}, false
			}
		}
	}
	t := &s.Tables[at.table]
	return Row{
		Entry: t.ID + "/" + t.Prefixes[at.prefix].Prefix + at.key, Columns: t.Columns, Values: t.Rows[at.key],
		Implies: t.Prefixes[at.prefix].Implies, Default: t.Default,
	}, true
}

func (s *Schema) inRange(attribute, value string) (rowAt, bool) {
	v, ok := pipeline.Number(value)
	if !ok {
		return rowAt{}, false
	}
	for _, r := range s.ranges {
		if s.Tables[r.table].Key == attribute && r.low <= v.Float() && v.Float() <= r.high {
			return r.rowAt, true
		}
	}
	return rowAt{}, false
}

// Keyed reports whether a table of the category is keyed by the attribute.
func (s *Schema) Keyed(attribute string) bool {
	for i := range s.Tables {
		if s.Tables[i].Key == attribute {
			return true
		}
	}
	return false
}

// Standard finds a standard by a name of it.
func (s *Schema) Standard(name string) (*Standard, bool) {
	i, ok := s.standards[FoldText(name)]
	if !ok {
		return nil, false
	}
	return &s.Standards[i], true
}

// Sized are the attributes whose sizes the standard lists, sorted.
func (s *Standard) Sized() []string {
	out := make([]string, 0, len(s.Sizes))
	for name := range s.Sizes {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

// HasSize reports whether a standard has the size, and true where it does not
// list sizes of that attribute.
func (s *Standard) HasSize(attribute, value string) bool {
	vs, ok := s.Sizes[attribute]
	if !ok {
		return true
	}
	for _, v := range vs {
		if v == value {
			return true
		}
	}
	return false
}

// Entry finds a dictionary or standard entry by the name that evidence gives:
// bearing/seal/2RS, manufacturers/SKF, DIN 933, ISO 15/6205.
func (s *Schema) Entry(name string) (Entry, bool) {
	if e, ok := s.entries[name]; ok {
		return e, true
	}
	for k := range s.Patterns {
		if p := &s.Patterns[k]; p.ID == name {
			e := Entry{Name: name, Values: map[string]string{}}
			for _, im := range p.Sets {
				e.Values[im.Attribute] = im.Value
			}
			s.close(e.Values)
			return e, true
		}
	}
	for k := range s.Tables {
		t := &s.Tables[k]
		key, ok := strings.CutPrefix(name, t.ID+"/")
		if !ok {
			continue
		}
		if lo, _, isRange := strings.Cut(key, ".."); isRange {
			key = lo
		}
		row, ok := s.Row(t.Key, key)
		if !ok || row.Entry != name {
			continue
		}
		e := Entry{Name: name, Spellings: []string{key}, Values: map[string]string{}}
		for c, col := range row.Columns {
			if !row.Values[c].IsZero() {
				e.Values[col] = row.Values[c].String()
			}
		}
		for _, im := range row.Implies {
			e.Values[im.Attribute] = im.Value
		}
		s.close(e.Values)
		return e, true
	}
	return Entry{}, false
}

// Entries are the names of the dictionary and standard entries, sorted; rows
// of tables are not listed.
func (s *Schema) Entries() []string {
	out := make([]string, 0, len(s.entries))
	for name := range s.entries {
		out = append(out, name)
	}
	sort.Strings(out)
	return out
}

// close adds to the values of an entry what follows from them in turn: DIN 933
// means a hexagon head screw, and that means a hexagon.
func (s *Schema) close(values map[string]string) {
	for again := true; again; {
		again = false
		for i := range s.Attributes {
			a := &s.Attributes[i]
			v, ok := values[a.Name]
			if !ok {
				continue
			}
			for k := range a.Allowed {
				if a.Allowed[k].Value != v {
					continue
				}
				for _, im := range a.Allowed[k].Implies {
					if _, ok := values[im.Attribute]; !ok {
						values[im.Attribute], again = im.Value, true
					}
				}
			}
		}
	}
}

// EntryName is the name of the entry of an allowed value.
func (s *Schema) EntryName(a *Attribute, value string) string {
	name := s.Category + "/" + a.Name + "/" + value
	if _, ok := s.entries[name]; !ok && a.From != "" {
		return a.From + "/" + value
	}
	return name
}
