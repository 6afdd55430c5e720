package sample

import (
	"sort"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A plant has its own way to name things.
type plant struct {
	code string
	// english is the share of English texts, of a thousand.
	english int
	// abbreviated, misspelt: share of words, of a thousand.
	abbreviated, misspelt int
	upper                 int // share of texts in capitals, of a thousand
	separators            []string
	// orders are the slots of a text from left to right.
	orders []string
	// limit is the length of the short text field; optional words go first.
	limit int
	// folded: an old system without umlauts.
	folded   bool
	imperial bool
}

// Slots: n noun, c code (designation, standard), s size, v values, m maker.
var plants = []plant{
	{code: "BRE", abbreviated: 130, misspelt: 25, upper: 250,
		separators: []string{" ", " ", " ", ", "}, orders: []string{"ncsvm", "ncsvm", "nscvm", "mncsv"}, limit: 90},
	{code: "LDS", english: 1000, abbreviated: 170, misspelt: 30, upper: 650,
		separators: []string{", ", " ", ",", "; "}, orders: []string{"ncsvm", "nscvm", "nsvcm", "csvnm"}, limit: 90, imperial: true},
	{code: "GRZ", english: 400, abbreviated: 480, misspelt: 35, upper: 500,
		separators: []string{" ", "/", " ", ";", "-"}, orders: []string{"ncsvm", "csvnm", "scnvm", "nvcsm"}, limit: 48, folded: true},
}

// A term is what a thing is called in two languages. Bars mark the parts of a
// compound.
type term struct{ de, en []string }

type segment struct {
	slot     byte
	text     string
	says     []string // facts that stand in the text
	implies  []string // facts that follow from it by a public standard
	keep     int      // of a thousand; optional words are left out otherwise
	critical bool
}

// A writer words one product once.
type writer struct {
	dice
	plant    *plant
	german   bool
	segments []segment
	forms    []Form
	// omit: leave out one critical fact.
	omit bool
	// part: the text or a column states the part number.
	part bool
	// mute: nothing in the text could carry a suffix, so that its absence says
	// nothing.
	mute bool
	// brief: this plant's cryptic moments.
	brief bool
}

func (w *writer) add(s segment) {
	if s.text == "" {
		return
	}
	if s.keep == 0 {
		s.keep = 1000
	}
	w.segments = append(w.segments, s)
}

// say is the term in the language of the text, perhaps shortened or misspelt.
func (w *writer) say(t term) string { return w.spell(w.choose(t), false) }

// mild says a word that carries a critical fact: it may be shortened so that
// it can still be told, never to initials and never to what could also be
// short for one of its rivals (zink. is no short form of zinklamellenbeschichtet).
func (w *writer) mild(t term, rivals ...term) string {
	full := w.choose(t)
	n := len(w.forms)
	said := w.spell(full, true)
	for _, r := range rivals {
		for _, phrase := range append(append([]string(nil), r.de...), r.en...) {
			if !same(phrase, t) && couldMean(said, phrase) {
				w.forms = w.forms[:n]
				return strings.ReplaceAll(full, "|", "")
			}
		}
	}
	return said
}

func same(phrase string, t term) bool {
	for _, p := range append(append([]string(nil), t.de...), t.en...) {
		if p == phrase {
			return true
		}
	}
	return false
}

// couldMean reports whether each word of said is, in order, a word of phrase or
// short for one.
func couldMean(said, phrase string) bool {
	short, long := strings.Fields(strings.ToLower(said)), strings.Fields(strings.ToLower(strings.ReplaceAll(phrase, "|", "")))
	if len(short) != len(long) {
		return false
	}
	for i, w := range short {
		w = strings.TrimSuffix(w, ".")
		if !strings.HasPrefix(long[i], w) && dropVowels(long[i]) != w {
			return false
		}
	}
	return true
}

func (w *writer) choose(t term) string {
	if w.german {
		return pick(w.dice, t.de)
	}
	return pick(w.dice, t.en)
}

func (w *writer) spell(marked string, mild bool) string {
	plain := strings.ReplaceAll(marked, "|", "")
	if w.plant.folded || w.chance(60) {
		if f := fold.Replace(plain); f != plain {
			marked, plain = fold.Replace(marked), f
		}
	}
	abbreviated := w.plant.abbreviated
	if w.brief {
		abbreviated = 850
	}
	if !mild && w.chance(abbreviated/8) {
		parts := strings.FieldsFunc(marked, func(r rune) bool { return r == '|' || r == ' ' || r == '-' })
		if s := initials(parts); s != "" {
			w.forms = append(w.forms, Form{s, plain, Initials})
			return s
		}
	}
	words := strings.Split(marked, " ")
	for i, m := range words {
		words[i] = w.spellWord(m, mild, abbreviated)
	}
	return strings.Join(words, " ")
}

func (w *writer) spellWord(marked string, mild bool, abbreviated int) string {
	word := strings.ReplaceAll(marked, "|", "")
	n := utf8.RuneCountInString(word)
	if n < 5 || strings.ContainsFunc(word, unicode.IsDigit) {
		return word
	}
	if w.chance(abbreviated) {
		out, rule := "", Rule("")
		switch w.weighted(3, 4, 2) {
		case 0:
			out, rule = dropVowels(word), VowelDrop
		case 1:
			k := w.between(3, 6)
			if mild {
				k = w.between(4, 6)
			}
			out, rule = truncate(word, k), Truncation
		case 2:
			if i := strings.LastIndexByte(marked, '|'); i > 0 {
				head := truncate(marked[i+1:], w.between(2, 4))
				if head != "" {
					out, rule = strings.ReplaceAll(marked[:i], "|", "")+head, HeadCut
				}
			}
		}
		if out != "" && out != word {
			w.forms = append(w.forms, Form{out, word, rule})
			if rule != VowelDrop && w.chance(600) {
				out += "."
			}
			return out
		}
	}
	if w.chance(w.plant.misspelt) {
		if out, rule := typo(w.dice, word); out != "" {
			w.forms = append(w.forms, Form{out, word, rule})
			return out
		}
	}
	return word
}

// acronym is a phrase by its initials.
func (w *writer) acronym(phrase string) string {
	var b strings.Builder
	for _, word := range strings.Fields(phrase) {
		b.WriteString(strings.ToUpper(word[:1]))
	}
	w.forms = append(w.forms, Form{b.String(), phrase, Initials})
	return b.String()
}

// num writes a canonical decimal the way the plant does.
func (w *writer) num(s string) string {
	if w.german && (w.plant.limit > 60 || w.chance(700)) {
		return strings.ReplaceAll(s, ".", ",")
	}
	return s
}

// times joins dimensions.
func (w *writer) times(dims ...string) string {
	x := pick(w.dice, []string{"x", "x", "x", " x ", "X", "*"})
	for i, d := range dims {
		dims[i] = w.num(d)
	}
	return strings.Join(dims, x)
}

// unit writes a number and its unit with or without a space.
func (w *writer) unit(n, unit string) string {
	if w.chance(500) {
		return w.num(n) + unit
	}
	return w.num(n) + " " + unit
}

// unitAfter puts a unit behind a size that is already worded.
func (w *writer) unitAfter(size, unit string) string {
	if w.chance(500) {
		return size + unit
	}
	return size + " " + unit
}

// finish orders and joins the segments. It returns the text and what it says
// and implies.
func (w *writer) finish() (text string, says, implies []string) {
	order := pick(w.dice, w.plant.orders)
	if w.omit {
		var at []int
		for i, s := range w.segments {
			if s.critical {
				at = append(at, i)
			}
		}
		if len(at) > 1 {
			i := pick(w.dice, at)
			w.segments = append(w.segments[:i], w.segments[i+1:]...)
		}
	}
	kept := w.segments[:0]
	for _, s := range w.segments {
		if w.chance(s.keep) {
			kept = append(kept, s)
		}
	}
	kept = w.fit(kept)
	// Values trade places among themselves.
	for i := len(kept) - 1; i > 0; i-- {
		if kept[i].slot == 'v' && kept[i-1].slot == 'v' && w.chance(350) {
			kept[i], kept[i-1] = kept[i-1], kept[i]
		}
	}
	sort.SliceStable(kept, func(i, j int) bool {
		return strings.IndexByte(order, kept[i].slot) < strings.IndexByte(order, kept[j].slot)
	})
	sep := pick(w.dice, w.plant.separators)
	var b strings.Builder
	for i, s := range kept {
		if i > 0 {
			b.WriteString(joint(b.String(), s.text, sep))
		}
		b.WriteString(s.text)
		says = append(says, s.says...)
		implies = append(implies, s.implies...)
	}
	text = b.String()
	if w.chance(w.plant.upper) {
		text = strings.ToUpper(text)
	} else if w.chance(120) {
		text = strings.ToLower(text)
	}
	if w.chance(20) {
		text = strings.Replace(text, " ", "  ", 1)
	}
	return text, says, implies
}

// fit drops optional words from the end until the text fits the field.
func (w *writer) fit(segments []segment) []segment {
	for {
		n := 0
		for _, s := range segments {
			n += utf8.RuneCountInString(s.text) + 1
		}
		last := -1
		for i, s := range segments {
			if s.keep < 1000 {
				last = i
			}
		}
		if n <= w.plant.limit || last < 0 {
			return segments
		}
		segments = append(segments[:last], segments[last+1:]...)
	}
}

// joint is the separator between two pieces; one that could be read as part of
// a number or a code falls back to a space.
func joint(left, right, sep string) string {
	if sep == " " || strings.HasSuffix(sep, " ") {
		return sep
	}
	l, _ := utf8.DecodeLastRuneInString(left)
	r, _ := utf8.DecodeRuneInString(right)
	code := func(r rune) bool { return unicode.IsDigit(r) || strings.ContainsRune("x.,+-/~", r) }
	if code(l) || code(r) {
		return " "
	}
	return sep
}
