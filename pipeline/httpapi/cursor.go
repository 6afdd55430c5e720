package httpapi

import (
	"encoding/base64"
	"encoding/json"

	"github.com/assay-pipeline/assay/pipeline"
)

// A cursor says where a page ended, for one list with one set of filters. It is
// opaque to clients.
type cursor struct {
	List string   `json:"l"`
	For  string   `json:"f,omitempty"` // hash of the filters
	Key  []string `json:"k"`
}

// writeCursor is the cursor behind the entry of key.
func writeCursor(list string, filters []string, key ...string) string {
	b, err := json.Marshal(cursor{List: list, For: filterHash(filters), Key: key})
	if err != nil {
		return "" // strings always marshal
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

// readCursor is the key of a cursor, nil of the empty one. Error: invalid, for
// one of another list or of other filters.
func readCursor(text, list string, filters []string, parts int) ([]string, error) {
	if text == "" {
		return nil, nil
	}
	var c cursor
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil || c.List != list || len(c.Key) != parts {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "the cursor is not one of this list").WithHint("take next of the page before, as it is")
	}
	if c.For != filterHash(filters) {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "the cursor belongs to other filters").WithHint("begin again without a cursor")
	}
	return c.Key, nil
}

func filterHash(filters []string) string {
	all := true
	for _, f := range filters {
		all = all && f == ""
	}
	if all {
		return ""
	}
	return pipeline.ContentID(append([]string{"filters"}, filters...)...)[:8]
}

// limitOf is the size of a page.
func limitOf(n int) int {
	if n <= 0 {
		return 50
	}
	return n
}

// pageOf cuts a page out of a list that is in the order of its keys: the entries
// behind after, at most n, and the key of the last one where more follow.
func pageOf[T any](all []T, key func(T) string, after []string, n int) (page []T, last string) {
	i := 0
	if len(after) > 0 {
		for i < len(all) && key(all[i]) <= after[0] {
			i++
		}
	}
	page = all[i:]
	if len(page) > n {
		page = page[:n]
		last = key(page[n-1])
	}
	if page == nil {
		page = []T{}
	}
	return page, last
}
