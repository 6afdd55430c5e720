package chaos

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

// An Own is a fault that a user describes. In YAML:
//
//	faults:
//	  - name: plant-closed
//	    detector: plant.enum       # FIELD.RULE or RULE, as reports name checks
//	    column: plant
//	    set: CLOSED                # or one of the actions below
//	    share: [1%, 5%, 20%]       # of the rows, weak to strong; default 1, 5, 20 %
//
// Actions: set (a value), clear (true: null), add and scale (a number), replace
// ({from, to} within the text), drop (true: the row), repeat (true: the row
// again), delay (three durations: the batch comes so much later).
type Own struct {
	Name     string   `yaml:"name"`
	Detector string   `yaml:"detector"`
	Column   string   `yaml:"column"`
	Share    []string `yaml:"share"`
	Set      *string  `yaml:"set"`
	Clear    bool     `yaml:"clear"`
	Add      *float64 `yaml:"add"`
	Scale    *float64 `yaml:"scale"`
	Replace  *struct {
		From string `yaml:"from"`
		To   string `yaml:"to"`
	} `yaml:"replace"`
	Drop   bool     `yaml:"drop"`
	Repeat bool     `yaml:"repeat"`
	Delay  []string `yaml:"delay"`

	file string
	line int
	// Fault, where set, is the fault itself, for the Go API: all else is left
	// empty.
	Fault *Fault `yaml:"-"`
}

// ReadFaults reads the YAML form. Errors: invalid, with file and line.
func ReadFaults(file string, src []byte) ([]Own, error) {
	var doc struct {
		Faults []yaml.Node `yaml:"faults"`
	}
	bad := func(line int, format string, args ...any) error {
		e := pipeline.Errorf(pipeline.CodeInvalid, format, args...)
		if line > 0 {
			return pipeline.Errorf(pipeline.CodeInvalid, "%s, line %d: %s", file, line, e.Message)
		}
		return pipeline.Errorf(pipeline.CodeInvalid, "%s: %s", file, e.Message)
	}
	dec := yaml.NewDecoder(bytes.NewReader(src))
	dec.KnownFields(true)
	if err := dec.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return nil, bad(0, "%v", err)
	}
	if len(doc.Faults) == 0 {
		return nil, bad(0, "there are no faults in it")
	}
	var out []Own
	for _, n := range doc.Faults {
		o := Own{file: file, line: n.Line}
		raw, err := yaml.Marshal(&n)
		if err != nil {
			return nil, bad(n.Line, "%v", err)
		}
		one := yaml.NewDecoder(bytes.NewReader(raw))
		one.KnownFields(true)
		if err := one.Decode(&o); err != nil {
			return nil, bad(n.Line, "%v", strings.ReplaceAll(err.Error(), "\n", " "))
		}
		o.file, o.line = file, n.Line
		out = append(out, o)
	}
	return out, nil
}

func (o *Own) errorf(format string, args ...any) error {
	e := pipeline.Errorf(pipeline.CodeInvalid, format, args...)
	where := "fault " + o.Name
	if o.file != "" {
		where = o.file + ", line " + itoa(int64(o.line)) + ": " + where
	}
	return pipeline.Errorf(pipeline.CodeInvalid, "%s: %s", where, e.Message)
}

// fault compiles the description for a feed. Error: invalid.
func (o *Own) fault(s *shape) (Fault, error) {
	if o.Fault != nil {
		f := *o.Fault
		if f.Column != "" {
			if _, fd := s.named(f.Column); fd == nil {
				return f, o.columnError(s, f.Column)
			}
		}
		if len(f.Detectors) == 0 || f.Name == "" {
			return f, pipeline.Errorf(pipeline.CodeInvalid, "fault %q names no detector: it is named before the fault runs", f.Name)
		}
		return f, nil
	}
	f := Fault{Name: o.Name, Column: o.Column}
	if o.Name == "" {
		return f, o.errorf("it has no name")
	}
	if o.Detector == "" {
		return f, o.errorf("it names no detector: write detector: FIELD.RULE, such as status.enum, or volume")
	}
	d := Detector{Rule: o.Detector}
	if i := strings.LastIndexByte(o.Detector, '.'); i >= 0 {
		d = Detector{Field: o.Detector[:i], Rule: o.Detector[i+1:]}
	}
	f.Detectors = []Detector{d}
	actions := 0
	for _, set := range []bool{o.Set != nil, o.Clear, o.Add != nil, o.Scale != nil, o.Replace != nil, o.Drop, o.Repeat, o.Delay != nil} {
		if set {
			actions++
		}
	}
	if actions != 1 {
		return f, o.errorf("it has %d actions: write one of set, clear, add, scale, replace, drop, repeat, delay", actions)
	}
	if o.Delay != nil {
		return o.late(f)
	}
	shares, err := o.shares()
	if err != nil {
		return f, err
	}
	for i, x := range shares {
		f.Levels[i] = ftoa(x*100) + " % of the rows"
	}
	col, fd := -1, (*contract.Field)(nil)
	if !o.Drop && !o.Repeat {
		if o.Column == "" {
			return f, o.errorf("it names no column")
		}
		if col, fd = s.named(o.Column); fd == nil {
			return f, o.columnError(s, o.Column)
		}
		if (o.Add != nil || o.Scale != nil) && !numeric(fd) {
			return f, o.errorf("the column %s holds no numbers", o.Column)
		}
	}
	f.Rows = func(level int, t *Table, d *rand.Rand) int {
		if o.Drop || o.Repeat {
			var out [][]Value
			n := 0
			for _, r := range t.Rows {
				hit := d.Float64() < shares[level]
				if hit {
					n++
				}
				if !hit || o.Repeat {
					out = append(out, r)
				}
				if hit && o.Repeat {
					out = append(out, slices.Clone(r))
				}
			}
			t.Rows = out
			return n
		}
		return share(t, d, shares[level], func(r []Value) bool { return o.apply(s, fd, &r[col]) })
	}
	return f, nil
}

func (o *Own) columnError(s *shape, column string) error {
	return pipeline.Errorf(pipeline.CodeInvalid, "%s", pipeline.ErrorMessage(o.errorf("there is no column %s in the good batches", column))).
		WithHint("there are %s", list(s.pool.Columns))
}

// named finds a field by its name, or a column of the file.
func (s *shape) named(name string) (int, *contract.Field) {
	return s.pick(func(_ int, f *contract.Field) bool { return f.Name == name || f.Column == name })
}

// apply changes one cell; it reports whether it did.
func (o *Own) apply(s *shape, fd *contract.Field, v *Value) bool {
	was := *v
	switch {
	case o.Set != nil:
		*v = Value{Text: *o.Set, Quoted: v.Quoted || !numeric(fd)}
	case o.Clear:
		*v = null(s.feed)
	case o.Replace != nil:
		v.Text = strings.ReplaceAll(v.Text, o.Replace.From, o.Replace.To)
	default:
		x, ok := number(s.feed, *v)
		if !ok {
			return false
		}
		if o.Add != nil {
			x += *o.Add
		} else {
			x *= *o.Scale
		}
		*v = setNumber(s.feed, fd, *v, x)
	}
	return *v != was
}

func (o *Own) shares() ([3]float64, error) {
	out := [3]float64{0.01, 0.05, 0.2}
	if o.Share == nil {
		return out, nil
	}
	if len(o.Share) != len(out) {
		return out, o.errorf("share has %d entries: write three, weak to strong", len(o.Share))
	}
	for i, text := range o.Share {
		num, percent := strings.CutSuffix(strings.TrimSpace(text), "%")
		x, ok := number(&contract.Feed{}, Value{Text: strings.TrimSpace(num)})
		if percent {
			x /= 100
		}
		if !ok || x <= 0 || x > 1 {
			return out, o.errorf("share: %q is no share: write 5%% or 0.05", text)
		}
		out[i] = x
	}
	return out, nil
}

// late is the fault of a batch that comes too late.
func (o *Own) late(f Fault) (Fault, error) {
	if len(o.Delay) != len(Strengths) {
		return f, o.errorf("delay has %d entries: write three, weak to strong", len(o.Delay))
	}
	var delays [3]time.Duration
	for i, text := range o.Delay {
		d, err := contract.ParseDuration(text)
		if err != nil || d <= 0 {
			return f, o.errorf("delay: %q is no duration: write 6h or 2d", text)
		}
		delays[i], f.Levels[i] = d, text+" late"
	}
	f.Delay = func(level int, _ time.Duration) time.Duration { return delays[level] }
	return f, nil
}
