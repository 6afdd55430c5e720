package learn

import (
	"context"
	"math"
)

// ruleThreshold is the score from which the rules take a pair for one thing.
const ruleThreshold = 5.5

// feature is the position of a feature by name.
var feature = func() map[string]int {
	at := map[string]int{}
	for i, n := range featureNames {
		at[n] = i
	}
	return at
}()

// ruleScore weighs a pair by hand: likeness of the words, part numbers that
// are found or contradict, and what speaks against it (other measures,
// colours, years, makers, prices).
func ruleScore(f []float64) float64 {
	g := func(name string) float64 { return f[feature[name]] }
	r := 2*g("full_cosine") + 2*g("title_gram_cosine") + g("title_cosine") +
		g("soft_a") + g("soft_b") + 0.5*(g("title_in_other_a")+g("title_in_other_b"))
	r += math.Min(math.Max(g("code_found_a"), g("code_found_b")), 8) / 8 * 2
	r -= 0.7 * g("code_conflict")
	switch {
	case g("part_known") == 2 && g("part_equal") > 0:
		r += 0.3 * g("part_equal")
	case g("part_known") == 2:
		r -= 3*(1-g("part_near")) + 0.7
	case g("part_known") == 1 && g("part_found_a")+g("part_found_b") == 0:
		r -= 1.5
	}
	r -= 0.6*math.Min(g("measures_conflict"), 2) + 0.7*g("colours_conflict") +
		0.7*g("year_conflict") + 0.4*g("numbers_conflict")
	if g("price_known") == 1 {
		r += 0.3 - math.Min(g("price_ratio"), 1.2) + 0.3*g("price_close")
	}
	if g("maker_known") == 2 && g("maker_cosine") == 0 && g("maker_found") == 0 {
		r -= 0.5
	}
	return r
}

// Rules judges pairs without any label: by the score of the rules and, unless
// alone, by its margin over the other candidates of either record.
func Rules(ctx context.Context, s *Space, labels []Label, alone bool) ([]Prediction, error) {
	idx, err := s.indices(labels)
	if err != nil {
		return nil, err
	}
	c, err := newCache(ctx, s, idx, alone)
	if err != nil {
		return nil, err
	}
	scores := make([]float64, len(c.vectors))
	for i, v := range c.vectors {
		scores[i] = ruleScore(v)
	}
	out := make([]Prediction, len(idx))
	for i, p := range idx {
		own := scores[c.at[p]]
		r := own
		if !alone {
			for side := range 2 {
				margin := 1.0
				for _, q := range c.rivals(side, p) {
					margin = math.Min(margin, own-scores[c.at[q]])
				}
				r += math.Max(margin, -2)
			}
		}
		out[i] = Prediction{A: labels[i].A, B: labels[i].B, Same: r >= ruleThreshold}
		out[i].Probability = 1 / (1 + math.Exp(2*(ruleThreshold-r)))
	}
	return out, nil
}

// CandidateRecall is the share of the matching pairs in which one record is
// among the k nearest of the other, looked up from either side.
func CandidateRecall(s *Space, labels []Label, k int) (float64, error) {
	idx, err := s.indices(labels)
	if err != nil {
		return 0, err
	}
	found, total := make([]bool, len(idx)), 0
	each(len(idx), func(i int) {
		if !labels[i].Same {
			return
		}
		for _, b := range s.candidates(0, idx[i].a, k) {
			found[i] = found[i] || b == idx[i].b
		}
		for _, a := range s.candidates(1, idx[i].b, k) {
			found[i] = found[i] || a == idx[i].a
		}
	})
	n := 0
	for i, l := range labels {
		if l.Same {
			total++
			if found[i] {
				n++
			}
		}
	}
	if total == 0 {
		return 1, nil
	}
	return float64(n) / float64(total), nil
}
