package sample

import (
	"strings"
	"time"
)

// Names of the two feeds; their contracts are contracts/feeds/NAME.odcs.yaml.
const (
	CatalogFeed = "catalog-items"
	OrdersFeed  = "orders"
)

// Options of one sample.
type Options struct {
	// Seed chooses the sample; every seed is as good as another.
	Seed uint64
	// Items in the catalog; 0 = 5000, at least 300 and at most 20000: the world
	// has no more products that differ.
	Items int
	// Transactions over all files, the bad day included; 0 = 20000, and at
	// least 9000, so that the faults stay a small share.
	Transactions int
}

// A Sample is two feeds as they land, and what is true of them.
type Sample struct {
	// Files in the order of their event time.
	Files []File
	Truth Truth
}

// A File is one landed file.
type File struct {
	Feed string
	// Name below landing/FEED/; names of a feed sort by event time.
	Name      string
	Bytes     []byte
	EventTime time.Time
}

// Truth is what the generator knows and the pipeline has to find out.
type Truth struct {
	// Items by the id that stands in the file.
	Items map[string]Item
	// Duplicates are the pairs (A < B) of items of one product that a buyer
	// who reads both lines can tell: both state every critical fact, or both
	// the part number.
	Duplicates [][2]string
	// Undecidable are the pairs of items of one product that nobody can tell
	// from the two lines alone. They count neither for nor against.
	Undecidable [][2]string
	// NearTwins are pairs of items that differ in one critical fact only, by
	// design or by a near miss of chance, and must never be merged: not even
	// where one line leaves that fact out, in the deep categories. In the
	// others, of which the pipeline has no schema, both lines must show it.
	NearTwins []Twin
	// Faults are the rows that must be rejected; every other row must pass.
	Faults []Fault
	// Batches by (feed, file), in the order of Files.
	Batches []Batch
	// Forms are the words that were shortened or misspelt, by which rule.
	Forms []Form
}

// An Item is what is true of one line of the catalog.
type Item struct {
	Category string
	// Product is the same for two items exactly where they are duplicates.
	Product string
	// Deep: of a category that the pipeline knows in depth.
	Deep bool
	// Thin: the line lacks a critical fact and the part number, so that it
	// could mean more than one product.
	Thin bool
	// Text is the description as it stands in the file.
	Text string
	// Facts in the order of the category.
	Facts []Fact
}

// Fact returns the fact of that name.
func (i Item) Fact(name string) (Fact, bool) {
	for _, f := range i.Facts {
		if f.Name == name {
			return f, true
		}
	}
	return Fact{}, false
}

// tells reports whether the line gives the fact of that name.
func (i Item) tells(name string) bool {
	f, ok := i.Fact(name)
	return ok && f.Source != Unsaid
}

// A Fact is one attribute of an item in its canonical unit: mm, kW, V, Hz,
// /min, m, bar, m3/h, mm2.
type Fact struct {
	Name     string
	Value    string // a plain decimal, or a word
	Unit     string
	Critical bool
	// Source says where the line gives it.
	Source Source
}

// Source of a fact.
type Source string

const (
	// InText: stands in the description.
	InText Source = "text"
	// Implied: follows from the description by a public standard (the bore of
	// a 6205).
	Implied Source = "implied"
	// Custom: meant where nothing is written (a right-hand thread).
	Custom Source = "custom"
	// Unsaid: true, but not to be known from the description.
	Unsaid Source = ""
)

// A Twin is a pair that looks alike and is not; A < B.
type Twin struct {
	A, B string
	// Attribute is the critical fact in which they differ.
	Attribute string
	// Seeded: made on purpose, from one text.
	Seeded bool
}

// A Fault is one row that must be rejected.
type Fault struct {
	Feed, File string
	// Row counts records from 1, without the header; Line is the physical line
	// on which the record begins, the header being line 1.
	Row, Line int
	Kind      string
	// Column is empty where the record cannot be split.
	Column string
	// Reason is the rule of the gate that must reject it: the name of a rule
	// over the column (required, type, minimum, enum, unique …), or the fault
	// of a record that cannot be split (field_count, stray_quote …).
	Reason string
	// Twin is the row of the harmless line that looks as bad and must pass.
	Twin int
}

// ID is the check as the gate's report names it: COLUMN.RULE or the fault of
// the record.
func (f Fault) ID() string {
	if f.Column == "" {
		return f.Reason
	}
	return f.Column + "." + f.Reason
}

// A Batch is what must become of one file.
type Batch struct {
	Feed, File string
	Rows       int
	// Rejected rows, which are the Faults of this file; all of them on the bad
	// day.
	Rejected int
	// Held: no row of it may be published, and it opens the breaker.
	Held bool
}

// Generate makes a sample. The same options give the same bytes everywhere.
func Generate(opt Options) *Sample {
	if opt.Items <= 0 {
		opt.Items = 5000
	}
	opt.Items = min(max(opt.Items, 300), 20000)
	if opt.Transactions <= 0 {
		opt.Transactions = 20000
	}
	s := &Sample{Truth: Truth{Items: make(map[string]Item, opt.Items)}}
	ids := s.catalog(opt)
	s.orders(opt, ids)
	return s
}

// Landing returns where a file lands below the root of a lake.
func (f File) Landing() string { return "landing/" + f.Feed + "/" + f.Name }

// Key is the id under which the pipeline keeps an item of the catalog feed.
func Key(id string) string { return CatalogFeed + "/" + id }

// bare undoes Key.
func bare(id string) string { return strings.TrimPrefix(id, CatalogFeed+"/") }

func pair(a, b string) [2]string {
	if b < a {
		a, b = b, a
	}
	return [2]string{a, b}
}
