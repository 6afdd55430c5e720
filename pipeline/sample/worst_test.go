package sample_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/assay-pipeline/assay/pipeline/sample"
)

func TestWorstTakesTheWorstOfEach(t *testing.T) {
	s := sample.Generate(sample.Options{Seed: 9, Items: 800})
	good := perfect(s)
	var figures []sample.Figures
	for seed := range uint64(3) {
		o := good
		switch seed {
		case 1:
			o.Pairs = o.Pairs[:len(o.Pairs)/2]
		case 2:
			o.Records = nil
		}
		figures = append(figures, sample.Evaluate(seed, &s.Truth, o, sample.Vocabulary{}))
	}
	w := sample.Worst(figures)
	if w.Seeds != 3 || w.Holding != 2 || len(w.Failing) != 1 || w.Failing[0] != 1 {
		t.Errorf("%+v", w)
	}
	if e := w.Worst["fasteners"]["pair_recall"]; e.Seed != 1 || e.Value >= 0.85 {
		t.Errorf("recall %+v", e)
	}
	if e := w.Worst["motors"]["parse_f1"]; e.Seed != 2 || e.Value != 0 {
		t.Errorf("F1 %+v", e)
	}
	if !strings.Contains(w.Text(), "not [1]") {
		t.Error(w.Text())
	}
	var back sample.Summary
	if err := json.Unmarshal([]byte(w.JSON()), &back); err != nil || strings.Contains(w.JSON(), "\n") {
		t.Error(err, w.JSON())
	}
}
