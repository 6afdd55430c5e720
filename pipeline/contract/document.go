package contract

import (
	"fmt"
	"slices"
	"strings"
)

// A Document is one contract as it was written. It keeps its source: Bytes
// returns it byte for byte unless it was edited.
type Document struct {
	file string
	src  []byte
	root *node
	// ignored are the properties that v3.0.x allows and nobody reads.
	ignored []Finding
}

// Parse reads an ODCS document of v3.1.0 or v3.0.x. The error, of code
// invalid, carries every problem found, one per line as
// file:line:col: path: what; what to do (see Problems).
func Parse(file string, src []byte) (*Document, error) {
	d, found := parse(file, src)
	if err := problemError(found); err != nil {
		return nil, err
	}
	return d, nil
}

// parse returns the document as far as it can be read, and what is wrong.
func parse(file string, src []byte) (*Document, []Finding) {
	root, found := readYAML(file, src)
	if found != nil {
		return nil, found
	}
	d := &Document{file: file, src: slices.Clone(src), root: root}
	if f, ok := d.refuse(); ok {
		return nil, []Finding{f}
	}
	c := &shapeCheck{file: file, old: d.old()}
	c.check(root, rootShape())
	if problemError(c.found) == nil {
		d.ignored = c.found
	}
	return d, c.found
}

// refuse recognises documents of another standard or of a version that is not
// read, before the schema would drown the reader in messages.
func (d *Document) refuse() (Finding, bool) {
	f := Finding{File: d.file, Line: d.root.line, Column: d.root.col, Level: LevelError, Rule: "standard"}
	if d.root.kind != mappingNode {
		f.What, f.Do = "a contract is a mapping, not "+d.root.shown(), "begin with apiVersion: v3.1.0"
		return f, true
	}
	if k := d.root.key("dataContractSpecification"); k != nil {
		f.Line, f.Column, f.Path = k.line, k.col, k.path
		f.What = "this is a Data Contract Specification, which was retired in favour of ODCS"
		f.Do = "convert it with `datacontract export --format odcs --output NAME.odcs.yaml " + d.file +
			"`, or by hand: info.title → name, info.version → version, models → schema, fields → properties, servicelevels → slaProperties"
		return f, true
	}
	v := d.root.get("apiVersion")
	if v == nil {
		if d.root.get("datasetName") != nil || d.root.get("dataset") != nil || d.root.get("quantumName") != nil {
			f.What, f.Do = "this looks like ODCS v2", "migrate it to v3.1.0: dataset → schema, columns → properties, apiVersion: v3.1.0"
			return f, true
		}
		return f, false
	}
	f.Line, f.Column, f.Path = v.line, v.col, v.path
	switch {
	case strings.HasPrefix(v.value, "v2."):
		f.What, f.Do = "ODCS "+v.value+" is not read", "migrate it to v3.1.0: dataset → schema, columns → properties, apiVersion: v3.1.0"
		return f, true
	case v.tag == "string" && !slices.Contains(readVersions, v.value):
		f.What, f.Do = fmt.Sprintf("ODCS version %s is not read", v.shown()), "use v3.1.0 (v3.0.0 to v3.0.2 are read too)"
		return f, true
	}
	return f, false
}

var readVersions = []string{"v3.1.0", "v3.0.2", "v3.0.1", "v3.0.0"}

// old reports whether d is of ODCS v3.0.x.
func (d *Document) old() bool { return strings.HasPrefix(d.root.text("apiVersion"), "v3.0.") }

// File is the name that Parse was given.
func (d *Document) File() string { return d.file }

// Bytes is the source of the document, with the edits made to it.
func (d *Document) Bytes() []byte { return slices.Clone(d.src) }

// ID is the contract's id.
func (d *Document) ID() string { return d.root.text("id") }

// Version is the contract's own version.
func (d *Document) Version() string { return d.root.text("version") }

// Name is the contract's name, else its id.
func (d *Document) Name() string {
	if n := d.root.text("name"); n != "" {
		return n
	}
	return d.ID()
}

// Status is the contract's status: proposed, draft, active, deprecated, retired.
func (d *Document) Status() string { return d.root.text("status") }

// Owner is who answers for the contract: the team's name, else the first
// member whose role is owner, else the tenant's domain.
func (d *Document) Owner() string {
	team := d.root.get("team")
	if n := team.text("name"); n != "" {
		return n
	}
	members := team.list("members")
	if team != nil && team.kind == sequenceNode {
		members = team.items
	}
	for _, m := range members {
		if strings.Contains(strings.ToLower(m.text("role")), "owner") {
			if n := m.text("name"); n != "" {
				return n
			}
			return m.text("username")
		}
	}
	return d.root.text("domain")
}
