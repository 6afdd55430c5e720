package guard

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"unicode/utf8"

	"github.com/assay-pipeline/assay/pipeline"
)

type presidioCase struct {
	ID          string
	Entities    []string
	Text        string
	ExpectedLen int `json:"expected_len"`
	Spans       [][]int
}

// piiInScope are the types of the conformance set that FindPII looks for:
// e-mail, telephone, account, card, address, and the numbers of persons that
// carry a check digit in the countries whose languages catalogs are written
// in. Types whose bare form is a barcode's (13 digits) or a part number's
// (national mobile numbers such as 09140009950) are not: those count only
// beside a word that names them.
var piiInScope = map[string]PIIKind{
	"EMAIL_ADDRESS": Email, "PHONE_NUMBER": Phone, "IBAN_CODE": IBAN, "CREDIT_CARD": Card, "IP_ADDRESS": IP,
	"FI_PERSONAL_IDENTITY_CODE": PersonID, "SE_PERSONNUMMER": PersonID, "DE_TAX_ID": PersonID, "DE_SOCIAL_SECURITY": PersonID, "DE_HEALTH_INSURANCE": PersonID,
	"ES_NIF": PersonID, "ES_NIE": PersonID, "IT_FISCAL_CODE": PersonID, "PL_PESEL": PersonID, "TR_NATIONAL_ID": PersonID, "UK_NHS": PersonID,
}

// TestPIIFigures measures recall and precision on the recognizer cases of the
// types in scope, and lists every miss.
func TestPIIFigures(t *testing.T) {
	type score struct{ found, missed, wrong int }
	scores := map[string]*score{}
	for _, c := range readLines[presidioCase](t, "llm/presidio_recognizers/cases.jsonl") {
		kind, ok := piiInScope[c.Entities[0]]
		if !ok {
			continue
		}
		s := scores[c.Entities[0]]
		if s == nil {
			s = new(score)
			scores[c.Entities[0]] = s
		}
		got := FindPII(c.Text)
		got = slices.DeleteFunc(got, func(p PII) bool { return p.Kind != kind })
		right := min(len(got), c.ExpectedLen)
		if len(c.Spans) == c.ExpectedLen {
			right = 0
			for _, p := range got {
				from, to := utf8.RuneCountInString(c.Text[:p.Start]), utf8.RuneCountInString(c.Text[:p.End])
				if slices.ContainsFunc(c.Spans, func(sp []int) bool { return len(sp) == 2 && sp[0] < to && from < sp[1] }) {
					right++
				}
			}
			right = min(right, c.ExpectedLen)
		}
		s.found += right
		s.missed += c.ExpectedLen - right
		s.wrong += len(got) - right
		if right < c.ExpectedLen || len(got) > right {
			t.Logf("%-24s want %d got %d of them right %d: %q", c.Entities[0], c.ExpectedLen, len(got), right, c.Text)
		}
	}
	var all score
	for name, s := range scores {
		t.Logf("%-26s found %3d missed %3d wrong %3d", name, s.found, s.missed, s.wrong)
		all.found, all.missed, all.wrong = all.found+s.found, all.missed+s.missed, all.wrong+s.wrong
	}
	recall := float64(all.found) / float64(all.found+all.missed)
	precision := float64(all.found) / float64(all.found+all.wrong)
	t.Logf(`{"pii_recall": %.4f, "pii_precision": %.4f}`, recall, precision)
	if recall < 0.9 || precision < 0.95 {
		t.Errorf("recall %.3f, precision %.3f; at least 0.90 and 0.95 are wanted", recall, precision)
	}
}

// TestPIIOnParts finds nothing in part numbers, barcodes and catalog lines.
func TestPIIOnParts(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	d := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte('0' + r.IntN(10))
		}
		return string(b)
	}
	l := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte('A' + r.IntN(26))
		}
		return string(b)
	}
	ean := func(n int) string { // with its check digit
		b := []byte(d(n - 1))
		sum := 0
		for i := range b {
			w := 3
			if (len(b)-i)%2 == 0 {
				w = 1
			}
			sum += int(b[i]-'0') * w
		}
		return string(b) + fmt.Sprint((10-sum%10)%10)
	}
	forms := []func() string{
		func() string { return ean(13) }, func() string { return ean(12) }, func() string { return ean(8) }, func() string { return ean(14) },
		func() string { return d(4) + "-2RS" }, func() string { return l(3) + d(4) + "-" + d(2) }, func() string { return d(3) + "-" + d(3) + "-" + d(3) },
		func() string { return d(3) + " " + d(3) + " " + d(3) }, func() string { return l(2) + "-" + d(6) }, func() string { return d(9) }, func() string { return d(10) },
		func() string { return l(1) + d(9) }, func() string { return d(8) + l(1) }, func() string { return d(2) + "." + d(3) + "." + d(4) }, func() string { return d(3) + "." + d(2) + "." + d(3) + "-" + d(1) },
		func() string { return "6ES7" + d(3) + "-" + d(1) + l(2) + d(2) + "-" + d(1) + l(2) + d(1) }, func() string { return "SCREW M" + d(1) + "X" + d(2) + " DIN " + d(3) },
		func() string { return "MOTOR " + d(1) + "," + d(1) + "KW " + d(3) + "V +" + d(2) + " C EAN " + ean(13) }, func() string { return "PN " + d(6) + "/" + d(4) }, func() string { return "TEMP -20...+" + d(2) + " 10-" + d(2) + "V" },
	}
	found := 0
	for range 20000 {
		text := forms[r.IntN(len(forms))]()
		if p := FindPII(text); len(p) > 0 {
			found++
			t.Errorf("%q is taken for %s %s", text, p[0].Kind, p[0].Scheme)
		}
	}
	t.Logf(`{"pii_false_on_parts": %d}`, found)
}

func TestScrub(t *testing.T) {
	const text = "Ask max@example.org or max@example.org (+49 89 1234567), IBAN DE89 3704 0044 0532 0130 00, pump 1.5KW <EMAIL_1>"
	s := Scrub(text)
	const want = "Ask <EMAIL_2> or <EMAIL_2> (<PHONE_1>), IBAN <IBAN_1>, pump 1.5KW <EMAIL_1>"
	if s.Text != want {
		t.Errorf("got  %s\nwant %s", s.Text, want)
	}
	if back := s.Restore(s.Text); back != text {
		t.Errorf("restored: %s", back)
	}
	for _, word := range []string{"Ask", "or", "pump", "1.5KW"} {
		from := indexOf(s.Text, word)
		sp := s.Original(pipeline.Span{Start: from, End: from + len(word)})
		if sp.In(text) != word {
			t.Errorf("%s: %d-%d is %q", word, sp.Start, sp.End, sp.In(text))
		}
	}
	from := indexOf(s.Text, "<PHONE_1>")
	if sp := s.Original(pipeline.Span{Start: from, End: from + 9}); sp.In(text) != "+49 89 1234567" {
		t.Errorf("placeholder: %q", sp.In(text))
	}
	if s := Scrub("BEARING 6205"); s.Text != "BEARING 6205" || s.Restore("x") != "x" {
		t.Errorf("a text without personal data changed: %+v", s)
	}
}

func indexOf(s, sub string) int {
	for i := range s {
		if len(s)-i >= len(sub) && s[i:i+len(sub)] == sub {
			return i
		}
	}
	return -1
}

func FuzzPII(f *testing.F) {
	for _, s := range []string{"a@b.de", "DE89 3704 0044 0532 0130 00", "::ffff:1.2.3.4", "+49 (0) 89 1", "020594X903P", "<EMAIL_1> a@b.de"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := Scrub(text)
		if back := s.Restore(s.Text); back != text {
			t.Fatalf("%q is restored as %q", text, back)
		}
	})
}
