package chaos

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/gate"
)

// A Value is one cell. Quoted says that it is a JSON string.
type Value struct {
	Text   string
	Null   bool
	Quoted bool
}

// A Table is a batch as rows, in the order of the file. Faults change it.
type Table struct {
	Columns []string
	Rows    [][]Value
}

// Column is the index of a column, -1 for none.
func (t *Table) Column(name string) int { return slices.Index(t.Columns, name) }

// Clone copies t, so that a fault may change it.
func (t *Table) Clone() *Table {
	out := &Table{Columns: slices.Clone(t.Columns), Rows: make([][]Value, len(t.Rows))}
	flat := make([]Value, 0, len(t.Rows)*len(t.Columns))
	for i, r := range t.Rows {
		at := len(flat)
		flat = append(flat, r...)
		out.Rows[i] = flat[at:len(flat):len(flat)]
	}
	return out
}

// textFeed is f as its scratch batches are read: a feed of Parquet is written as
// JSON Lines, whose values keep their types too, and compression goes by name.
func textFeed(f contract.Feed) contract.Feed {
	f.Dialect.Compression = ""
	if f.Format == contract.Parquet || f.Format == contract.JSON {
		f.Format = contract.JSONL
		f.Dialect.Encoding = ""
	}
	return f
}

// readClean reads a batch and keeps the rows that its contract accepts.
func readClean(ctx context.Context, f *contract.Feed, in gate.Input, memory int64, tmp string) (*Table, error) {
	own := *f
	own.Relations = nil
	g, err := gate.Compile(&own)
	if err != nil {
		return nil, err
	}
	rejected := map[int64]bool{}
	rep, err := g.Judge(ctx, in, gate.Options{Output: nowhere{}, RejectsOnly: true, Memory: memory, Tmp: tmp, Workers: 1,
		Rejected: func(r gate.Reject) { rejected[r.Row] = true }})
	if err != nil {
		return nil, err
	}
	if rep.Problem != nil {
		return nil, rep.Problem.Err()
	}
	r, closer, err := reader(ctx, f, in)
	if err != nil {
		return nil, err
	}
	defer closer()
	t := &Table{Columns: slices.Clone(r.Columns())}
	var ch codec.Chunk
	for {
		if err := r.Next(ctx, &ch); errors.Is(err, io.EOF) {
			return t, nil
		} else if err != nil {
			return nil, err
		}
		bad := 0
		for row := range ch.Rows {
			for bad < len(ch.Bad) && ch.Bad[bad].Before <= row {
				bad++
			}
			if rejected[ch.Row+int64(row+bad)] {
				continue
			}
			vs := make([]Value, len(ch.Cols))
			for c := range ch.Cols {
				vs[c] = valueOf(f, &ch, c, row)
			}
			t.Rows = append(t.Rows, vs)
		}
	}
}

type nowhere struct{}

func (nowhere) Create(context.Context, string) (io.WriteCloser, error) { return sinkCloser{}, nil }

type sinkCloser struct{}

func (sinkCloser) Write(p []byte) (int, error) { return len(p), nil }
func (sinkCloser) Close() error                { return nil }

func reader(ctx context.Context, f *contract.Feed, in gate.Input) (codec.Reader, func(), error) {
	if f.Format == contract.Parquet {
		r, err := codec.NewParquet(in.Name, codec.NewRanges(ctx, in.Name, in.Size, in.Open, nil), in.Size)
		return r, func() {}, err
	}
	body, err := in.Open(ctx, 0, -1)
	if err != nil {
		return nil, nil, err
	}
	closer := func() { _ = body.Close() }
	d, err := gate.Dialect(f)
	if err != nil {
		closer()
		return nil, nil, err
	}
	text, err := codec.Open(in.Name, body, d)
	if err != nil {
		closer()
		return nil, nil, err
	}
	var names []string
	for _, fd := range f.Fields {
		names = append(names, fd.Column)
	}
	var r codec.Reader
	if f.Format == contract.JSONL || f.Format == contract.JSON {
		r, err = codec.NewJSON(in.Name, text, d, names, f.Format == contract.JSON)
	} else {
		r, err = codec.NewCSV(in.Name, text, d, names)
	}
	if err != nil {
		closer()
		return nil, nil, err
	}
	return r, closer, nil
}

func valueOf(f *contract.Feed, ch *codec.Chunk, col, row int) Value {
	c := &ch.Cols[col]
	if c.Kinds == nil {
		v := Value{Text: string(ch.Text(c.Cells[row]))}
		v.Null = slices.Contains(f.Dialect.NullWords, v.Text)
		return v
	}
	switch c.Kinds[row] {
	case codec.Null, codec.Absent:
		return Value{Null: true}
	case codec.Text:
		return Value{Text: string(ch.Text(c.Cells[row])), Quoted: true}
	case codec.True:
		return Value{Text: "true"}
	case codec.False:
		return Value{Text: "false"}
	case codec.Int:
		return Value{Text: itoa(c.Ints[row])}
	case codec.Float:
		return Value{Text: ftoa(c.Floats[row])}
	case codec.Days:
		return Value{Text: dayText(c.Ints[row]), Quoted: true}
	case codec.Micros:
		return Value{Text: microText(c.Ints[row]), Quoted: true}
	case codec.Clock:
		return Value{Text: clockText(c.Ints[row]), Quoted: true}
	}
	return Value{Text: string(ch.Text(c.Cells[row]))}
}

// Encode writes the table as a file of the feed.
func (t *Table) Encode(f *contract.Feed) ([]byte, error) {
	var b bytes.Buffer
	if f.Format == contract.JSONL {
		for _, r := range t.Rows {
			b.WriteByte('{')
			first := true
			for c, v := range r {
				if v.Null && !v.Quoted && v.Text == "" {
					continue
				}
				if !first {
					b.WriteByte(',')
				}
				first = false
				name, _ := json.Marshal(t.Columns[c]) // a string always marshals
				b.Write(name)
				b.WriteByte(':')
				if v.Quoted {
					text, _ := json.Marshal(v.Text)
					b.Write(text)
				} else {
					b.WriteString(v.Text)
				}
			}
			b.WriteString("}\n")
		}
		return b.Bytes(), nil
	}
	t.csv(&b, f)
	switch strings.ToLower(f.Dialect.Encoding) {
	case "", "utf-8", "utf8":
		return b.Bytes(), nil
	case "utf-16", "utf-16le", "utf-16be":
		order := unicode.LittleEndian
		if strings.HasSuffix(strings.ToLower(f.Dialect.Encoding), "be") {
			order = unicode.BigEndian
		}
		return encodeBytes(unicode.UTF16(order, unicode.UseBOM), b.Bytes())
	case "windows-1252":
		return encodeBytes(charmap.Windows1252, b.Bytes())
	case "iso-8859-1", "latin-1", "latin1":
		return encodeBytes(charmap.ISO8859_1, b.Bytes())
	}
	return nil, pipeline.Errorf(pipeline.CodeInvalid, "batches in %s cannot be written", f.Dialect.Encoding)
}

func encodeBytes(e encoding.Encoding, b []byte) ([]byte, error) {
	return encoding.ReplaceUnsupported(e.NewEncoder()).Bytes(b)
}

func (t *Table) csv(b *bytes.Buffer, f *contract.Feed) {
	d := f.Dialect
	delimiter, quote := d.Delimiter, d.Quote
	if delimiter == "" {
		delimiter, quote = ",", `"`
	}
	escape := d.Escape
	if escape == "" {
		escape = quote
	}
	cell := func(s string) {
		if quote != "" && (strings.Contains(s, delimiter) || strings.Contains(s, quote) || strings.ContainsAny(s, "\r\n") || s != strings.TrimSpace(s)) {
			s = quote + strings.ReplaceAll(s, quote, escape+quote) + quote
		}
		b.WriteString(s)
	}
	line := func(n int, at func(int) string) {
		for i := range n {
			if i > 0 {
				b.WriteString(delimiter)
			}
			cell(at(i))
		}
		b.WriteByte('\n')
	}
	for range d.Preamble {
		b.WriteString("#\n")
	}
	for range d.Header {
		line(len(t.Columns), func(i int) string { return t.Columns[i] })
	}
	for _, r := range t.Rows {
		if len(r) == 1 && r[0].Text == "" {
			b.WriteString(quote + quote + "\n") // an empty line is no record
			continue
		}
		line(len(r), func(i int) string { return r[i].Text })
	}
}
