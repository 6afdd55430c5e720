package quantity

import (
	"strings"
	"unicode/utf8"
)

// wordKind sorts the words of which numbers are made.
type wordKind uint8

const (
	unitWord  wordKind = iota + 1 // zero … nineteen
	tensWord                      // twenty … ninety
	hundred                       // hundred
	scaleWord                     // thousand, million, …
	halfWord                      // half, third, quarter: a share
	article                       // a, an, ein: one, before a unit or a scale
	joiner                        // and, und, &
)

type numberWord struct {
	kind  wordKind
	value int64
	den   int64
}

var numberWords = func() map[string]numberWord {
	m := map[string]numberWord{}
	put := func(kind wordKind, start, step int64, words string) {
		for i, w := range strings.Fields(words) {
			m[w] = numberWord{kind: kind, value: start + int64(i)*step}
		}
	}
	put(unitWord, 0, 1, "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen")
	put(tensWord, 20, 10, "twenty thirty forty fifty sixty seventy eighty ninety")
	m["fourty"] = m["forty"] //nolint:misspell // as people misspell it
	m["hundred"] = numberWord{kind: hundred, value: 100}
	for w, v := range map[string]int64{"thousand": 1e3, "million": 1e6, "billion": 1e9, "trillion": 1e12, "lakh": 1e5, "crore": 1e7,
		"millions": 1e6, "billions": 1e9, "thousands": 1e3, "mn": 1e6, "bn": 1e9,
		"tausend": 1e3, "million_de": 1e6, "millionen": 1e6, "mio": 1e6, "milliarde": 1e9, "milliarden": 1e9, "mrd": 1e9, "tsd": 1e3, "billionen": 1e12} {
		m[w] = numberWord{kind: scaleWord, value: v}
	}
	for w, v := range map[string][2]int64{"half": {1, 2}, "halves": {1, 2}, "third": {1, 3}, "thirds": {1, 3}, "quarter": {1, 4}, "quarters": {1, 4},
		"fourth": {1, 4}, "fourths": {1, 4}, "fifth": {1, 5}, "fifths": {1, 5}, "sixth": {1, 6}, "sixths": {1, 6}, "seventh": {1, 7}, "eighth": {1, 8},
		"eighths": {1, 8}, "ninth": {1, 9}, "tenth": {1, 10}, "tenths": {1, 10}, "sixteenth": {1, 16}, "sixteenths": {1, 16}, "hundredth": {1, 100}, "hundredths": {1, 100},
		"halbe": {1, 2}, "halber": {1, 2}, "halben": {1, 2}, "halbes": {1, 2}, "drittel": {1, 3}, "viertel": {1, 4}, "fünftel": {1, 5}, "achtel": {1, 8}, "zehntel": {1, 10}} {
		m[w] = numberWord{kind: halfWord, value: v[0], den: v[1]}
	}
	for w := range strings.FieldsSeq("a an ein eine einen einem einer") {
		m[w] = numberWord{kind: article, value: 1}
	}
	for w := range strings.FieldsSeq("and & und") {
		m[w] = numberWord{kind: joiner}
	}
	return m
}()

// germanUnits and the maps below spell the German numerals, which are written
// as one word: zweihundertfünfunddreißig.
var (
	germanUnits = map[string]int64{"null": 0, "ein": 1, "eins": 1, "zwei": 2, "zwo": 2, "drei": 3, "vier": 4, "fünf": 5, "sechs": 6, "sieben": 7, "acht": 8, "neun": 9,
		"zehn": 10, "elf": 11, "zwölf": 12, "dreizehn": 13, "vierzehn": 14, "fünfzehn": 15, "sechzehn": 16, "siebzehn": 17, "achtzehn": 18, "neunzehn": 19}
	germanTens = map[string]int64{"zwanzig": 20, "dreißig": 30, "dreissig": 30, "vierzig": 40, "fünfzig": 50, "sechzig": 60, "siebzig": 70, "achtzig": 80, "neunzig": 90}
)

// maxGerman bounds the length of a German numeral, in bytes.
const maxGerman = 64

// germanNumeral reads a German numeral below a million.
func germanNumeral(w string) (int64, bool) {
	if w == "" || len(w) > maxGerman {
		return 0, false
	}
	if a, b, ok := strings.Cut(w, "tausend"); ok {
		hi, ok1 := int64(1), true
		if a != "" {
			hi, ok1 = germanBelow1000(a)
		}
		lo, ok2 := int64(0), true
		if b = strings.TrimPrefix(b, "und"); b != "" {
			lo, ok2 = germanBelow1000(b)
		}
		return hi*1000 + lo, ok1 && ok2
	}
	return germanBelow1000(w)
}

func germanBelow1000(w string) (int64, bool) {
	if a, b, ok := strings.Cut(w, "hundert"); ok {
		hi, ok1 := int64(1), true
		if a != "" {
			hi, ok1 = germanUnits[a]
		}
		lo, ok2 := int64(0), true
		if b = strings.TrimPrefix(b, "und"); b != "" {
			lo, ok2 = germanBelow100(b)
		}
		return hi*100 + lo, ok1 && ok2
	}
	return germanBelow100(w)
}

func germanBelow100(w string) (int64, bool) {
	if n, ok := germanUnits[w]; ok {
		return n, true
	}
	if n, ok := germanTens[w]; ok {
		return n, true
	}
	for tens, n := range germanTens {
		if rest, ok := strings.CutSuffix(w, tens); ok {
			if unit, ok := strings.CutSuffix(rest, "und"); ok {
				if u, ok := germanUnits[unit]; ok && u < 10 {
					return u + n, true
				}
			}
		}
	}
	return 0, false
}

// wordAt reads the word at i as part of a number.
func (s *scanner) wordAt(i int) (w numberWord, end int, ok bool) {
	if i < len(s.text) && s.text[i] == '&' {
		return numberWords["&"], i + 1, true
	}
	end = i
	for end < len(s.text) && end-i <= maxGerman {
		if isLetter(s.text[end]) {
			end++
			continue
		}
		if s.text[end] < utf8.RuneSelf {
			break
		}
		r, n := utf8.DecodeRuneInString(s.text[end:])
		if !strings.ContainsRune("äöüßÄÖÜ", r) {
			return w, end, false
		}
		end += n
	}
	if end == i || end < len(s.text) && (isDigit(s.text[end]) || s.text[end] == '_') || end-i > maxGerman {
		return w, end, false
	}
	low := strings.ToLower(s.text[i:end])
	if w, ok = numberWords[low]; ok {
		return w, end, true
	}
	if n, ok := germanNumeral(low); ok && low != "null" {
		if n >= 1000 || n%10 == 0 && n < 100 && n >= 20 {
			return numberWord{kind: tensWord, value: n}, end, true
		}
		return numberWord{kind: unitWord, value: n}, end, true
	}
	return w, end, false
}

// scale reads "million" after a number in digits and applies it.
func (s *scanner) scale(n *numeral) {
	i := n.end
	if i >= len(s.text) || s.text[i] != ' ' {
		if i+2 < len(s.text) && (s.text[i] == 'k' || s.text[i] == 'K') && s.text[i+1] == ' ' && isLetter(s.text[i+2]) {
			// 0.5k miles: the letter multiplies when a unit in words follows.
			if m, ok := s.spelling(i + 2); ok && m.entry.natural > 0 && m.end-m.start > 3 {
				n.value, n.end, n.plain, n.alt = n.value.Mul(Int(1000)), i+1, false, nil
			}
		}
		return
	}
	w, end, ok := s.wordAt(i + 1)
	if !ok || w.kind != scaleWord && w.kind != hundred {
		return
	}
	n.value, n.end, n.plain, n.alt = n.value.Mul(Int(w.value)), end, false, nil
	if end < len(s.text) && s.text[end] == '.' && end-i <= 4 { // Mio.
		n.end++
	}
}

// word reads a number that is written out, when one starts at i, and returns
// where to go on.
func (s *scanner) word(i int) int {
	next := wordEnd(s.text, i)
	if next == i {
		return i + 1
	}
	n, bare, ok := s.spelled(i)
	if !ok {
		return next
	}
	q := Quantity{Kind: Single, Value: n.value, Start: i, End: n.end, NumEnd: n.end}
	if n.fraction {
		q.Kind = Fraction
	}
	if i > 0 && (s.text[i-1] == '-' || s.text[i-1] == '\'') {
		return next
	}
	s.finish(&q, n)
	if bare && (!q.HasUnit() || q.Unit.Dimension == Time && s.text[i] != 'o' && s.text[i] != 'O' || q.Unit.Code == "1") {
		return next // "a", "one" and "ein" alone are no numbers
	}
	if !q.HasUnit() && !n.fraction && q.Glued {
		return next
	}
	s.out = append(s.out, q)
	return max(q.End, next)
}

// spelled reads the words of a number from i on. bare says that it is no more
// than an article or the word one.
func (s *scanner) spelled(i int) (n numeral, bare, ok bool) {
	var total, current int64
	seen, pos, end := 0, i, i
	bare = true
	last := wordKind(0)
	fraction := Decimal{}
	for steps := 0; steps < 16; steps++ {
		w, e, wok := s.wordAt(pos)
		if !wok {
			break
		}
		accept := true
		switch w.kind {
		case unitWord:
			accept = seen == 0 || last == hundred || last == scaleWord || last == tensWord && current%10 == 0 && w.value < 10 && w.value > 0
			if accept {
				current += w.value
				bare = seen == 0 && w.value == 1
			}
		case tensWord:
			accept = seen == 0 || last == hundred || last == scaleWord
			current += w.value
			bare = bare && !accept
		case hundred:
			accept = seen > 0 && current > 0 && current < 100
			current *= 100
			bare = bare && !accept
		case scaleWord:
			accept = seen > 0 && current > 0 && total < 1e15
			if accept {
				total += current * w.value
				current, bare = 0, false
			}
		case article:
			accept = seen == 0
			current = 1
		case joiner:
			accept = seen > 0
			if accept { // look further: "and a half", "and two"
				f, fe, fok := s.halfAfter(e)
				if fok {
					fraction, end, bare = f, fe, false
					seen++
				} else if last == hundred || last == scaleWord {
					if nw, _, nok := s.wordAt(skipSpace(s.text, e)); nok && (nw.kind == unitWord || nw.kind == tensWord) {
						pos = skipSpace(s.text, e)
						continue
					}
				}
			}
			accept = false
		case halfWord:
			if seen == 0 && s.text[i:e] != "half" || last == tensWord || last == hundred || current > 99 {
				accept = false
				break
			}
			v := Ratio(w.value, w.den)
			if seen > 0 {
				v = v.Mul(Int(total + current))
			}
			return numeral{value: v, end: e, fraction: true}, false, true
		}
		if !accept {
			break
		}
		seen++
		last, end = w.kind, e
		pos = e
		switch {
		case pos < len(s.text) && (s.text[pos] == ' ' || s.text[pos] == '-'):
			pos++
		case pos+1 < len(s.text) && s.text[pos] == ',' && s.text[pos+1] == ' ' && last == scaleWord:
			pos += 2
		default:
			steps = 16
		}
	}
	if seen == 0 {
		return n, false, false
	}
	n = numeral{value: Int(total + current).Add(fraction), end: end, fraction: !fraction.IsZero()}
	if v, e, ok := s.articleHalf(i, end, bare); ok {
		return numeral{value: v, end: e, fraction: true}, false, true
	}
	return n, bare, true
}

// articleHalf reads "eine halbe", "a half" after an article.
func (s *scanner) articleHalf(i, end int, bare bool) (Decimal, int, bool) {
	if !bare || end >= len(s.text) || s.text[end] != ' ' {
		return Decimal{}, 0, false
	}
	w, e, ok := s.wordAt(end + 1)
	if !ok || w.kind != halfWord {
		return Decimal{}, 0, false
	}
	_ = i
	return Ratio(w.value, w.den), e, true
}

// halfAfter reads " a half" after "and".
func (s *scanner) halfAfter(i int) (Decimal, int, bool) {
	i = skipSpace(s.text, i)
	w, e, ok := s.wordAt(i)
	if ok && (w.kind == article || w.kind == unitWord) && w.value > 0 {
		num := w.value
		if w, e, ok = s.wordAt(skipSpace(s.text, e)); ok && w.kind == halfWord {
			return Ratio(num*w.value, w.den), e, true
		}
	}
	return Decimal{}, 0, false
}

func skipSpace(t string, i int) int {
	if i < len(t) && t[i] == ' ' {
		return i + 1
	}
	return i
}
