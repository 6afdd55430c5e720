package stats

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/assay-pipeline/assay/pipeline"
)

// answers of a judge who says p where p squared is right.
func overconfident(seed uint64, n int) []Judged {
	r := rand.New(rand.NewPCG(seed, 1))
	js := make([]Judged, n)
	for i := range js {
		p := r.Float64()
		js[i] = Judged{p, r.Float64() < p*p}
	}
	return js
}

func TestCalibrate(t *testing.T) {
	c, err := Calibrate(overconfident(1, 5000))
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Check(); err != nil {
		t.Fatal(err)
	}
	for _, p := range []float64{0.2, 0.5, 0.7, 0.9} {
		if got := c.Apply(p); math.Abs(got-p*p) > 0.06 {
			t.Errorf("%v maps to %v, %v are right", p, got, p*p)
		}
	}
	// On answers that it has not seen, the error is nearly gone.
	held := overconfident(2, 5000)
	before, brier := CalibrationError(held, 10)
	for i := range held {
		held[i].Confidence = c.Apply(held[i].Confidence)
	}
	after, less := CalibrationError(held, 10)
	if before < 0.1 || after > 0.03 || less >= brier {
		t.Errorf("error %v before and %v after, Brier %v and %v", before, after, brier, less)
	}
	if _, err := Calibrate(held[:99]); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
		t.Errorf("99 answers: %v", err)
	}
	if got := (Calibration{}).Apply(0.3); got != 0.3 {
		t.Errorf("no calibration maps 0.3 to %v", got)
	}
}

func TestReliability(t *testing.T) {
	js := []Judged{{0.05, false}, {0.95, true}, {0.91, true}, {0.99, false}, {1, true}, {0.5, true}}
	got := Reliability(js, 10)
	if len(got) != 3 || got[2].N != 4 || got[2].Right != 0.75 || math.Abs(got[2].Confidence-0.9625) > 1e-9 || got[1].From != 0.5 || got[0].N != 1 {
		t.Errorf("%+v", got)
	}
	if ece, brier := CalibrationError(nil, 10); ece != 0 || brier != 0 {
		t.Error("the error of nothing")
	}
	ece, _ := CalibrationError(js, 10)
	if want := (0.05 + 4*(0.9625-0.75) + 0.5) / 6; math.Abs(ece-want) > 1e-9 {
		t.Errorf("%v, want %v", ece, want)
	}
}

// Whatever the answers, the order of confidences stays and they stay in 0..1.
func TestCalibrationKeepsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(100, 400).Draw(t, "n")
		js := make([]Judged, n)
		for i := range js {
			js[i] = Judged{float64(rapid.IntRange(0, 20).Draw(t, "p")) / 20, rapid.Bool().Draw(t, "right")}
		}
		c, err := Calibrate(js)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Check(); err != nil {
			t.Fatal(err)
		}
		last := 0.0
		for p := 0.0; p <= 1; p += 0.01 {
			got := c.Apply(p)
			if got < last-1e-12 || got < 0 || got > 1 {
				t.Fatalf("%v maps to %v after %v: %v", p, got, last, c.Points)
			}
			last = got
		}
	})
}

func TestCalibrationCheck(t *testing.T) {
	for _, ps := range [][][2]float64{{{0.5, 0.5}, {0.4, 0.6}}, {{0.1, 0.5}, {0.4, 0.2}}, {{0.1, 1.5}}, {{math.NaN(), 0}}} {
		if err := (Calibration{ps}).Check(); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
			t.Errorf("%v: %v", ps, err)
		}
	}
}
