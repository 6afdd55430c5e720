package guard

import (
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
)

// A group is a run of letters and digits with its place.
type group struct {
	start, end int
	digits     bool // digits alone
}

// ibanLengths are the lengths of account numbers by country.
var ibanLengths = map[string]int{
	"AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24,
	"DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28,
	"HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20,
	"LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30, "NL": 18, "NO": 15, "PK": 24, "PL": 28, "PS": 29, "PT": 25,
	"QA": 29, "RO": 24, "RS": 22, "SA": 24, "SC": 31, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "ST": 25, "SV": 28, "TL": 23, "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
}

// contexts are words that name a number which could be a part number alone.
var contexts = map[string][]string{
	"card":  {"card", "credit", "visa", "mastercard", "amex", "kreditkarte", "karte"},
	"phone": {"phone", "telephone", "telefon", "tel", "fax", "telefax", "mobile", "mobil", "handy", "call", "cell", "whatsapp", "rufnummer", "number is", "dial", "hotline"},
	"ip":    {"ip", "ipv4", "ipv6", "address", "unspecified", "localhost"},
	"ssn":   {"ssn", "social security"},
	"id": {"steuer-id", "steuerid", "tax id", "taxpayer", "idnr", "identifikationsnummer", "henkilötunnus", "identity", "personal id", "id code", "pnr", "personnummer", "national id", "tckn", "tc kimlik", "kimlik",
		"pesel", "nhs", "kvnr", "krankenversicherung", "krankenversichertennummer", "krankenkasse", "egk", "egk-nummer", "versichertennummer", "nif", "dni", "nie", "codice fiscale", "id number", "passport"},
}

// named reports whether one of the words of a context stands within 48 bytes
// before i (16 for telephones) or, for all others, 24 after end, as words of their own:
// not the phone of a microphone.
func named(t string, i, end int, context string) bool {
	before := 48
	if context == "phone" {
		before = 16
	}
	if wordsIn(t[max(0, i-before):i], contexts[context]) {
		return true
	}
	return context != "phone" && wordsIn(t[end:min(len(t), end+24)], contexts[context])
}

func wordsIn(t string, words []string) bool {
	low := lowerASCII(t)
	for _, w := range words {
		for from := 0; ; {
			k := strings.Index(low[from:], w)
			if k < 0 {
				break
			}
			start, stop := from+k, from+k+len(w)
			if (start == 0 || !isLetter(low[start-1])) && (stop == len(low) || !isLetter(low[stop])) {
				return true
			}
			from = stop
		}
	}
	return false
}

// maxRun bounds the groups that one number may consist of.
const maxRun = 10

// findNumbers looks at every sequence of groups of letters and digits.
func findNumbers(all []PII, t string) []PII {
	for i := 0; i < len(t); {
		if !isDigit(t[i]) && !isLetter(t[i]) || i > 0 && (isWord(t[i-1]) || t[i-1] >= 0x80) {
			i++
			continue
		}
		if p, ok := numberAt(t, i); ok {
			all = append(all, p)
			i = p.End
			continue
		}
		for i < len(t) && isWord(t[i]) {
			i++
		}
	}
	return all
}

// numberAt looks for a number that starts at i. The longest one wins.
func numberAt(t string, i int) (PII, bool) {
	var gs [maxRun]group
	n := 0
	for pos := i; n < maxRun; {
		e := pos
		digits := true
		for e < len(t) && (isDigit(t[e]) || isLetter(t[e])) && e-pos < 40 {
			digits = digits && isDigit(t[e])
			e++
		}
		if e == pos || e < len(t) && (t[e] == '_' || isWord(t[e])) {
			break
		}
		gs[n] = group{pos, e, digits}
		n++
		if e+1 >= len(t) || t[e] != ' ' && t[e] != '-' && t[e] != '.' && t[e] != '/' || !isDigit(t[e+1]) && !isLetter(t[e+1]) {
			break
		}
		pos = e + 1
	}
	if n == 0 {
		return PII{}, false
	}
	found := func(kind PIIKind, from, to int, scheme string) (PII, bool) {
		return PII{Kind: kind, Span: pipeline.Span{Start: from, End: to}, Scheme: scheme}, true
	}
	if end, ok := iban(t, gs[:n]); ok {
		return found(IBAN, i, end, "")
	}
	if gs[0].digits {
		if start, end, ok := phone(t, gs[:n]); ok {
			return found(Phone, start, end, "")
		}
		if end, ok := card(t, gs[:n]); ok {
			return found(Card, i, end, "")
		}
	}
	if end, scheme, ok := personID(t, gs[:n]); ok {
		return found(PersonID, i, end, scheme)
	}
	return PII{}, false
}

// separated reports whether all gaps between the groups are the byte sep.
func separated(t string, gs []group, sep byte) bool {
	for k := 1; k < len(gs); k++ {
		if t[gs[k-1].end] != sep {
			return false
		}
	}
	return true
}

// iban reads an account number: country, two check digits, the country's
// length, remainder 1 modulo 97; written in one or in groups of four.
func iban(t string, gs []group) (end int, ok bool) {
	g := gs[0]
	if g.end-g.start < 4 || !isUpper(t[g.start]) || !isUpper(t[g.start+1]) || !isDigit(t[g.start+2]) || !isDigit(t[g.start+3]) {
		return 0, false
	}
	want := ibanLengths[t[g.start:g.start+2]]
	if want == 0 {
		return 0, false
	}
	var buf [40]byte
	b := buf[:0]
	for k, g := range gs {
		if k > 0 && t[gs[k-1].end] != ' ' && t[gs[k-1].end] != '-' {
			return 0, false
		}
		if len(b)+g.end-g.start > want {
			return 0, false
		}
		b = append(b, t[g.start:g.end]...)
		if len(b) == want {
			return g.end, mod97(b) == 1
		}
	}
	return 0, false
}

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }

func mod97(b []byte) int {
	r := 0
	for i := range b {
		c := b[(i+4)%len(b)]
		switch {
		case isDigit(c):
			r = (r*10 + int(c-'0')) % 97
		case isUpper(c):
			r = (r*100 + int(c-'A') + 10) % 97
		default:
			return 0
		}
	}
	return r
}

// digitsOf joins the digits of groups.
func digitsOf(dst []byte, t string, gs []group) []byte {
	for _, g := range gs {
		dst = append(dst, t[g.start:g.end]...)
	}
	return dst
}

func luhn(d []byte) bool {
	sum := 0
	for i := range d {
		n := int(d[len(d)-1-i] - '0')
		if i%2 == 1 {
			if n *= 2; n > 9 {
				n -= 9
			}
		}
		sum += n
	}
	return sum%10 == 0
}

// card reads a payment card: an issuer's prefix and length and the check
// digit, in one or in groups of 4-4-4-4 or 4-6-5. Lengths that barcodes have
// (13, 14) need a word that names the card.
func card(t string, gs []group) (end int, ok bool) {
	var buf [40]byte
	try := func(n int) (int, bool) {
		d := digitsOf(buf[:0], t, gs[:n])
		if len(d) < 13 || len(d) > 19 || !luhn(d) {
			return 0, false
		}
		end := gs[n-1].end
		switch {
		case len(d) == 16 && (d[0] >= '3' && d[0] <= '6' || d[0] == '2' && d[1] >= '2' && d[1] <= '7'):
			return end, true
		case len(d) == 15 && d[0] == '3' && (d[1] == '4' || d[1] == '7'):
			return end, true
		case len(d) == 19 && (d[0] == '6' || d[0] == '4'):
			return end, true
		}
		return end, named(t, gs[0].start, end, "card")
	}
	if end, ok := try(1); ok {
		return end, true
	}
	size := func(k int) int { return gs[k].end - gs[k].start }
	if len(gs) >= 4 && allDigits(gs[:4]) && size(0) == 4 && size(1) == 4 && size(2) == 4 && size(3) == 4 && (separated(t, gs[:4], ' ') || separated(t, gs[:4], '-')) {
		return try(4)
	}
	if len(gs) >= 3 && allDigits(gs[:3]) && size(0) == 4 && size(1) == 6 && size(2) == 5 && (separated(t, gs[:3], ' ') || separated(t, gs[:3], '-')) {
		return try(3)
	}
	return 0, false
}

func allDigits(gs []group) bool {
	for _, g := range gs {
		if !g.digits {
			return false
		}
	}
	return true
}

// phone reads telephone numbers: with a plus and a country, (415) 555-0132,
// Philippine and Turkish mobile numbers as they are grouped; other digits only
// beside a word that names them.
func phone(t string, gs []group) (start, end int, ok bool) {
	first := gs[0]
	total := 0
	n := 0
	for n < len(gs) && gs[n].digits && total+gs[n].end-gs[n].start <= 15 {
		total += gs[n].end - gs[n].start
		n++
	}
	size := func(k int) int { return gs[k].end - gs[k].start }
	switch {
	case n == 0:
		return 0, 0, false
	case first.start > 0 && t[first.start-1] == '+' && (first.start < 2 || !isWord(t[first.start-2])):
		// +49 (0) 89 … and +63-917-123-4567: the groups after brackets too.
		end, digits := plusNumber(t, first.start)
		if digits >= 9 && digits <= 15 {
			return first.start - 1, end, true
		}
		return 0, 0, false
	case first.start > 0 && t[first.start-1] == '(' && size(0) == 3:
		i := first.end
		if i < len(t) && t[i] == ')' {
			i++
			if i < len(t) && t[i] == ' ' {
				i++
			}
			if rest, ok := pattern(t, i, "ddd-dddd"); ok {
				return first.start - 1, rest, true
			}
		}
		return 0, 0, false
	}
	if e, ok := pattern(t, first.start, "0ddd-ddd-dddd"); ok && t[first.start+1] == '9' {
		return first.start, e, true
	}
	if e, ok := pattern(t, first.start, "0ddd ddd dddd"); ok && t[first.start+1] == '9' {
		return first.start, e, true
	}
	if e, ok := pattern(t, first.start, "0 ddd ddd dd dd"); ok {
		return first.start, e, true
	}
	if e, ok := pattern(t, first.start, "0ddd ddd dd dd"); ok {
		return first.start, e, true
	}
	for k := 1; k < n; k++ {
		if t[gs[k-1].end] == '/' && k > 1 {
			return 0, 0, false
		}
	}
	if n == 3 && size(0) == 4 && size(1) == 2 && size(2) == 2 {
		return 0, 0, false // a date
	}
	if (total >= 10 && n > 1 || total >= 8 && t[first.start] == '0') && named(t, first.start, gs[n-1].end, "phone") {
		return first.start, gs[n-1].end, true
	}
	return 0, 0, false
}

// plusNumber reads digits with single separators and brackets from i on.
func plusNumber(t string, i int) (end, digits int) {
	end = i
	for i < len(t) && digits <= 16 {
		switch c := t[i]; {
		case isDigit(c):
			digits++
			end = i + 1
		case c == ' ' || c == '-' || c == '.' || c == '/' || c == '(' || c == ')':
			if i+1 >= len(t) || !isDigit(t[i+1]) && t[i+1] != '(' && t[i+1] != ' ' || c == ' ' && t[i+1] == ' ' {
				return end, digits
			}
		default:
			if isWord(c) {
				return end, 0
			}
			return end, digits
		}
		i++
	}
	return end, digits
}

// pattern matches text at i: d is any digit, other bytes are themselves; no
// word may go on behind it.
func pattern(t string, i int, p string) (end int, ok bool) {
	if i+len(p) > len(t) {
		return 0, false
	}
	for k := range len(p) {
		if p[k] == 'd' && !isDigit(t[i+k]) || p[k] != 'd' && p[k] != t[i+k] {
			return 0, false
		}
	}
	end = i + len(p)
	if end < len(t) && (isWord(t[end]) || t[end] == '-' && end+1 < len(t) && isWord(t[end+1])) {
		return 0, false
	}
	return end, true
}
