package codec

import (
	"context"
	"errors"
	"io"
	"math/big"
	"sync"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"

	"github.com/assay-pipeline/assay/pipeline"
)

// Ranges is a random-access view of a source that is opened by ranges, such as
// an object on S3: reads go through blocks of which the latest are kept.
type Ranges struct {
	ctx  context.Context
	name string
	size int64
	open func(ctx context.Context, off, n int64) (io.ReadCloser, error)
	told func(int64)

	mu     sync.Mutex
	blocks map[int64][]byte
	order  []int64
}

const (
	rangeBlock = 1 << 20
	rangeKeep  = 16
)

// NewRanges makes the view; told, where not nil, is told how many bytes were
// fetched. The context ends all reads.
func NewRanges(ctx context.Context, name string, size int64, open func(ctx context.Context, off, n int64) (io.ReadCloser, error), told func(int64)) *Ranges {
	return &Ranges{ctx: ctx, name: name, size: size, open: open, told: told, blocks: map[int64][]byte{}}
}

// ReadAt reads len(p) bytes from off.
func (r *Ranges) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		if off >= r.size {
			return n, io.EOF
		}
		k, err := r.copy(p[n:], off)
		if err != nil {
			return n, err
		}
		n += k
		off += int64(k)
	}
	return n, nil
}

// copy copies from the block in which off lies.
func (r *Ranges) copy(p []byte, off int64) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b, err := r.block(off / rangeBlock)
	if err != nil {
		return 0, err
	}
	at := int(off % rangeBlock)
	if at >= len(b) {
		return 0, io.ErrUnexpectedEOF
	}
	return copy(p, b[at:]), nil
}

func (r *Ranges) block(i int64) ([]byte, error) {
	if b, ok := r.blocks[i]; ok {
		return b, nil
	}
	off := i * rangeBlock
	n := min(rangeBlock, r.size-off)
	body, err := r.open(r.ctx, off, n)
	if err != nil {
		return nil, readError(r.name, err)
	}
	var b []byte
	if len(r.order) >= rangeKeep {
		b = r.blocks[r.order[0]]
		delete(r.blocks, r.order[0])
		r.order = r.order[1:]
	}
	b = extend(b, int(n))
	k, err := io.ReadFull(body, b)
	if cerr := body.Close(); err == nil {
		err = cerr
	}
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, readError(r.name, err)
	}
	b = b[:k]
	if r.told != nil {
		r.told(int64(k))
	}
	r.blocks[i] = b
	r.order = append(r.order, i)
	return b, nil
}

// Parquet reads the plain columns of a Parquet file. Nested columns are not
// read: their cells are null, and Skipped names them.
type Parquet struct {
	name   string
	file   *parquet.File
	cols   []*parquet.Column
	names  []string
	groups []parquet.RowGroup
	group  int
	open   []pqCursor
	left   int64 // rows left in the open group
	row    int64
	fast   bool // columns are read as slices of their type, where they can be
}

type pqCursor struct {
	pages  parquet.Pages
	kind   pageKind
	page   *typedPage
	most   int // the definition level of a value
	values parquet.ValueReader
	buf    []parquet.Value
	held   int64 // values of the pages read so far
}

// parquetRows is how many rows a chunk of a Parquet file has.
const parquetRows = 2048

// NewParquet reads the footer of a file. Errors: invalid for what is no
// Parquet.
func NewParquet(name string, src io.ReaderAt, size int64) (p *Parquet, err error) {
	defer guardParquet(&err)
	if size == 0 {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: the file is empty", name).WithHint("a Parquet file without rows still has a footer")
	}
	f, err := openParquet(src, size)
	if err != nil {
		return nil, named(name, err)
	}
	if err := honest(f); err != nil {
		return nil, named(name, err)
	}
	p = &Parquet{name: name, file: f, groups: f.RowGroups(), row: 1, fast: true}
	for _, c := range f.Root().Columns() {
		p.names = append(p.names, c.Name())
		p.cols = append(p.cols, c)
	}
	return p, nil
}

func named(name string, err error) error {
	var e *pipeline.Error
	if errors.As(err, &e) {
		return &pipeline.Error{Code: e.Code, Message: name + ": " + e.Message, Hint: e.Hint, Err: e.Err}
	}
	return err
}

// Columns are the names of the top-level columns.
func (p *Parquet) Columns() []string { return p.names }

// Next fills ch with the next rows. Cells of texts lie in ch.Data.
func (p *Parquet) Next(ctx context.Context, ch *Chunk) (err error) {
	defer guardParquet(&err)
	if err := ctx.Err(); err != nil {
		return err
	}
	for p.left == 0 {
		if err := p.whole(); err != nil {
			return named(p.name, err)
		}
		p.closeGroup()
		if p.group >= len(p.groups) {
			return io.EOF
		}
		rg := p.groups[p.group]
		p.group++
		p.left = rg.NumRows()
		chunks := rg.ColumnChunks()
		p.open = make([]pqCursor, len(p.cols))
		for i, c := range p.cols {
			if c.Leaf() && !c.Repeated() {
				p.open[i] = pqCursor{pages: chunks[c.Index()].Pages(), kind: pageKindOf(c.Type()), most: c.MaxDefinitionLevel()}
			}
		}
	}
	ch.reset(len(p.cols))
	ch.Row = p.row
	ch.Starts, ch.Ends = nil, nil
	n := int(min(p.left, parquetRows))
	for i := range p.cols {
		if err := p.column(ch, i, n); err != nil {
			return named(p.name, parquetError(err))
		}
	}
	for i := range ch.Cols {
		ch.Cols[i].mix()
	}
	ch.Raw = len(ch.Data)
	ch.Rows = n
	p.left -= int64(n)
	p.row += int64(n)
	return nil
}

func (p *Parquet) closeGroup() {
	for _, c := range p.open {
		if c.page != nil {
			parquet.Release(c.page.page)
		}
		if c.pages != nil {
			_ = c.pages.Close()
		}
	}
	p.open = nil
}

// column reads n values of column i.
func (p *Parquet) column(ch *Chunk, i, n int) error {
	col := &ch.Cols[i]
	cur := &p.open[i]
	if cur.pages == nil {
		for range n {
			col.Kinds = append(col.Kinds, Null)
			col.Cells = append(col.Cells, Cell{})
		}
		return nil
	}
	if p.fast && cur.kind.typed {
		return cur.typed(ch, col, n)
	}
	if cur.buf == nil {
		cur.buf = make([]parquet.Value, 512)
	}
	typ := p.cols[i].Type()
	put, number := putter(typ), false
	if k := typ.Kind(); k == parquet.Int32 || k == parquet.Int64 {
		number = wide(typ)
	}
	for len(col.Kinds) < n {
		if cur.values == nil {
			page, err := cur.pages.ReadPage()
			if err != nil {
				if errors.Is(err, io.EOF) {
					return io.ErrUnexpectedEOF
				}
				return err
			}
			cur.values = page.Values()
			cur.held += page.NumValues()
		}
		k, err := cur.values.ReadValues(cur.buf[:min(len(cur.buf), n-len(col.Kinds))])
		for _, v := range cur.buf[:k] {
			if v.IsNull() {
				col.null(typ)
				if number {
					col.Cells = append(col.Cells, Cell{})
				}
			} else {
				put(ch, col, v)
			}
		}
		if errors.Is(err, io.EOF) {
			cur.values = nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// typed reads n values of a column whose pages are read as slices.
func (cur *pqCursor) typed(ch *Chunk, col *Column, n int) error {
	for len(col.Kinds) < n {
		if cur.page == nil || cur.page.row == cur.page.rows {
			if cur.page != nil {
				parquet.Release(cur.page.page)
				cur.page = nil
			}
			page, err := cur.pages.ReadPage()
			if err != nil {
				if errors.Is(err, io.EOF) {
					return io.ErrUnexpectedEOF
				}
				return err
			}
			cur.page = newTypedPage(page, cur.most)
			cur.held += page.NumValues()
			if err := cur.page.check(cur.page.size()); err != nil {
				return err
			}
		}
		cur.page.take(ch, col, cur.kind, min(n-len(col.Kinds), cur.page.rows-cur.page.row), ch.Row)
	}
	return nil
}

// The appenders keep the slices that a column uses at one length: Kinds, and
// of Cells, Ints and Floats those that its values stand in.

func (c *Column) int(kind Kind, v int64) {
	c.Kinds = append(c.Kinds, kind)
	c.Ints = append(c.Ints, v)
}

func (c *Column) float(v float64) {
	c.Kinds = append(c.Kinds, Float)
	c.Floats = append(c.Floats, v)
}

func (c *Column) text(ch *Chunk, kind Kind, b []byte) {
	start := uint32(len(ch.Data))
	ch.Data = append(ch.Data, b...)
	c.Kinds = append(c.Kinds, kind)
	c.Cells = append(c.Cells, Cell{start, uint32(len(ch.Data))})
}

// null appends a null of a column whose values have the type t.
func (c *Column) null(t parquet.Type) {
	switch t.Kind() {
	case parquet.Float, parquet.Double:
		c.float(0)
	case parquet.Boolean:
		c.Kinds = append(c.Kinds, Null)
	case parquet.Int32, parquet.Int64, parquet.Int96:
		c.int(Null, 0)
	default:
		c.Kinds = append(c.Kinds, Null)
		c.Cells = append(c.Cells, Cell{})
	}
	c.Kinds[len(c.Kinds)-1] = Null
}

// putter appends values of a Parquet type to a column.
func putter(t parquet.Type) func(*Chunk, *Column, parquet.Value) {
	if d, ok := annotation(t).(*format.DecimalType); ok {
		whole := t.Kind() == parquet.Int32 || t.Kind() == parquet.Int64
		return func(ch *Chunk, c *Column, v parquet.Value) {
			c.text(ch, Number, decimalText(v, d.Scale))
			if whole {
				c.Ints = append(c.Ints, 0)
			}
		}
	}
	if unit := timestampUnit(t); unit != 0 {
		return func(_ *Chunk, c *Column, v parquet.Value) { c.int(Micros, micros(v.Int64(), unit)) }
	}
	if unit := clockUnit(t); unit != 0 {
		return func(_ *Chunk, c *Column, v parquet.Value) {
			x := v.Int64()
			if v.Kind() == parquet.Int32 {
				x = int64(v.Int32())
			}
			c.int(Clock, micros(x, unit))
		}
	}
	if u, ok := annotation(t).(*format.IntType); ok && !u.IsSigned {
		return func(ch *Chunk, c *Column, v parquet.Value) {
			x := uint64(v.Int64())
			if v.Kind() == parquet.Int32 {
				x = uint64(uint32(v.Int32()))
			}
			if x > 1<<63-1 {
				c.text(ch, Number, new(big.Int).SetUint64(x).Append(nil, 10))
				c.Ints = append(c.Ints, 0)
				return
			}
			c.int(Int, int64(x))
			c.Cells = append(c.Cells, Cell{})
		}
	}
	switch t.Kind() {
	case parquet.Boolean:
		return func(_ *Chunk, c *Column, v parquet.Value) {
			k := False
			if v.Boolean() {
				k = True
			}
			c.Kinds = append(c.Kinds, k)
		}
	case parquet.Int32:
		kind := Int
		if isDate(t) {
			kind = Days
		}
		return func(_ *Chunk, c *Column, v parquet.Value) { c.int(kind, int64(v.Int32())) }
	case parquet.Int64:
		return func(_ *Chunk, c *Column, v parquet.Value) { c.int(Int, v.Int64()) }
	case parquet.Float:
		return func(_ *Chunk, c *Column, v parquet.Value) { c.float(float64(v.Float())) }
	case parquet.Double:
		return func(_ *Chunk, c *Column, v parquet.Value) { c.float(v.Double()) }
	case parquet.Int96:
		return func(_ *Chunk, c *Column, v parquet.Value) {
			x := v.Int96()
			nanos := int64(x[0]) | int64(x[1])<<32
			c.int(Micros, (int64(x[2])-2440588)*86400e6+nanos/1000) // Julian day of 1970-01-01
		}
	}
	kind := Text
	if _, ok := annotation(t).(*format.JsonType); ok {
		kind = Nested
	}
	return func(ch *Chunk, c *Column, v parquet.Value) { c.text(ch, kind, v.ByteArray()) }
}

// wide reports whether whole numbers of the type may stand as text beside those
// in Ints: decimals, and unsigned ones beyond int64.
func wide(t parquet.Type) bool {
	switch u := annotation(t).(type) {
	case *format.DecimalType:
		return true
	case *format.IntType:
		return !u.IsSigned
	}
	return false
}

func micros(v, unit int64) int64 {
	if unit > 1e6 {
		return v / (unit / 1e6)
	}
	return v * (1e6 / unit)
}

// decimalText writes a Parquet decimal out.
func decimalText(v parquet.Value, scale int32) []byte {
	n := new(big.Int)
	switch v.Kind() {
	case parquet.Int32:
		n.SetInt64(int64(v.Int32()))
	case parquet.Int64:
		n.SetInt64(v.Int64())
	default: // big-endian two's complement
		b := v.ByteArray()
		n.SetBytes(b)
		if len(b) > 0 && b[0]&0x80 != 0 {
			n.Sub(n, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
		}
	}
	neg := n.Sign() < 0
	s := n.Abs(n).Append(nil, 10)
	if scale > 0 {
		for len(s) <= int(scale) {
			s = append([]byte{'0'}, s...)
		}
		at := len(s) - int(scale)
		s = append(s[:at:at], append([]byte{'.'}, s[at:]...)...)
	}
	if neg {
		s = append([]byte{'-'}, s...)
	}
	return s
}
