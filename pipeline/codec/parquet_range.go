package codec

// A RowGroup is a part of a Parquet file that can be read by itself.
type RowGroup struct {
	Rows int64
	// Bytes is its size in the file.
	Bytes int64
}

// RowGroups are the row groups of the file, in order.
func (p *Parquet) RowGroups() []RowGroup {
	meta := p.file.Metadata()
	out := make([]RowGroup, len(p.groups))
	for i, g := range p.groups {
		out[i].Rows = g.NumRows()
		if i < len(meta.RowGroups) {
			out[i].Bytes = meta.RowGroups[i].TotalCompressedSize
			if out[i].Bytes == 0 {
				out[i].Bytes = meta.RowGroups[i].TotalByteSize
			}
		}
	}
	return out
}

// Select has Next read the row groups from the index from up to the index to
// alone. Rows are counted from the first of them.
func (p *Parquet) Select(from, to int) {
	to = min(max(to, 0), len(p.groups))
	p.groups = p.groups[min(max(from, 0), to):to]
}

// Only is a chunk with one row of c, which must be of Parquet. It shares c's
// memory.
func (c *Chunk) Only(row int) Chunk {
	out := Chunk{Row: c.Row + int64(row), Data: c.Data, Raw: c.Raw, Rows: 1, Cols: make([]Column, len(c.Cols))}
	for i, col := range c.Cols {
		o := &out.Cols[i]
		if len(col.Cells) > 0 {
			o.Cells = col.Cells[row : row+1]
		}
		if len(col.Kinds) > 0 {
			o.Kinds = col.Kinds[row : row+1]
		}
		if len(col.Ints) > 0 {
			o.Ints = col.Ints[row : row+1]
		}
		if len(col.Floats) > 0 {
			o.Floats = col.Floats[row : row+1]
		}
	}
	return out
}
