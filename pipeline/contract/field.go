package contract

import (
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // time zones of contracts are known where the system has none
	"unicode/utf8"
)

var feedWord = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[\p{L}\p{N}_][\p{L}\p{N}_.-]*$`) })

// fields compiles the properties of an object. prefix is the path of the object
// within the row, "" for the row itself: quality rules of nested fields name
// them as address.zip and tags[].
func (c *compiler) fields(props []*node, prefix string) []Field {
	seen := map[string]*node{}
	out := make([]Field, 0, len(props))
	for _, p := range props {
		f := c.field(p, prefix)
		if first := seen[f.Name]; first != nil && prefix != "" {
			c.errorf(p, "duplicate", "rename or remove one", "the field %s is declared twice (first on line %d)", f.Name, first.line)
		}
		seen[f.Name] = p
		out = append(out, f)
	}
	// The positions of a primary key that states none are those of its fields.
	next := 1
	for i, p := range props {
		if p.flag("primaryKey") {
			if out[i].Key <= 0 {
				out[i].Key = next
			}
			next = max(next, out[i].Key) + 1
		}
	}
	return out
}

func (c *compiler) field(p *node, prefix string) Field {
	f := Field{
		Name: p.text("name"), Column: p.text("physicalName"), Description: p.text("description"),
		Required: p.flag("required"), Unique: p.flag("unique"), Line: p.line,
		Classification: p.text("classification"), RenamedFrom: custom(p, "assay.renamedFrom").str(),
	}
	if f.Column == "" {
		f.Column = f.Name
	}
	f.Classified = classified(f.Classification)
	f.Type = c.logicalType(p)
	c.checkCustom(p, "property")
	f.OnFail = c.onFail(p, c.rowOnFail)
	sev := SeverityError
	if f.OnFail == Warn {
		sev = SeverityWarning
	}
	f.Severity = c.severity(custom(p, "assay.severity"), sev)
	if p.flag("primaryKey") {
		// A row without a key cannot be told from another.
		f.Required = true
		f.Key = -1
		if pos, err := strconv.Atoi(p.text("primaryKeyPosition")); err == nil && pos > 0 {
			f.Key = pos
		}
	} else if pos, err := strconv.Atoi(p.text("primaryKeyPosition")); err == nil && pos > 0 {
		c.warnf(p.get("primaryKeyPosition"), "key", "set primaryKey: true, or remove the position", "primaryKeyPosition without primaryKey")
	}
	c.options(p, &f)
	if prefix != "" && (f.Unique || p.flag("primaryKey")) {
		c.unenforced(p, "inner")
	}
	path := prefix + f.Name
	if strings.HasSuffix(prefix, "[]") {
		path = prefix // the items of an array have no name in the data
	}
	switch f.Type {
	case Object:
		f.Fields = c.fields(p.list("properties"), path+".")
	case Array:
		if it := p.get("items"); it != nil {
			item := c.field(it, path+"[]")
			f.Items = &item
		}
	}
	c.examples(p, &f)
	c.quality(p, path)
	c.liftEnum(&f, path)
	return f
}

// classified: everything but what is openly public or internal is kept out of
// reports. A wrong guess then hides a value; it never shows one.
func classified(word string) bool {
	switch strings.ToLower(strings.TrimSpace(word)) {
	case "", "public", "open", "internal", "none", "unclassified", "general", "non-sensitive", "nonsensitive":
		return false
	}
	return true
}

func (c *compiler) logicalType(p *node) Type {
	if t := p.text("logicalType"); t != "" {
		return Type(t)
	}
	word := strings.ToLower(p.text("physicalType"))
	base, _, _ := strings.Cut(word, "(")
	switch strings.TrimSpace(base) {
	case "":
		return String
	case "int", "int2", "int4", "int8", "integer", "bigint", "smallint", "tinyint", "long", "short", "serial", "bigserial":
		return Integer
	case "decimal", "numeric", "number", "float", "float4", "float8", "double", "double precision", "real", "money":
		return Decimal
	case "bool", "boolean", "bit":
		return Boolean
	case "date":
		return Date
	case "time":
		return Time
	case "timestamp", "timestamptz", "datetime", "datetime2", "timestamp with time zone", "timestamp without time zone":
		return Timestamp
	case "array", "list":
		return Array
	case "struct", "record", "object", "map":
		return Object
	}
	return String
}

func (c *compiler) severity(v *node, otherwise Severity) Severity {
	if v == nil {
		return otherwise
	}
	switch strings.ToLower(v.str()) {
	case "":
		return otherwise
	case "error", "critical", "blocker", "high", "major", "fatal", "fail":
		return SeverityError
	case "warning", "warn", "medium", "minor":
		return SeverityWarning
	case "info", "low", "note", "notice":
		return SeverityInfo
	}
	c.warnf(v, "severity", "use error, warning or info", "the severity %s is not known and is taken as error", v.shown())
	return SeverityError
}

func (c *compiler) options(p *node, f *Field) {
	o := p.get("logicalTypeOptions")
	f.Options.MinLength, f.Options.MaxLength = count(o, "minLength"), count(o, "maxLength")
	f.Options.MinItems, f.Options.MaxItems = count(o, "minItems"), count(o, "maxItems")
	f.Options.MinProperties, f.Options.MaxProperties = count(o, "minProperties"), count(o, "maxProperties")
	f.Options.UniqueItems = o.flag("uniqueItems")
	f.Options.Format = o.text("format")
	f.Options.Pattern = o.text("pattern")
	for _, e := range o.list("required") {
		f.Options.RequiredProperties = append(f.Options.RequiredProperties, e.str())
	}
	if v := o.get("timezone"); v != nil {
		yes := v.value == "true"
		f.Options.Timezone = &yes
	}
	f.Options.DefaultTimezone = o.text("defaultTimezone")
	if z := f.Options.DefaultTimezone; z != "" {
		if _, err := time.LoadLocation(z); err != nil {
			c.errorf(o.get("defaultTimezone"), "timezone", "use a name of the IANA database, such as Europe/Berlin", "there is no time zone %q", z)
		}
	}
	f.Options.Minimum, f.Options.Maximum = o.text("minimum"), o.text("maximum")
	f.Options.ExclusiveMinimum, f.Options.ExclusiveMaximum = o.text("exclusiveMinimum"), o.text("exclusiveMaximum")
	f.Options.MultipleOf = o.text("multipleOf")
	c.checkRange(o, "minLength", "maxLength")
	c.checkRange(o, "minItems", "maxItems")
	c.checkRange(o, "minProperties", "maxProperties")
	if f.Options.Pattern != "" {
		c.pattern(o.get("pattern"))
	}
	switch f.Type {
	case String:
		if f.Options.Format != "" && !slices.Contains(StringFormats, strings.ToLower(f.Options.Format)) {
			c.unenforced(o.get("format"), "format")
		}
		f.Options.Format = strings.ToLower(f.Options.Format)
	case Integer, Decimal:
		c.bounds(o, exact, "a number")
	case Date, Timestamp, Time:
		f.Options.Formats = c.layouts(p, f)
		c.bounds(o, func(s string) (*big.Rat, bool) {
			t, ok := ParseMoment(f.Type, f.Options.Formats, s)
			return momentRat(t), ok
		}, "a "+string(f.Type)+" in the field's format or ISO 8601")
	}
}

// StringFormats are the formats of strings that the gate checks.
var StringFormats = []string{"email", "uuid", "uri", "hostname", "ipv4", "ipv6", "byte", "binary", "password", "date", "date-time", "time"}

// exact reads a decimal; an exponent beyond three digits is refused, since its
// exact value would not fit into memory.
func exact(s string) (*big.Rat, bool) {
	if i := strings.IndexAny(s, "eE"); i >= 0 && len(strings.TrimLeft(s[i+1:], "+-0")) > 3 || len(s) > 400 {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}

func count(o *node, key string) *int {
	v := o.get(key)
	if v == nil {
		return nil
	}
	i, err := strconv.Atoi(strings.TrimSuffix(v.value, ".0"))
	if err != nil {
		return nil
	}
	return &i
}

func (c *compiler) checkRange(o *node, low, high string) {
	l, h := count(o, low), count(o, high)
	if l != nil && h != nil && *l > *h {
		c.errorf(o.get(low), "range", "swap or mend them", "%s %d is more than %s %d: nothing can satisfy both", low, *l, high, *h)
	}
}

// bounds checks that every bound is a value of the type and that the range is
// not empty.
func (c *compiler) bounds(o *node, value func(string) (*big.Rat, bool), what string) {
	at := map[string]*big.Rat{}
	for _, key := range []string{"minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum"} {
		v := o.get(key)
		if v == nil {
			continue
		}
		k, ok := value(v.str())
		if !ok {
			c.errorf(v, "range", "write the bound as the values are written", "%s %s is not %s", key, v.shown(), what)
			continue
		}
		at[key] = k
	}
	for _, low := range []string{"minimum", "exclusiveMinimum"} {
		for _, high := range []string{"maximum", "exclusiveMaximum"} {
			l, h := at[low], at[high]
			if l != nil && h != nil && (l.Cmp(h) > 0 || (l.Cmp(h) == 0 && (low != "minimum" || high != "maximum"))) {
				c.errorf(o.get(low), "range", "swap or mend them", "%s %s and %s %s leave no value", low, o.text(low), high, o.text(high))
			}
		}
	}
}

// ParseMoment reads a date, time or timestamp in one of layouts, else in
// ISO 8601: bounds of a contract, and cells.
func ParseMoment(t Type, layouts []string, s string) (time.Time, bool) {
	for _, list := range [][]string{layouts, defaultLayouts(t), defaultLayouts(Date)} {
		for _, l := range list {
			if m, err := time.Parse(l, s); err == nil {
				return m, true
			}
		}
	}
	return time.Time{}, false
}

func (c *compiler) pattern(v *node) {
	if _, err := regexp.Compile(v.str()); err != nil {
		do := "write a pattern of RE2 (no look-around, no back-references)"
		if strings.Contains(err.Error(), "(?") {
			do = "RE2 has no look-around; write two patterns as two rules"
		}
		c.errorf(v, "pattern", do, "the pattern is not understood: %s", strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
}

// layouts are the accepted layouts of a date: format, and assay.formats for
// more than one; the first is the canonical one.
func (c *compiler) layouts(p *node, f *Field) []string {
	var patterns []*node
	if v := p.get("logicalTypeOptions").get("format"); v.str() != "" {
		patterns = append(patterns, v)
	}
	if v := custom(p, "assay.formats"); v != nil {
		if v.kind == sequenceNode {
			patterns = append(patterns, v.items...)
		} else {
			patterns = append(patterns, v)
		}
	}
	if len(patterns) == 0 {
		return defaultLayouts(f.Type)
	}
	var out []string
	type source struct {
		layouts []string
		at      *node
	}
	var read []source
	for _, v := range patterns {
		ls, err := goLayouts(v.str())
		if err != nil {
			c.errorf(v, "format", "use the letters of Java's DateTimeFormatter: yyyy-MM-dd, dd.MM.yyyy HH:mm", "%v", err)
			continue
		}
		for _, before := range read {
			if text, yes := confusable(before.layouts[0], ls[0]); yes {
				c.errorf(v, "format", "accept one of them only", "%s and %s cannot be told apart: both read %s, as different days", before.at.str(), v.str(), text)
			}
		}
		read = append(read, source{ls, v})
		for _, l := range ls {
			if !slices.Contains(out, l) {
				out = append(out, l)
			}
		}
	}
	return out
}

// examples must be values of the field: a contract that contradicts itself in
// its examples was not meant as written.
func (c *compiler) examples(p *node, f *Field) {
	for _, e := range p.list("examples") {
		if e.kind != scalarNode || e.tag == "null" {
			continue
		}
		if why := f.violates(e.value); why != "" {
			c.warnf(e, "example", "mend the example, or the clause that it breaks", "the example %s %s", e.shown(), why)
		}
	}
}

// violates says what clause of the type and its options the text of a value
// breaks, "" for none. It judges single values of contracts (examples), not
// rows: that is the gate's work.
func (f *Field) violates(v string) string {
	o := f.Options
	switch f.Type {
	case Integer, Decimal:
		r, ok := exact(v)
		if !ok || (f.Type == Integer && !r.IsInt()) {
			return "is not " + withArticle(string(f.Type))
		}
		return outside(r, o, exact)
	case Boolean:
		if v != "true" && v != "false" {
			return "is not a boolean"
		}
	case Date, Timestamp, Time:
		m, ok := ParseMoment(f.Type, o.Formats, v)
		if !ok {
			return "is not a " + string(f.Type) + " in a format of the field"
		}
		return outside(momentRat(m), o, func(s string) (*big.Rat, bool) {
			m, ok := ParseMoment(f.Type, o.Formats, s)
			return momentRat(m), ok
		})
	case String:
		n := utf8.RuneCountInString(v)
		if o.MinLength != nil && n < *o.MinLength || o.MaxLength != nil && n > *o.MaxLength {
			return fmt.Sprintf("has %d characters", n)
		}
		if re, err := regexp.Compile(o.Pattern); err == nil && !re.MatchString(v) {
			return "does not match the pattern " + o.Pattern
		}
	}
	return ""
}

func outside(r *big.Rat, o Options, value func(string) (*big.Rat, bool)) string {
	for _, b := range []struct {
		bound string
		ok    func(int) bool
		why   string
	}{
		{o.Minimum, func(c int) bool { return c >= 0 }, "is below the minimum "},
		{o.ExclusiveMinimum, func(c int) bool { return c > 0 }, "is not above "},
		{o.Maximum, func(c int) bool { return c <= 0 }, "is above the maximum "},
		{o.ExclusiveMaximum, func(c int) bool { return c < 0 }, "is not below "},
	} {
		if l, ok := value(b.bound); b.bound != "" && ok && !b.ok(r.Cmp(l)) {
			return b.why + b.bound
		}
	}
	return ""
}

// momentRat is m in seconds, to compare moments as numbers are compared.
func momentRat(m time.Time) *big.Rat {
	return new(big.Rat).Add(big.NewRat(m.Unix(), 1), big.NewRat(int64(m.Nanosecond()), 1e9))
}
