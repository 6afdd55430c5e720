package pipeline

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// An Item is one catalog entry as it was received: an identity, the text that
// describes it, and what the source system says beside the text.
type Item struct {
	// ID is unique in the catalog; by convention FEED/KEY.
	ID string `json:"id"`
	// Source is the description, byte for byte as received (UTF-8). All spans
	// are offsets into it.
	Source string `json:"source"`
	// Meta is what the feed's catalog binding maps from its columns.
	Meta Meta `json:"meta,omitzero"`
	// Batch that brought it; what is asked about it is billed there.
	Batch string `json:"batch,omitempty"`
	// Degraded: the batch that this item came from was published by a breaker
	// in its degraded state; its record starts with lowered confidence.
	Degraded bool `json:"degraded,omitempty"`
}

// Meta is what a source system states about an item outside its text. Each may
// be empty; none is trusted more than the catalog binding says.
type Meta struct {
	Feed         string `json:"feed,omitempty"`
	Category     string `json:"category,omitempty"`
	Manufacturer string `json:"manufacturer,omitempty"`
	PartNumber   string `json:"part_number,omitempty"`
	UnitOfMeas   string `json:"unit_of_measure,omitempty"`
	PackQuantity string `json:"pack_quantity,omitempty"`
	// Procurement and Group are the buyers' and the stores' own groupings.
	Procurement string `json:"procurement_group,omitempty"`
	Group       string `json:"material_group,omitempty"`
	Plant       string `json:"plant,omitempty"`
	Language    string `json:"language,omitempty"`
	Trust       Trust  `json:"trust,omitempty"`
}

// Unknown is the category of an item that could not be told apart. It is an
// answer, not an error.
const Unknown = "unknown"

// A Span is a half-open range of byte offsets into an item's Source. The zero
// span is "nowhere": a value that does not stand in the text.
type Span struct {
	Start int `json:"start"`
	End   int `json:"end"`
}

// Len is the number of bytes in s.
func (s Span) Len() int { return s.End - s.Start }

// Valid reports whether s lies within a text of n bytes and is not empty.
func (s Span) Valid(n int) bool { return 0 <= s.Start && s.Start < s.End && s.End <= n }

// In returns the text of s, or "" when s does not lie within source.
func (s Span) In(source string) string {
	if !s.Valid(len(source)) {
		return ""
	}
	return source[s.Start:s.End]
}

// Overlaps reports whether s and o share a byte.
func (s Span) Overlaps(o Span) bool { return s.Start < o.End && o.Start < s.End }

// A Provenance says how a value came out of the text.
type Provenance string

const (
	// Verbatim: the value is the text of its span.
	Verbatim Provenance = "verbatim"
	// Normalised: the text of its span in another form (unit, case, decimals).
	Normalised Provenance = "normalised"
	// Dictionary: the span is an abbreviation or alias of a named entry.
	Dictionary Provenance = "dictionary"
	// Standard: implied by a standard that the span names.
	Standard Provenance = "standard"
	// Metadata: from the source system's columns, not from the text.
	Metadata Provenance = "metadata"
	// Inferred: concluded from other values; never allowed for a number.
	Inferred Provenance = "inferred"
	// Enriched: answered by a person or another source after the parse.
	Enriched Provenance = "enriched"
)

// A Value is a number, kept as exact decimal text, an interval between two
// numbers, or a word.
type Value struct {
	text string
	kind valueKind
}

type valueKind uint8

const (
	wordValue valueKind = iota
	numberValue
	intervalValue
)

// Text makes a value of words.
func Text(s string) Value { return Value{text: s} }

// Number makes a numeric value from a plain decimal such as -12.5; it reports
// false for anything else (exponents, infinities, thousands marks).
func Number(s string) (Value, bool) {
	if !plainDecimal(s) {
		return Value{}, false
	}
	return Value{text: s, kind: numberValue}, true
}

// intervalMark stands between the ends of an interval.
const intervalMark = ".."

// Interval makes a value of two numbers, the lower one first: a supply of 10 to
// 30 V, a temperature range. It reports false where an end is no number or the
// ends are out of order.
func Interval(low, high Value) (Value, bool) {
	if !low.IsNumber() || !high.IsNumber() || low.Float() > high.Float() {
		return Value{}, false
	}
	return Value{text: low.text + intervalMark + high.text, kind: intervalValue}, true
}

func plainDecimal(s string) bool {
	s = strings.TrimPrefix(s, "-")
	whole, frac, point := strings.Cut(s, ".")
	digits := func(d string) bool {
		for i := 0; i < len(d); i++ {
			if d[i] < '0' || d[i] > '9' {
				return false
			}
		}
		return d != ""
	}
	if point && !digits(frac) {
		return false
	}
	// JSON forbids a leading zero before another digit.
	return digits(whole) && (len(whole) == 1 || whole[0] != '0')
}

// IsNumber reports whether v is numeric.
func (v Value) IsNumber() bool { return v.kind == numberValue }

// IsInterval reports whether v lies between two numbers.
func (v Value) IsInterval() bool { return v.kind == intervalValue }

// Ends are the two numbers of an interval; a number is both of its ends, and a
// word has none.
func (v Value) Ends() (low, high Value) {
	switch v.kind {
	case numberValue:
		return v, v
	case intervalValue:
		l, h, _ := strings.Cut(v.text, intervalMark)
		return Value{l, numberValue}, Value{h, numberValue}
	}
	return Value{}, Value{}
}

// IsZero reports whether v holds nothing.
func (v Value) IsZero() bool { return v.text == "" }

// Float is the nearest float64 of a number, 0 of anything else.
func (v Value) Float() float64 {
	if v.kind != numberValue {
		return 0
	}
	f, _ := strconv.ParseFloat(v.text, 64)
	return f
}

// String is the value as text; a number keeps its exact decimals, an interval
// is LOW..HIGH.
func (v Value) String() string { return v.text }

// MarshalJSON writes a number bare, an interval as {"from": 10, "to": 30}, and
// a word as a string.
func (v Value) MarshalJSON() ([]byte, error) {
	switch v.kind {
	case numberValue:
		return []byte(v.text), nil
	case intervalValue:
		low, high := v.Ends()
		return []byte(`{"from":` + low.text + `,"to":` + high.text + `}`), nil
	}
	return json.Marshal(v.text)
}

// UnmarshalJSON reads what MarshalJSON wrote. A number keeps its digits.
func (v *Value) UnmarshalJSON(b []byte) error {
	var s string
	if err := json.Unmarshal(b, &s); err == nil && len(b) > 0 && b[0] == '"' {
		*v = Text(s)
		return nil
	}
	if len(b) > 0 && b[0] == '{' {
		var ends struct{ From, To json.Number }
		if err := json.Unmarshal(b, &ends); err != nil {
			return fmt.Errorf("value %s is no interval: %w", b, err)
		}
		low, _ := Number(ends.From.String())
		high, _ := Number(ends.To.String())
		i, ok := Interval(low, high)
		if !ok {
			return fmt.Errorf("value %s is no interval: it needs the plain decimals from and to, in order", b)
		}
		*v = i
		return nil
	}
	n, ok := Number(string(b))
	if !ok {
		return fmt.Errorf("value %s is neither a string nor a plain decimal", b)
	}
	*v = n
	return nil
}

// An Attribute is one value of a record and the evidence for it.
type Attribute struct {
	Name  string `json:"name"`
	Value Value  `json:"value"`
	// Unit is the canonical UCUM code, empty for words and pure counts.
	Unit string `json:"unit,omitempty"`
	// Text is what stands at Span in the source, in the source's own words.
	Text string `json:"text"`
	Span
	Provenance Provenance `json:"provenance"`
	// Evidence names the dictionary or standard entry of a value whose
	// provenance is dictionary or standard, e.g. "bearing/seal/2RS".
	Evidence string `json:"evidence,omitempty"`
	// Confidence lies in 0..1.
	Confidence float64 `json:"confidence"`
}

// A Flag is something a person may have to look at. Attribute is empty when it
// concerns the whole record.
type Flag struct {
	Code      string `json:"code"`
	Attribute string `json:"attribute,omitempty"`
	Detail    string `json:"detail,omitempty"`
}

// A Record is what the pipeline believes of an Item: its category, its typed
// attributes, each with its evidence, and what is in doubt.
type Record struct {
	ID       string `json:"id"`
	Source   string `json:"source"`
	Category string `json:"category"`
	// Attributes are in the order of the category's schema.
	Attributes []Attribute `json:"attributes"`
	Flags      []Flag      `json:"flags"`
	Confidence float64     `json:"confidence"`
	// Knowledge is the hash of the knowledge pack that parsed this record.
	Knowledge string `json:"knowledge,omitempty"`
	Meta      Meta   `json:"meta,omitzero"`
	// Trace is how it came about, where more than the rules were asked.
	Trace []Step `json:"trace,omitempty"`
}

// A Step is one decision on the way to a record. Prose cannot be compared;
// steps can.
type Step struct {
	// Did is what was done: asked, kept, repaired, reasked, disagreed, refused,
	// screened, scrubbed, fell_back, classified, retrieved, fixed, canary.
	Did string `json:"did"`
	// Attribute that it concerns, empty for the record.
	Attribute string `json:"attribute,omitempty"`
	// Call is the id in the call log of the question that it belongs to.
	Call   string `json:"call,omitempty"`
	Detail string `json:"detail,omitempty"`
}

// Attribute returns the attribute of that name.
func (r *Record) Attribute(name string) (Attribute, bool) {
	for _, a := range r.Attributes {
		if a.Name == name {
			return a, true
		}
	}
	return Attribute{}, false
}

// HasFlag reports whether r carries a flag of that code.
func (r *Record) HasFlag(code string) bool {
	for _, f := range r.Flags {
		if f.Code == code {
			return true
		}
	}
	return false
}
