package catalog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
)

// categoryAttribute is the name under which the category itself is asked for.
const categoryAttribute = "category"

// cannotTell says why it cannot be said of e that the catalog lacks it, though
// nothing in the catalog is known to be it: nobody can tell from its text what
// it is, or no more than what kind of thing. ask is what has to be known first.
// Empty for an item that says enough. A part number says enough.
func (m *Matcher) cannotTell(e *Entry, v *view) (why []string, ask []Missing) {
	if len(v.parts) > 0 {
		return nil, nil
	}
	if v.category == pipeline.Unknown {
		if v.coded() || m.Pack == nil && !v.thin() { // without knowledge the text is all there is
			return nil, nil
		}
		x := Missing{Attribute: categoryAttribute, Title: "category", Required: true}
		if m.Pack != nil {
			x.Values = slices.Sorted(slices.Values(m.Pack.Categories()))
		}
		return []string{"what it is cannot be told from the text: say what kind of thing it is, or give its part number"}, []Missing{x}
	}
	if v.crit == nil {
		return nil, nil
	}
	needed := v.crit.needed()
	var titles []string
	for _, j := range needed {
		if v.vals[j].known {
			return nil, nil
		}
		titles = append(titles, v.crit.list[j].title)
	}
	if len(needed) == 0 || !v.thin() || v.coded() {
		return nil, nil
	}
	return []string{fmt.Sprintf("it says no more than that it is a %s: %s are not said", v.category, strings.Join(titles[:min(len(titles), 5)], ", "))}, nil
}

// coded reports whether a word that nobody could read looks like a code: four
// letters and digits or more, and some of either.
func (v *view) coded() bool {
	return slices.ContainsFunc(v.numbers, func(w string) bool {
		return len(w) >= 4 && strings.ContainsAny(w, "0123456789") && strings.Trim(w, "0123456789.,") != ""
	})
}
