package codec

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestMembersAndElements(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{`{"a": 1, "b" : "x\n", "\u0063":null,"d":{"e":[1]}}`, `a=3 1; b=0 x` + "\n" + `; c=1 null; d=6 {"e":[1]}; true`},
		{`{}`, "true"},
		{` [ 1 , "two", [3], true, {"a":"\""} ] `, `3 1; 0 two; 6 [3]; 4 true; 6 {"a":"\""}; true`},
		{`[]`, "true"},
		{`[1`, "false"},
		{`[1]]`, "false"},
		{`["\ud800"]`, "0 ; false"},
		{`"text"`, "false"},
		{``, "false"},
	} {
		var got []string
		note := func(name string, v []byte, k Kind) { got = append(got, fmt.Sprintf("%s%d %s", name, k, v)) }
		ok := false
		if strings.HasPrefix(c.in, "{") {
			ok = Members([]byte(c.in), func(n, v []byte, k Kind) { note(string(n)+"=", v, k) })
		} else {
			ok = Elements([]byte(c.in), func(v []byte, k Kind) { note("", v, k) })
		}
		if c.in == `[1` {
			got = nil // what was seen before the end is not a promise
		}
		if c.in == `[1]]` {
			got = nil
		}
		if s := strings.Join(append(got, fmt.Sprint(ok)), "; "); s != c.want {
			t.Errorf("%s: %s, want %s", c.in, s, c.want)
		}
	}
}

// FuzzMembers: what encoding/json takes as an array or object is read whole.
func FuzzMembers(f *testing.F) {
	f.Add([]byte(`{"a":[1,{"b":"\u00e9"}],"c":null}`))
	f.Add([]byte(`[[],{},"x",1e3]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		n := 0
		isObject := Members(b, func(_, _ []byte, _ Kind) { n++ })
		if isObject {
			var m map[string]any
			if err := json.Unmarshal(b, &m); err != nil {
				t.Fatalf("%q: read, but %v", b, err)
			}
			if n < len(m) {
				t.Fatalf("%q: %d members of %d", b, n, len(m))
			}
			return
		}
		n = 0
		if Elements(b, func(_ []byte, _ Kind) { n++ }) {
			var a []any
			if err := json.Unmarshal(b, &a); err != nil || len(a) != n {
				t.Fatalf("%q: %d elements, %v %v", b, n, a, err)
			}
		}
	})
}
