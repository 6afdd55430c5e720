package contract

import (
	"math"
	"strconv"
	"strings"
	"time"
)

// relations reads the foreign keys of the schema object and of its properties.
func (c *compiler) relations(object *node) {
	for _, p := range object.list("properties") {
		for _, r := range p.list("relationships") {
			c.relation(r, []string{p.text("name")})
		}
	}
	for _, r := range object.list("relationships") {
		var from []string
		for _, e := range references(r.get("from")) {
			table, column, ok := c.resolve(e)
			if ok && table != object.text("name") {
				c.errorf(e, "relationship", "write it at the object "+table, "%s is not of this schema object", e.shown())
				continue
			}
			if name := propertyNamed(object, column); ok && name != "" {
				from = append(from, name)
			} else if ok {
				c.errorf(e, "relationship", didYouMean(column, propertyNames(object), "name a property"), "there is no field %s", column)
			}
		}
		c.relation(r, from)
	}
}

func references(n *node) []*node {
	if n != nil && n.kind == sequenceNode {
		return n.items
	}
	if n == nil {
		return nil
	}
	return []*node{n}
}

func (c *compiler) relation(r *node, from []string) {
	c.checkCustom(r, "relationship")
	to := references(r.get("to"))
	rel := Relation{Fields: from, Line: r.line, column: r.col, path: r.path, OnFail: c.onFail(r, c.rowOnFail)}
	rel.Severity = c.severity(custom(r, "assay.severity"), SeverityError)
	if rel.OnFail == Warn {
		rel.Severity = SeverityWarning
	}
	table := ""
	for _, e := range to {
		t, column, ok := c.resolve(e)
		if !ok {
			return
		}
		if table != "" && t != table {
			c.errorf(e, "relationship", "one relationship leads to one object", "the key leads to %s and to %s", table, t)
		}
		table = t
		rel.ToFields = append(rel.ToFields, column)
	}
	if len(from) != len(to) && len(from) > 0 {
		c.errorf(r, "relationship", "give both sides the same number of fields", "%d fields lead to %d", len(from), len(to))
	}
	rel.To = table
	for _, o := range c.doc.root.list("schema") {
		if o.text("name") == table {
			rel.To = c.doc.feedName(o)
			for i, col := range rel.ToFields {
				name := propertyNamed(o, col)
				if name == "" {
					c.errorf(to[i], "relationship", didYouMean(col, propertyNames(o), "name a property"), "%s has no field %s", table, col)
				}
				rel.ToFields[i] = name
			}
		}
	}
	if v := custom(r, "assay.feed"); v.str() != "" {
		rel.To = v.str()
	}
	rel.ID = strings.Join(from, "+") + ".references." + rel.To
	c.feed.Relations = append(c.feed.Relations, rel)
}

// resolve reads a reference: object.property, or schema/OBJECT_ID/properties/ID
// within this document. One into another file keeps the ids as names.
func (c *compiler) resolve(e *node) (table, column string, ok bool) {
	s := e.str()
	if !strings.Contains(s, "/") {
		table, column, _ = strings.Cut(s, ".")
		return table, column, true
	}
	file, path, foreign := strings.Cut(s, "#")
	if !foreign {
		path = file
	}
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	if len(parts) != 4 || parts[0] != "schema" || parts[2] != "properties" {
		c.errorf(e, "relationship", "write object.property, or schema/OBJECT_ID/properties/PROPERTY_ID", "%s does not lead to a property", e.shown())
		return "", "", false
	}
	if foreign {
		return parts[1], parts[3], true
	}
	for _, o := range c.doc.root.list("schema") {
		if o.text("id") != parts[1] {
			continue
		}
		for _, p := range o.list("properties") {
			if p.text("id") == parts[3] {
				return o.text("name"), p.text("name"), true
			}
		}
	}
	c.errorf(e, "relationship", "use the id of an object and of one of its properties", "%s leads nowhere in this contract", e.shown())
	return "", "", false
}

// sla reads slaProperties. Those of an element that names another schema
// object belong to another feed.
func (c *compiler) sla() {
	fallback := c.doc.root.text("slaDefaultElement")
	for _, n := range c.doc.root.list("slaProperties") {
		s := SLA{Property: strings.ToLower(n.text("property")), Value: n.text("value"), Unit: n.text("unit"), Element: n.text("element"), Line: n.line}
		if s.Element == "" {
			s.Element = fallback
		}
		if table, _, dotted := strings.Cut(s.Element, "."); dotted && table != c.object.text("name") && c.hasObject(table) {
			continue
		}
		switch s.Property {
		case "latency", "ly", "frequency", "fy", "retention", "re":
			s.Property = map[string]string{"ly": "latency", "fy": "frequency", "re": "retention"}[s.Property]
			if s.Property == "" {
				s.Property = strings.ToLower(n.text("property"))
			}
			d, ok := span(s.Value, s.Unit)
			if !ok {
				c.errorf(n.get("value"), "sla", "write value: 4 and unit: h, d, w, m or y", "%s %s %s is not a span of time", s.Property, s.Value, s.Unit)
				continue
			}
			s.Within = d
		case "availability", "av":
			s.Property = "availability"
			v, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(s.Value), "%"), 64)
			if err != nil || v < 0 || v > 100 {
				c.errorf(n.get("value"), "sla", "write value: 99.5 and unit: percent", "availability %s is not a percentage", s.Value)
				continue
			}
			s.Percent = v
		default:
			c.unenforced(n, "sla")
		}
		c.slaSchedule(n, s.Property)
		c.feed.SLA = append(c.feed.SLA, s)
	}
}

func (c *compiler) hasObject(name string) bool {
	for _, o := range c.doc.root.list("schema") {
		if o.text("name") == name || o.text("physicalName") == name {
			return true
		}
	}
	return false
}

// span is a value with a unit of ODCS: d, day, days; y, yr, years; m is months
// as in ISO 8601 dates, min minutes.
func span(value, unit string) (time.Duration, bool) {
	v, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil && unit == "" {
		d, err := parseDuration(strings.TrimSpace(value))
		return d, err == nil && d > 0
	}
	const day = 24 * time.Hour
	var one time.Duration
	switch strings.ToLower(strings.TrimSpace(unit)) {
	case "s", "sec", "second", "seconds":
		one = time.Second
	case "min", "mins", "minute", "minutes":
		one = time.Minute
	case "h", "hr", "hrs", "hour", "hours":
		one = time.Hour
	case "d", "day", "days", "":
		one = day
	case "w", "wk", "week", "weeks":
		one = 7 * day
	case "m", "mo", "month", "months":
		one = 30 * day
	case "y", "yr", "yrs", "year", "years":
		one = 365 * day
	default:
		return 0, false
	}
	d := v * float64(one)
	if err != nil || !(v > 0) || d > math.MaxInt64/2 {
		return 0, false
	}
	return time.Duration(d), true
}
