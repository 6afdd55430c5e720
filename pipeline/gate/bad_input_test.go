package gate_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding/thrift"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/gate"
)

func gzipped(t *testing.T, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// lyingParquet is a file whose footer says something of its row groups that is
// not so.
func lyingParquet(t *testing.T, lie func(*parquet.File)) []byte {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[rangeRow](&b)
	for i := range int64(100) {
		name := "ab"
		if _, err := w.Write([]rangeRow{{ID: &i, Name: &name}}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	data := b.Bytes()
	f, err := parquet.OpenFile(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	lie(f)
	footer, err := thrift.Marshal(new(thrift.CompactProtocol), f.Metadata())
	if err != nil {
		t.Fatal(err)
	}
	size := len(data)
	old := int(binary.LittleEndian.Uint32(data[size-8:]))
	out := append([]byte{}, data[:size-8-old]...)
	out = append(out, footer...)
	out = binary.LittleEndian.AppendUint32(out, uint32(len(footer)))
	return append(out, "PAR1"...)
}

// TestBadInput: a file that is made to hurt, or was hurt on its way, is an error
// that says what is wrong; never a panic, never a pass.
func TestBadInput(t *testing.T) {
	rows := []byte("id,name,n\n" + strings.Repeat("1,ab,2\n", 1000))
	small := gzipped(t, rows)
	wide := "id,name" + strings.Repeat(",c", 5000) + "\n"
	for name, c := range map[string]struct {
		file   string
		format contract.Format
		data   []byte
		says   string
	}{
		"zip bomb":                {"x.csv.gz", contract.CSV, gzipped(t, append([]byte("id,name,n\n"), make([]byte, 90<<20)...)), "this looks like a zip bomb"},
		"gzip cut short":          {"x.csv.gz", contract.CSV, small[:len(small)*2/3], "cut short"},
		"gzip cut in its trailer": {"x.csv.gz", contract.CSV, small[:len(small)-3], "cut short"},
		"gzip with a byte changed": {"x.csv.gz", contract.CSV, func() []byte {
			b := bytes.Clone(small)
			b[len(b)-6] ^= 1
			return b
		}(), "damaged"},
		"too many columns":     {"x.csv", contract.CSV, []byte(wide), "at most 4096 are read"},
		"a header without end": {"x.csv", contract.CSV, bytes.Repeat([]byte("x"), 2<<20), "the header is longer than"},
		"a column twice":       {"x.csv", contract.CSV, []byte("id,name,id\n1,ab,2\n"), `"id" stands twice`},
		"more rows than there are": {"x.parquet", contract.Parquet, lyingParquet(t, func(f *parquet.File) {
			f.Metadata().RowGroups[0].NumRows += 50
		}), ""},
		"a column of nowhere": {"x.parquet", contract.Parquet, lyingParquet(t, func(f *parquet.File) {
			f.Metadata().RowGroups[0].Columns[0].MetaData.DataPageOffset = 1 << 40
		}), ""},
		"fewer rows than there are": {"x.parquet", contract.Parquet, lyingParquet(t, func(f *parquet.File) {
			f.Metadata().NumRows = 50
			f.Metadata().RowGroups[0].NumRows = 50
			for i := range f.Metadata().RowGroups[0].Columns {
				f.Metadata().RowGroups[0].Columns[i].MetaData.NumValues = 50
			}
		}), "has more"},
		"row groups that are left out": {"x.parquet", contract.Parquet, lyingParquet(t, func(f *parquet.File) {
			f.Metadata().NumRows = 200
		}), "its row groups have 100"},
		"more values than the file can hold": {"x.parquet", contract.Parquet, lyingParquet(t, func(f *parquet.File) {
			f.Metadata().RowGroups[0].Columns[0].MetaData.TotalCompressedSize = 1 << 50
			f.Metadata().RowGroups[0].Columns[0].MetaData.NumValues = 1 << 50
		}), "its column id"},
		"a footer of another length": {"x.parquet", contract.Parquet, []byte("PAR1\xff\xff\xff\x7fPAR1"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			g, err := gate.Compile(rangeFeed(contract.Dialect{}, c.format))
			if err != nil {
				t.Fatal(err)
			}
			rep, err := g.Judge(context.Background(), bytesInput(c.file, c.data), gate.Options{Output: memory{}})
			if err != nil {
				t.Fatal(err)
			}
			fitsSchema(t, rep)
			if rep.Verdict != pipeline.VerdictError || rep.Decision != pipeline.Hold || rep.Problem == nil || rep.Problem.Hint == "" {
				t.Fatalf("%s, %s: %+v; want an error with a hint", rep.Verdict, rep.Decision, rep.Problem)
			}
			if !strings.Contains(rep.Problem.Message, c.says) {
				t.Errorf("%q does not say %q", rep.Problem.Message, c.says)
			}
		})
	}
}

// TestPatternsAreLinear: a pattern that is catastrophic elsewhere takes time in
// proportion to the text here; one that needs backtracking is refused, with its
// place.
func TestPatternsAreLinear(t *testing.T) {
	feed := func(pattern string) *contract.Feed {
		return &contract.Feed{Name: "f", File: "f.odcs.yaml", Format: contract.CSV, MaxRejectRate: 1, Fields: []contract.Field{
			{Name: "s", Column: "s", Type: contract.String, Line: 7, Options: contract.Options{Pattern: pattern}}}}
	}
	g, err := gate.Compile(feed(`^(a+)+$`))
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	rep, err := g.Judge(t.Context(), bytesInput("x.csv", []byte("s\n"+strings.Repeat("a", 100_000)+"!\n")), gate.Options{})
	if err != nil || rep.Rows.Rejected != 1 {
		t.Fatalf("%+v %v", rep, err)
	}
	if d := time.Since(start); d > 20*time.Second { // a backtracking engine would never end
		t.Errorf("it took %v", d)
	}
	for _, pattern := range []string{`(a)\1`, `^(?=.*\d).*$`, `(?<!a)b`} {
		_, err := gate.Compile(feed(pattern))
		if pipeline.ErrorCode(err) != pipeline.CodeInvalid || !strings.Contains(err.Error(), "f.odcs.yaml, line 7") {
			t.Errorf("%s: %v", pattern, err)
		}
	}
	twice := feed("a")
	twice.Fields = append(twice.Fields, twice.Fields[0])
	if _, err := gate.Compile(twice); pipeline.ErrorCode(err) != pipeline.CodeInvalid || !strings.Contains(err.Error(), "declared twice") {
		t.Errorf("a column declared twice: %v", err)
	}
}
