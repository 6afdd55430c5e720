package retrieve

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// A Conflict is a term that documents explain differently.
type Conflict struct {
	Term string `json:"term"`
	// Odd is the passage that stands alone, With those that contradict it.
	Odd  string   `json:"odd"`
	Says string   `json:"says"`
	With []string `json:"with"`
	Else string   `json:"else"`
	// Even: as many say the one as the other, so nobody knows which is right.
	Even bool `json:"even,omitempty"`
}

// String says who contradicts whom.
func (c Conflict) String() string {
	return fmt.Sprintf("%s says that %s means %q; %s say %q", c.Odd, c.Term, c.Says, strings.Join(c.With, ", "), c.Else)
}

// definition is a sentence that explains one term: "QX41 means: zinc plated.",
// "QX41 = zinc plated", "QX41 stands for zinc plated", "QX41 bedeutet verzinkt".
var definition = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?m)(?:^|[.;:!?]\s+|\n)([\p{L}\p{N}][\p{L}\p{N}./-]{1,30})\s*(?:=|means:?|stands for|bedeutet:?|steht für)\s*([^.;\n]{2,60})`)
})

// Conflicts finds terms that passages of documents explain in different ways, and
// names the one that fewer say: one document against two others is likelier
// wrong than they. Terms that only two passages explain, each in its own way, are
// told with both sides, the later passage as the odd one.
func Conflicts(passages []Extra) []Conflict {
	said := map[string]map[string][]string{} // term → explanation → passages
	for _, p := range passages {
		if p.Kind != Document {
			continue
		}
		for _, m := range definition().FindAllStringSubmatch(p.Text, -1) {
			term, what := strings.ToLower(m[1]), strings.ToLower(strings.Join(strings.Fields(m[2]), " "))
			if said[term] == nil {
				said[term] = map[string][]string{}
			}
			if !slices.Contains(said[term][what], p.ID) {
				said[term][what] = append(said[term][what], p.ID)
			}
		}
	}
	var out []Conflict
	for term, ways := range said {
		if len(ways) < 2 {
			continue
		}
		var best string
		for what, ids := range ways {
			if len(ids) > len(ways[best]) || len(ids) == len(ways[best]) && (best == "" || ids[0] < ways[best][0]) {
				best = what
			}
		}
		for what, ids := range ways {
			if what == best {
				continue
			}
			for _, id := range ids {
				out = append(out, Conflict{Term: term, Odd: id, Says: what, With: ways[best], Else: best, Even: len(ids) == len(ways[best])})
			}
		}
	}
	slices.SortFunc(out, func(a, b Conflict) int { return cmp.Or(cmp.Compare(a.Term, b.Term), cmp.Compare(a.Odd, b.Odd)) })
	return out
}
