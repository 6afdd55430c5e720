package codec

import (
	"fmt"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/encoding"
	"github.com/parquet-go/parquet-go/format"
)

// A typedPage reads the values of a page as slices of their type; what has no
// such form (decimals, unsigned and 96-bit whole numbers, arrays of a fixed
// length) is read value by value.
type typedPage struct {
	page   parquet.Page
	values encoding.Values
	levels []byte // one per row, nil where no value can be missing
	most   byte   // the level of a value that is not missing
	whole  bool   // no value is missing
	// index is the places in the dictionary, dict its values; nil without one.
	index []int32
	dict  encoding.Values
	// text is where the texts of a small dictionary stand in the chunk that
	// began at row placed.
	text   []Cell
	placed int64

	rows, row int // of the page
	value     int // the next that is not missing
}

// A pageKind says how the values of a column are read from a typedPage.
type pageKind struct {
	typed bool
	kind  Kind
	unit  int64 // of moments, per second
	of    parquet.Kind
}

// pageKindOf is how the values of a type are read.
func pageKindOf(t parquet.Type) pageKind {
	k := typedKindOf(t)
	k.of = t.Kind()
	return k
}

func typedKindOf(t parquet.Type) pageKind {
	a := annotation(t)
	if _, ok := a.(*format.DecimalType); ok {
		return pageKind{}
	}
	if u := timestampUnit(t); u != 0 {
		return pageKind{typed: t.Kind() == parquet.Int64, kind: Micros, unit: u}
	}
	if u := clockUnit(t); u != 0 {
		return pageKind{typed: true, kind: Clock, unit: u}
	}
	if u, ok := a.(*format.IntType); ok && !u.IsSigned {
		return pageKind{}
	}
	switch t.Kind() {
	case parquet.Boolean:
		return pageKind{typed: true, kind: False}
	case parquet.Int32:
		if isDate(t) {
			return pageKind{typed: true, kind: Days}
		}
		return pageKind{typed: true, kind: Int}
	case parquet.Int64:
		return pageKind{typed: true, kind: Int}
	case parquet.Float, parquet.Double:
		return pageKind{typed: true, kind: Float}
	case parquet.ByteArray:
		if _, ok := a.(*format.JsonType); ok {
			return pageKind{typed: true, kind: Nested}
		}
		return pageKind{typed: true, kind: Text}
	}
	return pageKind{}
}

// smallDictionary is how many bytes of texts are put into each chunk whole.
const smallDictionary = 16 << 10

func newTypedPage(p parquet.Page, most int) *typedPage {
	t := &typedPage{page: p, values: p.Data(), rows: int(p.NumRows()), whole: true, most: byte(most), placed: -1}
	if most > 0 {
		t.levels = p.DefinitionLevels()
		t.whole = p.NumNulls() == 0
	}
	if d := p.Dictionary(); d != nil {
		t.index, t.dict = t.values.Int32(), d.Page().Data()
	}
	return t
}

// check refuses a page that has fewer values than it says.
func (t *typedPage) check(have int) error {
	need := t.rows
	if t.levels != nil {
		need = t.rows - int(t.page.NumNulls())
	}
	if t.index != nil {
		have = len(t.index)
	}
	if have < need || t.levels != nil && len(t.levels) < t.rows {
		return fmt.Errorf("a page of %d rows has %d values", t.rows, have)
	}
	return nil
}

// size is how many values the page holds.
func (t *typedPage) size() int {
	switch v := &t.values; v.Kind() {
	case encoding.Boolean:
		return 8 * len(v.Boolean())
	case encoding.Int32:
		return len(v.Int32())
	case encoding.Int64:
		return len(v.Int64())
	case encoding.Float:
		return len(v.Float())
	case encoding.Double:
		return len(v.Double())
	case encoding.ByteArray:
		_, offsets := v.ByteArray()
		return len(offsets) - 1
	}
	return 0
}

// take appends the next n rows of the page to a column of the chunk that began
// at row first.
func (t *typedPage) take(ch *Chunk, col *Column, k pageKind, n int, first int64) {
	at := len(col.Kinds)
	col.Kinds = extend(col.Kinds, at+n)
	kinds := col.Kinds[at:]
	for i := range kinds {
		kinds[i] = k.kind
	}
	missing := 0
	if !t.whole {
		for i, l := range t.levels[t.row : t.row+n] {
			if l != t.most {
				kinds[i] = Null
				missing++
			}
		}
	}
	src := t.values
	if t.index != nil {
		src = t.dict
	}
	switch kind := k.of; {
	case n == missing: // the page may have no values of any kind
		col.zeros(kind, n)
	case kind == parquet.Boolean:
		t.booleans(src.Boolean(), kinds)
	case kind == parquet.Int32:
		col.Ints = extend(col.Ints, at+n)
		spread(t, src.Int32(), col.Ints[at:], kinds)
	case kind == parquet.Int64:
		col.Ints = extend(col.Ints, at+n)
		spread(t, src.Int64(), col.Ints[at:], kinds)
	case kind == parquet.Float:
		col.Floats = extend(col.Floats, at+n)
		spread(t, src.Float(), col.Floats[at:], kinds)
	case kind == parquet.Double:
		col.Floats = extend(col.Floats, at+n)
		spread(t, src.Double(), col.Floats[at:], kinds)
	case kind == parquet.ByteArray:
		col.Cells = extend(col.Cells, at+n)
		if t.index != nil {
			t.looked(ch, col.Cells[at:], kinds, first)
		} else {
			t.texts(ch, col.Cells[at:], kinds, n-missing)
		}
	}
	if k.unit != 0 && k.unit != 1e6 {
		for i, v := range col.Ints[at:] {
			col.Ints[at+i] = micros(v, k.unit)
		}
	}
	t.row += n
	t.value += n - missing
}

// zeros appends n rows without a value to what a column of a physical type uses.
func (c *Column) zeros(of parquet.Kind, n int) {
	switch of {
	case parquet.Int32, parquet.Int64:
		c.Ints = append(c.Ints, make([]int64, n)...)
	case parquet.Float, parquet.Double:
		c.Floats = append(c.Floats, make([]float64, n)...)
	case parquet.ByteArray:
		c.Cells = append(c.Cells, make([]Cell, n)...)
	}
}

// spread writes values to the rows that have one, and zero to the others.
func spread[T int32 | int64 | float32 | float64, U int64 | float64](t *typedPage, src []T, dst []U, kinds []Kind) {
	switch {
	case t.index == nil && t.whole:
		for i, v := range src[t.value : t.value+len(dst)] {
			dst[i] = U(v)
		}
	case t.index != nil && t.whole:
		for i, x := range t.index[t.value : t.value+len(dst)] {
			dst[i] = U(src[x])
		}
	default:
		next := t.value
		for i, k := range kinds {
			dst[i] = 0
			if k == Null {
				continue
			}
			if t.index != nil {
				dst[i] = U(src[t.index[next]])
			} else {
				dst[i] = U(src[next])
			}
			next++
		}
	}
}

func (t *typedPage) booleans(bits []byte, kinds []Kind) {
	next := t.value
	for i, k := range kinds {
		if k == Null {
			continue
		}
		x := next
		if t.index != nil {
			x = int(t.index[next])
		}
		kinds[i] = False - Kind(bits[x/8]>>(x%8)&1) // True is one less than False
		next++
	}
}

// texts copies the texts of n values in one piece.
func (t *typedPage) texts(ch *Chunk, cells []Cell, kinds []Kind, n int) {
	data, offsets := t.values.ByteArray()
	offsets = offsets[t.value : t.value+n+1]
	shift := uint32(len(ch.Data)) - offsets[0]
	ch.Data = append(ch.Data, data[offsets[0]:offsets[n]]...)
	if t.whole {
		for i := range cells {
			cells[i] = Cell{offsets[i] + shift, offsets[i+1] + shift}
		}
		return
	}
	next := 0
	for i, k := range kinds {
		cells[i] = Cell{}
		if k != Null {
			cells[i] = Cell{offsets[next] + shift, offsets[next+1] + shift}
			next++
		}
	}
}

// looked finds texts in the dictionary. A small one is copied into the chunk
// once, and the rows share its texts.
func (t *typedPage) looked(ch *Chunk, cells []Cell, kinds []Kind, first int64) {
	data, offsets := t.dict.ByteArray()
	small := len(data) <= smallDictionary
	if small && t.placed != first {
		t.text, t.placed = extend(t.text[:0], len(offsets)-1), first
		shift := uint32(len(ch.Data)) - offsets[0]
		ch.Data = append(ch.Data, data[offsets[0]:offsets[len(offsets)-1]]...)
		for i := range t.text {
			t.text[i] = Cell{offsets[i] + shift, offsets[i+1] + shift}
		}
	}
	next := t.value
	for i, k := range kinds {
		cells[i] = Cell{}
		if k == Null {
			continue
		}
		x := t.index[next]
		next++
		if small {
			cells[i] = t.text[x]
			continue
		}
		start := uint32(len(ch.Data))
		ch.Data = append(ch.Data, data[offsets[x]:offsets[x+1]]...)
		cells[i] = Cell{start, uint32(len(ch.Data))}
	}
}
