package gate_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/gate"
)

// reference judges a well-formed CSV file slowly and obviously: row by row,
// with encoding/csv, big.Rat, regexp and package time. It returns the reasons
// of each row as "row column rule", in order.
func reference(f *contract.Feed, data []byte) (rows int, reasons []string) {
	r := csv.NewReader(bytes.NewReader(data))
	all, err := r.ReadAll()
	if err != nil {
		panic(err)
	}
	header := all[0]
	seen := map[string]bool{}
	for n, row := range all[1:] {
		number := n + 1
		cells := map[string]string{}
		for i, h := range header {
			cells[h] = row[i]
		}
		typed := map[string]string{}
		for i := range f.Fields {
			fd := &f.Fields[i]
			cell := cells[fd.Column]
			fails := func(rule string) { reasons = append(reasons, fmt.Sprintf("%d %s %s", number, fd.Name, rule)) }
			if cell == "" {
				if fd.Required {
					fails("required")
				}
				continue
			}
			value, ok := referenceType(fd.Type, cell)
			if !ok {
				fails("type")
				continue
			}
			typed[fd.Name] = value
			o := fd.Options
			length := utf8.RuneCountInString(cell)
			if o.MinLength != nil && length < *o.MinLength {
				fails("minLength")
			}
			if o.MaxLength != nil && length > *o.MaxLength {
				fails("maxLength")
			}
			if o.Pattern != "" && !regexp.MustCompile(o.Pattern).MatchString(cell) {
				fails("pattern")
			}
			if o.MultipleOf != "" {
				step, _ := new(big.Rat).SetString(o.MultipleOf)
				if !new(big.Rat).Quo(referenceNumber(fd.Type, cell), step).IsInt() {
					fails("multipleOf")
				}
			}
			for _, b := range []struct {
				rule, bound string
				bad         func(cmp int) bool
			}{
				{"minimum", o.Minimum, func(c int) bool { return c < 0 }},
				{"exclusiveMinimum", o.ExclusiveMinimum, func(c int) bool { return c <= 0 }},
				{"maximum", o.Maximum, func(c int) bool { return c > 0 }},
				{"exclusiveMaximum", o.ExclusiveMaximum, func(c int) bool { return c >= 0 }},
			} {
				if b.bound != "" && b.bad(referenceNumber(fd.Type, cell).Cmp(referenceNumber(fd.Type, b.bound))) {
					fails(b.rule)
				}
			}
			if o.Enum != nil && !referenceIn(fd.Type, o.Enum, cell) {
				fails("enum")
			}
		}
		for _, k := range f.Keys {
			key := k.Name
			whole := true
			for _, name := range k.Fields {
				v, ok := typed[name]
				whole = whole && ok
				key += fmt.Sprintf("/%q", v)
			}
			if whole && seen[key] {
				reasons = append(reasons, fmt.Sprintf("%d %s unique", number, strings.Join(k.Fields, "+")))
			}
			seen[key] = seen[key] || whole
		}
	}
	return len(all) - 1, reasons
}

var (
	integerText = regexp.MustCompile(`^[+-]?[0-9]+$`)
	decimalText = regexp.MustCompile(`^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$`)
)

// referenceType gives a canonical text of a cell's value.
func referenceType(t contract.Type, cell string) (string, bool) {
	switch t {
	case contract.Integer:
		n, ok := new(big.Int).SetString(strings.TrimPrefix(cell, "+"), 10)
		if !ok || !integerText.MatchString(cell) || !n.IsInt64() {
			return "", false
		}
		return n.String(), true
	case contract.Decimal:
		if !decimalText.MatchString(cell) {
			return "", false
		}
		return referenceNumber(t, cell).RatString(), true
	case contract.Boolean:
		switch cell {
		case "true", "TRUE", "True":
			return "true", true
		case "false", "FALSE", "False":
			return "false", true
		}
		return "", false
	case contract.Date, contract.Timestamp:
		v, ok := contract.ParseMoment(t, nil, cell)
		if t == contract.Timestamp && len(cell) == 10 || v.Year() < 1 {
			return "", false
		}
		return v.UTC().Truncate(time.Microsecond).String(), ok
	}
	return cell, true
}

func referenceNumber(t contract.Type, s string) *big.Rat {
	if t == contract.Date || t == contract.Timestamp {
		v, _ := contract.ParseMoment(t, nil, s)
		return new(big.Rat).SetInt64(v.UnixMicro())
	}
	r, ok := new(big.Rat).SetString(s)
	if !ok {
		panic("no number: " + s)
	}
	return r
}

func referenceIn(t contract.Type, list []string, cell string) bool {
	if slices.Contains(list, cell) {
		return true
	}
	if t != contract.Integer && t != contract.Decimal {
		return false
	}
	x := referenceNumber(t, cell)
	return slices.ContainsFunc(list, func(w string) bool { return decimalText.MatchString(w) && referenceNumber(t, w).Cmp(x) == 0 })
}

// cells that are likely to meet the edges of rules.
var cellPool = map[contract.Type][]string{
	contract.String:    {"", "a", "ab", "abc", "äöü", "日本語", "x@y.zz", "line\nbreak", `quote"`, "comma,", " ", "AB-123"},
	contract.Integer:   {"", "0", "-0", "+5", "007", "10", "9", "11", "-3", "9223372036854775807", "9223372036854775808", "-9223372036854775808", "1.0", "x", "1e3", " 1", "0000000000000000000000012"},
	contract.Decimal:   {"", "0", "0.1", ".5", "5.", "-0.10", "10.000", "9.999", "10.0000000000000000000000001", "1e1", "1E-3", "0x10", "NaN", "inf", "1_000", "-.0", "123456789012345678.9", "1,5", "+2.50", "99999999999999999999"},
	contract.Boolean:   {"", "true", "FALSE", "True", "1", "yes", "tRUE"},
	contract.Date:      {"", "2024-02-29", "2023-02-29", "2024-01-01", "1969-12-31", "24-01-01", "2024-1-1", "2024-06-15", "0000-01-01", "9999-12-31", "2024-13-01"},
	contract.Timestamp: {"", "2024-02-29T10:00:00Z", "2024-02-29 10:00:00", "2024-02-29T12:00:00+02:00", "2024-02-29T10:00:00.123456789Z", "2024-02-29", "2024-02-30 00:00:00", "2024-02-29T24:00:00Z", "2024-06-15 00:00:00.5", "2024-02-29 10:00", "2024-02-29 1:02:03"},
}

var boundPool = map[contract.Type][]string{
	contract.Integer: {"0", "10", "-3", "9.5", "1e1", "9223372036854775807"}, contract.Decimal: {"0", "0.1", "10", "-0.1", "9.999", "1e-3", "123456789012345678.85"},
	contract.Date: {"2024-01-01", "2024-06-15"}, contract.Timestamp: {"2024-02-29T10:00:00Z", "2024-06-15T00:00:00Z"},
}

func drawFeed(t *rapid.T) *contract.Feed {
	f := &contract.Feed{Name: "f", Format: contract.CSV, MaxRejectRate: 1}
	types := []contract.Type{contract.String, contract.Integer, contract.Decimal, contract.Boolean, contract.Date, contract.Timestamp}
	n := rapid.IntRange(2, 5).Draw(t, "fields")
	pick := func(name string) bool { return rapid.IntRange(0, 2).Draw(t, name) == 0 }
	for i := range n {
		fd := contract.Field{Name: "f" + strconv.Itoa(i), Column: "f" + strconv.Itoa(i), Type: rapid.SampledFrom(types).Draw(t, "type"), Required: pick("required")}
		o := &fd.Options
		if bounds := boundPool[fd.Type]; bounds != nil {
			for _, b := range []*string{&o.Minimum, &o.Maximum, &o.ExclusiveMinimum, &o.ExclusiveMaximum} {
				if pick("bound") {
					*b = rapid.SampledFrom(bounds).Draw(t, "value")
				}
			}
		}
		switch fd.Type {
		case contract.String:
			if pick("min") {
				v := rapid.IntRange(0, 4).Draw(t, "minLength")
				o.MinLength = &v
			}
			if pick("max") {
				v := rapid.IntRange(0, 8).Draw(t, "maxLength")
				o.MaxLength = &v
			}
			if pick("pattern") {
				o.Pattern = rapid.SampledFrom([]string{"^[a-z]+$", "@", `^[A-Z]{2}-\d{3}$`, "b", `^.{2}$`}).Draw(t, "re")
			}
			if pick("enum") {
				o.Enum = []string{"a", "abc", "äöü"}
			}
		case contract.Integer, contract.Decimal:
			if pick("multiple") {
				o.MultipleOf = rapid.SampledFrom([]string{"5", "0.1", "2"}).Draw(t, "step")
			}
			if pick("enum") {
				o.Enum = []string{"10", "0.1", "7"}
			}
		}
		f.Fields = append(f.Fields, fd)
	}
	for i := range rapid.IntRange(0, 2).Draw(t, "keys") {
		k := contract.Key{Name: "k" + strconv.Itoa(i), Fields: []string{"f0"}}
		if i == 1 {
			k.Fields = []string{"f0", "f1"}
		}
		f.Keys = append(f.Keys, k)
	}
	return f
}

func drawFile(t *rapid.T, f *contract.Feed) []byte {
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	var names []string
	for _, fd := range f.Fields {
		names = append(names, fd.Column)
	}
	names = append(names, "not_null")
	_ = w.Write(names)
	for range rapid.IntRange(0, 30).Draw(t, "rows") {
		var row []string
		for _, fd := range f.Fields {
			row = append(row, rapid.SampledFrom(cellPool[fd.Type]).Draw(t, "cell"))
		}
		_ = w.Write(append(row, "x"))
	}
	w.Flush()
	return b.Bytes()
}

// TestReference: the gate and the reference agree on every row and reason.
func TestReference(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		f := drawFeed(rt)
		f.Evolution = contract.EvolveIgnore
		data := drawFile(rt, f)
		compare(rt, f, data)
	})
}

func compare(t interface{ Fatalf(string, ...any) }, f *contract.Feed, data []byte) {
	g, err := gate.Compile(f)
	if err != nil {
		t.Fatalf("%v", err)
	}
	out := memory{}
	rep, err := g.Judge(context.Background(), bytesInput("x.csv", data), gate.Options{Output: out})
	if err != nil {
		t.Fatalf("%v", err)
	}
	rows, want := reference(f, data)
	var got []string
	if b := out["rejects.csv"]; b != nil {
		all, err := csv.NewReader(b).ReadAll()
		if err != nil {
			t.Fatalf("%v", err)
		}
		for _, r := range all[1:] {
			got = append(got, r[0]+" "+r[6]+" "+r[5])
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) || rep.Rows.Read != int64(rows) || !rep.Rows.Balanced() {
		t.Fatalf("%d rows, want %d\n got %q\nwant %q\nfile:\n%s", rep.Rows.Read, rows, got, want, data)
	}
	counts := map[string]int64{}
	rejected := map[string]bool{}
	for _, w := range want {
		row, rule, _ := strings.Cut(w, " ")
		counts[rule]++
		rejected[row] = true
	}
	for _, c := range rep.Checks {
		if c.Rule != "present" && c.Failed != counts[c.Field+" "+c.Rule] {
			t.Fatalf("check %s of %s: %d failed, want %d", c.Rule, c.Field, c.Failed, counts[c.Field+" "+c.Rule])
		}
	}
	if rep.Rows.Rejected != int64(len(rejected)) {
		t.Fatalf("%d rows rejected, want %d", rep.Rows.Rejected, len(rejected))
	}
}

// FuzzReference feeds a fixed contract with what the fuzzer makes of a file,
// where encoding/csv can read it. testdata/fuzz holds a selection of what a run
// of 30 minutes (make fuzz) found worth keeping; it found no difference.
func FuzzReference(f *testing.F) {
	ten, two := 10, 2
	feed := &contract.Feed{Name: "f", Format: contract.CSV, MaxRejectRate: 1, Evolution: contract.EvolveIgnore, Fields: []contract.Field{
		{Name: "i", Column: "i", Type: contract.Integer, Required: true, Options: contract.Options{Minimum: "-5", Maximum: "1000"}},
		{Name: "d", Column: "d", Type: contract.Decimal, Options: contract.Options{ExclusiveMaximum: "99.95", MultipleOf: "0.05"}},
		{Name: "s", Column: "s", Type: contract.String, Options: contract.Options{MinLength: &two, MaxLength: &ten}},
		{Name: "t", Column: "t", Type: contract.Timestamp, Options: contract.Options{Minimum: "2020-01-01T00:00:00Z"}},
	}, Keys: []contract.Key{{Name: "k", Fields: []string{"i"}}}}
	f.Add("1,0.05,ab,2024-01-01T00:00:00Z\n1,1e2,\"a\nb\",2024-01-01 00:00:00.5\n")
	f.Add(",99.949,a,2019-12-31T23:59:59.999999Z\n-6,.5,ü,\n")
	f.Fuzz(func(t *testing.T, body string) {
		data := []byte("i,d,s,t\n" + body)
		if strings.ContainsAny(body, "\r\x00") || !utf8.ValidString(body) || len(body) > 1<<12 {
			t.Skip() // encoding/csv is laxer here
		}
		r := csv.NewReader(bytes.NewReader(data))
		r.FieldsPerRecord = 4
		if all, err := r.ReadAll(); err != nil || slices.ContainsFunc(all, func(row []string) bool {
			return slices.ContainsFunc(row, func(c string) bool { i := strings.IndexAny(c, "eE"); return i >= 0 && len(c)-i > 4 })
		}) {
			t.Skip()
		}
		compare(t, feed, data)
	})
}
