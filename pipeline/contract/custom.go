package contract

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// customKeys are the customProperties that the pipeline reads, by where they
// may stand. A property of the schema object wins over one of the document.
var customKeys = map[string][]string{
	"document": {"assay.feed", "assay.csv", "assay.load", "assay.evolution", "assay.onFail", "assay.maxRejectRate",
		"assay.breaker", "assay.approval", "assay.schedule", "assay.catalog", "assay.missingOptional", "assay.format", "assay.keys", "assay.kind"},
	"object": {"assay.feed", "assay.csv", "assay.load", "assay.evolution", "assay.onFail", "assay.maxRejectRate",
		"assay.breaker", "assay.approval", "assay.schedule", "assay.catalog", "assay.missingOptional", "assay.format", "assay.keys", "assay.kind"},
	"property":     {"assay.onFail", "assay.severity", "assay.formats", "assay.scope", "assay.horizonDays", "assay.renamedFrom"},
	"quality":      {"assay.onFail"},
	"support":      {"assay.notify"},
	"relationship": {"assay.onFail", "assay.severity", "assay.feed"},
}

// custom returns the value of a customProperty of n.
func custom(n *node, name string) *node {
	for _, p := range n.list("customProperties") {
		if p.text("property") == name {
			return p.get("value")
		}
	}
	return nil
}

// checkCustom reports assay.* properties that nobody reads, and doubles.
func (c *compiler) checkCustom(n *node, where string) {
	seen := map[string]bool{}
	for _, p := range n.list("customProperties") {
		name := p.text("property")
		if !strings.HasPrefix(name, "assay.") {
			continue
		}
		if seen[name] {
			c.errorf(p.get("property"), "custom", "keep one", "%s stands twice", name)
		}
		seen[name] = true
		if !slices.Contains(customKeys[where], name) {
			c.errorf(p.get("property"), "custom", didYouMean(name, customKeys[where], "remove it"), "%s is not known on a %s", name, where)
		}
	}
}

// A fielder reads the keys of one assay.* mapping and reports those that are
// left over.
type fielder struct {
	c    *compiler
	n    *node
	name string
	read []string
}

// mapping begins reading the customProperty name as a mapping. A scalar is
// taken as the value of short, where one is given.
func (c *compiler) mapping(n *node, name, short string) *fielder {
	f := &fielder{c: c, n: n, name: name}
	if n == nil {
		return f
	}
	if n.kind == scalarNode && short != "" && n.tag != "null" {
		k := &node{tag: "string", value: short, line: n.line, col: n.col, path: n.path}
		f.n = &node{kind: mappingNode, line: n.line, col: n.col, path: n.path, keys: []*node{k}, items: []*node{n}}
		return f
	}
	if n.kind != mappingNode {
		c.errorf(n, "custom", "write it as key: value pairs", "%s is a mapping, not %s", name, n.shown())
		f.n = nil
	}
	return f
}

func (f *fielder) get(key string) *node {
	f.read = append(f.read, key)
	return f.n.get(key)
}

func (f *fielder) scalar(key string) *node {
	v := f.get(key)
	if v != nil && v.kind != scalarNode {
		f.c.errorf(v, "custom", "write one value", "%s.%s is one value, not %s", f.name, key, v.shown())
		return nil
	}
	return v
}

func (f *fielder) text(key, otherwise string) string {
	if v := f.scalar(key); v != nil && v.tag != "null" {
		return v.value
	}
	return otherwise
}

func (f *fielder) word(key, otherwise string, allowed ...string) string {
	v := f.scalar(key)
	if v == nil {
		return otherwise
	}
	if !slices.Contains(allowed, v.value) {
		f.c.errorf(v, "custom", didYouMean(v.value, allowed, ""), "%s.%s: %s is not allowed", f.name, key, v.shown())
		return otherwise
	}
	return v.value
}

func (f *fielder) count(key string, otherwise, atLeast int) int {
	v := f.scalar(key)
	if v == nil {
		return otherwise
	}
	i, err := strconv.Atoi(v.value)
	if err != nil || i < atLeast {
		f.c.errorf(v, "custom", fmt.Sprintf("write a whole number from %d", atLeast), "%s.%s: %s is not a count", f.name, key, v.shown())
		return otherwise
	}
	return i
}

func (f *fielder) yes(key string) bool {
	v := f.scalar(key)
	if v == nil {
		return false
	}
	if v.tag != "boolean" {
		f.c.errorf(v, "custom", "write true or false", "%s.%s: %s is not a boolean", f.name, key, v.shown())
	}
	return v.value == "true"
}

func (f *fielder) rate(key string) *float64 { return f.c.rate(f.scalar(key), f.name+"."+key) }

// rate reads a share: 0.05, or 5 %.
func (c *compiler) rate(v *node, name string) *float64 {
	if v == nil {
		return nil
	}
	text, percent := strings.CutSuffix(strings.TrimSpace(v.value), "%")
	r, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if percent {
		r /= 100
	}
	if err != nil || !(r >= 0 && r <= 1) {
		c.errorf(v, "custom", "write a share from 0 to 1, or a percentage such as 5%", "%s: %s is not a share", name, v.shown())
		return nil
	}
	return &r
}

// duration reads 90s, 1h30m, 2d.
func (f *fielder) duration(key string) string {
	v := f.scalar(key)
	if v == nil {
		return ""
	}
	if _, err := parseDuration(v.value); err != nil {
		f.c.errorf(v, "custom", "write 30m, 12h or 2d", "%s.%s: %s is not a duration", f.name, key, v.shown())
		return ""
	}
	return v.value
}

// parseDuration is time.ParseDuration with days (d) and weeks (w).
func parseDuration(s string) (time.Duration, error) {
	for unit, hours := range map[string]int64{"d": 24, "w": 7 * 24} {
		if num, ok := strings.CutSuffix(s, unit); ok {
			r, valid := new(big.Rat).SetString(num)
			if !valid || r.Sign() < 0 {
				return 0, fmt.Errorf("not a duration: %q", s)
			}
			f, _ := r.Float64()
			if f > 36500 {
				return 0, fmt.Errorf("longer than a century: %q", s)
			}
			return time.Duration(f * float64(hours) * float64(time.Hour)), nil
		}
	}
	d, err := time.ParseDuration(s)
	if err == nil && d < 0 {
		err = fmt.Errorf("negative duration %q", s)
	}
	return d, err
}

func (f *fielder) done() {
	if f.n == nil {
		return
	}
	for _, k := range f.n.keys {
		if !slices.Contains(f.read, k.value) {
			f.c.errorf(k, "custom", didYouMean(k.value, f.read, "remove it"), "%s has no %s", f.name, k.value)
		}
	}
}

// setting finds an assay property of the schema object, else of the document.
func (c *compiler) setting(name string) *node {
	if v := custom(c.object, name); v != nil {
		return v
	}
	return custom(c.doc.root, name)
}

func (c *compiler) word(v *node, name, otherwise string, allowed ...string) string {
	if v == nil {
		return otherwise
	}
	if v.kind != scalarNode || !slices.Contains(allowed, v.value) {
		c.errorf(v, "custom", didYouMean(v.value, allowed, ""), "%s: %s is not allowed", name, v.shown())
		return otherwise
	}
	return v.value
}

func (c *compiler) onFail(n *node, otherwise OnFail) OnFail {
	return OnFail(c.word(custom(n, "assay.onFail"), "assay.onFail", string(otherwise), string(RejectRow), string(FailBatch), string(Warn)))
}

func (c *compiler) settings(f *Feed) {
	f.Load = LoadMode(c.word(c.setting("assay.load"), "assay.load", string(Append), string(Append), string(Snapshot), string(Upsert)))
	f.Evolution = Evolution(c.word(c.setting("assay.evolution"), "assay.evolution", string(EvolveReject),
		string(EvolveReject), string(EvolveWarn), string(EvolveIgnore), string(EvolveEvolve)))
	f.Missing = OnFail(c.word(c.setting("assay.missingOptional"), "assay.missingOptional", string(Warn), string(Warn), string(FailBatch), string(RejectRow)))
	f.MaxRejectRate = DefaultMaxRejectRate
	if r := c.rate(c.setting("assay.maxRejectRate"), "assay.maxRejectRate"); r != nil {
		f.MaxRejectRate = *r
	}
	c.dialect(f)
	c.kind(f)
	c.breaker(f)
	c.catalog(f)
	a := c.mapping(c.setting("assay.approval"), "assay.approval", "when")
	f.Approval = Approval{When: a.word("when", "never", "never", "always", "on_warn", "on_hold"), Expiry: a.duration("expiry")}
	if f.Approval.Expiry == "" {
		f.Approval.Expiry = "24h"
	}
	a.done()
	if f.Load == Upsert && !hasPrimary(f.Keys) {
		c.errorf(c.setting("assay.load"), "custom", "mark the key with primaryKey: true", "assay.load: upsert needs a primary key")
	}
}

func hasPrimary(keys []Key) bool { return len(keys) > 0 && keys[0].Primary }

func (c *compiler) dialect(f *Feed) {
	m := c.mapping(c.setting("assay.csv"), "assay.csv", "")
	one := func(key, otherwise string, empty bool) string {
		v := m.text(key, otherwise)
		if n := utf8.RuneCountInString(v); (n == 0 && !empty) || n > 1 || strings.ContainsAny(v, "\r\n") {
			c.errorf(m.n.get(key), "custom", `write one character, such as ";"`, "assay.csv.%s: %q is not one character", key, v)
			return otherwise
		}
		return v
	}
	d := Dialect{Delimiter: one("delimiter", ",", false), Quote: one("quote", `"`, true)}
	d.Escape = one("escape", d.Quote, true)
	d.Header, d.Preamble = m.count("header", 1, 0), m.count("preamble", 0, 0)
	d.Comment = one("comment", "", true)
	d.Encoding = strings.ToLower(m.text("encoding", "utf-8"))
	d.NullWords = []string{""}
	if v := m.get("nullWords"); v != nil {
		d.NullWords = c.words(v, "assay.csv.nullWords")
		for i, e := range v.items {
			// Bare NULL and ~ are YAML's null, and meant as they are written.
			if e.tag == "null" && i < len(d.NullWords) {
				d.NullWords[i] = e.raw
			}
		}
	}
	d.Decimal, d.Thousands = one("decimal", ".", false), one("thousands", "", true)
	d.Trim = m.yes("trim")
	d.MaxRecordBytes = m.count("maxRecordBytes", 1<<20, 1)
	d.Compression = m.word("compression", "", "none", "gzip", "zstd", "bzip2")
	if d.Delimiter == d.Quote || d.Decimal == d.Thousands {
		c.errorf(m.n, "custom", "give each its own character", "assay.csv: two of delimiter, quote, decimal, thousands are the same")
	}
	m.done()
	f.Dialect = d
}

// words reads one text or a list of them; null is the empty text.
func (c *compiler) words(v *node, name string) []string {
	if v.kind == scalarNode {
		return []string{v.str()}
	}
	out := make([]string, 0, len(v.items))
	for _, e := range v.items {
		if v.kind != sequenceNode || e.kind != scalarNode {
			c.errorf(v, "custom", "write a list of plain values", "%s is a list of values", name)
			return nil
		}
		out = append(out, e.str())
	}
	return out
}

func (c *compiler) breaker(f *Feed) {
	m := c.mapping(c.setting("assay.breaker"), "assay.breaker", "mode")
	f.Breaker = Breaker{
		Mode: m.word("mode", "enforce", "enforce", "observe"), Window: m.count("window", 1, 1),
		Cooldown: m.duration("cooldown"), MaxCooldown: m.duration("maxCooldown"), Probes: m.count("probes", 2, 1),
		Fallback:    m.word("fallback", "last_good", "last_good", "degraded", "halt"),
		MaxNullRate: m.rate("maxNullRate"), MaxReject: m.rate("maxRejectRate"),
		MinRows: int64(m.count("minRows", 0, 0)), Freshness: m.duration("freshness"),
		Replay: m.word("replay", "manual", "manual", "auto"),
	}
	if f.Breaker.Cooldown == "" {
		f.Breaker.Cooldown = "1h"
	}
	m.done()
}

func (c *compiler) catalog(f *Feed) {
	v := c.setting("assay.catalog")
	if v == nil {
		return
	}
	m := c.mapping(v, "assay.catalog", "")
	named := func(key, name string) string {
		var names []string
		for _, fd := range f.Fields {
			if fd.Name == name || fd.Column == name {
				return fd.Name
			}
			names = append(names, fd.Name)
		}
		c.errorf(m.n.get(key), "custom", didYouMean(name, names, "name a property of the schema object"), "assay.catalog.%s: there is no field %s", key, name)
		return ""
	}
	column := func(key string) string {
		if name := m.text(key, ""); name != "" {
			return named(key, name)
		}
		return ""
	}
	var ids []string
	if id := m.get("id"); id != nil {
		for _, name := range c.words(id, "assay.catalog.id") {
			ids = append(ids, named("id", name))
		}
	}
	b := &Binding{IDs: ids, Text: column("text"), Category: column("category"), Manufacturer: column("manufacturer"),
		PartNumber: column("partNumber"), UnitOfMeas: column("unitOfMeasure"), PackQuantity: column("packQuantity"),
		Procurement: column("procurementGroup"), Group: column("materialGroup"), Plant: column("plant"), Language: column("language"),
		DefaultCategory: m.text("defaultCategory", "")}
	if t := m.get("trust"); t != nil {
		tm := c.mapping(t, "assay.catalog.trust", "")
		b.Trust = map[string]string{}
		if w := tm.word("text", "", "high", "low"); w != "" {
			b.Trust["text"] = w
		}
		for _, noun := range []string{"category", "manufacturer", "partNumber", "unitOfMeasure", "packQuantity", "procurementGroup", "materialGroup", "plant", "language"} {
			if w := tm.word(noun, "", "high", "low", "none"); w != "" {
				b.Trust[noun] = w
			}
		}
		tm.done()
	}
	m.done()
	if len(b.IDs) > 0 {
		b.ID = b.IDs[0]
	}
	for key, val := range map[string]string{"id": b.ID, "text": b.Text} {
		if val == "" && m.n.get(key) == nil {
			c.errorf(v, "custom", "name the column", "assay.catalog needs %s", key)
		}
	}
	f.Catalog = b
}
