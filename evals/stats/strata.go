package stats

// Strata hold two groups of answers against each other within what they have in
// common: the stratum of each answer of both, a text's language and kind, say.
// Answers are compared and divided anew within their stratum alone, so that other
// shares of the strata are no difference, whatever the strata are like. The
// levels stay exact: within a stratum any answer could be of either group.
//
// A stratum that one group alone has says nothing. The others count by
// n·m/(n+m), which makes the sum of their differences as sure as it can be
// (Cochran 1954; Mantel and Haenszel 1959). The zero Strata are a single one.
type Strata struct{ Was, Now []string }

// divided is how answers are weighed, and where they are exchanged: those of was
// first, with positive weights that sum to 1, then those of now, with negative
// ones.
type divided struct {
	weight []float64
	blocks []block
	none   bool // nothing can be compared
}

func (s Strata) divide(was, now int) divided {
	d := divided{weight: make([]float64, was+now), none: true}
	all := append(append(make([]string, 0, was+now), s.Was...), s.Now...)
	if len(all) != was+now {
		all = make([]string, was+now)
	}
	total := 0.0
	for _, b := range blocksOf(all) {
		n, m := 0, 0
		for _, i := range b.at {
			if i < was {
				n++
			} else {
				m++
			}
		}
		if n == 0 || m == 0 {
			continue
		}
		d.none = false
		b.first = n
		d.blocks = append(d.blocks, b)
		total += float64(n) * float64(m) / float64(n+m)
		for _, i := range b.at {
			if d.weight[i] = float64(m) / float64(n+m); i >= was {
				d.weight[i] = -float64(n) / float64(n+m)
			}
		}
	}
	if d.none {
		return d
	}
	for i := range d.weight {
		d.weight[i] /= total
	}
	return d
}

// Weights are how much each answer counts, so that both groups are of the same
// mixture: those of each group sum to 1, or to 0 where nothing can be compared.
func (s Strata) Weights() (was, now []float64) {
	d := s.divide(len(s.Was), len(s.Now))
	was, now = d.weight[:len(s.Was)], d.weight[len(s.Was):]
	for i := range now {
		now[i] = -now[i]
	}
	return was, now
}

// Compared counts the answers in strata that both groups have.
func (s Strata) Compared() (was, now int) {
	d := s.divide(len(s.Was), len(s.Now))
	for i, w := range d.weight {
		switch {
		case w == 0:
		case i < len(s.Was):
			was++
		default:
			now++
		}
	}
	return was, now
}

// blocksOf are the places of each stratum, in the order of their first.
func blocksOf(strata []string) []block {
	at := map[string]int{}
	var out []block
	for i, s := range strata {
		k, ok := at[s]
		if !ok {
			k = len(out)
			at[s] = k
			out = append(out, block{})
		}
		out[k].at = append(out[k].at, i)
	}
	return out
}
