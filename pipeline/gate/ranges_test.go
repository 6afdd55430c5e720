package gate_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/parquet-go/parquet-go"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"pgregory.net/rapid"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/gate"
)

// parts is a shelf in memory.
type parts map[string]*bytes.Buffer

func (s parts) Create(_ context.Context, name string) (io.WriteCloser, error) {
	s[name] = &bytes.Buffer{}
	return nopCloser{s[name]}, nil
}

func (s parts) Open(_ context.Context, name string, off, n int64) (io.ReadCloser, error) {
	b, ok := s[name]
	if !ok {
		return nil, fmt.Errorf("there is no file %s on the shelf", name)
	}
	data := b.Bytes()[off:]
	if n >= 0 {
		data = data[:min(n, int64(len(data)))]
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

// A judged file is all that a judgement says.
type judged struct {
	report, rejects, raw string
	accepted             []string
	// apart are those of accepted that ranges staged apart; they come in no order
	// with the others.
	apart []string
}

// sketched: every eighth file is judged with sketches, which are large.
func sketched(data []byte) bool { return len(data)%8 == 0 }

// failer is what tests and rapid share.
type failer interface {
	Fatalf(string, ...any)
	Helper()
}

// atOnce judges a file in one pass.
func atOnce(t failer, g *gate.Gate, name string, data []byte) judged {
	t.Helper()
	out := memory{}
	rep, err := g.Judge(context.Background(), bytesInput(name, data), gate.Options{Output: out, Batch: "b", Sketches: sketched(data)})
	if err != nil {
		t.Fatalf("%v", err)
	}
	var files []string
	for i := 0; out[fmt.Sprintf("part-%04d.parquet", i)] != nil; i++ {
		files = append(files, fmt.Sprintf("part-%04d.parquet", i))
	}
	a := judgedOf(t, rep, out)
	for _, f := range files {
		a.accepted = append(a.accepted, rowsOf(t, g, out[f].Bytes(), nil)...)
	}
	return a
}

func judgedOf(t failer, rep *gate.Report, out memory) judged {
	t.Helper()
	if !rep.Rows.Balanced() {
		t.Fatalf("%+v: read is not accepted + rejected", rep.Rows)
	}
	rep.Files = slices.DeleteFunc(rep.Files, func(f gate.File) bool { return !strings.HasPrefix(f.Name, "rejects.csv") })
	var b bytes.Buffer
	if err := rep.WriteJSON(&b); err != nil {
		t.Fatalf("%v", err)
	}
	a := judged{report: b.String()}
	if r := out["rejects.csv"]; r != nil {
		a.rejects, a.raw = r.String(), out["raw.jsonl"].String()
	}
	return a
}

func rowsOf(t failer, g *gate.Gate, data []byte, without []int64) (rows []string) {
	t.Helper()
	var names []string
	for _, f := range g.Feed().Fields {
		names = append(names, f.Name)
	}
	err := codec.ReadRows(context.Background(), bytes.NewReader(data), int64(len(data)), 0, 1<<40, names, func(row int64, v []string) error {
		if !slices.Contains(without, row) {
			rows = append(rows, strings.Join(v, "|"))
		}
		return nil
	})
	if err != nil {
		t.Fatalf("%v", err)
	}
	return rows
}

// inRanges judges a file cut at the given bytes, and merges. It returns how
// many segments had to be judged again, -1 if the file is judged whole.
func inRanges(t failer, g *gate.Gate, name string, data []byte, cuts []int64) (judged, int) {
	t.Helper()
	return inRangesWithin(t, g, name, data, cuts, 0)
}

func inRangesWithin(t failer, g *gate.Gate, name string, data []byte, cuts []int64, room int64) (judged, int) {
	t.Helper()
	ctx := context.Background()
	in := bytesInput(name, data)
	l, err := g.LayAt(ctx, in, cuts)
	if err != nil {
		t.Fatalf("%v", err)
	}
	if l.Whole != "" {
		return judged{}, -1
	}
	s := parts{}
	for i := len(l.Ranges) - 1; i >= 0; i-- { // in any order
		if _, err := g.JudgeRange(ctx, in, l, i, s, gate.Options{Batch: "b", Workers: 2, Sketches: sketched(data), Memory: room}); err != nil {
			t.Fatalf("range %d: %v", i, err)
		}
	}
	out := memory{}
	m, err := g.Merge(ctx, in, l, s, gate.Options{Batch: "b", Output: out, Memory: room})
	if err != nil {
		t.Fatalf("%v", err)
	}
	a := judgedOf(t, m.Report, out)
	for _, f := range m.Files {
		var without []int64
		if f.LeaveOut != "" {
			if without, err = gate.ReadLeaveOut(ctx, s, f.LeaveOut); err != nil {
				t.Fatalf("%v", err)
			}
		}
		rows := rowsOf(t, g, s[f.Name].Bytes(), without)
		if int64(len(rows)) != f.Rows {
			t.Fatalf("%s has %d rows, %d are said", f.Name, len(rows), f.Rows)
		}
		if strings.Contains(f.Name, "-aside-") {
			a.apart = append(a.apart, rows...)
		} else {
			a.accepted = append(a.accepted, rows...)
		}
	}
	return a, m.Again
}

func same(t failer, got, want judged, data []byte, cuts []int64) {
	t.Helper()
	if got.report != want.report {
		t.Fatalf("cut at %v, another report:\n%s\nwant\n%s\nfile: %q", cuts, got.report, want.report, data)
	}
	if got.rejects != want.rejects || got.raw != want.raw {
		t.Fatalf("cut at %v, other rejects:\n%s%s\nwant\n%s%s\nfile: %q", cuts, got.rejects, got.raw, want.rejects, want.raw, data)
	}
	// Rows that look as if they came before are staged apart; those beside them
	// stand in the order of the file.
	next := 0
	for _, row := range want.accepted {
		if next < len(got.accepted) && got.accepted[next] == row {
			next++
		}
	}
	all := slices.Sorted(slices.Values(slices.Concat(got.accepted, got.apart)))
	if next < len(got.accepted) || !slices.Equal(all, slices.Sorted(slices.Values(want.accepted))) {
		t.Fatalf("cut at %v, other rows are accepted:\n%q and apart %q\nwant\n%q\nfile: %q", cuts, got.accepted, got.apart, want.accepted, data)
	}
}

// rangeFeed has three columns, keys over two of them, and rules that fail.
func rangeFeed(d contract.Dialect, format contract.Format) *contract.Feed {
	two := 2
	return &contract.Feed{Name: "f", Format: format, MaxRejectRate: 1, Evolution: contract.EvolveWarn, Dialect: d, Fields: []contract.Field{
		{Name: "id", Column: "id", Type: contract.Integer, Required: true},
		{Name: "name", Column: "name", Type: contract.String, Options: contract.Options{MinLength: &two}},
		{Name: "n", Column: "n", Type: contract.Decimal, OnFail: contract.Warn, Severity: contract.SeverityWarning, Options: contract.Options{Maximum: "50"}},
	}, Keys: []contract.Key{{Name: "id", Fields: []string{"id"}}, {Name: "both", Fields: []string{"name", "n"}, OnFail: contract.Warn, Severity: contract.SeverityWarning}}}
}

var rangeDialects = map[string]contract.Dialect{
	"plain":     {},
	"small":     {Delimiter: ",", Quote: `"`, Escape: `"`, Header: 1, MaxRecordBytes: 40},
	"semicolon": {Delimiter: ";", Quote: "'", Escape: "'", Header: 1, Trim: true},
	"backslash": {Delimiter: ",", Quote: `"`, Escape: `\`, Header: 1},
	"no-quote":  {Delimiter: "\t", Header: 1},
	"comments":  {Delimiter: ",", Quote: `"`, Escape: `"`, Header: 2, Preamble: 2, Comment: "#"},
	"no-header": {Delimiter: ",", Quote: `"`, Escape: `"`},
	"latin-1":   {Delimiter: ",", Quote: `"`, Escape: `"`, Header: 1, Encoding: "iso-8859-1", MaxRecordBytes: 60},
	"utf-16":    {Delimiter: ",", Quote: `"`, Escape: `"`, Header: 1, Encoding: "utf-16", MaxRecordBytes: 60},
	"utf-16be":  {Delimiter: ",", Quote: `"`, Escape: `"`, Header: 1, Encoding: "utf-16be"},
}

// messy draws a file in which everything can happen.
func messy(t *rapid.T, d contract.Dialect) string {
	delim, quote := d.Delimiter, d.Quote
	if delim == "" {
		delim, quote = ",", `"`
	}
	if quote == "" {
		quote = `"`
	}
	var b strings.Builder
	for range d.Preamble {
		b.WriteString("pre " + quote + "amble\n")
	}
	if d.Header > 0 || d.Delimiter == "" {
		for i := 1; i < d.Header; i++ {
			b.WriteString("above" + delim + "b" + delim + "c\n")
		}
		b.WriteString("id" + delim + "name" + delim + "n\n")
	}
	pieces := []string{"1", "2", "ab", "é", "日本", "\U0001d11e", quote, quote, quote + quote, delim, delim, "\n", "\n", "\r\n", "\r", "#", " ", `\`, "\x00", "x" + quote + delim, quote + "a\nb" + quote, "\n\n"}
	for range rapid.IntRange(0, 25).Draw(t, "records") {
		if rapid.IntRange(0, 3).Draw(t, "kind") > 0 {
			id := rapid.IntRange(1, 12).Draw(t, "id")
			name := rapid.SampledFrom([]string{"ab", "c", "é é", quote + "line\nbreak" + quote, quote + "x" + delim + "y" + quote, quote + "q" + quote + quote + "\n" + quote, "日本語 text"}).Draw(t, "name")
			n := rapid.SampledFrom([]string{"", "1.5", "99", "x", "007"}).Draw(t, "n")
			fmt.Fprintf(&b, "%d%s%s%s%s\n", id, delim, name, delim, n)
			continue
		}
		for range rapid.IntRange(1, 8).Draw(t, "pieces") {
			b.WriteString(rapid.SampledFrom(pieces).Draw(t, "piece"))
		}
	}
	return b.String()
}

func encodeFile(t failer, encoding, text string) []byte {
	t.Helper()
	var b []byte
	var err error
	switch encoding {
	case "iso-8859-1":
		text = strings.Map(func(r rune) rune {
			if r > 0xff {
				return 'ü'
			}
			return r
		}, text)
		b, err = charmap.ISO8859_1.NewEncoder().Bytes([]byte(text))
	case "utf-16":
		b, err = unicode.UTF16(unicode.BigEndian, unicode.UseBOM).NewEncoder().Bytes([]byte(text))
	case "utf-16be":
		b, err = unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewEncoder().Bytes([]byte(text))
	default:
		b = []byte(text)
	}
	if err != nil {
		t.Fatalf("%v", err)
	}
	return b
}

// TestRanges: any file, cut at any bytes, its ranges judged apart and merged,
// gives the report, the rejects and the accepted rows of one pass.
func TestRanges(t *testing.T) {
	for name, d := range rangeDialects {
		t.Run(name, func(t *testing.T) {
			g, err := gate.Compile(rangeFeed(d, contract.CSV))
			if err != nil {
				t.Fatal(err)
			}
			rapid.Check(t, func(rt *rapid.T) {
				data := encodeFile(rt, d.Encoding, messy(rt, d))
				if d.Encoding == "" && rapid.IntRange(0, 5).Draw(rt, "mark") == 0 {
					data = append([]byte("\xef\xbb\xbf"), data...)
				}
				cuts := rapid.SliceOfDistinct(rapid.Int64Range(0, int64(len(data))+1), rapid.ID[int64]).Draw(rt, "cuts")
				slices.Sort(cuts)
				got, again := inRanges(rt, g, "x.csv", data, cuts)
				if again >= 0 {
					same(rt, got, atOnce(rt, g, "x.csv", data), data, cuts)
				}
			})
		})
	}
}

// TestRangesJSONL is TestRanges for one object per line.
func TestRangesJSONL(t *testing.T) {
	for _, encoding := range []string{"", "utf-16"} {
		g, err := gate.Compile(rangeFeed(contract.Dialect{Encoding: encoding, MaxRecordBytes: 60}, contract.JSONL))
		if err != nil {
			t.Fatal(err)
		}
		rapid.Check(t, func(rt *rapid.T) {
			var b strings.Builder
			for range rapid.IntRange(1, 25).Draw(rt, "records") {
				b.WriteString(rapid.SampledFrom([]string{`{"id":1,"name":"ab","n":2}`, `{"id":2,"name":"é\n","n":99,"more":1}`, "", " ", "{", `{"id":3,"id":3}`, "[1]", "\x00",
					`{"id":4,"other":{},"name":"日本"}`, `{"id":1,"n":"x","name":"` + strings.Repeat("long ", 20) + `"}`}).Draw(rt, "line"))
				b.WriteString(rapid.SampledFrom([]string{"\n", "\r\n", "\n\n"}).Draw(rt, "break"))
			}
			text := b.String()
			if rapid.Bool().Draw(rt, "cut") {
				text = strings.TrimRight(text, "\r\n")
			}
			data := encodeFile(rt, encoding, text)
			cuts := rapid.SliceOfDistinct(rapid.Int64Range(0, int64(len(data))+1), rapid.ID[int64]).Draw(rt, "cuts")
			slices.Sort(cuts)
			got, again := inRanges(rt, g, "x.jsonl", data, cuts)
			if again >= 0 {
				same(rt, got, atOnce(rt, g, "x.jsonl", data), data, cuts)
			}
		})
	}
}

// TestRangesEveryByte cuts one file with quoted line breaks and broken lines
// at every byte: one cut, and one range per byte.
func TestRangesEveryByte(t *testing.T) {
	g, err := gate.Compile(rangeFeed(contract.Dialect{}, contract.CSV))
	if err != nil {
		t.Fatal(err)
	}
	data := []byte("id,name,n\n1,\"a\nb, \"\"c\n\",2\n2,\"x\n3,cd,3\n\n4,e\"f,1\r\n1,again,60\n5,\"q\"z\n6,\"long\n\n\ntext\",1\n6,\"long\n\n\ntext\",1")
	want := atOnce(t, g, "x.csv", data)
	var all []int64
	for i := range int64(len(data)) + 1 {
		got, _ := inRanges(t, g, "x.csv", data, []int64{i})
		same(t, got, want, data, []int64{i})
		all = append(all, i)
	}
	got, _ := inRanges(t, g, "x.csv", data, all)
	same(t, got, want, data, all)
}

// TestRangesLarge: in a file of the usual kind no range is judged twice.
func TestRangesLarge(t *testing.T) {
	data := speedRows(20_000, 0.05)
	defer func() {
		if !sketched(data) {
			t.Error("the file is not sketched")
		}
	}()
	lines := bytes.SplitAfter(data, []byte("\n"))
	r := rand.New(rand.NewPCG(1, 1))
	for range 300 { // rows that come again in another range
		data = append(data, lines[1+r.IntN(len(lines)-2)]...)
	}
	for !sketched(data) {
		data = append(data, '\n')
	}
	g := compile(t, speedContract)
	want := atOnce(t, g, "x.csv", data)
	var cuts []int64
	for at := int64(100_001); at < int64(len(data)); at += 300_000 {
		cuts = append(cuts, at)
	}
	got, again := inRanges(t, g, "x.csv", data, cuts)
	same(t, got, want, data[:1000], cuts)
	if again > 0 {
		t.Errorf("%d segments were judged again", again)
	}
}

type rangeRow struct {
	ID   *int64   `parquet:"id,optional"`
	Name *string  `parquet:"name,optional"`
	N    *float64 `parquet:"n,optional"`
}

// TestRangesParquet cuts a Parquet file between its row groups.
func TestRangesParquet(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	var b bytes.Buffer
	w := parquet.NewGenericWriter[rangeRow](&b, parquet.MaxRowsPerRowGroup(700))
	for range 5_000 {
		id, name, n := r.Int64N(4_500), []string{"ab", "c", "日本"}[r.IntN(3)]+fmt.Sprint(r.IntN(2_000)), r.Float64()*60
		row := rangeRow{&id, &name, &n}
		if r.IntN(20) == 0 {
			row.ID = nil
		}
		if _, err := w.Write([]rangeRow{row}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	g, err := gate.Compile(rangeFeed(contract.Dialect{}, contract.Parquet))
	if err != nil {
		t.Fatal(err)
	}
	want := atOnce(t, g, "x.parquet", b.Bytes())
	size := int64(b.Len())
	for _, cuts := range [][]int64{nil, {size / 2}, {size / 9, size / 5, size / 3, size - 10}} {
		got, again := inRanges(t, g, "x.parquet", b.Bytes(), cuts)
		if again < 0 {
			t.Fatal("a Parquet file is judged whole")
		}
		same(t, got, want, nil, cuts)
	}
}

// TestWhole: what cannot be cut says why.
func TestWhole(t *testing.T) {
	for name, c := range map[string]struct {
		file   string
		data   string
		format contract.Format
		says   string
	}{
		"gzip":   {"x.csv.gz", "\x1f\x8b", contract.CSV, "gzip cannot be read from the middle"},
		"array":  {"x.json", "[]", contract.JSON, "one object per line (jsonl) can"},
		"empty":  {"x.csv", "", contract.CSV, "the file is empty"},
		"footer": {"x.parquet", "PAR1", contract.Parquet, "its footer cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := gate.Compile(rangeFeed(contract.Dialect{}, c.format))
			if err != nil {
				t.Fatal(err)
			}
			in := bytesInput(c.file, []byte(c.data))
			l, err := g.LayAt(t.Context(), in, []int64{1})
			if err != nil || !strings.Contains(l.Whole, c.says) {
				t.Fatalf("%+v %v", l, err)
			}
			if _, err := g.JudgeRange(t.Context(), in, l, 0, parts{}, gate.Options{}); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
				t.Errorf("a range of it: %v", err)
			}
		})
	}
}

// TestMergeRefuses: parts that are missing, or of something else.
func TestMergeRefuses(t *testing.T) {
	g, err := gate.Compile(rangeFeed(contract.Dialect{}, contract.CSV))
	if err != nil {
		t.Fatal(err)
	}
	in := bytesInput("x.csv", []byte("id,name,n\n1,ab,2\n1,cd,3\n"))
	l, err := g.LayAt(t.Context(), in, []int64{17})
	if err != nil || len(l.Ranges) != 2 {
		t.Fatalf("%+v %v", l, err)
	}
	s := parts{}
	if _, err := g.Merge(t.Context(), in, l, s, gate.Options{}); err == nil {
		t.Error("parts that are not there are merged")
	}
	for i := range l.Ranges {
		if _, err := g.JudgeRange(t.Context(), in, l, i, s, gate.Options{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := g.Merge(t.Context(), bytesInput("x.csv", []byte("id\n")), l, s, gate.Options{}); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
		t.Errorf("another file: %v", err)
	}
	if _, err := g.Merge(t.Context(), bytesInput("x.csv", []byte("id,name,n\n1,ab,2\n\"\n\n\n\n\n\n")), l, s, gate.Options{}); pipeline.ErrorCode(err) != pipeline.CodeConflict {
		t.Errorf("a file that was changed in between: %v", err)
	}
	whole := s[gate.PartName(1)]
	s[gate.PartName(1)] = s[gate.PartName(0)]
	if _, err := g.Merge(t.Context(), in, l, s, gate.Options{}); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
		t.Errorf("the part of another range: %v", err)
	}
	// What another release left is laid out again, and says nothing of the file.
	s[gate.PartName(1)] = bytes.NewBuffer(bytes.Replace(whole.Bytes(), fmt.Appendf(nil, `"version":%d`, gate.LayoutVersion), []byte(`"version":1`), 1))
	if _, err := g.Merge(t.Context(), in, l, s, gate.Options{}); pipeline.ErrorCode(err) != pipeline.CodeConflict {
		t.Errorf("a part of another version: %v", err)
	}
	old := *l
	old.Version--
	if _, err := g.JudgeRange(t.Context(), in, &old, 0, s, gate.Options{}); pipeline.ErrorCode(err) != pipeline.CodeConflict {
		t.Errorf("a layout of another version: %v", err)
	}
	s[gate.PartName(1)] = whole
	m, err := g.Merge(t.Context(), in, l, s, gate.Options{})
	if err != nil || m.Report.Rows.Rejected != 1 || len(m.Files) != 1 {
		t.Errorf("%+v %v", m, err)
	}
}
