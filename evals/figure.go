package evals

import (
	"math"
	"math/rand/v2"
	"slices"
	"sort"
	"time"

	shared "github.com/assay-pipeline/assay/pipeline/stats"
)

// A Figure is what a scorer says of a whole run.
type Figure struct {
	Scorer string  `json:"scorer"`
	Value  float64 `json:"value"`
	// Lo and Hi are the ends of the bootstrap 95 % interval over clusters of
	// cases.
	Lo float64 `json:"lo"`
	Hi float64 `json:"hi"`
	// Cases that it is made of.
	Cases     int      `json:"cases"`
	Weight    float64  `json:"weight,omitempty"`
	Less      bool     `json:"less_is_better,omitempty"`
	Threshold *float64 `json:"threshold,omitempty"`
	// Broken: the whole interval lies beyond the threshold.
	Broken bool `json:"broken,omitempty"`
}

// Bootstrap of the figures.
const (
	figureRounds = 500
	figureSeed   = 0xa55a
)

// figuresOf are the figures of a suite over its results; a scorer that applied
// to no case has none.
func figuresOf(suite *Suite, results []Result) []Figure {
	scored := make([]*Result, 0, len(results))
	for i := range results {
		if len(results[i].Scores) > 0 {
			scored = append(scored, &results[i])
		}
	}
	draws := resample(scored)
	var out []Figure
	for _, sc := range suite.Scorers {
		of, n := statistic(sc, scored)
		if n == 0 {
			continue
		}
		f := Figure{Scorer: sc.Name(), Cases: n, Weight: sc.Weight, Less: sc.Type.Less(), Threshold: sc.Threshold}
		f.Value = of(nil)
		values := make([]float64, len(draws))
		for i, w := range draws {
			values[i] = of(w)
		}
		sort.Float64s(values)
		f.Lo, f.Hi = f.Value, f.Value
		if len(values) > 0 {
			f.Lo = values[int(0.025*float64(len(values)))]
			f.Hi = values[int(math.Ceil(0.975*float64(len(values))))-1]
		}
		if t := sc.Threshold; t != nil {
			f.Broken = !f.Less && f.Hi < *t || f.Less && f.Lo > *t
		}
		out = append(out, f)
	}
	return out
}

// resample draws clusters of results with replacement: how often each result
// stands in each draw (Efron 1979; Davison and Hinkley 1997, section 3.8).
func resample(results []*Result) [][]uint16 {
	var clusters [][]int
	at := map[string]int{}
	for i, r := range results {
		if r.Cluster != "" {
			if j, ok := at[r.Cluster]; ok {
				clusters[j] = append(clusters[j], i)
				continue
			}
			at[r.Cluster] = len(clusters)
		}
		clusters = append(clusters, []int{i})
	}
	if len(clusters) < 2 {
		return nil
	}
	rng := rand.NewPCG(figureSeed, uint64(len(clusters)))
	draws := make([][]uint16, figureRounds)
	for d := range draws {
		w := make([]uint16, len(results))
		for range clusters {
			for _, i := range clusters[rng.Uint64()%uint64(len(clusters))] {
				w[i]++
			}
		}
		draws[d] = w
	}
	return draws
}

// statistic is the figure of a scorer as a function of how often each result
// counts (nil: once), and how many results it is made of.
func statistic(sc Scorer, rs []*Result) (of func(w []uint16) float64, n int) {
	times := func(w []uint16, i int) float64 {
		if w == nil {
			return 1
		}
		return float64(w[i])
	}
	mean := func(value func(*Result) (float64, bool)) (func(w []uint16) float64, int) {
		type part struct {
			i int
			v float64
		}
		var parts []part
		for i, r := range rs {
			if v, ok := value(r); ok {
				parts = append(parts, part{i, v})
			}
		}
		return func(w []uint16) float64 {
			sum, count := 0.0, 0.0
			for _, p := range parts {
				k := times(w, p.i)
				sum += k * p.v
				count += k
			}
			if count == 0 {
				return 0
			}
			return sum / count
		}, len(parts)
	}
	micro := func(f func(right, wrong, stated, found float64) float64) (func(w []uint16) float64, int) {
		for _, r := range rs {
			n += int(bit(r.Last.Counts != (Counts{}) || r.Last.Values[string(sc.Type)] > 0))
		}
		return func(w []uint16) float64 {
			var right, wrong, stated, found float64
			for i, r := range rs {
				k, c := times(w, i), r.Last.Counts
				right += k * float64(c.Right)
				wrong += k * float64(c.Wrong)
				stated += k * float64(c.Stated)
				found += k * float64(c.Found)
			}
			return f(right, wrong, stated, found)
		}, n
	}
	switch {
	case sc.Type == F1:
		return micro(func(right, wrong, stated, found float64) float64 {
			return harmonic(share(right, right+wrong), share(found, stated))
		})
	case sc.Type == Precision && sc.K == 0:
		return micro(func(right, wrong, _, _ float64) float64 { return share(right, right+wrong) })
	case sc.Type == Recall && sc.K == 0:
		return micro(func(_, _, stated, found float64) float64 { return share(found, stated) })
	case sc.Type == Calibration:
		return calibration(rs, times)
	case sc.Type == LatencyP50:
		return quantile(rs, times, 0.5)
	case sc.Type == LatencyP95:
		return quantile(rs, times, 0.95)
	case sc.Type == LatencyP99:
		return quantile(rs, times, 0.99)
	case sc.Type == Tokens:
		return mean(func(r *Result) (float64, bool) { return float64(r.Last.Spent.Tokens), r.Last.Spent.questions() > 0 })
	case sc.Type == Cost:
		return mean(func(r *Result) (float64, bool) {
			return float64(r.Last.Spent.Micros) / 1e6, r.Last.Spent.questions() > 0
		})
	case sc.Type == CacheHits:
		return mean(func(r *Result) (float64, bool) {
			s := r.Last.Spent
			if s.questions() == 0 {
				return 0, false
			}
			// A kept answer spares its question, a provider's cache the part of the
			// prompt that it knows.
			spared := float64(s.Kept)
			if s.In > 0 {
				spared += float64(s.Asked) * float64(s.Cached) / float64(s.In)
			}
			return spared / float64(s.questions()), true
		})
	}
	return mean(func(r *Result) (float64, bool) {
		v, ok := r.Last.Values[sc.Name()]
		return v, ok
	})
}

func (sp Spent) questions() int { return sp.Asked + sp.Kept }

// quantile of the latencies, in milliseconds.
func quantile(rs []*Result, times func([]uint16, int) float64, q float64) (func(w []uint16) float64, int) {
	type part struct {
		i int
		v time.Duration
	}
	var parts []part
	for i, r := range rs {
		if r.Last.Spent.Latency > 0 {
			parts = append(parts, part{i, r.Last.Spent.Latency})
		}
	}
	slices.SortStableFunc(parts, func(a, b part) int { return int(a.v - b.v) })
	return func(w []uint16) float64 {
		total := 0.0
		for _, p := range parts {
			total += times(w, p.i)
		}
		seen := 0.0
		for _, p := range parts {
			if seen += times(w, p.i); seen >= q*total {
				return float64(p.v) / float64(time.Millisecond)
			}
		}
		return 0
	}, len(parts)
}

// bins of the reliability table, of equal width.
const bins = 10

// A Bin is one line of the reliability table: of the answers with about this
// confidence, how many were right.
type Bin struct {
	From       float64 `json:"from"`
	To         float64 `json:"to"`
	Answers    int     `json:"answers"`
	Confidence float64 `json:"confidence"`
	Right      float64 `json:"right"`
}

// reliability is the table over all results.
func reliability(results []Result) []Bin {
	var js []shared.Judged
	for _, r := range results {
		for _, b := range r.Last.Beliefs {
			js = append(js, shared.Judged{Confidence: b.P, Right: b.Right})
		}
	}
	out := []Bin{}
	for _, b := range shared.Reliability(js, bins) {
		out = append(out, Bin{From: b.From, To: b.To, Answers: b.N, Confidence: b.Confidence, Right: b.Right})
	}
	return out
}

func binOf(p float64) int { return min(max(int(p*bins), 0), bins-1) }

// calibration is the expected calibration error: the mean distance of confidence
// and accuracy over the bins, by how many answers lie in each (Naeini, Cooper
// and Hauskrecht 2015; Guo et al. 2017).
func calibration(rs []*Result, times func([]uint16, int) float64) (func(w []uint16) float64, int) {
	n := 0
	for _, r := range rs {
		n += int(bit(len(r.Last.Beliefs) > 0))
	}
	return func(w []uint16) float64 {
		var gap [bins]float64
		total := 0.0
		for i, r := range rs {
			k := times(w, i)
			total += k * float64(len(r.Last.Beliefs))
			for _, b := range r.Last.Beliefs {
				gap[binOf(b.P)] += k * (b.P - bit(b.Right))
			}
		}
		if total == 0 {
			return 0
		}
		sum := 0.0
		for _, g := range gap {
			sum += math.Abs(g)
		}
		return sum / total
	}, n
}
