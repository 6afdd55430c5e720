package guard

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

// TestReadReply shows what is mended and at what cost.
func TestReadReply(t *testing.T) {
	for _, c := range []struct {
		text, want, repairs string
	}{
		{`{"bore": 25.40}`, `{"bore":25.40}`, ""},
		{"Here you go:\n```json\n{\"bore\": 25}\n```\nAnything else?", `{"bore":25}`, "fence"},
		{`{"bore": 25, "seal": "2RS",}`, `{"bore":25,"seal":"2RS"}`, "trailing_comma"},
		{`{'bore': 25, seal: None}`, `{"bore":25,"seal":null}`, "single_quotes unquoted_key literal"},
		{`The answer is {"bore": 25} as asked`, `{"bore":25}`, "prose"},
		{`{"bore": , "width": 15}`, `{"bore":null,"width":15}`, "missing_value"},
		{`{"bore": 25, "text": "a 1/2" bolt", "n": 1`, `{"bore":25,"n":1,"text":"a 1/2\" bolt"}`, "inner_quote truncated"},
		{`{"bore": 25, "bore": 30}`, `{"bore":30}`, "duplicate_key"},
		{`{"a": 1} {"a": 2}`, `{"a":1}`, "several_answers"},
		{`{"mass": .25, "n": 1.}`, `{"mass":0.25,"n":1.0}`, "number_form"},
		{`{"a": 0.1000000000000000000000000001}`, `{"a":0.1000000000000000000000000001}`, ""},
	} {
		r, err := ReadReply(c.text)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		b, _ := json.Marshal(r.Value)
		var names []string
		for _, n := range r.Repairs {
			names = append(names, string(n))
		}
		if string(b) != c.want || strings.Join(names, " ") != c.repairs {
			t.Errorf("%s\ngot  %s (%s)\nwant %s (%s)", c.text, b, strings.Join(names, " "), c.want, c.repairs)
		}
		if (len(r.Repairs) == 0) != (r.Cost == 0) && c.repairs != "fence" {
			t.Errorf("%s: cost %v for %v", c.text, r.Cost, names)
		}
	}
	for _, text := range []string{"", " ", "I cannot help with that.", "<html><body>502</body></html>", "\"quoted\"", "\x00", strings.Repeat("x", maxReply+1)} {
		if r, err := ReadReply(text); err == nil {
			t.Errorf("%.40q gives %v", text, r.Value)
		}
	}
}

// TestReplyTime bounds long replies that are made to be slow.
func TestReplyTime(t *testing.T) {
	for _, unit := range []string{"{", "[", "\"", "{\"a\":", "[\"a\" \"b", "'", "{a:\"b, c:", "/*", "\\", "}", "```", "(", "{\"a\":\"x}", "\"a\", "} {
		text := "{" + strings.Repeat(unit, 200_000/len(unit))
		start := time.Now()
		_, _ = ReadReply(text)
		if d := time.Since(start); d > 3*time.Second {
			t.Errorf("%q took %v", unit, d)
		}
	}
}

func FuzzReadReply(f *testing.F) {
	for _, s := range []string{`{"a": [1, 2, {"b": "c"}]}`, "```json\n{a: 'b'}\n```", `{"a": "b" c", d: 1`, `[1, (2, 3), {"x"}]`, "{\"a\": \"\\ud83d\\ude00\\u00\"}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := ReadReply(text)
		if err != nil {
			return
		}
		b, err := json.Marshal(r.Value)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if !json.Valid(b) || r.Cost < 0 || r.Cost > 1 {
			t.Fatalf("%q gives %s at %v", text, b, r.Cost)
		}
	})
}
