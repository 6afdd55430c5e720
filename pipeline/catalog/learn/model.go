package learn

import (
	"context"
	"math"
	"runtime"
	"slices"
	"sync"

	"github.com/assay-pipeline/assay/pipeline"
)

const (
	folds = 5
	// rivals is how many candidates of a record compete with each other.
	rivals = 20
	// bags is how many forests of one setting are averaged.
	bags = 3
)

var (
	pairwiseTrees    = Boost{Trees: 150, Depth: 5, Rate: 0.07, Rows: 0.8, Columns: 0.5, Lambda: 3, MinWeight: 1.5}
	competitionTrees = Boost{Trees: 120, Depth: 4, Rate: 0.06, Rows: 0.8, Columns: 0.6, Lambda: 4, MinWeight: 2}
)

// A Model tells how likely two records are one thing. It is an ensemble of
// five, each trained without one fold of the records of the first table, so
// that every training pair has a prediction of a member that never saw it:
// those choose the mixture, the threshold and the calibration.
type Model struct {
	// Features are the columns that the forests know, in order.
	Features []string  `json:"features"`
	Members  []*member `json:"members"`
	// Mixture weighs the log odds of the pairwise logistic regression, the
	// pairwise trees and the trees with competition.
	Mixture [3]float64 `json:"mixture"`
	// Alone weighs the first two where no competitors are looked at.
	Alone [2]float64 `json:"alone"`
	// Calibration maps the mixed log odds to calibrated ones (Platt 1999).
	Calibration      calibration `json:"calibration"`
	AloneCalibration calibration `json:"alone_calibration"`
	// Threshold on the probability, chosen for F1 out of fold.
	Threshold      float64 `json:"threshold"`
	AloneThreshold float64 `json:"alone_threshold"`
	Training       Report  `json:"training"`
	// Rarity of the training catalog, for PredictAlone.
	Rarity *Rarity `json:"rarity,omitempty"`
}

// A Report says what a model was trained on and how it did on pairs that its
// members had not seen.
type Report struct {
	// Hash of the labelled pairs and their records.
	Hash     string `json:"hash"`
	Pairs    int    `json:"pairs"`
	Matching int    `json:"matching"`
	// F1 out of fold, at its own best threshold, of each part and of all.
	Logistic    float64 `json:"logistic_f1"`
	Trees       float64 `json:"trees_f1"`
	Competition float64 `json:"competition_f1"`
	Mixed       float64 `json:"mixed_f1"`
}

// A member is what one fold left out was trained on.
type member struct {
	Words    map[string]float64 `json:"words"`
	Classes  map[string]float64 `json:"classes"`
	Logistic *Logistic          `json:"logistic"`
	Pairwise []*Forest          `json:"pairwise"`
	Compete  []*Forest          `json:"compete"`
}

type calibration struct {
	Slope float64 `json:"slope"`
	Shift float64 `json:"shift"`
}

func (c calibration) apply(logit float64) float64 {
	return 1 / (1 + math.Exp(-(c.Slope*logit + c.Shift)))
}

// foldOf assigns a record of the first table to a fold, by its id, so that
// the same data are split alike however they are ordered.
func foldOf(id string) int {
	h := uint64(14695981039346656037)
	for i := range len(id) {
		h = (h ^ uint64(id[i])) * 1099511628211
	}
	h ^= h >> 29
	return int(h % folds)
}

func average(fs []*Forest, x []float64) float64 {
	s := 0.0
	for _, f := range fs {
		s += f.logit(x)
	}
	return s / float64(max(1, len(fs)))
}

// row is the pairwise feature vector as m sees it.
func (m *member) row(c *cache, p pair) []float64 {
	return append(slices.Clone(c.features(p)), m.odds(c.s, p)...)
}

// A judge is a member at work on one space: it remembers what it said.
type judge struct {
	*member
	c    *cache
	memo map[pair]float64
}

func newJudge(m *member, c *cache) *judge { return &judge{m, c, map[pair]float64{}} }

func (j *judge) pairwise(p pair) float64 {
	v, ok := j.memo[p]
	if !ok {
		v = average(j.Pairwise, j.row(j.c, p))
		j.memo[p] = v
	}
	return v
}

// competition is the pairwise row, its verdict, and how the pair stands
// against the other candidates of either record: what a buyer means by "there
// is one that fits better".
func (j *judge) competition(p pair) []float64 {
	own := j.pairwise(p)
	out := append(j.row(j.c, p), own)
	for side := range 2 {
		best, second, rank, near, sum := -20.0, -20.0, 0.0, 0.0, 0.0
		for _, q := range j.c.rivals(side, p) {
			l := j.pairwise(q)
			if l > best {
				best, second = l, best
			} else if l > second {
				second = l
			}
			if l >= own {
				rank++
			}
			if l > own-1 {
				near++
			}
			sum += 1 / (1 + math.Exp(-l))
		}
		out = append(out, own-best, best, own-second, rank, near, sum)
	}
	return out
}

// parts are the three log odds that a model mixes.
func (j *judge) parts(p pair, alone bool) [3]float64 {
	out := [3]float64{j.Logistic.logit(j.row(j.c, p)), j.pairwise(p), 0}
	if !alone {
		out[2] = average(j.Compete, j.competition(p))
	}
	return out
}

// Train fits a model to labelled pairs of s. The same input gives the same
// model. Errors: invalid where a label names no record, or fewer than ten
// pairs are labelled either way.
func Train(ctx context.Context, s *Space, labels []Label) (*Model, error) {
	idx, err := s.indices(labels)
	if err != nil {
		return nil, err
	}
	y := make([]bool, len(labels))
	matching := 0
	for i, l := range labels {
		y[i] = l.Same
		if l.Same {
			matching++
		}
	}
	if matching < 10 || len(labels)-matching < 10 {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%d pairs that match and %d that do not are too few to learn from", matching, len(labels)-matching).
			WithHint("label at least ten of either kind; the rules work without any")
	}
	fold := make([]int, len(idx))
	for i, l := range labels {
		fold[i] = foldOf(l.A)
	}
	m := &Model{
		Features: slices.Clone(featureNames),
		Members:  make([]*member, folds),
		Training: Report{Hash: s.hash(labels), Pairs: len(labels), Matching: matching},
		Rarity:   s.rarity(),
	}
	c, err := newCache(ctx, s, idx, false)
	if err != nil {
		return nil, err
	}
	// First stage: each member without its fold.
	judges := make([]*judge, folds)
	each(folds, func(k int) {
		m.Members[k] = fitPairwise(ctx, c, idx, y, fold, k)
		judges[k] = newJudge(m.Members[k], c)
	})
	if err := ctx.Err(); err != nil {
		return nil, stopped(err)
	}
	// Second stage: each pair is described by the member that has not seen it.
	rows := make([][]float64, len(idx))
	held := make([][3]float64, len(idx))
	each(folds, func(k int) {
		for i, p := range idx {
			if fold[i] == k {
				rows[i] = judges[k].competition(p)
				held[i] = [3]float64{judges[k].Logistic.logit(judges[k].row(c, p)), judges[k].pairwise(p), 0}
			}
		}
	})
	each(folds, func(k int) {
		var x [][]float64
		var t []bool
		for i := range idx {
			if fold[i] != k {
				x, t = append(x, rows[i]), append(t, y[i])
			}
		}
		for seed := range bags {
			if ctx.Err() != nil {
				return
			}
			b := competitionTrees
			b.Seed = uint64(1000 + 100*k + seed)
			m.Members[k].Compete = append(m.Members[k].Compete, b.fit(x, t))
		}
		for i := range idx {
			if fold[i] == k {
				held[i][2] = average(m.Members[k].Compete, rows[i])
			}
		}
	})
	if err := ctx.Err(); err != nil {
		return nil, stopped(err)
	}
	m.mix(held, y)
	return m, nil
}

func stopped(err error) error {
	return pipeline.Errorf(pipeline.ErrorCode(err), "training stopped: %w", err)
}

// each runs f for 0..n-1 on as many goroutines as there are processors.
func each(n int, f func(i int)) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(n, runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

// fitPairwise trains the first stage of the member that never sees fold k.
func fitPairwise(ctx context.Context, c *cache, idx []pair, y []bool, fold []int, k int) *member {
	m := newMember(c.s, idx, y, func(i int) bool { return fold[i] != k })
	// The word odds of a training row come from the other folds alone, so that
	// the forests do not trust them more than they deserve.
	inner := make([]*member, folds)
	for j := range folds {
		if j != k {
			inner[j] = newMember(c.s, idx, y, func(i int) bool { return fold[i] != k && fold[i] != j })
		}
	}
	var rows [][]float64
	var t []bool
	for i, p := range idx {
		if fold[i] != k {
			rows, t = append(rows, inner[fold[i]].row(c, p)), append(t, y[i])
		}
	}
	m.Logistic = fitLogistic(rows, t, 5)
	for seed := range bags {
		if ctx.Err() != nil {
			return m
		}
		b := pairwiseTrees
		b.Seed = uint64(100*k + seed + 1)
		m.Pairwise = append(m.Pairwise, b.fit(rows, t))
	}
	return m
}

// mix chooses the mixtures, thresholds and calibrations on what the members
// said of pairs they had not seen.
func (m *Model) mix(held [][3]float64, y []bool) {
	score := func(w [3]float64) []float64 {
		out := make([]float64, len(held))
		for i, h := range held {
			out[i] = w[0]*h[0] + w[1]*h[1] + w[2]*h[2]
		}
		return out
	}
	m.Training.Logistic, _ = bestF1(score([3]float64{1, 0, 0}), y)
	m.Training.Trees, _ = bestF1(score([3]float64{0, 1, 0}), y)
	m.Training.Competition, _ = bestF1(score([3]float64{0, 0, 1}), y)
	// The mixtures are chosen on the log loss after calibration, which moves
	// less by chance than F1 does.
	alone, best := math.Inf(1), math.Inf(1)
	for _, w := range []float64{0, 0.15, 0.3, 0.5, 0.7} {
		if l := logLoss(score([3]float64{w, 1 - w, 0}), y); l < alone {
			alone, m.Alone = l, [2]float64{w, 1 - w}
		}
	}
	for _, w := range []float64{0, 0.15, 0.3, 0.5, 0.7, 1} {
		x := [3]float64{w * m.Alone[0], w * m.Alone[1], 1 - w}
		if l := logLoss(score(x), y); l < best {
			best, m.Mixture = l, x
		}
	}
	m.Training.Mixed, _ = bestF1(score(m.Mixture), y)
	mixed, single := score(m.Mixture), score([3]float64{m.Alone[0], m.Alone[1], 0})
	m.Calibration, m.AloneCalibration = platt(mixed, y), platt(single, y)
	m.Threshold = m.Calibration.apply(stableThreshold(mixed, y))
	m.AloneThreshold = m.AloneCalibration.apply(stableThreshold(single, y))
}

// A Prediction is what is said of one pair.
type Prediction struct {
	A, B string
	// Probability that the two are one thing.
	Probability float64
	Same        bool
}

// Predict judges pairs of s. With competition each pair is weighed against the
// other candidates of its records; alone, it is judged by itself.
func (m *Model) Predict(ctx context.Context, s *Space, labels []Label, alone bool) ([]Prediction, error) {
	idx, err := s.indices(labels)
	if err != nil {
		return nil, err
	}
	c, err := newCache(ctx, s, idx, alone)
	if err != nil {
		return nil, err
	}
	said := make([][][3]float64, len(m.Members))
	each(len(m.Members), func(k int) {
		j := newJudge(m.Members[k], c)
		said[k] = make([][3]float64, len(idx))
		for i, p := range idx {
			said[k][i] = j.parts(p, alone)
		}
	})
	out := make([]Prediction, len(idx))
	for i, l := range labels {
		var h [3]float64
		for k := range said {
			for n := range h {
				h[n] += said[k][i][n] / float64(len(said))
			}
		}
		q := Prediction{A: l.A, B: l.B}
		if alone {
			q.Probability = m.AloneCalibration.apply(m.Alone[0]*h[0] + m.Alone[1]*h[1])
			q.Same = q.Probability >= m.AloneThreshold
		} else {
			q.Probability = m.Calibration.apply(m.Mixture[0]*h[0] + m.Mixture[1]*h[1] + m.Mixture[2]*h[2])
			q.Same = q.Probability >= m.Threshold
		}
		out[i] = q
	}
	return out, nil
}

// platt fits the calibration of log odds to labels.
func platt(logits []float64, y []bool) calibration {
	x := make([][]float64, len(logits))
	for i, l := range logits {
		x[i] = []float64{l}
	}
	l := fitLogistic(x, y, 1e-3)
	slope := l.Coef[0] / l.Scale[0]
	if slope <= 0 { // never turn the order round
		return calibration{Slope: 1}
	}
	return calibration{Slope: slope, Shift: l.Bias - slope*l.Mean[0]}
}

// logLoss of log odds after calibration.
func logLoss(logits []float64, y []bool) float64 {
	c := platt(logits, y)
	sum := 0.0
	for i, l := range logits {
		p := math.Min(math.Max(c.apply(l), 1e-9), 1-1e-9)
		if y[i] {
			sum -= math.Log(p)
		} else {
			sum -= math.Log(1 - p)
		}
	}
	return sum
}
