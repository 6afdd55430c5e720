package quantity

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// A notation says how catalogs write one unit.
type notation struct {
	code string
	dim  Dimension
	// prefixes are the SI prefixes that are written before the unit in
	// catalogs; those that UCUM would also allow (megaampere) are left out,
	// so that 500 MA in capitals can only be milliampere.
	prefixes string
	// symbols are separated by spaces; each combines with the prefixes.
	symbols string
	// words are written out, in either language and any case, separated by
	// commas; they combine with the prefix words where prefixes are given.
	words string
	// rare readings are taken only where the context expects their dimension.
	rare bool
}

// An entry is what one spelling can mean: the natural readings first, then
// the rare ones.
type entry struct {
	units   []Unit
	natural int
	// word marks a spelling that is also a word of the language (in, am, pm).
	word bool
}

// spellings are all entries by exact and by folded spelling.
type spellings struct {
	exact map[string]*entry
	fold  map[string]*entry
	// firsts are the first words of spellings that contain spaces, folded,
	// with the largest number of words.
	firsts map[string]int
	dims   map[string]Dimension
}

var prefixWords = map[byte][]string{
	'T': {"tera"}, 'G': {"giga"}, 'M': {"mega"}, 'k': {"kilo"}, 'h': {"hecto", "hekto"},
	'd': {"deci", "dezi"}, 'c': {"centi", "zenti"}, 'm': {"milli"}, 'u': {"micro", "mikro"},
	'n': {"nano"}, 'p': {"pico", "piko"}, 'f': {"femto"}, 'a': {"atto"}, 'P': {"peta"}, 'E': {"exa"},
}

var notations = sync.OnceValue(func() *spellings {
	s := &spellings{
		exact:  make(map[string]*entry, 4096),
		fold:   make(map[string]*entry, 4096),
		firsts: make(map[string]int),
		dims:   make(map[string]Dimension, 1024),
	}
	for _, group := range [][]notation{metricNotations, electricNotations, otherNotations, shorthandNotations, proseNotations} {
		for _, n := range group {
			s.add(n)
		}
	}
	for _, w := range []string{"in", "am", "pm", "a", "as", "at", "to", "ar", "st", "set", "d", "my", "el", "tl", "st.", "mil", "den", "nit", "gray", "barn", "head"} {
		for _, m := range []map[string]*entry{s.exact, s.fold} {
			if e := m[w]; e != nil {
				e.word = true
			}
		}
	}
	return s
})

func (s *spellings) add(n notation) {
	units := map[string]Unit{}
	unit := func(prefix string) Unit {
		code := prefix + n.code
		if u, ok := units[code]; ok {
			return u
		}
		u := Unit{Code: code, Dimension: n.dim, info: new(unitInfo)}
		units[code] = u
		if _, ok := s.dims[code]; !ok {
			s.dims[code] = n.dim
		}
		return u
	}
	for _, sym := range strings.Fields(n.symbols) {
		sym = strings.ReplaceAll(sym, "_", " ")
		s.put(sym, unit(""), n.rare, true)
		for _, p := range n.prefixes {
			s.put(string(p)+sym, unit(string(p)), n.rare, true)
		}
	}
	for word := range strings.SplitSeq(n.words, ",") {
		if word = strings.TrimSpace(word); word == "" {
			continue
		}
		s.put(word, unit(""), n.rare, false)
		for i := range len(n.prefixes) {
			for _, p := range prefixWords[n.prefixes[i]] {
				s.put(p+word, unit(n.prefixes[i:i+1]), n.rare, false)
			}
		}
	}
}

// put files one spelling. Symbols are kept in their case and folded, words
// only folded.
func (s *spellings) put(spelling string, u Unit, rare, symbol bool) {
	if symbol {
		insert(s.exact, spelling, u, rare)
	}
	folded := strings.ToLower(spelling)
	insert(s.fold, folded, u, rare)
	if first, _, ok := strings.Cut(folded, " "); ok {
		if n := strings.Count(folded, " ") + 1; n > s.firsts[first] {
			s.firsts[first] = n
		}
	}
}

func insert(m map[string]*entry, key string, u Unit, rare bool) {
	e := m[key]
	if e == nil {
		e = new(entry)
		m[key] = e
	}
	for i, have := range e.units {
		if have.Code == u.Code && have.Dimension == u.Dimension {
			if !rare && i >= e.natural { // natural in another notation
				e.units[i], e.units[e.natural] = e.units[e.natural], e.units[i]
				e.natural++
			}
			return
		}
	}
	e.units = append(e.units, u)
	if !rare {
		last := len(e.units) - 1
		e.units[last], e.units[e.natural] = e.units[e.natural], e.units[last]
		e.natural++
	}
}

// LookupUnit returns every reading of a symbol, word or UN/ECE
// Recommendation 20 code as catalogs write it (KW, Zoll, ", MTR), the most
// natural first; none when it is unknown. Case is kept apart where it tells
// units apart (mW, MW) and forgiven where it does not (KW). The slice is
// shared: do not modify it.
func LookupUnit(symbol string) []Unit {
	var buf [spellingLength]byte
	key, ok := normalise(buf[:0], strings.TrimSpace(symbol))
	if !ok {
		return nil
	}
	s := notations()
	if e := s.find(key, false); e != nil {
		return e.units
	}
	if u, ok := rec20(symbol); ok {
		return []Unit{u}
	}
	if u, err := ParseUnit(symbol); err == nil && symbol != "" {
		return []Unit{u}
	}
	return nil
}

// spellingLength bounds what is looked up as a unit, in bytes.
const spellingLength = 48

// find looks a normalised spelling up: in its case first, then folded. In
// text without small letters (capitals) case says nothing, so the folded
// entry answers.
func (s *spellings) find(key []byte, capitals bool) *entry {
	if !capitals || len(key) == 1 && key[0] == 'M' { // a lone M is mega, not milli
		if e := s.exact[string(key)]; e != nil {
			return e
		}
	}
	var buf [spellingLength + 8]byte
	folded := appendLower(buf[:0], key)
	return s.fold[string(folded)]
}

func appendLower(dst, key []byte) []byte {
	for i := 0; i < len(key); {
		c := key[i]
		if c < utf8.RuneSelf {
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			}
			dst = append(dst, c)
			i++
			continue
		}
		r, n := utf8.DecodeRune(key[i:])
		dst = utf8.AppendRune(dst, unicode.ToLower(r))
		i += n
	}
	return dst
}

// normalise writes a spelling in one form: one micro sign, one ohm sign,
// superscripts as digits, one kind of dash, dot and quote, no caret. It
// reports false for what is too long to be a unit.
func normalise(dst []byte, s string) ([]byte, bool) {
	if len(s) > spellingLength-8 {
		return nil, false
	}
	for _, r := range s {
		switch r {
		case 'µ', 'μ':
			dst = append(dst, 'u')
		case '\u2126': // the ohm sign, not omega
			dst = append(dst, "Ω"...)
		case '²':
			dst = append(dst, '2')
		case '³':
			dst = append(dst, '3')
		case '¹':
			dst = append(dst, '1')
		case '⁻', '−', '–':
			dst = append(dst, '-')
		case '·', '⋅', '*', '•':
			dst = append(dst, '.')
		case '”', '“', '″', '„':
			dst = append(dst, '"')
		case '’', '′', '‘', '`', '´':
			dst = append(dst, '\'')
		case '℃':
			dst = append(dst, "°C"...)
		case '℉':
			dst = append(dst, "°F"...)
		case 'º', '˚':
			dst = append(dst, "°"...)
		case '^':
		case '\u00a0', '\u202f', '\u2009', '\t':
			dst = append(dst, ' ')
		default:
			dst = utf8.AppendRune(dst, r)
		}
		if len(dst) > spellingLength-4 {
			return nil, false
		}
	}
	return dst, true
}
