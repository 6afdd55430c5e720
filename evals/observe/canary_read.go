package observe

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
)

// A WrittenQuery is one that somebody wrote, for one of the sets.
type WrittenQuery struct {
	Set string `json:"set"`
	Query
}

// maxWritten bounds how many queries a file may hold, and maxLine a line of it.
const (
	maxWritten = 10_000
	maxLine    = 64 << 10
)

// ReadCanaries reads canary queries, one JSON object per line:
//
//	{"set": "items", "id": "hose", "query": "hydraulic hose 12 mm", "all": ["parts/4711"]}
//
// Empty lines and lines with # are left out. Error: invalid, with file and line,
// for what does not read, a set that is none of sets, an id that is there twice,
// and a query without an answer.
func ReadCanaries(file string, r io.Reader, sets ...string) ([]WrittenQuery, error) {
	sc := bufio.NewScanner(r)
	sc.Buffer(nil, maxLine)
	var out []WrittenQuery
	seen := map[string]int{}
	bad := func(line int, format string, args ...any) error {
		return pipeline.Errorf(pipeline.CodeInvalid, "%s:%d: "+format, append([]any{file, line}, args...)...).
			WithHint(`write {"set": "items", "id": "hose", "query": "hydraulic hose 12 mm", "all": ["parts/4711"]}`)
	}
	line := 1
	for ; sc.Scan(); line++ {
		text := bytes.TrimSpace(sc.Bytes())
		if len(text) == 0 || text[0] == '#' {
			continue
		}
		var q WrittenQuery
		d := json.NewDecoder(bytes.NewReader(text))
		d.DisallowUnknownFields()
		if err := d.Decode(&q); err != nil {
			return nil, bad(line, "%w", err)
		}
		switch {
		case d.More():
			return nil, bad(line, "there is more behind the query")
		case !slices.Contains(sets, q.Set):
			return nil, bad(line, "there is no set %q; sets are %s", q.Set, strings.Join(sets, ", "))
		case q.ID == "" || strings.TrimSpace(q.Text) == "":
			return nil, bad(line, "a query needs an id and a text")
		case len(q.All) == 0 || slices.Contains(q.All, ""):
			return nil, bad(line, "the query %s needs the ids that answer it", q.ID)
		case seen[q.Set+" "+q.ID] > 0:
			return nil, bad(line, "the query %s stands in line %d already", q.ID, seen[q.Set+" "+q.ID])
		case len(out) == maxWritten:
			return nil, bad(line, "more than %d queries", maxWritten)
		}
		seen[q.Set+" "+q.ID] = line
		out = append(out, q)
	}
	if err := sc.Err(); err != nil {
		return nil, bad(line, "%w", err)
	}
	return out, nil
}
