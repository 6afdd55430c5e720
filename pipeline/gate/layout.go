package gate

import (
	"context"
	"fmt"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/codec"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

// LayoutVersion is the version of the form of Layout and Part.
const LayoutVersion = 2

// A Layout says how one file is cut into ranges that are judged apart. It is
// plain data: it travels as JSON to whoever judges a range.
type Layout struct {
	Version int    `json:"version"`
	Name    string `json:"name"`
	Size    int64  `json:"size"`
	// Contract is the hash of the contract that all ranges are judged by.
	Contract string `json:"contract,omitempty"`
	// Whole says why the file cannot be cut, "" if it can: it is judged by Judge.
	Whole string `json:"whole,omitempty"`
	// Begin is the front of a text file.
	Begin codec.Beginning `json:"begin"`
	// Ranges are bytes of a text file, row groups of a Parquet file: each begins
	// where the one before it ends.
	Ranges []Range `json:"ranges"`
}

// A Range is [From, To).
type Range struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
	// Rows before the range; of Parquet only, where they are known.
	Rows int64 `json:"rows,omitempty"`
}

// Lay cuts a file into ranges of about size bytes each (0: 256 MiB).
//
// CSV and JSONL are cut at any byte, Parquet between row groups. A compressed
// file, a JSON array, a stream, a file whose front cannot be read, and one whose
// contract has a rule that sees all rows at once are judged whole: Layout.Whole
// says why. Errors: those of Input.
func (g *Gate) Lay(ctx context.Context, in Input, size int64) (*Layout, error) {
	if size <= 0 {
		size = 256 << 20
	}
	cuts := []int64{}
	for at := size; at < in.Size; at += size {
		cuts = append(cuts, at)
	}
	return g.LayAt(ctx, in, cuts)
}

// LayAt cuts a file at given bytes, which grow. Of a Parquet file a cut is the
// next end of a row group.
func (g *Gate) LayAt(ctx context.Context, in Input, cuts []int64) (*Layout, error) {
	l := &Layout{Version: LayoutVersion, Name: in.Name, Size: in.Size, Contract: g.feed.Hash}
	whole := func(format string, args ...any) (*Layout, error) {
		l.Whole, l.Ranges = fmt.Sprintf(format, args...), []Range{{0, max(in.Size, 0), 0}}
		return l, nil
	}
	switch {
	case in.Size < 0:
		return whole("a stream has no ranges")
	case g.indivisible() != "":
		return whole("%s", g.indivisible())
	case g.feed.Format == contract.Parquet:
		return g.layGroups(ctx, in, l, cuts, whole)
	case g.feed.Format == contract.JSON:
		return whole("the elements of a JSON array cannot be told apart from the middle; one object per line (jsonl) can")
	}
	if kind := codec.Compression(g.dialect, in.Name); kind != "" {
		return whole("%s cannot be read from the middle", kind)
	}
	var err error
	l.Begin, err = codec.Begin(ctx, in.Name, codec.Source(in.Open), g.dialect, g.jsonl(), g.columnNames())
	switch code := pipeline.ErrorCode(err); {
	case code == pipeline.CodeInvalid:
		return whole("its front cannot be read: %s", pipeline.ErrorMessage(err))
	case err != nil:
		return nil, openError(in.Name, err)
	}
	columns := newRun(g, in, Options{}.withDefaults())
	columns.rdr = &foldedNames{columns: l.Begin.Columns}
	if g.jsonl() {
		columns.rdr = &foldedNames{columns: g.columnNames()}
	}
	if err := columns.match(); err != nil {
		return whole("its columns are not those of the contract: %s", pipeline.ErrorMessage(err))
	}
	from := l.Begin.Source
	for _, at := range append(append([]int64{}, cuts...), in.Size) {
		if at, err = codec.AlignRange(ctx, in.Name, codec.Source(in.Open), l.Begin.Encoding, at, in.Size); err != nil {
			return nil, err
		}
		if at <= from {
			continue
		}
		l.Ranges = append(l.Ranges, Range{From: from, To: at})
		from = at
	}
	if len(l.Ranges) == 0 {
		l.Ranges = []Range{{From: from, To: from}}
	}
	return l, nil
}

// indivisible says which rule needs all rows of a file at once, "" if none does.
func (g *Gate) indivisible() string {
	if g.feed.Kind.Measured() {
		return "what is measured of a document depends on those before it"
	}
	for _, t := range g.checks {
		if t.spec.Metric == "usual" {
			return "the rule " + g.rules[t.rule].id + " compares each row with the batches before"
		}
		if t.spec.Kind == "sql" {
			return "the rule " + g.rules[t.rule].id + " asks all rows at once (sql)"
		}
	}
	for _, r := range g.relations {
		if r.spec.To == g.feed.Name {
			return "the foreign key " + g.rules[r.rule].id + " leads to rows of the same file"
		}
	}
	return ""
}

func (g *Gate) layGroups(ctx context.Context, in Input, l *Layout, cuts []int64, whole func(string, ...any) (*Layout, error)) (*Layout, error) {
	p, err := codec.NewParquet(in.Name, codec.NewRanges(ctx, in.Name, in.Size, in.Open, nil), in.Size)
	switch code := pipeline.ErrorCode(err); {
	case code == pipeline.CodeInvalid:
		return whole("its footer cannot be read: %s", pipeline.ErrorMessage(err))
	case err != nil:
		return nil, openError(in.Name, err)
	}
	l.Begin.Columns = p.Columns()
	var r Range
	var end, rows int64
	groups := p.RowGroups()
	for i, group := range groups {
		end += group.Bytes
		rows += group.Rows
		r.To = int64(i + 1)
		cut := false
		for len(cuts) > 0 && cuts[0] <= end {
			cuts, cut = cuts[1:], true
		}
		if cut && i+1 < len(groups) {
			l.Ranges = append(l.Ranges, r)
			r = Range{From: r.To, To: r.To, Rows: rows}
		}
	}
	l.Ranges = append(l.Ranges, r)
	return l, nil
}

func (g *Gate) jsonl() bool { return g.feed.Format == contract.JSONL }

func (g *Gate) columnNames() []string {
	names := make([]string, len(g.fields))
	for i, f := range g.fields {
		names[i] = f.spec.Column
	}
	return names
}

// check refuses a layout that is not of this file and contract.
func (l *Layout) check(g *Gate, in Input) error {
	bad := func(format string, args ...any) error {
		return pipeline.Errorf(pipeline.CodeInvalid, "%s: %s", in.Name, fmt.Sprintf(format, args...)).
			WithHint("lay the file out again")
	}
	switch {
	case l.Version != LayoutVersion:
		// Of another release: the file is as good as it was.
		return pipeline.Errorf(pipeline.CodeConflict, "%s: a layout of version %d, this program writes %d", in.Name, l.Version, LayoutVersion).
			WithHint("lay the file out again")
	case l.Size != in.Size:
		return bad("the layout is of %d bytes, the file has %d", l.Size, in.Size)
	case l.Contract != g.feed.Hash:
		return bad("the layout was made by another version of the contract")
	case l.Whole != "":
		return bad("it is judged whole: %s", l.Whole)
	}
	return nil
}
