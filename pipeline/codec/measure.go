package codec

import (
	"bytes"
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	xunicode "golang.org/x/text/encoding/unicode"
)

// A TextMeasure is what is measured of one document.
type TextMeasure struct {
	// Encoding is utf-8, utf-16, windows-1252 or binary by the bytes of a file;
	// mojibake or damaged by the characters of what claims to be UTF-8.
	Encoding string
	Language string
	// Characters that are not white space, Words between white space, Lines that
	// are not blank.
	Characters, Words, Lines int64
	// Repeated and Boilerplate are shares of Characters from 0 to 1: what stands
	// in lines that the document had before, and what stands in lines that
	// earlier documents of the batch had.
	Repeated, Boilerplate float64
}

// lineChars is how many characters a line needs for its repetition to mean
// something: braces, bullets and page numbers recur in every text.
const lineChars = 12

// boilerplateIn is in how many earlier documents a line stands before it is
// boilerplate.
const boilerplateIn = 3

// maxKnownLines bounds the lines that a batch remembers; when it is full, new
// lines are not learnt.
const maxKnownLines = 1 << 20

// A TextMeter measures the documents of a batch in order.
type TextMeter struct {
	known map[uint64]uint8
	own   map[uint64]bool
}

// NewTextMeter begins a batch.
func NewTextMeter() *TextMeter {
	return &TextMeter{known: map[uint64]uint8{}, own: map[uint64]bool{}}
}

// Measure measures a document that is text already.
func (m *TextMeter) Measure(text string) TextMeasure {
	t := TextMeasure{Encoding: charactersOf(text), Language: Language(text)}
	clear(m.own)
	var repeated, boilerplate int64
	for line := range strings.Lines(text) {
		chars, inWord := int64(0), false
		for _, r := range line {
			if unicode.IsSpace(r) {
				inWord = false
				continue
			}
			chars++
			if !inWord {
				t.Words++
			}
			inWord = true
		}
		if chars == 0 {
			continue
		}
		t.Characters += chars
		t.Lines++
		if chars < lineChars {
			continue
		}
		h := fnv1a(strings.TrimSpace(line))
		if m.own[h] {
			repeated += chars
		} else {
			m.own[h] = true
		}
		if m.known[h] >= boilerplateIn {
			boilerplate += chars
		}
	}
	for h := range m.own {
		if n, ok := m.known[h]; ok && n < boilerplateIn || !ok && len(m.known) < maxKnownLines {
			m.known[h] = n + 1
		}
	}
	if t.Characters > 0 {
		t.Repeated, t.Boilerplate = share(repeated, t.Characters), share(boilerplate, t.Characters)
	}
	return t
}

// fnv1a is the 64-bit FNV-1a hash.
func fnv1a(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// share to four digits, so that it reads well.
func share(n, of int64) float64 { return math.Round(float64(n)/float64(of)*1e4) / 1e4 }

// charactersOf tells what happened to a text before it became UTF-8.
func charactersOf(text string) string {
	if strings.ContainsRune(text, utf8.RuneError) {
		return "damaged"
	}
	// UTF-8 that was read as Windows-1252 shows a lead byte (Â to ô) before a
	// continuation byte where there should be one letter. Whole pairs that are
	// valid UTF-8 again hardly occur in a real text.
	marks := 0
	var last rune
	for _, r := range text {
		if b, ok := windowsByte(r); ok && b >= 0x80 && b < 0xc0 && last >= 0xc2 && last <= 0xf4 {
			marks++
		}
		last = r
	}
	if marks > 0 && marks*200 >= min(utf8.RuneCountInString(text), 2000) {
		return "mojibake"
	}
	return "utf-8"
}

func windowsByte(r rune) (byte, bool) { return charmap.Windows1252.EncodeRune(r) }

// DecodeDocument tells the encoding of a whole file and gives its text. Of a
// binary one there is no text.
func DecodeDocument(b []byte) (text, encoding string) {
	switch {
	case bytes.HasPrefix(b, []byte("\xef\xbb\xbf")):
		b = b[3:]
	case bytes.HasPrefix(b, []byte("\xff\xfe")), bytes.HasPrefix(b, []byte("\xfe\xff")):
		out, err := xunicode.UTF16(xunicode.LittleEndian, xunicode.UseBOM).NewDecoder().Bytes(b)
		if err != nil {
			return "", "binary"
		}
		return string(out), "utf-16"
	}
	control := 0
	for _, c := range b {
		if c < ' ' && c != '\n' && c != '\r' && c != '\t' && c != '\f' && c != 0x1b {
			control++
		}
	}
	switch {
	case bytes.IndexByte(b, 0) >= 0, control*100 > len(b):
		return "", "binary"
	case utf8.Valid(b):
		return string(b), charactersOf(string(b))
	}
	for _, c := range b {
		switch c {
		case 0x81, 0x8d, 0x8f, 0x90, 0x9d: // no characters of Windows-1252
			return "", "binary"
		}
	}
	out, err := charmap.Windows1252.NewDecoder().Bytes(b)
	if err != nil {
		return "", "binary"
	}
	return string(out), "windows-1252"
}
