package gate

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"strconv"
	"unicode/utf8"

	"github.com/assay-pipeline/assay/pipeline/codec"
)

// A Reject is one reason why a row was not accepted.
type Reject struct {
	Row        int64
	Line       int64
	Start, End int64  // byte range of the record in the decoded file
	Hash       string // first 128 bits of the record's SHA-256
	Code       string
	Column     string
	Value      string
	Rule       string
	Expected   string
	// Document is the name of the document that the row is about, for a feed
	// whose rows are measured.
	Document string
	rule     int
}

// reject writes the reasons of the rows of a chunk that are not accepted.
func (k *sink) reject(s *sheet) error {
	at := 0
	k.lines.start(&s.chunk)
	for _, p := range s.places() {
		if p.bad >= 0 {
			b := &s.chunk.Bad[p.bad]
			rj := k.place(s, p.row, b.Start, b.End, b.Length)
			if b.Fault == codec.LongRecord && b.Hash != [16]byte{} {
				rj.Hash = hex.EncodeToString(b.Hash[:])
			}
			rj.Code, rj.Rule, rj.Expected, rj.rule = string(b.Fault), "record", b.Detail, k.r.g.record
			if err := k.put(rj, s.chunk.Data[b.Start:b.End], true); err != nil {
				return err
			}
			continue
		}
		for at < len(s.fails) && int(s.fails[at].row) < p.good {
			at++
		}
		if !s.rejected[p.good] {
			continue
		}
		var start, end uint32
		if s.chunk.Starts != nil {
			start, end = s.chunk.Starts[p.good], s.chunk.Ends[p.good]
		}
		rj := k.place(s, p.row, start, end, int64(end-start))
		for first := true; at < len(s.fails) && int(s.fails[at].row) == p.good; at++ {
			rule := &k.r.g.rules[s.fails[at].rule]
			if !rule.rejects {
				continue // it failed, but it is not why the row is rejected
			}
			rj.Code, rj.Column, rj.Rule, rj.Expected, rj.rule = rule.name, rule.field, rule.id, rule.want, int(s.fails[at].rule)
			rj.Value = k.r.value(s, int(s.fails[at].rule), p.good)
			rj.Document = k.r.documentOf(s, p.good)
			if err := k.put(rj, s.raw(start, end, rj.Row), first); err != nil {
				return err
			}
			first = false
		}
	}
	if len(k.table.sel) < tableRows {
		return nil
	}
	return k.flush()
}

func hashOf(record []byte) string {
	h := codec.RecordHash(record)
	return hex.EncodeToString(h[:])
}

func (k *sink) place(s *sheet, row int64, start, end uint32, length int64) Reject {
	if s.chunk.Starts == nil && length == 0 { // Parquet has neither lines nor byte ranges
		return Reject{Row: row}
	}
	off := s.chunk.Offset + int64(start)
	return Reject{Row: row, Line: k.lines.at(int(start)), Start: off, End: off + length, Hash: hashOf(s.chunk.Data[start:end])}
}

// put adds a reason; the raw record goes with the first of a row.
func (k *sink) put(rj Reject, raw []byte, first bool) error {
	if k.r.opt.Rejected != nil {
		k.r.opt.Rejected(rj)
	}
	if k.r.part != nil {
		return k.r.part.reject(rj, raw, first, k.r.g.record)
	}
	if k.csv == nil {
		var err error
		if k.csv, err = k.create("rejects.csv"); err != nil {
			return err
		}
		if _, err = io.WriteString(k.csv, k.rejectHead()); err != nil {
			return err
		}
		if k.raw, err = k.create("raw.jsonl"); err != nil {
			return err
		}
		if k.rejectsFile, err = k.create("rejects.parquet"); err != nil {
			return err
		}
		if k.rejects, err = codec.NewWriter(k.rejectsFile, k.rejectSpec()); err != nil {
			return err
		}
		k.rejects.RowGroupBytes = 4 << 20
	}
	k.table.add(rj)
	line := k.table.line[:0]
	for i, n := range []int64{rj.Row, rj.Line, rj.Start, rj.End} {
		if i > 0 {
			line = append(line, ',')
		}
		line = strconv.AppendInt(line, n, 10)
	}
	for _, v := range []string{rj.Hash, rj.Code, rj.Column, rj.Value, rj.Rule, rj.Expected} {
		line = append(line, ',')
		line = appendCSV(line, v)
	}
	if k.r.g.feed.Kind.Measured() {
		line = append(line, ',')
		line = appendCSV(line, rj.Document)
	}
	line = append(line, '\n')
	k.table.line = line
	if _, err := k.csv.Write(line); err != nil {
		return err
	}
	k.csv.rows++
	if !first {
		return nil
	}
	k.raw.rows++
	_, err := k.raw.Write(rawLine(rj, raw))
	return err
}

// raw is the record as it landed; of Parquet, its values as JSON.
func (s *sheet) raw(start, end uint32, row int64) []byte {
	if s.chunk.Starts != nil || end > start {
		return s.chunk.Data[start:end]
	}
	values := make([]any, len(s.chunk.Cols))
	for i := range s.chunk.Cols {
		v := &vector{col: &s.chunk.Cols[i], data: s.chunk.Data, cells: s.chunk.Cols[i].Cells, kinds: s.chunk.Cols[i].Kinds}
		if b := v.display(int(row - s.chunk.Row)); b != nil {
			values[i] = string(b)
		}
	}
	b, err := json.Marshal(values)
	if err != nil {
		return nil
	}
	return b
}

func rawLine(rj Reject, raw []byte) []byte {
	b := append(make([]byte, 0, len(raw)+160), `{"row":`...)
	b = strconv.AppendInt(b, rj.Row, 10)
	if rj.Line != 0 {
		b = strconv.AppendInt(append(b, `,"line":`...), rj.Line, 10)
	}
	b = strconv.AppendInt(append(b, `,"start":`...), rj.Start, 10)
	b = strconv.AppendInt(append(b, `,"end":`...), rj.End, 10)
	if rj.Hash != "" {
		b = append(append(append(b, `,"hash":"`...), rj.Hash...), '"')
	}
	switch {
	case len(raw) == 0:
	case utf8.Valid(raw):
		b = appendJSON(append(b, `,"raw":`...), raw)
	default: // the record is not UTF-8
		b = base64.StdEncoding.AppendEncode(append(b, `,"raw_base64":"`...), raw)
		b = append(b, '"')
	}
	if rj.End > rj.Start && rj.End-rj.Start > int64(len(raw)) {
		b = append(b, `,"cut":true`...)
	}
	return append(b, '}', '\n')
}

// appendJSON appends a text as a JSON string.
func appendJSON(b, text []byte) []byte {
	for _, c := range text {
		if c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			var out bytes.Buffer
			e := json.NewEncoder(&out)
			e.SetEscapeHTML(false)
			_ = e.Encode(string(text)) // strings always encode
			return append(b, bytes.TrimSuffix(out.Bytes(), []byte{'\n'})...)
		}
	}
	return append(append(append(b, '"'), text...), '"')
}

// appendCSV appends a cell, quoted where it must be.
func appendCSV(b []byte, s string) []byte {
	plain := true
	for i := 0; i < len(s); i++ {
		if c := s[i]; c == ',' || c == '"' || c == '\n' || c == '\r' {
			plain = false
			break
		}
	}
	if plain {
		return append(b, s...)
	}
	b = append(b, '"')
	for i := 0; i < len(s); i++ {
		if s[i] == '"' {
			b = append(b, '"')
		}
		b = append(b, s[i])
	}
	return append(b, '"')
}
