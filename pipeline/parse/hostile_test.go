package parse_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
)

// Texts that say nothing, or try to look like something: no record is invented,
// and the reason is given.
func TestHostileTexts(t *testing.T) {
	ps := newParser(t)
	for name, c := range map[string]struct {
		text     string
		category string // "" for unknown
	}{
		"empty":            {"", ""},
		"spaces":           {" \t\n  ", ""},
		"punctuation":      {"---///;;;,,,...!!!", ""},
		"control":          {"\x00\x01\x1b[31m\x7f", ""},
		"four hundred":     {strings.Repeat("9", 400), ""},
		"digits in a text": {"Sechskantschraube M10x" + strings.Repeat("5", 400), "screw"},
		"right to left":    {"\u202eSechskantschraube\u202c M10x50", "screw"},
		"arabic":           {"برغي سداسي", ""},
		"zero width":       {"Sechs\u200bkant\u00adschraube M10x50", "screw"},
		"not UTF-8":        {"Sechskantschraube \xff\xfe M10x50", "screw"},
		"mixed languages":  {"SCHRAUBE hexagon head M10X50 VERZINKT stahl", "screw"},
		"umlauts":          {"KUGELHAHN MESSING DN50 FÜR ÖL GRÖSSE", "valve"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := ps.Parse(context.Background(), pipeline.Item{ID: "x", Source: c.text})
			if err != nil {
				t.Fatal(err)
			}
			checkRecord(t, &r)
			if c.category == "" {
				if r.Category != pipeline.Unknown || len(r.Attributes) > 0 || !r.HasFlag("category_unknown") {
					t.Errorf("%+v", r)
				}
			} else if r.Category != c.category {
				t.Errorf("category %s, want %s (%v)", r.Category, c.category, r.Flags)
			}
			for _, a := range r.Attributes {
				if len(a.Value.String()) > 100 {
					t.Errorf("%s = a value of %d characters", a.Name, len(a.Value.String()))
				}
			}
		})
	}
}

// A letter of another alphabet that looks like a Latin one is another letter:
// it makes no value that the text does not carry.
func TestHomoglyphs(t *testing.T) {
	ps := newParser(t)
	r, err := ps.Parse(context.Background(), pipeline.Item{ID: "x", Source: "Rillenkugellager 6205-2RЅ С3 ЅKF"}) // Cyrillic Ѕ and С
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"seal", "clearance", "manufacturer"} {
		if a, ok := r.Attribute(name); ok {
			t.Errorf("%s = %s was read from letters that are none of it", name, a.Value)
		}
	}
}

// Time grows with the text, not with its square.
func TestLinearTime(t *testing.T) {
	ps := newParser(t)
	for name, unit := range map[string]string{
		"words": "Lager ", "one word": "a", "digits": "1x2x3", "commas": "schr,", "codes": "6205-2RS", "units": "5 kW ", "conditions": "5V@3A,", "marks": "/-/",
	} {
		took := func(n int) time.Duration {
			text := strings.Repeat(unit, n/len(unit))
			best := time.Hour
			for range 4 {
				start := time.Now()
				if _, err := ps.Parse(context.Background(), pipeline.Item{ID: "x", Source: "Kugellager " + text}); err != nil {
					t.Fatal(err)
				}
				best = min(best, time.Since(start))
			}
			return best
		}
		var ratio float64
		for range 10 { // a busy machine is no proof
			small, large := took(2000), took(16000)
			if ratio = float64(large) / float64(max(small, 50*time.Microsecond)); ratio <= 32 {
				break
			}
		}
		if ratio > 32 {
			t.Errorf("%s: eight times the text takes %.0f times as long", name, ratio)
		}
	}
}
