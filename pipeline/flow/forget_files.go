package flow

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/lake"
)

// without writes a landed file without the records of the subject and returns
// how many they were; it writes nothing of value where they were none.
func (s *subject) without(ctx context.Context, l *lake.Lake, o lake.Object, w *bytes.Buffer) (int, error) {
	if s.f.Format == contract.Parquet {
		r, at, err := l.ReaderAt(ctx, o.Key)
		if err != nil {
			return 0, err
		}
		defer r.Close()
		_, dropped, err := codec.RewriteParquet(ctx, r, at.Size, w, s.physic, func(key []string) bool { return !slices.Equal(key, s.key) })
		if pipeline.ErrorCode(err) == pipeline.CodeInvalid {
			return 0, nil // no Parquet: nothing of it was ever read
		}
		return int(dropped), err
	}
	src, _, err := l.Open(ctx, o.Key, 0, -1)
	if err != nil {
		return 0, err
	}
	defer src.Close()
	d := codec.Dialect{Compression: s.f.Dialect.Compression, Encoding: s.f.Dialect.Encoding}
	text, err := codec.Open(o.Key, src, d)
	if pipeline.ErrorCode(err) == pipeline.CodeInvalid {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	out, end, err := recompress(codec.Compression(d, o.Key), w)
	if err != nil {
		return 0, err
	}
	var n int
	if s.f.Format == contract.JSON {
		n, err = s.withoutElements(text, out)
	} else {
		n, err = s.withoutRecords(text, out)
	}
	if err != nil {
		return 0, err
	}
	if enc := strings.ToLower(s.f.Dialect.Encoding); n > 0 && enc != "" && enc != "utf-8" && enc != "utf8" {
		return 0, pipeline.Errorf(pipeline.CodeInvalid, "%s is %s: a record cannot be cut out of it", o.Key, enc).
			WithHint("remove the file by hand, then run forget again")
	}
	return n, end()
}

// recompress writes as the file was compressed.
func recompress(kind string, w io.Writer) (io.Writer, func() error, error) {
	switch kind {
	case "gzip":
		z := gzip.NewWriter(w)
		return z, z.Close, nil
	case "zstd":
		z, err := zstd.NewWriter(w)
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	case "":
		return w, func() error { return nil }, nil
	}
	return nil, nil, pipeline.Errorf(pipeline.CodeInvalid, "files compressed by %s cannot be written", kind).WithHint("remove the file by hand, then run forget again")
}

// withoutRecords copies CSV records or JSON lines without those of the subject.
func (s *subject) withoutRecords(r io.Reader, w io.Writer) (int, error) {
	br := bufio.NewReaderSize(r, 256<<10)
	quote := byte(0)
	if s.f.Format == contract.CSV && s.f.Dialect.Quote != "" {
		quote = s.f.Dialect.Quote[0]
	}
	var header []string
	n := 0
	for line := 0; ; line++ {
		rec, err := record(br, quote)
		if len(rec) > 0 {
			switch {
			case s.f.Format == contract.CSV && line < s.f.Dialect.Preamble:
			case s.f.Format == contract.CSV && line < s.f.Dialect.Preamble+s.f.Dialect.Header:
				header = s.cells(rec)
			default:
				if s.is(rec, header) {
					n++
					rec = nil
				}
			}
			if _, werr := w.Write(rec); werr != nil {
				return n, werr
			}
		}
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return n, err
		}
	}
}

// record reads up to a line break outside quotes, that included.
func record(br *bufio.Reader, quote byte) ([]byte, error) {
	var rec []byte
	inside := false
	for {
		part, err := br.ReadSlice('\n')
		rec = append(rec, part...)
		if quote != 0 {
			inside = inside != (bytes.Count(part, []byte{quote})%2 == 1)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil || !inside {
			return rec, err
		}
	}
}

// cells splits a CSV record; nil where it does not split.
func (s *subject) cells(rec []byte) []string {
	c := csv.NewReader(bytes.NewReader(rec))
	if d, _ := utf8.DecodeRuneInString(s.f.Dialect.Delimiter); s.f.Dialect.Delimiter != "" {
		c.Comma = d
	}
	c.LazyQuotes, c.FieldsPerRecord = true, -1
	out, err := c.Read()
	if err != nil {
		return nil
	}
	return out
}

// is reports whether a record is the subject's: its key columns hold the key;
// of a record that does not split as its header does, that it names the key.
func (s *subject) is(rec []byte, header []string) bool {
	if s.f.Format == contract.JSONL || s.f.Format == contract.JSON {
		var obj map[string]any
		d := json.NewDecoder(bytes.NewReader(rec))
		d.UseNumber()
		if d.Decode(&obj) != nil {
			return s.named(string(rec))
		}
		for i, c := range s.physic {
			if fmt.Sprint(obj[c]) != s.key[i] {
				return false
			}
		}
		return true
	}
	cells := s.cells(rec)
	if header == nil && s.f.Dialect.Header == 0 {
		for _, f := range s.f.Fields {
			header = append(header, f.Column)
		}
	}
	if len(cells) != len(header) {
		return s.named(string(rec))
	}
	for i, c := range s.physic {
		at := slices.Index(header, c)
		if at < 0 {
			return s.named(string(rec))
		}
		if strings.TrimSpace(cells[at]) != s.key[i] {
			return false
		}
	}
	return true
}

// isRaw is is for a record without its header: every part of the key is one of
// its cells.
func (s *subject) isRaw(rec string) bool {
	if s.f.Format == contract.JSONL || s.f.Format == contract.JSON {
		return s.is([]byte(rec), nil)
	}
	cells := s.cells([]byte(rec))
	if s.f.Format == contract.Parquet { // its values, as a JSON array
		var values []any
		if json.Unmarshal([]byte(rec), &values) == nil {
			cells = nil
			for _, v := range values {
				cells = append(cells, fmt.Sprint(v))
			}
		}
	}
	if len(cells) == 0 {
		return s.named(rec)
	}
	for _, k := range s.key {
		if !slices.ContainsFunc(cells, func(c string) bool { return strings.TrimSpace(c) == k }) {
			return len(cells) < 2 && s.named(rec)
		}
	}
	return true
}

// named reports whether every part of the key stands in a text as a word.
func (s *subject) named(text string) bool {
	for _, k := range s.key {
		if replaceWord(text, k, "") == text {
			return false
		}
	}
	return true
}

// withoutElements copies a JSON array without the subject's elements.
func (s *subject) withoutElements(r io.Reader, w io.Writer) (int, error) {
	var elems []json.RawMessage
	if err := json.NewDecoder(r).Decode(&elems); err != nil {
		return 0, nil //nolint:nilerr // it was never read either
	}
	kept := slices.DeleteFunc(slices.Clone(elems), func(e json.RawMessage) bool { return s.is(e, nil) })
	if len(kept) == len(elems) {
		return 0, nil
	}
	b, err := json.MarshalIndent(kept, "", " ")
	if err != nil {
		return 0, err
	}
	_, err = w.Write(append(b, '\n'))
	return len(elems) - len(kept), err
}

// withoutRaw copies the raw records of rejects without the subject's, and notes
// their rows.
func (s *subject) withoutRaw(ctx context.Context, l *lake.Lake, o lake.Object, w *bytes.Buffer, rows map[int64]bool) (int, error) {
	src, err := l.ReadObject(ctx, o.Key)
	if err != nil {
		return 0, err
	}
	n := 0
	for line := range bytes.Lines(src) {
		var rec struct {
			Row    int64  `json:"row"`
			Raw    string `json:"raw"`
			Base64 string `json:"raw_base64"`
		}
		if err := json.Unmarshal(line, &rec); err == nil {
			if raw, err := base64.StdEncoding.DecodeString(rec.Base64); err == nil && rec.Raw == "" {
				rec.Raw = string(raw)
			}
			if s.isRaw(rec.Raw) {
				rows[rec.Row] = true
				n++
				continue
			}
		}
		w.Write(line)
	}
	return n, nil
}

// withoutRejects copies rejects.csv without the subject's rows.
func (s *subject) withoutRejects(ctx context.Context, l *lake.Lake, o lake.Object, w *bytes.Buffer, rows map[int64]bool) (int, error) {
	src, err := l.ReadObject(ctx, o.Key)
	if err != nil {
		return 0, err
	}
	br := bufio.NewReader(bytes.NewReader(src))
	n := 0
	for first := true; ; first = false {
		rec, err := record(br, '"')
		if len(rec) > 0 {
			head, _, _ := bytes.Cut(rec, []byte{','})
			row, perr := strconv.ParseInt(string(head), 10, 64)
			if !first && (perr == nil && rows[row] || s.named(string(rec))) {
				n++
			} else {
				w.Write(rec)
			}
		}
		if err != nil {
			return n, nil //nolint:nilerr // the end: it is read from memory
		}
	}
}

// withoutRejectRows copies a Parquet file of rejects without the subject's rows.
func (s *subject) withoutRejectRows(ctx context.Context, l *lake.Lake, o lake.Object, w *bytes.Buffer, rows map[int64]bool) (int, error) {
	r, at, err := l.ReaderAt(ctx, o.Key)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	_, dropped, err := codec.RewriteParquet(ctx, r, at.Size, w, []string{"row", "value"}, func(v []string) bool {
		row, err := strconv.ParseInt(v[0], 10, 64)
		return (err != nil || !rows[row]) && !s.named(v[1])
	})
	if pipeline.ErrorCode(err) == pipeline.CodeInvalid {
		return 0, nil
	}
	return int(dropped), err
}

// replaceWord replaces word in text where no letter or digit stands beside it.
func replaceWord(text, word, with string) string {
	if word == "" || !strings.Contains(text, word) {
		return text
	}
	var b strings.Builder
	rest := text
	for {
		i := strings.Index(rest, word)
		if i < 0 {
			b.WriteString(rest)
			return b.String()
		}
		before, _ := utf8.DecodeLastRuneInString(rest[:i])
		if i == 0 {
			before, _ = utf8.DecodeLastRuneInString(b.String())
		}
		after, _ := utf8.DecodeRuneInString(rest[i+len(word):])
		b.WriteString(rest[:i])
		if part(before) || part(after) {
			b.WriteString(word)
		} else {
			b.WriteString(with)
		}
		rest = rest[i+len(word):]
	}
}

func part(r rune) bool { return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)) }
