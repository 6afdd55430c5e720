package chaos

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/pipeline/contract"
)

func itoa(n int64) string   { return strconv.FormatInt(n, 10) }
func ftoa(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func dayText(days int64) string { return time.Unix(days*86400, 0).UTC().Format(time.DateOnly) }
func microText(n int64) string {
	return time.UnixMicro(n).UTC().Format("2006-01-02T15:04:05.999999Z07:00")
}
func clockText(n int64) string { return time.UnixMicro(n).UTC().Format("15:04:05.999999") }

// number reads a cell of a numeric field by the dialect.
func number(f *contract.Feed, v Value) (float64, bool) {
	s := v.Text
	if v.Null || s == "" {
		return 0, false
	}
	if f.Format == contract.CSV || f.Format == "" {
		if t := f.Dialect.Thousands; t != "" {
			s = strings.ReplaceAll(s, t, "")
		}
		if d := f.Dialect.Decimal; d != "" && d != "." {
			s = strings.Replace(s, d, ".", 1)
		}
	}
	x, err := strconv.ParseFloat(s, 64)
	return x, err == nil && !math.IsNaN(x) && !math.IsInf(x, 0)
}

// setNumber writes x as the values of the field are written: whole numbers stay
// whole, others keep their decimals.
func setNumber(f *contract.Feed, fd *contract.Field, v Value, x float64) Value {
	places := 0
	if fd.Type != contract.Integer {
		mark := "."
		if d := f.Dialect.Decimal; d != "" && (f.Format == contract.CSV || f.Format == "") {
			mark = d
		}
		if strings.ContainsAny(v.Text, "eE") {
			places = 2
		} else if i := strings.LastIndex(v.Text, mark); i >= 0 {
			places = len(v.Text) - i - len(mark)
		} else if x != math.Trunc(x) {
			places = 2
		}
	}
	s := strconv.FormatFloat(x, 'f', min(places, 9), 64)
	if d := f.Dialect.Decimal; d != "" && d != "." && (f.Format == contract.CSV || f.Format == "") {
		s = strings.Replace(s, ".", d, 1)
	}
	return Value{Text: s, Quoted: v.Quoted}
}

// moment reads a cell of a date or timestamp.
func moment(fd *contract.Field, v Value) (time.Time, bool) {
	if v.Null || v.Text == "" {
		return time.Time{}, false
	}
	return contract.ParseMoment(fd.Type, fd.Options.Formats, v.Text)
}

// setMoment writes t as the field writes it.
func setMoment(fd *contract.Field, v Value, t time.Time) Value {
	layout := time.DateOnly
	if fd.Type == contract.Timestamp {
		layout = time.RFC3339
	}
	if len(fd.Options.Formats) > 0 {
		layout = fd.Options.Formats[0]
		// The cell may be in another of the accepted layouts.
		for _, l := range fd.Options.Formats {
			if p, err := time.Parse(l, v.Text); err == nil && p.Format(l) == v.Text {
				layout = l
				break
			}
		}
	}
	return Value{Text: t.Format(layout), Quoted: v.Quoted}
}

// null is a cell without a value.
func null(f *contract.Feed) Value {
	if f.Format == contract.JSONL {
		return Value{Null: true}
	}
	if len(f.Dialect.NullWords) > 0 {
		return Value{Text: f.Dialect.NullWords[0], Null: true}
	}
	return Value{Null: true}
}
