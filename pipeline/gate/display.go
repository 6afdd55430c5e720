package gate

import (
	"strconv"
	"time"
	"unicode"

	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

// display is a cell as people see it: its own text, or a typed value written
// out; nil of a null.
func (v *vector) display(r int) []byte {
	if v.col == nil {
		return nil
	}
	if v.kinds == nil {
		return v.text(r)
	}
	switch v.kinds[r] {
	case codec.True:
		return []byte("true")
	case codec.False:
		return []byte("false")
	case codec.Int:
		return strconv.AppendInt(nil, v.col.Ints[r], 10)
	case codec.Float:
		return []byte(formatFloat(v.col.Floats[r]))
	case codec.Days:
		return time.Unix(v.col.Ints[r]*86400, 0).UTC().AppendFormat(nil, time.DateOnly)
	case codec.Micros:
		return time.UnixMicro(v.col.Ints[r]).UTC().AppendFormat(nil, time.RFC3339Nano)
	case codec.Clock:
		return time.UnixMicro(v.col.Ints[r]).UTC().AppendFormat(nil, "15:04:05.999999")
	case codec.Null, codec.Absent:
		return nil
	}
	return v.text(r)
}

func formatFloat(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }

// masked stands for a value that may not be shown.
const masked = "[masked]"

// maxShown is how many bytes of a value stand in a report or reject.
const maxShown = 200

// shown is the value of a cell in reports and rejects: masked in a classified
// field. In a feed that has classified fields, a text that is not what its
// column expects may be a classified value that slipped into another column,
// so only its shape is shown.
func (g *Gate) shown(f *field, v *vector, r int, rule int) string {
	if v.state[r] == nullCell {
		return ""
	}
	if f.spec.Classified {
		return masked
	}
	b := v.display(r)
	if g.guarded {
		switch name := g.rules[rule].name; name {
		case "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "unique":
			if digits(b) >= telling || f.typ == contract.String {
				return shape(b)
			}
		default:
			return shape(b)
		}
	}
	return clip(b)
}

// telling is how many digits may name somebody: a telephone or social security
// number has more.
const telling = 7

func digits(b []byte) (n int) {
	for _, c := range b {
		if c-'0' <= 9 {
			n++
		}
	}
	return n
}

// shownNames are column names of a file as they may be shown. In a feed that has
// classified fields, a name that the contract does not know may be a value: of a
// file without header, or of a record that lost its place.
func (g *Gate) shownNames(names []string) []string {
	if !g.guarded {
		return names
	}
	out := make([]string, len(names))
	for i, name := range names {
		if out[i] = name; g.fieldIndex(name) < 0 {
			out[i] = shape([]byte(name))
		}
	}
	return out
}

func clip(b []byte) string {
	if len(b) <= maxShown {
		return string(b)
	}
	n := maxShown
	for n > 0 && b[n]&0xc0 == 0x80 {
		n--
	}
	return string(b[:n]) + "…"
}

// shape is a text with its letters as a or A and its digits as 9.
func shape(b []byte) string {
	out := make([]rune, 0, len(b))
	for _, c := range string(b) {
		if len(out) == 40 {
			out = append(out, '…')
			break
		}
		switch {
		case unicode.IsUpper(c):
			c = 'A'
		case unicode.IsLetter(c):
			c = 'a'
		case unicode.IsDigit(c):
			c = '9'
		}
		out = append(out, c)
	}
	return string(out)
}
