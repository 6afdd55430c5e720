package flow

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

// Columns that are taken for an item's parts where no binding says otherwise,
// the first that a file has.
var (
	idColumns   = []string{"id", "item_id", "item", "material", "matnr", "sku", "part_id", "number"}
	textColumns = []string{"description", "text", "source", "short_text", "name", "title", "bezeichnung", "kurztext"}
	metaColumns = []struct {
		names []string
		set   func(*pipeline.Meta, string)
	}{
		{[]string{"category"}, func(m *pipeline.Meta, v string) { m.Category = v }},
		{[]string{"manufacturer", "maker", "brand", "hersteller"}, func(m *pipeline.Meta, v string) { m.Manufacturer = v }},
		{[]string{"part_number", "mpn", "manufacturer_part_number", "teilenummer"}, func(m *pipeline.Meta, v string) { m.PartNumber = v }},
		{[]string{"uom", "unit", "unit_of_measure"}, func(m *pipeline.Meta, v string) { m.UnitOfMeas = v }},
		{[]string{"pack_quantity"}, func(m *pipeline.Meta, v string) { m.PackQuantity = v }},
		{[]string{"procurement_group", "purchasing_group", "buyer_group"}, func(m *pipeline.Meta, v string) { m.Procurement = v }},
		{[]string{"material_group", "group"}, func(m *pipeline.Meta, v string) { m.Group = v }},
		{[]string{"plant", "werk"}, func(m *pipeline.Meta, v string) { m.Plant = v }},
		{[]string{"language", "lang"}, func(m *pipeline.Meta, v string) { m.Language = v }},
	}
)

// ReadItems reads items from a file that is not part of a feed, one by one in
// the file's order: CSV, JSON lines (by the extensions .jsonl and .ndjson), or
// plain text with an item a line (.txt). A binding names the columns; without
// one the usual names are taken. An item without an id is named by its line.
func ReadItems(ctx context.Context, name string, r io.Reader, bind *contract.Binding, yield func(pipeline.Item) error) error {
	plain := name
	for _, ext := range []string{".gz", ".zst", ".bz2"} {
		plain = strings.TrimSuffix(plain, ext)
	}
	src, err := codec.Open(name, r, codec.Dialect{})
	if err != nil {
		return err
	}
	switch strings.ToLower(path.Ext(plain)) {
	case ".txt":
		return textItems(ctx, name, src, yield)
	case ".jsonl", ".ndjson":
		return jsonItems(ctx, name, src, bind, yield)
	}
	return csvItems(ctx, name, src, bind, yield)
}

// lineLimit bounds a line of a text or JSON lines file.
const lineLimit = 1 << 20

func lines(ctx context.Context, name string, r io.Reader, yield func(n int, line []byte) error) error {
	sc := bufio.NewScanner(r)
	sc.Buffer(make([]byte, 64<<10), lineLimit)
	n := 0
	for sc.Scan() {
		n++
		if err := ctx.Err(); err != nil {
			return err
		}
		if len(strings.TrimSpace(sc.Text())) == 0 {
			continue
		}
		if !utf8.Valid(sc.Bytes()) {
			return pipeline.Errorf(pipeline.CodeInvalid, "%s:%d: the line is not UTF-8", name, n).
				WithHint("convert the file first: iconv -f latin1 -t utf-8")
		}
		if err := yield(n, sc.Bytes()); err != nil {
			return err
		}
	}
	if errors.Is(sc.Err(), bufio.ErrTooLong) {
		return pipeline.Errorf(pipeline.CodeInvalid, "%s:%d: the line is longer than %d bytes", name, n+1, lineLimit)
	}
	return sc.Err()
}

func textItems(ctx context.Context, name string, r io.Reader, yield func(pipeline.Item) error) error {
	return lines(ctx, name, r, func(n int, line []byte) error {
		return yield(pipeline.Item{ID: fmt.Sprintf("%d", n), Source: string(line)})
	})
}

func jsonItems(ctx context.Context, name string, r io.Reader, bind *contract.Binding, yield func(pipeline.Item) error) error {
	return lines(ctx, name, r, func(n int, line []byte) error {
		var obj map[string]any
		if err := json.Unmarshal(line, &obj); err != nil {
			return pipeline.Errorf(pipeline.CodeInvalid, "%s:%d: not a JSON object: %w", name, n, err)
		}
		cols := make([]string, 0, len(obj))
		for k := range obj {
			cols = append(cols, k)
		}
		pick, err := newPicker(fmt.Sprintf("%s:%d", name, n), cols, bind)
		if err != nil {
			return err
		}
		it := pick.item(n, func(i int) string {
			switch v := obj[cols[i]].(type) {
			case nil:
				return ""
			case string:
				return v
			default:
				b, _ := json.Marshal(v) // it came out of JSON
				return string(b)
			}
		})
		return yield(it)
	})
}

func csvItems(ctx context.Context, name string, r io.Reader, bind *contract.Binding, yield func(pipeline.Item) error) error {
	csv, err := codec.NewCSV(name, r, codec.Dialect{}, nil)
	if err != nil {
		return err
	}
	pick, err := newPicker(name, csv.Columns(), bind)
	if err != nil {
		return err
	}
	var ch codec.Chunk
	for {
		err := csv.Next(ctx, &ch)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if len(ch.Bad) > 0 {
			bad := ch.Bad[0]
			return pipeline.Errorf(pipeline.CodeInvalid, "%s: record %d does not split: %s %s", name, ch.Row+int64(bad.Before), bad.Fault, bad.Detail).
				WithHint("assay check -c CONTRACT %s shows every such record", name)
		}
		for row := range ch.Rows {
			it := pick.item(int(ch.Row)+row, func(i int) string { return string(ch.Text(ch.Cols[i].Cells[row])) })
			if err := yield(it); err != nil {
				return err
			}
		}
	}
}

// A picker knows which column is which part of an item.
type picker struct {
	id   []int // joined by slashes; empty: the line's number
	text int
	meta []struct {
		col int
		set func(*pipeline.Meta, string)
	}
	trust pipeline.Trust
}

func newPicker(name string, columns []string, bind *contract.Binding) (*picker, error) {
	index := make(map[string]int, len(columns))
	for i, c := range columns {
		index[strings.ToLower(c)] = i
	}
	find := func(names []string) int {
		for _, n := range names {
			if i, ok := index[strings.ToLower(n)]; ok && n != "" {
				return i
			}
		}
		return -1
	}
	ids, texts := idColumns, textColumns
	parts := metaColumns
	if bind != nil {
		texts = []string{bind.Text}
		parts = nil
		for _, p := range []struct {
			column string
			set    func(*pipeline.Meta, string)
		}{
			{bind.Category, metaColumns[0].set}, {bind.Manufacturer, metaColumns[1].set}, {bind.PartNumber, metaColumns[2].set},
			{bind.UnitOfMeas, metaColumns[3].set}, {bind.PackQuantity, metaColumns[4].set}, {bind.Procurement, metaColumns[5].set},
			{bind.Group, metaColumns[6].set}, {bind.Plant, metaColumns[7].set}, {bind.Language, metaColumns[8].set},
		} {
			parts = append(parts, struct {
				names []string
				set   func(*pipeline.Meta, string)
			}{[]string{p.column}, p.set})
		}
	}
	p := &picker{text: find(texts)}
	if bind == nil {
		if i := find(ids); i >= 0 {
			p.id = []int{i}
		}
	}
	if p.text < 0 {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: no column holds the description (looked for %s)", name, strings.Join(texts, ", ")).
			WithHint("name it with --text COLUMN, or give the feed's contract with -c")
	}
	if bind != nil {
		p.trust = bind.Trusts()
		for _, id := range bind.IDs {
			i := find([]string{id})
			if i < 0 {
				return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: no column %q", name, id).WithHint("--id names the column that identifies an item")
			}
			p.id = append(p.id, i)
		}
	}
	for _, m := range parts {
		if i := find(m.names); i >= 0 && i != p.text && !slices.Contains(p.id, i) {
			p.meta = append(p.meta, struct {
				col int
				set func(*pipeline.Meta, string)
			}{i, m.set})
		}
	}
	return p, nil
}

func (p *picker) item(n int, cell func(int) string) pipeline.Item {
	it := pipeline.Item{Source: cell(p.text), Meta: pipeline.Meta{Trust: p.trust}}
	for i, col := range p.id {
		if i > 0 {
			it.ID += "/"
		}
		it.ID += cell(col)
	}
	if it.ID == "" {
		it.ID = fmt.Sprintf("%d", n)
	}
	for _, m := range p.meta {
		m.set(&it.Meta, cell(m.col))
	}
	return it
}
