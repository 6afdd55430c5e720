package stats

import (
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"pgregory.net/rapid"
)

func source(seed, stream uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, stream)) }

// pairsOf makes items: base scores of k of 10 right, and the score of now.
func pairsOf(items ...[2]int) []Pair {
	var out []Pair
	for i, it := range items {
		p := Pair{ID: strconv.Itoa(i), Base: make([]float64, 10), Now: float64(it[1])}
		for j := range it[0] {
			p.Base[j] = 1
		}
		out = append(out, p)
	}
	return out
}

func TestJudge(t *testing.T) {
	solid := func(n, broken int) []Pair { // n items always right, the first broken now wrong
		items := make([][2]int, n)
		for i := range items {
			items[i] = [2]int{10, 1}
			if i < broken {
				items[i][1] = 0
			}
		}
		return pairsOf(items...)
	}
	for _, c := range []struct {
		name          string
		rule          Rule
		first, second []Pair
		trips         bool
	}{
		{"nothing moved", Rule{}, solid(100, 0), solid(100, 0), false},
		{"eight broke", Rule{Tolerance: 0.02}, solid(100, 8), solid(100, 8), true},
		{"eight broke within a tolerance of ten", Rule{Tolerance: 0.10}, solid(100, 8), solid(100, 8), false},
		{"as large as the tolerance is not beyond it", Rule{Tolerance: 0.08}, solid(100, 8), solid(100, 8), false},
		{"the second run is well", Rule{Tolerance: 0.02}, solid(100, 8), solid(100, 0), false},
		{"two of ten prove nothing", Rule{}, solid(10, 2), solid(10, 2), false},
		{"everything broke", Rule{}, solid(10, 10), solid(10, 10), true},
		{"no item", Rule{}, nil, nil, false},
		{"other items broke in each run", Rule{}, solid(100, 30), func() []Pair {
			p := solid(100, 30)
			for i := range p {
				p[i].Now = 1 - p[i].Now
			}
			return p
		}(), true},
	} {
		v := c.rule.Judge(c.first, c.second)
		if v.Tripped != c.trips {
			t.Errorf("%s: tripped %v, want %v: %s (%+v)", c.name, v.Tripped, c.trips, v.Reason, v)
		}
		if v.Reason == "" {
			t.Errorf("%s: no reason", c.name)
		}
	}
}

// TestDeterministic: a baseline of one run is enough where answers repeat.
func TestDeterministic(t *testing.T) {
	pairs := make([]Pair, 200)
	for i := range pairs {
		pairs[i] = Pair{ID: strconv.Itoa(i), Base: []float64{1}, Now: 1}
		if i < 10 {
			pairs[i].Now = 0
		}
	}
	if v := (Rule{Deterministic: true, Tolerance: 0.02}).Judge(pairs, pairs); !v.Tripped {
		t.Errorf("10 of 200 items broke: %s", v.Reason)
	}
	for i := range pairs {
		pairs[i].Base[0] = float64(i % 2)
		pairs[i].Now = pairs[i].Base[0]
	}
	if v := (Rule{Deterministic: true}).Judge(pairs, pairs); v.Tripped {
		t.Errorf("nothing changed: %s", v.Reason)
	}
}

// TestLevel: the joint test is exact: under no change its p-values lie below
// any level at most so often, though the scores are neither 0 nor 1 nor normal.
func TestLevel(t *testing.T) {
	const trials, level = 2000, 0.05
	low := 0
	for k := range trials {
		rng := source(3, uint64(k))
		var first, second []Pair
		for i := range 30 {
			draw := func() float64 { return math.Pow(rng.Float64(), 4) * float64(i%3) / 2 }
			p := Pair{ID: strconv.Itoa(i), Base: []float64{draw(), draw(), draw(), draw(), draw()}}
			q := p
			p.Now, q.Now = draw(), draw()
			first, second = append(first, p), append(second, q)
		}
		if chance(first, second, level, uint64(k)) <= level {
			low++
		}
	}
	if rate := float64(low) / trials; rate > level+0.015 || rate < 0.01 {
		t.Errorf("p ≤ %g in %g of trials without a change", level, rate)
	}
}

// TestCoverage: the 95 % interval holds the true mean about that often, for the
// skewed changes that rare failures make.
func TestCoverage(t *testing.T) {
	const trials = 600
	held := 0
	for k := range trials {
		rng := source(5, uint64(k))
		pairs := make([]Pair, 100)
		for i := range pairs {
			pairs[i] = Pair{Base: []float64{1}, Now: 1 - coin(rng, 0.1)}
		}
		if d := Compare(pairs, 0.95, 1000, uint64(k)); d.Lo <= -0.1 && -0.1 <= d.Hi {
			held++
		}
	}
	if rate := float64(held) / trials; rate < 0.92 || rate > 0.98 {
		t.Errorf("the interval held the true mean in %.3f of trials", rate)
	}
}

// TestClusters: items that fail together say no more than one of them.
func TestClusters(t *testing.T) {
	var apart, together []Pair
	for i := range 200 {
		p := Pair{ID: strconv.Itoa(i), Base: []float64{1, 1, 1}, Now: 1}
		if i/10 == 3 || i/10 == 7 { // two whole families of ten
			p.Now = 0
		}
		apart = append(apart, p)
		p.Cluster = "family " + strconv.Itoa(i/10)
		together = append(together, p)
	}
	a, b := Compare(apart, 0.95, 2000, 1), Compare(together, 0.95, 2000, 1)
	if a.Mean != b.Mean || b.Clusters != 20 {
		t.Fatalf("means %g and %g, %d clusters", a.Mean, b.Mean, b.Clusters)
	}
	if b.Hi-b.Lo < 2*(a.Hi-a.Lo) {
		t.Errorf("interval %g to %g of families, %g to %g of items", b.Lo, b.Hi, a.Lo, a.Hi)
	}
}

// TestMood: a model with good and bad days widens the test by what the days of
// the baseline show.
func TestMood(t *testing.T) {
	rng := source(11, 1)
	moods := []float64{0.9, 0.6, 0.95, 0.7, 0.9, 0.55, 0.92, 0.65, 0.9, 0.6}
	pairs := make([]Pair, 300)
	for i := range pairs {
		pairs[i] = Pair{ID: strconv.Itoa(i)}
		for _, m := range moods {
			pairs[i].Base = append(pairs[i].Base, coin(rng, m))
		}
		pairs[i].Now = coin(rng, 0.6)
	}
	if phi := overdispersion(pairs); phi < 5 {
		t.Errorf("overdispersion %g", phi)
	}
	second := make([]Pair, len(pairs))
	copy(second, pairs)
	for i := range second {
		second[i].Now = coin(rng, 0.6)
	}
	if v := (Rule{}).Judge(pairs, second); v.Tripped {
		t.Errorf("two bad days like those of the baseline tripped: %+v", v)
	}
}

// TestCompareProperties: the interval holds the mean, the order of items does
// not matter to the mean, and the same seed gives the same interval.
func TestCompareProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		score := rapid.Float64Range(0, 1)
		pairs := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Pair {
			return Pair{
				ID: rapid.StringN(1, 5, -1).Draw(t, "id"), Cluster: rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "cluster"),
				Base: rapid.SliceOfN(score, 1, 5).Draw(t, "base"), Now: score.Draw(t, "now"),
			}
		}), 1, 40).Draw(t, "pairs")
		d := Compare(pairs, 0.95, 200, 7)
		if math.IsNaN(d.Lo) || math.IsNaN(d.Hi) || d.Lo > d.Hi {
			t.Fatalf("%+v", d)
		}
		if math.Abs(d.Now-d.Base-d.Mean) > 1e-9 {
			t.Fatalf("now %g − base %g ≠ %g", d.Now, d.Base, d.Mean)
		}
		if again := Compare(pairs, 0.95, 200, 7); again != d {
			t.Fatalf("%+v, then %+v", d, again)
		}
		if v := (Rule{}).Judge(pairs, pairs); v.Tripped && (v.First.Hi >= 0 || v.First.Mean >= 0) {
			t.Fatalf("tripped without a drop: %+v", v)
		}
	})
}

func TestPlan(t *testing.T) {
	noise := 0.049 // the third noise model
	p := Plan{Items: 500, Noise: noise, Rule: Rule{Tolerance: 0.02}}
	mde := p.Detectable()
	if mde < 0.02 || mde > 0.05 {
		t.Errorf("detectable with 500 items: %g", mde)
	}
	small := p
	small.Items = 100
	if got := small.Detectable(); got < mde*1.5 {
		t.Errorf("detectable with 100 items: %g, with 500: %g", got, mde)
	}
	n := p.Needed(mde)
	if n < 450 || n > 550 {
		t.Errorf("needed for what 500 items find: %d", n)
	}
	if got := p.Needed(0.02); got != 0 {
		t.Errorf("a drop within the tolerance needs %d items", got)
	}
	if got := (Plan{}).Detectable(); got != 1 {
		t.Errorf("no items detect %g", got)
	}
	// The closed form against the simulation, at the detectable drop.
	m := Simulation{Noise: NoiseModels()[2], Items: 500, Months: 60, Drop: mde, Rule: Rule{Tolerance: 0.02}, Seed: 2}.Play()
	if m.Share() < 1 || m.Nights > 2 {
		t.Errorf("a drop of %g: found in %g of months after %.2f nights, planned power %g", mde, m.Share(), m.Nights, p.Power(mde))
	}
}
