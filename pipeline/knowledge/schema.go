package knowledge

import (
	"regexp"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/quantity"
)

// A Kind says how the values of an attribute are read and compared.
type Kind string

const (
	// KindNumber: an exact decimal in the attribute's unit.
	KindNumber Kind = "number"
	// KindInterval: two exact decimals in the attribute's unit (a supply of 10 to
	// 30 V), or one that stands for both.
	KindInterval Kind = "interval"
	// KindEnum: one of the allowed values.
	KindEnum Kind = "enum"
	// KindText: words of the source, read by a pattern.
	KindText Kind = "text"
	// KindDesignation: a code such as 6205 or M10, read by a pattern; written
	// in capitals without spaces.
	KindDesignation Kind = "designation"
	// KindStandard: the id of a standard of the category, such as DIN 933.
	KindStandard Kind = "standard"
)

// Numeric reports whether values are numbers or intervals of them.
func (k Kind) Numeric() bool { return k == KindNumber || k == KindInterval }

// A Schema is what is known of one category.
type Schema struct {
	Category string
	Title    string
	// Parent is the family the category belongs to, for people and retrieval.
	Parent string
	// Nouns are what such an item is called: the words that classify it.
	Nouns []string
	// Stocked is the dimension that such items are counted in where that is not
	// pieces: the length of cables.
	Stocked    quantity.Dimension
	Attributes []Attribute
	Patterns   []Pattern
	Orders     []Order
	Standards  []Standard
	Tables     []Table
	// Abbreviations of this category alone: CS is carbon steel here, cast
	// steel there.
	Abbreviations []Abbreviation
	// Noise are words that mean nothing to a reader of this category.
	Noise      []string
	Examples   []Example
	Guidelines []Guideline

	byName map[string]int
	// paired are the interval attributes beside a number of the same dimension.
	paired    []bool
	lexicon   *Lexicon
	standards map[string]int // by folded name, aliases included
	rows      map[string]rowAt
	ranges    []rangeAt
	entries   map[string]Entry
}

// An Attribute is one column of a category's records.
type Attribute struct {
	Name  string
	Title string
	Kind  Kind
	// Dimension and Unit (canonical UCUM code) of a number; both empty for a
	// pure count.
	Dimension quantity.Dimension
	Unit      string
	// Implied: a number of this attribute that stands without a unit is meant
	// in Unit by the custom of the trade (mm of 25x52x15).
	Implied bool
	// Implicit is the value that the custom of the trade means where the text
	// says nothing (right-hand thread, normal clearance); it is never written
	// into a record, and only matching reads it.
	Implicit string
	// Below names the attribute of this category that must be larger.
	Below string
	// Allowed values of an enum; of a number, words that mean one.
	Allowed []Allowed
	// Open: the list is not all there is; other values are possible (makers).
	Open bool
	// From names the shared list (manufacturers, materials) that the allowed
	// values come from.
	From string
	// Required: a record without it is incomplete and says so.
	Required bool
	// Critical: two items that differ here are never interchangeable.
	Critical bool
	// Noun: the words of its values say what the item is.
	Noun bool
	// Labels are the words that announce a number: bore, Bohrung, ID.
	Labels []string
	// Labelled: a number without one of the labels is never taken for it.
	Labelled bool
	// Sole: a number without unit that nothing else has read is this attribute,
	// where only one such number is left (the gain of a transistor).
	Sole bool
	// OnFail says what is done when a model's answer for it does not hold:
	// reask (the default), fix, null_and_flag, review, fallback.
	OnFail string
	// Tolerance within which two numbers are the same, in Unit; zero is exact.
	Tolerance pipeline.Value
	// Min and Max bound what is plausible, in Unit; zero values bound nothing.
	Min, Max pipeline.Value
}

// An Allowed value and the words that mean it.
type Allowed struct {
	Value    string
	Synonyms []string
	// Generic: the word for a family; a standard or a word that says more wins
	// over it without a contradiction.
	Generic bool
	// Implies are values of other attributes that follow from this one.
	Implies []Implied
}

// An Implied value of an attribute.
type Implied struct {
	Attribute string
	Value     string
}

// A Pattern reads values by a regular expression over folded text. Its named
// groups are attributes. It starts and ends where an atom does, or where its
// own glue says so.
type Pattern struct {
	// ID names the pattern in evidence: category/pattern/N.
	ID    string
	Match string
	// Sets are values that the whole match means.
	Sets []Implied
	// Weight is what a match says for the category, 0 for nothing.
	Weight float64

	re     *regexp.Regexp
	groups []int // attribute index by group number, -1 for none
	first  [256]bool
	needs  []byteSet
	at     node
}

// An Order tells unlabelled numbers of one dimension apart by their size: the
// stand-off, breakdown and clamping voltage of a suppressor rise in this order,
// by physics. It holds for as many numbers as it has attributes.
type Order struct {
	// When are the values that the record must have.
	When []Implied
	// Rising are attributes of one dimension, the smallest first.
	Rising []string

	indices []int
	at      node
}

// Indices are the attributes of the order in the schema.
func (o *Order) Indices() []int { return o.indices }

// A Standard is a norm that an item names, and what follows from it.
type Standard struct {
	ID    string
	Title string
	// Aliases are other names of the same standard; Equivalent are standards
	// whose parts are the same for a buyer.
	Aliases    []string
	Equivalent []string
	Implies    []Implied
	// Sizes that exist, per attribute (canonical value); nil means unknown.
	Sizes map[string][]string
}

// A Table gives dimensions by designation.
type Table struct {
	ID string
	// Key is the attribute whose value, less the prefix, is the key of a row.
	Key      string
	Prefixes []Prefix
	// Columns are attribute names.
	Columns []string
	// Rows by key; a key LOW..HIGH holds for every number in between.
	Rows map[string][]pipeline.Value
	// Default: the row holds what is meant where the text says nothing (the
	// coarse pitch of M10); a text that says otherwise is right.
	Default bool
}

// A Prefix of the designations in a table, and what it implies.
type Prefix struct {
	Prefix  string
	Implies []Implied
}

// An Abbreviation expands to words of its category's vocabulary.
type Abbreviation struct {
	Short, Long string
}

// An Example is a text and some of what it says.
type Example struct {
	Text       string
	Attributes map[string]string
}

// A Guideline is a Markdown document for people and prompts.
type Guideline struct {
	File string
	Text string
}

// Attribute returns the attribute of that name and its index.
func (s *Schema) Attribute(name string) (a *Attribute, index int, ok bool) {
	i, ok := s.byName[name]
	if !ok {
		return nil, -1, false
	}
	return &s.Attributes[i], i, true
}

// Paired reports whether attribute i is an interval and the category has a
// number of the same dimension too, which then takes what stands alone.
func (s *Schema) Paired(i int) bool { return s.paired[i] }

// Lexicon is the compiled vocabulary of the category.
func (s *Schema) Lexicon() *Lexicon { return s.lexicon }

// An Entry is what the guard may hold a value of provenance dictionary or
// standard against: the texts that name it and the values it stands for.
type Entry struct {
	Name      string
	Spellings []string
	// Values by attribute name.
	Values map[string]string
}
