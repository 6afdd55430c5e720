package sample

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// A Rule is a way in which a person shortens or misspells a word. Every
// abbreviation and every typo in the sample comes out of one of these rules
// when the text is written; none stands in a list.
type Rule string

const (
	// VowelDrop keeps the first letter and drops the other vowels.
	VowelDrop Rule = "vowel_drop"
	// Truncation keeps the first letters, up to a consonant.
	Truncation Rule = "truncation"
	// HeadCut truncates the last part of a compound only.
	HeadCut Rule = "head_cut"
	// Initials keeps the first letter of each part.
	Initials Rule = "initials"
	// Swap exchanges two inner neighbours.
	Swap Rule = "swap"
	// Drop loses one inner letter.
	Drop Rule = "drop"
	// Double types one inner letter twice.
	Double Rule = "double"
	// Fold writes ä as ae, ß as ss.
	Fold Rule = "fold"
)

// A Form is one word as it was written and what it was before.
type Form struct {
	Written string
	Word    string
	Rule    Rule
}

func isVowel(r rune) bool { return strings.ContainsRune("aeiouäöüAEIOUÄÖÜ", r) }

// dropVowels returns "" where too little would remain.
func dropVowels(word string) string {
	var b strings.Builder
	for i, r := range word {
		if i == 0 || !isVowel(r) {
			b.WriteRune(r)
		}
	}
	if utf8.RuneCountInString(b.String()) < 3 {
		return ""
	}
	return b.String()
}

// truncate keeps about n letters and ends on a consonant; "" where that would
// not shorten the word by two or more.
func truncate(word string, n int) string {
	rs := []rune(word)
	for n < len(rs) && isVowel(rs[n-1]) {
		n++
	}
	if n+2 > len(rs) {
		return ""
	}
	return string(rs[:n])
}

// initials of the parts of a compound ("Rillen|kugel|lager") or of a phrase.
func initials(parts []string) string {
	if len(parts) < 3 {
		return ""
	}
	var b strings.Builder
	for _, p := range parts {
		r, _ := utf8.DecodeRuneInString(p)
		b.WriteRune(unicode.ToUpper(r))
	}
	return b.String()
}

// typo spoils one inner place of a word of six or more letters; the first two
// letters and the last one stay, as they mostly do.
func typo(d dice, word string) (string, Rule) {
	rs := []rune(word)
	if len(rs) < 6 {
		return "", ""
	}
	for _, r := range rs {
		if !unicode.IsLetter(r) {
			return "", ""
		}
	}
	i := d.between(2, len(rs)-3)
	switch d.IntN(3) {
	case 0:
		if rs[i] == rs[i+1] {
			return "", ""
		}
		rs[i], rs[i+1] = rs[i+1], rs[i]
		return string(rs), Swap
	case 1:
		return string(rs[:i]) + string(rs[i+1:]), Drop
	default:
		return string(rs[:i+1]) + string(rs[i:]), Double
	}
}

// fold writes German letters in ASCII.
var fold = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "Ä", "Ae", "Ö", "Oe", "Ü", "Ue", "ß", "ss")
