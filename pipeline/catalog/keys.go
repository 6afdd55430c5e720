package catalog

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Kinds of keys of the search index, the first byte of each. A key is text
// without tabs and line ends but those that separate its parts.
const (
	keyAll    = IndexedAll
	keyWord   = "w" // + a word of termsOf
	keyMeta   = "m" // + field TAB value: one of metaFields has the value
	keyHas    = "h" // + field: it has one
	keyText   = "t" // + category TAB attribute TAB value: a word
	keyString = "s" // the same, of a value that is a number, as it is written
	keyNumber = "n" // + category TAB attribute TAB sixteen hexadecimal digits that order as the numbers do
	keyCoarse = "c" // the same, the first four of the digits: sixteen steps an octave
	keyStates = "x" // + category TAB attribute: a word is stated
	keyCounts = "y" // + category TAB attribute: a number is stated
)

// IndexedAll is the key of every item of the index.
const IndexedAll = "*"

// maxIndexedWords is how many words of one item are indexed, those of its
// attributes and codes too: descriptions have fewer than a hundred.
const maxIndexedWords = 4096

// maxKey is the longest key in bytes; of a longer one a hash stands for its end,
// and of a longer word its beginning for the whole.
const maxKey = 120

// IndexKeys are the keys under which the search index keeps e, sorted, each
// once; none for a retired entry. What Query asks of an entry, these answer: for
// every filter of a kind that ParseQuery makes, and for every word, the entry has
// it exactly where its keys say so (beyond maxIndexedWords and maxKey, where the
// entry is asked again).
func IndexKeys(e *Entry) []string {
	if e.Retired {
		return nil
	}
	keys := []string{keyAll}
	terms := termsOf(e)
	for _, t := range terms[:min(len(terms), maxIndexedWords)] {
		keys = append(keys, wordKey(t))
	}
	for field, get := range metaFields {
		if v := plain(get(e)); v != "" {
			keys = append(keys, keyOf(keyMeta, field, v), keyHas+field)
		}
	}
	seen := map[string]bool{}
	for i := range e.Record.Attributes {
		a := &e.Record.Attributes[i]
		if seen[a.Name] {
			continue // the first is the one that counts
		}
		seen[a.Name] = true
		switch {
		case a.Value.IsZero():
		case a.Value.IsNumber():
			n, of := ordered(a.Value.Float()), stem(e.Record.Category, a.Name)
			keys = append(keys, keyCounts+of, keyOf(keyString, of, plain(a.Value.String())), keyNumber+of+"\t"+n, keyCoarse+of+"\t"+n[:coarse])
		default:
			of := stem(e.Record.Category, a.Name)
			keys = append(keys, keyStates+of, keyOf(keyText, of, plain(a.Value.String())))
		}
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// wordKey is the key of a word. Beyond maxKey words of one beginning share it.
func wordKey(w string) string {
	if len(w) >= maxKey {
		w = w[:maxKey-1]
	}
	return keyWord + clean(w)
}

// coarse is how many digits of a number a coarse key has: those of the sign, of
// the exponent, and of four bits of the fraction.
const coarse = 4

// stem is an attribute of a category as keys name it.
func stem(category, attribute string) string {
	return shorten(clean(category)+"\t"+clean(attribute), maxKey-20)
}

// keyOf is the key of a value of what is named by stem, or of one of metaFields.
func keyOf(kind, of, value string) string {
	return shorten(kind+of+"\t"+clean(value), maxKey)
}

func shorten(k string, most int) string {
	if len(k) <= most {
		return k
	}
	sum := sha256.Sum256([]byte(k))
	return strings.ToValidUTF8(k[:most-33], "") + "#" + hex.EncodeToString(sum[:16])
}

var noControls = strings.NewReplacer("\t", " ", "\n", " ", "\x00", " ")

// clean makes s storable as a part of a key.
func clean(s string) string { return strings.ToValidUTF8(noControls.Replace(s), " ") }

// ordered is v as sixteen hexadecimal digits that order as the numbers do: the
// bits of the float with the sign turned round, and all turned round where it was
// set.
func ordered(v float64) string {
	v += 0 // the negative zero is zero
	u := math.Float64bits(v)
	if u>>63 == 1 {
		u = ^u
	} else {
		u |= 1 << 63
	}
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], u)
	return hex.EncodeToString(b[:])
}

// unordered is the number that ordered wrote.
func unordered(s string) float64 {
	u, err := strconv.ParseUint(s, 16, 64)
	if err != nil {
		return math.NaN()
	}
	if u>>63 == 1 {
		u &^= 1 << 63
	} else {
		u = ^u
	}
	return math.Float64frombits(u)
}
