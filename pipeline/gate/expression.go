package gate

import (
	"fmt"
	"regexp"
	"sync"
	"time"

	"github.com/google/cel-go/cel"

	"github.com/assay-pipeline/assay/pipeline/contract"
)

// An expression is a rule over one row in CEL (Common Expression Language): a
// row for which it is false fails. A row for which it has no value, because a
// field that it needs is null or not of its type, is not judged by it.
type expression struct {
	rule    int
	program cel.Program
	fields  map[string]*field
}

// maxCost bounds one evaluation, in units of CEL.
const maxCost = 100_000

var celName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`) })

func (c *compiler) expression(rule int, k *contract.Check) error {
	e := &expression{rule: rule, fields: map[string]*field{}}
	for _, f := range c.g.fields {
		if celName().MatchString(f.spec.Name) {
			e.fields[f.spec.Name] = f
		}
	}
	var err error
	if e.program, err = compileExpression(c.g.feed, k.Expression); err != nil {
		return c.errorf(k.Line, "%s: %v", k.ID, err)
	}
	c.g.expressions = append(c.g.expressions, e)
	return nil
}

// compileExpression compiles a rule over the fields of f. Errors: the first
// thing in it that is not understood, and where.
func compileExpression(f *contract.Feed, source string) (cel.Program, error) {
	vars := []cel.EnvOption{cel.CrossTypeNumericComparisons(true)}
	for _, fd := range f.Fields {
		if celName().MatchString(fd.Name) {
			vars = append(vars, cel.Variable(fd.Name, celType(fd.Type)))
		}
	}
	env, err := cel.NewEnv(vars...)
	if err != nil {
		return nil, err
	}
	ast, issues := env.Compile(source)
	if issues.Err() != nil {
		first := issues.Errors()[0]
		return nil, fmt.Errorf("the expression is not understood from its character %d: %s", first.Location.Column()+1, first.Message)
	}
	if t := ast.OutputType(); !t.IsExactType(cel.BoolType) && !t.IsExactType(cel.DynType) {
		return nil, fmt.Errorf("the expression gives a %s, not true or false", t)
	}
	return env.Program(ast, cel.CostLimit(maxCost))
}

// CheckExpressions is what is wrong with the expressions among the rules of f,
// for lint: an error of the contract each.
func CheckExpressions(f *contract.Feed) []contract.Finding {
	var out []contract.Finding
	for _, k := range f.Checks {
		if k.Metric != "expression" {
			continue
		}
		if _, err := compileExpression(f, k.Expression); err != nil {
			out = append(out, k.Finding(f, contract.LevelError, err.Error(), "mend the expression; it is CEL over the names of the properties"))
		}
	}
	return out
}

func celType(t contract.Type) *cel.Type {
	switch t {
	case contract.Integer:
		return cel.IntType
	case contract.Decimal:
		return cel.DoubleType
	case contract.Boolean:
		return cel.BoolType
	case contract.Date, contract.Timestamp:
		return cel.TimestampType
	case contract.Time:
		return cel.DurationType
	}
	return cel.StringType
}

// judge evaluates the expression for each row of a chunk.
func (e *expression) judge(s *sheet) {
	row := celRow{e: e, s: s}
	for r := range s.chunk.Rows {
		row.r = r
		out, _, err := e.program.Eval(&row)
		if err != nil || row.missing {
			row.missing = false
			continue
		}
		s.tally[e.rule].evaluated++
		if ok, is := out.Value().(bool); is && !ok {
			s.fail(r, e.rule)
		}
	}
}

// A celRow gives CEL the fields of one row, those that it asks for.
type celRow struct {
	e       *expression
	s       *sheet
	r       int
	missing bool // a field without a value was asked for
}

// ResolveName is the value of a field, by its logical name.
func (c *celRow) ResolveName(name string) (any, bool) {
	f := c.e.fields[name]
	if f == nil {
		return nil, false
	}
	v := &c.s.vecs[f.index]
	if v.state[c.r] != okCell {
		c.missing = true
		return nil, false
	}
	switch f.typ {
	case contract.Integer:
		return v.ints[c.r], true
	case contract.Decimal:
		return f.float(c.s, v, c.r), true
	case contract.Boolean:
		return v.ints[c.r] != 0, true
	case contract.Date:
		return time.Unix(v.ints[c.r]*86400, 0).UTC(), true
	case contract.Timestamp:
		return time.UnixMicro(v.ints[c.r]).UTC(), true
	case contract.Time:
		return time.Duration(v.ints[c.r]) * time.Microsecond, true
	}
	return string(v.display(c.r)), true
}

// Parent is nil: there is no outer scope.
func (c *celRow) Parent() cel.Activation { return nil }
