package learn

import (
	"encoding/csv"
	"errors"
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

// ReadLabels reads a CSV with the columns ltable_id, rtable_id, label (1 for
// the same thing, 0 for two). A pair that is given twice alike counts once;
// one that is given both ways is an error of code invalid.
func ReadLabels(name string, r io.Reader) ([]Label, error) {
	c := csv.NewReader(r)
	head, err := c.Read()
	if err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: no header: %w", name, err).WithHint("the columns are ltable_id, rtable_id, label")
	}
	var at [3]int
	for i, want := range []string{"ltable_id", "rtable_id", "label"} {
		at[i] = slices.IndexFunc(head, func(h string) bool {
			return strings.EqualFold(strings.TrimSpace(strings.TrimPrefix(h, "\ufeff")), want)
		})
		if at[i] < 0 {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: no column %s", name, want).WithHint("the columns are ltable_id, rtable_id, label")
		}
	}
	var out []Label
	seen := map[[2]string]bool{}
	for {
		row, err := c.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: %w", name, err)
		}
		line, _ := c.FieldPos(0)
		l := Label{A: strings.TrimSpace(row[at[0]]), B: strings.TrimSpace(row[at[1]])}
		switch strings.TrimSpace(row[at[2]]) {
		case "1":
			l.Same = true
		case "0":
		default:
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s, line %d: label %q", name, line, row[at[2]]).WithHint("1 for the same thing, 0 for two")
		}
		key := [2]string{l.A, l.B}
		if was, again := seen[key]; again {
			if was != l.Same {
				return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s, line %d: %s and %s are labelled both same and different", name, line, l.A, l.B).
					WithHint("keep the line that is right")
			}
			continue
		}
		seen[key] = l.Same
		out = append(out, l)
	}
}
