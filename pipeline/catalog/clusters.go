package catalog

import (
	"cmp"
	"context"
	"slices"

	"github.com/assay-pipeline/assay/pipeline"
)

// A Change says what became of a cluster between two formations.
type Change struct {
	Kind ChangeKind `json:"kind"`
	// ID is the cluster that lives on, or that ended.
	ID string `json:"id"`
	// From are the clusters that went into it (merged) or the one it was cut
	// from (split).
	From  []string `json:"from,omitempty"`
	Items []string `json:"items,omitempty"`
}

// A ChangeKind is one of the following.
type ChangeKind string

const (
	Formed   ChangeKind = "formed"   // new, of items that were in no cluster
	Merged   ChangeKind = "merged"   // took in another cluster
	Split    ChangeKind = "split"    // new, cut off from another cluster
	Altered  ChangeKind = "altered"  // gained or lost items
	Dissolve ChangeKind = "dissolve" // has no two items left
)

// cohesion is the share of pairs across two groups that must be judged
// duplicates before the groups merge: one hub does not bridge two groups.
const cohesion = 0.5

// maxAcross bounds how many pairs across two groups are looked at.
const maxAcross = 4096

// Clusters forms the clusters of at least two items. Duplicates are joined in
// order of their score; two groups merge only if no pair across them conflicts
// in a critical attribute or was decided to be two things, and at least half of the pairs across them are
// duplicates. What is a duplicate and did not merge stays a pair for review.
//
// Ids last: a cluster keeps the id of the previous cluster with which it
// shares most items; adding an item never renames one. The clusters are
// ordered by id, their items too; changes tell merges and splits.
func (m *Matcher) Clusters(ctx context.Context, entries []Entry, matches []Match, previous []Cluster) ([]Cluster, []Change, error) {
	crit := m.criteria()
	var ordered []*view
	views := map[string]*view{}
	for i := range entries {
		if e := &entries[i]; !e.Retired {
			v := viewOf(e, crit)
			ordered = append(ordered, v)
			views[e.Item.ID] = v
		}
	}
	slices.SortFunc(ordered, func(x, y *view) int { return cmp.Compare(x.id, y.id) })
	first := map[string]string{} // of many that say the same, the one that stands for them
	for i, l := range leaders(ordered) {
		if int(l) != i {
			first[ordered[i].id] = ordered[l].id
		}
	}
	edges := make([]Match, 0, len(matches))
	joined := map[[2]string]bool{}
	var copies [][2]string        // first, copy
	apart := map[[2]string]bool{} // what was found or decided to be two things
	for _, x := range matches {
		if x.Verdict == Distinct {
			apart[[2]string{min(x.A, x.B), max(x.A, x.B)}] = true
		}
		if x.Verdict != Duplicate || views[x.A] == nil || views[x.B] == nil || x.A == x.B {
			continue
		}
		if x.B < x.A {
			x.A, x.B = x.B, x.A
		}
		if first[x.A] == x.B || first[x.B] == x.A {
			if first[x.B] != x.A {
				x.A, x.B = x.B, x.A
			}
			copies = append(copies, [2]string{x.A, x.B})
			continue
		}
		edges = append(edges, x)
		joined[[2]string{x.A, x.B}] = true
	}
	slices.SortFunc(edges, func(x, y Match) int {
		return cmp.Or(cmp.Compare(y.Score, x.Score), cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B))
	})
	group := map[string]*[]string{}
	of := func(id string) *[]string {
		g := group[id]
		if g == nil {
			g = &[]string{id}
			group[id] = g
		}
		return g
	}
	for n, e := range edges {
		if n%1024 == 0 && ctx.Err() != nil {
			return nil, nil, canceled(ctx.Err())
		}
		g, h := of(e.A), of(e.B)
		if g == h || !mergeable(*g, *h, views, joined, apart) {
			continue
		}
		if len(*g) < len(*h) {
			g, h = h, g
		}
		*g = append(*g, *h...)
		for _, id := range *h {
			group[id] = g
		}
	}
	for _, c := range copies {
		g := of(c[0])
		*g = append(*g, c[1])
		group[c[1]] = g
	}
	var found [][]string
	seen := map[*[]string]bool{}
	for _, g := range group {
		if len(*g) > 1 && !seen[g] {
			seen[g] = true
			slices.Sort(*g)
			found = append(found, *g)
		}
	}
	slices.SortFunc(found, slices.Compare[[]string])
	now, changes := name(found, previous)
	return now, changes, nil
}

// mergeable reports whether g and h may be one cluster.
func mergeable(g, h []string, views map[string]*view, joined, apart map[[2]string]bool) bool {
	duplicates, pairs := 0, 0
	for _, a := range g {
		for _, b := range h {
			if conflictOf(views[a], views[b]) >= 0 || apart[[2]string{min(a, b), max(a, b)}] {
				return false
			}
			if pairs < maxAcross {
				pairs++
				if joined[[2]string{min(a, b), max(a, b)}] {
					duplicates++
				}
			}
		}
	}
	return float64(duplicates) >= cohesion*float64(pairs)
}

// name gives each group the id of the previous cluster it continues, or a new
// one, and tells what changed.
func name(found [][]string, previous []Cluster) ([]Cluster, []Change) {
	was := map[string]string{} // item → previous cluster
	prior := map[string][]string{}
	for _, p := range previous {
		items := slices.Clone(p.Items)
		slices.Sort(items)
		prior[p.ID] = items
		for _, it := range items {
			was[it] = p.ID
		}
	}
	type claim struct {
		group, shared int
		id            string
	}
	var claims []claim
	parents := make([]map[string]int, len(found))
	for g, items := range found {
		parents[g] = map[string]int{}
		for _, it := range items {
			if id, ok := was[it]; ok {
				parents[g][id]++
			}
		}
		for id, n := range parents[g] {
			claims = append(claims, claim{g, n, id})
		}
	}
	slices.SortFunc(claims, func(x, y claim) int {
		return cmp.Or(cmp.Compare(y.shared, x.shared), cmp.Compare(x.id, y.id), cmp.Compare(x.group, y.group))
	})
	ids := make([]string, len(found))
	taken := map[string]bool{}
	for _, c := range claims {
		if ids[c.group] == "" && !taken[c.id] {
			ids[c.group], taken[c.id] = c.id, true
		}
	}
	var now []Cluster
	var changes []Change
	for g, items := range found {
		from := make([]string, 0, len(parents[g]))
		for id := range parents[g] {
			from = append(from, id)
		}
		slices.Sort(from)
		if ids[g] == "" {
			ids[g] = newID(items, taken, prior)
			taken[ids[g]] = true
			if len(from) > 0 {
				changes = append(changes, Change{Split, ids[g], from, items})
			} else {
				changes = append(changes, Change{Formed, ids[g], nil, items})
			}
		} else if absorbed := slices.DeleteFunc(from, func(id string) bool { return id == ids[g] || taken[id] }); len(absorbed) > 0 {
			changes = append(changes, Change{Merged, ids[g], absorbed, items})
		} else if !slices.Equal(items, prior[ids[g]]) {
			changes = append(changes, Change{Altered, ids[g], nil, items})
		}
		now = append(now, Cluster{ids[g], items})
	}
	absorbed := map[string]bool{}
	for _, c := range changes {
		if c.Kind == Merged {
			for _, id := range c.From {
				absorbed[id] = true
			}
		}
	}
	for _, p := range previous {
		if !taken[p.ID] && !absorbed[p.ID] {
			changes = append(changes, Change{Dissolve, p.ID, nil, prior[p.ID]})
		}
	}
	slices.SortFunc(now, func(x, y Cluster) int { return cmp.Compare(x.ID, y.ID) })
	slices.SortFunc(changes, func(x, y Change) int {
		return cmp.Or(cmp.Compare(x.ID, y.ID), cmp.Compare(x.Kind, y.Kind))
	})
	return now, changes
}

// newID derives an id from the founding items. Should it have belonged to
// another cluster, the next one is taken.
func newID(items []string, taken map[string]bool, prior map[string][]string) string {
	parts := append([]string{"cluster"}, items...)
	for {
		id := pipeline.ContentID(parts...)[:16]
		if _, used := prior[id]; !used && !taken[id] {
			return id
		}
		parts = append(parts, id)
	}
}
