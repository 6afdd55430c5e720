package guard

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
)

// A PIIKind is a kind of personal data.
type PIIKind string

// Kinds of personal data that are looked for. What has no check digit and no
// form of its own (names, addresses) is not: no rule tells it from the name of
// a product.
const (
	Email    PIIKind = "EMAIL"
	Phone    PIIKind = "PHONE"
	IBAN     PIIKind = "IBAN"
	Card     PIIKind = "CARD"
	IP       PIIKind = "IP"
	PersonID PIIKind = "PERSON_ID"
)

// PII is personal data that was found in a text.
type PII struct {
	Kind PIIKind
	pipeline.Span
	// Scheme names the number scheme of a PersonID, such as "FI hetu".
	Scheme string
}

// FindPII returns the personal data in text from left to right, without
// overlaps. Numbers must carry a right check digit; those that look like part
// numbers or barcodes count only beside a word that names them (SSN, card,
// Steuer-ID, phone). Its time is linear in the text.
func FindPII(text string) []PII {
	var all []PII
	if strings.IndexByte(text, '@') >= 0 {
		all = findEmails(all, text)
	}
	all = findAddresses(all, text)
	all = findNumbers(all, text)
	if len(all) < 2 {
		return all
	}
	slices.SortStableFunc(all, func(a, b PII) int {
		if a.Start != b.Start {
			return a.Start - b.Start
		}
		return b.End - a.End
	})
	kept := all[:1]
	for _, p := range all[1:] {
		if p.Start >= kept[len(kept)-1].End {
			kept = append(kept, p)
		}
	}
	return kept
}

// findEmails looks around each @.
func findEmails(all []PII, t string) []PII {
	end := 0 // of the last address, so that no byte is looked at twice
	for i := 0; i < len(t); i++ {
		if t[i] != '@' {
			continue
		}
		start := i
		for start > end && i-start < 64 && (isWord(t[start-1]) || strings.IndexByte(".+-%'", t[start-1]) >= 0) {
			start--
		}
		for start < i && !isWord(t[start]) {
			start++
		}
		e := i + 1
		for e < len(t) && e-i < 255 && (isDigit(t[e]) || isLetter(t[e]) || t[e] == '-' || t[e] == '.') {
			e++
		}
		domain := strings.TrimRight(t[i+1:e], ".-")
		if start < i && validDomain(domain) {
			end = i + 1 + len(domain)
			all = append(all, PII{Kind: Email, Span: pipeline.Span{Start: start, End: end}})
			i = end - 1
		}
	}
	return all
}

func validDomain(d string) bool {
	dot := strings.LastIndexByte(d, '.')
	if dot <= 0 || strings.Contains(d, "..") {
		return false
	}
	top := d[dot+1:]
	if strings.HasPrefix(top, "xn--") {
		return len(top) > 4
	}
	if len(top) < 2 {
		return false
	}
	for i := range len(top) {
		if !isLetter(top[i]) {
			return false
		}
	}
	return d[0] != '-'
}

func isWord(c byte) bool { return isDigit(c) || isLetter(c) || c == '_' }

func isHex(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }

// maxAddress is the length of the longest IP address.
const maxAddress = 45

// findAddresses looks for IP addresses, with the length of a prefix.
func findAddresses(all []PII, t string) []PII {
	for i := 0; i < len(t); {
		c := t[i]
		if !isHex(c) && c != ':' {
			i++
			continue
		}
		end, marks := i, 0
		for end < len(t) && (isHex(t[end]) || t[end] == ':' || t[end] == '.') {
			if t[end] == ':' || t[end] == '.' {
				marks++
			}
			end++
		}
		run := strings.TrimRight(t[i:end], ".")
		if marks >= 2 && len(run) <= 3*maxAddress {
			if s, ok := address(t, i, i+len(run)); ok && (run != "::" || anyAddress(t, i)) {
				e := prefixLength(t, s.End)
				all = append(all, PII{Kind: IP, Span: pipeline.Span{Start: s.Start, End: e}})
			}
		}
		i = end
	}
	return all
}

// address finds the address in the run from..to: all of it, or an IPv4 address
// within it.
func address(t string, from, to int) (pipeline.Span, bool) {
	before := from == 0 || !isWord(t[from-1]) && t[from-1] < 0x80
	after := to >= len(t) || !isWord(t[to]) && t[to] < 0x80
	run := t[from:to]
	if before && after && len(run) <= maxAddress && strings.Contains(run, ":") {
		if _, err := netip.ParseAddr(run); err == nil && !strings.HasPrefix(run, ":::") {
			return pipeline.Span{Start: from, End: to}, true
		}
	}
	// IPv4: the longest part of digits and points.
	for i := from; i < to; {
		if !isDigit(t[i]) {
			i++
			continue
		}
		e := i
		for e < to && (isDigit(t[e]) || t[e] == '.') {
			e++
		}
		v4 := strings.TrimRight(t[i:e], ".")
		end := i + len(v4)
		left := i == 0 || !isWord(t[i-1]) && t[i-1] != '.' && t[i-1] != '-'
		right := end >= len(t) || !isWord(t[end]) && t[end] != '-'
		if left && right && len(v4) >= 7 && strings.Count(v4, ".") == 3 {
			if a, err := netip.ParseAddr(v4); err == nil && a.Is4() {
				// A version or a number of a standard is no address: an address
				// behind a colon must be the whole of its tail.
				if i == from || t[i-1] == ':' {
					if i > from && before && strings.Contains(t[from:i], "::") && !strings.Contains(t[from:i], ":ffff:") {
						return pipeline.Span{}, false
					}
					return pipeline.Span{Start: i, End: end}, true
				}
			}
		}
		i = e
	}
	return pipeline.Span{}, false
}

// anyAddress reports whether the "::" at i is the address that stands for any,
// and not a mark between words.
func anyAddress(t string, i int) bool {
	return i > 0 && t[i-1] == '=' || i+2 < len(t) && t[i+2] == '/' && i+3 < len(t) && isDigit(t[i+3]) || named(t, i, i+2, "ip")
}

func prefixLength(t string, i int) int {
	if i < len(t) && t[i] == '/' {
		e := i + 1
		for e < len(t) && isDigit(t[e]) && e-i <= 3 {
			e++
		}
		if e > i+1 && (e >= len(t) || !isWord(t[e])) {
			return e
		}
	}
	return i
}

// A Scrubbed text has its personal data replaced by placeholders such as
// <EMAIL_1>, which Restore turns back. The same value has the same placeholder.
type Scrubbed struct {
	Text string
	// Found is the personal data, as spans of the original.
	Found  []PII
	marks  []string // placeholder of each of Found
	values []string
}

// Scrub replaces the personal data in text.
func Scrub(text string) Scrubbed {
	s := Scrubbed{Text: text, Found: FindPII(text)}
	if len(s.Found) == 0 {
		return s
	}
	byValue := map[string]string{}
	count := map[PIIKind]int{}
	var b strings.Builder
	at := 0
	for _, p := range s.Found {
		value := text[p.Start:p.End]
		mark, ok := byValue[value]
		for !ok {
			count[p.Kind]++
			mark = "<" + string(p.Kind) + "_" + strconv.Itoa(count[p.Kind]) + ">"
			ok = !strings.Contains(text, mark) // a text may hold such marks already
		}
		byValue[value] = mark
		s.marks, s.values = append(s.marks, mark), append(s.values, value)
		b.WriteString(text[at:p.Start])
		b.WriteString(mark)
		at = p.End
	}
	b.WriteString(text[at:])
	s.Text = b.String()
	return s
}

// Restore puts the values back in the place of their placeholders, in any text
// that was made of the scrubbed one.
func (s Scrubbed) Restore(text string) string {
	if len(s.marks) == 0 {
		return text
	}
	pairs := make([]string, 0, 2*len(s.marks))
	seen := map[string]bool{}
	for i, m := range s.marks {
		if !seen[m] {
			seen[m] = true
			pairs = append(pairs, m, s.values[i])
		}
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// Original translates a span of the scrubbed text into one of the original;
// a span that cuts into a placeholder becomes all of its value.
func (s Scrubbed) Original(sp pipeline.Span) pipeline.Span {
	shift := 0 // original offset - scrubbed offset, so far
	start, end := -1, -1
	for i, p := range s.Found {
		from := p.Start - shift
		to := from + len(s.marks[i])
		if start < 0 && sp.Start < to {
			start = sp.Start + shift
			if sp.Start >= from {
				start = p.Start
			}
		}
		if end < 0 && sp.End <= to {
			end = sp.End + shift
			if sp.End > from {
				end = p.End
			}
		}
		shift = p.End - to
	}
	if start < 0 {
		start = sp.Start + shift
	}
	if end < 0 {
		end = sp.End + shift
	}
	return pipeline.Span{Start: start, End: end}
}
