package contract

import (
	"slices"
	"strconv"
	"strings"
)

// sqlType sets type and options of fd by the name of an SQL type.
func sqlType(t string, fd *Field) {
	word := strings.ToLower(strings.TrimSpace(t))
	base, args, _ := strings.Cut(word, "(")
	base = strings.TrimSpace(base)
	args, rest, _ := strings.Cut(args, ")")
	base = strings.TrimSpace(base + rest)
	var size []int
	for _, a := range strings.Split(args, ",") {
		if n, err := strconv.Atoi(strings.TrimSpace(a)); err == nil {
			size = append(size, n)
		}
	}
	fd.Type = String
	switch {
	case strings.HasSuffix(base, "[]") || strings.HasPrefix(base, "array") || strings.HasPrefix(base, "list"):
		fd.Type = Array
	case strings.HasPrefix(base, "struct") || strings.HasPrefix(base, "map") || base == "object" || base == "variant" || base == "json" || base == "jsonb":
		fd.Type = Object
	case slices.Contains([]string{"int", "integer", "int4", "mediumint", "serial"}, base):
		fd.Type, fd.Options.Format = Integer, "i32"
	case slices.Contains([]string{"bigint", "int8", "bigserial", "int64", "long"}, base):
		fd.Type, fd.Options.Format = Integer, "i64"
	case slices.Contains([]string{"smallint", "int2"}, base):
		fd.Type, fd.Options.Format = Integer, "i16"
	case base == "tinyint":
		fd.Type, fd.Options.Format = Integer, "i8"
	case slices.Contains([]string{"decimal", "numeric", "number", "dec"}, base):
		fd.Type = Decimal
		switch {
		case len(size) == 2 && size[1] > 0:
			fd.Options.MultipleOf = powerOfTen(size[1])
		case len(size) == 2 || len(size) == 1:
			fd.Type = Integer
		}
	case base == "real" || base == "float4":
		fd.Type, fd.Options.Format = Decimal, "f32"
	case strings.HasPrefix(base, "float") || strings.HasPrefix(base, "double") || base == "money":
		fd.Type = Decimal
	case base == "bool" || base == "boolean" || base == "bit":
		fd.Type = Boolean
	case base == "date":
		fd.Type = Date
	case strings.HasPrefix(base, "timestamp") || strings.HasPrefix(base, "datetime"):
		fd.Type = Timestamp
		if strings.Contains(base, "with time zone") || strings.HasSuffix(base, "tz") {
			yes := true
			fd.Options.Timezone = &yes
		}
	case base == "time" || strings.HasPrefix(base, "time "):
		fd.Type = Time
	case base == "uuid" || base == "uniqueidentifier":
		fd.Options.Format = "uuid"
	case (strings.Contains(base, "char") || base == "string" || base == "text") && len(size) > 0:
		n := size[0]
		fd.Options.MaxLength = &n
	}
}
