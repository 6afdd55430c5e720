package stats

import (
	"math"
	"math/rand/v2"
	"slices"
)

// A Pair is one item on both sides: what it scored when the baseline was locked
// and what it scores now.
type Pair struct {
	ID string
	// Cluster names what the item shares with others (the sentences of one data
	// sheet, the spellings of one product): they are resampled together. Empty:
	// the item stands for itself.
	Cluster string
	// Base are its scores in the runs of the baseline, at least one.
	Base []float64
	Now  float64
}

// Change is the item's difference, now minus the mean of its baseline.
func (p Pair) Change() float64 { return p.Now - mean(p.Base) }

// A Difference is the paired comparison of one run with its baseline.
type Difference struct {
	Items    int     `json:"items"`
	Clusters int     `json:"clusters"`
	Base     float64 `json:"base"` // mean score of the baseline
	Now      float64 `json:"now"`  // mean score of the run
	Mean     float64 `json:"mean"` // Now − Base
	// Lo and Hi are the ends of the bootstrap interval of Mean.
	Lo float64 `json:"lo"`
	Hi float64 `json:"hi"`
	// Noise is the standard error that Mean has without any change: what the
	// items vary from run to run in the baseline.
	Noise float64 `json:"noise"`
}

// Compare sets a run against its baseline. Of no pairs it is the zero
// Difference, whose interval does not lie below zero.
func Compare(pairs []Pair, level float64, rounds int, seed uint64) Difference {
	if len(pairs) == 0 {
		return Difference{}
	}
	d := Difference{Items: len(pairs)}
	var noise float64
	groups := clusters(pairs)
	for _, p := range pairs {
		d.Base += mean(p.Base)
		d.Now += p.Now
		noise += variance(p.Base) * (1 + 1/float64(len(p.Base)))
	}
	n := float64(len(pairs))
	d.Clusters = len(groups)
	d.Base, d.Now = d.Base/n, d.Now/n
	d.Mean = ratio(groups)
	d.Noise = math.Sqrt(noise) / n
	d.Lo, d.Hi = bootstrap(groups, level, rounds, seed)
	return d
}

// A cluster is the sum of the changes of its items and their number.
type cluster struct{ sum, size float64 }

// clusters groups pairs in the order in which the clusters first appear.
func clusters(pairs []Pair) []cluster {
	at := map[string]int{}
	out := make([]cluster, 0, len(pairs))
	for _, p := range pairs {
		if p.Cluster == "" {
			out = append(out, cluster{p.Change(), 1})
			continue
		}
		i, ok := at[p.Cluster]
		if !ok {
			i = len(out)
			at[p.Cluster] = i
			out = append(out, cluster{})
		}
		out[i].sum += p.Change()
		out[i].size++
	}
	return out
}

func ratio(groups []cluster) float64 {
	var s, n float64
	for _, g := range groups {
		s += g.sum
		n += g.size
	}
	return s / n
}

// bootstrap is the BCa interval of the mean change per item over resampled
// clusters (Efron 1987; Davison and Hinkley 1997, section 5.3): percentiles of
// the resampled means, moved by the bias and by the skewness (acceleration) of
// the estimate, both of which a mean of rare failures has.
func bootstrap(groups []cluster, level float64, rounds int, seed uint64) (lo, hi float64) {
	k := len(groups)
	theta := ratio(groups)
	same := true
	for _, g := range groups[1:] {
		same = same && g == groups[0]
	}
	if same {
		return theta, theta
	}
	rng := rand.NewPCG(seed, uint64(k)) // the source itself: this is the inner loop
	means := make([]float64, rounds)
	below, ties := 0, 0
	for r := range means {
		var s, n float64
		for j := 0; j < k; j += 2 { // two draws from one number
			u := rng.Uint64()
			g := groups[(u>>32)*uint64(k)>>32]
			s, n = s+g.sum, n+g.size
			if j+1 < k {
				g = groups[(u&0xffffffff)*uint64(k)>>32]
				s, n = s+g.sum, n+g.size
			}
		}
		m := s / n
		means[r] = m
		switch {
		case m < theta-1e-12:
			below++
		case m <= theta+1e-12:
			ties++
		}
	}
	slices.Sort(means)
	// Half of the ties count as below: the means of scores of 0 and 1 are a
	// lattice.
	share := (float64(below) + float64(ties)/2) / float64(rounds)
	share = min(max(share, 0.5/float64(rounds)), 1-0.5/float64(rounds))
	z0 := normalQuantile(share)
	a := acceleration(groups, theta)
	end := func(q float64) float64 {
		z := z0 + normalQuantile(q)
		den := 1 - a*z
		if den <= 0 { // beyond the range of the correction: the extreme
			den = 1e-9
		}
		at := normal(z0+z/den) * float64(rounds)
		i := int(at)
		return means[min(max(i, 0), rounds-1)]
	}
	alpha := (1 - level) / 2
	return end(alpha), end(1 - alpha)
}

// acceleration is a sixth of the skewness of the influence of each cluster on
// the mean, by the jackknife.
func acceleration(groups []cluster, theta float64) float64 {
	var s, n float64
	for _, g := range groups {
		s += g.sum
		n += g.size
	}
	var two, three float64
	for _, g := range groups {
		if n == g.size {
			return 0
		}
		d := theta - (s-g.sum)/(n-g.size) // positive where the cluster lies high
		two += d * d
		three += d * d * d
	}
	if two == 0 {
		return 0
	}
	return three / (6 * math.Pow(two, 1.5))
}

func mean(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	var s float64
	for _, v := range x {
		s += v
	}
	return s / float64(len(x))
}

// variance is the unbiased sample variance, 0 of fewer than two.
func variance(x []float64) float64 {
	if len(x) < 2 {
		return 0
	}
	m := mean(x)
	var s float64
	for _, v := range x {
		s += (v - m) * (v - m)
	}
	return s / float64(len(x)-1)
}

// normal is the standard normal distribution function.
func normal(z float64) float64 { return 0.5 * math.Erfc(-z/math.Sqrt2) }

// normalQuantile is its inverse.
func normalQuantile(p float64) float64 { return math.Sqrt2 * math.Erfinv(2*p-1) }
