package contract

import (
	"fmt"
	"slices"
	"strings"
)

// A shapeCheck collects what is wrong with a document. The quiet one only
// counts, for the branches of if, oneOf and anyOf.
type shapeCheck struct {
	file  string
	old   bool // v3.0.x: unknown properties were allowed in many places
	quiet bool
	bad   bool
	found []Finding
}

func (c *shapeCheck) report(at *node, rule, what, do string) {
	c.bad = true
	if c.quiet {
		return
	}
	f := Finding{File: c.file, Line: at.line, Column: at.col, Path: at.path, Level: LevelError, Rule: rule, What: what, Do: do}
	if !slices.Contains(c.found, f) {
		c.found = append(c.found, f)
	}
}

// ignore notes a property that v3.0.x let pass.
func (c *shapeCheck) ignore(k *node) {
	f := Finding{File: c.file, Line: k.line, Column: k.col, Path: k.path, Level: LevelWarning, Rule: "unknown",
		What: k.value + " is not a property that the standard knows here, and is ignored", Do: "put it under customProperties"}
	if !c.quiet && !slices.Contains(c.found, f) {
		c.found = append(c.found, f)
	}
}

func (c *shapeCheck) matches(n *node, s *shape) bool {
	q := shapeCheck{quiet: true, old: c.old}
	q.check(n, s)
	return !q.bad
}

// check applies s to n and returns the names of the properties of n that some
// part of s knows.
func (c *shapeCheck) check(n *node, s *shape) map[string]bool {
	known := map[string]bool{}
	if s == nil || (c.quiet && c.bad) {
		return known
	}
	add := func(m map[string]bool) {
		for k := range m {
			known[k] = true
		}
	}
	if s.ref != nil {
		add(c.check(n, s.ref))
	}
	if !c.checkType(n, s) {
		return known
	}
	c.checkValue(n, s)
	if n.kind == sequenceNode {
		c.checkItems(n, s)
	}
	for _, sub := range s.allOf {
		add(c.check(n, sub))
	}
	if s.cond != nil && c.matches(n, s.cond) && !c.untyped(n, s) {
		add(c.check(n, s.then))
		if s.cond.props != nil {
			for k := range s.cond.props {
				known[k] = true
			}
		}
	}
	if len(s.anyOf) > 0 {
		add(c.checkAny(n, s))
	}
	if len(s.oneOf) > 0 {
		add(c.checkOne(n, s))
	}
	if s.not != nil && c.matches(n, s.not) {
		c.report(n, "structure", "from does not belong here: it is this property", "leave from out")
	}
	if n.kind == mappingNode {
		c.checkProperties(n, s, known)
	}
	return known
}

// untyped: the standard's conditions on logicalType also hold where it is
// absent, and then contradict each other. One message says so, elsewhere.
func (c *shapeCheck) untyped(n *node, s *shape) bool {
	if o := n.get("logicalTypeOptions"); n.get("logicalType") != nil || o == nil || len(o.keys) == 0 {
		return false
	}
	conds := append([]*shape{s.cond}, s.cond.anyOf...)
	for _, k := range conds {
		if k.props["logicalType"] != nil {
			c.report(n.key("logicalTypeOptions"), "structure", "logicalTypeOptions without a logicalType", "state logicalType: string, integer, number, date, …")
			return true
		}
	}
	return false
}

func (c *shapeCheck) checkType(n *node, s *shape) bool {
	if len(s.types) == 0 {
		return true
	}
	is := n.typeName()
	for _, want := range s.types {
		if is == want || (want == "number" && is == "integer") {
			return true
		}
	}
	if s.types[0] == "integer" && is == "number" {
		if r, ok := exact(n.value); ok && r.IsInt() {
			return true
		}
	}
	c.report(n, "structure", fmt.Sprintf("%s is expected, not %s", withArticle(s.types[0]), n.shown()), repair(s.types[0], n))
	return false
}

func withArticle(t string) string {
	switch t {
	case "object":
		return "a mapping"
	case "array":
		return "a list"
	case "integer":
		return "a whole number"
	}
	return "a " + t
}

func repair(want string, n *node) string {
	switch {
	case want == "string" && n.kind == scalarNode && n.tag != "null":
		return fmt.Sprintf("put it in quotes: %q", n.value)
	case n.tag == "null":
		return "state a value or remove the line"
	case want == "array" && n.kind == scalarNode:
		return "begin each entry on a line of its own with -"
	case want == "boolean":
		return "write true or false"
	case want == "object" && n.kind == sequenceNode:
		return "remove the dashes"
	}
	return "see the standard for its form"
}

func (c *shapeCheck) checkValue(n *node, s *shape) {
	if n.kind != scalarNode {
		return
	}
	if s.enum != nil && !slices.Contains(s.enum, n.value) {
		c.report(n, "structure", fmt.Sprintf("%s is not allowed", n.shown()), didYouMean(n.value, s.enum, "see the standard for its values"))
	}
	if s.constant != nil && n.value != *s.constant {
		c.report(n, "structure", fmt.Sprintf("%q is expected", *s.constant), "")
	}
	if s.pattern != nil && n.tag == "string" && !s.pattern.MatchString(n.value) {
		do := "use letters, digits, - and _ only"
		if strings.HasSuffix(s.name, "Reference") {
			do = "write object.property, or schema/OBJECT_ID/properties/PROPERTY_ID"
		}
		c.report(n, "structure", fmt.Sprintf("%s is not well formed", n.shown()), do)
	}
	if s.minimum == nil && s.above == nil {
		return
	}
	if r, ok := exact(n.value); ok {
		if s.minimum != nil && r.Cmp(s.minimum) < 0 {
			c.report(n, "structure", fmt.Sprintf("%s is less than %s", n.value, s.minimum.RatString()), "raise it")
		}
		if s.above != nil && r.Cmp(s.above) <= 0 {
			c.report(n, "structure", fmt.Sprintf("%s is not greater than %s", n.value, s.above.RatString()), "raise it")
		}
	}
}

func (c *shapeCheck) checkItems(n *node, s *shape) {
	if s.items != nil {
		for _, e := range n.items {
			c.check(e, s.items)
		}
	}
	if len(n.items) < s.minItems {
		c.report(n, "structure", fmt.Sprintf("%d entries, at least %d are needed", len(n.items), s.minItems), "add them")
	}
	if s.maxItems >= 0 && len(n.items) > s.maxItems {
		c.report(n, "structure", fmt.Sprintf("%d entries, at most %d are allowed", len(n.items), s.maxItems), "remove some")
	}
	if s.unique {
		seen := map[string]bool{}
		for _, e := range n.items {
			if e.kind == scalarNode {
				if k := e.typeName() + "\x00" + e.value; seen[k] {
					c.report(e, "structure", e.shown()+" stands twice", "keep one")
				} else {
					seen[k] = true
				}
			}
		}
	}
}

func (c *shapeCheck) checkAny(n *node, s *shape) map[string]bool {
	known, matched := map[string]bool{}, false
	for _, sub := range s.anyOf {
		if c.matches(n, sub) {
			matched = true
			for k := range c.check(n, sub) {
				known[k] = true
			}
		}
	}
	if !matched {
		c.explain(n, s.anyOf)
	}
	return known
}

func (c *shapeCheck) checkOne(n *node, s *shape) map[string]bool {
	if s.name == "DataQualityOperators" {
		return c.checkOperators(n, s)
	}
	var hit []*shape
	for _, sub := range s.oneOf {
		if c.matches(n, sub) {
			hit = append(hit, sub)
		}
	}
	switch len(hit) {
	case 1:
		return c.check(n, hit[0])
	case 0:
		c.explain(n, s.oneOf)
	default:
		c.report(n, "structure", "it can be read in more than one way", "remove what does not belong")
	}
	return nil
}

// explain reports n against the alternative that it most likely means: the one
// of its own type, else all types.
func (c *shapeCheck) explain(n *node, alternatives []*shape) {
	var types []string
	for _, sub := range alternatives {
		for s := sub; s != nil; s = s.ref {
			if len(s.types) > 0 {
				types = append(types, withArticle(s.types[0]))
				if s.types[0] == n.typeName() {
					c.check(n, sub)
					return
				}
				break
			}
		}
	}
	if len(types) == 0 && len(alternatives) > 0 {
		c.check(n, alternatives[0])
		return
	}
	c.report(n, "structure", fmt.Sprintf("%s is expected, not %s", strings.Join(types, " or "), n.shown()), "see the standard for its form")
}

func (c *shapeCheck) checkOperators(n *node, s *shape) map[string]bool {
	known := map[string]bool{}
	var stated []string
	for _, sub := range s.oneOf {
		for k, v := range sub.props {
			known[k] = true
			if val := n.get(k); val != nil {
				stated = append(stated, k)
				c.check(val, v)
			}
		}
	}
	slices.Sort(stated)
	switch {
	case len(stated) == 0 && !c.old:
		c.report(n, "structure", "the rule compares with nothing", "add mustBe: 0, or another of the eight operators")
	case len(stated) > 1:
		c.report(n.key(stated[1]), "structure", strings.Join(stated, " and ")+" stand in one rule", "keep one; a range is mustBeBetween")
	}
	return known
}

func (c *shapeCheck) checkProperties(n *node, s *shape, known map[string]bool) {
	for _, r := range s.required {
		if n.get(r) != nil || (c.old && r == "metric" && n.get("rule") != nil) {
			continue
		}
		c.report(n, "structure", r+" is missing", "add it")
	}
	for k, sub := range s.props {
		if v := n.get(k); v != nil {
			c.check(v, sub)
			known[k] = true
		}
	}
	if !s.closed && !s.closedAll {
		return
	}
	for _, k := range n.keys {
		if _, ok := s.props[k.value]; ok || (s.closedAll && known[k.value]) {
			continue
		}
		if c.old {
			c.ignore(k)
			continue
		}
		names, do := s.names(nil), ""
		if slices.Contains(names, k.value) {
			do = "it belongs to another kind of entry: state its type, metric or logicalType"
		} else {
			do = didYouMean(k.value, names, "put it under customProperties")
		}
		c.report(k, "structure", k.value+" is not a property that the standard knows here", do)
	}
}

// names are the properties that s knows, with those of its parts.
func (s *shape) names(seen map[*shape]bool) (out []string) {
	if seen == nil {
		seen = map[*shape]bool{}
	}
	if s == nil || seen[s] {
		return nil
	}
	seen[s] = true
	for k := range s.props {
		out = append(out, k)
	}
	out = append(out, s.ref.names(seen)...)
	out = append(out, s.then.names(seen)...)
	for _, list := range [][]*shape{s.allOf, s.anyOf, s.oneOf} {
		for _, sub := range list {
			out = append(out, sub.names(seen)...)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
