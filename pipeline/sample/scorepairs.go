package sample

import "sort"

// PairFigures score verdicts on pairs and the clusters made of them.
type PairFigures struct {
	// Duplicates that must be found.
	Duplicates int `json:"duplicates"`
	// Undecidable pairs of one product that nobody could tell; left out.
	Undecidable int `json:"undecidable"`
	Found       int `json:"found"`
	// Reviewed duplicates were put to a person.
	Reviewed int `json:"reviewed"`
	// False pairs were called duplicate and are two products.
	False int `json:"false"`
	// Lucky pairs were called duplicate, are undecidable, and true.
	Lucky int `json:"lucky"`
	// Twins are near twins; TwinsCalled were called duplicate, TwinsClustered
	// stand in one cluster.
	Twins          int `json:"near_twins"`
	TwinsCalled    int `json:"near_twins_called"`
	TwinsClustered int `json:"near_twins_clustered"`
	// ClusterFound and ClusterFalse count the pairs that clusters imply.
	ClusterFound int `json:"cluster_found"`
	ClusterFalse int `json:"cluster_false"`
}

// Precision of the verdict duplicate.
func (f PairFigures) Precision() float64 { return ratio(f.Found, f.Found+f.False) }

// Recall of the duplicates that can be told.
func (f PairFigures) Recall() float64 { return ratio(f.Found, f.Duplicates) }

// ClusterPrecision and ClusterRecall are those of the pairs within clusters.
func (f PairFigures) ClusterPrecision() float64 {
	return ratio(f.ClusterFound, f.ClusterFound+f.ClusterFalse)
}

// ClusterRecall is the share of duplicates that stand in one cluster.
func (f PairFigures) ClusterRecall() float64 { return ratio(f.ClusterFound, f.Duplicates) }

// A PairMiss is a duplicate that was not found, or a pair that is none.
type PairMiss struct {
	A, B         string
	TextA, TextB string
	Category     string
	Want, Got    string
	// Attribute of a near twin.
	Attribute string
}

// ScorePairs compares verdicts and clusters with the truth, by group. An id
// that the truth does not know makes a false pair.
func ScorePairs(t *Truth, pairs []Judgement, clusters [][]string) (map[string]PairFigures, []PairMiss) {
	out := map[string]PairFigures{}
	var misses []PairMiss
	at := func(id string, change func(*PairFigures)) {
		g := Group(t.Items[id].Category)
		f := out[g]
		change(&f)
		out[g] = f
	}
	duplicates, undecidable, twins := set2(t.Duplicates), set2(t.Undecidable), map[[2]string]string{}
	for _, n := range t.NearTwins {
		twins[[2]string{n.A, n.B}] = n.Attribute
		at(n.A, func(f *PairFigures) { f.Twins++ })
	}
	for _, p := range t.Undecidable {
		at(p[0], func(f *PairFigures) { f.Undecidable++ })
	}
	verdicts := map[[2]string]string{}
	for _, j := range pairs {
		p := pair(bare(j.A), bare(j.B))
		if verdicts[p] != Duplicate {
			verdicts[p] = j.Verdict
		}
	}
	miss := func(p [2]string, want, got string) {
		misses = append(misses, PairMiss{p[0], p[1], t.Items[p[0]].Text, t.Items[p[1]].Text, t.Items[p[0]].Category, want, got, twins[p]})
	}
	for _, p := range t.Duplicates {
		at(p[0], func(f *PairFigures) {
			f.Duplicates++
			switch verdicts[p] {
			case Duplicate:
				f.Found++
			case Review:
				f.Reviewed++
			}
		})
		if verdicts[p] != Duplicate {
			got := verdicts[p]
			if got == "" {
				got = "no candidate"
			}
			miss(p, Duplicate, got)
		}
	}
	called := make([][2]string, 0, len(verdicts))
	for p, v := range verdicts {
		if v == Duplicate && !duplicates[p] {
			called = append(called, p)
		}
	}
	sortPairs(called)
	for _, p := range called {
		at(p[0], func(f *PairFigures) {
			switch {
			case undecidable[p]:
				f.Lucky++
				return
			case twins[p] != "":
				f.TwinsCalled++
			}
			f.False++
		})
		if !undecidable[p] {
			miss(p, "distinct", Duplicate)
		}
	}
	for _, c := range clusters {
		ids := make([]string, len(c))
		for i, id := range c {
			ids[i] = bare(id)
		}
		sort.Strings(ids)
		for i, a := range ids {
			for _, b := range ids[i+1:] {
				p := [2]string{a, b}
				at(a, func(f *PairFigures) {
					switch {
					case duplicates[p]:
						f.ClusterFound++
					case undecidable[p]:
					default:
						f.ClusterFalse++
						if twins[p] != "" {
							f.TwinsClustered++
						}
					}
				})
			}
		}
	}
	return out, misses
}

func set2(ps [][2]string) map[[2]string]bool {
	m := make(map[[2]string]bool, len(ps))
	for _, p := range ps {
		m[p] = true
	}
	return m
}
