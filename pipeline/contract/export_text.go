package contract

import (
	"bytes"
	_ "embed"
	"fmt"
	"go/format"
	"go/token"
	"strconv"
	"strings"
	"unicode"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/page"
)

// goName is an exported Go identifier.
func goName(s string) string {
	var b strings.Builder
	up := true
	for _, r := range s {
		switch {
		case unicode.IsLetter(r) || unicode.IsDigit(r):
			if up {
				r = unicode.ToUpper(r)
			}
			b.WriteRune(r)
			up = false
		default:
			up = true
		}
	}
	name := b.String()
	if name == "" || !token.IsExported(name) {
		name = "X" + name
	}
	return name
}

func goType(fd Field, name string, structs *bytes.Buffer) string {
	t := "string"
	switch fd.Type {
	case Integer:
		t = "int64"
	case Decimal:
		t = "float64"
	case Boolean:
		t = "bool"
	case Array:
		if fd.Items != nil {
			item := *fd.Items
			item.Required = true
			return "[]" + goType(item, name+"Item", structs)
		}
		return "[]any"
	case Object:
		if len(fd.Fields) == 0 {
			return "map[string]any"
		}
		goStruct(name, fd.Description, fd.Fields, structs)
		t = name
	}
	if !fd.Required {
		return "*" + t
	}
	return t
}

func goStruct(name, doc string, fields []Field, out *bytes.Buffer) {
	var b, nested bytes.Buffer
	fmt.Fprintf(&b, "// %s is one %s.\n", name, strings.ReplaceAll(named(doc), "\n", " "))
	fmt.Fprintf(&b, "type %s struct {\n", name)
	seen := map[string]int{}
	for _, fd := range fields {
		if fd.Description != "" {
			fmt.Fprintf(&b, "\t// %s\n", strings.Join(strings.Fields(fd.Description), " "))
		}
		id := unusedName(seen, goName(fd.Name))
		omit := ",omitempty"
		if fd.Required {
			omit = ""
		}
		tag := "`json:" + strconv.Quote(fd.Column+omit) + "`"
		if strings.ContainsAny(fd.Column, "`\",\\") {
			tag = strconv.Quote("json:" + strconv.Quote(strings.Map(func(r rune) rune {
				if strings.ContainsRune("`\",\\", r) {
					return '_'
				}
				return r
			}, fd.Column)+omit))
		}
		fmt.Fprintf(&b, "\t%s %s %s\n", id, goType(fd, name+id, &nested), tag)
	}
	b.WriteString("}\n\n")
	out.Write(b.Bytes())
	out.Write(nested.Bytes())
}

func unusedName(seen map[string]int, id string) string {
	seen[id]++
	if n := seen[id]; n > 1 {
		return fmt.Sprintf("%s%d", id, n)
	}
	return id
}

// exportGo writes a Go file that needs only the standard library: the contract
// as it stands, a struct for a row, and Validate with the rules of single
// fields: required, length, pattern, range, enum, and date formats.
func exportGo(d *Document, f *Feed) ([]byte, error) {
	name := goName(f.Name)
	var body, check bytes.Buffer
	goStruct(name, f.Description, f.Fields, &body)
	uses := map[string]bool{"errors": true, "fmt": true}
	seen := map[string]int{}
	var patterns bytes.Buffer
	for i, fd := range f.Fields {
		goChecks(&check, &patterns, uses, name, unusedName(seen, goName(fd.Name)), i, fd)
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "// Code generated from contract %s %s. DO NOT EDIT.\n\npackage %s\n\nimport (\n", f.ContractID, f.Version, strings.ToLower(avroNameOnly(name)))
	for _, imp := range []string{"errors", "fmt", "math", "regexp", "time", "unicode/utf8"} {
		if uses[imp] {
			fmt.Fprintf(&out, "\t%q\n", imp)
		}
	}
	fmt.Fprintf(&out, ")\n\n// Contract is the contract as it stands.\nconst Contract = %s\n\n", goString(string(d.src)))
	out.Write(patterns.Bytes())
	out.Write(body.Bytes())
	fmt.Fprintf(&out, "// Validate returns every rule of the contract that r breaks, joined.\nfunc (r %s) Validate() error {\n\tvar errs []error\n\tbad := func(field, format string, args ...any) {\n\t\terrs = append(errs, fmt.Errorf(\"%%s: \"+format, append([]any{field}, args...)...))\n\t}\n", name)
	out.Write(check.Bytes())
	out.WriteString("\t_ = bad\n\treturn errors.Join(errs...)\n}\n")
	src, err := format.Source(out.Bytes())
	if err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInternal, "the generated Go of %s does not parse: %w", f.Name, err)
	}
	return src, nil
}

func avroNameOnly(s string) string {
	s = strings.ToLower(avroName(s))
	if token.IsKeyword(s) || s == "_" {
		return s + "x"
	}
	return s
}

// goString is s as a raw literal where it can be one.
func goString(s string) string {
	if strings.ContainsAny(s, "`\r\ufeff") {
		return strconv.Quote(s)
	}
	return "`" + s + "`"
}

func goChecks(out, patterns *bytes.Buffer, uses map[string]bool, row, id string, n int, fd Field) {
	value, open, end := "r."+id, "", ""
	switch {
	case fd.Type == Object || fd.Type == Array:
		if fd.Required && fd.Type == Array {
			fmt.Fprintf(out, "\tif %s == nil {\n\t\tbad(%q, \"is missing\")\n\t}\n", value, fd.Name)
		}
		return
	case !fd.Required:
		open, value, end = fmt.Sprintf("\tif r.%s != nil {\n\t\tv := *r.%s\n", id, id), "v", "\t}\n"
	}
	var b bytes.Buffer
	rule := func(cond, format string, args ...any) {
		fmt.Fprintf(&b, "\tif %s {\n\t\tbad(%q, %s)\n\t}\n", cond, fd.Name, fmt.Sprintf(format, args...))
	}
	o := fd.Options
	switch fd.Type {
	case String:
		if fd.Required {
			rule(value+` == ""`, `"is empty"`)
		}
		if o.MinLength != nil || o.MaxLength != nil {
			uses["unicode/utf8"] = true
		}
		if o.MinLength != nil {
			rule(fmt.Sprintf("utf8.RuneCountInString(%s) < %d", value, *o.MinLength), `"%%q is shorter than %d", %s`, *o.MinLength, value)
		}
		if o.MaxLength != nil {
			rule(fmt.Sprintf("utf8.RuneCountInString(%s) > %d", value, *o.MaxLength), `"%%q is longer than %d", %s`, *o.MaxLength, value)
		}
		if o.Pattern != "" {
			uses["regexp"] = true
			p := "pattern" + row + id
			fmt.Fprintf(patterns, "var %s = regexp.MustCompile(%s)\n\n", p, strconv.Quote(o.Pattern))
			rule("!"+p+".MatchString("+value+")", `"%%q does not match its pattern", %s`, value)
		}
	case Integer, Decimal:
		for _, l := range []struct{ op, v, says string }{{"<", o.Minimum, "is less than"}, {"<=", o.ExclusiveMinimum, "is not more than"},
			{">", o.Maximum, "is more than"}, {">=", o.ExclusiveMaximum, "is not less than"}} {
			if _, ok := exact(l.v); ok {
				rule(fmt.Sprintf("float64(%s) %s %s", value, l.op, l.v), `"%%v %s %s", %s`, l.says, l.v, value)
			}
		}
		if m, ok := exact(o.MultipleOf); ok && m.Sign() > 0 {
			uses["math"] = true
			rule(fmt.Sprintf("q := float64(%s) / %s; math.Abs(q-math.Round(q)) > 1e-9*math.Max(1, math.Abs(q))", value, o.MultipleOf), `"%%v is no multiple of %s", %s`, o.MultipleOf, value)
		}
	case Date, Timestamp, Time:
		if len(o.Formats) > 0 {
			uses["time"] = true
			fmt.Fprintf(&b, "\t{\n\tread := false\n\tfor _, layout := range %#v {\n\tif _, err := time.Parse(layout, %s); err == nil {\n\tread = true\n\t}\n\t}\n\tif !read {\n\tbad(%q, \"%%q is not a %s\", %s)\n\t}\n\t}\n",
				o.Formats, value, fd.Name, fd.Type, value)
		}
	}
	if o.Enum != nil && fd.Type == String && len(o.Enum) > 0 {
		var cases []string
		for _, v := range o.Enum {
			cases = append(cases, strconv.Quote(v))
		}
		fmt.Fprintf(&b, "\tswitch %s {\n\tcase %s:\n\tdefault:\n\t\tbad(%q, \"%%q is not one of the valid values\", %s)\n\t}\n", value, strings.Join(cases, ", "), fd.Name, value)
	}
	if b.Len() > 0 {
		out.WriteString(open + b.String() + end)
	}
}

// clausesOf are the demands on a field, in words.
func clausesOf(f *Feed, fd Field) []string {
	var out []string
	o := fd.Options
	add := func(cond bool, format string, args ...any) {
		if cond {
			out = append(out, fmt.Sprintf(format, args...))
		}
	}
	add(fd.Key > 0, "key %d", fd.Key)
	add(fd.Required, "required")
	add(fd.Unique, "unique")
	add(fd.Classified, "classified: %s", fd.Classification)
	add(o.Minimum != "", "≥ %s", o.Minimum)
	add(o.ExclusiveMinimum != "", "> %s", o.ExclusiveMinimum)
	add(o.Maximum != "", "≤ %s", o.Maximum)
	add(o.ExclusiveMaximum != "", "< %s", o.ExclusiveMaximum)
	add(o.MultipleOf != "", "multiple of %s", o.MultipleOf)
	if o.MinLength != nil {
		add(true, "at least %d characters", *o.MinLength)
	}
	if o.MaxLength != nil {
		add(true, "at most %d characters", *o.MaxLength)
	}
	add(o.Pattern != "", "matches %s", o.Pattern)
	add(o.Format != "", "format %s", o.Format)
	add(o.Enum != nil, "one of %s", strings.Join(o.Enum, ", "))
	for _, k := range f.Checks {
		add(k.Field == fd.Name, "%s (%s)", k.argued(), k.OnFail)
	}
	for _, r := range f.Relations {
		add(len(r.Fields) == 1 && r.Fields[0] == fd.Name, "in %s.%s", r.To, strings.Join(r.ToFields, "+"))
	}
	return out
}

func exportMarkdown(f *Feed) []byte {
	cell := func(s string) string {
		return strings.NewReplacer("|", `\|`, "\n", " ", "<", "&lt;").Replace(s)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n\nContract `%s`, version %s (%s), owner %s. Load: %s; a new column: %s.\n\n", cell(f.Name), cell(f.Description), f.ContractID, f.Version, f.Status, named(cell(f.Owner)), f.Load, f.Evolution)
	b.WriteString("| field | column | type | means | must be |\n|---|---|---|---|---|\n")
	for _, fd := range f.Fields {
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", cell(fd.Name), cell(fd.Column), fd.Type, cell(fd.Description), cell(strings.Join(clausesOf(f, fd), "; ")))
	}
	if rules := feedRules(f); len(rules) > 0 {
		b.WriteString("\n## Rules of the feed\n\n")
		for _, r := range rules {
			b.WriteString("- " + cell(r) + "\n")
		}
	}
	return []byte(b.String())
}

// feedRules are the keys, rules and promises of the feed as a whole.
func feedRules(f *Feed) (out []string) {
	for _, k := range f.Keys {
		out = append(out, strings.Join(k.Fields, " + ")+" is unique per "+string(k.Scope))
	}
	for _, k := range f.Checks {
		if k.Field == "" {
			out = append(out, k.ID+": "+k.says()+" ("+string(k.OnFail)+")")
		}
	}
	for _, s := range f.SLA {
		out = append(out, s.says())
	}
	return out
}

//go:embed page.html
var pageSource string

func exportHTML(f *Feed) ([]byte, error) {
	type row struct {
		Field   Field
		Clauses []string
	}
	var rows []row
	for _, fd := range f.Fields {
		rows = append(rows, row{fd, clausesOf(f, fd)})
	}
	var b bytes.Buffer
	err := page.Report("contract", pageSource).Execute(&b, struct {
		F     *Feed
		Rows  []row
		Rules []string
	}{f, rows, feedRules(f)})
	return b.Bytes(), err
}
