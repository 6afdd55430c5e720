package contract

import (
	"math"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
)

var operators = []string{"mustBe", "mustNotBe", "mustBeGreaterThan", "mustBeGreaterOrEqualTo",
	"mustBeLessThan", "mustBeLessOrEqualTo", "mustBeBetween", "mustNotBeBetween"}

// oldRules are the library rules of v3.0.x by the metrics that replaced them.
var oldRules = map[string]string{"duplicateCount": "duplicateValues", "duplicates": "duplicateValues", "uniqueness": "duplicateValues",
	"validValues": "invalidValues", "valid_values": "invalidValues", "nullCheck": "nullValues", "nullCount": "nullValues", "rowCount": "rowCount"}

var metrics = []string{"nullValues", "missingValues", "invalidValues", "duplicateValues", "rowCount"}

// quality reads the rules of the schema object or of one of its properties.
func (c *compiler) quality(owner *node, field string) {
	for _, q := range owner.list("quality") {
		c.checkCustom(q, "quality")
		k := Check{Field: field, Kind: q.text("type"), Metric: q.text("metric"), Dimension: q.text("dimension"),
			Message: q.text("description"), Line: q.line, column: q.col, path: q.path}
		if r := q.key("rule"); r != nil && !c.doc.old() {
			c.warnf(r, "deprecated", "use metric", "rule is deprecated since v3.1.0")
		}
		if k.Metric == "" {
			k.Metric = q.text("rule")
			if m, ok := oldRules[k.Metric]; ok {
				k.Metric = m
			}
		}
		if k.Kind == "" {
			k.Kind = "library"
			if k.Metric == "" {
				k.Kind = "text"
			}
		}
		if s := q.text("scheduler"); s != "" || q.get("schedule") != nil {
			c.unenforced(q.key(pickKey(q, "schedule", "scheduler")), "schedule")
		}
		switch k.Kind {
		case "text":
			c.unenforced(q, "prose")
			continue
		case "library":
			if !c.library(q, &k) {
				continue
			}
		case "sql":
			c.sqlRule(q, &k)
		case "custom":
			if !c.customRule(q, &k) {
				continue
			}
		}
		c.operator(q, &k)
		c.finish(q, &k)
		c.feed.Checks = append(c.feed.Checks, k)
	}
}

func pickKey(n *node, names ...string) string {
	for _, k := range names {
		if n.get(k) != nil {
			return k
		}
	}
	return ""
}

func (c *compiler) library(q *node, k *Check) bool {
	if !slices.Contains(metrics, k.Metric) {
		if q.get("rule") != nil {
			c.errorf(q.get("rule"), "quality", didYouMean(k.Metric, metrics, "use a metric of v3.1.0"), "the rule %s is not one of the library", k.Metric)
		}
		return false
	}
	a := q.get("arguments")
	if v := a.get("validValues"); v != nil {
		k.ValidValues = c.values(v, false)
	}
	if v := a.get("missingValues"); v != nil {
		k.MissingValues = c.values(v, true)
	}
	if v := a.get("pattern"); v != nil {
		k.Pattern = v.str()
		c.pattern(v)
	}
	for _, v := range a.list("properties") {
		if fd := propertyNamed(c.object, v.str()); fd == "" {
			c.errorf(v, "quality", didYouMean(v.str(), propertyNames(c.object), "name a property of the schema object"), "there is no field %s", v.shown())
		} else {
			k.Properties = append(k.Properties, fd)
		}
	}
	for _, key := range nodeKeys(a) {
		if !slices.Contains([]string{"validValues", "missingValues", "pattern", "properties"}, key.value) {
			c.warnf(key, "quality", didYouMean(key.value, []string{"validValues", "missingValues", "pattern", "properties"}, "remove it"),
				"the argument %s is not one that %s knows", key.value, k.Metric)
		}
	}
	switch {
	case k.Metric == "rowCount" && k.Field != "":
		c.warnf(q, "quality", "move it to the quality of the schema object", "rowCount counts the rows of the batch, not of the field %s", k.Field)
		k.Field = ""
	case k.Metric == "duplicateValues" && k.Field != "" && propertyNamed(c.object, k.Field) == "":
		c.errorf(q, "quality", "use logicalTypeOptions: {uniqueItems: true} for the items of an array", "duplicateValues counts rows, and %s stands within one", k.Field)
		return false
	case k.Metric == "duplicateValues" && k.Field == "" && len(k.Properties) == 0:
		c.errorf(q, "quality", "add arguments: {properties: [a, b]}", "duplicateValues of a schema object needs the properties that are unique together")
	case k.Metric != "rowCount" && k.Metric != "duplicateValues" && k.Field == "":
		c.errorf(q, "quality", "move it to the quality of a property", "%s needs a field", k.Metric)
	case k.Metric == "invalidValues" && k.ValidValues == nil && k.Pattern == "":
		c.errorf(q, "quality", "add arguments: {validValues: […]} or {pattern: …}", "invalidValues does not say what is valid")
	case k.Metric == "missingValues" && k.MissingValues == nil:
		c.errorf(q, "quality", `add arguments: {missingValues: ["", "N/A"]}, or use nullValues`, "missingValues does not say which values stand for nothing")
	}
	return true
}

func nodeKeys(n *node) []*node {
	if n == nil {
		return nil
	}
	return n.keys
}

// values reads a list of values as text. A null is the empty text among
// missing values and no value at all among valid ones.
func (c *compiler) values(v *node, null bool) []string {
	if v.kind != sequenceNode {
		c.errorf(v, "quality", "write a list", "a list of values is expected, not %s", v.shown())
		return []string{}
	}
	out := []string{}
	for _, e := range v.items {
		if e.kind != scalarNode {
			c.errorf(e, "quality", "write plain values", "%s is no value", e.shown())
			continue
		}
		if s := e.str(); (e.tag != "null" || null) && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func propertyNames(object *node) (out []string) {
	for _, p := range object.list("properties") {
		out = append(out, p.text("name"))
	}
	return out
}

// propertyNamed finds a property by its name or physical name.
func propertyNamed(object *node, name string) string {
	for _, p := range object.list("properties") {
		if p.text("name") == name || p.text("physicalName") == name {
			return p.text("name")
		}
	}
	return ""
}

var placeholder = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\$?\{\{?\s*([A-Za-z_]+)\s*\}?\}`) })

func quoteSQL(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func (c *compiler) sqlRule(q *node, k *Check) {
	k.Query = placeholder().ReplaceAllStringFunc(q.text("query"), func(m string) string {
		switch word := placeholder().FindStringSubmatch(m)[1]; strings.ToLower(word) {
		case "table", "object", "model", "schema":
			return quoteSQL(c.object.text("name"))
		case "column", "property", "field":
			if k.Field == "" {
				c.errorf(q.get("query"), "quality", "name the column, or move the rule to a property", "%s stands in a rule of the schema object", m)
			}
			return c.columnSQL(q.get("query"), k.Field)
		default:
			c.errorf(q.get("query"), "quality", "use ${table} and ${column}", "the placeholder %s is not known", m)
			return m
		}
	})
	if k.Query = strings.TrimRight(strings.TrimSpace(k.Query), "; \n"); k.Query == "" {
		c.errorf(q.get("query"), "quality", "write a SELECT that returns one number", "the query is empty")
		return
	}
	first := strings.ToLower(strings.TrimLeft(k.Query, "( \n\t"))
	if !strings.HasPrefix(first, "select") && !strings.HasPrefix(first, "with") {
		c.errorf(q.get("query"), "quality", "write a SELECT that returns one number", "the query only may read")
	}
}

// columnSQL is a field as a query of the batch's table writes it: objects are
// JSON there.
func (c *compiler) columnSQL(at *node, field string) string {
	if propertyNamed(c.object, field) != "" || field == "" {
		return quoteSQL(field)
	}
	if strings.Contains(field, "[]") {
		c.errorf(at, "quality", "use json_each over the column of the array", "%s is not one value per row", field)
	}
	column, path, _ := strings.Cut(field, ".")
	return "json_extract(" + quoteSQL(column) + `, '$."` + strings.ReplaceAll(strings.ReplaceAll(path, "'", "''"), ".", `"."`) + `"')`
}

// customRule reads a rule of engine assay: an expression as text, or a mapping
// with one of expression, freshness, volume, drift.
func (c *compiler) customRule(q *node, k *Check) bool {
	k.Engine = strings.ToLower(q.text("engine"))
	impl := q.get("implementation")
	if k.Engine != "assay" {
		c.unenforced(q, "prose")
		return false
	}
	m := c.mapping(impl, "implementation", "expression")
	switch {
	case m.n.get("expression") != nil:
		k.Metric, k.Expression = "expression", strings.TrimSpace(m.text("expression", ""))
		if k.Expression == "" {
			c.errorf(impl, "quality", "write a condition such as end >= start", "the expression is empty")
		}
	case m.n.get("freshness") != nil:
		k.Metric = "freshness"
		if d := m.duration("freshness"); d != "" {
			k.MaxAge, _ = parseDuration(d) // duration reported it
		}
	case m.n.get("volume") != nil:
		k.Metric = "volume"
		if r := m.rate("volume"); r != nil {
			k.Tolerance = *r
		}
		k.Window = m.count("window", 10, 1)
	case m.n.get("usual") != nil:
		k.Metric = "usual"
		if v, err := strconv.ParseFloat(m.text("usual", ""), 64); err == nil && v > 1 {
			k.Tolerance = v
		} else {
			c.errorf(m.n.get("usual"), "quality", "write a factor such as 3: a third of the usual value to three times of it", "usual: %s is not a factor above 1", m.n.get("usual").shown())
		}
		k.Window = m.count("window", 10, 1)
		k.Operator, k.Operands = "mustBe", []string{"0"}
		if r := m.rate("atMost"); r != nil && *r > 0 {
			k.Operator, k.Operands, k.Percent = "mustBeLessOrEqualTo", []string{strconv.FormatFloat(math.Round(*r*1e6)/1e4, 'f', -1, 64)}, true
		}
		if k.Field == "" {
			c.errorf(q, "quality", "move it to the quality of a property", "usual needs a field")
		}
	case m.n.get("drift") != nil:
		k.Metric = "drift"
		if method := DriftMethod(m.word("method", string(DriftPSI), string(DriftPSI), string(DriftJS), string(DriftKS), string(DriftNew), string(DriftVanished))); method != DriftPSI {
			k.Method = method
		}
		categories := k.Method == DriftNew || k.Method == DriftVanished
		if v, err := strconv.ParseFloat(m.text("drift", ""), 64); err == nil && (v > 0 || v == 0 && categories) {
			k.Tolerance = v
		} else {
			c.errorf(m.n.get("drift"), "quality", "write an index such as 0.2", "drift: %s is not a positive number", m.n.get("drift").shown())
		}
		k.Window = m.count("window", 10, 1)
		if k.Field == "" {
			c.errorf(q, "quality", "move it to the quality of a property", "drift needs a field")
		}
	default:
		c.errorf(impl, "quality", "write expression, freshness, volume, usual or drift", "the implementation says nothing that engine assay knows")
	}
	m.done()
	return true
}

// operator reads the one comparison of a rule.
func (c *compiler) operator(q *node, k *Check) {
	for _, op := range operators {
		v := q.get(op)
		if v == nil {
			continue
		}
		k.Operator = op
		list := []*node{v}
		if v.kind == sequenceNode {
			list = v.items
		}
		var last *big.Rat
		for _, e := range list {
			r, ok := exact(e.str())
			if !ok {
				c.errorf(v, "quality", "write a number", "%s %s is not a number", op, e.shown())
				continue
			}
			if last != nil && r.Cmp(last) < 0 {
				c.errorf(v, "quality", "write the smaller one first", "%s: %s is more than %s", op, k.Operands[0], e.value)
			}
			last = r
			k.Operands = append(k.Operands, e.value)
		}
	}
	if k.Operator == "" && (k.Kind == "library" || k.Metric == "expression") {
		// v3.0.x allowed a rule without a comparison: none of the counted.
		k.Operator, k.Operands = "mustBe", []string{"0"}
		if k.Metric == "rowCount" {
			k.Operator = "mustBeGreaterThan"
		}
	}
	switch unit := q.text("unit"); strings.ToLower(unit) {
	case "", "rows", "row":
	case "percent", "%", "percentage":
		k.Percent = k.Metric != "rowCount"
		if !k.Percent {
			c.warnf(q.get("unit"), "quality", "remove unit", "percent means nothing for rowCount and is ignored")
		}
	default:
		c.warnf(q.get("unit"), "quality", "use rows or percent", "the unit %s is not known and is taken as rows", unit)
	}
}

// rowRule: the rule names single rows, and tolerates none of them.
func (k *Check) rowRule() bool {
	counted := k.Kind == "library" && k.Metric != "rowCount" || k.Metric == "expression" || k.Metric == "usual"
	return counted && (k.Operator == "mustBe" || k.Operator == "mustBeLessOrEqualTo") && len(k.Operands) == 1 && zero(k.Operands[0])
}

func zero(s string) bool {
	r, ok := exact(s)
	return ok && r.Sign() == 0
}

func (c *compiler) finish(q *node, k *Check) {
	k.Severity = c.severity(q.get("severity"), SeverityError)
	otherwise := FailBatch
	switch {
	case k.Severity != SeverityError:
		otherwise = Warn
	case k.rowRule():
		otherwise = RejectRow
	}
	k.OnFail = c.onFail(q, otherwise)
	if k.OnFail == RejectRow && (k.Kind == "sql" || k.Metric == "rowCount" || k.Metric == "freshness" || k.Metric == "volume" || k.Metric == "drift") {
		c.errorf(custom(q, "assay.onFail"), "quality", "use fail_batch or warn", "a rule over the whole batch cannot reject a row")
	}
	k.ID = q.text("id")
	if k.ID == "" {
		k.ID = q.text("name")
	}
	if k.ID == "" {
		name := k.Metric
		if name == "" {
			name = k.Kind
		}
		k.ID = name
		if k.Field != "" {
			k.ID = k.Field + "." + name
		} else if len(k.Properties) > 0 {
			k.ID = strings.Join(k.Properties, "+") + "." + name
		}
	}
	if n := c.ids[k.ID]; n > 0 {
		c.ids[k.ID]++
		k.ID += "#" + strconv.Itoa(n+1)
	}
	c.ids[k.ID]++
}

// liftEnum makes a field option of the one rule that says which values are
// valid, where it rejects rows.
func (c *compiler) liftEnum(f *Field, path string) {
	for i, k := range c.feed.Checks {
		if k.Field == path && k.Metric == "invalidValues" && k.ValidValues != nil && k.Pattern == "" &&
			k.rowRule() && k.OnFail == RejectRow && f.Options.Enum == nil {
			f.Options.Enum, f.EnumRule = k.ValidValues, &k
			c.feed.Checks = slices.Delete(c.feed.Checks, i, i+1)
			return
		}
	}
}
