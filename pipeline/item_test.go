package pipeline

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestNumberTakesPlainDecimalsOnly(t *testing.T) {
	for s, want := range map[string]bool{
		"0": true, "-0": true, "12": true, "-12.5": true, "0.30": true, "100000000000000000000.5": true,
		"": false, "-": false, ".5": false, "5.": false, "1e3": false, "1,5": false, "+1": false, "01": false, "--1": false, "0x1": false, "NaN": false, "1.2.3": false,
	} {
		if _, ok := Number(s); ok != want {
			t.Errorf("Number(%q) ok = %t, want %t", s, ok, want)
		}
	}
}

func TestValueKeepsItsDigits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?`).Draw(t, "decimal")
		v, ok := Number(s)
		if !ok {
			t.Fatalf("Number(%q) refused", s)
		}
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if string(b) != s {
			t.Fatalf("%s became %s", s, b)
		}
		var back Value
		if err := json.Unmarshal(b, &back); err != nil || back != v {
			t.Fatalf("%s came back as %v (%v)", b, back, err)
		}
	})
}

func TestRecordJSONHasTheKeysThatReadersKnow(t *testing.T) {
	bore, _ := Number("25")
	r := Record{
		ID: "parts/1", Source: "6205 25mm", Category: "bearing",
		Attributes: []Attribute{{Name: "bore", Value: bore, Unit: "mm", Text: "25mm", Span: Span{5, 9}, Provenance: Verbatim, Confidence: 0.9}},
		Flags:      []Flag{},
	}
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	want := `{"id":"parts/1","source":"6205 25mm","category":"bearing","attributes":[{"name":"bore","value":25,"unit":"mm","text":"25mm","start":5,"end":9,"provenance":"verbatim","confidence":0.9}],"flags":[],"confidence":0}`
	if string(b) != want {
		t.Errorf("got  %s\nwant %s", b, want)
	}
}

func TestContentIDKeepsItsPartsApart(t *testing.T) {
	if ContentID("ab", "c") == ContentID("a", "bc") {
		t.Error("parts run into each other")
	}
	// Ids are stored; they must never change from one version to the next.
	if got, want := ContentID("a"), "ae6121c88ba555f64c3d812123eb799d"; got != want {
		t.Errorf("ContentID(a) = %s, want %s", got, want)
	}
}

func TestEventIDsDeriveFromContent(t *testing.T) {
	at := time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)
	a, err := NewEvent(BatchPublished, "assay/feed/x", "b1", "x", at, map[string]int{"rows": 1})
	if err != nil {
		t.Fatal(err)
	}
	again, _ := NewEvent(BatchPublished, "assay/feed/x", "b1", "x", at.Add(time.Hour), map[string]int{"rows": 1})
	other, _ := NewEvent(BatchPublished, "assay/feed/x", "b1", "x", at, map[string]int{"rows": 2})
	if a.ID != again.ID {
		t.Error("the same change recorded later has another id")
	}
	if a.ID == other.ID {
		t.Error("another change has the same id")
	}
	if _, err := NewEvent(BatchPublished, "s", "b", "k", at, func() {}); ErrorCode(err) != CodeInternal {
		t.Errorf("data that has no JSON: %v", err)
	}
}

func TestSpan(t *testing.T) {
	s := "6205 25mm"
	if got := (Span{5, 9}).In(s); got != "25mm" {
		t.Errorf("In = %q", got)
	}
	for _, bad := range []Span{{-1, 2}, {3, 3}, {5, 10}, {7, 5}} {
		if bad.Valid(len(s)) || bad.In(s) != "" {
			t.Errorf("%v is not in a text of %d bytes", bad, len(s))
		}
	}
	if !(Span{0, 4}).Overlaps(Span{3, 5}) || (Span{0, 4}).Overlaps(Span{4, 5}) {
		t.Error("half-open spans touch without overlapping")
	}
	if ShortID("feed/"+strings.Repeat("a", 32)) != strings.Repeat("a", 12) {
		t.Error("ShortID is what people type")
	}
}
