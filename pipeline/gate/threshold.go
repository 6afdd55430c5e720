package gate

import (
	"fmt"
	"math/big"
	"strings"

	"github.com/assay-pipeline/assay/pipeline/contract"
)

func newRat(n int64) rat { return new(big.Rat).SetInt64(n) }

// check plans a quality rule.
func (c *compiler) check(k *contract.Check) error {
	name := k.Metric
	if name == "" {
		name = k.Kind
	}
	fieldName := k.Field
	if fieldName == "" {
		fieldName = strings.Join(k.Properties, "+")
	}
	t := &threshold{spec: k}
	id := k.ID
	if id == "" {
		id = strings.TrimPrefix(fieldName+"."+name, ".")
	}
	t.rule = c.rule(rule{id: id, field: fieldName, name: name, severity: k.Severity, onFail: onFailOf(k),
		dimension: k.Dimension, message: k.Message, batch: true, want: wanted(k)})
	r := &c.g.rules[t.rule]
	r.rejects = r.onFail == contract.RejectRow
	for _, o := range k.Operands {
		if _, _, ok := parseDecimal([]byte(o)); !ok {
			return c.errorf(k.Line, "%s: %q is not a number", id, o)
		}
		t.ops = append(t.ops, ratOf([]byte(o)))
	}
	c.g.checks = append(c.g.checks, t)
	find := func(name string) *field {
		for _, f := range c.g.fields {
			if f.spec.Name == name {
				return f
			}
		}
		return nil
	}
	switch k.Metric {
	case "rowCount":
	case "nullValues", "missingValues", "invalidValues":
		f := find(k.Field)
		for _, top := range c.g.fields {
			if f == nil && top.nested != nil {
				if f = top.within(k.Field); f != nil {
					top.nested.covers(t.rule)
				}
			}
		}
		if f == nil {
			return c.errorf(k.Line, "%s: there is no field %s", id, k.Field)
		}
		n := &counted{rule: t.rule, spec: k}
		if k.Pattern != "" {
			re, err := compilePattern(k.Pattern)
			if err != nil {
				return c.errorf(k.Line, "%s: the pattern is not understood: %v", id, err)
			}
			n.match = re
		}
		switch {
		case k.Metric == "missingValues":
			words, _ := wordSet(f.typ, k.MissingValues)
			n.words = newWordTable(words)
		case k.ValidValues != nil:
			words, nums := wordSet(f.typ, k.ValidValues)
			n.words, n.nums, n.listed = newWordTable(words), nums, true
		}
		f.counted = append(f.counted, n)
	case "usual":
		f := find(k.Field)
		if f == nil || f.typ != contract.Integer && f.typ != contract.Decimal {
			return c.errorf(k.Line, "%s: usual needs a field of type integer or number", id)
		}
		f.usual = append(f.usual, t.rule)
	case "duplicateValues":
		names := k.Properties
		if k.Field != "" {
			names = append([]string{k.Field}, names...)
		}
		ky := &key{rule: t.rule, scope: contract.ScopeBatch}
		for _, name := range names {
			f := find(name)
			if f == nil {
				return c.errorf(k.Line, "%s: there is no field %s", id, name)
			}
			ky.fields = append(ky.fields, f)
		}
		c.g.keys = append(c.g.keys, ky)
	case "expression":
		return c.expression(t.rule, k)
	case "freshness", "volume", "drift":
		t.late = true
		if f := find(k.Field); f != nil && k.Metric == "drift" {
			f.permuted = f.permuted || k.Method == contract.DriftKS
			f.listed = f.listed || k.Method == contract.DriftNew || k.Method == contract.DriftVanished
		}
	default:
		if k.Kind != "sql" {
			t.unjudged = notHere(k)
		}
	}
	return nil
}

func notHere(k *contract.Check) string {
	if k.Kind == "text" {
		return "prose cannot be run"
	}
	return "the gate does not run " + k.Kind + " rules of this kind"
}

func onFailOf(k *contract.Check) contract.OnFail {
	switch {
	case k.OnFail != "":
		return k.OnFail
	case k.Severity == contract.SeverityWarning || k.Severity == contract.SeverityInfo:
		return contract.Warn
	}
	return contract.FailBatch
}

// wanted says what a threshold asks for, in words.
func wanted(k *contract.Check) string {
	op := map[string]string{"mustBe": "=", "mustNotBe": "≠", "mustBeGreaterThan": ">", "mustBeGreaterOrEqualTo": "≥",
		"mustBeLessThan": "<", "mustBeLessOrEqualTo": "≤", "mustBeBetween": "between", "mustNotBeBetween": "not between"}[k.Operator]
	if op == "" {
		return ""
	}
	if k.Metric == "expression" && k.Operator == "mustBe" && len(k.Operands) == 1 && k.Operands[0] == "0" {
		return short(k.Expression, 80)
	}
	unit := ""
	if k.Percent {
		unit = " %"
	}
	metric := k.Metric
	if metric == "" {
		metric = k.Kind
	}
	if metric == "usual" {
		metric = "unusual rows"
	}
	return fmt.Sprintf("%s %s %s%s", metric, op, strings.Join(k.Operands, " and "), unit)
}

// judge counts the cells for which the predicate of the threshold holds.
func (c *counted) judge(s *sheet, v *vector) {
	s.tally[c.rule].evaluated += int64(len(v.state))
	for r, st := range v.state {
		var hit bool
		switch c.spec.Metric {
		case "nullValues":
			hit = st == nullCell
		case "missingValues":
			hit = st == nullCell || c.words != nil && c.words.has(v.display(r))
		default:
			if st == nullCell {
				continue
			}
			text := v.display(r)
			hit = c.listed && !oneOf(c.words, c.nums, text) || c.match != nil && !c.match.Match(text)
		}
		if hit {
			s.fail(r, c.rule)
		}
	}
}

// holds decides a threshold by its measured value.
func (t *threshold) holds(x rat) bool {
	if len(t.ops) == 0 {
		return true
	}
	c := x.Cmp(t.ops[0])
	switch t.spec.Operator {
	case "mustBe":
		return c == 0
	case "mustNotBe":
		return c != 0
	case "mustBeGreaterThan":
		return c > 0
	case "mustBeGreaterOrEqualTo":
		return c >= 0
	case "mustBeLessThan":
		return c < 0
	case "mustBeLessOrEqualTo":
		return c <= 0
	}
	if len(t.ops) < 2 {
		return true
	}
	between := c >= 0 && x.Cmp(t.ops[1]) <= 0
	return between == (t.spec.Operator == "mustBeBetween")
}

// measure is what the threshold compares: rows, or percent of the rows read
// that could be split.
func (t *threshold) measure(failed, rows int64) rat {
	if !t.spec.Percent || t.spec.Metric == "rowCount" {
		return newRat(failed)
	}
	if rows == 0 {
		return newRat(0)
	}
	return big.NewRat(failed*100, rows)
}
