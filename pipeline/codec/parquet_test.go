package codec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
)

// TestParquetSuite: good files are read to their end, bad ones give an error or
// rows, never a panic.
func TestParquetSuite(t *testing.T) {
	for _, sub := range []string{"data", "bad_data"} {
		files, _ := filepath.Glob(filepath.Join(dataDir(t, "parquet/parquet-testing"), sub, "*.parquet"))
		if len(files) == 0 {
			t.Fatal("no files")
		}
		for _, f := range files {
			name := filepath.Base(f)
			data, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			rows, err := countParquet(name, data)
			switch {
			case err != nil && pipeline.ErrorCode(err) != pipeline.CodeInvalid:
				t.Errorf("%s: code %s of %v", name, pipeline.ErrorCode(err), err)
			case sub == "data" && err != nil && !unreadable[name]:
				t.Errorf("%s: %v after %d rows", name, err, rows)
			case sub == "data" && err == nil && unreadable[name]:
				t.Errorf("%s: can be read now", name)
			case sub == "data" && err == nil:
				samePages(t, name, data)
			}
		}
	}
}

// unreadable are files among the good ones that the decoder refuses: three are
// damaged on purpose, LZ4 in Hadoop's framing is not supported, and an empty
// compressed page is taken for damage.
var unreadable = map[string]bool{
	"datapage_v1-corrupt-checksum.parquet": true, "rle-dict-uncompressed-corrupt-checksum.parquet": true,
	"nation.dict-malformed.parquet": true, "hadoop_lz4_compressed.parquet": true,
	"datapage_v2_empty_datapage.snappy.parquet": true,
}

func countParquet(name string, data []byte) (rows int, err error) {
	p, err := NewParquet(name, bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return 0, err
	}
	var c Chunk
	for {
		err := p.Next(context.Background(), &c)
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if err != nil {
			return rows, err
		}
		rows += c.Rows
	}
}

// written is a file of n rows: id, a name that is null in every fifth row, a
// price, a day and a flag.
func written(t testing.TB, n int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := NewWriter(&b, []ColumnSpec{{Name: "id", Type: IntColumn}, {Name: "name"}, {Name: "price", Type: FloatColumn},
		{Name: "day", Type: DateColumn}, {Name: "at", Type: TimestampColumn}, {Name: "flag", Type: BoolColumn}})
	if err != nil {
		t.Fatal(err)
	}
	w.RowGroupBytes = 64 << 10
	for at := 0; at < n; at += 100 {
		var sel []uint32
		vs := make([]Vector, 6)
		for i := at; i < min(at+100, n); i++ {
			sel = append(sel, uint32(i-at))
			vs[0].Ints = append(vs[0].Ints, int64(i))
			start := uint32(len(vs[1].Data))
			vs[1].Data = fmt.Appendf(vs[1].Data, "n%d", i)
			vs[1].Cells = append(vs[1].Cells, Cell{start, uint32(len(vs[1].Data))})
			null := uint8(0)
			if i%5 == 0 {
				null = 1
			}
			vs[1].Null = append(vs[1].Null, null)
			vs[2].Floats = append(vs[2].Floats, float64(i)/4)
			vs[3].Ints = append(vs[3].Ints, int64(i))
			vs[4].Ints = append(vs[4].Ints, int64(i)*1e6+5)
			vs[5].Ints = append(vs[5].Ints, int64(i%2))
		}
		if err := w.Append(sel, vs); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// shown is all that a file holds, as text.
func shown(data []byte, fast bool) (string, error) {
	p, err := NewParquet("x", bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return "", err
	}
	p.fast = fast
	var b strings.Builder
	var c Chunk
	for {
		if err := p.Next(context.Background(), &c); errors.Is(err, io.EOF) {
			return b.String(), nil
		} else if err != nil {
			return b.String(), err
		}
		for i := range c.Cols {
			col := &c.Cols[i]
			if len(col.Kinds) != c.Rows {
				return "", fmt.Errorf("column %d has %d kinds in %d rows", i, len(col.Kinds), c.Rows)
			}
			for r, k := range col.Kinds {
				fmt.Fprint(&b, k, " ")
				if len(col.Cells) > 0 {
					fmt.Fprintf(&b, "%q", c.Text(col.Cells[r]))
				}
				if len(col.Ints) > 0 {
					fmt.Fprint(&b, col.Ints[r])
				}
				if len(col.Floats) > 0 {
					fmt.Fprint(&b, col.Floats[r])
				}
				b.WriteByte('\n')
			}
		}
	}
}

// samePages: columns read as slices hold what reading value by value gives.
func samePages(t *testing.T, name string, data []byte) {
	t.Helper()
	got, err := shown(data, true)
	want, wantErr := shown(data, false)
	if (err == nil) != (wantErr == nil) || err == nil && got != want {
		at := 0
		for at < min(len(got), len(want)) && got[at] == want[at] {
			at++
		}
		from := max(0, at-40)
		t.Errorf("%s: %d bytes %v, value by value %d bytes %v; from byte %d on %q, %q", name, len(got), err, len(want), wantErr,
			from, got[from:min(len(got), at+40)], want[from:min(len(want), at+40)])
	}
}

func TestParquetPages(t *testing.T) {
	samePages(t, "some groups", written(t, 3_000))
	samePages(t, "one row", written(t, 1))
	// Dictionaries, small and large, with and without nulls.
	var b bytes.Buffer
	w, err := NewWriter(&b, []ColumnSpec{{Name: "few", Low: true}, {Name: "many", Low: true}, {Name: "none", Low: true}, {Name: "n", Type: FloatColumn, Low: true}})
	if err != nil {
		t.Fatal(err)
	}
	for range 5 {
		var sel []uint32
		vs := make([]Vector, 4)
		for i := range 1_000 {
			sel = append(sel, uint32(i))
			for k, text := range []string{[]string{"", "a", "bcd"}[i%3], fmt.Sprintf("%050d", i), ""} {
				start := uint32(len(vs[k].Data))
				vs[k].Data = append(vs[k].Data, text...)
				vs[k].Cells = append(vs[k].Cells, Cell{start, uint32(len(vs[k].Data))})
			}
			vs[0].Null = append(vs[0].Null, uint8(i%7/6))
			vs[2].Null = append(vs[2].Null, 1)
			vs[3].Floats = append(vs[3].Floats, float64(i%4)/3)
		}
		if err := w.Append(sel, vs); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	samePages(t, "dictionaries", b.Bytes())
}

func TestReadRows(t *testing.T) {
	data := written(t, 10_000)
	src := bytes.NewReader(data)
	for _, c := range []struct{ first, count int64 }{{0, 3}, {4999, 2}, {9_999, 10}, {20_000, 1}, {1234, 5000}} {
		want := max(min(c.first+c.count, 10_000)-c.first, 0)
		next := c.first
		err := ReadRows(context.Background(), src, src.Size(), c.first, c.count, []string{"name", "id", "price", "day", "at", "flag"}, func(row int64, v []string) error {
			if row != next || v[1] != fmt.Sprint(row) || v[2] != fmt.Sprint(float64(row)/4) || (row%5 == 0) != IsNull(v[0]) || v[5] != fmt.Sprint(row%2 == 1) {
				t.Fatalf("row %d (want %d): %q", row, next, v)
			}
			if row == 1234 && (v[3] != "1973-05-19" || v[4] != "1970-01-01T00:20:34.000005Z") {
				t.Fatalf("%q", v)
			}
			next++
			return nil
		})
		if err != nil || next-c.first != want {
			t.Fatalf("%+v: %d rows, want %d: %v", c, next-c.first, want, err)
		}
	}
	err := ReadRows(context.Background(), src, src.Size(), 0, 1, []string{"nope"}, nil)
	if pipeline.ErrorCode(err) != pipeline.CodeInvalid || !strings.Contains(err.Error(), "nope") {
		t.Fatal(err)
	}
}

func TestRewriteParquet(t *testing.T) {
	data := written(t, 10_000)
	var out bytes.Buffer
	kept, dropped, err := RewriteParquet(context.Background(), bytes.NewReader(data), int64(len(data)), &out, []string{"id", "name"}, func(k []string) bool {
		return k[0] != "77" && !IsNull(k[1])
	})
	if err != nil || kept != 7_999 || dropped != 2_001 {
		t.Fatal(kept, dropped, err)
	}
	var names []string
	err = ReadRows(context.Background(), bytes.NewReader(out.Bytes()), int64(out.Len()), 59, 5, []string{"name"}, func(_ int64, v []string) error {
		names = append(names, v[0])
		return nil
	})
	if want := []string{"n74", "n76", "n78", "n79", "n81"}; err != nil || !slices.Equal(names, want) {
		t.Fatalf("%q %v, want %q", names, err, want)
	}
	p, err := NewParquet("x", bytes.NewReader(out.Bytes()), int64(out.Len()))
	if err != nil || !slices.Equal(p.Columns(), []string{"id", "name", "price", "day", "at", "flag"}) {
		t.Fatal(p.Columns(), err)
	}
}

func FuzzParquet(f *testing.F) {
	small := written(f, 12)
	f.Add(small)
	f.Add(small[:len(small)/2])
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			t.Skip()
		}
		if _, err := countParquet("x", data); err != nil && pipeline.ErrorCode(err) != pipeline.CodeInvalid {
			t.Fatal(err)
		}
	})
}
