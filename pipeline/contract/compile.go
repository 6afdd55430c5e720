package contract

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
)

// A compiler turns one schema object of a document into a Feed and collects
// everything that is wrong or not enforced on its way.
type compiler struct {
	doc    *Document
	object *node
	found  []Finding
	feed   *Feed
	ids    map[string]int
	// rowOnFail is what a failed row check does where the field says nothing.
	rowOnFail OnFail
}

func (c *compiler) add(level Level, at *node, rule, do, format string, args ...any) {
	if at == nil {
		at = c.object
	}
	c.found = append(c.found, Finding{File: c.doc.file, Line: at.line, Column: at.col, Path: at.path,
		Level: level, Rule: rule, What: fmt.Sprintf(format, args...), Do: do})
}

func (c *compiler) errorf(at *node, rule, do, format string, args ...any) {
	c.add(LevelError, at, rule, do, format, args...)
}

func (c *compiler) warnf(at *node, rule, do, format string, args ...any) {
	c.add(LevelWarning, at, rule, do, format, args...)
}

// unenforced records a clause by the name of its entry in the list of gaps.
func (c *compiler) unenforced(at *node, entry string) {
	if g, listed := gap(entry); listed {
		c.feed.Unenforced = append(c.feed.Unenforced, Clause{Path: at.path, Line: at.line, Column: at.col, Reason: g.Reason})
	}
}

// feedName is the name under which a schema object is a feed.
func (d *Document) feedName(object *node) string {
	if v := custom(object, "assay.feed"); v.str() != "" {
		return v.str()
	}
	if v := custom(d.root, "assay.feed"); v != nil {
		if v.text("name") != "" && v.text("schema") == object.text("name") {
			return v.text("name")
		}
		if v.str() != "" && len(d.root.list("schema")) == 1 {
			return v.str()
		}
	}
	return object.text("name")
}

// choice is the schema object that the document itself names as its feed, nil
// where it leaves several.
func (d *Document) choice() *node {
	objects := d.root.list("schema")
	if len(objects) == 1 {
		return objects[0]
	}
	v := custom(d.root, "assay.feed")
	want := v.str()
	if s := v.text("schema"); s != "" {
		want = s
	}
	var named []*node
	for _, o := range objects {
		if want != "" && o.text("name") == want {
			return o
		}
		if custom(o, "assay.feed") != nil {
			named = append(named, o)
		}
	}
	if len(named) == 1 {
		return named[0]
	}
	return nil
}

// Feeds are the names of the feeds that the document defines, in its order:
// the one that assay.feed chooses, else every schema object.
func (d *Document) Feeds() []string {
	if o := d.choice(); o != nil {
		return []string{d.feedName(o)}
	}
	var named, all []string
	for _, o := range d.root.list("schema") {
		all = append(all, d.feedName(o))
		if custom(o, "assay.feed") != nil {
			named = append(named, d.feedName(o))
		}
	}
	if len(named) > 0 {
		return named
	}
	return all
}

// Feed compiles the schema object of that name, or the feed of that name. The
// empty name picks the object that assay.feed names, or the only one. Errors:
// invalid (with every problem in it, or a list of the objects to choose from).
func (d *Document) Feed(name string) (*Feed, error) {
	object, err := d.pick(name)
	if err != nil {
		return nil, err
	}
	f, found := d.compile(object)
	if len(f.Fields) == 0 {
		for i := range found {
			if found[i].Rule == "schema" {
				found[i].Level = LevelError
			}
		}
	}
	if err := problemError(found); err != nil {
		return nil, err
	}
	return f, nil
}

func (d *Document) pick(name string) (*node, error) {
	objects := d.root.list("schema")
	if len(objects) == 0 {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: schema: the contract describes no data", d.file).
			WithHint("add a schema object with properties")
	}
	if name == "" {
		if o := d.choice(); o != nil {
			return o, nil
		}
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: the contract has several schema objects: %s", d.file, strings.Join(d.objectNames(), ", ")).
			WithHint("name one with --schema, or in customProperties with assay.feed")
	}
	for _, o := range objects {
		if o.text("name") == name {
			return o, nil
		}
	}
	for _, o := range objects {
		if d.feedName(o) == name {
			return o, nil
		}
	}
	return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: the contract has no schema object %s", d.file, name).
		WithHint("it has %s", strings.Join(d.objectNames(), ", "))
}

func (d *Document) objectNames() (out []string) {
	for _, o := range d.root.list("schema") {
		out = append(out, o.text("name"))
	}
	return out
}

func (d *Document) compile(object *node) (*Feed, []Finding) {
	c := &compiler{doc: d, object: object, ids: map[string]int{}}
	f := &Feed{
		Name: d.feedName(object), ContractID: d.ID(), Version: d.Version(), Status: d.Status(), Schema: object.text("name"), Physical: object.text("physicalName"), File: d.file,
		Owner: d.Owner(), Description: object.text("description"), Document: d,
	}
	c.feed = f
	if f.Description == "" {
		f.Description = d.root.get("description").text("purpose")
	}
	if !feedWord().MatchString(f.Name) {
		c.errorf(object.get("name"), "name", "use letters, digits, - _ and . and set assay.feed where the table is called otherwise",
			"%q cannot be the name of a feed: it becomes a folder", f.Name)
	}
	c.checkCustom(d.root, "document")
	c.checkCustom(object, "object")
	if v := custom(d.root, "assay.feed"); v.str() != "" && len(d.root.list("schema")) > 1 && !slices.Contains(d.objectNames(), v.str()) {
		c.errorf(v, "custom", didYouMean(v.str(), d.objectNames(), "name a schema object"), "assay.feed: there is no schema object %s", v.str())
	}
	c.rowOnFail = c.onFail(object, c.onFail(d.root, RejectRow))
	f.Format, f.Dialect = c.format(), Dialect{}
	f.Fields = c.fields(object.list("properties"), "")
	if len(f.Fields) == 0 {
		c.warnf(object, "schema", "add the columns under properties", "the schema object %s has no properties and cannot judge a batch", f.Schema)
	}
	c.checkColumns(f.Fields)
	f.Keys = c.keys(object)
	c.settings(f)
	c.quality(object, "")
	c.relations(object)
	c.sla()
	c.schedule(f)
	c.channels(f)
	f.Hash = f.hash()
	sortFindings(c.found)
	return f, c.found
}

// hash names what judges a batch: not where the contract lies, who owns it, or
// what it says in prose.
func (f *Feed) hash() string {
	h := *f
	h.Hash, h.File, h.Owner, h.Description, h.ContractID, h.Version, h.Status, h.Unenforced = "", "", "", "", "", "", "", nil
	h.Schedule, h.Channels = Schedule{}, nil
	h.Fields = bareFields(f.Fields)
	h.Checks = slices.Clone(f.Checks)
	for i := range h.Checks {
		h.Checks[i].Line, h.Checks[i].Message = 0, ""
	}
	h.Relations = slices.Clone(f.Relations)
	for i := range h.Relations {
		h.Relations[i].Line = 0
	}
	h.SLA = slices.Clone(f.SLA)
	for i := range h.SLA {
		h.SLA[i].Line = 0
	}
	b, err := json.Marshal(h)
	if err != nil { // a Feed is plain data; this keeps a new field honest
		return pipeline.ContentID("unhashable", err.Error())
	}
	return pipeline.ContentID(string(b))
}

func bareFields(fs []Field) []Field {
	out := slices.Clone(fs)
	for i := range out {
		out[i].Line, out[i].Description, out[i].RenamedFrom = 0, "", ""
		if r := out[i].EnumRule; r != nil {
			bare := *r
			bare.Line, bare.Message = 0, ""
			out[i].EnumRule = &bare
		}
		out[i].Fields = bareFields(out[i].Fields)
		if out[i].Items != nil {
			out[i].Items = &bareFields([]Field{*out[i].Items})[0]
		}
	}
	return out
}

// format is the format of the landed files: assay.format, else what the first
// server that says so says, else what its path ends in, else CSV.
func (c *compiler) format() Format {
	known := []string{string(CSV), string(JSONL), string(JSON), string(Parquet), string(Files)}
	if v := c.setting("assay.format"); v != nil {
		return Format(c.word(v, "assay.format", string(CSV), known...))
	}
	for _, s := range c.doc.root.list("servers") {
		word := strings.ToLower(s.text("format"))
		if word == "" {
			path := strings.ToLower(s.text("location") + s.text("path"))
			for _, z := range []string{".gz", ".zst", ".bz2"} {
				path = strings.TrimSuffix(path, z)
			}
			if i := strings.LastIndexByte(path, '.'); i >= 0 {
				word = path[i+1:]
			}
			if !slices.Contains(known, word) && word != "ndjson" && word != "zip" {
				continue
			}
		}
		delimiter := s.text("delimiter")
		if delimiter == "" {
			delimiter = custom(s, "delimiter").str()
		}
		switch {
		case word == "zip" || word == "folder":
			return Files
		case word == "ndjson" || (word == "json" && delimiter == "new_line"):
			return JSONL
		case slices.Contains(known, word):
			return Format(word)
		}
		c.warnf(s.get("format"), "format", "use csv, jsonl, json or parquet, or set assay.format", "files of format %s are not read", word)
	}
	return CSV
}

// checkColumns: two fields of one name, or two that read one column.
func (c *compiler) checkColumns(fs []Field) {
	for what, name := range map[string]func(Field) string{"field": func(f Field) string { return f.Name }, "column": func(f Field) string { return f.Column }} {
		seen := map[string]Field{}
		for i, f := range fs {
			first, twice := seen[name(f)]
			if twice && (what == "field" || first.Name != f.Name) {
				c.errorf(c.object.list("properties")[i], "duplicate", "rename or remove one", "the %s %s is declared twice (first on line %d)", what, name(f), first.Line)
			}
			if !twice {
				seen[name(f)] = f
			}
		}
	}
}

func (c *compiler) keys(object *node) []Key {
	var out []Key
	primary := map[int]string{}
	pk := Key{Name: "primary key", Primary: true, Scope: ScopeBatch, OnFail: c.rowOnFail, Severity: SeverityError}
	for i, f := range c.feed.Fields {
		p := object.list("properties")[i]
		if f.Key > 0 {
			if other, taken := primary[f.Key]; taken {
				c.errorf(p.get("primaryKeyPosition"), "key", "number the parts of the key 1, 2, 3 …", "%s and %s have the same primaryKeyPosition %d", other, f.Name, f.Key)
			}
			primary[f.Key] = f.Name
		}
		if f.Key > 0 || f.Unique {
			scope := KeyScope(c.word(custom(p, "assay.scope"), "assay.scope", string(ScopeBatch), string(ScopeBatch), string(ScopeFeed)))
			days := c.mapping(custom(p, "assay.horizonDays"), "assay.horizonDays", "days").count("days", 0, 1)
			if f.Key > 0 && scope == ScopeFeed {
				pk.Scope, pk.HorizonDays = scope, max(pk.HorizonDays, days)
			}
			if f.Unique {
				out = append(out, Key{Name: f.Name, Fields: []string{f.Name}, Scope: scope, HorizonDays: days, OnFail: f.OnFail, Severity: f.Severity})
			}
		}
	}
	for _, pos := range slices.Sorted(maps.Keys(primary)) {
		pk.Fields = append(pk.Fields, primary[pos])
	}
	if len(pk.Fields) > 0 {
		// A unique field that is the whole primary key is one key, not two.
		out = slices.DeleteFunc(out, func(k Key) bool { return len(pk.Fields) == 1 && k.Fields[0] == pk.Fields[0] })
		out = append([]Key{pk}, out...)
	}
	return append(out, c.customKeys()...)
}

// customKeys are the composite unique keys of assay.keys.
func (c *compiler) customKeys() (out []Key) {
	v := c.setting("assay.keys")
	if v == nil {
		return nil
	}
	if v.kind != sequenceNode {
		c.errorf(v, "custom", "write - fields: [a, b]", "assay.keys is a list of keys")
		return nil
	}
	for _, e := range v.items {
		m := c.mapping(e, "assay.keys", "")
		k := Key{Scope: KeyScope(m.word("scope", string(ScopeBatch), string(ScopeBatch), string(ScopeFeed))),
			HorizonDays: m.count("horizonDays", 0, 1),
			OnFail:      OnFail(m.word("onFail", string(c.rowOnFail), string(RejectRow), string(FailBatch), string(Warn))),
			Severity:    SeverityError}
		if fs := m.get("fields"); fs != nil {
			for _, name := range c.words(fs, "assay.keys.fields") {
				if fd := c.feed.field(name); fd != nil {
					k.Fields = append(k.Fields, fd.Name)
				} else {
					c.errorf(fs, "custom", didYouMean(name, c.feed.fieldNames(), "name a property"), "assay.keys: there is no field %s", name)
				}
			}
		}
		k.Name = m.text("name", strings.Join(k.Fields, "+"))
		if len(k.Fields) == 0 {
			c.errorf(e, "custom", "write fields: [a, b]", "a key needs fields")
		}
		if k.OnFail == Warn {
			k.Severity = SeverityWarning
		}
		m.done()
		out = append(out, k)
	}
	return out
}

func (f *Feed) field(name string) *Field {
	for i := range f.Fields {
		if f.Fields[i].Name == name || f.Fields[i].Column == name {
			return &f.Fields[i]
		}
	}
	return nil
}

func (f *Feed) fieldNames() (out []string) {
	for _, fd := range f.Fields {
		out = append(out, fd.Name)
	}
	return out
}
