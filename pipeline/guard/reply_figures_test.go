package guard

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
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
	Options       map[string]any
	Expected      json.RawMessage
	ExpectedEmpty bool   `json:"expected_empty"`
	ExpectError   string `json:"expect_error"`
}

// TestRepairFigures measures ReadReply on the json_repair cases that need no
// schema, and lists every miss. Where that project fills a missing value with
// "", null is right here; where it finds nothing, an error is.
func TestRepairFigures(t *testing.T) {
	right, total, skipped := 0, 0, 0
	for _, c := range readLines[repairCase](t, "llm/json_repair/cases.jsonl") {
		if c.Options["schema"] != nil || c.ExpectError != "" || c.Options["strict"] == true {
			skipped++
			continue
		}
		total++
		r, err := ReadReply(c.Input)
		got := r.Value
		if len(r.Values) > 1 {
			got = r.Values
		}
		if c.ExpectedEmpty || string(c.Expected) == `""` {
			if err != nil || empty(got) {
				right++
				continue
			}
		}
		var want any
		if len(c.Expected) > 0 {
			if err := json.Unmarshal(c.Expected, &want); err != nil {
				t.Fatal(err)
			}
		}
		if err == nil && sameJSON(got, want) {
			right++
			continue
		}
		b, _ := json.Marshal(got)
		t.Logf("miss %q\n  got  %s %v\n  want %s", clip(c.Input), b, err, c.Expected)
	}
	t.Logf("%d of %d right, %d skipped (schema or strict)", right, total, skipped)
	share := float64(right) / float64(total)
	t.Logf(`{"json_exact": %.4f}`, share)
	if share < 0.9 {
		t.Errorf("%.1f %% of the cases are right, at least 90 are wanted", 100*share)
	}
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
		if !ok || len(g) != len(w) {
			return false
		}
		for k := range w {
			v, ok := g[k]
			if !ok || !sameJSON(v, w[k]) {
				return false
			}
		}
		return true
	}
	return reflect.DeepEqual(got, want)
}
