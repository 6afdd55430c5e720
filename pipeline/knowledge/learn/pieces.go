package learn

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A word is a run of letters (with an apostrophe inside), a number with its
// decimals, or one mark.
type word struct {
	text, folded string
	start, end   int
	kind         byte // 'a' letters, '9' digits, '.' mark
}

// maxText bounds what is looked at of one text, maxPiece the words of a piece.
const (
	maxText  = 16 << 10
	maxPiece = 7
)

func wordsOf(text string) []word {
	if len(text) > maxText {
		text = text[:maxText]
	}
	var out []word
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		j := i + n
		kind := byte('.')
		switch {
		case unicode.IsSpace(r):
			i = j
			continue
		case unicode.IsLetter(r):
			kind = 'a'
			for j < len(text) {
				c, w := utf8.DecodeRuneInString(text[j:])
				if c == '\'' && j+1 < len(text) && isLower(text[j+1]) || unicode.IsLetter(c) {
					j += w
					continue
				}
				break
			}
		case isDigit(text[i]):
			kind = '9'
			for j < len(text) && (isDigit(text[j]) || text[j] == '.' && j+1 < len(text) && isDigit(text[j+1])) {
				j++
			}
		}
		w := text[i:j]
		out = append(out, word{w, strings.ToLower(w), i, j, kind})
		i = j
	}
	return out
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
func isLower(c byte) bool { return 'a' <= c && c <= 'z' }

// plain is the form in which pieces are the same: lower case, marks but the
// decimal point as spaces.
func plain(s string) string {
	var b strings.Builder
	space := false
	for _, r := range strings.ToLower(s) {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || r == '.' {
			if space && b.Len() > 0 {
				b.WriteByte(' ')
			}
			space = false
			b.WriteRune(r)
		} else {
			space = true
		}
	}
	return b.String()
}

// shape is what a piece looks like: Aa for Xerox, A9-9 for CT4-8, 9mm → 9a.
func shape(s string) string {
	var b strings.Builder
	var last rune
	for i, r := range s {
		c := r
		switch {
		case unicode.IsDigit(r):
			c = '9'
		case r == '.' && last == '9' && i+1 < len(s) && isDigit(s[i+1]):
			continue // a decimal point
		case unicode.IsUpper(r):
			c = 'A'
		case unicode.IsLetter(r):
			c = 'a'
		case unicode.IsSpace(r):
			c = ' '
		}
		if c != last || c != '9' && c != 'A' && c != 'a' && c != ' ' {
			b.WriteRune(c)
		}
		last = c
	}
	return b.String()
}

// A feature is one thing that can be said of a piece of text.
type feature struct {
	kind byte
	text string
}

// weights of the kinds of features. They are the same for every data set: a
// kind that repeats what another one says counts for less.
var weights = [256]float64{
	'S': 0.7, // shape
	'L': 0.5, // words
	'B': 0.6, // the word before
	'N': 0.6, // the word after
	'b': 0.4, // the shape of what stands before
	'n': 0.4, // … after
	'F': 0.5, // the first word
	'E': 0.6, // the last word
	'P': 0.6, // the place in the text
	'G': 1.5, // whether its edges cut a word
}

// A piece is a run of words of a text.
type piece struct {
	from, to int // words
	text     string
	plain    string
}

// pieces calls yield with every piece of up to maxPiece words; fs is used again.
func pieces(text string, ws []word, yield func(p piece, fs []feature)) {
	var buf [12]feature
	for i := range ws {
		for j := i + 1; j <= len(ws) && j-i <= maxPiece; j++ {
			p := piece{from: i, to: j, text: text[ws[i].start:ws[j-1].end]}
			if ws[i].kind == '.' && j == i+1 {
				continue // a mark alone is no value
			}
			p.plain = plain(p.text)
			yield(p, features(buf[:0], ws, p))
		}
	}
}

func features(fs []feature, ws []word, p piece) []feature {
	before, after := "^", "$"
	bs, ns := "^", "$"
	if p.from > 0 {
		w := &ws[p.from-1]
		before, bs = w.folded, shapeOf(w)
	}
	if p.to < len(ws) {
		w := &ws[p.to]
		after, ns = w.folded, shapeOf(w)
	}
	place := "2"
	switch {
	case p.from == 0:
		place = "0"
	case p.from == 1:
		place = "1"
	case p.to == len(ws):
		place = "4"
	case p.from >= 4:
		place = "3"
	}
	glue := []byte("..")
	if p.from > 0 && ws[p.from-1].end == ws[p.from].start && ws[p.from-1].kind != '.' && ws[p.from].kind != '.' {
		glue[0] = 'g'
	}
	if p.to < len(ws) && ws[p.to-1].end == ws[p.to].start && ws[p.to-1].kind != '.' && ws[p.to].kind != '.' {
		glue[1] = 'g'
	}
	return append(fs,
		feature{'S', shape(p.text)}, feature{'L', "1234567"[p.to-p.from-1 : p.to-p.from]},
		feature{'B', before}, feature{'N', after}, feature{'b', bs}, feature{'n', ns},
		feature{'F', ws[p.from].folded}, feature{'E', ws[p.to-1].folded},
		feature{'P', place}, feature{'G', string(glue)})
}

func shapeOf(w *word) string {
	if w.kind == 'a' {
		return "w"
	}
	return shape(w.text)
}
