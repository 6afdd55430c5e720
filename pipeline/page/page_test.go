package page

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestVisible(t *testing.T) {
	for in, want := range map[string]string{
		"plain ü 6205\n\t✔️":    "plain ü 6205\n\t✔️",
		"a\u202eb":              "a⟦U+202E⟧b",
		"\u2066\u200b\u061c":    "⟦U+2066⟧⟦U+200B⟧⟦U+061C⟧",
		"\x00\x1b[2J\x7f\u009b": "␀␛[2J␡⟦U+009B⟧",
		"\ufeffx":               "⟦U+FEFF⟧x",
		"\U000e0041":            "⟦U+E0041⟧",
		"a\xffb":                "a\ufffdb",
	} {
		if got := Visible(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 bytes", 999: "999 bytes", 1000: "1 kB", 999_499: "999 kB", 999_900: "1 MB", 12_345_678: "12.3 MB", 999_900_000: "1 GB"} {
		if got := Size(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}

func TestShort(t *testing.T) {
	if got := Short("abcdef", 6); got != "abcdef" {
		t.Errorf("%q", got)
	}
	if got := Short("ääää", 3); got != "ä… (6 bytes more)" {
		t.Errorf("%q", got)
	}
	if got := Text(strings.Repeat("x", 1_000_000)); len(got) > MaxText+40 || !strings.HasSuffix(got, "x… (998 kB more)") {
		t.Errorf("%d bytes, %q", len(got), got[len(got)-30:])
	}
}

// Whatever the marks, the pieces are the text.
func TestMarked(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[a-zäö ]{0,40}`).Draw(t, "text")
		marks := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Mark {
			return Mark{Start: rapid.IntRange(-2, 50).Draw(t, "start"), End: rapid.IntRange(-2, 50).Draw(t, "end"), Kind: "miss"}
		}), 0, 6).Draw(t, "marks")
		var b strings.Builder
		for _, p := range Marked(text, marks) {
			if !utf8.ValidString(p.Text) || p.Text == "" {
				t.Fatalf("piece %q", p.Text)
			}
			b.WriteString(p.Text)
		}
		if b.String() != text {
			t.Fatalf("%q, want %q", b.String(), text)
		}
	})
}

// An excerpt of a long text shows its marks, and no more than it may.
func TestExcerpt(t *testing.T) {
	long := strings.Repeat("ä", 10_000) + "WRONG" + strings.Repeat("ö", 500_000) + "BAD" + strings.Repeat("x", 3000)
	var b strings.Builder
	for _, p := range Excerpt(long, []Mark{{Start: strings.Index(long, "BAD"), End: strings.Index(long, "BAD") + 3, Kind: "miss"}, {Start: 20_000, End: 20_005, Kind: "miss"}}, 1000) {
		if p.Kind != "" {
			p.Text = "<" + p.Text + ">"
		}
		b.WriteString(p.Text)
	}
	if s := b.String(); len(s) > 1200 || !strings.HasPrefix(s, "… (19.9 kB) …ää") || !strings.Contains(s, "ä<WRONG>ö") || !strings.Contains(s, "ö… (1 MB) …ö") || !strings.Contains(s, "ö<BAD>x") || !strings.HasSuffix(s, "x… (2.88 kB) …") {
		t.Errorf("%d bytes: %s", len(s), s)
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[a-zäö\x{202e}]{0,400}`).Draw(t, "text")
		marks := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Mark {
			s := rapid.IntRange(-2, 900).Draw(t, "start")
			return Mark{Start: s, End: s + rapid.IntRange(0, 400).Draw(t, "length"), Kind: "miss"}
		}), 0, 9).Draw(t, "marks")
		most := rapid.IntRange(1, 500).Draw(t, "most")
		shown := 0
		for _, p := range Excerpt(text, marks, most) {
			if !utf8.ValidString(p.Text) || p.Text != Visible(p.Text) {
				t.Fatalf("piece %q", p.Text)
			}
			shown += len(strings.ReplaceAll(p.Text, "⟦U+202E⟧", "\u202e"))
		}
		if len(text) <= most && shown != len(text) || shown > most+40*(most/100+3) {
			t.Fatalf("%d of %d bytes, %d are allowed", shown, len(text), most)
		}
	})
}

func TestDraw(t *testing.T) {
	l := Draw("x", 100, 24, 0, 10, 0, []Value{{At: 0, Y: 0}, {At: 5, Y: 1, Class: "failed"}, {At: 10, Y: 0.5}})
	if l.Points != "2.0,22.0 50.0,2.0 98.0,12.0" || len(l.Dots) != 1 || l.Dots[0].X != "50.0" {
		t.Errorf("%+v", l)
	}
	if one := Draw("x", 100, 24, 0, 0, 0.01, []Value{{Y: 0}}); one.Points != "2.0,22.0" || len(one.Dots) != 1 {
		t.Errorf("%+v", one)
	}
	if none := Draw("x", 100, 24, 0, 0, 0, nil); none.Points != "" {
		t.Errorf("%+v", none)
	}
	h := Histogram("h", 0, 4, []int{0, 4, 2, 0})
	if len(h.Bars) != 4 || h.Bars[1].H != "60" || h.Bars[2].Y != "30" || h.Bars[1].Title != "1 to 2: 4" {
		t.Errorf("%+v", h)
	}
}

// A report is one file: it names no other.
func TestReport(t *testing.T) {
	r := Report("r", `{{define "title"}}<{{.}}>{{end}}{{define "main"}}{{.}}{{end}}`)
	var b strings.Builder
	if err := r.Execute(&b, "\"><script>\u202e\x1b\xff"); err != nil {
		t.Fatal(err)
	}
	if s := b.String(); !strings.Contains(s, "&gt;&lt;script&gt;⟦U+202E⟧␛\ufffd") || strings.ContainsAny(s, "\u202e\x1b") {
		t.Error(s)
	}
	if s := b.String(); strings.Contains(s, "<script") || strings.Contains(s, "href=") || strings.Contains(s, "src=") || strings.Contains(s, "url(") || !strings.Contains(s, "prefers-color-scheme:dark") {
		t.Error(s)
	}
}
