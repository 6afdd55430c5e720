package contract

import (
	"bytes"
	"path/filepath"
	"testing"

	"golang.org/x/tools/txtar"
)

// Whatever the bytes: no panic, and either findings or a document that comes
// back byte for byte and whose parts can be compiled and linted.
func FuzzParse(f *testing.F) {
	f.Add([]byte(leastContract))
	cases, err := filepath.Glob("testdata/*/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range cases {
		ar, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(ar.Files[0].Data)
	}
	for _, s := range []string{"", "a: [", "a: &a [*a]", "<<: *x", "? a\n: b", "a: !!binary x", "%YAML 1.2\n---\na: b\n...\n", "\ufeffapiVersion: v3.1.0", "a:\t- b"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		d, found := parse("f", src)
		for _, x := range found {
			if x.Line < 1 || x.Column < 1 || x.What == "" {
				t.Fatalf("a finding without a place or a word: %+v", x)
			}
		}
		if d == nil {
			if len(found) == 0 {
				t.Fatal("neither a document nor a finding")
			}
			return
		}
		if problemError(found) != nil {
			return
		}
		if !bytes.Equal(d.Bytes(), src) {
			t.Fatal("Bytes differ from the source")
		}
		d.Lint()
		for _, n := range d.Feeds() {
			if feed, err := d.Feed(n); err == nil && feed.Hash == "" {
				t.Fatal("a feed without a hash")
			}
		}
	})
}
