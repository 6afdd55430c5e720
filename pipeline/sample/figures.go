package sample

import (
	"errors"
	"fmt"
	"strings"
)

// Figures are the score of one sample.
type Figures struct {
	Seed  uint64                  `json:"seed"`
	Rows  RowFigures              `json:"rows"`
	Parse map[string]ParseFigures `json:"parse"`
	Pairs map[string]PairFigures  `json:"pairs"`
	// Score are the ratios of the two tables, for readers that do not want to
	// divide.
	Score map[string]Score `json:"score"`

	ParseMisses []ParseMiss `json:"-"`
	PairMisses  []PairMiss  `json:"-"`
}

// Score are the ratios of one group, each in 0..1.
type Score struct {
	CategoryAccuracy float64 `json:"category_accuracy"`
	ParsePrecision   float64 `json:"parse_precision"`
	ParseRecall      float64 `json:"parse_recall"`
	ParseF1          float64 `json:"parse_f1"`
	PairPrecision    float64 `json:"pair_precision"`
	PairRecall       float64 `json:"pair_recall"`
	ClusterPrecision float64 `json:"cluster_precision"`
	ClusterRecall    float64 `json:"cluster_recall"`
}

// What must hold in each of the three deep groups.
const (
	MinPairPrecision = 0.98
	MinPairRecall    = 0.85
)

// Evaluate scores an outcome.
func Evaluate(seed uint64, t *Truth, o Outcome, v Vocabulary) Figures {
	f := Figures{Seed: seed, Rows: ScoreRows(t, o.Batches, o.Tripped), Score: map[string]Score{}}
	f.Parse, f.ParseMisses = ScoreParse(t, o.Records, v)
	f.Pairs, f.PairMisses = ScorePairs(t, o.Pairs, o.Clusters)
	for _, g := range Groups {
		p, m := f.Parse[g], f.Pairs[g]
		f.Score[g] = Score{
			CategoryAccuracy: ratio(p.Category, p.Items), ParsePrecision: p.Precision(), ParseRecall: p.Recall(), ParseF1: p.F1(),
			PairPrecision: m.Precision(), PairRecall: m.Recall(),
			ClusterPrecision: m.ClusterPrecision(), ClusterRecall: m.ClusterRecall(),
		}
	}
	return f
}

// Holds reports what does not hold, all of it; nil when every figure does.
func (f Figures) Holds() error {
	var errs []error
	must := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	r := f.Rows
	must(r.Unbalanced == 0, "%d of %d files do not account for every row", r.Unbalanced, r.Files)
	must(r.Right == r.Faults, "%d of %d seeded faults were rejected for the right reason", r.Right, r.Faults)
	must(r.CleanRejected == 0, "%d clean rows were rejected", r.CleanRejected)
	must(r.BadDaysHeld == r.BadDays, "%d of %d bad days were held", r.BadDaysHeld, r.BadDays)
	must(r.BreakersOpened == r.BadDays, "%d breakers opened on %d bad days", r.BreakersOpened, r.BadDays)
	for _, g := range Groups {
		p := f.Pairs[g]
		must(p.TwinsCalled == 0, "%s: %d near twins were called duplicate", g, p.TwinsCalled)
		must(p.TwinsClustered == 0, "%s: %d near twins stand in one cluster", g, p.TwinsClustered)
		if g == "others" {
			continue
		}
		must(p.Precision() >= MinPairPrecision, "%s: precision of duplicate pairs is %.4f, at least %.2f is promised", g, p.Precision(), MinPairPrecision)
		must(p.Recall() >= MinPairRecall, "%s: recall of duplicate pairs is %.4f, at least %.2f is promised", g, p.Recall(), MinPairRecall)
	}
	return errors.Join(errs...)
}

// Text is the report for people.
func (f Figures) Text() string {
	var b strings.Builder
	r := f.Rows
	fmt.Fprintf(&b, "rows     %d of %d seeded faults rejected for the right reason, %d of %d clean rows rejected\n", r.Right, r.Faults, r.CleanRejected, r.Clean)
	fmt.Fprintf(&b, "breaker  %d of %d bad days held, %d opened the breaker\n\n", r.BadDaysHeld, r.BadDays, r.BreakersOpened)
	fmt.Fprintf(&b, "%-9s %6s %22s %34s %16s\n", "", "", "parse", "duplicate pairs", "near twins")
	fmt.Fprintf(&b, "%-9s %6s %9s %6s %5s  %8s %6s %7s %6s %6s %8s %6s\n", "", "items", "category", "F1", "wrong",
		"to find", "found", "review", "prec.", "recall", "pairs", "merged")
	left := 0
	for _, g := range Groups {
		p, m, s := f.Parse[g], f.Pairs[g], f.Score[g]
		left += m.Undecidable
		fmt.Fprintf(&b, "%-9s %6d %9.3f %6.3f %5d  %8d %6d %7d %6.3f %6.3f %8d %6d\n", g, p.Items, s.CategoryAccuracy, s.ParseF1, p.WrongCritical,
			m.Duplicates, m.Found, m.Reviewed, s.PairPrecision, s.PairRecall, m.Twins, max(m.TwinsCalled, m.TwinsClustered))
	}
	fmt.Fprintf(&b, "\nwrong: values of critical attributes. Left out: %d pairs whose two lines do not say enough for anybody to tell.\n", left)
	if len(r.Misses) > 0 {
		b.WriteString("\n")
		for _, m := range r.Misses {
			b.WriteString("  " + m + "\n")
		}
	}
	return b.String()
}
