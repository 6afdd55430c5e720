package learn

import (
	"math"
	"sort"
	"strconv"
	"strings"
	"unicode"

	"github.com/assay-pipeline/assay/pipeline/quantity"
)

// A form turns what is written into what is kept; ok is false where it does not
// apply.
type form struct {
	name string
	make func(text string) (value string, ok bool)
}

// fixedForms are the conversions that are tried on every attribute, the plainest
// first: of two that are right equally often the first is taken.
var fixedForms = append([]form{
	{"as written", func(s string) (string, bool) { return s, true }},
	{"letters and digits", func(s string) (string, bool) { return keep(s, false), true }},
	{"the number", firstNumber},
	{"capitals", func(s string) (string, bool) { return strings.ToUpper(s), true }},
	{"lower case", func(s string) (string, bool) { return strings.ToLower(s), true }},
	{"capitalised", capitalised},
}, lengths()...)

// firstNumber is the first number of the text.
func firstNumber(s string) (string, bool) {
	for _, q := range quantity.Scan(strings.ReplaceAll(s, ",", ""), quantity.Options{Language: quantity.English}) {
		return q.Value.String(), true
	}
	return "", false
}

func capitalised(s string) (string, bool) {
	start := true
	return strings.Map(func(r rune) rune {
		was := start
		start = !unicode.IsLetter(r) && r != '\''
		if was {
			return unicode.ToUpper(r)
		}
		return unicode.ToLower(r)
	}, s), true
}

// lengths convert a length into a unit with so many decimals; what stands
// without a unit is in inches, millimetres or centimetres, whichever is right
// most often.
func lengths() (out []form) {
	for _, to := range []string{"cm", "mm", "m", "[in_i]"} {
		unit, err := quantity.ParseUnit(to)
		if err != nil {
			continue
		}
		for _, from := range []string{"[in_i]", "cm", "mm"} {
			bare, err := quantity.ParseUnit(from)
			if err != nil {
				continue
			}
			for _, decimals := range []int{1, 0, 2} {
				out = append(out, form{
					to + ", " + strconv.Itoa(decimals) + " decimals, from " + from,
					func(s string) (string, bool) { return length(s, unit, bare, decimals) },
				})
			}
		}
	}
	return out
}

func length(s string, to, bare quantity.Unit, decimals int) (string, bool) {
	for _, q := range quantity.Scan(strings.ReplaceAll(s, ",", ""), quantity.Options{Language: quantity.English, Expect: []quantity.Dimension{quantity.Length}}) {
		if !q.HasUnit() {
			q.Unit = bare
		}
		c, err := q.In(to)
		if err != nil {
			continue
		}
		return strconv.FormatFloat(c.Value.Float(), 'f', decimals, 64), true
	}
	return "", false
}

// keep leaves letters and digits, or digits alone.
func keep(s string, digits bool) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) || !digits && unicode.IsLetter(r) {
			return r
		}
		return -1
	}, s)
}

// forms learn how an attribute is normalised.
type forms struct {
	labels []Label
	best   form
	// rate is how often the best fixed form is right.
	rate float64
	// values are those that are kept, and words the words of what is written
	// for each: an attribute with a closed list of values is told by its words.
	values map[string]int
	words  map[string]map[string]int
	closed bool
}

func newForms() *forms {
	return &forms{values: map[string]int{}, words: map[string]map[string]int{}}
}

func (f *forms) learn(l Label) {
	f.labels = append(f.labels, l)
	f.values[l.Value]++
	if f.words[l.Value] == nil {
		f.words[l.Value] = map[string]int{}
	}
	for _, w := range wordsOf(l.Text) {
		if w.kind == 'a' {
			f.words[l.Value][stem(w.folded)]++
		}
	}
}

// stem takes the ending of a plural off.
func stem(w string) string {
	if len(w) > 4 && strings.HasSuffix(w, "s") && !strings.HasSuffix(w, "ss") {
		return w[:len(w)-1]
	}
	return w
}

// settle picks the conversion that is right most often.
func (f *forms) settle() {
	candidates := fixedForms
	// A fixed part of the characters (the company's digits of a code), where
	// the first label shows one.
	for _, l := range f.labels[:min(len(f.labels), 5)] {
		digits := keep(l.Text, true)
		if i := strings.Index(digits, l.Value); i >= 0 && len(l.Value) >= 3 && len(l.Value) < len(digits) {
			from, to := i, i+len(l.Value)
			candidates = append(candidates[:len(candidates):len(candidates)], form{
				"digits " + strconv.Itoa(from+1) + " to " + strconv.Itoa(to),
				func(s string) (string, bool) {
					d := keep(s, true)
					if len(d) < to {
						return "", false
					}
					return d[from:to], true
				},
			})
		}
	}
	f.best = candidates[0]
	most := -1
	for _, c := range candidates {
		right := 0
		for _, l := range f.labels {
			if v, ok := c.make(l.Text); ok && strings.EqualFold(v, l.Value) {
				right++
			}
		}
		if right > most {
			most, f.best = right, c
		}
	}
	if len(f.labels) > 0 {
		f.rate = float64(most) / float64(len(f.labels))
	}
	f.closed = len(f.labels) >= 10 && len(f.values)*3 <= len(f.labels) && f.rate < 0.5
}

// value is the normal form of a text: that of the same text in the examples,
// else of its words where the values are a closed list, else by the conversion.
func (a *attribute) value(text string) string {
	if v := a.values[plain(text)]; v != nil {
		return most(v.values)
	}
	if a.forms.closed {
		if v, ok := a.forms.classify(text); ok {
			return v
		}
	}
	if v, ok := a.forms.best.make(text); ok {
		return v
	}
	return text
}

// classify is the value whose words fit best (multinomial naive Bayes; the last
// word, which says what the thing is, counts twice).
func (f *forms) classify(text string) (string, bool) {
	names := make([]string, 0, len(f.values))
	for v := range f.values {
		names = append(names, v)
	}
	sort.Strings(names)
	var ws []string
	for _, w := range wordsOf(text) {
		if w.kind == 'a' {
			ws = append(ws, stem(w.folded))
		}
	}
	if len(ws) > 0 {
		ws = append(ws, ws[len(ws)-1])
	}
	best, value := math.Inf(-1), ""
	for _, v := range names {
		total := 0
		for _, n := range f.words[v] {
			total += n
		}
		s := math.Log(float64(f.values[v]))
		for _, w := range ws {
			s += math.Log((float64(f.words[v][w]) + 0.05) / (float64(total) + 5))
		}
		if s > best {
			best, value = s, v
		}
	}
	return value, value != ""
}

// most is the most frequent key, the first in order of two.
func most(counts map[string]int) (best string) {
	n := 0
	for k, c := range counts {
		if c > n || c == n && k < best {
			best, n = k, c
		}
	}
	return best
}
