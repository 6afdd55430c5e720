package contract

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/big"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
)

// exporters are the forms into which a feed can be written, by target. They are
// no variable, so that programs that export nothing do not carry what writes Go
// and HTML.
func exporters() map[string]func(*Document, *Feed) ([]byte, error) {
	return map[string]func(*Document, *Feed) ([]byte, error){
		"jsonschema": func(_ *Document, f *Feed) ([]byte, error) { return exportJSONSchema(f) },
		"avro":       func(_ *Document, f *Feed) ([]byte, error) { return exportAvro(f) },
		"postgres":   func(_ *Document, f *Feed) ([]byte, error) { return exportSQL(f, postgresDDL) },
		"athena":     func(_ *Document, f *Feed) ([]byte, error) { return exportSQL(f, athenaDDL) },
		"snowflake":  func(_ *Document, f *Feed) ([]byte, error) { return exportSQL(f, snowflakeDDL) },
		"glue":       func(_ *Document, f *Feed) ([]byte, error) { return exportGlue(f) },
		"go":         exportGo,
		"markdown":   func(_ *Document, f *Feed) ([]byte, error) { return exportMarkdown(f), nil },
		"html":       func(_ *Document, f *Feed) ([]byte, error) { return exportHTML(f) },
	}
}

// ExportTargets are the names that Export knows, sorted.
func ExportTargets() []string { return slices.Sorted(maps.Keys(exporters())) }

// Export writes the schema object or feed of that name (see Feed) for another
// tool: jsonschema (draft 2020-12), avro, postgres, athena and snowflake DDL, a
// glue table input, go source with the contract embedded and Validate, markdown
// and html for people. What a target cannot say is left out, never bent.
// Errors: invalid.
func (d *Document) Export(name, target string) ([]byte, error) {
	export, ok := exporters()[target]
	if !ok {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "there is no export to %q", target).WithHint("%s", didYouMean(target, ExportTargets(), ""))
	}
	f, err := d.Feed(name)
	if err != nil {
		return nil, err
	}
	return export(d, f)
}

func indented(v any) ([]byte, error) {
	var b strings.Builder
	if err := writeJSON(&b, v); err != nil {
		return nil, err
	}
	return []byte(b.String()), nil
}

// ordered is a JSON object that keeps the order of its keys.
type ordered []pair

type pair struct {
	key   string
	value any
}

func (o *ordered) set(key string, value any) { *o = append(*o, pair{key, value}) }

func (o ordered) MarshalJSON() ([]byte, error) {
	var b strings.Builder
	b.WriteByte('{')
	for i, p := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		v, err := json.Marshal(p.value)
		if err != nil {
			return nil, err
		}
		k, err := json.Marshal(p.key)
		if err != nil {
			return nil, err
		}
		b.Write(k)
		b.WriteByte(':')
		b.Write(v)
	}
	b.WriteByte('}')
	return []byte(b.String()), nil
}

func exportJSONSchema(f *Feed) ([]byte, error) {
	o := ordered{{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"$id", "urn:assay:" + f.ContractID + ":" + f.Version + ":" + f.Name},
		{"title", f.Schema}}
	if f.Description != "" {
		o.set("description", f.Description)
	}
	o = append(o, schemaObject(f.Fields, f.Evolution == EvolveReject)...)
	return indented(o)
}

func schemaObject(fields []Field, closed bool) (o ordered) {
	o.set("type", "object")
	props, required := ordered{}, []string{}
	for _, fd := range fields {
		props.set(fd.Column, schemaOf(fd))
		if fd.Required {
			required = append(required, fd.Column)
		}
	}
	o.set("properties", props)
	if len(required) > 0 {
		o.set("required", required)
	}
	if closed {
		o.set("additionalProperties", false)
	}
	return o
}

func schemaOf(fd Field) ordered {
	var o ordered
	typ := map[Type]string{Integer: "integer", Decimal: "number", Boolean: "boolean", Object: "object", Array: "array"}[fd.Type]
	if typ == "" {
		typ = "string"
	}
	if fd.Required {
		o.set("type", typ)
	} else {
		o.set("type", []string{typ, "null"})
	}
	if fd.Description != "" {
		o.set("description", fd.Description)
	}
	opt := fd.Options
	for key, v := range map[string]*int{"minLength": opt.MinLength, "maxLength": opt.MaxLength, "minItems": opt.MinItems, "maxItems": opt.MaxItems,
		"minProperties": opt.MinProperties, "maxProperties": opt.MaxProperties} {
		if v != nil {
			o.set(key, *v)
		}
	}
	slices.SortStableFunc(o[1:], func(a, b pair) int { return strings.Compare(a.key, b.key) })
	if opt.Pattern != "" {
		o.set("pattern", opt.Pattern)
	}
	if opt.Enum != nil {
		var values []any
		for _, v := range opt.Enum {
			if (fd.Type == Integer || fd.Type == Decimal) && json.Valid([]byte(v)) {
				values = append(values, json.Number(v))
			} else {
				values = append(values, v)
			}
		}
		if !fd.Required {
			values = append(values, nil)
		}
		o.set("enum", values)
	}
	switch fd.Type {
	case Integer, Decimal:
		for _, b := range []struct{ key, v string }{{"minimum", opt.Minimum}, {"exclusiveMinimum", opt.ExclusiveMinimum}, {"maximum", opt.Maximum},
			{"exclusiveMaximum", opt.ExclusiveMaximum}, {"multipleOf", opt.MultipleOf}} {
			if b.v != "" && json.Valid([]byte(b.v)) {
				o.set(b.key, json.Number(b.v))
			}
		}
	case String:
		if slices.Contains([]string{"email", "uuid", "uri", "hostname", "ipv4", "ipv6", "date", "date-time", "time"}, opt.Format) {
			o.set("format", opt.Format)
		}
	case Date, Time:
		if opt.Format == "" {
			o.set("format", string(fd.Type))
		}
	case Object:
		if len(fd.Fields) > 0 {
			nested := schemaObject(fd.Fields, false)
			o = append(o, nested[1:]...)
		} else if len(opt.RequiredProperties) > 0 {
			o.set("required", opt.RequiredProperties)
		}
	case Array:
		if fd.Items != nil {
			item := *fd.Items
			item.Required = true
			o.set("items", schemaOf(item))
		}
		if opt.UniqueItems {
			o.set("uniqueItems", true)
		}
	}
	return o
}

func exportAvro(f *Feed) ([]byte, error) {
	o := ordered{{"type", "record"}, {"name", avroName(f.Name)}, {"namespace", "assay"}}
	if f.Description != "" {
		o.set("doc", f.Description)
	}
	o.set("fields", avroFields(f.Fields, avroName(f.Name)))
	return indented(o)
}

func avroFields(fields []Field, prefix string) []ordered {
	out := []ordered{}
	for _, fd := range fields {
		var o ordered
		o.set("name", avroName(fd.Column))
		if fd.Description != "" {
			o.set("doc", fd.Description)
		}
		t := avroType(fd, prefix+"_"+avroName(fd.Name))
		if fd.Required {
			o.set("type", t)
		} else {
			o.set("type", []any{"null", t})
			o.set("default", nil)
		}
		if avroName(fd.Column) != fd.Column {
			o.set("column", fd.Column)
		}
		out = append(out, o)
	}
	return out
}

func avroType(fd Field, name string) any {
	logical := func(base, l string) ordered { return ordered{{"type", base}, {"logicalType", l}} }
	switch fd.Type {
	case Boolean:
		return "boolean"
	case Integer:
		if slices.Contains([]string{"i8", "i16", "i32", "u8", "u16"}, fd.Options.Format) {
			return "int"
		}
		return "long"
	case Decimal:
		if p := scaleOf(fd.Options.MultipleOf); p >= 0 && fd.Options.Format == "" {
			return ordered{{"type", "bytes"}, {"logicalType", "decimal"}, {"precision", 38}, {"scale", p}}
		}
		if fd.Options.Format == "f32" {
			return "float"
		}
		return "double"
	case Date:
		return logical("int", "date")
	case Time:
		return logical("int", "time-millis")
	case Timestamp:
		return logical("long", "timestamp-micros")
	case Array:
		item := any("string")
		if fd.Items != nil {
			item = avroType(*fd.Items, name+"_item")
		}
		return ordered{{"type", "array"}, {"items", item}}
	case Object:
		return ordered{{"type", "record"}, {"name", name}, {"fields", avroFields(fd.Fields, name)}}
	}
	if fd.Options.Format == "uuid" {
		return logical("string", "uuid")
	}
	return "string"
}

// scaleOf is the number of decimals of multiples of a power of ten such as
// 0.01; -1 of anything else.
func scaleOf(multiple string) int {
	r, ok := exact(multiple)
	if !ok || r.Sign() <= 0 {
		return -1
	}
	ten := big.NewRat(10, 1)
	for scale := 0; scale <= 18; scale++ {
		if r.IsInt() {
			return scale
		}
		r.Mul(r, ten)
	}
	return -1
}

// avroName is a name that Avro allows: letters, digits and underscores.
func avroName(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '_' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' && i > 0:
			b.WriteRune(r)
		default:
			b.WriteByte('_')
		}
	}
	if b.Len() == 0 {
		return "_"
	}
	return b.String()
}

// exportGlue writes a table input for aws glue create-table, over the curated
// files (Parquet, by a manifest of symlinks).
func exportGlue(f *Feed) ([]byte, error) {
	var columns []ordered
	for _, fd := range f.Fields {
		c := ordered{{"Name", strings.ToLower(fd.Name)}, {"Type", hiveType(fd)}}
		if fd.Description != "" {
			c.set("Comment", clip(fd.Description, 255))
		}
		columns = append(columns, c)
	}
	return indented(ordered{
		{"Name", strings.ToLower(avroName(f.Name))}, {"Description", clip(f.Description, 2048)}, {"TableType", "EXTERNAL_TABLE"},
		{"Parameters", ordered{{"classification", "parquet"}, {"assay.contract", f.ContractID}, {"assay.version", f.Version}}},
		{"StorageDescriptor", ordered{
			{"Columns", columns}, {"Location", "s3://BUCKET/curated/" + f.Name + "/symlink/"},
			{"InputFormat", "org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat"},
			{"OutputFormat", "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"},
			{"SerdeInfo", ordered{{"SerializationLibrary", "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"}}},
		}},
	})
}

func clip(s string, n int) string {
	if r := []rune(s); len(r) > n {
		return string(r[:n-1]) + "…"
	}
	return s
}

// hiveType is the type of a field in Athena and Glue.
func hiveType(fd Field) string {
	switch fd.Type {
	case Integer:
		switch fd.Options.Format {
		case "i8":
			return "tinyint"
		case "i16", "u8":
			return "smallint"
		case "i32", "u16":
			return "int"
		}
		return "bigint"
	case Decimal:
		if p := scaleOf(fd.Options.MultipleOf); p >= 0 && fd.Options.Format == "" {
			return fmt.Sprintf("decimal(38,%d)", p)
		}
		if fd.Options.Format == "f32" {
			return "float"
		}
		return "double"
	case Boolean:
		return "boolean"
	case Date:
		return "date"
	case Timestamp:
		return "timestamp"
	case Array:
		if fd.Items != nil {
			return "array<" + hiveType(*fd.Items) + ">"
		}
		return "array<string>"
	case Object:
		var parts []string
		for _, n := range fd.Fields {
			parts = append(parts, strings.ToLower(avroName(n.Name))+":"+hiveType(n))
		}
		if len(parts) > 0 {
			return "struct<" + strings.Join(parts, ",") + ">"
		}
	}
	return "string"
}
