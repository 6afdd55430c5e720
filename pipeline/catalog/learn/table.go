package learn

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
)

// A Table is one catalog of text records.
type Table struct {
	Name    string
	Columns []string
	IDs     []string
	Rows    [][]string // parallel to IDs; one value per column
	at      map[string]int
}

// A Label says whether two records, one of each table, are one thing.
type Label struct {
	A, B string
	Same bool
}

// ReadTable reads a CSV whose first column is the id; name stands in errors.
// Errors: invalid for a missing header, a ragged line or an id given twice.
func ReadTable(name string, r io.Reader) (*Table, error) {
	c := csv.NewReader(r)
	c.ReuseRecord = false
	head, err := c.Read()
	if errors.Is(err, io.EOF) {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: empty file", name).WithHint("the first line names the columns, the first of them the id")
	}
	if err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: %w", name, err)
	}
	if len(head) < 2 {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: %d column", name, len(head)).WithHint("an id and at least one more column are needed")
	}
	t := &Table{Name: name, at: map[string]int{}}
	for _, h := range head[1:] {
		t.Columns = append(t.Columns, strings.ToLower(strings.TrimSpace(strings.TrimPrefix(h, "\ufeff"))))
	}
	for {
		row, err := c.Read()
		if errors.Is(err, io.EOF) {
			return t, nil
		}
		if err != nil {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: %w", name, err)
		}
		line, _ := c.FieldPos(0)
		id := strings.TrimSpace(row[0])
		if id == "" {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s, line %d: no id", name, line)
		}
		if _, twice := t.at[id]; twice {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s, line %d: id %q is there twice", name, line, id)
		}
		t.at[id] = len(t.IDs)
		t.IDs = append(t.IDs, id)
		t.Rows = append(t.Rows, row[1:])
	}
}

// NewTable makes a table of rows that are at hand. Error: invalid for an id
// given twice or a ragged row.
func NewTable(name string, columns, ids []string, rows [][]string) (*Table, error) {
	t := &Table{Name: name, Columns: columns, IDs: ids, Rows: rows, at: make(map[string]int, len(ids))}
	for i, id := range ids {
		if _, twice := t.at[id]; twice || id == "" {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s, row %d: id %q is empty or there twice", name, i+1, id)
		}
		if i >= len(rows) || len(rows[i]) != len(columns) {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s, row %d: not %d values", name, i+1, len(columns))
		}
		t.at[id] = i
	}
	return t, nil
}

// Has reports whether t has a row of that id.
func (t *Table) Has(id string) bool { _, ok := t.at[id]; return ok }

// labelColumns are the names that the three columns of a label file may have.
var labelColumns = [3][]string{{"ltable_id", "a"}, {"rtable_id", "b"}, {"label", "verdict"}}

// labelWords say what a label may be called; what is for review is no label.
var labelWords = map[string]string{
	"1": "same", "same": "same", "duplicate": "same", "true": "same",
	"0": "different", "different": "different", "distinct": "different", "false": "different",
	"review": "",
}

// ReadLabels reads a CSV with the columns ltable_id, rtable_id, label (1 for
// the same thing, 0 for two), or a, b, verdict, as assay match writes them
// (duplicate, distinct; review is left out). A pair that is given twice alike
// counts once; one that is given both ways is an error of code invalid that
// names every such pair, up to ten.
func ReadLabels(name string, r io.Reader) ([]Label, error) {
	c := csv.NewReader(r)
	head, err := c.Read()
	if err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: no header: %w", name, err).WithHint("the columns are ltable_id, rtable_id, label")
	}
	var at [3]int
	for i, names := range labelColumns {
		at[i] = slices.IndexFunc(head, func(h string) bool {
			return slices.Contains(names, strings.ToLower(strings.TrimSpace(strings.TrimPrefix(h, "\ufeff"))))
		})
		if at[i] < 0 {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: no column %s", name, names[0]).WithHint("the columns are ltable_id, rtable_id, label, or a, b, verdict")
		}
	}
	var out []Label
	type line struct {
		same bool
		at   int
	}
	seen := map[[2]string]line{}
	var clashes []string
	for {
		row, err := c.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: %w", name, err)
		}
		n, _ := c.FieldPos(0)
		word, known := labelWords[strings.ToLower(strings.TrimSpace(row[at[2]]))]
		if !known {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s, line %d: label %q", name, n, row[at[2]]).WithHint("1 for the same thing, 0 for two")
		}
		if word == "" {
			continue
		}
		l := Label{A: strings.TrimSpace(row[at[0]]), B: strings.TrimSpace(row[at[1]]), Same: word == "same"}
		if l.A == "" || l.B == "" {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s, line %d: an id is empty", name, n)
		}
		key := [2]string{l.A, l.B}
		if was, again := seen[key]; again {
			if was.same != l.Same {
				clashes = append(clashes, fmt.Sprintf("%s and %s (lines %d and %d)", l.A, l.B, was.at, n))
			}
			continue
		}
		seen[key] = line{l.Same, n}
		out = append(out, l)
	}
	if len(clashes) > 0 {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: labelled both same and different: %s", name, strings.Join(clashes[:min(10, len(clashes))], "; ")).
			WithHint("keep the line that is right")
	}
	return out, nil
}

// Contradictions names the pairs that two sets of labels judge differently,
// and counts those that stand in both.
func Contradictions(a, b []Label) (clashes []Label, both int) {
	said := make(map[[2]string]bool, len(a))
	for _, l := range a {
		said[[2]string{l.A, l.B}] = l.Same
	}
	for _, l := range b {
		if was, ok := said[[2]string{l.A, l.B}]; ok {
			both++
			if was != l.Same {
				clashes = append(clashes, l)
			}
		}
	}
	return clashes, both
}
