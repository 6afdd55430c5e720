package codec

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strconv"
)

// Documents reads JSON Lines whose records hold a text, and adds columns that
// are measured of it.
type Documents struct {
	*JSON
	text     int // the column of the text, among those of JSON
	own      int // how many columns of JSON come first
	measures []string
	meter    *TextMeter
	cols     []string
}

// NewDocuments adds the measures to the columns of j, which has the member
// text. Measures are bytes, sha256, encoding, language, characters, words,
// lines, repeated, boilerplate.
func NewDocuments(j *JSON, text string, measures []string) *Documents {
	return &Documents{JSON: j, text: slices.Index(j.cols, text), own: len(j.cols), measures: measures,
		meter: NewTextMeter(), cols: slices.Concat(j.cols, measures)}
}

// Columns are the members and the measures.
func (d *Documents) Columns() []string { return d.cols }

// Seen reports for each column whether some record had it; measures are always
// there.
func (d *Documents) Seen() []bool {
	out := slices.Clone(d.JSON.Seen())
	for range d.measures {
		out = append(out, true)
	}
	return out
}

// Extra are the undeclared members, but for those that a measure stands for.
func (d *Documents) Extra() []string {
	return slices.DeleteFunc(d.JSON.Extra(), func(n string) bool { return slices.Contains(d.measures, n) })
}

// Next fills ch with the next records.
func (d *Documents) Next(ctx context.Context, ch *Chunk) error {
	if len(ch.Cols) == len(d.cols) {
		ch.Cols = ch.Cols[:d.own]
	}
	err := d.JSON.Next(ctx, ch)
	if len(ch.Cols) == d.own {
		if cap(ch.Cols) < len(d.cols) {
			ch.Cols = append(make([]Column, 0, len(d.cols)), ch.Cols...)
		}
		ch.Cols = ch.Cols[:len(d.cols)]
	}
	if err != nil {
		return err
	}
	for i := range d.measures {
		c := &ch.Cols[d.own+i]
		c.Cells, c.Kinds, c.Ints, c.Floats = c.Cells[:0], c.Kinds[:0], c.Ints[:0], c.Floats[:0]
	}
	for row := range ch.Rows {
		text, there := "", false
		if c := &ch.Cols[d.text]; c.Kinds[row] == Text {
			text, there = string(ch.Text(c.Cells[row])), true
		}
		t := d.meter.Measure(text)
		for i, name := range d.measures {
			value, kind := t.value(name, text)
			if !there && kind == Text {
				value, kind = "", Null
			}
			start := uint32(len(ch.Data))
			ch.Data = append(ch.Data, value...)
			c := &ch.Cols[d.own+i]
			c.Cells, c.Kinds = append(c.Cells, Cell{start, uint32(len(ch.Data))}), append(c.Kinds, kind)
		}
	}
	return nil
}

// value is one measure as the text of a cell.
func (t TextMeasure) value(name, text string) (string, Kind) {
	whole := func(n int64) (string, Kind) { return strconv.FormatInt(n, 10), Number }
	part := func(f float64) (string, Kind) { return strconv.FormatFloat(f, 'f', -1, 64), Number }
	switch name {
	case "bytes":
		return whole(int64(len(text)))
	case "sha256":
		return fmt.Sprintf("%x", sha256.Sum256([]byte(text))), Text
	case "encoding":
		return t.Encoding, Text
	case "language":
		return t.Language, Text
	case "characters":
		return whole(t.Characters)
	case "words":
		return whole(t.Words)
	case "lines":
		return whole(t.Lines)
	case "repeated":
		return part(t.Repeated)
	case "boilerplate":
		return part(t.Boilerplate)
	}
	return "", Null
}
