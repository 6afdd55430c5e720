package contract

import (
	"fmt"
	"strings"
)

// A ddl is a dialect of CREATE TABLE.
type ddl struct {
	create string // with the name and the columns put in
	name   func(string) string
	typ    func(Field) string
	// constraints: NOT NULL, CHECK, PRIMARY KEY, UNIQUE are written. Athena has
	// none, Snowflake enforces but NOT NULL.
	notNull, check, key bool
	comment             string // "column" for COMMENT in the column, "statement" for COMMENT ON
	tail                func(*Feed) string
}

func doubleQuoted(s string) string { return `"` + strings.ReplaceAll(s, `"`, `""`) + `"` }
func backQuoted(s string) string   { return "`" + strings.ReplaceAll(s, "`", "``") + "`" }
func sqlText(s string) string      { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
func noTail(*Feed) string          { return "" }

var postgresDDL = ddl{create: "CREATE TABLE %s (\n%s\n)", name: doubleQuoted, typ: postgresType, notNull: true, check: true, key: true, comment: "statement", tail: noTail}

var snowflakeDDL = ddl{create: "CREATE TABLE %s (\n%s\n)", name: doubleQuoted, typ: snowflakeType, notNull: true, key: true, comment: "column", tail: noTail}

var athenaDDL = ddl{create: "CREATE EXTERNAL TABLE %s (\n%s\n)", name: backQuoted, typ: hiveType, comment: "column", tail: func(f *Feed) string {
	return "\nROW FORMAT SERDE 'org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe'\n" +
		"STORED AS INPUTFORMAT 'org.apache.hadoop.hive.ql.io.SymlinkTextInputFormat'\n" +
		"OUTPUTFORMAT 'org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat'\n" +
		"LOCATION " + sqlText("s3://BUCKET/curated/"+f.Name+"/symlink/")
}}

func exportSQL(f *Feed, d ddl) ([]byte, error) {
	var lines, after []string
	for _, fd := range f.Fields {
		line := "  " + d.name(fd.Name) + " " + d.typ(fd)
		if d.notNull && fd.Required {
			line += " NOT NULL"
		}
		if d.check {
			for _, c := range checksOf(fd, d.name(fd.Name)) {
				line += " CHECK (" + c + ")"
			}
		}
		if fd.Description != "" && d.comment == "column" {
			line += " COMMENT " + sqlText(fd.Description)
		}
		if fd.Description != "" && d.comment == "statement" {
			after = append(after, "COMMENT ON COLUMN "+d.name(f.Name)+"."+d.name(fd.Name)+" IS "+sqlText(fd.Description)+";")
		}
		lines = append(lines, line)
	}
	for _, k := range f.Keys {
		var cols []string
		for _, c := range k.Fields {
			cols = append(cols, d.name(c))
		}
		word := "UNIQUE"
		if k.Primary {
			word = "PRIMARY KEY"
		}
		if d.key && k.OnFail != Warn {
			lines = append(lines, "  "+word+" ("+strings.Join(cols, ", ")+")")
		}
	}
	out := "-- " + f.ContractID + " " + f.Version + "\n" + fmt.Sprintf(d.create, d.name(f.Name), strings.Join(lines, ",\n")) + d.tail(f) + ";\n"
	if f.Description != "" && d.comment == "statement" {
		after = append([]string{"COMMENT ON TABLE " + d.name(f.Name) + " IS " + sqlText(f.Description) + ";"}, after...)
	}
	for _, a := range after {
		out += a + "\n"
	}
	return []byte(out), nil
}

// checksOf are the conditions of a field that SQL says in the same words.
func checksOf(fd Field, col string) (out []string) {
	o := fd.Options
	numeric := fd.Type == Integer || fd.Type == Decimal
	for _, b := range []struct{ op, v string }{{">=", o.Minimum}, {">", o.ExclusiveMinimum}, {"<=", o.Maximum}, {"<", o.ExclusiveMaximum}} {
		if _, ok := exact(b.v); ok && numeric {
			out = append(out, col+" "+b.op+" "+b.v)
		}
		if m, ok := ParseMoment(fd.Type, o.Formats, b.v); ok && b.v != "" && fd.Type == Date {
			out = append(out, col+" "+b.op+" "+sqlText(m.Format("2006-01-02")))
		}
	}
	if fd.Type == String {
		if o.MinLength != nil && *o.MinLength > 0 {
			out = append(out, fmt.Sprintf("length(%s) >= %d", col, *o.MinLength))
		}
		if o.Enum != nil {
			var vs []string
			for _, v := range o.Enum {
				vs = append(vs, sqlText(v))
			}
			if len(vs) > 0 {
				out = append(out, col+" IN ("+strings.Join(vs, ", ")+")")
			}
		}
	}
	return out
}

func postgresType(fd Field) string {
	switch fd.Type {
	case Integer:
		switch fd.Options.Format {
		case "i8", "u8", "i16":
			return "smallint"
		case "u16", "i32":
			return "integer"
		case "u64", "i128", "u128":
			return "numeric(39)"
		}
		return "bigint"
	case Decimal:
		switch fd.Options.Format {
		case "f32":
			return "real"
		case "f64":
			return "double precision"
		}
		return "numeric"
	case Boolean:
		return "boolean"
	case Date:
		return "date"
	case Time:
		return "time"
	case Timestamp:
		if z := fd.Options.Timezone; z != nil && *z {
			return "timestamptz"
		}
		return "timestamp"
	case Object, Array:
		return "jsonb"
	}
	if fd.Options.Format == "uuid" {
		return "uuid"
	}
	if n := fd.Options.MaxLength; n != nil && *n > 0 && *n <= 10485760 {
		return fmt.Sprintf("varchar(%d)", *n)
	}
	return "text"
}

func snowflakeType(fd Field) string {
	switch fd.Type {
	case Integer:
		return "NUMBER(38,0)"
	case Decimal:
		if p := scaleOf(fd.Options.MultipleOf); p >= 0 && fd.Options.Format == "" {
			return fmt.Sprintf("NUMBER(38,%d)", p)
		}
		return "FLOAT"
	case Boolean:
		return "BOOLEAN"
	case Date:
		return "DATE"
	case Time:
		return "TIME"
	case Timestamp:
		if z := fd.Options.Timezone; z != nil && *z {
			return "TIMESTAMP_TZ"
		}
		return "TIMESTAMP_NTZ"
	case Object:
		return "OBJECT"
	case Array:
		return "ARRAY"
	}
	if n := fd.Options.MaxLength; n != nil && *n > 0 && *n <= 16777216 {
		return fmt.Sprintf("VARCHAR(%d)", *n)
	}
	return "VARCHAR"
}
