package contract

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/assay-pipeline/assay/pipeline"
)

// importers read other tools' descriptions of data, by source.
var importers = map[string]func(im *importer, src []byte) error{
	"jsonschema": importJSONSchema,
	"avro":       importAvro,
	"sql":        importSQL,
	"dbt":        importDBT,
}

// ImportSources are the names that Import knows, sorted.
func ImportSources() []string { return slices.Sorted(maps.Keys(importers)) }

// Import turns a JSON Schema, an Avro schema, SQL DDL (CREATE TABLE) or a dbt
// schema.yml into a draft ODCS document. What has no counterpart stands in it
// as a comment. Errors: invalid, with the line where there is one.
func Import(source, file string, src []byte) ([]byte, error) {
	read, ok := importers[source]
	if !ok {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "there is no import of %q", source).WithHint("%s", didYouMean(source, ImportSources(), ""))
	}
	if len(src) > MaxSource {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s has more than %d bytes", file, MaxSource).WithHint("import its parts one by one")
	}
	im := &importer{file: file}
	if err := read(im, src); err != nil {
		return nil, err
	}
	if len(im.objects) == 0 {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s describes no table or record", file).WithHint("is it %s?", source)
	}
	return im.write(source), nil
}

type importer struct {
	file    string
	objects []*Feed
	lost    []string
}

func (im *importer) lose(format string, args ...any) {
	s := oneLine(fmt.Sprintf(format, args...))
	if len(im.lost) < 100 && !slices.Contains(im.lost, s) {
		im.lost = append(im.lost, clip(s, 200))
	}
}

// oneLine is s fit for a comment: one line of printable characters.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

func (im *importer) write(source string) []byte {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# Imported from %s (%s). Complete owner, meaning and limits, then set the", oneLine(im.file), source)
	line("# status to active.")
	for _, l := range im.lost {
		line("# Not imported: %s", l)
	}
	first := im.objects[0]
	line("apiVersion: v3.1.0\nkind: DataContract\nid: %s\nname: %s\nversion: 0.1.0\nstatus: draft", inline(feedify(first.Name)), inline(first.Name))
	line("customProperties:\n  - {property: assay.evolution, value: reject}")
	line("schema:")
	for _, f := range im.objects {
		line("  - name: %s", inline(feedify(f.Name)))
		if feedify(f.Name) != f.Name {
			line("    physicalName: %s", inline(f.Name))
		}
		if f.Description != "" {
			line("    description: %s", inline(f.Description))
		}
		var keys []any
		for _, k := range f.Keys {
			if len(k.Fields) > 1 && !k.Primary {
				keys = append(keys, map[string]any{"fields": k.Fields})
			}
		}
		if keys != nil {
			line("    customProperties:\n      - {property: assay.keys, value: %s}", inline(keys))
		}
		line("    properties:")
		for _, fd := range f.Fields {
			writeField(&b, fd, f.Relations, 6)
		}
		im.relations(&b, f)
	}
	return []byte(b.String())
}

// relations writes the keys of several columns; those of one stand at it.
func (im *importer) relations(b *strings.Builder, f *Feed) {
	head := false
	for _, r := range f.Relations {
		if len(r.Fields) < 2 {
			continue
		}
		if !head {
			b.WriteString("    relationships:\n")
			head = true
		}
		from := make([]string, len(r.Fields))
		to := make([]string, len(r.ToFields))
		for i := range r.Fields {
			from[i] = feedify(f.Name) + "." + r.Fields[i]
		}
		for i := range r.ToFields {
			to[i] = r.To + "." + r.ToFields[i]
		}
		fmt.Fprintf(b, "      - {from: %s, to: %s}\n", inline(from), inline(to))
	}
}

// writeField writes a property in ODCS, indented.
func writeField(b *strings.Builder, fd Field, relations []Relation, indent int) {
	pad := strings.Repeat(" ", indent)
	put := func(key string, value any) { fmt.Fprintf(b, "%s  %s: %s\n", pad, key, inline(value)) }
	if fd.Name == "" { // the items of an array begin with their type
		fmt.Fprintf(b, "%s  logicalType: %s\n", pad, fd.Type)
	} else {
		fmt.Fprintf(b, "%s- name: %s\n", pad, inline(fd.Name))
		if fd.Column != "" && fd.Column != fd.Name {
			put("physicalName", fd.Column)
		}
		put("logicalType", string(fd.Type))
	}
	if fd.Description != "" {
		put("description", fd.Description)
	}
	if fd.Key > 0 {
		put("primaryKey", true)
		put("primaryKeyPosition", fd.Key)
	}
	if fd.Required || fd.Key > 0 {
		put("required", true)
	}
	if fd.Unique {
		put("unique", true)
	}
	if o := optionPairs(fd); len(o) > 0 {
		fmt.Fprintf(b, "%s  logicalTypeOptions: {%s}\n", pad, strings.Join(o, ", "))
	}
	if fd.Options.Enum != nil {
		fmt.Fprintf(b, "%s  quality:\n%s    - {metric: invalidValues, arguments: {validValues: %s}, mustBe: 0}\n", pad, pad, inline(fd.Options.Enum))
	}
	for _, r := range relations {
		if len(r.Fields) == 1 && r.Fields[0] == fd.Name && len(r.ToFields) == 1 {
			fmt.Fprintf(b, "%s  relationships: [{to: %s}]\n", pad, inline(r.To+"."+r.ToFields[0]))
			break // one line per property; a second foreign key is rare
		}
	}
	if len(fd.Fields) > 0 {
		fmt.Fprintf(b, "%s  properties:\n", pad)
		for _, n := range fd.Fields {
			writeField(b, n, nil, indent+4)
		}
	}
	if fd.Items != nil {
		fmt.Fprintf(b, "%s  items:\n", pad)
		item := *fd.Items
		item.Name = ""
		writeField(b, item, nil, indent+2)
	}
}

func optionPairs(fd Field) (out []string) {
	o := fd.Options
	for _, p := range []struct {
		key string
		v   *int
	}{{"minLength", o.MinLength}, {"maxLength", o.MaxLength}, {"minItems", o.MinItems}, {"maxItems", o.MaxItems}, {"minProperties", o.MinProperties}, {"maxProperties", o.MaxProperties}} {
		if p.v != nil {
			out = append(out, fmt.Sprintf("%s: %d", p.key, *p.v))
		}
	}
	for _, p := range []struct{ key, v string }{{"minimum", o.Minimum}, {"maximum", o.Maximum}, {"exclusiveMinimum", o.ExclusiveMinimum}, {"exclusiveMaximum", o.ExclusiveMaximum}, {"multipleOf", o.MultipleOf}} {
		if p.v == "" {
			continue
		}
		if fd.Type == Integer || fd.Type == Decimal {
			out = append(out, p.key+": "+p.v)
		} else {
			out = append(out, p.key+": "+quoted(p.v))
		}
	}
	if o.Pattern != "" {
		out = append(out, "pattern: "+quoted(o.Pattern))
	}
	if o.Format != "" {
		out = append(out, "format: "+quoted(o.Format))
	}
	if o.Timezone != nil {
		out = append(out, fmt.Sprintf("timezone: %v", *o.Timezone))
	}
	if o.UniqueItems {
		out = append(out, "uniqueItems: true")
	}
	return out
}

// powerOfTen is 10^-scale as a decimal.
func powerOfTen(scale int) string {
	if scale <= 0 || scale > 38 {
		return ""
	}
	return "0." + strings.Repeat("0", scale-1) + "1"
}

// plainNumber is a number of JSON in the decimals that contracts use.
func plainNumber(s string) string {
	r, ok := exact(s)
	if !ok {
		return ""
	}
	if r.IsInt() {
		return r.Num().String()
	}
	return strings.TrimRight(r.FloatString(18), "0")
}
