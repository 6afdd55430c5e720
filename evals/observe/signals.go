package observe

import (
	"fmt"
	"math/bits"

	"github.com/assay-pipeline/assay/evals/stats"
	"github.com/assay-pipeline/assay/pipeline"
)

// A judge collects the findings of a report.
type judge struct {
	rep     *Report
	was, is []Answer
	limit   float64
	seed    uint64
}

// leastCompared is how many answers a comparison needs on each side.
const leastCompared = 10

func (j *judge) add(signal string, sh stats.Shift, before, now float64, detail string) {
	j.rep.Findings = append(j.rep.Findings, Finding{Signal: signal, Shift: sh, Limit: j.limit, Was: before, Is: now, Detail: detail})
}

// A sample is what is compared: the answers of both sides that have the signal,
// and how they are divided.
type sample struct {
	was, is []Answer
	strata  stats.Strata
}

// of selects the answers that have a signal and divides them. ok: there are
// enough on both sides in strata that both have.
func (j *judge) of(has func(Answer) bool, by func(Answer) string) (s sample, ok bool) {
	for _, a := range j.was {
		if has(a) {
			s.was, s.strata.Was = append(s.was, a), append(s.strata.Was, by(a))
		}
	}
	for _, a := range j.is {
		if has(a) {
			s.is, s.strata.Now = append(s.is, a), append(s.strata.Now, by(a))
		}
	}
	was, is := s.strata.Compared()
	return s, was >= leastCompared && is >= leastCompared
}

func (s sample) values(of func(Answer) (float64, bool)) (was, is []float64) {
	return pick(s.was, of), pick(s.is, of)
}

func (s sample) labels(of func(Answer) string) (was, is []string) {
	return labels(s.was, of), labels(s.is, of)
}

// means of both sides, as if they were of the same mixture.
func (s sample) means(of func(Answer) (float64, bool)) (was, is float64) {
	x, y := s.values(of)
	v, w := s.strata.Weights()
	for i := range x {
		was += v[i] * x[i]
	}
	for i := range y {
		is += w[i] * y[i]
	}
	return was, is
}

// moved is the label whose share changed most, as if both sides were of the same
// mixture; an answer may have several.
func (s sample) moved(of func(Answer) []string) (label string, from, to float64) {
	v, w := s.strata.Weights()
	count := map[string][2]float64{}
	for i, a := range s.was {
		for _, l := range of(a) {
			c := count[l]
			c[0] += v[i]
			count[l] = c
		}
	}
	for i, a := range s.is {
		for _, l := range of(a) {
			c := count[l]
			c[1] += w[i]
			count[l] = c
		}
	}
	most := -1.0
	for l, c := range count {
		if d := abs(c[0] - c[1]); d > most+1e-12 || d > most-1e-12 && l < label {
			most, label, from, to = d, l, c[0], c[1]
		}
	}
	return label, from, to
}

// answers compares what the answers are like, within what came in.
func (j *judge) answers() {
	mean := func(signal, what string, has func(Answer) bool, by func(Answer) string, of func(Answer) (float64, bool)) {
		if s, ok := j.of(has, by); ok {
			x, y := s.values(of)
			a, c := s.means(of)
			j.add(signal, s.strata.Mean(x, y, j.seed), a, c, fmt.Sprintf("%s went from %.2f to %.2f", what, a, c))
		}
	}
	label := func(signal, what string, has func(Answer) bool, by func(Answer) string, of func(Answer) string) {
		if s, ok := j.of(has, by); ok {
			x, y := s.labels(of)
			l, from, to := s.moved(func(a Answer) []string { return []string{of(a)} })
			j.add(signal, s.strata.Labels(x, y, j.seed), from, to, fmt.Sprintf("%s: %q went from %.2f to %.2f", what, l, from, to))
		}
	}
	mean(Grounded, "the share of values that the text carries", both(placed, has(grounded)), byKind, grounded)
	mean(Agreement, "the agreement with the rules", both(placed, has(agreed)), byKind, agreed)
	// Of no category is no kind of text. Within a language there should not be more
	// of them, whatever comes.
	mean(Unplaced, "the share of records that have a category", always, byLanguage, func(a Answer) (float64, bool) { return bit(a.Category != pipeline.Unknown), true })
	// Both ways: an extractor that never asks any more is no better.
	if s, ok := j.of(placed, byLength); ok {
		x, y := s.labels(func(a Answer) string { return fmt.Sprint(a.Abstained) })
		a, c := s.means(abstained)
		j.add(Abstention, s.strata.Labels(x, y, j.seed), a, c, fmt.Sprintf("the share of records that ask for a person went from %.2f to %.2f", a, c))
	}
	if s, ok := j.of(placed, byLength); ok {
		x, y := s.values(confidence)
		a, c := s.means(confidence)
		j.add(Confidence, s.strata.Values(x, y, j.seed), a, c, fmt.Sprintf("the mean confidence went from %.2f to %.2f", a, c))
		p, q := sets(s.was), sets(s.is)
		l, from, to := s.moved(func(a Answer) []string { return a.Attributes })
		j.add(Attributes, s.strata.Sets(p, q, j.seed), from, to, fmt.Sprintf("attributes: the share of records with %q went from %.2f to %.2f", l, from, to))
	}
	label(Categories, "categories of texts that the rules take for the same", func(a Answer) bool { return a.Expected != "" }, byKind, func(a Answer) string { return a.Category })
	label(Traces, "decision traces, without a deployment", placed, byLength, func(a Answer) string { return a.Shape })
	if s, ok := j.of(has(latency), byNothing); ok {
		x, y := s.values(latency)
		j.add(Latency, stats.Values(x, y, j.seed), average(x), average(y), fmt.Sprintf("the latency went from a mean of %.0f to %.0f ms", average(x), average(y)))
	}
}

// newcomers compares the answers of texts of a language or kind that the baseline
// does not know with all of the baseline.
func (j *judge) newcomers() {
	known := map[string]bool{}
	for _, a := range j.was {
		known[byKind(a)] = true
	}
	for _, c := range []struct {
		signal, what string
		of           func(Answer) (float64, bool)
	}{
		{Grounded, "the share of values that the text carries", grounded},
		{Agreement, "the agreement with the rules", agreed},
	} {
		x := pick(j.was, c.of)
		y := pick(j.is, func(a Answer) (float64, bool) {
			v, ok := c.of(a)
			return v, ok && !known[byKind(a)]
		})
		if len(x) >= leastCompared && len(y) >= leastCompared {
			j.add(c.signal, stats.Mean(x, y, j.seed), average(x), average(y),
				fmt.Sprintf("%s, of kinds and languages that the baseline has none of, is %.2f, of those that it has %.2f", c.what, average(y), average(x)))
		}
	}
}

// input compares the texts themselves.
func (j *judge) input() {
	values := func(what string, of func(Answer) (float64, bool)) {
		x, y := pick(j.was, of), pick(j.is, of)
		j.add(Input, stats.Values(x, y, j.seed), average(x), average(y), fmt.Sprintf("%s went from a mean of %.2f to %.2f", what, average(x), average(y)))
	}
	values("the length of the texts", func(a Answer) (float64, bool) { return float64(a.Length), true })
	values("the share of digits in the texts", func(a Answer) (float64, bool) { return a.Digits, true })
	label := func(what string, of func(Answer) string) {
		if s, ok := j.of(always, byNothing); ok {
			x, y := s.labels(of)
			l, from, to := s.moved(func(a Answer) []string { return []string{of(a)} })
			j.add(Input, stats.Labels(x, y, j.seed), from, to, fmt.Sprintf("%s: %q went from %.2f to %.2f", what, l, from, to))
		}
	}
	label("languages of the texts", func(a Answer) string { return a.Language })
	label("kinds of the texts, as the rules take them", Answer.kind)
}

// leastReviews is how many answers people must have looked at.
const leastReviews = 20

func (j *judge) reviewed(reviewed []Answer) {
	if len(reviewed) < leastReviews {
		return
	}
	var conf []float64
	var right []bool
	for _, a := range reviewed {
		conf = append(conf, a.Confidence)
		right = append(right, a.Reviewed == Right)
	}
	sh := stats.Calibration(conf, right, j.seed)
	detail := fmt.Sprintf("of %d reviewed answers %.2f were right, at a mean confidence of %.2f", len(conf), average(conf)-sh.Effect, average(conf))
	sh.Effect = abs(sh.Effect)
	j.add(Calibrated, sh, 0, 0, detail)
}

// leastSlow is how many answers a cumulative sum needs.
const leastSlow = 30

// slowly looks for what moves too slowly for a window, over all answers of the
// baseline and since.
func (j *judge) slowly(all []Answer) {
	slow := func(signal, what string, sign float64, by func(Answer) string, of func(Answer) (float64, bool)) {
		var values []float64
		var strata []string
		for _, a := range all {
			if v, ok := of(a); ok && placed(a) {
				values, strata = append(values, sign*v), append(strata, by(a))
			}
		}
		if len(values) < leastSlow {
			return
		}
		c := stats.CumulativeSum(values, strata, j.seed)
		v, w := stats.Strata{Was: strata[:c.At], Now: strata[c.At:]}.Weights()
		var before, after float64
		for i := range v {
			before += sign * v[i] * values[i]
		}
		for i := range w {
			after += sign * w[i] * values[c.At+i]
		}
		j.rep.Findings = append(j.rep.Findings, Finding{
			Signal: signal, Shift: c.Shift, Limit: j.limit / 3, Was: before, Is: after,
			Detail: fmt.Sprintf("%s went from %.2f to %.2f, as of answer %d", what, before, after, c.At+1),
		})
	}
	slow(SlowGround, "the share of values that the text carries", 1, byKind, grounded)
	slow(SlowAgree, "the agreement with the rules", 1, byKind, agreed)
	slow(SlowAbstain, "the share of records that ask for a person", -1, byLength, abstained)
	slow(SlowConfid, "the mean confidence", 1, byLength, confidence)
}

// kind is what the rules take a text for.
func (a Answer) kind() string {
	if a.Expected != "" {
		return a.Expected
	}
	return a.Category
}

// placed reports whether an answer has a stratum by kind. One of no category that
// the rules alone read has none: what is not known is not a kind.
func placed(a Answer) bool { return a.Expected != "" || a.Category != pipeline.Unknown }

func always(Answer) bool { return true }

func both(p, q func(Answer) bool) func(Answer) bool {
	return func(a Answer) bool { return p(a) && q(a) }
}

func has(of func(Answer) (float64, bool)) func(Answer) bool {
	return func(a Answer) bool {
		_, ok := of(a)
		return ok
	}
}

func byNothing(Answer) string    { return "" }
func byLanguage(a Answer) string { return a.Language }
func byKind(a Answer) string     { return a.Language + "\x00" + a.kind() }

// byLength divides by kind, and each kind by the octave of the length: a text that
// is half as long says less.
func byLength(a Answer) string { return fmt.Sprint(byKind(a), "\x00", bits.Len(uint(a.Length))) } //nolint:gosec // a length

func scored(a Answer) (float64, bool)     { return score(a), true }
func grounded(a Answer) (float64, bool)   { return a.Grounded, !a.Silent }
func confidence(a Answer) (float64, bool) { return a.Confidence, true }
func latency(a Answer) (float64, bool)    { return a.LatencyMS, a.LatencyMS > 0 }
func agreed(a Answer) (float64, bool) {
	if a.Agreement == nil {
		return 0, false
	}
	return *a.Agreement, true
}

func abstained(a Answer) (float64, bool) {
	if a.Abstained {
		return 1, true
	}
	return 0, true
}

func pick(as []Answer, of func(Answer) (float64, bool)) []float64 {
	out := make([]float64, 0, len(as))
	for _, a := range as {
		if v, ok := of(a); ok {
			out = append(out, v)
		}
	}
	return out
}

func labels(as []Answer, of func(Answer) string) []string {
	out := make([]string, len(as))
	for i, a := range as {
		out[i] = of(a)
	}
	return out
}

func sets(as []Answer) [][]string {
	out := make([][]string, len(as))
	for i, a := range as {
		out[i] = a.Attributes
	}
	return out
}

func bit(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

func average(x []float64) float64 {
	if len(x) == 0 {
		return 0
	}
	var s float64
	for _, v := range x {
		s += v
	}
	return s / float64(len(x))
}

func abs(x float64) float64 { return max(x, -x) }
