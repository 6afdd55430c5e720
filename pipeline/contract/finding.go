package contract

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
)

// A Level says how much a finding matters. A contract with an error judges no
// batch; a warning is likely to hurt; a note is worth knowing.
type Level string

const (
	LevelError   Level = "error"
	LevelWarning Level = "warning"
	LevelNote    Level = "note"
)

// A Finding is one thing that is wrong with a contract, or could be better:
// where it stands, what it is, and what to do.
type Finding struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
	// Path is the place in the document: schema[0].properties[2].name.
	Path  string `json:"path"`
	Level Level  `json:"level"`
	// Rule is the short, lasting name of what was looked for.
	Rule string `json:"rule"`
	What string `json:"what"`
	Do   string `json:"do,omitempty"`
}

// String is the finding on one line: file:line:col: path: what; what to do.
func (f Finding) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d: ", f.File, f.Line, f.Column)
	if f.Path != "" {
		b.WriteString(f.Path + ": ")
	}
	b.WriteString(f.What)
	if f.Do != "" {
		b.WriteString("; " + f.Do)
	}
	return b.String()
}

// A problemList is the cause of an error that stands for several findings.
type problemList []Finding

func (p problemList) Error() string {
	lines := make([]string, len(p))
	for i, f := range p {
		lines[i] = f.String()
	}
	return strings.Join(lines, "\n")
}

// Problems returns the findings behind an error of Parse, Feed or Load, in
// the order of the document; nil when err has none.
func Problems(err error) []Finding {
	var p problemList
	if errors.As(err, &p) {
		return p
	}
	return nil
}

// problemError makes one error of code invalid of all findings of level error.
func problemError(found []Finding) error {
	var p problemList
	for _, f := range found {
		if f.Level == LevelError {
			p = append(p, f)
		}
	}
	if len(p) == 0 {
		return nil
	}
	sortFindings(p)
	return &pipeline.Error{Code: pipeline.CodeInvalid, Message: p.Error(), Err: p}
}

func sortFindings(fs []Finding) {
	slices.SortStableFunc(fs, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column),
			cmp.Compare(a.Path, b.Path), cmp.Compare(a.What, b.What))
	})
}

// nearest returns the candidate closest to word, "" when none is close.
func nearest(word string, candidates []string) string {
	best, at := "", 1+len(word)/3
	if at > 3 {
		at = 3
	}
	for _, c := range candidates {
		if d := editDistance(strings.ToLower(word), strings.ToLower(c), at+1); d <= at && (d < at || best == "") {
			best, at = c, d
		}
	}
	return best
}

// editDistance is the Levenshtein distance of a and b, or limit when it is
// not smaller.
func editDistance(a, b string, limit int) int {
	if len(a)-len(b) >= limit || len(b)-len(a) >= limit {
		return limit
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diag, low := row[0], i
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			diag, row[j] = row[j], min(row[j]+1, row[j-1]+1, diag+cost)
			low = min(low, row[j])
		}
		if low >= limit {
			return limit
		}
	}
	return min(row[len(b)], limit)
}

// didYouMean completes an instruction with the nearest candidate, or lists all
// where they are few.
func didYouMean(word string, candidates []string, otherwise string) string {
	if n := nearest(word, candidates); n != "" {
		return "did you mean " + n + "?"
	}
	if len(candidates) > 0 && len(candidates) <= 12 {
		c := slices.Clone(candidates)
		slices.Sort(c)
		return "use one of " + strings.Join(c, ", ")
	}
	return otherwise
}
