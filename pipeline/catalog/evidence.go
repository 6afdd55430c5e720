package catalog

import (
	"fmt"
	"math"
	"sort"
	"strings"

	"github.com/assay-pipeline/assay/pipeline/embed"
)

// An Evidence is one step of the waterfall that explains a match: what was
// compared, how it came out, and its weight in bits (the base-2 logarithm of
// how much likelier the outcome is between two records of one thing than
// between two things; Fellegi and Sunter 1969).
type Evidence struct {
	// Subject is an attribute's name, or "part_number", "text", "prior".
	Subject string  `json:"subject"`
	Outcome Outcome `json:"outcome"`
	Weight  float64 `json:"weight"`
	// Detail is a sentence for a buyer.
	Detail string `json:"detail"`
}

// An Outcome of a comparison.
type Outcome string

const (
	Agree    Outcome = "agree"
	Conflict Outcome = "conflict"
	// OneSided: only one of the two says anything.
	OneSided Outcome = "one_sided"
	// Silent: neither does.
	Silent Outcome = "silent"
)

// Weights of the evidence, in bits or as probabilities.
type Weights struct {
	// M is how often two records of one thing agree in an attribute that both
	// state; the rest are errors of writing and reading.
	M float64
	// Smoothing is the weight of the prior belief, in records, against the
	// counted frequency of a value; Rare is that belief.
	Smoothing, Rare float64
	// Cap bounds the weight of one attribute, in bits either way.
	Cap float64
	// PartNumber that agrees; with the maker too it counts double.
	PartNumber float64
	// TextBest and TextWorst are the weights of identical and of unrelated
	// texts; TextEven is the cosine that says nothing.
	TextBest, TextWorst, TextEven float64
	// Missing is the weight of a critical attribute that one side leaves out.
	Missing float64
	// Unexplained is the weight of numbers or codes in the two texts that no
	// attribute explains and that differ.
	Unexplained float64
	// Prior is the weight before any evidence: two items of one category are
	// rarely one thing.
	Prior float64
	// Complete is the weight of agreement in all critical attributes that are
	// required or that a side states, however common their values: the schema
	// says that nothing else keeps two items apart. Where a side leaves some
	// out it shrinks with the square of the share that both have.
	Complete float64
	// Duplicate and Distinct bound the band of review on the score.
	Duplicate, Distinct float64
}

// DefaultWeights are the weights that the rules-only figures are measured
// with.
func DefaultWeights() Weights {
	return Weights{
		M: 0.97, Smoothing: 10, Rare: 0.1, Cap: 9,
		PartNumber: 8, TextBest: 4, TextWorst: -3, TextEven: 0.35,
		Missing: -1, Unexplained: -4, Prior: -9, Complete: 12,
		Duplicate: 0.9, Distinct: 0.02,
	}
}

// frequencies counts the values of the criteria of one category.
type frequencies struct {
	records int
	stated  []int            // per criterion
	values  []map[string]int // per criterion, by key
}

func newFrequencies(c *criteria) *frequencies {
	f := &frequencies{stated: make([]int, len(c.list)), values: make([]map[string]int, len(c.list))}
	for i := range f.values {
		f.values[i] = map[string]int{}
	}
	return f
}

func (f *frequencies) add(v *view) {
	f.records++
	for i := range v.vals {
		if v.vals[i].known {
			f.stated[i]++
			f.values[i][v.vals[i].key]++
		}
	}
}

// chance is how likely a third record has the value that two share: its
// smoothed frequency without the two.
func (w *Weights) chance(f *frequencies, i int, key string) float64 {
	n, c := 0, 0
	if f != nil {
		n, c = max(f.stated[i]-2, 0), max(f.values[i][key]-2, 0)
	}
	return (float64(c) + w.Smoothing*w.Rare) / (float64(n) + w.Smoothing)
}

// A comparison is everything that two items say about each other.
type comparison struct {
	a, b     *view
	evidence []Evidence
	bits     float64
	veto     int   // criterion in conflict, -1 for none
	vetoes   int   // critical criteria in conflict
	open     []int // critical criteria that at least one side leaves out
	oneSided []int // those of them that the other side states
	beside   []int // criteria that are not critical and conflict, both read from the texts
	implied  bool  // a critical criterion rests on the custom of the trade on both sides
	agreed   int   // critical criteria stated (not implied) by both that agree
	shared   int   // critical criteria known on both sides
	part     Outcome
	maker    Outcome
	cosine   float64
	foreign  bool // different categories
	blurred  bool // numbers that no attribute explains differ
}

// conflictOf returns the first critical criterion in which a and b conflict,
// or -1. It is the veto, and cheap.
func conflictOf(a, b *view) int {
	if a.crit == nil || a.crit != b.crit {
		return -1
	}
	for _, j := range a.crit.critical {
		x, y := &a.vals[j], &b.vals[j]
		if x.known && y.known && !a.crit.list[j].equal(x, y) {
			return j
		}
	}
	return -1
}

// compare weighs all there is. f may be nil.
func (w *Weights) compare(a, b *view, f *frequencies) *comparison {
	c := &comparison{a: a, b: b, veto: -1, part: Silent, maker: Silent}
	c.add("prior", Silent, w.Prior, "two items are rarely the same thing")
	c.cosine = float64(embed.Dot(a.vector, b.vector))
	c.foreign = a.category != b.category
	if a.crit != nil && a.crit == b.crit {
		for i := range a.crit.list {
			w.attribute(c, i, f)
		}
		w.completeness(c)
	}
	if c.maker == Silent {
		w.metaMaker(c)
	}
	w.partNumbers(c)
	w.texts(c)
	if c.packs() {
		c.add("pack", Conflict, 0, fmt.Sprintf("pack differs: %s against %s", a.pack, b.pack))
	}
	return c
}

// packs reports whether the two are sold in different packs: one thing, and yet
// two articles, which is for a person to say.
func (c *comparison) packs() bool {
	return c.a.pack != "" && c.b.pack != "" && c.a.pack != c.b.pack
}

func (c *comparison) add(subject string, o Outcome, bits float64, detail string) {
	c.evidence = append(c.evidence, Evidence{subject, o, bits, detail})
	c.bits += bits
}

func (w *Weights) attribute(c *comparison, i int, f *frequencies) {
	cr := &c.a.crit.list[i]
	x, y := &c.a.vals[i], &c.b.vals[i]
	switch {
	case x.known && y.known && (cr.equal(x, y) || cr.maker && sameMaker(makerWords(x.show), makerWords(y.show))):
		u := w.chance(f, i, x.key)
		bits := math.Min(math.Log2(w.M/u), w.Cap)
		if x.implied && y.implied {
			bits = 0
			c.implied = c.implied || cr.critical
		} else if cr.critical && !x.implied && !y.implied {
			c.agreed++
		}
		if cr.critical {
			c.shared++
		}
		if cr.maker {
			c.maker = Agree
		}
		detail := fmt.Sprintf("%s: both %s", cr.title, x.show)
		if x.implied && y.implied {
			detail = fmt.Sprintf("%s: neither says otherwise than %s", cr.title, x.show)
		}
		c.add(cr.name, Agree, bits, detail)
	case x.known && y.known:
		u := w.chance(f, i, "")
		bits := math.Max(math.Log2((1-w.M)/(1-u)), -w.Cap)
		if cr.critical {
			c.vetoes++
			if c.veto < 0 {
				c.veto = i
			}
		}
		if cr.maker {
			c.maker = Conflict
		} else if !cr.critical && !x.derived && !y.derived && !x.implied && !y.implied {
			c.beside = append(c.beside, i)
		}
		c.add(cr.name, Conflict, bits, fmt.Sprintf("%s differs: %s against %s", cr.title, says(x), says(y)))
	case !cr.critical:
	case x.known || y.known:
		c.open = append(c.open, i)
		c.oneSided = append(c.oneSided, i)
		who, v := c.a.name(), y
		if x.known {
			who, v = c.b.name(), x
		}
		bits := w.Missing
		if v.derived {
			bits = 0
		}
		c.add(cr.name, OneSided, bits, fmt.Sprintf("%s: %s does not say; the other is %s", cr.title, who, v.show))
	default:
		c.open = append(c.open, i)
		c.add(cr.name, Silent, 0, fmt.Sprintf("%s: neither says", cr.title))
	}
}

// completeness weighs how much of what matters agrees.
func (w *Weights) completeness(c *comparison) {
	n := c.shared
	for _, i := range c.open {
		x, y := &c.a.vals[i], &c.b.vals[i]
		if x.known && !x.derived || y.known && !y.derived || !x.known && !y.known && c.a.crit.list[i].required {
			n++
		}
	}
	if c.veto >= 0 || c.agreed == 0 {
		return
	}
	share := float64(c.shared) / float64(n)
	detail := "everything that tells such items apart agrees"
	if c.shared < n {
		detail = fmt.Sprintf("%d of the %d attributes that tell such items apart agree", c.shared, n)
	}
	c.add("complete", Agree, w.Complete*share*share, detail)
}

func says(v *value) string {
	if v.implied {
		return v.show + " (nothing written)"
	}
	return v.show
}

// metaMaker compares makers that stand outside the schema.
func (w *Weights) metaMaker(c *comparison) {
	if len(c.a.maker) == 0 || len(c.b.maker) == 0 {
		return
	}
	if sameMaker(c.a.maker, c.b.maker) {
		c.maker = Agree
		c.add(makerAttribute, Agree, 1, "maker: both "+c.a.makerRaw)
		return
	}
	c.maker = Conflict
	c.add(makerAttribute, Conflict, -2, fmt.Sprintf("maker differs: %s against %s", c.a.makerRaw, c.b.makerRaw))
}

func (w *Weights) partNumbers(c *comparison) {
	if len(c.a.parts) == 0 || len(c.b.parts) == 0 {
		return
	}
	if common(c.a.parts, c.b.parts) > 0 {
		c.part = Agree
		bits, also := w.PartNumber, ""
		switch c.maker {
		case Agree:
			bits, also = 2*bits, ", and the maker too"
		case Conflict:
			bits, also = bits/2, ", from different makers"
		}
		c.add("part_number", Agree, bits, fmt.Sprintf("part number %s agrees%s", shared(c.a.parts, c.b.parts), also))
		return
	}
	c.part = Conflict
	bits := 0.0
	if c.maker == Agree {
		bits = -3
	}
	c.add("part_number", Conflict, bits, fmt.Sprintf("part number differs: %s against %s",
		strings.ToUpper(c.a.parts[0]), strings.ToUpper(c.b.parts[0])))
}

func shared(a, b []string) string {
	for _, x := range a {
		for _, y := range b {
			if x == y {
				return strings.ToUpper(x)
			}
		}
	}
	return ""
}

func (w *Weights) texts(c *comparison) {
	if c.sameText() {
		c.add("text", Agree, w.TextBest, "the texts are the same")
	} else {
		bits := 0.0
		if c.cosine >= w.TextEven {
			bits = w.TextBest * (c.cosine - w.TextEven) / (1 - w.TextEven)
		} else {
			bits = w.TextWorst * (w.TextEven - c.cosine) / w.TextEven
		}
		bits = math.Max(bits, w.TextWorst)
		o, word := Agree, "alike"
		if bits < 0 {
			o, word = Conflict, "hardly alike"
		}
		c.add("text", o, bits, fmt.Sprintf("the texts are %s (%.2f)", word, c.cosine))
	}
	if len(c.a.numbers) > 0 && len(c.b.numbers) > 0 && differ(c.a.numbers, c.b.numbers) {
		c.blurred = true
		c.add("unexplained", Conflict, w.Unexplained, fmt.Sprintf("numbers that no attribute explains differ: %s against %s",
			strings.Join(head(c.a.numbers, 3), ", "), strings.Join(head(c.b.numbers, 3), ", ")))
	}
}

// sameText reports whether the texts differ at most in case, punctuation and
// spaces.
func (c *comparison) sameText() bool { return c.a.strict == c.b.strict && c.a.text != "" }

// differ reports whether each of two sorted sets has something the other
// lacks.
func differ(a, b []string) bool {
	n := common(a, b)
	return n < len(a) && n < len(b)
}

func head(s []string, n int) []string { return s[:min(n, len(s))] }

// score is the probability that belongs to the sum of the weights.
func (c *comparison) score() float64 {
	return 1 / (1 + math.Exp2(-c.bits))
}

// reasons are the details of the evidence that counts, weightiest first, the
// veto before all.
func (c *comparison) reasons(first ...string) []string {
	ev := make([]Evidence, 0, len(c.evidence))
	for _, e := range c.evidence {
		if e.Subject != "prior" && (math.Abs(e.Weight) >= 0.5 || e.Outcome == Conflict) {
			ev = append(ev, e)
		}
	}
	sort.SliceStable(ev, func(i, j int) bool { return math.Abs(ev[i].Weight) > math.Abs(ev[j].Weight) })
	out := append([]string(nil), first...)
	for _, e := range ev {
		if len(out) == 8 {
			break
		}
		out = append(out, e.Detail)
	}
	return out
}

// numberAlone reports whether two texts are the same but for numbers of other
// values that no agreeing attribute explains, and names the first two: near
// twins, whatever was read of them.
func numberAlone(v, w *view) (x, y string, alone bool) {
	a, b := v.text, w.text
	i, j := 0, 0
	for i < len(a) && j < len(b) {
		if isDigit(a[i]) && isDigit(b[j]) {
			m, n := run(a[i:]), run(b[j:])
			p, q := number(a[i:i+m]), number(b[j:j+n])
			if p != q && !alone && !explained(v, w, p, q) {
				x, y, alone = a[i:i+m], b[j:j+n], true
			}
			i, j = i+m, j+n
			continue
		}
		if a[i] != b[j] {
			return "", "", false
		}
		i, j = i+1, j+1
	}
	return x, y, alone && i == len(a) && j == len(b)
}

// explained reports whether p and q are values of one attribute within its
// tolerance.
func explained(v, w *view, p, q string) bool {
	if v.crit == nil || v.crit != w.crit {
		return false
	}
	for i := range v.vals {
		x, y := &v.vals[i], &w.vals[i]
		if c := &v.crit.list[i]; c.number && c.tolerance > 0 && x.known && y.known && x.number && y.number &&
			number(x.digits()) == p && number(y.digits()) == q && c.equal(x, y) {
			return true
		}
	}
	return false
}

// digits is a number as it is shown, without its unit.
func (v *value) digits() string {
	s, _, _ := strings.Cut(v.show, " ")
	return s
}

// run is the length of the number that s begins with.
func run(s string) int {
	n := 0
	for n < len(s) && (isDigit(s[n]) || s[n] == '.' && n+1 < len(s) && isDigit(s[n+1])) {
		n++
	}
	return n
}

// number is a number in one form: 0.50 as 0.5.
func number(s string) string {
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s
}
