package model

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/assay-pipeline/assay/pipeline"
)

// A Price is what a model costs: US dollars per million tokens.
type Price struct {
	// Model as the provider and the configuration name it: openai:NAME. A
	// trailing * stands for any rest.
	Model  string  `yaml:"model"`
	In     float64 `yaml:"in"`
	Out    float64 `yaml:"out"`
	Cached float64 `yaml:"cached"`
	// Source and Date say where the figure comes from.
	Source string `yaml:"source"`
	Date   string `yaml:"date"`
}

// Prices is a price table. The zero table knows no price.
type Prices struct{ rows []Price }

// ReadPrices reads a table:
//
//	prices:
//	  - {model: "openai:NAME", in: 0.15, out: 0.60, cached: 0.075, source: URL, date: 2026-05-01}
//
// Every entry needs a source and a date: a price that nobody can check is not
// one.
func ReadPrices(file string, data []byte) (Prices, error) {
	var doc struct {
		Prices []Price `yaml:"prices"`
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	dec.KnownFields(true)
	if err := dec.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return Prices{}, pipeline.Errorf(pipeline.CodeInvalid, "%s: %w", file, err)
	}
	seen := map[string]bool{}
	for i, p := range doc.Prices {
		where := fmt.Sprintf("%s: price %d (%s)", file, i+1, p.Model)
		switch {
		case p.Model == "":
			return Prices{}, pipeline.Errorf(pipeline.CodeInvalid, "%s: no model", where)
		case seen[p.Model]:
			return Prices{}, pipeline.Errorf(pipeline.CodeInvalid, "%s stands there twice", where)
		case p.Source == "":
			return Prices{}, pipeline.Errorf(pipeline.CodeInvalid, "%s: no source", where).WithHint("name the page that says so")
		case !sane(p.In) || !sane(p.Out) || !sane(p.Cached):
			return Prices{}, pipeline.Errorf(pipeline.CodeInvalid, "%s: a price is a number of dollars per million tokens, from 0 to 100,000", where)
		}
		if _, err := time.Parse(time.DateOnly, p.Date); err != nil {
			return Prices{}, pipeline.Errorf(pipeline.CodeInvalid, "%s: the date %q is not of the form 2006-01-02", where, p.Date)
		}
		seen[p.Model] = true
	}
	return Prices{rows: doc.Prices}, nil
}

func sane(x float64) bool { return x >= 0 && x <= 1e5 }

// Of finds the price of a model: the entry of its name, else the longest entry
// that ends in * and begins like it.
func (ps Prices) Of(name string) (Price, bool) {
	best, found := Price{}, false
	for _, p := range ps.rows {
		if p.Model == name {
			return p, true
		}
		if stem, ok := strings.CutSuffix(p.Model, "*"); ok && strings.HasPrefix(name, stem) && (!found || len(p.Model) > len(best.Model)) {
			best, found = p, true
		}
	}
	return best, found
}

// Rows are the prices as they stand in the table.
func (ps Prices) Rows() []Price { return slices.Clone(ps.rows) }

// Micros is what usage costs, in micro-dollars, rounded up: a budget that
// counts in the wrong direction is none.
func (p Price) Micros(u Usage) int64 {
	cached := min(u.Cached, u.In)
	return int64(math.Ceil(float64(u.In-cached)*p.In + float64(cached)*p.Cached + float64(u.Out)*p.Out - 1e-9))
}

// Money writes micro-dollars for people.
func Money(micros int64) string {
	switch {
	case micros == 0:
		return "0 USD"
	case micros > -10000 && micros < 10000:
		return fmt.Sprintf("%.6f USD", float64(micros)/1e6)
	}
	return fmt.Sprintf("%.2f USD", float64(micros)/1e6)
}
