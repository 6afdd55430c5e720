package codec

import (
	"errors"
	"io"

	"github.com/parquet-go/parquet-go"

	"github.com/assay-pipeline/assay/pipeline"
)

// A footer may say anything. What it says of the number of rows is held against
// itself when the file is opened, and against the pages while they are read, so
// that no row is lost because a footer left it out.

func lying(format string, args ...any) error {
	return pipeline.Errorf(pipeline.CodeInvalid, "not a readable Parquet file: "+format, args...).
		WithHint("its footer does not fit its pages: ask the producer to write it again")
}

// honest holds the counts of a footer against each other.
func honest(f *parquet.File) error {
	meta := f.Metadata()
	var rows int64
	for i, g := range meta.RowGroups {
		if g.NumRows < 0 {
			return lying("row group %d has %d rows", i, g.NumRows)
		}
		rows += g.NumRows
		for j, c := range g.Columns {
			leaf := f.Root()
			if columns := leaf.Columns(); len(columns) == len(g.Columns) && columns[j].Leaf() && !columns[j].Repeated() && c.MetaData.NumValues != g.NumRows {
				return lying("row group %d has %d rows, its column %s %d values", i, g.NumRows, columns[j].Name(), c.MetaData.NumValues)
			}
		}
	}
	// Some writers leave the file's own count at 0; then only the row groups' count.
	if rows != meta.NumRows && meta.NumRows != 0 {
		return lying("its footer says %d rows, its row groups have %d", meta.NumRows, rows)
	}
	return nil
}

// whole reports pages of the open row group that hold more than its rows.
func (p *Parquet) whole() error {
	if p.open == nil {
		return nil
	}
	want := p.groups[p.group-1].NumRows()
	for i := range p.open {
		c := &p.open[i]
		if c.pages == nil {
			continue
		}
		if c.held <= want {
			page, err := c.pages.ReadPage()
			if err == nil {
				c.held += page.NumValues()
				parquet.Release(page)
			} else if !errors.Is(err, io.EOF) {
				return parquetError(err)
			}
		}
		if c.held > want {
			return lying("a row group has %d rows, its column %s has more", want, p.names[i])
		}
	}
	return nil
}
