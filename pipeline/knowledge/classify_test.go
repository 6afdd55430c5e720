package knowledge_test

import (
	"os"
	"strings"
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
)

// A text that does not say what the item is, or says something that the pack
// does not know, is unknown: an ordinary word is no abbreviation of a noun.
func TestVagueTextsAreUnknown(t *testing.T) {
	p, err := knowledge.Load(os.DirFS("../../contracts/catalog"))
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile("testdata/vague.txt")
	if err != nil {
		t.Fatal(err)
	}
	for text := range strings.Lines(string(data)) {
		text = strings.TrimSpace(text)
		if c, score, why := p.Classify(pipeline.Item{Source: text}); c != pipeline.Unknown {
			t.Errorf("%q is %s (%.2f): %v", text, c, score, why)
		}
	}
}

// What is short or misspelt is still read, where something else in the text
// speaks for it.
func TestShortAndMisspelt(t *testing.T) {
	p, err := knowledge.Load(os.DirFS("../../contracts/catalog"))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"PMP CENTRIF 1.5KW": "pump", "Kbl NYM-J 3x1,5": "cable", "CAB. YSLY-JZ 5 X 10MM²": "cable", "kreiselpuumpe, 63 m3/h": "pump",
		"Rillenkuggellager 6217 85X150X28": "bearing", "TAUC 40 M3/H 12 M": "pump", "SUBMER. PUMP 4 KW": "pump", "62052RSC3": "bearing",
		"SCRW HEX M8X40": "screw",
	} {
		if c, _, why := p.Classify(pipeline.Item{Source: text}); c != want {
			t.Errorf("%q is %s: %v", text, c, why)
		}
	}
}
