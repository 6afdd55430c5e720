package codec

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestJSONSuite: y_ files are accepted, n_ files refused, and none crashes.
// Each is read as the member of an object, on one line.
func TestJSONSuite(t *testing.T) {
	dir := dataDir(t, "json/jsontestsuite/test_parsing")
	files, _ := filepath.Glob(filepath.Join(dir, "*.json"))
	if len(files) < 300 {
		t.Fatalf("%d files", len(files))
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		end, _, res := scanValue(data, skipSpace(data, 0), 0)
		ok := res == scanOK && skipSpace(data, end) == len(data) && cleanText(bytes.ReplaceAll(data, []byte{0}, []byte{1}))
		switch name := filepath.Base(f); {
		case strings.HasPrefix(name, "y_") && !ok:
			t.Errorf("%s: refused", name)
		case strings.HasPrefix(name, "n_") && ok:
			t.Errorf("%s: accepted", name)
		}
		// As a file, in both formats: an error or records, never a panic.
		for _, array := range []bool{false, true} {
			r, err := NewJSON(f, bytes.NewReader(data), Dialect{}, []string{"a"}, array)
			if err == nil {
				_, _ = readAll(t, r)
			}
		}
	}
}

func TestJSONLines(t *testing.T) {
	for _, c := range []struct {
		name, data string
		array      bool
		want       []string
	}{
		{"lines", `{"a":1,"b":"x"}` + "\n\n" + `{"b":"y\n\u00fc\ud83d\ude00"}` + "\n", false, []string{"1|x", "|y\nü😀"}},
		{"broken line", `{"a":1` + "\n" + `{"a":2,"b":true}`, false, []string{"!json_syntax", "2|true"}},
		{"no object", "[1]\n5\n{\"a\":null}", false, []string{"!not_an_object", "!not_an_object", "null|"}},
		{"name twice", `{"a":1,"a":2}`, false, []string{"!double_name"}},
		{"escaped name", `{"\u0061":1}`, false, []string{"1|"}},
		{"half a character", `{"a":"\ud800"}`, false, []string{"!json_syntax"}},
		{"NUL", `{"a":"\u0000"}`, false, []string{"!nul_byte"}},
		{"Latin-1", "{\"a\":\"\xfc\"}\n{\"a\":1}", false, []string{"!not_utf8", "1|"}},
		{"array", "[ {\"a\":1},\n {\"a\":{\"b\":[1,2]}} ]\n", true, []string{"1|", `{"b":[1,2]}|`}},
		{"array with a broken line", "[\n{\"a\":1},\n{\"a\":oops},\n{\"a\":3}\n]", true, []string{"1|", "!json_syntax", "3|"}},
		{"objects in sequence", `{"a":1} {"a":2}`, true, []string{"1|", "2|"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := NewJSON("x.json", strings.NewReader(c.data), Dialect{}, []string{"a", "b"}, c.array)
			if err != nil {
				t.Fatal(err)
			}
			got, err := readAll(t, r)
			if err != nil {
				t.Fatal(err)
			}
			var words []string
			for _, l := range got {
				if l.Fault != "" {
					words = append(words, "!"+string(l.Fault))
				} else {
					words = append(words, strings.Join(l.Cells, "|"))
				}
			}
			if !slices.Equal(words, c.want) {
				t.Fatalf("%q, want %q", words, c.want)
			}
		})
	}
}

func TestJSONCutShort(t *testing.T) {
	r, err := NewJSON("x.json", strings.NewReader(`[{"a":1},{"a"`), Dialect{}, []string{"a"}, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := readAll(t, r); err == nil {
		t.Fatal("an array without end is read as whole")
	}
}

// TestJSONAgainstStandard: the scanner accepts what encoding/json accepts, and
// undoes escapes as it does.
func TestJSONAgainstStandard(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"{", "}", "[", "]", ",", ":", `"a"`, `"\u00e9\n"`, `"\x"`, "1", "-", "0", ".5", "e+1", "true", "nul", "null", " ", "\n", "\t", "\x01"}), 0, 12).Draw(rt, "json"), "")
		b := []byte(s)
		end, _, res := scanValue(b, skipSpace(b, 0), 0)
		if ok := res == scanOK && skipSpace(b, end) == len(b); ok != json.Valid(b) {
			rt.Fatalf("%q: %v, encoding/json says %v", s, ok, json.Valid(b))
		}
	})
}

func FuzzJSON(f *testing.F) {
	for _, s := range []string{`{"a":1}`, `{"a": "x", "c": ["]"], "b": null}` + "\n" + `{"b":"\\n\\"","a":-1.5e3,"a":2}` + "\n{\"c\":true,\"a\":\"\"}\r\n", `[{"a":"\ud83d\ude00"}]`, "{\"a\":[{}]}\n{", `{"a":1e5,"b":-0.0}`} {
		f.Add([]byte(s), false)
		f.Add([]byte(s), true)
	}
	f.Fuzz(func(t *testing.T, data []byte, array bool) {
		end, _, res := scanValue(data, skipSpace(data, 0), 0)
		if ok := res == scanOK && skipSpace(data, end) == len(data); ok && !json.Valid(data) {
			t.Fatalf("%q is accepted", data)
		}
		read := func(fast bool) ([]line, []string, error) {
			r, err := NewJSON("x", bytes.NewReader(data), Dialect{MaxRecordBytes: 200}, []string{"a", "b"}, array)
			if err != nil {
				return nil, nil, err
			}
			r.fast = fast
			lines, err := readAll(t, r)
			return lines, append(r.Extra(), fmt.Sprint(r.Seen())), err
		}
		got, names, err := read(true)
		want, wantNames, wantErr := read(false)
		if !slices.EqualFunc(got, want, sameLine) || !slices.Equal(names, wantNames) || (err == nil) != (wantErr == nil) {
			t.Fatalf("%q:\nby the index %+v %v %v\nby record    %+v %v %v", data, got, names, err, want, wantNames, wantErr)
		}
	})
}
