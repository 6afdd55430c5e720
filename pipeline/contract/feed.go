package contract

import (
	"slices"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
)

// A Feed is what the gate and the flow need of one schema object of a
// contract: names resolved, defaults applied, customProperties under "assay."
// decoded. It is plain data and never changes once made; Hash names it.
type Feed struct {
	// Name is the feed: the landing folder, the curated folder, the ledger
	// key. assay.feed where stated, else the schema object's name.
	Name string
	// ContractID and Version are the document's own id and version.
	ContractID string
	Version    string
	// Status is the document's: proposed, draft, active, deprecated, retired.
	Status string
	// Schema is the name of the schema object.
	Schema string
	// Physical is the object's physicalName, "" for none. An sql rule may call
	// the batch's table by it too.
	Physical string
	// Hash is a content id over everything below: two contracts with the same
	// hash judge every batch alike.
	Hash string
	// File is where the contract came from, for messages.
	File string

	Owner       string
	Description string

	Fields []Field
	// Keys are the primary key first, where there is one, then the unique
	// fields and composite unique keys.
	Keys   []Key
	Checks []Check
	// Relations are the foreign keys to other feeds, or to this one.
	Relations []Relation
	SLA       []SLA

	// Kind is what the rows of the feed are: "" for rows as they land, or what is
	// measured of documents and other objects.
	Kind Kind `json:",omitempty"`
	// Text is the member of a JSON Lines feed of kind text that holds the text of
	// a document.
	Text string `json:",omitempty"`

	Format    Format
	Dialect   Dialect
	Load      LoadMode
	Evolution Evolution
	Missing   OnFail // what a missing optional column means; default Warn
	// MaxRejectRate: a batch of which a larger share is rejected is held.
	// DefaultMaxRejectRate where the contract states none; 1 sets no limit.
	MaxRejectRate float64
	Breaker       Breaker
	Approval      Approval
	Catalog       *Binding
	// Schedule and Channels judge no batch and are not in Hash: when batches are
	// due, and who is told.
	Schedule Schedule
	Channels []Channel

	// Document is where the feed was compiled from.
	Document *Document `json:"-"`

	// Unenforced names the clauses of the contract that are read but not
	// enforced, by path, each with a reason.
	Unenforced []Clause
}

// DefaultMaxRejectRate is the share of rejected rows above which a batch is
// held where its contract does not say: one row in twenty.
const DefaultMaxRejectRate = 0.05

// A Clause is a place in a contract.
type Clause struct {
	Path   string
	Line   int
	Column int
	Reason string
}

// Type is an ODCS logical type.
type Type string

const (
	String    Type = "string"
	Integer   Type = "integer"
	Decimal   Type = "number"
	Boolean   Type = "boolean"
	Date      Type = "date"
	Timestamp Type = "timestamp"
	Time      Type = "time"
	Object    Type = "object"
	Array     Type = "array"
)

// A Field is one column.
type Field struct {
	// Name is the logical name, Column the name in the file (physicalName
	// where stated, else Name).
	Name   string
	Column string
	Type   Type
	// Options are the logicalTypeOptions.
	Options Options
	// EnumRule is the quality rule that Options.Enum was taken from: its id,
	// severity and message belong in the report. It is not among Checks too.
	EnumRule *Check
	// Required: a null is a failure. Nulls are the dialect's null words; the
	// empty CSV cell is null unless the dialect says otherwise.
	Required bool
	Unique   bool
	// Key is the position in the primary key from 1, 0 for none. A field of the
	// key is required.
	Key int
	// Classified: values never stand in a report, event, log or sample.
	Classified     bool
	Classification string
	// OnFail of the row checks (type, options, required); default RejectRow.
	OnFail      OnFail
	Severity    Severity
	Description string
	// RenamedFrom is the name that the field had in the version before
	// (assay.renamedFrom), for comparisons.
	RenamedFrom string
	// Fields of an object, Items of an array; nested one level or more.
	Fields []Field
	Items  *Field
	Line   int
}

// Options are ODCS logicalTypeOptions. A nil pointer is "not stated".
type Options struct {
	MinLength, MaxLength *int
	Pattern              string // searched, not anchored, as in JSON Schema; RE2
	// Format of a string: one of StringFormats. Of a number: i8 to i128, u8 to
	// u128, f32, f64: the range of values. Of a date, time or timestamp: the
	// pattern as the contract writes it (Formats is what to read with).
	Format string
	// Formats are the accepted layouts of a date, time or timestamp in Go's
	// notation, tried in order; the first is the canonical one.
	Formats []string
	// Bounds are text, since they may be decimals or dates.
	Minimum, Maximum                   string
	ExclusiveMinimum, ExclusiveMaximum string
	MultipleOf                         string
	Timezone                           *bool
	DefaultTimezone                    string
	// Enum are the validValues of a library rule on this field with mustBe: 0
	// that rejects rows; a null is no violation of it. See Field.EnumRule.
	Enum                         []string
	MinItems, MaxItems           *int
	UniqueItems                  bool
	MinProperties, MaxProperties *int
	RequiredProperties           []string
}

// A Key is a set of fields whose values together are unique.
type Key struct {
	Name    string
	Fields  []string
	Primary bool
	Scope   KeyScope
	// HorizonDays bounds a feed-wide key; 0 is the default of 30.
	HorizonDays int
	OnFail      OnFail
	Severity    Severity
}

// DriftMethod is how a rule of drift compares distributions.
type DriftMethod string

const (
	// DriftPSI: the population stability index is at most Tolerance.
	DriftPSI DriftMethod = "psi"
	// DriftJS: the Jensen–Shannon divergence, in bits, is at most Tolerance.
	DriftJS DriftMethod = "js"
	// DriftKS: the p-value of the Kolmogorov–Smirnov distance, by permutation, is
	// at least Tolerance. It suits small batches.
	DriftKS DriftMethod = "ks"
	// DriftNew: at most Tolerance values are there that no earlier batch had.
	DriftNew DriftMethod = "new_categories"
	// DriftVanished: at most Tolerance values are gone that every earlier batch
	// had.
	DriftVanished DriftMethod = "vanished_categories"
)

// KeyScope is how far uniqueness reaches.
type KeyScope string

const (
	ScopeBatch KeyScope = "batch"
	ScopeFeed  KeyScope = "feed"
)

// Severity of a check, ODCS words reduced to three.
type Severity string

const (
	SeverityInfo    Severity = "info"
	SeverityWarning Severity = "warning"
	SeverityError   Severity = "error"
)

// OnFail is what a failed check does.
type OnFail string

const (
	RejectRow OnFail = "reject_row"
	FailBatch OnFail = "fail_batch"
	Warn      OnFail = "warn"
)

// A Check is a quality rule of the contract. One with a threshold judges the
// batch and rejects no row unless it says RejectRow.
//
// Without a stated onFail, a rule of severity error rejects rows where it is a
// nullValues, missingValues, invalidValues or duplicateValues rule with
// mustBe: 0 in rows, or an expression over one row; else it fails the batch. A
// rule of severity warning or info warns.
type Check struct {
	// ID is stable: the rule's own id or name where it has one, else
	// FIELD.METRIC.
	ID    string
	Field string // empty for a rule of the whole schema object
	// Kind is library, sql, custom or text.
	Kind string
	// Metric of a library rule: nullValues, missingValues, invalidValues,
	// duplicateValues, rowCount.
	Metric string
	// Arguments of the metric.
	ValidValues   []string
	Pattern       string
	MissingValues []string
	Properties    []string // of duplicateValues over several columns
	// Query of an sql rule, with ${table}, ${column} and their synonyms put in:
	// the batch is the table named Feed.Schema, quoted, its columns are the
	// fields' logical names, quoted. It returns one number.
	Query  string
	Engine string // assay: the only engine of custom rules that is enforced
	// Of a custom rule, Metric is expression, freshness, volume, usual or drift.
	//   expression: CEL over one row, in Expression; fields are variables; a row
	//     for which it is false fails. Operator and Operands judge the number of
	//     such rows (default mustBe 0).
	//   freshness: the newest value of Field (or the batch's event time, where
	//     Field is empty) is at most MaxAge old.
	//   volume: the row count lies within Tolerance of the mean of the last
	//     Window batches (0.5 = half to one and a half times).
	//   usual: the value of Field in a row lies within Tolerance times its median in
	//     the last Window batches, up and down (3 = a third to three times); at
	//     most a share of the rows (atMost, default none) lies outside.
	//   drift: the distribution of Field against the last Window batches; the
	//     population stability index is at most Tolerance, or what Method says.
	Expression string
	MaxAge     time.Duration
	Tolerance  float64
	// Method of drift; empty for DriftPSI.
	Method DriftMethod
	Window int
	// Operator is mustBe, mustNotBe, mustBeGreaterThan, mustBeGreaterOrEqualTo,
	// mustBeLessThan, mustBeLessOrEqualTo, mustBeBetween (inclusive),
	// mustNotBeBetween; Operands are decimal text, one or two.
	Operator  string
	Operands  []string
	Percent   bool // of the rows of the batch, 0 to 100; never for rowCount
	Dimension string
	Severity  Severity
	OnFail    OnFail
	Message   string
	Line      int
	column    int
	path      string
}

// Finding is what is wrong with the rule, at its place in the contract of f:
// for those who find out by running it.
func (k Check) Finding(f *Feed, level Level, what, do string) Finding {
	return Finding{File: f.File, Line: k.Line, Column: k.column, Path: k.path, Level: level, Rule: "quality", What: what, Do: do}
}

// A Relation is a foreign key: the values of Fields, where none is null, stand
// in ToFields of a published batch of the feed To.
type Relation struct {
	ID     string
	Fields []string
	// To is the name of a feed; it may be this one.
	To       string
	ToFields []string
	OnFail   OnFail
	Severity Severity
	Line     int
	column   int
	path     string
}

// An SLA is one slaProperties entry, judged against the ledger. Latency,
// frequency, retention and availability are enforced, the others listed in
// Feed.Unenforced.
type SLA struct {
	// Property in lower case: latency (event time to publication at most
	// Within), frequency (a batch at least every Within), retention (batches
	// are kept at least Within), availability (at least Percent of the batches
	// of the last 30 days were published).
	Property string
	Value    string
	Unit     string
	Element  string
	Within   time.Duration
	Percent  float64
	Line     int
}

// Format of the landed files.
type Format string

const (
	CSV     Format = "csv"
	JSONL   Format = "jsonl"
	JSON    Format = "json"
	Parquet Format = "parquet"
	// Files: a batch is a ZIP archive or a folder, each file in it an object of a
	// feed of kind text or objects.
	Files Format = "files"
)

// A Dialect says how the text of a file is to be read; nothing is sniffed.
type Dialect struct {
	Delimiter string // default ","
	Quote     string // default `"`
	Escape    string // default: the quote, doubled
	Header    int    // header rows; default 1
	Preamble  int    // rows to skip before the header
	Comment   string
	Encoding  string   // default utf-8
	NullWords []string // default: the empty cell
	Decimal   string   // default "."
	Thousands string   // default none
	Trim      bool
	// MaxRecordBytes bounds one record; default 1 MiB.
	MaxRecordBytes int
	Compression    string // "", gzip, zstd, bzip2; "" = by file name
}

// LoadMode is what a batch does to its feed.
type LoadMode string

const (
	Append   LoadMode = "append"
	Snapshot LoadMode = "snapshot"
	Upsert   LoadMode = "upsert"
)

// Evolution is what an undeclared column means.
type Evolution string

const (
	EvolveReject Evolution = "reject"
	EvolveWarn   Evolution = "warn"
	EvolveIgnore Evolution = "ignore"
	EvolveEvolve Evolution = "evolve"
)

// Breaker is assay.breaker as the contract states it; flow makes a
// breaker.Policy of it. Zero values mean the defaults.
type Breaker struct {
	Mode        string // enforce (default), observe
	Window      int    // batches; default 1
	Cooldown    string // duration; default 1h
	MaxCooldown string
	Probes      int    // batches that must be decided publish in half-open; default 2
	Fallback    string // last_good (default), degraded, halt
	MaxNullRate *float64
	MaxReject   *float64
	MinRows     int64
	Freshness   string
	// Replay says whether held batches are judged again by themselves when the
	// breaker closes: manual (default), auto.
	Replay string
}

// Approval is assay.approval: when a person has to release a batch.
type Approval struct {
	When   string // never (default), always, on_warn, on_hold
	Expiry string // default 24h
}

// A Binding is assay.catalog: which fields of the feed are an item, by their
// logical names.
type Binding struct {
	// IDs are the fields that name the item, in order; the item's id is FEED/
	// and their values, joined by a slash. ID is the first of them.
	IDs          []string
	ID           string
	Text         string
	Category     string
	Manufacturer string
	PartNumber   string
	UnitOfMeas   string
	PackQuantity string
	Procurement  string
	Group        string
	Plant        string
	Language     string
	// Trust per mapped noun (category, manufacturer, …): high, low (default),
	// none; of the text high (default) or low. What each does: package parse.
	Trust map[string]string
	// Default category of every item of the feed, where it has but one.
	DefaultCategory string
}

// Trusts is Trust as items carry it.
func (b *Binding) Trusts() pipeline.Trust {
	var words []string
	for noun, level := range b.Trust {
		if def := pipeline.Trust("").Of(noun); pipeline.Level(level) != def {
			words = append(words, noun+"="+level)
		}
	}
	slices.Sort(words)
	return pipeline.Trust(strings.Join(words, " "))
}
