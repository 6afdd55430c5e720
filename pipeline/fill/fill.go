// Package fill executes templates over data: the language of text/template, less
// the calls of methods.
//
// It reads templates with text/template/parse and executes them itself, for two
// reasons. A template that comes from a knowledge pack sees fields and nothing
// that could be called. And text/template looks methods up by names that are
// known when it runs only, for which the linker has to keep every exported method
// of every type: a function's archive is a fifth smaller without it.
//
// There are actions with one command, if, with, range (with else and variables),
// define and template; fields of structs and keys of maps; and the functions and,
// or, not, eq, ne, len. A field that is not there is an error.
package fill

import (
	"fmt"
	"html"
	"io"
	"reflect"
	"strings"
	"text/template/parse"
)

// A Template is a parsed template with what it defines.
type Template struct {
	trees  map[string]*parse.Tree
	name   string
	escape func(string) string
}

var builtins = map[string]any{"and": "", "or": "", "not": "", "eq": "", "ne": "", "len": ""}

// Parse reads a template that writes plain text. The error names the line.
func Parse(name, text string) (*Template, error) {
	trees, err := parse.Parse(name, text, "{{", "}}", builtins)
	if err != nil {
		return nil, err
	}
	return &Template{trees, name, func(s string) string { return s }}, nil
}

// HTML reads a template of a page, and panics where it does not read: pages come
// with the program. What it fills in is escaped for texts and quoted attributes;
// it must not stand in scripts, styles or addresses.
func HTML(name, text string) *Template {
	return HTMLOf(name, text, func(s string) string { return s })
}

// HTMLOf is HTML whose values go through shown before they are escaped.
func HTMLOf(name, text string, shown func(string) string) *Template {
	t, err := Parse(name, text)
	if err != nil {
		panic(err)
	}
	t.escape = func(s string) string { return html.EscapeString(shown(s)) }
	return t
}

// Has reports whether the template defines name.
func (t *Template) Has(name string) bool { return t.trees[name] != nil }

// Execute writes the template, filled with data.
func (t *Template) Execute(w io.Writer, data any) error { return t.Part(w, t.name, data) }

// Part writes what the template defines as name.
func (t *Template) Part(w io.Writer, name string, data any) error {
	tree := t.trees[name]
	if tree == nil {
		return fmt.Errorf("%s: there is no part %q", t.name, name)
	}
	var b strings.Builder
	s := &state{t: t, w: &b}
	dot := reflect.ValueOf(data)
	s.vars = append(s.vars, variable{"$", dot})
	if err := s.list(tree.Root, dot); err != nil {
		return fmt.Errorf("%s: %w", t.name, err)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

type variable struct {
	name  string
	value reflect.Value
}

type state struct {
	t     *Template
	w     *strings.Builder
	vars  []variable
	depth int
}

// maxDepth bounds templates that call themselves.
const maxDepth = 100

func (s *state) list(l *parse.ListNode, dot reflect.Value) error {
	if l == nil {
		return nil
	}
	for _, n := range l.Nodes {
		if err := s.node(n, dot); err != nil {
			return err
		}
	}
	return nil
}

func (s *state) node(n parse.Node, dot reflect.Value) error {
	mark := len(s.vars)
	switch n := n.(type) {
	case *parse.TextNode:
		s.w.Write(n.Text)
	case *parse.CommentNode:
	case *parse.ActionNode:
		v, err := s.pipe(n.Pipe, dot)
		if err != nil {
			return err
		}
		if len(n.Pipe.Decl) > 0 {
			s.vars = append(s.vars, variable{n.Pipe.Decl[0].Ident[0], v})
			return nil // it lives on to the end of the list
		}
		s.w.WriteString(s.t.escape(text(v)))
	case *parse.IfNode:
		v, err := s.pipe(n.Pipe, dot)
		if err != nil {
			return err
		}
		defer s.drop(mark)
		if truth(v) {
			return s.list(n.List, dot)
		}
		return s.list(n.ElseList, dot)
	case *parse.WithNode:
		v, err := s.pipe(n.Pipe, dot)
		if err != nil {
			return err
		}
		defer s.drop(mark)
		if truth(v) {
			return s.list(n.List, v)
		}
		return s.list(n.ElseList, dot)
	case *parse.RangeNode:
		defer s.drop(mark)
		return s.loop(n, dot)
	case *parse.TemplateNode:
		return s.call(n, dot)
	default:
		return fmt.Errorf("line %d: %s is not of this language", n.Position(), n)
	}
	return nil
}

func (s *state) drop(mark int) { s.vars = s.vars[:mark] }

func (s *state) call(n *parse.TemplateNode, dot reflect.Value) error {
	tree := s.t.trees[n.Name]
	if tree == nil || s.depth == maxDepth {
		return fmt.Errorf("line %d: template %q is not defined, or calls itself for ever", n.Line, n.Name)
	}
	v := reflect.Value{}
	if n.Pipe != nil {
		var err error
		if v, err = s.pipe(n.Pipe, dot); err != nil {
			return err
		}
	}
	return (&state{t: s.t, w: s.w, vars: []variable{{"$", v}}, depth: s.depth + 1}).list(tree.Root, v)
}

func (s *state) loop(n *parse.RangeNode, dot reflect.Value) error {
	v, err := s.pipe(n.Pipe, dot)
	if err != nil {
		return err
	}
	v = plain(v)
	switch v.Kind() {
	case reflect.Slice, reflect.Array:
	case reflect.Invalid:
		return s.list(n.ElseList, dot)
	default:
		return fmt.Errorf("line %d: %s cannot be ranged over", n.Line, n.Pipe)
	}
	if v.Len() == 0 {
		return s.list(n.ElseList, dot)
	}
	mark := len(s.vars)
	for i := range v.Len() {
		switch d := n.Pipe.Decl; len(d) {
		case 1:
			s.vars = append(s.vars, variable{d[0].Ident[0], v.Index(i)})
		case 2:
			s.vars = append(s.vars, variable{d[0].Ident[0], reflect.ValueOf(i)}, variable{d[1].Ident[0], v.Index(i)})
		}
		if err := s.list(n.List, v.Index(i)); err != nil {
			return err
		}
		s.drop(mark)
	}
	return nil
}

func (s *state) pipe(p *parse.PipeNode, dot reflect.Value) (reflect.Value, error) {
	if len(p.Cmds) != 1 {
		return reflect.Value{}, fmt.Errorf("line %d: %s: one command at a time", p.Line, p)
	}
	c := p.Cmds[0]
	f, ok := c.Args[0].(*parse.IdentifierNode)
	if !ok {
		if len(c.Args) > 1 {
			return reflect.Value{}, fmt.Errorf("line %d: %s: nothing can be called", p.Line, p)
		}
		return s.arg(c.Args[0], dot)
	}
	args := make([]reflect.Value, len(c.Args)-1)
	for i, a := range c.Args[1:] {
		v, err := s.arg(a, dot)
		if err != nil {
			return v, err
		}
		args[i] = v
	}
	return apply(f.Ident, args)
}

func (s *state) arg(n parse.Node, dot reflect.Value) (reflect.Value, error) {
	switch n := n.(type) {
	case *parse.DotNode:
		return dot, nil
	case *parse.FieldNode:
		return fields(dot, n.Ident)
	case *parse.VariableNode:
		for i := len(s.vars) - 1; i >= 0; i-- {
			if s.vars[i].name == n.Ident[0] {
				return fields(s.vars[i].value, n.Ident[1:])
			}
		}
	case *parse.PipeNode:
		return s.pipe(n, dot)
	case *parse.StringNode:
		return reflect.ValueOf(n.Text), nil
	case *parse.BoolNode:
		return reflect.ValueOf(n.True), nil
	case *parse.NumberNode:
		if n.IsInt {
			return reflect.ValueOf(int(n.Int64)), nil
		}
		return reflect.ValueOf(n.Float64), nil
	case *parse.NilNode:
		return reflect.Value{}, nil
	}
	return reflect.Value{}, fmt.Errorf("%s is not of this language", n)
}

// fields follows names into structs and maps.
func fields(v reflect.Value, names []string) (reflect.Value, error) {
	for _, name := range names {
		v = plain(v)
		switch v.Kind() {
		case reflect.Struct:
			f := v.FieldByName(name)
			if !f.IsValid() || !f.CanInterface() {
				return f, fmt.Errorf("%s has no field %s", v.Type(), name)
			}
			v = f
		case reflect.Map:
			f := v.MapIndex(reflect.ValueOf(name))
			if !f.IsValid() {
				return f, fmt.Errorf("there is no key %q", name)
			}
			v = f
		default:
			return reflect.Value{}, fmt.Errorf("what is not there has no field %s", name)
		}
	}
	return v, nil
}

// plain is what pointers and interfaces lead to.
func plain(v reflect.Value) reflect.Value {
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return reflect.Value{}
		}
		v = v.Elem()
	}
	return v
}

// truth is as text/template has it: nothing, zero and empty are false.
func truth(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Invalid:
		return false
	case reflect.Slice, reflect.Array, reflect.Map, reflect.String:
		return v.Len() > 0
	case reflect.Pointer:
		return !v.IsNil()
	case reflect.Interface:
		return !v.IsNil() && truth(v.Elem())
	case reflect.Struct:
		return true
	}
	return !v.IsZero()
}

func text(v reflect.Value) string {
	if !v.IsValid() {
		return ""
	}
	if v.Kind() == reflect.Pointer && !v.IsNil() {
		if _, says := v.Interface().(fmt.Stringer); !says {
			v = v.Elem()
		}
	}
	return fmt.Sprint(v.Interface())
}

func apply(name string, args []reflect.Value) (reflect.Value, error) {
	wrong := fmt.Errorf("%s does not take %d arguments", name, len(args))
	if len(args) == 0 {
		return reflect.Value{}, wrong
	}
	switch name {
	case "and", "or":
		for _, a := range args {
			if truth(a) == (name == "or") {
				return a, nil
			}
		}
		return args[len(args)-1], nil
	case "not":
		if len(args) == 1 {
			return reflect.ValueOf(!truth(args[0])), nil
		}
	case "len":
		if v := plain(args[0]); len(args) == 1 && (v.Kind() == reflect.Slice || v.Kind() == reflect.Map || v.Kind() == reflect.String || v.Kind() == reflect.Array) {
			return reflect.ValueOf(v.Len()), nil
		}
	case "eq", "ne":
		if len(args) == 2 {
			return reflect.ValueOf((text(args[0]) == text(args[1])) == (name == "eq")), nil
		}
	}
	return reflect.Value{}, wrong
}
