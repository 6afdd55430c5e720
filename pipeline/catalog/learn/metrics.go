package learn

import (
	"cmp"
	"math/rand/v2"
	"slices"
)

// Metrics of predictions against labels.
type Metrics struct {
	F1        float64 `json:"f1"`
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
}

// Measure compares predictions with the labels of the same pairs, in order.
func Measure(ps []Prediction, labels []Label) Metrics {
	var tp, fp, fn float64
	for i, p := range ps {
		switch {
		case p.Same && labels[i].Same:
			tp++
		case p.Same:
			fp++
		case labels[i].Same:
			fn++
		}
	}
	if tp == 0 {
		return Metrics{}
	}
	return Metrics{F1: 2 * tp / (2*tp + fp + fn), Precision: tp / (tp + fp), Recall: tp / (tp + fn)}
}

// bestF1 is the best F1 that a threshold on score reaches, and the threshold.
func bestF1(score []float64, y []bool) (f1, threshold float64) {
	order := make([]int, len(score))
	pos := 0
	for i := range order {
		order[i] = i
		if y[i] {
			pos++
		}
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Or(cmp.Compare(score[j], score[i]), cmp.Compare(i, j)) })
	tp := 0
	for n, i := range order {
		if y[i] {
			tp++
		}
		if n+1 < len(order) && score[order[n+1]] == score[i] {
			continue // a threshold cannot part equals
		}
		if f := 2 * float64(tp) / float64(n+1+pos); f > f1 {
			f1, threshold = f, score[i]
			if n+1 < len(order) {
				threshold = (score[i] + score[order[n+1]]) / 2
			}
		}
	}
	return f1, threshold
}

// stableThreshold is the mean of the best thresholds on resamples of the pairs
// (Breiman 1996): the one best threshold of a sample is a matter of a few
// pairs, and does worse on others.
func stableThreshold(score []float64, y []bool) float64 {
	const samples = 60
	r := rand.New(rand.NewPCG(17, uint64(len(y))))
	s, l := make([]float64, len(score)), make([]bool, len(y))
	sum := 0.0
	for range samples {
		for i := range s {
			k := r.IntN(len(score))
			s[i], l[i] = score[k], y[k]
		}
		_, t := bestF1(s, l)
		sum += t
	}
	return sum / samples
}
