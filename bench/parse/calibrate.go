package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/parse"
	"github.com/assay-pipeline/assay/pipeline/sample"
	"github.com/assay-pipeline/assay/pipeline/stats"
)

// Seeds of the samples that the calibration is fitted on, and of those that it
// is judged on; no figure is measured on either.
const (
	fitFrom, fitTo     = 101, 110
	judgeFrom, judgeTo = 201, 205
)

// judgedRecords are the confidences of the records of a sample's items, and
// whether the record is right: of the true category, every value that it has is
// true, and every critical one that the text states is in it.
func judgedRecords(ps *parse.Parser, from, to int) ([]stats.Judged, error) {
	var out []stats.Judged
	for seed := from; seed <= to; seed++ {
		s, items := sampleItems(uint64(seed))
		records, err := ps.ParseAll(context.Background(), items)
		if err != nil {
			return nil, err
		}
		_, misses := sample.ScoreParse(&s.Truth, records, app.SampleVocabulary())
		wrong := map[string]bool{}
		for _, m := range misses {
			if m.Attribute == "category" || m.Got != "" || m.Critical {
				wrong[sample.Key(m.ID)] = true
			}
		}
		for i := range records {
			if records[i].Confidence > 0 { // an unknown category has none
				out = append(out, stats.Judged{Confidence: records[i].Confidence, Right: !wrong[records[i].ID]})
			}
		}
	}
	return out, nil
}

// calibrate fits the calibration of the records' confidence on samples, judges
// it on others, and writes it into the pack where file is named.
func calibrate(file string) error {
	pack, _, err := shipped()
	if err != nil {
		return err
	}
	raw := parse.New(pack, parse.NewRules(pack), parse.Options{Raw: true})
	fit, err := judgedRecords(raw, fitFrom, fitTo)
	if err != nil {
		return err
	}
	held, err := judgedRecords(raw, judgeFrom, judgeTo)
	if err != nil {
		return err
	}
	c, err := stats.Calibrate(fit)
	if err != nil {
		return err
	}
	out := map[string]float64{}
	show := func(title, key string, js []stats.Judged) {
		ece, brier := stats.CalibrationError(js, 10)
		fmt.Printf("%s: expected calibration error %.4f, Brier score %.4f\n%12s %8s %11s %7s\n", title, ece, brier, "confidence", "records", "mean", "right")
		for _, b := range stats.Reliability(js, 10) {
			fmt.Printf("   %.1f – %.1f %8d %11.3f %7.3f\n", b.From, b.To, b.N, b.Confidence, b.Right)
		}
		out["ece_"+key], out["brier_"+key] = float64(int(ece*1e4+0.5))/1e4, float64(int(brier*1e4+0.5))/1e4
	}
	show("as judged by the rules", "raw", held)
	for i := range held {
		held[i].Confidence = c.Apply(held[i].Confidence)
	}
	show("calibrated", "calibrated", held)
	if file != "" {
		if err := os.WriteFile(file, calibrationFile(c, len(fit)), 0o644); err != nil {
			return err
		}
	}
	b, err := json.Marshal(out)
	if err == nil {
		fmt.Println(string(b))
	}
	return err
}

// calibrationFile is calibration.yaml of a pack.
func calibrationFile(c stats.Calibration, n int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# What share of the records of a confidence is right, by `make calibrate`.\ncalibration:\n")
	fmt.Fprintf(&b, "  source: generated sample, seeds %d to %d\n  date: %s\n  answers: %d\n  points:\n", fitFrom, fitTo, time.Now().UTC().Format(time.DateOnly), n)
	for _, p := range c.Points {
		fmt.Fprintf(&b, "    - [%.4f, %.4f]\n", p[0], p[1])
	}
	return b.Bytes()
}
