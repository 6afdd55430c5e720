package contract

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// LintSource lints the text of a contract: the problems of Parse where it does
// not parse, else Lint.
func LintSource(file string, src []byte) []Finding {
	d, found := parse(file, src)
	if problemError(found) != nil {
		sortFindings(found)
		return found
	}
	return d.Lint()
}

// Lint looks at a whole contract: every schema object is compiled, and what is
// missing for others to rely on it is named. Errors keep a contract from
// judging a batch; warnings and notes do not.
func (d *Document) Lint() []Finding {
	l := &linter{doc: d}
	l.document()
	l.gapNotes()
	for _, f := range d.ignored {
		l.add(f)
	}
	for _, o := range d.root.list("schema") {
		f, found := d.compile(o)
		for _, x := range found {
			l.add(x)
		}
		l.object(o, f)
	}
	sortFindings(l.found)
	return l.found
}

type linter struct {
	doc   *Document
	found []Finding
}

func (l *linter) add(f Finding) {
	if !slices.Contains(l.found, f) {
		l.found = append(l.found, f)
	}
}

func (l *linter) at(level Level, n *node, rule, do, format string, args ...any) {
	l.add(Finding{File: l.doc.file, Line: n.line, Column: n.col, Path: n.path, Level: level, Rule: rule, What: fmt.Sprintf(format, args...), Do: do})
}

// semantic is a version of Semantic Versioning 2.0.0; a leading v is common
// and harmless.
var semantic = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)
})

var statuses = []string{"proposed", "draft", "active", "deprecated", "retired"}

func (l *linter) document() {
	root := l.doc.root
	if v := root.get("version"); v != nil && !semantic().MatchString(v.value) {
		l.at(LevelError, v, "version", "write MAJOR.MINOR.PATCH, such as 1.0.0: diff and publish reason with it", "the version %s is not semantic", v.shown())
	}
	if s := root.get("status"); s != nil {
		switch {
		case s.value == "deprecated" || s.value == "retired":
			l.at(LevelNote, s, "status", "move its consumers to its successor", "the contract is %s", s.value)
		case !slices.Contains(statuses, s.value):
			l.at(LevelNote, s, "status", didYouMean(s.value, statuses, ""), "the status %s is none that the standard names", s.shown())
		}
	}
	if l.doc.Owner() == "" {
		l.at(LevelWarning, root, "owner", "add team: {name: …}, so that a violation reaches someone", "nobody owns the contract")
	}
	if root.get("description").text("purpose") == "" {
		l.at(LevelNote, root, "description", "add description: {purpose: …, limitations: …}", "the contract does not say what its data is for")
	}
	for key, instead := range map[string]string{"dataProduct": "name", "slaDefaultElement": "an element at each SLA"} {
		if k := root.key(key); k != nil && !l.doc.old() {
			l.at(LevelNote, k, "deprecated", "use "+instead, "%s is deprecated since v3.1.0", key)
		}
	}
	objects := root.list("schema")
	if len(objects) == 0 {
		l.at(LevelWarning, root, "schema", "add a schema object with properties", "the contract describes no data")
	}
	names := map[string]*node{}
	for _, o := range objects {
		n := o.get("name")
		if first := names[n.str()]; first != nil {
			l.at(LevelError, n, "duplicate", "rename one", "two schema objects are called %s (first on line %d)", n.str(), first.line)
			continue
		}
		names[n.str()] = n
	}
	if len(objects) > 1 && l.doc.choice() == nil {
		l.at(LevelNote, root.key("schema"), "feed", "set assay.feed in customProperties to make one of them a feed", "the contract has %d schema objects and names none as its feed", len(objects))
	}
	l.ids(root)
}

// ids must be unique within their list, since references use them.
func (l *linter) ids(n *node) {
	seen := map[string]int{}
	for _, e := range n.items {
		if n.kind == sequenceNode {
			if id := e.get("id"); id != nil {
				if line, twice := seen[id.str()]; twice {
					l.at(LevelError, id, "duplicate", "give each entry of the list its own id", "the id %s stands twice (first on line %d)", id.str(), line)
				}
				seen[id.str()] = id.line
			}
		}
		l.ids(e)
	}
}

// critical: an element that the producer calls critical deserves a check.
func (l *linter) critical(o *node, f *Feed) {
	for i, p := range o.list("properties") {
		if p.flag("criticalDataElement") && i < len(f.Fields) && !f.Fields[i].Required && len(p.list("quality")) == 0 {
			l.at(LevelWarning, p.key("criticalDataElement"), "critical", "set required: true, or add a rule", "%s is critical and nothing checks that it is there", p.text("name"))
		}
	}
}

// dimensions of quality, in the words of the standard. A contract should have
// at least one check for each.
var dimensions = []string{"accuracy", "completeness", "conformity", "consistency", "coverage", "timeliness", "uniqueness"}

func (l *linter) object(o *node, f *Feed) {
	if f.Description == "" {
		l.at(LevelWarning, o, "description", "say what one row is, and its edge cases", "the schema object %s has no description", f.Schema)
	}
	var bare []string
	for _, p := range o.list("properties") {
		if p.text("description") == "" && p.text("businessName") == "" {
			bare = append(bare, p.text("name"))
		}
		if p.get("logicalType") == nil {
			l.at(LevelWarning, p, "type", "add logicalType", "%s has no logicalType and is read as %s", p.text("name"), f.field(p.text("name")).Type)
		}
	}
	if len(bare) > 0 {
		l.at(LevelNote, o, "description", "say what each means to the business", "no description: %s", strings.Join(bare, ", "))
	}
	c := &compiler{doc: l.doc, object: o, feed: f}
	if c.setting("assay.evolution") == nil {
		l.at(LevelWarning, o, "evolution", "set assay.evolution: reject, warn, ignore or evolve", "what a new column means is not stated; it is rejected")
	}
	if len(f.Keys) == 0 {
		l.at(LevelNote, o, "key", "mark the identifying fields with primaryKey: true", "%s has no key: duplicates go unseen", f.Schema)
	}
	has := covered(f)
	var without []string
	for _, d := range dimensions {
		if !has[d] {
			without = append(without, d)
		}
	}
	if len(without) > 0 {
		l.at(LevelNote, o, "dimension", "add rules, and say with dimension: which they are", "%s: nothing checks %s", f.Schema, strings.Join(without, ", "))
	}
	for _, u := range f.Unenforced {
		if !strings.HasSuffix(u.Path, ".schedule") && !strings.HasSuffix(u.Path, ".scheduler") || strings.HasPrefix(u.Path, "slaProperties") { // gapNotes has the others
			l.add(Finding{File: l.doc.file, Line: u.Line, Column: u.Column, Path: u.Path, Level: LevelNote, Rule: "unenforced", What: "not enforced: " + u.Reason})
		}
	}
	l.critical(o, f)
}

// covered are the dimensions that some clause of f speaks to: those that rules
// name, and those that a kind of clause is about.
func covered(f *Feed) map[string]bool {
	has := map[string]bool{"uniqueness": len(f.Keys) > 0, "consistency": len(f.Relations) > 0}
	mark := func(dimension string, yes bool) { has[dimension] = has[dimension] || yes }
	for _, fd := range f.Fields {
		o := fd.Options
		mark("completeness", fd.Required)
		mark("conformity", fd.Type != String || o.Pattern != "" || o.Enum != nil || o.MaxLength != nil || o.Format != "")
		mark("accuracy", o.Minimum+o.Maximum+o.ExclusiveMinimum+o.ExclusiveMaximum != "")
	}
	for _, k := range f.Checks {
		mark(k.Dimension, true)
		switch k.Metric {
		case "nullValues", "missingValues":
			mark("completeness", true)
		case "rowCount", "volume":
			mark("coverage", true)
		case "invalidValues":
			mark("conformity", true)
		case "duplicateValues":
			mark("uniqueness", true)
		case "freshness":
			mark("timeliness", true)
		case "expression":
			mark("consistency", true)
		case "drift":
			mark("accuracy", true)
		}
	}
	for _, s := range f.SLA {
		mark("timeliness", s.Property == "latency" || s.Property == "frequency")
	}
	return has
}
