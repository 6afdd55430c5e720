package retrieve

import "testing"

func TestConflicts(t *testing.T) {
	doc := func(id, text string) Extra { return Extra{Passage: Passage{ID: id, Kind: Document, Text: text}} }
	docs := []Extra{
		doc("a", "House codes. QX41 means: zinc plated. QX42 means: brass."),
		doc("b", "QX41 = Zinc  plated"),
		doc("c", "Urgent: QX41 means: zinc flake."),
		doc("d", "QX43 stands for plain; QX44 bedeutet verzinkt"),
		{Passage: Passage{ID: "e", Kind: Guideline, Text: "QX43 means: brass"}},
	}
	got := Conflicts(docs)
	if len(got) != 1 || got[0].Odd != "c" || got[0].Says != "zinc flake" || len(got[0].With) != 2 {
		t.Fatalf("%+v", got)
	}
	if got := Conflicts(docs[:2]); len(got) != 0 {
		t.Errorf("agreement is no conflict: %+v", got)
	}
}
