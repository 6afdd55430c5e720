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

const partSchema = `{"type": "object", "properties": {
	"bore": {"type": "number"}, "rows": {"type": "integer"}, "sealed": {"type": "boolean"},
	"seal": {"enum": ["2RS", "ZZ", "none"]}, "marks": {"type": "array", "items": {"type": "string"}}},
	"required": ["bore"], "additionalProperties": false}`

// TestReadReplyAs shows what is coerced, and that nothing is made up.
func TestReadReplyAs(t *testing.T) {
	shape, err := ShapeOf([]byte(partSchema))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ text, want, reason string }{
		{`{"bore": 25}`, `{"bore":25}`, "as it is"},
		{`{"bore": "25.4"}`, `{"bore":25.4}`, "digits in quotes"},
		{`{"Bore": 25, "colour": "red"}`, `{"bore":25}`, "another spelling, a key too many"},
		{`{"bore": 25, "rows": 2.0, "sealed": "yes", "seal": "2rs", "marks": "C3"}`, `{"bore":25,"marks":["C3"],"rows":2,"seal":"2RS","sealed":true}`, "coerced"},
		{`First {"note": "x"} then {"bore": 25}`, `{"bore":25}`, "the one that fits"},
		{`{"bore": 25, "seal": null}`, `{"bore":25,"seal":null}`, "null stays"},
		{`{"rows": 2}`, "", "a required number is missing"},
		{`{"bore": null}`, "", "a required number is null"},
		{`{"bore": }`, "", "a required number is left out"},
		{`{"bore": 25, "rows": 2.5}`, "", "a decimal is not rounded"},
		{`{"bore": "about 25"}`, "", "a number is not taken out of words"},
		{`{"bore": 25, "seal": "3RS"}`, "", "no such choice"},
		{`The bore is 25.`, "", "a number is not taken out of prose"},
	} {
		r, err := ReadReplyAs(c.text, shape)
		got := ""
		if err == nil {
			b, _ := json.Marshal(r.Value)
			got = string(b)
		}
		if got != c.want {
			t.Errorf("%s (%s)\ngot  %s %v\nwant %s", c.text, c.reason, got, err, c.want)
		}
	}
	for _, schema := range []string{"", "[]", `{"type": "bogus"}`, `{"$ref": "#/$defs/x"}`, `{"$defs": {"x": {"$ref": "#/$defs/x"}}, "$ref": "#/$defs/x"}`} {
		if _, err := ShapeOf([]byte(schema)); err == nil {
			t.Errorf("%s is taken for a schema", schema)
		}
	}
}

func FuzzReadReplyAs(f *testing.F) {
	f.Add(`{"bore": "25", 'seal': 2RS`, partSchema)
	f.Add(`ZZ`, `{"enum": ["ZZ", "2RS"]}`)
	f.Add(`[1, "2"]`, `{"type": "array", "items": {"anyOf": [{"type": "integer"}, {"type": "string"}]}}`)
	f.Fuzz(func(t *testing.T, text, schema string) {
		shape, err := ShapeOf([]byte(schema))
		if err != nil {
			return
		}
		if r, err := ReadReplyAs(text, shape); err == nil {
			if _, err := json.Marshal(r.Value); err != nil {
				t.Fatal(err)
			}
		}
	})
}
