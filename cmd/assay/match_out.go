package main

import (
	"encoding/csv"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/codec"
)

// A table is rows of text; columns of the names in number are numbers.
type table struct {
	columns []string
	number  map[string]bool
	rows    [][]string
}

// writeTable writes t as Parquet where name ends in .parquet, else as CSV.
func writeTable(name string, t table) error {
	if strings.EqualFold(filepath.Ext(name), ".parquet") {
		return writeFile(name, t.parquet)
	}
	return writeFile(name, t.csv)
}

func (t table) csv(w io.Writer) error {
	cw := csv.NewWriter(w)
	if err := cw.Write(t.columns); err != nil {
		return err
	}
	return cw.WriteAll(t.rows)
}

// rowsAtOnce bounds the rows that are turned into columns at a time.
const rowsAtOnce = 10_000

func (t table) parquet(w io.Writer) error {
	cols := make([]codec.ColumnSpec, len(t.columns))
	for i, n := range t.columns {
		cols[i] = codec.ColumnSpec{Name: n}
		if t.number[n] {
			cols[i].Type = codec.FloatColumn
		}
	}
	pw, err := codec.NewWriter(w, cols)
	if err != nil {
		return err
	}
	for start := 0; start < len(t.rows); start += rowsAtOnce {
		part := t.rows[start:min(start+rowsAtOnce, len(t.rows))]
		sel := make([]uint32, len(part))
		vs := make([]codec.Vector, len(cols))
		for r, row := range part {
			sel[r] = uint32(r)
			for i, s := range row {
				v := &vs[i]
				if cols[i].Type == codec.FloatColumn {
					n, err := strconv.ParseFloat(s, 64)
					if err != nil {
						return err
					}
					v.Floats = append(v.Floats, n)
					continue
				}
				from := uint32(len(v.Data))
				v.Data = append(v.Data, s...)
				v.Cells = append(v.Cells, codec.Cell{Start: from, End: uint32(len(v.Data))})
			}
		}
		if err := pw.Append(sel, vs); err != nil {
			return err
		}
	}
	return pw.Close()
}

func pairsTable(pairs []catalog.Match) table {
	t := table{columns: []string{"a", "b", "verdict", "score", "reasons"}, number: map[string]bool{"score": true}}
	for i := range pairs {
		p := &pairs[i]
		t.rows = append(t.rows, []string{p.A, p.B, string(p.Verdict), strconv.FormatFloat(p.Score, 'f', 4, 64), strings.Join(p.Reasons, "; ")})
	}
	return t
}

// clustersTable has one row for each item of a cluster.
func clustersTable(clusters []catalog.Cluster) table {
	t := table{columns: []string{"cluster", "item"}}
	for _, c := range clusters {
		for _, it := range c.Items {
			t.rows = append(t.rows, []string{c.ID, it})
		}
	}
	return t
}
