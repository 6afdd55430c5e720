package contract

import (
	"fmt"
	"hash/maphash"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// An Inferrer proposes a contract for data that it is shown row by row. It
// claims only what the rows are evidence for, with margins, so that the next
// file of the same source passes:
//
//   - a type where every value reads as one; text with leading zeros is no number;
//   - required after 50 rows without a null; else a limit on the share of nulls
//     well above what was seen;
//   - bounds one range beyond what was seen, and no upper bound on dates, since
//     time goes on;
//   - an enum where each of at most 30 values was seen at least 5 times (the
//     chance that the next value is a new one is about the share of values seen
//     once: Good and Turing);
//   - a pattern where all values have one shape;
//   - a key where nothing repeats although, were the values drawn freely, some
//     20 repetitions would be expected, or where the name says so.
//
// Memory is bounded: a column keeps at most a million hashes and 1,000 values.
type Inferrer struct {
	name    string
	rows    int
	columns []*column
	seed    maphash.Seed
	pairs   []*keyPair
	format  Format
	dialect [][2]string
}

const (
	maxHashes = 1 << 20
	maxValues = 1000
	minRows   = 50 // fewer rows are evidence for types only
)

// NewInferrer begins with the names of the columns.
func NewInferrer(name string, columns []string) *Inferrer {
	in := &Inferrer{name: name, seed: maphash.MakeSeed()}
	for _, c := range columns {
		in.columns = append(in.columns, &column{name: c, first: true, hashes: map[uint64]struct{}{}, values: map[string]int{},
			integer: true, decimal: true, boolean: true, layouts: slices.Clone(inferLayouts), unique: true})
	}
	// Pairs of the first columns are candidates for a composite key.
	for i := range min(len(in.columns), 5) {
		for j := i + 1; j < min(len(in.columns), 6); j++ {
			in.pairs = append(in.pairs, &keyPair{i: i, j: j, seen: map[uint64]struct{}{}})
		}
	}
	return in
}

type keyPair struct {
	i, j int
	seen map[uint64]struct{}
	no   bool
}

// A column is what was seen of one column.
type column struct {
	name              string
	nulls, n, numbers int
	integer, decimal  bool
	boolean           bool
	layouts           []inferLayout
	low, high         float64
	lowText, highText string
	first             bool
	minLen, maxLen    int
	hashes            map[uint64]struct{}
	overflow          bool
	unique            bool
	values            map[string]int
	manyValues        bool
	shape, coarse     string
	noShape, noCoarse bool
	places            int // decimals
	typed             Type
}

type inferLayout struct {
	pattern string
	layout  string
	t       Type
	// low and high are the moments seen, as this layout reads them.
	low, high time.Time
}

var inferLayouts = func() []inferLayout {
	var out []inferLayout
	for _, p := range []struct {
		pattern string
		t       Type
	}{
		{"yyyy-MM-dd", Date}, {"dd.MM.yyyy", Date}, {"dd/MM/yyyy", Date}, {"MM/dd/yyyy", Date}, {"yyyy/MM/dd", Date}, {"dd-MMM-yyyy", Date},
		{"yyyy-MM-dd HH:mm:ss", Timestamp}, {"yyyy-MM-dd'T'HH:mm:ss", Timestamp}, {"yyyy-MM-dd'T'HH:mm:ssXXX", Timestamp}, {"yyyy-MM-dd HH:mm", Timestamp},
		{"dd.MM.yyyy HH:mm:ss", Timestamp}, {"dd.MM.yyyy HH:mm", Timestamp}, {"dd/MM/yyyy HH:mm", Timestamp}, {"MM/dd/yyyy HH:mm", Timestamp},
		{"HH:mm:ss", Time}, {"HH:mm", Time},
	} {
		ls, err := goLayouts(p.pattern)
		if err == nil {
			out = append(out, inferLayout{pattern: p.pattern, layout: ls[0], t: p.t})
		}
	}
	return out
}()

// Type states the type of a column that the file itself declares, as Parquet
// does; values are then not guessed at.
func (in *Inferrer) Type(column string, t Type) {
	for _, c := range in.columns {
		if c.name == column {
			c.typed = t
		}
	}
}

// Format states the format of the files; the default is CSV.
func (in *Inferrer) Format(f Format) { in.format = f }

// Dialect states a key of assay.csv that the file was read with.
func (in *Inferrer) Dialect(key, value string) {
	in.dialect = append(in.dialect, [2]string{key, value})
}

// Add shows one row. null says which values are null; a nil slice means the
// empty ones. A row of another width is left out: the gate rejects it.
func (in *Inferrer) Add(values []string, null []bool) {
	if len(values) != len(in.columns) {
		return
	}
	in.rows++
	for i, c := range in.columns {
		if (null == nil && values[i] == "") || (null != nil && null[i]) {
			c.nulls++
			c.unique = false
			continue
		}
		c.add(values[i], maphash.String(in.seed, values[i]))
	}
	for _, p := range in.pairs {
		if p.no {
			continue
		}
		h := maphash.Comparable(in.seed, [2]string{values[p.i], values[p.j]})
		if _, twice := p.seen[h]; twice || len(p.seen) >= maxHashes/8 {
			p.no, p.seen = true, nil
			continue
		}
		p.seen[h] = struct{}{}
	}
}

func (c *column) add(v string, hash uint64) {
	c.n++
	length := utf8.RuneCountInString(v)
	if c.n == 1 {
		c.minLen, c.maxLen = length, length
	}
	c.minLen, c.maxLen = min(c.minLen, length), max(c.maxLen, length)
	_, twice := c.hashes[hash]
	switch {
	case twice:
		c.unique = false
	case len(c.hashes) < maxHashes:
		c.hashes[hash] = struct{}{}
	default:
		c.overflow, c.unique = true, false
	}
	if !c.manyValues {
		c.values[v]++
		if len(c.values) > maxValues {
			c.manyValues, c.values = true, nil
		}
	}
	c.boolean = c.boolean && (v == "true" || v == "false" || v == "True" || v == "False" || v == "TRUE" || v == "FALSE")
	c.addNumber(v)
	c.addMoment(v)
	c.addShape(v)
}

func (c *column) addNumber(v string) {
	digits := strings.TrimPrefix(v, "-")
	whole, frac, point := strings.Cut(digits, ".")
	ok := digits != "" && strings.Trim(whole, "0123456789") == "" && strings.Trim(frac, "0123456789") == "" && whole != "" &&
		(!point || frac != "") && (len(whole) == 1 || whole[0] != '0') && len(whole) <= 18
	if !ok {
		c.integer, c.decimal = false, false
		return
	}
	c.numbers++
	c.integer = c.integer && !point
	c.places = max(c.places, len(frac))
	f, _ := strconv.ParseFloat(v, 64)
	if c.first || f < c.low {
		c.low, c.lowText = f, v
	}
	if c.first || f > c.high {
		c.high, c.highText = f, v
	}
	c.first = false
}

func (c *column) addMoment(v string) {
	if len(c.layouts) == 0 {
		return
	}
	if len(v) < 5 || len(v) > 40 || v[0] < '0' || v[0] > '9' {
		c.layouts = nil
		return
	}
	kept := c.layouts[:0]
	for _, l := range c.layouts {
		m, err := time.Parse(l.layout, v)
		if err != nil {
			continue
		}
		if l.low.IsZero() || m.Before(l.low) {
			l.low = m
		}
		if l.high.IsZero() || m.After(l.high) {
			l.high = m
		}
		kept = append(kept, l)
	}
	c.layouts = kept
}

// addShape keeps the one shape of all values, as long as there is one: exact
// ("A{2}-9{5}") and coarse ("A-9", where lengths differ).
func (c *column) addShape(v string) {
	if c.noCoarse {
		return
	}
	exactShape, coarse := shapeOf(v)
	if c.n == 1 {
		c.shape, c.coarse = exactShape, coarse
		return
	}
	c.noShape = c.noShape || exactShape != c.shape
	c.noCoarse = coarse != c.coarse
}

// shapeOf turns a text into a pattern of its runs of capitals, small letters
// and digits, with their lengths and without.
func shapeOf(v string) (lengths, coarse string) {
	if len(v) > 64 {
		return "", "long"
	}
	var a, b strings.Builder
	runes := []rune(v)
	for i := 0; i < len(runes); {
		class := classOf(runes[i])
		j := i + 1
		for class != "" && j < len(runes) && classOf(runes[j]) == class {
			j++
		}
		if class == "" {
			lit := quoteLiteral(runes[i])
			a.WriteString(lit)
			b.WriteString(lit)
		} else {
			fmt.Fprintf(&a, "%s{%d}", class, j-i)
			b.WriteString(class + "+")
		}
		i = j
	}
	return a.String(), b.String()
}

func classOf(r rune) string {
	switch {
	case r >= '0' && r <= '9':
		return "[0-9]"
	case unicode.IsUpper(r):
		return `\p{Lu}`
	case unicode.IsLetter(r):
		return `\p{L}`
	}
	return ""
}

func quoteLiteral(r rune) string {
	if strings.ContainsRune(`\.+*?()|[]{}^$`, r) {
		return `\` + string(r)
	}
	return string(r)
}

// logicalType is the type that all values have.
func (c *column) logicalType() (t Type, format string, doubt string) {
	switch {
	case c.typed != "":
		return c.typed, "", ""
	case c.n == 0:
		return String, "", "no value was seen"
	case c.boolean:
		return Boolean, "", ""
	case c.integer:
		return Integer, "", ""
	case c.decimal:
		return Decimal, "", ""
	case len(c.layouts) > 0:
		for _, l := range c.layouts[1:] {
			if _, yes := confusable(c.layouts[0].layout, l.layout); yes {
				return String, "", fmt.Sprintf("%s and %s both read every value", c.layouts[0].pattern, l.pattern)
			}
		}
		return c.layouts[0].t, c.layouts[0].pattern, ""
	case c.numbers >= 20 && c.n-c.numbers <= c.n/100:
		return String, "", fmt.Sprintf("%d of %d values are numbers; is it one, and are the others faults?", c.numbers, c.n)
	}
	return String, "", ""
}

// enum: few values, each seen often.
func (c *column) enum() []string {
	if c.manyValues || c.n < 2*minRows || len(c.values) < 2 || len(c.values) > 30 || c.n < 20*len(c.values) {
		return nil
	}
	var out []string
	for v, times := range c.values {
		if times < 5 || len(v) > 60 {
			return nil
		}
		out = append(out, v)
	}
	slices.Sort(out)
	return out
}

// key: nothing repeats, and that is no accident.
func (in *Inferrer) key(i int, t Type) bool {
	c := in.columns[i]
	if !c.unique || c.nulls > 0 || c.overflow || c.n < minRows || (t != Integer && t != String) || c.maxLen > 60 {
		return false
	}
	if named := keyName(c.name); named {
		return true
	}
	if t == Integer {
		// Drawn freely from its range, n values would repeat n²/2R times.
		return float64(c.n)*float64(c.n)/(2*math.Max(c.high-c.low+1, 1)) >= 20
	}
	return i == 0 && !c.noCoarse
}

func keyName(name string) bool {
	n := strings.ToLower(name)
	for _, w := range []string{"id", "key", "number", "nummer", "no", "nr", "code", "uuid", "guid", "sku", "matnr", "ean"} {
		if n == w || strings.HasSuffix(n, "_"+w) || strings.HasPrefix(n, w+"_") || strings.HasSuffix(n, "-"+w) || len(w) > 2 && strings.HasSuffix(n, w) {
			return true
		}
	}
	return strings.HasSuffix(name, "ID") || strings.HasSuffix(name, "Id")
}

// pair finds two columns that are a key together: no pair of values repeats,
// and were the two independent, at least 20 would.
func (in *Inferrer) pair() (int, int, bool) {
	for _, p := range in.pairs {
		a, b := in.columns[p.i], in.columns[p.j]
		if p.no || in.rows < minRows || a.nulls+b.nulls > 0 || a.manyValues && b.manyValues || measure(a) || measure(b) {
			continue
		}
		n := float64(in.rows)
		if n*n/2*collision(a)*collision(b) >= 20 {
			return p.i, p.j, true
		}
	}
	return 0, 0, false
}

func measure(c *column) bool { return c.decimal && !c.integer }

// collision is the chance that two rows have the same value.
func collision(c *column) float64 {
	if c.manyValues {
		return 1 / float64(max(len(c.hashes), 1))
	}
	sum := 0.0
	for _, times := range c.values {
		p := float64(times) / float64(c.n)
		sum += p * p
	}
	return sum
}
