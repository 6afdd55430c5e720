package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
)

// parseOrdered reads JSON through the YAML reader, which keeps the order of
// keys and knows lines; JSON is YAML.
func (im *importer) parseOrdered(src []byte) (*node, error) {
	if t := bytes.TrimSpace(src); len(t) > 0 && (t[0] == '{' || t[0] == '[' || t[0] == '"') && !json.Valid(t) {
		var v any
		err := json.Unmarshal(t, &v)
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: not JSON: %w", im.file, err).WithHint("mend it there")
	}
	root, found := readYAML(im.file, src)
	if found != nil {
		return nil, problemError(found)
	}
	return root, nil
}

func importJSONSchema(im *importer, src []byte) error {
	root, err := im.parseOrdered(src)
	if err != nil {
		return err
	}
	j := &jsonSchema{im: im, root: root}
	top := j.resolve(root, 0)
	if top.text("type") == "array" {
		top = j.resolve(top.get("items"), 0)
	}
	name := root.text("title")
	if name == "" {
		name = strings.TrimSuffix(im.file[strings.LastIndexByte(im.file, '/')+1:], ".json")
		name = strings.TrimSuffix(name, ".schema")
	}
	if top.get("properties") == nil {
		return pipeline.Errorf(pipeline.CodeInvalid, "%s: the schema has no properties", im.file).WithHint("a row is an object with properties")
	}
	im.objects = append(im.objects, &Feed{Name: name, Description: top.text("description"), Fields: j.fields(top, 0)})
	return nil
}

type jsonSchema struct {
	im   *importer
	root *node
}

// resolve follows local references and folds anyOf and oneOf with null.
func (j *jsonSchema) resolve(n *node, depth int) *node {
	for range 16 {
		ref := n.text("$ref")
		if ref == "" {
			break
		}
		path, local := strings.CutPrefix(ref, "#/")
		if !local {
			j.im.lose("%s: the reference %s leads out of the file", n.path, ref)
			return &node{kind: mappingNode}
		}
		at := j.root
		for _, part := range strings.Split(path, "/") {
			at = at.get(strings.NewReplacer("~1", "/", "~0", "~").Replace(part))
		}
		if at == nil {
			j.im.lose("%s: the reference %s leads nowhere", n.path, ref)
			return &node{kind: mappingNode}
		}
		n = at
	}
	if n == nil {
		return &node{kind: mappingNode}
	}
	for _, key := range []string{"anyOf", "oneOf"} {
		list := n.list(key)
		rest := slices.DeleteFunc(slices.Clone(list), func(e *node) bool { return e.text("type") == "null" })
		if len(rest) == 1 && depth < 16 {
			return j.resolve(rest[0], depth+1)
		}
		if len(rest) > 1 {
			j.im.lose("%s: a choice of %d forms (%s)", n.path, len(rest), key)
		}
	}
	return n
}

func nullable(n *node) bool {
	for _, e := range slices.Concat(n.list("type"), n.list("enum")) {
		if e.tag == "null" || e.str() == "null" {
			return true
		}
	}
	for _, e := range slices.Concat(n.list("anyOf"), n.list("oneOf")) {
		if e.text("type") == "null" {
			return true
		}
	}
	return false
}

func (j *jsonSchema) fields(n *node, depth int) (out []Field) {
	required := map[string]bool{}
	for _, r := range n.list("required") {
		required[r.str()] = true
	}
	props := n.get("properties")
	if props == nil || props.kind != mappingNode {
		return nil
	}
	for i, k := range props.keys {
		fd := j.field(props.items[i], depth)
		fd.Name, fd.Column = k.value, k.value
		fd.Required = required[k.value] && !nullable(props.items[i])
		out = append(out, fd)
	}
	return out
}

func (j *jsonSchema) field(raw *node, depth int) Field {
	n := j.resolve(raw, 0)
	fd := Field{Type: String, Description: n.text("description")}
	if depth > 16 {
		j.im.lose("%s: nested deeper than 16 levels", n.path)
		return fd
	}
	typ := n.text("type")
	for _, e := range n.list("type") {
		if e.str() != "null" && e.tag != "null" {
			if typ != "" {
				j.im.lose("%s: several types", n.path)
			}
			typ = e.str()
		}
	}
	switch typ {
	case "integer":
		fd.Type = Integer
	case "number":
		fd.Type = Decimal
	case "boolean":
		fd.Type = Boolean
	case "object":
		fd.Type = Object
		fd.Fields = j.fields(n, depth+1)
	case "array":
		fd.Type = Array
		item := j.field(n.get("items"), depth+1)
		fd.Items = &item
	case "":
		switch {
		case n.get("properties") != nil:
			fd.Type, fd.Fields = Object, j.fields(n, depth+1)
		case n.get("minimum") != nil || n.get("maximum") != nil:
			fd.Type = Decimal
		}
	}
	j.options(n, &fd)
	for _, k := range nodeKeys(n) {
		if slices.Contains([]string{"allOf", "if", "not", "patternProperties", "contains", "dependentRequired"}, k.value) {
			j.im.lose("%s", k.path)
		}
	}
	return fd
}

func (j *jsonSchema) options(n *node, fd *Field) {
	o := &fd.Options
	o.MinLength, o.MaxLength = count(n, "minLength"), count(n, "maxLength")
	o.MinItems, o.MaxItems = count(n, "minItems"), count(n, "maxItems")
	o.MinProperties, o.MaxProperties = count(n, "minProperties"), count(n, "maxProperties")
	o.UniqueItems = n.flag("uniqueItems")
	if fd.Type == Integer || fd.Type == Decimal {
		o.Minimum, o.Maximum, o.MultipleOf = plainNumber(n.text("minimum")), plainNumber(n.text("maximum")), plainNumber(n.text("multipleOf"))
		o.ExclusiveMinimum, o.ExclusiveMaximum = plainNumber(n.text("exclusiveMinimum")), plainNumber(n.text("exclusiveMaximum"))
		// In draft 4 the exclusive bounds are flags.
		if n.flag("exclusiveMinimum") {
			o.ExclusiveMinimum, o.Minimum = o.Minimum, ""
		}
		if n.flag("exclusiveMaximum") {
			o.ExclusiveMaximum, o.Maximum = o.Maximum, ""
		}
		o.MinLength, o.MaxLength = nil, nil
	}
	if fd.Type == String {
		switch f := n.text("format"); f {
		case "date":
			fd.Type = Date
		case "date-time":
			fd.Type = Timestamp
		case "time":
			fd.Type = Time
		default:
			o.Format = f
			o.Pattern = n.text("pattern")
		}
		if fd.Type != String {
			o.MinLength, o.MaxLength = nil, nil
		}
	}
	if fd.Type != Array {
		o.MinItems, o.MaxItems, o.UniqueItems = nil, nil, false
	}
	if fd.Type != Object {
		o.MinProperties, o.MaxProperties = nil, nil
	}
	values := n.list("enum")
	if c := n.get("const"); c != nil {
		values = []*node{c}
	}
	for _, e := range values {
		if e.kind == scalarNode && e.tag != "null" {
			o.Enum = append(o.Enum, e.value)
		}
	}
}

func importAvro(im *importer, src []byte) error {
	root, err := im.parseOrdered(src)
	if err != nil {
		return err
	}
	a := &avroSchema{im: im, named: map[string]*node{}}
	if root.kind == sequenceNode { // a union of records at the top
		for _, e := range root.items {
			a.collect(e)
		}
		for _, e := range root.items {
			if e.text("type") == "record" {
				im.objects = append(im.objects, &Feed{Name: e.text("name"), Description: e.text("doc"), Fields: a.fields(e, 0)})
			}
		}
		return nil
	}
	a.collect(root)
	if root.text("type") != "record" {
		return pipeline.Errorf(pipeline.CodeInvalid, "%s: the schema is no record", im.file).WithHint("a row is a record with fields")
	}
	a.open = append(a.open, root)
	im.objects = append(im.objects, &Feed{Name: root.text("name"), Description: root.text("doc"), Fields: a.fields(root, 0)})
	return nil
}

type avroSchema struct {
	im    *importer
	named map[string]*node
	open  []*node
}

// collect remembers named types, which later parts may refer to.
func (a *avroSchema) collect(n *node) {
	if name := n.text("name"); name != "" && slices.Contains([]string{"record", "enum", "fixed"}, n.text("type")) {
		a.named[name] = n
		if ns := n.text("namespace"); ns != "" {
			a.named[ns+"."+name] = n
		}
	}
	for _, e := range n.items {
		a.collect(e)
	}
}

func (a *avroSchema) fields(n *node, depth int) (out []Field) {
	for _, e := range n.list("fields") {
		fd := Field{Required: true}
		a.typed(e.get("type"), &fd, depth)
		fd.Name, fd.Column = e.text("name"), e.text("name")
		if c := e.text("column"); c != "" {
			fd.Name, fd.Column = c, c
		}
		fd.Description = e.text("doc")
		out = append(out, fd)
	}
	return out
}

func (a *avroSchema) typed(n *node, fd *Field, depth int) {
	fd.Type = String
	switch {
	case n == nil || depth > 16:
		return
	case n.kind == sequenceNode:
		var rest []*node
		for _, e := range n.items {
			if e.str() == "null" {
				fd.Required = false
			} else {
				rest = append(rest, e)
			}
		}
		if len(rest) > 1 {
			a.im.lose("%s: a union of %d types", n.path, len(rest))
		}
		if len(rest) > 0 {
			a.typed(rest[0], fd, depth+1)
		}
		return
	case n.kind == scalarNode:
		switch named := a.named[n.value]; {
		case named != nil && slices.Contains(a.open, named):
			fd.Type = Object
			a.im.lose("%s: %s contains itself", n.path, n.value)
			return
		case named != nil:
			a.typed(named, fd, depth+1)
			return
		}
		a.primitive(n.value, "", n, fd)
		return
	}
	a.open = append(a.open, n)
	defer func() { a.open = a.open[:len(a.open)-1] }()
	switch t := n.text("type"); t {
	case "record":
		fd.Type, fd.Fields = Object, a.fields(n, depth+1)
	case "enum":
		for _, s := range n.list("symbols") {
			fd.Options.Enum = append(fd.Options.Enum, s.str())
		}
	case "array":
		item := Field{}
		a.typed(n.get("items"), &item, depth+1)
		fd.Type, fd.Items = Array, &item
	case "map":
		fd.Type = Object
		a.im.lose("%s: the values of a map", n.path)
	case "":
		a.typed(n.get("type"), fd, depth+1)
	default:
		a.primitive(t, n.text("logicalType"), n, fd)
	}
}

func (a *avroSchema) primitive(t, logical string, n *node, fd *Field) {
	switch logical {
	case "date":
		fd.Type = Date
		return
	case "time-millis", "time-micros":
		fd.Type = Time
		return
	case "timestamp-millis", "timestamp-micros", "timestamp-nanos", "local-timestamp-millis", "local-timestamp-micros", "local-timestamp-nanos":
		fd.Type = Timestamp
		return
	case "decimal":
		fd.Type = Decimal
		if s, err := strconv.Atoi(n.text("scale")); err == nil {
			fd.Options.MultipleOf = powerOfTen(s)
		}
		return
	case "uuid":
		fd.Options.Format = "uuid"
		return
	}
	switch t {
	case "boolean":
		fd.Type = Boolean
	case "int":
		fd.Type, fd.Options.Format = Integer, "i32"
	case "long":
		fd.Type, fd.Options.Format = Integer, "i64"
	case "float":
		fd.Type, fd.Options.Format = Decimal, "f32"
	case "double":
		fd.Type, fd.Options.Format = Decimal, "f64"
	case "bytes", "fixed":
		a.im.lose("%s: bytes, taken as text", n.path)
	case "string", "null":
	default:
		a.im.lose("%s: %s", n.path, fmt.Sprintf("the type %s is not defined", t))
	}
}
