package codec

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

// dataDir finds shared test data beside the repository, or skips.
func dataDir(t testing.TB, name string) string {
	t.Helper()
	dir := os.Getenv("ASSAY_TEST_DATA")
	if dir == "" {
		wd, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for root := wd; root != filepath.Dir(root); root = filepath.Dir(root) {
			if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
				dir = filepath.Join(root, "..", "shared", "data")
				break
			}
		}
	}
	dir = filepath.Join(dir, name)
	if _, err := os.Stat(dir); err != nil {
		t.Skip("needs ../shared/data: " + name)
	}
	return dir
}

// A line is a record as the tests see it.
type line struct {
	Cells  []string
	Fault  Fault
	Offset int64
	Length int64
	Line   int64
}

// readAll reads a file into records.
func readAll(t testing.TB, r Reader) ([]line, error) {
	t.Helper()
	var out []line
	var c Chunk
	row := int64(1)
	for {
		err := r.Next(context.Background(), &c)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return out, err
		}
		if c.Row != row {
			t.Fatalf("chunk starts with row %d, want %d", c.Row, row)
		}
		row += int64(c.Records())
		bad := 0
		put := func(upTo int) {
			for bad < len(c.Bad) && c.Bad[bad].Before <= upTo {
				b := c.Bad[bad]
				out = append(out, line{Fault: b.Fault, Offset: c.Offset + int64(b.Start), Length: b.Length, Line: lineOf(&c, b.Start)})
				bad++
			}
		}
		for i := range c.Rows {
			put(i)
			l := line{}
			if c.Starts != nil {
				l.Offset, l.Length, l.Line = c.Offset+int64(c.Starts[i]), int64(c.Ends[i]-c.Starts[i]), lineOf(&c, c.Starts[i])
			}
			for j := range c.Cols {
				if len(c.Cols[j].Cells) > 0 {
					l.Cells = append(l.Cells, string(c.Text(c.Cols[j].Cells[i])))
				}
			}
			out = append(out, l)
		}
		put(c.Rows)
	}
}

func lineOf(c *Chunk, pos uint32) int64 {
	return c.Line + int64(bytes.Count(c.Data[:pos], []byte{'\n'}))
}

func openCSV(t testing.TB, r io.Reader, d Dialect, chunk int, cols []string) *CSV {
	t.Helper()
	c, err := NewCSV("x.csv", r, d, cols)
	if err != nil {
		t.Fatal(err)
	}
	if chunk > 0 {
		c.chunk = chunk
	}
	return c
}

func TestCSVSpectrum(t *testing.T) {
	dir := dataDir(t, "csv/csv-spectrum")
	files, _ := filepath.Glob(filepath.Join(dir, "csvs", "*.csv"))
	if len(files) == 0 {
		t.Fatal("no files")
	}
	for _, f := range files {
		name := strings.TrimSuffix(filepath.Base(f), ".csv")
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(filepath.Join(dir, "json", name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			var rows []map[string]string
			if err := json.Unmarshal(want, &rows); err != nil {
				t.Fatal(err)
			}
			src, err := Open(f, bytes.NewReader(data), Dialect{})
			if err != nil {
				t.Fatal(err)
			}
			r := openCSV(t, src, Dialect{}, 0, nil)
			got, err := readAll(t, r)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != len(rows) {
				t.Fatalf("%d records, want %d", len(got), len(rows))
			}
			for i, l := range got {
				for j, col := range r.Columns() {
					// A checkout may have lost the carriage returns of one file.
					want := rows[i][col]
					if !bytes.Contains(data, []byte{'\r'}) {
						want = strings.ReplaceAll(want, "\r\n", "\n")
					}
					if l.Fault != "" || l.Cells[j] != want {
						t.Errorf("row %d column %s: %q %s, want %q", i, col, l.Cells[j], l.Fault, rows[i][col])
					}
				}
			}
		})
	}
}

// TestCSVRule shows the rule of the splitter on broken lines. Each case is a
// body under the header a,b,c; a record reads cells|cells or !fault.
func TestCSVRule(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       []string
	}{
		{"plain", "1,2,3\n4,5,6\n", []string{"1|2|3", "4|5|6"}},
		{"no line break at the end", "1,2,3", []string{"1|2|3"}},
		{"CR LF", "1,2,3\r\n4,5,6\r\n", []string{"1|2|3", "4|5|6"}},
		{"blank lines are no rows", "\n1,2,3\n\r\n\n4,5,6\n", []string{"1|2|3", "4|5|6"}},
		{"quoted line break", "1,\"x\ny\",3\n4,5,6\n", []string{"1|x\ny|3", "4|5|6"}},
		{"doubled quote", "1,\"x\"\"y\",3\n", []string{"1|x\"y|3"}},
		{"empty quoted", "\"\",\"\",\"\"\n", []string{"||"}},
		{"missing delimiter", "1 2,3\n4,5,6\n", []string{"!field_count", "4|5|6"}},
		{"extra delimiter", "1,2,3,4\n4,5,6\n", []string{"!field_count", "4|5|6"}},
		{"other delimiter", "1;2;3\n4,5,6\n", []string{"!field_count", "4|5|6"}},
		{"quote inside a field", "1,2\",3\n4,5,6\n", []string{"!stray_quote", "4|5|6"}},
		{"quote that opens and never closes", "1,\"2,3\n4,5,6\n7,8,9\n", []string{"!stray_quote", "4|5|6", "7|8|9"}},
		{"quote that opens and meets the next quoted field", "1,\"2,3\n4,\"5\",6\n7,8,9\n", []string{"!stray_quote", "4|5|6", "7|8|9"}},
		{"quote that opens and meets an empty quoted field", "1,\"2,3\n4,\"\",6\n7,8,9\n", []string{"!stray_quote", "4||6", "7|8|9"}},
		{"quote that opens and meets a quoted line break", "1,\"2,3\n4,\"x\ny\",6\n7,8,9\n", []string{"!stray_quote", "4|x\ny|6", "7|8|9"}},
		{"text after a closing quote", "1,\"2\"x,3\n4,5,6\n", []string{"!stray_quote", "4|5|6"}},
		{"quote in the last line", "1,2,3\n4,5,\"6", []string{"1|2|3", "!stray_quote"}},
		{"fields do not fit across lines", "1,\"2\n3\",4,5\n6,7,8\n", []string{"!stray_quote", "!stray_quote", "6|7|8"}},
		{"NUL", "1,\x00,3\n4,5,6\n", []string{"!nul_byte", "4|5|6"}},
		{"Latin-1", "1,M\xfcller,3\n4,5,6\n", []string{"!not_utf8", "4|5|6"}},
		{"too long", "1," + strings.Repeat("x", 300) + ",3\n4,5,6\n", []string{"!record_too_long", "4|5|6"}},
		{"quoted too long", "1,\"" + strings.Repeat("x\n", 300) + "\",3\n4,5,6\n", append(append([]string{"!stray_quote"}, slices.Repeat([]string{"!field_count"}, 299)...), "!stray_quote", "4|5|6")},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, chunk := range []int{1, 7, 64, 0} {
				r := openCSV(t, strings.NewReader("a,b,c\n"+c.body), Dialect{MaxRecordBytes: 256}, chunk, nil)
				got, err := readAll(t, r)
				if err != nil {
					t.Fatal(err)
				}
				var words []string
				for _, l := range got {
					if l.Fault != "" {
						words = append(words, "!"+string(l.Fault))
					} else {
						words = append(words, strings.Join(l.Cells, "|"))
					}
				}
				if !slices.Equal(words, c.want) {
					t.Fatalf("chunks of %d: %q, want %q", chunk, words, c.want)
				}
			}
		})
	}
}

// dirty makes text in which quotes, delimiters and line breaks are frequent.
func dirty(t *rapid.T) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "bc", ",", ",", "\n", "\n", "\r\n", "\"", "\"\"", "\"x\"", "ü", "\x00", "\xff", " ", "1,2,3\n", "4,\"5\n6\",7\n"}), 0, 60).Draw(t, "parts"), "")
}

// TestCSVChunks: where a file is cut into chunks changes nothing.
func TestCSVChunks(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		body := "a,b,c\n" + dirty(rt)
		d := Dialect{MaxRecordBytes: rapid.SampledFrom([]int{8, 20, 1 << 20}).Draw(rt, "max")}
		want, err := readAll(t, openCSV(t, strings.NewReader(body), d, 0, nil))
		if err != nil {
			rt.Fatal(err)
		}
		slow := openCSV(t, strings.NewReader(body), d, 0, nil)
		slow.fast = false
		if got, err := readAll(t, slow); err != nil || !slices.EqualFunc(want, got, sameLine) {
			rt.Fatalf("without bitmaps %q:\n%+v\nwith:\n%+v", body, got, want)
		}
		for _, chunk := range []int{1, 3, 16} {
			got, err := readAll(t, openCSV(t, iotest.OneByteReader(strings.NewReader(body)), d, chunk, nil))
			if err != nil {
				rt.Fatal(err)
			}
			if !slices.EqualFunc(want, got, sameLine) {
				rt.Fatalf("chunks of %d bytes of %q:\n%+v\nwhole:\n%+v", chunk, body, got, want)
			}
		}
	})
}

func sameLine(a, b line) bool {
	return a.Fault == b.Fault && a.Offset == b.Offset && a.Length == b.Length && a.Line == b.Line && slices.Equal(a.Cells, b.Cells)
}

// TestCSVCoverage: no byte of a file lies in two records, and none but line
// breaks and blank lines in no record.
func TestCSVCoverage(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		body := "a,b,c\n" + dirty(rt)
		got, err := readAll(t, openCSV(t, strings.NewReader(body), Dialect{MaxRecordBytes: 16}, 5, nil))
		if err != nil {
			rt.Fatal(err)
		}
		at := int64(len("a,b,c\n"))
		for _, l := range got {
			if l.Offset < at {
				rt.Fatalf("%q: record at %d begins before %d", body, l.Offset, at)
			}
			if gap := strings.Trim(body[at:l.Offset], "\r\n"); gap != "" {
				rt.Fatalf("%q: %q stands in no record", body, gap)
			}
			at = l.Offset + l.Length
		}
		if gap := strings.Trim(body[at:], "\r\n"); gap != "" {
			rt.Fatalf("%q: %q stands in no record", body, gap)
		}
	})
}

// TestCSVAgainstStandard: what encoding/csv reads without complaint is read the
// same.
func TestCSVAgainstStandard(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(2, 4).Draw(rt, "columns")
		cell := rapid.StringMatching(`[a-c ",\n]{0,5}`)
		var want [][]string
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		w.UseCRLF = rapid.Bool().Draw(rt, "crlf")
		names := make([]string, n)
		for i := range names {
			names[i] = string(rune('a' + i))
		}
		_ = w.Write(names)
		for range rapid.IntRange(0, 20).Draw(rt, "rows") {
			row := make([]string, n)
			for i := range row {
				row[i] = cell.Draw(rt, "cell")
			}
			want = append(want, row)
			_ = w.Write(row)
		}
		w.Flush()
		got, err := readAll(t, openCSV(t, bytes.NewReader(b.Bytes()), Dialect{}, 9, nil))
		if err != nil {
			rt.Fatal(err)
		}
		if len(got) != len(want) {
			rt.Fatalf("%d records, want %d of %q", len(got), len(want), b.String())
		}
		for i, l := range got {
			for j, c := range l.Cells {
				if w.UseCRLF {
					c = strings.ReplaceAll(c, "\r\n", "\n") // encoding/csv writes line breaks in cells so
				}
				if l.Fault != "" || c != want[i][j] {
					rt.Fatalf("%q: row %d: %+v, want %q", b.String(), i, l, want[i])
				}
			}
		}
	})
}

func TestCSVDialects(t *testing.T) {
	for _, c := range []struct {
		name, data string
		d          Dialect
		want       []string
	}{
		{"semicolon", "a;b\n1;2,5\n", Dialect{Delimiter: ';'}, []string{"1|2,5"}},
		{"tab and no quote", "a\tb\n\"x\t5\"\n", Dialect{Delimiter: '\t', Quote: NoQuote}, []string{"\"x|5\""}},
		{"backslash escape", "a,b\n\"x\\\"y\",2\n", Dialect{Escape: '\\'}, []string{"x\"y|2"}},
		{"comment and preamble", "made by X\n# note\na,b\n# note\n1,2\n", Dialect{Preamble: 1, Comment: "#"}, []string{"1|2"}},
		{"no header", "1,2\n3,4\n", Dialect{Header: -1}, []string{"1|2", "3|4"}},
		{"trim", "a,b\n 1 ,\t\" x \" \n", Dialect{Trim: true}, []string{"1| x "}},
		{"two header rows", "group,\na,b\n1,2\n", Dialect{Header: 2}, []string{"1|2"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := readAll(t, openCSV(t, strings.NewReader(c.data), c.d, 0, []string{"a", "b"}))
			if err != nil {
				t.Fatal(err)
			}
			var words []string
			for _, l := range got {
				words = append(words, strings.Join(l.Cells, "|")+string(l.Fault))
			}
			if !slices.Equal(words, c.want) {
				t.Fatalf("%q, want %q", words, c.want)
			}
		})
	}
}

func FuzzCSV(f *testing.F) {
	for _, s := range []string{"a,b\n1,2\n", "a,b\n\"1,2\n3,4\n", "a\n\"\"\"\n", "a,b\n1,\"x\ny\"\r\n\r\n\"\",\"", "\xef\xbb\xbfa,b\n\x00,1"} {
		f.Add([]byte(s), uint8(3))
	}
	f.Fuzz(func(t *testing.T, data []byte, chunk uint8) {
		d := Dialect{MaxRecordBytes: 64}
		open := func(size int) ([]line, error) {
			r, err := NewCSV("x", bytes.NewReader(data), d, nil)
			if err != nil {
				return nil, err
			}
			r.chunk = size
			return readAll(t, r)
		}
		want, err := open(1 << 16)
		if err != nil {
			return
		}
		slow, err := NewCSV("x", bytes.NewReader(data), d, nil)
		if err != nil {
			t.Fatal(err)
		}
		slow.fast = false
		if got, err := readAll(t, slow); err != nil || !slices.EqualFunc(want, got, sameLine) {
			t.Fatalf("without bitmaps: %+v %v\nwith: %+v", got, err, want)
		}
		got, err := open(int(chunk) + 1)
		if err != nil || !slices.EqualFunc(want, got, sameLine) {
			t.Fatalf("chunks of %d: %+v %v\nwhole: %+v", chunk, got, err, want)
		}
	})
}

// TestIndex: the assembly and its portable twin agree with the obvious.
func TestIndex(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		src := rapid.SliceOfN(rapid.SampledFrom([]byte{'a', ',', '"', '\n', 0, 0x80, ' ', 0xff, 1, 0x7f, 0x1f, 0x9f, '\r'}), 0, 300).Draw(rt, "src")
		var want, got, twin index
		kind := uint32(0)
		for i, c := range src {
			switch c {
			case ',':
				want.delims = append(want.delims, uint32(i))
			case '\n':
				want.breaks = append(want.breaks, uint32(i))
			case '"':
				want.quotes = append(want.quotes, uint32(i))
			}
			if c == 0 || c >= 0x80 {
				kind |= oddByte
			}
			if c < ' ' && c != '\n' {
				kind |= controlByte
			}
		}
		same := func(x *index) bool {
			return slices.Equal(x.delims, want.delims) && slices.Equal(x.breaks, want.breaks) && slices.Equal(x.quotes, want.quotes)
		}
		if odd := got.read(src, '"', ','); odd != kind || !same(&got) {
			rt.Fatalf("%q: %v %v, want %v %v", src, got, odd, want, kind)
		}
		padded := append(slices.Clone(src), bytes.Repeat([]byte{' '}, 7)...)
		if odd := twin.words(padded, 0, '"', ','); odd != kind || !same(&twin) {
			rt.Fatalf("%q: twin %v %v, want %v %v", src, twin, odd, want, kind)
		}
	})
}
