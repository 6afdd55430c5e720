package codec

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/tools/txtar"
)

// TestLanguage reads testdata/language.txtar: one text per line, under the
// language that it is written in.
func TestLanguage(t *testing.T) {
	a, err := txtar.ParseFile("testdata/language.txtar")
	if err != nil {
		t.Fatal(err)
	}
	right, all := 0, 0
	for _, f := range a.Files {
		for _, line := range strings.Split(strings.TrimSpace(string(f.Data)), "\n") {
			all++
			got := Language(line)
			if got == f.Name {
				right++
				continue
			}
			// A wrong language rejects good documents; unknown is what a person
			// would say of a short text, too.
			if got != Unknown || f.Name == Unknown {
				t.Errorf("%s: %s", got, line)
			}
		}
	}
	if right*100 < all*95 {
		t.Errorf("%d of %d texts are told", right, all)
	}
	t.Logf("%d of %d texts are told", right, all)
}

func TestLanguageOfAnything(t *testing.T) {
	for _, s := range []string{"", "\xff\xfe", strings.Repeat("ä", 1<<20), strings.Repeat("the cat and the dog ", 1<<14), "'''", "12 34 56 78"} {
		if got := Language(s); got != Unknown && got != "en" {
			t.Errorf("%.20q: %s", s, got)
		}
	}
}

func BenchmarkLanguage(b *testing.B) {
	text, err := os.ReadFile("testdata/language.txtar")
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		Language(string(text))
	}
}

// FuzzDecodeDocument: whatever the bytes, the text is UTF-8, and its measures
// are within their ranges.
func FuzzDecodeDocument(f *testing.F) {
	for _, s := range []string{"", "f\xfcr", "\xff\xfea\x00b\x00", "\xef\xbb\xbfx", "fÃ¼r die", "\x00\x01", "a\nb\na\n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		text, encoding := DecodeDocument(b)
		if !utf8.ValidString(text) {
			t.Fatalf("%q is not UTF-8", text)
		}
		m := NewTextMeter().Measure(text)
		if encoding == "" || m.Language == "" || m.Characters < 0 || m.Words > m.Characters || m.Repeated < 0 || m.Repeated > 1 || m.Boilerplate != 0 {
			t.Fatalf("%s %+v", encoding, m)
		}
	})
}

// FuzzZipObjects: an archive is read or refused, and its lines are JSON.
func FuzzZipObjects(f *testing.F) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range []string{"a.txt", "a.txt.meta.json", "b/c.png"} {
		w, _ := z.Create(name)
		_, _ = w.Write([]byte(`{"x": 1}`))
	}
	_ = z.Close()
	f.Add(b.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		objects, err := ZipObjects("z.zip", bytes.NewReader(b), int64(len(b)))
		if err != nil {
			return
		}
		out, err := io.ReadAll(NewMeasurer(t.Context(), Measurer{Text: true, Content: true}, objects))
		if err != nil {
			return
		}
		for line := range bytes.Lines(out) {
			if !json.Valid(line) {
				t.Fatalf("%q", line)
			}
		}
	})
}
