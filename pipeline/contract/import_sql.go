package contract

import (
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
)

// importSQL reads CREATE TABLE statements and COMMENT ON of the common dialects.
func importSQL(im *importer, src []byte) error {
	p := &sqlReader{im: im, toks: sqlTokens(string(src))}
	for p.at < len(p.toks) {
		switch {
		case p.words("CREATE"):
			for p.word("OR", "REPLACE", "TEMP", "TEMPORARY", "EXTERNAL", "UNLOGGED", "TRANSIENT", "GLOBAL", "LOCAL") {
			}
			if !p.words("TABLE") {
				p.skipStatement()
				continue
			}
			p.words("IF")
			p.words("NOT")
			p.words("EXISTS")
			if err := p.table(); err != nil {
				return err
			}
			p.skipStatement()
		case p.words("COMMENT"):
			p.comment()
			p.skipStatement()
		default:
			p.skipStatement()
		}
	}
	return nil
}

type sqlReader struct {
	im   *importer
	toks []sqlToken
	at   int
}

func (p *sqlReader) peek() sqlToken {
	if p.at < len(p.toks) {
		return p.toks[p.at]
	}
	return sqlToken{kind: 's', line: p.lastLine()}
}

func (p *sqlReader) lastLine() int {
	if len(p.toks) == 0 {
		return 1
	}
	return p.toks[len(p.toks)-1].line
}

// words takes w if it comes next.
func (p *sqlReader) words(w string) bool {
	if t := p.peek(); t.upper == w && t.kind != 't' && t.kind != 'n' {
		p.at++
		return true
	}
	return false
}

func (p *sqlReader) word(any ...string) bool { return slices.ContainsFunc(any, p.words) }

func (p *sqlReader) skipStatement() {
	for p.at < len(p.toks) && !p.words(";") {
		p.at++
	}
}

// name takes a possibly qualified name and returns its last part.
func (p *sqlReader) name() (string, bool) {
	t := p.peek()
	if t.kind != 'w' && t.kind != 'n' {
		return "", false
	}
	p.at++
	for p.words(".") {
		t = p.peek()
		p.at++
	}
	return t.text, true
}

// group takes the tokens up to the closing bracket of one that was opened.
func (p *sqlReader) group() (out []sqlToken) {
	depth := 1
	for p.at < len(p.toks) {
		t := p.toks[p.at]
		p.at++
		if t.kind == 's' && t.text == "(" {
			depth++
		} else if t.kind == 's' && t.text == ")" {
			if depth--; depth == 0 {
				return out
			}
		}
		out = append(out, t)
	}
	return out
}

func names(toks []sqlToken) (out []string) {
	for _, t := range toks {
		if t.kind == 'w' && t.upper != "ASC" && t.upper != "DESC" || t.kind == 'n' {
			out = append(out, t.text)
		}
	}
	return out
}

func (p *sqlReader) table() error {
	line := p.peek().line
	name, ok := p.name()
	if !ok || !p.words("(") {
		return pipeline.Errorf(pipeline.CodeInvalid, "%s:%d: CREATE TABLE without a name and columns", p.im.file, line).WithHint("a table is described by its columns, not by a query")
	}
	f := &Feed{Name: name}
	inner := &sqlReader{im: p.im, toks: p.group()}
	for inner.at < len(inner.toks) {
		if part := inner.part(); len(part) > 0 {
			(&sqlReader{im: p.im, toks: part}).element(f)
		}
	}
	if len(f.Fields) == 0 {
		return pipeline.Errorf(pipeline.CodeInvalid, "%s:%d: the table %s has no columns", p.im.file, line, name).WithHint("write them in brackets after its name")
	}
	if p.words("COMMENT") {
		p.words("=")
		if t := p.peek(); t.kind == 't' {
			f.Description = t.text
		}
	}
	p.im.objects = append(p.im.objects, f)
	return nil
}

// part takes the tokens up to the next comma outside brackets; those of
// array<…> and struct<…> are brackets too.
func (p *sqlReader) part() (out []sqlToken) {
	depth, angles := 0, 0
	for p.at < len(p.toks) {
		t := p.toks[p.at]
		p.at++
		if t.kind == 's' {
			last := ""
			if len(out) > 0 {
				last = out[len(out)-1].upper
			}
			switch {
			case t.text == "(":
				depth++
			case t.text == ")":
				depth--
			case t.text == "<" && slices.Contains([]string{"ARRAY", "STRUCT", "MAP", "LIST"}, last):
				angles++
			case t.text == ">" && angles > 0:
				angles--
			case t.text == "," && depth <= 0 && angles == 0:
				return out
			}
		}
		out = append(out, t)
	}
	return out
}

// element reads a column or a constraint of the table.
func (p *sqlReader) element(f *Feed) {
	if p.words("CONSTRAINT") {
		p.name()
	}
	switch {
	case p.words("PRIMARY"):
		p.words("KEY")
		if p.words("(") {
			for i, n := range names(p.group()) {
				if fd := f.field(n); fd != nil {
					fd.Key = i + 1
				}
			}
		}
	case p.words("UNIQUE"):
		p.words("KEY")
		if p.peek().text != "(" {
			p.name()
		}
		if p.words("(") {
			cols := names(p.group())
			if len(cols) == 1 && f.field(cols[0]) != nil {
				f.field(cols[0]).Unique = true
			} else {
				f.Keys = append(f.Keys, Key{Fields: cols})
			}
		}
	case p.words("FOREIGN"):
		p.words("KEY")
		if p.words("(") {
			p.references(f, names(p.group()))
		}
	case p.words("CHECK"):
		if p.words("(") {
			p.check(f, p.group())
		}
	case p.words("EXCLUDE"), p.words("LIKE"), p.words("INDEX"), p.words("KEY"):
		p.im.lose("line %d: an index or copy clause of %s", p.toks[0].line, f.Name)
	default:
		p.column(f)
	}
}

func (p *sqlReader) references(f *Feed, from []string) {
	if !p.words("REFERENCES") {
		return
	}
	to, ok := p.name()
	if !ok {
		return
	}
	var cols []string
	if p.words("(") {
		cols = names(p.group())
	}
	if len(cols) != len(from) || len(from) == 0 {
		p.im.lose("line %d: a foreign key to %s without its columns", p.peek().line, to)
		return
	}
	f.Relations = append(f.Relations, Relation{Fields: from, To: to, ToFields: cols})
}

var columnWords = []string{"NOT", "NULL", "PRIMARY", "UNIQUE", "DEFAULT", "CHECK", "REFERENCES", "COMMENT", "CONSTRAINT", "COLLATE", "GENERATED", "AUTO_INCREMENT", "IDENTITY", "ENCODE", "ON"}

func (p *sqlReader) column(f *Feed) {
	line := p.peek().line
	name, ok := p.name()
	if !ok {
		p.im.lose("line %d: %q in %s", line, p.peek().text, f.Name)
		return
	}
	var typ strings.Builder
	for p.at < len(p.toks) {
		t := p.peek()
		if t.kind == 'w' && slices.Contains(columnWords, t.upper) {
			break
		}
		p.at++
		if t.text == "(" {
			typ.WriteString("(")
			for _, g := range p.group() {
				typ.WriteString(g.text)
			}
			typ.WriteString(")")
			continue
		}
		if typ.Len() > 0 && t.kind == 'w' && !strings.HasSuffix(typ.String(), "<") && !strings.HasSuffix(typ.String(), ":") {
			typ.WriteString(" ")
		}
		typ.WriteString(t.text)
	}
	fd := Field{Name: name, Column: name}
	sqlType(typ.String(), &fd)
	f.Fields = append(f.Fields, fd)
	at := &f.Fields[len(f.Fields)-1]
	for p.at < len(p.toks) {
		switch {
		case p.words("NOT"):
			at.Required = p.words("NULL") || at.Required
		case p.words("PRIMARY"):
			p.words("KEY")
			at.Key = 1
		case p.words("UNIQUE"):
			at.Unique = true
		case p.words("COMMENT"):
			if t := p.peek(); t.kind == 't' {
				at.Description = t.text
				p.at++
			}
		case p.words("CHECK"):
			if p.words("(") {
				p.check(f, p.group())
			}
		case p.peek().upper == "REFERENCES":
			p.references(f, []string{name})
		default:
			p.at++
		}
	}
}

func (p *sqlReader) comment() {
	if !p.words("ON") {
		return
	}
	table := p.words("TABLE")
	if !table && !p.words("COLUMN") {
		return
	}
	var parts []string
	for {
		t := p.peek()
		if t.kind != 'w' && t.kind != 'n' {
			return
		}
		parts = append(parts, t.text)
		p.at++
		if !p.words(".") {
			break
		}
	}
	if !p.words("IS") || p.peek().kind != 't' || len(parts) == 0 {
		return
	}
	for _, f := range p.im.objects {
		switch {
		case table && f.Name == parts[len(parts)-1]:
			f.Description = p.peek().text
		case !table && len(parts) > 1 && f.Name == parts[len(parts)-2]:
			if fd := f.field(parts[len(parts)-1]); fd != nil {
				fd.Description = p.peek().text
			}
		}
	}
}
