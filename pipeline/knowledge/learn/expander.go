package learn

import (
	"math"
	"sort"
	"strings"
)

// An Expander turns the words of a running text into their normal forms. It is
// immutable and safe for concurrent use.
type Expander struct {
	alone  map[string]map[string]int    // by word
	before map[[2]string]map[string]int // by the word before and the word
	after  map[[2]string]map[string]int // by the word and the word after
	both   map[[3]string]map[string]int
	// vocabulary are the words of normal forms, and sorted those that an
	// abbreviation may stand for, by first letter.
	vocabulary map[string]int
	sorted     map[byte][]string
}

// Edge stands before the first word of a text and behind the last.
const edge = ""

// LearnExpander counts the tokens of the examples. Case does not matter.
func LearnExpander(examples []Example) *Expander {
	x := &Expander{
		alone: map[string]map[string]int{}, before: map[[2]string]map[string]int{}, after: map[[2]string]map[string]int{},
		both: map[[3]string]map[string]int{}, vocabulary: map[string]int{}, sorted: map[byte][]string{},
	}
	for i := range examples {
		ts := examples[i].Tokens
		for k, t := range ts {
			raw, normal := strings.ToLower(t.Raw), strings.ToLower(t.Normal)
			p, n := neighbours(ts, k)
			bump(x.alone, raw, normal)
			bump(x.before, [2]string{p, raw}, normal)
			bump(x.after, [2]string{raw, n}, normal)
			bump(x.both, [3]string{p, raw, n}, normal)
			for _, w := range strings.Fields(normal) {
				x.vocabulary[w]++
			}
		}
	}
	for w, n := range x.vocabulary {
		if n >= 2 && len(w) >= 4 && letters(w) {
			x.sorted[w[0]] = append(x.sorted[w[0]], w)
		}
	}
	for _, ws := range x.sorted {
		sort.Strings(ws)
	}
	return x
}

func bump[K comparable](m map[K]map[string]int, k K, v string) {
	if m[k] == nil {
		m[k] = map[string]int{}
	}
	m[k][v]++
}

func neighbours(ts []Token, i int) (before, after string) {
	before, after = edge, edge
	if i > 0 {
		before = strings.ToLower(ts[i-1].Raw)
	}
	if i+1 < len(ts) {
		after = strings.ToLower(ts[i+1].Raw)
	}
	return before, after
}

// Expand returns the normal form of each word, in lower case.
func (x *Expander) Expand(words []string) []string {
	ts := make([]Token, len(words))
	for i, w := range words {
		ts[i].Raw = w
	}
	out := make([]string, len(words))
	for i, w := range words {
		p, n := neighbours(ts, i)
		out[i] = x.one(p, strings.ToLower(w), n)
	}
	return out
}

func (x *Expander) one(p, w, n string) string {
	if _, ok := x.alone[w]; ok {
		return x.known(p, w, n)
	}
	if v, ok := x.joined(w); ok {
		return v
	}
	return x.unseen(w)
}

// known picks the reading of a word that its neighbours make most likely: both
// speak for themselves, smoothed towards the word alone, and where the three
// were seen together that counts more.
func (x *Expander) known(p, w, n string) string {
	alone := x.alone[w]
	total := sum(alone)
	before, after, both := x.before[[2]string{p, w}], x.after[[2]string{w, n}], x.both[[3]string{p, w, n}]
	nb, na, nt := float64(sum(before)), float64(sum(after)), float64(sum(both))
	best, at := "", math.Inf(-1)
	for v, c := range alone {
		u := float64(c) / float64(total)
		s := (float64(before[v]) + u) / (nb + 1) * (float64(after[v]) + u) / (na + 1) / u
		s = (float64(both[v]) + 2*s) / (nt + 2)
		if s > at || s == at && v < best {
			best, at = v, s
		}
	}
	return best
}

func sum(m map[string]int) (n int) {
	for _, c := range m {
		n += c
	}
	return n
}

// joints are the marks that join two words, and how they are written out.
var joints = []struct{ mark, written string }{{"/", " / "}, {"&", " and "}, {"+", " and "}}

// joined reads words that are written together (ENG/OIL, LIGHTS&WIRING), where
// each of them is known or a word by its length: what has a single letter on
// one side (g/b) is an abbreviation of its own.
func (x *Expander) joined(w string) (string, bool) {
	for _, j := range joints {
		core := strings.Trim(w, j.mark)
		if core == "" || !strings.Contains(core, j.mark) {
			continue
		}
		parts := strings.Split(w, j.mark)
		for i, part := range parts {
			if len(part) < 2 && part != "" || !hasLetter(part) && part != "" {
				return "", false
			}
			if m := x.alone[part]; m != nil {
				parts[i] = most(m)
			} else {
				parts[i] = x.unseen(part)
			}
		}
		return strings.Join(parts, j.written), true
	}
	return "", false
}

// accept is what the best word must score to be taken for an unseen one.
const accept = 1.0

// unseen reads a word that was never seen: cut off, without its vowels, or
// misspelt. A word that differs from a known one by its ending alone is another
// form of it and stays.
func (x *Expander) unseen(w string) string {
	if len(w) < 3 || !letters(w) || x.vocabulary[w] > 0 {
		return w
	}
	best, at := w, accept
	try := func(c string, s float64) {
		s += 0.04 * math.Log(float64(x.vocabulary[c]))
		if s > at {
			best, at = c, s
		}
	}
	for _, c := range x.sorted[w[0]] {
		s := 0.0
		switch {
		case inflected(w, c):
			continue
		case strings.HasPrefix(c, w):
			s = 0.75 + 0.05*float64(min(len(w), 4))
		case inside(w, c):
			s = 0.5 + 0.25*float64(len(w))/float64(len(c))
			if w[len(w)-1] == c[len(c)-1] {
				s += 0.1
			}
		}
		try(c, max(s, misspelt(w, c)))
	}
	if len(w) >= 4 && w[1] != w[0] {
		for _, c := range x.sorted[w[1]] { // the first two letters swapped
			if c[1] == w[0] && c[2:] == w[2:] {
				try(c, misspelt(w, c))
			}
		}
	}
	return best
}

// endings of English and German that make another form of a word.
var endings = []string{"s", "es", "ed", "d", "ing", "er", "ers", "or", "en", "e", "n", "ment", "ion", "ly"}

func inflected(a, b string) bool {
	k := 0
	for k < len(a) && k < len(b) && a[k] == b[k] {
		k++
	}
	if k < 3 {
		return false
	}
	ending := func(s string) bool {
		if s == "" {
			return true
		}
		for _, e := range endings {
			if s == e {
				return true
			}
		}
		return false
	}
	// Also where both have an ending: moved, moves.
	for ; k >= 3; k-- {
		if ending(a[k:]) && ending(b[k:]) {
			return true
		}
	}
	return false
}

func misspelt(a, b string) float64 {
	if len(a) < 4 {
		return 0
	}
	switch d := distance(a, b); {
	case d == 1:
		return 0.8 + 0.02*float64(min(len(a), 8))
	case d == 2 && len(a) >= 8:
		return 0.75
	}
	return 0
}

// inside reports whether the letters of a stand in w in order.
func inside(a, w string) bool {
	i := 0
	for j := 0; j < len(w) && i < len(a); j++ {
		if a[i] == w[j] {
			i++
		}
	}
	return i == len(a)
}

// longWord is the longest word whose spelling is looked at.
const longWord = 30

// distance is the optimal string alignment distance, 3 for 3 and more.
func distance(a, b string) int {
	if len(a) > len(b)+2 || len(b) > len(a)+2 || len(a) > longWord || len(b) > longWord {
		return 3
	}
	var rows [3][longWord + 1]int
	p2, p1, p0 := &rows[0], &rows[1], &rows[2]
	for j := range len(b) + 1 {
		p1[j] = j
	}
	for i := 1; i <= len(a); i++ {
		p0[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(p1[j]+1, p0[j-1]+1, p1[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, p2[j-2]+1)
			}
			p0[j] = d
		}
		p2, p1, p0 = p1, p0, p2
	}
	return min(p1[len(b)], 3)
}

func letters(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isLower(s[i]) && s[i] < 0x80 {
			return false
		}
	}
	return s != ""
}

func hasLetter(s string) bool {
	for i := 0; i < len(s); i++ {
		if isLower(s[i]) || s[i] >= 0x80 {
			return true
		}
	}
	return false
}
