package stats

import (
	"math"
	"slices"
	"sort"

	"github.com/assay-pipeline/assay/pipeline"
)

// A Judged is a confidence in 0..1 and whether what it was said of is right.
type Judged struct {
	Confidence float64
	Right      bool
}

// A ReliabilityBin is a line of a reliability table: of the N answers with a
// confidence from From to To, Confidence is the mean and Right the share that
// was right.
type ReliabilityBin struct {
	From, To          float64
	N                 int
	Confidence, Right float64
}

// Reliability is the table over n bins of one width, the empty ones left out.
func Reliability(js []Judged, n int) (out []ReliabilityBin) {
	n = max(1, n)
	all := make([]ReliabilityBin, n)
	for _, j := range js {
		b := &all[min(max(int(j.Confidence*float64(n)), 0), n-1)]
		b.N++
		b.Confidence += j.Confidence
		if j.Right {
			b.Right++
		}
	}
	for i, b := range all {
		if b.N == 0 {
			continue
		}
		b.From, b.To = float64(i)/float64(n), float64(i+1)/float64(n)
		b.Confidence /= float64(b.N)
		b.Right /= float64(b.N)
		out = append(out, b)
	}
	return out
}

// CalibrationError is the expected calibration error (Naeini et al. 2015): the
// mean distance of confidence and share of right answers, each bin weighed by its
// answers. Brier is the mean squared distance of each answer.
func CalibrationError(js []Judged, bins int) (ece, brier float64) {
	if len(js) == 0 {
		return 0, 0
	}
	for _, b := range Reliability(js, bins) {
		ece += float64(b.N) / float64(len(js)) * math.Abs(b.Confidence-b.Right)
	}
	for _, j := range js {
		y := 0.0
		if j.Right {
			y = 1
		}
		brier += (j.Confidence - y) * (j.Confidence - y) / float64(len(js))
	}
	return ece, brier
}

// A Calibration maps confidences to shares of right answers. It never turns two
// around, and is linear between its points; the zero one leaves all as it is.
type Calibration struct {
	// Points are confidences and what they map to, both ascending.
	Points [][2]float64
}

// Apply maps a confidence.
func (c Calibration) Apply(p float64) float64 {
	n := len(c.Points)
	if n == 0 {
		return p
	}
	i := sort.Search(n, func(i int) bool { return c.Points[i][0] >= p })
	switch i {
	case 0:
		return c.Points[0][1]
	case n:
		return c.Points[n-1][1]
	}
	a, b := c.Points[i-1], c.Points[i]
	return a[1] + (b[1]-a[1])*(p-a[0])/(b[0]-a[0])
}

// Check reports what is wrong with the points: invalid.
func (c Calibration) Check() error {
	for i, p := range c.Points {
		if !(p[0] >= 0 && p[0] <= 1 && p[1] >= 0 && p[1] <= 1) {
			return pipeline.Errorf(pipeline.CodeInvalid, "point %d of the calibration is %v; both numbers lie in 0..1", i+1, p)
		}
		if i > 0 && (p[0] <= c.Points[i-1][0] || p[1] < c.Points[i-1][1]) {
			return pipeline.Errorf(pipeline.CodeInvalid, "point %d of the calibration, %v, does not ascend", i+1, p)
		}
	}
	return nil
}

// leastCalibrated is the fewest answers that a calibration is fitted on, and
// pooled the fewest behind one of its points.
const (
	leastCalibrated = 100
	pooled          = 25
)

// Calibrate fits a Calibration by isotonic regression (pool adjacent violators;
// Zadrozny and Elkan 2002) on pools of at least 25 answers. Each pool counts one
// right and one wrong answer more than it has (Laplace), so that nothing is ever
// certain, and what lies below the first pool falls to 0. Fewer than 100 answers are an error of code invalid.
func Calibrate(js []Judged) (Calibration, error) {
	if len(js) < leastCalibrated {
		return Calibration{}, pipeline.Errorf(pipeline.CodeInvalid, "%d answers are too few to calibrate on", len(js)).
			WithHint("label at least 100; several hundred are better")
	}
	js = slices.Clone(js)
	slices.SortStableFunc(js, func(a, b Judged) int {
		switch {
		case a.Confidence < b.Confidence:
			return -1
		case a.Confidence > b.Confidence:
			return 1
		}
		return 0
	})
	type pool struct{ n, x, right float64 }
	share := func(p pool) float64 { return (p.right + 1) / (p.n + 2) }
	var pools []pool
	var open pool
	for i, j := range js {
		open.n++
		open.x += j.Confidence
		if j.Right {
			open.right++
		}
		// Answers of one confidence stay together.
		if last := i == len(js)-1; !last && (open.n < pooled || js[i+1].Confidence == j.Confidence) {
			continue
		}
		pools = append(pools, open)
		open = pool{}
		for k := len(pools) - 1; k > 0 && (share(pools[k]) < share(pools[k-1]) || pools[k].n < pooled); k-- {
			pools[k-1] = pool{pools[k-1].n + pools[k].n, pools[k-1].x + pools[k].x, pools[k-1].right + pools[k].right}
			pools = pools[:k]
		}
	}
	var c Calibration
	if pools[0].x > 0 {
		c.Points = append(c.Points, [2]float64{})
	}
	for _, p := range pools {
		c.Points = append(c.Points, [2]float64{places(p.x / p.n), places(share(p))})
	}
	return c, nil
}

// places keeps four decimals: what is stored is what is applied.
func places(x float64) float64 { return math.Round(x*1e4) / 1e4 }
