package codec

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/parquet-go/parquet-go"

	"github.com/assay-pipeline/assay/pipeline"
)

type mergeRow struct {
	ID   int64   `parquet:"id"`
	Name *string `parquet:"name,optional"`
}

func mergeFile(t *testing.T, from, n int) *bytes.Reader {
	t.Helper()
	var b bytes.Buffer
	w := parquet.NewGenericWriter[mergeRow](&b)
	for i := range n {
		row := mergeRow{ID: int64(from + i)}
		if i%3 > 0 {
			name := fmt.Sprintf("n%d", from+i)
			row.Name = &name
		}
		if _, err := w.Write([]mergeRow{row}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return bytes.NewReader(b.Bytes())
}

func TestMerger(t *testing.T) {
	var out bytes.Buffer
	m := NewMerger(&out)
	var want []string
	read := func(r *bytes.Reader, n int64) (rows []string) {
		err := ReadRows(t.Context(), r, r.Size(), 0, n, []string{"id", "name"}, func(_ int64, v []string) error {
			rows = append(rows, v[0]+" "+v[1])
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	schemas := map[string]bool{}
	at := 0
	for _, n := range []int{1000, 0, 1, 700} {
		f := mergeFile(t, at, n)
		rows, err := m.Add(t.Context(), f, f.Size())
		if err != nil || rows != int64(n) {
			t.Fatalf("Add of %d rows: %d, %v", n, rows, err)
		}
		want = append(want, read(f, int64(n))...)
		s, err := ParquetSchema(f, f.Size())
		if err != nil {
			t.Fatal(err)
		}
		schemas[s] = true
		at += n
	}
	var other bytes.Buffer
	w := parquet.NewGenericWriter[struct {
		ID string `parquet:"id"`
	}](&other)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	o := bytes.NewReader(other.Bytes())
	if _, err := m.Add(t.Context(), o, o.Size()); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
		t.Errorf("Add of another schema: %v", err)
	}
	if s, err := ParquetSchema(o, o.Size()); err != nil || schemas[s] || len(schemas) != 1 {
		t.Errorf("schemas %v and %q, %v", schemas, s, err)
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	if got := read(bytes.NewReader(out.Bytes()), int64(len(want))+1); !slices.Equal(got, want) {
		t.Errorf("merged %d rows, want %d", len(got), len(want))
	}
	if err := NewMerger(&out).Close(); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
		t.Errorf("a merge of nothing: %v", err)
	}
	if _, err := NewMerger(&out).Add(t.Context(), bytes.NewReader([]byte("PAR1")), 4); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
		t.Errorf("Add of no Parquet: %v", err)
	}
}
