package codec

import "context"

// A Cell is a half-open range of bytes in Chunk.Data.
type Cell struct{ Start, End uint32 }

// A Kind says what stands in a cell.
type Kind uint8

const (
	// Text: the bytes of the cell, of a CSV field or a JSON string.
	Text Kind = iota
	// Null: a JSON null, a Parquet null.
	Null
	// Absent: the JSON object does not have the key.
	Absent
	// Number: the text of a JSON number.
	Number
	// True and False: JSON or Parquet booleans.
	True
	False
	// Nested: the text of a JSON object or array.
	Nested
	// Int, Float, Days, Micros, Clock: typed values from Parquet, in
	// Column.Ints (Days since 1970-01-01, Micros since the epoch, Clock in
	// microseconds of the day) or Column.Floats.
	Int
	Float
	Days
	Micros
	Clock
)

// A Column holds the cells of one column, one per good record of its chunk.
type Column struct {
	Cells []Cell
	// Kinds is nil where every cell is Text.
	Kinds []Kind
	// Mix has bit k set for each kind k in Kinds; 0 where that is not known.
	Mix    uint16
	Ints   []int64
	Floats []float64
}

// A Fault says why a record could not be split into cells. Faults are stable:
// they stand in reports and rejects.
type Fault string

const (
	FieldCount  Fault = "field_count"
	StrayQuote  Fault = "stray_quote"
	LongRecord  Fault = "record_too_long"
	NotUTF8     Fault = "not_utf8"
	NulByte     Fault = "nul_byte"
	JSONSyntax  Fault = "json_syntax"
	NotAnObject Fault = "not_an_object"
	DoubleName  Fault = "double_name"
)

// A Bad record is one that has no cells.
type Bad struct {
	// Before is the index of the good record of the chunk that follows it.
	Before int
	// Start and End bound it in Data. A record that is too long has only its
	// beginning there.
	Start, End uint32
	// Length of the whole record in bytes, line break excluded.
	Length int64
	Fault  Fault
	// Hash is set for a record that is too long to hold; RecordHash of its bytes
	// gives that of any other.
	Hash [16]byte
	// Detail says more without showing content, e.g. "9 fields, 10 expected".
	Detail string
}

// A Chunk is a run of whole records.
type Chunk struct {
	// Row is the number of the first record of the chunk, from 1.
	Row int64
	// Offset and Line are the place of Data[0] in the decoded file: bytes from
	// 0 and physical lines from 1.
	Offset, Line int64
	// Source is the place of Data[0] in the file before it was decoded, in bytes
	// from its first character on. It is 0 for Parquet.
	Source int64
	// Data holds the records' bytes as read, up to Raw; beyond it, unescaped
	// text of cells.
	Data []byte
	Raw  int
	// Rows counts the good records; Starts and Ends bound each in Data,
	// without line break. They are nil for Parquet.
	Rows         int
	Starts, Ends []uint32
	Cols         []Column
	Bad          []Bad

	cut cutting
}

// mix sets Mix.
func (c *Column) mix() {
	mix := uint16(0)
	for _, k := range c.Kinds {
		mix |= 1 << (k & 15)
	}
	c.Mix = mix
}

// Text returns the bytes of a cell.
func (c *Chunk) Text(cell Cell) []byte { return c.Data[cell.Start:cell.End:cell.End] }

// Records counts good and bad records.
func (c *Chunk) Records() int { return c.Rows + len(c.Bad) }

func (c *Chunk) reset(cols int) {
	c.Data = c.Data[:0]
	c.Raw, c.Rows = 0, 0
	c.Starts, c.Ends, c.Bad = c.Starts[:0], c.Ends[:0], c.Bad[:0]
	c.cut.stretches = c.cut.stretches[:0]
	if len(c.Cols) != cols {
		c.Cols = make([]Column, cols)
	}
	for i := range c.Cols {
		col := &c.Cols[i]
		col.Cells, col.Kinds, col.Mix = col.Cells[:0], col.Kinds[:0], 0
		col.Ints, col.Floats = col.Ints[:0], col.Floats[:0]
	}
}

// A Reader yields a file as chunks. Next fills c, reusing its memory, and
// returns io.EOF after the last chunk. Errors: invalid for content that cannot
// be read at all, unavailable for a source that failed.
type Reader interface {
	// Columns are the names of the columns, in the order of Chunk.Cols.
	Columns() []string
	Next(ctx context.Context, c *Chunk) error
}
