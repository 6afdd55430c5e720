package page

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// MaxText is how many bytes of a text a page shows where nothing else is said.
const MaxText = 2000

// Text is s as a page may show it: what nobody would see is visible, and at most
// MaxText bytes of it.
func Text(s string) string { return Short(s, MaxText) }

// Short is s with at most most bytes, visible; what is missing is told.
func Short(s string, most int) string {
	if len(s) <= most {
		return Visible(s)
	}
	n := most
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return Visible(s[:n]) + fmt.Sprintf("… (%s more)", Size(int64(len(s)-n)))
}

// Size is a number of bytes for people.
func Size(n int64) string {
	switch {
	case n < 1000:
		return fmt.Sprintf("%d bytes", n)
	case n < 999_500: // what rounds up is of the next unit
		return fmt.Sprintf("%.3g kB", float64(n)/1e3)
	case n < 999_500_000:
		return fmt.Sprintf("%.3g MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.3g GB", float64(n)/1e9)
}

// Visible shows what cannot be seen: control characters as their pictures (␀, ␛),
// and marks of direction and characters without width as ⟦U+202E⟧, so that a text
// can neither turn the order of the line it stands in nor look like another one.
// Tabs and line breaks stay; bytes that are no UTF-8 become U+FFFD.
func Visible(s string) string {
	if !strings.ContainsFunc(s, hidden) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for _, c := range s {
		switch {
		case !hidden(c):
			b.WriteRune(c)
		case c < ' ':
			b.WriteRune(0x2400 + c)
		case c == 0x7f:
			b.WriteRune(0x2421)
		default:
			fmt.Fprintf(&b, "⟦U+%04X⟧", c)
		}
	}
	return b.String()
}

// hidden are characters that are not seen or steer others: C0 and C1 controls, the
// soft hyphen, marks, embeddings, overrides and isolates of direction (UAX #9),
// joiners and spaces without width, fillers, variation selectors and tags.
func hidden(c rune) bool {
	switch {
	case c == '\t' || c == '\n' || c == '\r':
		return false
	case c < ' ', 0x7f <= c && c < 0xa0:
		return true
	case c < 0xad:
		return false
	}
	return c == 0xad || c == 0x034f || c == 0x061c || c == 0x115f || c == 0x1160 || c == 0x180e || 0x200b <= c && c <= 0x200f ||
		0x2028 <= c && c <= 0x202e || 0x2060 <= c && c <= 0x206f || c == 0x3164 || 0xfe00 <= c && c <= 0xfe0e || c == 0xfeff ||
		c == 0xffa0 || 0xfff9 <= c && c <= 0xfffb || 0xe0000 <= c && c <= 0xe01ef
}

// A Piece of a text; Kind is empty for what is not marked, else a class of the
// stylesheet (such as miss), and Title says why it is marked.
type Piece struct {
	Text, Kind, Title string
}

// A Mark is a place in a text, in bytes.
type Mark struct {
	Start, End  int
	Kind, Title string
}

// Marked cuts text into pieces at its marks, in the order of the text. Where marks
// overlap, the first one given has the place; one that lies outside of the text or
// inside of a character is left out.
func Marked(text string, marks []Mark) []Piece {
	var out []Piece
	at := 0
	for _, m := range places(text, marks) {
		if at < m.Start {
			out = append(out, Piece{Text: Text(text[at:m.Start])})
		}
		out = append(out, Piece{Text(text[m.Start:m.End]), m.Kind, m.Title})
		at = m.End
	}
	if at < len(text) {
		out = append(out, Piece{Text: Text(text[at:])})
	}
	return out
}

// Excerpt is Marked of a text that may be long: of one of more than most bytes only
// the marks and what stands around them, about most bytes in all, with notes of how
// much is left out. Marks that do not fit are not shown.
func Excerpt(text string, marks []Mark, most int) []Piece {
	if len(text) <= most {
		return Marked(text, marks)
	}
	good := places(text, marks)
	good = good[:min(len(good), max(1, most/100))]
	if len(good) == 0 {
		return []Piece{{Text: Short(text, most)}}
	}
	each := most / (2 * len(good)) // for a mark, and for what stands around it
	var out []Piece
	at := 0
	for i, m := range good {
		head := each / 2
		if i == 0 {
			head = 0
		}
		out = append(out, Piece{Text: ends(text[at:m.Start], head, each/2)}, Piece{Short(text[m.Start:m.End], each), m.Kind, m.Title})
		at = m.End
	}
	out = append(out, Piece{Text: ends(text[at:], each/2, 0)})
	return slices.DeleteFunc(out, func(p Piece) bool { return p.Text == "" })
}

// ends is s with at most head bytes of its beginning and tail bytes of its end.
func ends(s string, head, tail int) string {
	if len(s) <= head+tail+20 { // the note is no shorter
		return Visible(s)
	}
	for head > 0 && !utf8.RuneStart(s[head]) {
		head--
	}
	from := len(s) - tail
	for from < len(s) && !utf8.RuneStart(s[from]) {
		from++
	}
	return Visible(s[:head]) + fmt.Sprintf("… (%s) …", Size(int64(from-head))) + Visible(s[from:])
}

// places are the marks that a text has, in its order.
func places(text string, marks []Mark) []Mark {
	var good []Mark
	for _, m := range marks {
		if m.Start < 0 || m.End <= m.Start || m.End > len(text) || !utf8.RuneStart(text[m.Start]) || m.End < len(text) && !utf8.RuneStart(text[m.End]) {
			continue
		}
		if !slices.ContainsFunc(good, func(g Mark) bool { return m.Start < g.End && g.Start < m.End }) {
			good = append(good, m)
		}
	}
	slices.SortFunc(good, func(a, b Mark) int { return a.Start - b.Start })
	return good
}
