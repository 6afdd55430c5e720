package knowledge

import (
	"strings"
	"unicode/utf8"
)

// An Atom is a maximal run of letters or of digits in folded text. Start and
// End are byte offsets into the source.
type Atom struct {
	Text       string // folded
	Start, End int
	Digits     bool
	// Glued: nothing stands between the previous atom and this one.
	Glued bool
	// Break: a separator that ends a phrase (comma, semicolon, bar, colon,
	// newline, parenthesis) stands before this atom.
	Break bool
	// Join is the one byte between the previous atom and this one, 0 where
	// there is none or more.
	Join byte
	// Pos and Stop are the offsets of the atom in the folded text.
	Pos, Stop int
}

// A Folded text is a source in the form that dictionaries are written in,
// with the way back to the source. It may be reused by Fold.
type Folded struct {
	// Text is lower case ASCII where letters have an ASCII form; other
	// characters are kept.
	Text  []byte
	Atoms []Atom
	// at maps each byte of Text to its source offset; one more than Text.
	at []int32
	// bytes are those that Text has.
	bytes byteSet
}

// Source is the span of source bytes of the folded bytes from i to j.
func (f *Folded) Source(i, j int) (start, end int) {
	return int(f.at[i]), f.end(j)
}

func (f *Folded) end(j int) int {
	// The source character that gave byte j-1 may be longer than one byte and
	// may have given several folded bytes: its end is the next different start.
	last := f.at[j-1]
	for j < len(f.at)-1 && f.at[j] == last {
		j++
	}
	return int(f.at[j])
}

// folds gives the ASCII form of letters that catalogs of Europe carry.
var folds = map[rune]string{
	'ä': "ae", 'ö': "oe", 'ü': "ue", 'Ä': "ae", 'Ö': "oe", 'Ü': "ue", 'ß': "ss", 'ẞ': "ss",
	'á': "a", 'à': "a", 'â': "a", 'ã': "a", 'å': "a", 'Á': "a", 'À': "a", 'Â': "a", 'Ã': "a", 'Å': "a",
	'é': "e", 'è': "e", 'ê': "e", 'ë': "e", 'É': "e", 'È': "e", 'Ê': "e", 'Ë': "e",
	'í': "i", 'ì': "i", 'î': "i", 'ï': "i", 'Í': "i", 'Ì': "i", 'Î': "i", 'Ï': "i",
	'ó': "o", 'ò': "o", 'ô': "o", 'õ': "o", 'Ó': "o", 'Ò': "o", 'Ô': "o", 'Õ': "o",
	'ú': "u", 'ù': "u", 'û': "u", 'Ú': "u", 'Ù': "u", 'Û': "u",
	'ñ': "n", 'Ñ': "n", 'ç': "c", 'Ç': "c", 'Ø': "ø", '⌀': "ø", '∅': "ø", 'æ': "ae", 'Æ': "ae",
	'ş': "s", 'Ş': "s", 'ğ': "g", 'Ğ': "g", 'ı': "i", 'İ': "i", 'ł': "l", 'Ł': "l",
	'\ufeff': "", '\u200b': "", '\u00ad': "",
	'×': "x", '✕': "x", '–': "-", '—': "-", '−': "-", '‐': "-", '‑': "-",
	'µ': "u", 'μ': "u", '²': "2", '³': "3", '\u00a0': " ", '\u202f': " ", '\u2009': " ",
	'“': "\"", '”': "\"", '„': "\"", '″': "\"", '’': "'", '′': "'", '\u2126': "ohm", '\u03a9': "ohm",
}

// Fold reads src into f.
func (f *Folded) Fold(src string) {
	f.Text, f.Atoms, f.at = f.Text[:0], f.Atoms[:0], f.at[:0]
	for i := 0; i < len(src); {
		c := src[i]
		if c < utf8.RuneSelf {
			if 'A' <= c && c <= 'Z' {
				c += 'a' - 'A'
			} else if c < ' ' && c != '\n' {
				c = ' '
			}
			f.Text, f.at = append(f.Text, c), append(f.at, int32(i))
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(src[i:])
		if r == reversed {
			// What follows is seen the other way round: it is not what it looks like.
			n = reversedEnd(src[i:])
			f.Text, f.at = append(f.Text, ' '), append(f.at, int32(i))
		} else if s, ok := folds[r]; ok || unseen(r) {
			for k := 0; k < len(s); k++ {
				f.Text, f.at = append(f.Text, s[k]), append(f.at, int32(i))
			}
		} else if c, ok := narrow(r); ok {
			f.Text, f.at = append(f.Text, c), append(f.at, int32(i))
		} else {
			for k := 0; k < n; k++ {
				f.Text, f.at = append(f.Text, src[i+k]), append(f.at, int32(i))
			}
		}
		i += n
	}
	f.at = append(f.at, int32(len(src)))
	f.bytes = byteSet{}
	for _, c := range f.Text {
		f.bytes.add(c)
	}
	f.cut()
}

// unseen reports whether a character has no shape of its own: joiners, marks and
// overrides of direction (Unicode 16, section 23.2 and 23.3).
func unseen(r rune) bool {
	return r >= '\u200b' && r <= '\u200f' || r >= '\u202a' && r <= '\u202e' || r >= '\u2060' && r <= '\u2064' || r >= '\u2066' && r <= '\u206f'
}

// reversed overrides the direction of what follows, to the next end of one.
const reversed = '\u202e'

func reversedEnd(s string) int {
	if i := strings.IndexRune(s, '\u202c'); i >= 0 {
		return i
	}
	return len(s)
}

// disguised reports whether a word mixes letters of ASCII with Greek or Cyrillic
// ones, which look like them: what it says is not what one sees.
func (f *Folded) disguised() bool {
	for _, a := range f.Atoms {
		ascii, other := false, false
		for i := range len(a.Text) {
			c := a.Text[i]
			ascii = ascii || 'a' <= c && c <= 'z'
			other = other || 0xce <= c && c <= 0xd3 // first bytes of U+0380 to U+04FF
		}
		if ascii && other {
			return true
		}
	}
	return false
}

// narrow is the folded form of a full-width letter, digit or sign of ASCII.
func narrow(r rune) (byte, bool) {
	if r < '\uff01' || r > '\uff5e' {
		return 0, false
	}
	c := byte(r - '\uff01' + '!') //nolint:gosec // 94 characters
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	return c, true
}

// FoldText is the folded form of s.
func FoldText(s string) string {
	var f Folded
	f.Fold(s)
	return string(f.Text)
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || c >= utf8.RuneSelf }
func isDigit(c byte) bool  { return '0' <= c && c <= '9' }

// cut finds the atoms of the folded text.
func (f *Folded) cut() {
	text := string(f.Text)
	last, brk := -1, false
	for i := 0; i < len(text); {
		c := text[i]
		digits := isDigit(c)
		if !digits && !isLetter(c) {
			switch c {
			case ',':
				// A comma between digits is a decimal comma more often than not.
				brk = brk || !decimalComma(text, i)
			case ';', '|', ':', '\n', '(', ')', '[', ']':
				brk = true
			}
			i++
			continue
		}
		j := i + 1
		for j < len(text) && (digits && isDigit(text[j]) || !digits && isLetter(text[j])) {
			j++
		}
		var join byte
		if last >= 0 && i == last+1 {
			join = text[last]
		}
		f.Atoms = append(f.Atoms, Atom{
			Text: text[i:j], Start: int(f.at[i]), End: f.end(j), Digits: digits,
			Glued: i == last, Break: brk, Join: join, Pos: i, Stop: j,
		})
		last, brk, i = j, false, j
	}
}

// decimalComma reports whether the comma at i belongs to a number: digits on
// both sides, not more than three after it unless a lone 0 goes before, and no
// code before it (1N4007,1000V and NP0,0603 are lists).
func decimalComma(text string, i int) bool {
	from, to := i, i+1
	for from > 0 && isDigit(text[from-1]) {
		from--
	}
	for to < len(text) && isDigit(text[to]) {
		to++
	}
	if from == i || to == i+1 {
		return false
	}
	letters := from
	for letters > 0 && isLetter(text[letters-1]) {
		letters--
	}
	code := from-letters > 1 || from > letters && letters > 0 && isDigit(text[letters-1]) && text[letters] != 'x'
	return to-i-1 <= 3 && !code || !code && i-from == 1 && text[from] == '0'
}
