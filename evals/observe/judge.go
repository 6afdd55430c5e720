package observe

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/evals/stats"
)

// Signals that are compared.
const (
	Grounded    = "groundedness" // mean share of values that the text carries
	Agreement   = "agreement"    // with the rules
	Abstention  = "abstention"   // share of records that ask for a person
	Confidence  = "confidence"   // its distribution
	Categories  = "categories"   // which ones
	Attributes  = "attributes"   // which ones a record has
	Traces      = "traces"       // shape of the decision traces
	Input       = "input"        // what the texts look like, before anything reads them
	Calibrated  = "calibration"  // confidence against what people said
	Latency     = "latency"      // of the questions to a model
	Invariants  = "invariants"   // what must never be
	SlowGround  = "slow groundedness"
	SlowAgree   = "slow agreement"
	SlowAbstain = "slow abstention"
	SlowConfid  = "slow confidence"
)

// A Finding is one signal's verdict.
type Finding struct {
	Signal string `json:"signal"`
	stats.Shift
	// Limit that Effect has to exceed, and Allowed that Chance must not.
	Limit   float64 `json:"limit"`
	Allowed float64 `json:"allowed"`
	Drifted bool    `json:"drifted"`
	// Was and Is are a figure that people understand, where there is one.
	Was    float64 `json:"was,omitempty"`
	Is     float64 `json:"is,omitempty"`
	Detail string  `json:"detail"`
}

// A Slice is a part of the answers and how far it moved.
type Slice struct {
	Key   string  `json:"key"` // category, feed, plant, language, model
	Value string  `json:"value"`
	Was   float64 `json:"was"`
	Is    float64 `json:"is"`
	N     int     `json:"n"`
}

// String shows category=bearing.
func (s Slice) String() string { return s.Key + "=" + s.Value }

// An Example is an item of the slice that moved most.
type Example struct {
	Item   string  `json:"item"`
	Before bool    `json:"before"` // of the baseline
	Score  float64 `json:"score"`
}

// A Report is what a window says.
type Report struct {
	Version  string    `json:"version"`
	Answers  int       `json:"answers"` // of the window
	Findings []Finding `json:"findings"`
	Drifted  bool      `json:"drifted"`
	// Moved is the slice that moved most, Examples up to five of its items from
	// before and five from now, the worst of now first.
	Moved    *Slice    `json:"moved,omitempty"`
	Examples []Example `json:"examples,omitempty"`
	// Only is set where everything that moved is of one category or one model:
	// category:x or model:x.
	Only string `json:"only,omitempty"`
}

// Reason is the report in a sentence.
func (r Report) Reason() string {
	var parts []string
	for _, f := range r.Findings {
		if f.Drifted {
			parts = append(parts, f.Signal+": "+f.Detail)
		}
	}
	if len(parts) == 0 {
		return "nothing drifted"
	}
	s := strings.Join(parts, "; ")
	if r.Moved != nil {
		s += fmt.Sprintf("; most in %s (%.2f to %.2f)", r.Moved, r.Moved.Was, r.Moved.Is)
	}
	return s
}

// Judge compares the last answers with the baseline. since are the answers after
// the lock in order of time; the last Window of them are the window, and the
// cumulative sums look at all. reviewed are answers that people looked at.
func Judge(b Baseline, since, reviewed []Answer, s Settings, seed uint64) Report {
	window := since[max(0, len(since)-Window):]
	rep := Report{Version: b.Version, Answers: len(window)}
	if len(window) == 0 || len(b.Answers) == 0 {
		// Nothing to compare with yet; what must never be needs no comparison.
		broken(&rep, window)
		rep.Drifted = len(rep.Findings) > 0
		return rep
	}
	was, is := b.Answers, window
	add := func(signal string, sh stats.Shift, limit, before, now float64, detail string) {
		rep.Findings = append(rep.Findings, Finding{Signal: signal, Shift: sh, Limit: limit, Was: before, Is: now, Detail: detail})
	}
	limit := s.DriftThreshold
	mean := func(signal, what string, of func(Answer) (float64, bool)) {
		x, y := pick(was, of), pick(is, of)
		if len(x) < 10 || len(y) < 10 {
			return
		}
		a, c := average(x), average(y)
		add(signal, stats.Mean(x, y, seed), limit, a, c, fmt.Sprintf("%s went from %.2f to %.2f", what, a, c))
	}
	mean(Grounded, "the share of values that the text carries", grounded)
	mean(Agreement, "the agreement with the rules", agreed)
	// Both ways: an extractor that never asks any more is no better.
	x, y := pick(was, abstained), pick(is, abstained)
	sh := stats.Labels(words(x), words(y), seed)
	add(Abstention, sh, limit, average(x), average(y), fmt.Sprintf("the share of records that ask for a person went from %.2f to %.2f", average(x), average(y)))
	x, y = pick(was, confidence), pick(is, confidence)
	add(Confidence, stats.Values(x, y, seed), limit, average(x), average(y), fmt.Sprintf("the mean confidence went from %.2f to %.2f", average(x), average(y)))
	label := func(signal, what string, of func(Answer) string) {
		p, q := labels(was, of), labels(is, of)
		l, from, to := mostMoved(p, q)
		add(signal, stats.Labels(p, q, seed), limit, from, to, fmt.Sprintf("%s: %q went from %.2f to %.2f", what, l, from, to))
	}
	label(Categories, "categories", func(a Answer) string { return a.Category })
	label(Traces, "decision traces, without a deployment", func(a Answer) string { return a.Shape })
	p, q := sets(was), sets(is)
	l, from, to := mostMoved(slices.Concat(p...), slices.Concat(q...))
	add(Attributes, stats.Sets(p, q, seed), limit, 0, 0, fmt.Sprintf("attributes: the part of %q among all went from %.2f to %.2f", l, from, to))
	in := func(signal string, of func(Answer) (float64, bool), what string) {
		x, y := pick(was, of), pick(is, of)
		add(signal, stats.Values(x, y, seed), limit, average(x), average(y), fmt.Sprintf("%s went from a mean of %.2f to %.2f", what, average(x), average(y)))
	}
	in(Input, func(a Answer) (float64, bool) { return float64(a.Length), true }, "the length of the texts")
	in(Input, func(a Answer) (float64, bool) { return a.Digits, true }, "the share of digits in the texts")
	label(Input, "languages of the texts", func(a Answer) string { return a.Language })
	if lx, ly := pick(was, latency), pick(is, latency); len(lx) >= 10 && len(ly) >= 10 {
		add(Latency, stats.Values(lx, ly, seed), limit, average(lx), average(ly), fmt.Sprintf("the latency went from a mean of %.0f to %.0f ms", average(lx), average(ly)))
	}
	if len(reviewed) >= 20 {
		var conf []float64
		var right []bool
		for _, a := range reviewed {
			conf = append(conf, a.Confidence)
			right = append(right, a.Reviewed == Right)
		}
		sh := stats.Calibration(conf, right, seed)
		detail := fmt.Sprintf("of %d reviewed answers %.2f were right, at a mean confidence of %.2f", len(conf), average(conf)-sh.Effect, average(conf))
		sh.Effect = max(sh.Effect, -sh.Effect)
		add(Calibrated, sh, limit, 0, 0, detail)
	}
	slow := func(signal, what string, sign float64, of func(Answer) (float64, bool)) {
		values := pick(slices.Concat(was, since), of)
		if len(values) < 30 {
			return
		}
		for i := range values {
			values[i] *= sign
		}
		c := stats.CumulativeSum(values, seed)
		before, after := sign*average(values[:c.At]), sign*average(values[c.At:])
		add(signal, c.Shift, limit/3, before, after, fmt.Sprintf("%s went from %.2f to %.2f, as of answer %d", what, before, after, c.At+1))
	}
	slow(SlowGround, "the share of values that the text carries", 1, grounded)
	slow(SlowAgree, "the agreement with the rules", 1, agreed)
	slow(SlowAbstain, "the share of records that ask for a person", -1, abstained)
	slow(SlowConfid, "the mean confidence", 1, confidence)
	holm(rep.Findings)
	broken(&rep, is)
	slices.SortStableFunc(rep.Findings, func(a, b Finding) int { return cmp.Compare(a.Chance, b.Chance) })
	for _, f := range rep.Findings {
		rep.Drifted = rep.Drifted || f.Drifted
	}
	if rep.Drifted {
		rep.locate(was, is)
	}
	if slices.ContainsFunc(rep.Findings, func(f Finding) bool { return f.Signal == Invariants }) {
		rep.Only = "" // where a guard has a hole, nothing else is to be trusted
	}
	return rep
}

// holm gives each finding the chance that it may have at most (Holm 1979: the
// k-th smallest of n is held against Level / (n − k)), so that the level holds
// for all signals together.
func holm(fs []Finding) {
	order := make([]int, len(fs))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(fs[a].Chance, fs[b].Chance) })
	open := true
	for k, i := range order {
		f := &fs[i]
		f.Allowed = Level / float64(len(fs)-k)
		open = open && f.Chance <= f.Allowed
		f.Drifted = open && f.Effect > f.Limit
	}
}

// broken adds the invariants that answers break: one is enough.
func broken(rep *Report, is []Answer) {
	counts := map[string]int{}
	for _, a := range is {
		for _, v := range a.Violations {
			counts[v]++
		}
	}
	for v, n := range counts {
		rep.Findings = append(rep.Findings, Finding{
			Signal: Invariants, Shift: stats.Shift{Effect: 1}, Drifted: true, Is: float64(n),
			Detail: fmt.Sprintf("%s in %d of %d answers", v, n, len(is)),
		})
	}
	slices.SortFunc(rep.Findings[len(rep.Findings)-len(counts):], func(a, b Finding) int { return cmp.Compare(a.Detail, b.Detail) })
}

// score is one number for an answer, for slices and examples.
func score(a Answer) float64 {
	s, n := a.Grounded+a.Confidence, 2.0
	if a.Agreement != nil {
		s += *a.Agreement
		n++
	}
	if !a.Abstained {
		s++
	}
	if len(a.Violations) > 0 {
		return 0
	}
	return s / (n + 1)
}

// leastSlice is how many answers a slice needs on each side.
const leastSlice = 8

// locate names the slice that moved most, and whether it is the only one.
func (r *Report) locate(was, is []Answer) {
	type key struct{ key, value string }
	group := func(as []Answer) map[key][]Answer {
		out := map[key][]Answer{}
		for _, a := range as {
			for _, k := range []key{{"category", a.Category}, {"model", a.Model}, {"feed", a.Feed}, {"plant", a.Plant}, {"language", a.Language}} {
				if k.value != "" {
					out[k] = append(out[k], a)
				}
			}
		}
		return out
	}
	before, now := group(was), group(is)
	var best Slice
	var bestKey key
	moved := 0.0
	for k, as := range now {
		bs := before[k]
		if len(as) < leastSlice || len(bs) < leastSlice && len(bs) > 0 {
			continue
		}
		s := Slice{Key: k.key, Value: k.value, N: len(as), Is: average(pick(as, scored))}
		s.Was = average(pick(was, scored)) // a slice that is new
		if len(bs) > 0 {
			s.Was = average(pick(bs, scored))
		}
		// The distance weighs by the root of the number: what many answers say
		// is no accident.
		d := (s.Was - s.Is) * (s.Was - s.Is) * float64(len(as))
		if d > moved || d == moved && s.String() < best.String() {
			moved, best, bestKey = d, s, k
		}
	}
	if moved == 0 {
		return
	}
	r.Moved = &best
	if k := bestKey; k.key == "category" || k.key == "model" {
		rest := func(as []Answer) []float64 {
			return pick(as, func(a Answer) (float64, bool) {
				in := a.Category == k.value
				if k.key == "model" {
					in = a.Model == k.value
				}
				return score(a), !in
			})
		}
		x, y := rest(was), rest(is)
		if len(x) >= leastSlice && len(y) >= leastSlice && abs(average(x)-average(y)) < abs(best.Was-best.Is)/5 {
			r.Only = k.key + ":" + k.value
		}
	}
	examples := func(as []Answer, before bool) {
		as = slices.Clone(as)
		slices.SortStableFunc(as, func(a, b Answer) int {
			if before {
				return cmp.Or(cmp.Compare(score(b), score(a)), cmp.Compare(a.Item, b.Item))
			}
			return cmp.Or(cmp.Compare(score(a), score(b)), cmp.Compare(a.Item, b.Item))
		})
		for _, a := range as[:min(5, len(as))] {
			r.Examples = append(r.Examples, Example{Item: a.Item, Before: before, Score: score(a)})
		}
	}
	examples(before[bestKey], true)
	examples(now[bestKey], false)
}

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

func words(x []float64) []string {
	out := make([]string, len(x))
	for i, v := range x {
		out[i] = fmt.Sprint(v)
	}
	return out
}

// mostMoved is the label whose share changed most, with both shares.
func mostMoved(was, is []string) (label string, from, to float64) {
	count := map[string][2]float64{}
	for _, l := range was {
		c := count[l]
		c[0] += 1 / float64(len(was))
		count[l] = c
	}
	for _, l := range is {
		c := count[l]
		c[1] += 1 / float64(len(is))
		count[l] = c
	}
	most := -1.0
	for l, c := range count {
		if d := abs(c[0] - c[1]); d > most+1e-12 || d > most-1e-12 && l < label {
			most, label, from, to = d, l, c[0], c[1]
		}
	}
	return label, from, to
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
