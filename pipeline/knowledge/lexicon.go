package knowledge

import (
	"sort"
	"strings"
)

// A Role says what a term does in a text.
type Role uint8

const (
	// RoleValue: the term is a value of an attribute.
	RoleValue Role = iota + 1
	// RoleLabel: the term announces the number beside it.
	RoleLabel
	// RoleNoun: the term says what the item is.
	RoleNoun
	// RoleStandard: the term names a standard.
	RoleStandard
	// RoleNoise: the term means nothing here.
	RoleNoise
)

// A Meaning is one reading of a term.
type Meaning struct {
	Role Role
	// Attribute is the index in the schema, -1 where the role has none.
	Attribute int
	// Index of the allowed value or the standard.
	Index int
	// Entry names the dictionary entry: bearing/seal/2RS.
	Entry string
}

// same reports whether two meanings would give the same record.
func (m Meaning) same(o Meaning) bool {
	return m.Role == o.Role && m.Attribute == o.Attribute && m.Index == o.Index
}

// A Match is a term found in a text.
type Match struct {
	// From and To are the atoms that it covers, half open.
	From, To int
	Meanings []Meaning
	// Score is 1 for the term as written and less for an expansion.
	Score float64
}

// trie over atoms.
type trieNode struct {
	next     map[string]*trieNode
	meanings []Meaning
}

// A Lexicon is the compiled vocabulary of one category (or of all nouns). It
// is safe for concurrent use.
type Lexicon struct {
	root trieNode
	// alias maps the atoms of an abbreviation, joined by spaces, to what it
	// stands for; first maps its first atom to the most atoms of one.
	alias map[string][][]string
	first map[string]int
	// words that a term is made of, by first letter, for expansion.
	words map[byte][]vocable
	known map[string]bool
	// listed is what is known of each word at the start of a term; of any other
	// word the lexicon knows nothing but what it may be short for.
	listed map[string]listing
	cache  readings
}

// A listing is what the lexicon knows of one word.
type listing struct {
	next  *trieNode // of a term that starts with it
	alias int       // most atoms of an abbreviation that starts with it
	whole bool
	known bool
}

func newLexicon() *Lexicon {
	return &Lexicon{alias: map[string][][]string{}, first: map[string]int{}, words: map[byte][]vocable{}, known: map[string]bool{}}
}

// maxParts bounds the marked parts of a compound: 2^(maxParts-1) spellings.
const maxParts = 5

// maxAlias bounds the atoms of an abbreviation: 6-kt has two.
const maxAlias = 4

// addAlias lets the atoms of short stand for the words of long inside terms.
func (l *Lexicon) addAlias(short, long []string) {
	key := strings.Join(short, " ")
	l.alias[key] = append(l.alias[key], long)
	l.first[short[0]] = max(l.first[short[0]], len(short))
}

// spellings are the atom sequences that a term may be written as. Every | may
// be a cut or nothing.
func spellings(term string) [][]string {
	parts := strings.Split(FoldText(term), "|")
	if len(parts) > maxParts {
		parts = append(parts[:maxParts-1], strings.Join(parts[maxParts-1:], ""))
	}
	var out [][]string
	for mask := 0; mask < 1<<(len(parts)-1); mask++ {
		var b strings.Builder
		for i, p := range parts {
			if i > 0 && mask&(1<<(i-1)) != 0 {
				b.WriteByte(' ')
			}
			b.WriteString(p)
		}
		if a := atomTexts(b.String()); len(a) > 0 {
			out = append(out, a)
		}
	}
	return out
}

func atomTexts(s string) []string {
	var f Folded
	f.Fold(s)
	out := make([]string, len(f.Atoms))
	for i, a := range f.Atoms {
		out[i] = a.Text
	}
	return out
}

// plain is a term without its compound marks.
func plain(term string) string { return strings.ReplaceAll(term, "|", "") }

// add enters a term with a meaning.
func (l *Lexicon) add(term string, m Meaning) {
	for _, atoms := range spellings(term) {
		l.addAtoms(atoms, m)
	}
}

func (l *Lexicon) addAtoms(atoms []string, m Meaning) {
	n := &l.root
	for _, a := range atoms {
		if n.next == nil {
			n.next = map[string]*trieNode{}
		}
		c := n.next[a]
		if c == nil {
			c = &trieNode{}
			n.next[a] = c
		}
		n = c
		l.learn(a)
	}
	for _, have := range n.meanings {
		if have.same(m) {
			return
		}
	}
	n.meanings = append(n.meanings, m)
}

// minVocable is the shortest word that an abbreviation may stand for.
const minVocable = 4

func (l *Lexicon) learn(word string) {
	if l.known[word] {
		return
	}
	l.known[word] = true
	if len(word) >= minVocable && !isDigit(word[0]) {
		l.words[word[0]] = append(l.words[word[0]], newVocable(word))
	}
}

// freeze sorts the vocabulary, so that nothing depends on map order.
func (l *Lexicon) freeze() {
	for _, ws := range l.words {
		sort.Slice(ws, func(i, j int) bool { return ws[i].word < ws[j].word })
	}
	l.listed = make(map[string]listing, len(l.known))
	for _, words := range []map[string]bool{l.known, keysOf(l.first), keysOf(l.root.next)} {
		for w := range words {
			l.listed[w] = listing{l.root.next[w], l.first[w], l.whole(w), l.known[w]}
		}
	}
}

func keysOf[V any](m map[string]V) map[string]bool {
	out := make(map[string]bool, len(m))
	for k := range m {
		out[k] = true
	}
	return out
}

// lookup returns the meanings of exactly these atoms.
func (l *Lexicon) lookup(atoms []string) []Meaning {
	n := &l.root
	for _, a := range atoms {
		if n = n.next[a]; n == nil {
			return nil
		}
	}
	return n.meanings
}

// Lookup returns the meanings of a term written out.
func (l *Lexicon) Lookup(term string) []Meaning { return l.lookup(atomTexts(term)) }

// Knows reports whether word, folded, is part of a term or an abbreviation.
func (l *Lexicon) Knows(word string) bool {
	return l.known[word] || l.first[word] > 0
}

// whole reports whether word is never expanded: an abbreviation, a term, or a
// short part of one. A longer part may also be cut off from a compound (feuer
// of feuerverzinkt).
func (l *Lexicon) whole(word string) bool {
	if l.first[word] > 0 {
		return true
	}
	if !l.known[word] {
		return false
	}
	n := l.root.next[word]
	return len(word) < minVocable || n != nil && len(n.meanings) > 0
}

// maxTerm bounds the atoms of one term.
const maxTerm = 8

// MatchesAt appends to dst every term that starts at atom i: as written, by
// abbreviations of the dictionary, and, where fuzzy, by expansion of words
// that the dictionary does not list. skip tells which words are never
// expanded, because they are words of the language.
func (l *Lexicon) MatchesAt(dst []Match, atoms []Atom, i int, fuzzy bool, skip func(string) bool) []Match {
	w := walk{l: l, atoms: atoms, from: i, fuzzy: fuzzy, skip: skip, out: dst}
	w.step(&l.root, i, 1)
	return w.out
}

// Inverted finds terms that are written with the noun first, as material
// masters do: WASHER,SPRING is a spring washer, SCREW,CAP,SOC HD a socket head
// cap screw. From and To of a match cover the noun and the modifier.
func (l *Lexicon) Inverted(dst []Match, atoms []Atom, fuzzy bool, skip func(string) bool) []Match {
	var bounds [5]int // starts of the first segments, and the end of the last
	n := 1
	for i := 1; i < len(atoms) && n < len(bounds); i++ {
		if atoms[i].Break {
			bounds[n] = i
			n++
		}
	}
	if n < len(bounds) {
		bounds[n] = len(atoms)
		n++
	}
	segments := n - 1
	segment := func(k int) []Atom { return atoms[bounds[k]:bounds[k+1]] }
	if segments < 2 || len(segment(0)) > 3 || atoms[0].Digits {
		return dst
	}
	var buf [maxTerm]Atom
	try := func(to int, parts ...int) {
		seq := buf[:0]
		for _, k := range parts {
			if len(seq)+len(segment(k)) > maxTerm {
				return
			}
			seq = append(seq, segment(k)...)
		}
		for i := range seq {
			seq[i].Break = false
		}
		for _, m := range l.MatchesAt(nil, seq, 0, fuzzy, skip) {
			if m.To == len(seq) {
				dst = append(dst, Match{From: 0, To: bounds[to+1], Meanings: m.Meanings, Score: m.Score * invertedScore})
			}
		}
	}
	for k := 1; k < segments; k++ {
		try(k, k, 0)
	}
	if segments > 2 {
		try(2, 2, 1, 0)
		try(2, 1, 2, 0)
	}
	return dst
}

// invertedScore keeps a term in its own order ahead of one put together.
const invertedScore = 0.99

type walk struct {
	l     *Lexicon
	atoms []Atom
	from  int
	fuzzy bool
	skip  func(string) bool
	out   []Match
}

func (w *walk) step(n *trieNode, i int, score float64) {
	if i > w.from && len(n.meanings) > 0 && w.edges(i) {
		w.emit(Match{From: w.from, To: i, Meanings: n.meanings, Score: score})
	}
	if i >= len(w.atoms) || i-w.from >= maxTerm || n.next == nil {
		return
	}
	a := w.atoms[i]
	if i > w.from && a.Break {
		return // a phrase does not cross a comma
	}
	l, listed := w.l.listed[a.Text]
	c := l.next
	if n != &w.l.root {
		c = nil
		if listed {
			c = n.next[a.Text]
		}
	}
	if c != nil {
		w.step(c, i+1, score)
	}
	key := a.Text
	for k := 1; k <= l.alias && i+k <= len(w.atoms); k++ {
		if k > 1 {
			if w.atoms[i+k-1].Break {
				break
			}
			key += " " + w.atoms[i+k-1].Text
		}
		for _, seq := range w.l.alias[key] {
			c := n
			for _, s := range seq {
				if c = c.next[s]; c == nil {
					break
				}
			}
			if c != nil {
				w.step(c, i+k, score*aliasScore)
			}
		}
	}
	if a.Digits {
		return
	}
	if !w.fuzzy || l.whole || w.skip != nil && w.skip(a.Text) {
		return
	}
	part := l.known // then it may be cut off, but it is not misspelt
	for _, r := range w.l.Expand(a.Text) {
		if part && !strings.HasPrefix(r.Word, a.Text) {
			continue
		}
		if c := n.next[r.Word]; c != nil && score*r.Score >= MinScore {
			w.step(c, i+1, score*r.Score)
		}
	}
}

// aliasScore keeps a word as written ahead of an abbreviation.
const aliasScore = 0.99

// edges rejects a match that cuts a decimal number: 8 of 8.8, 5 of 1,5.
func (w *walk) edges(to int) bool {
	return !decimal(w.atoms, w.from) && !decimal(w.atoms, to)
}

// decimal reports whether atom i continues the number of the atom before it.
func decimal(atoms []Atom, i int) bool {
	if i <= 0 || i >= len(atoms) {
		return false
	}
	a := atoms[i]
	return a.Digits && !a.Break && atoms[i-1].Digits && (a.Join == '.' || a.Join == ',')
}

// emit adds m unless the same span has the same meanings with a better score.
func (w *walk) emit(m Match) {
	for k := range w.out {
		o := &w.out[k]
		if o.From == m.From && o.To == m.To && len(o.Meanings) > 0 && &o.Meanings[0] == &m.Meanings[0] {
			o.Score = max(o.Score, m.Score)
			return
		}
	}
	w.out = append(w.out, m)
}
