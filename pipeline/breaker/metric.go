package breaker

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// excess says which thresholds the window lies beyond, in a sentence, and the
// numbers; or "".
func (p Policy) excess(window []Sample) (string, map[string]float64) {
	var causes []string
	evidence := map[string]float64{}
	for _, t := range p.Thresholds {
		v, rows, n := t.value(window)
		if n == 0 || !t.Latest && rows < p.MinRows || !t.beyond(v, t.Limit) {
			continue
		}
		causes = append(causes, t.describe(v, rows, n)+detail(window, t))
		evidence[t.Metric] = v
		if t.Floor {
			evidence[t.Metric+".min"] = t.Limit
		} else {
			evidence[t.Metric+".max"] = t.Limit
		}
		if !t.Latest {
			evidence["rows"], evidence["batches"] = float64(rows), float64(n)
		}
	}
	for name, v := range evidence {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			delete(evidence, name) // JSON has no such number; the cause names it
		}
	}
	return strings.Join(causes, "; "), evidence
}

// clear reports whether a probe lies on the good side of every threshold,
// however few its rows.
func (p Policy) clear(in Sample) bool {
	for _, t := range p.Thresholds {
		if v, _, n := t.value([]Sample{in}); n > 0 && t.beyond(v, t.Clear) {
			return false
		}
	}
	return true
}

// value is the metric over the samples that have it: their mean weighted by
// rows, or the newest. n counts them.
func (t Threshold) value(window []Sample) (v float64, rows int64, n int) {
	var sum float64
	for _, s := range slices.Backward(window) {
		x, ok := s.Metrics[t.Metric]
		switch {
		case !ok:
			continue
		case t.Latest:
			return x, s.Rows, 1
		case s.Rows > 0:
			sum += x * float64(s.Rows)
			rows += s.Rows
			n++
		}
	}
	if n == 0 {
		return 0, 0, 0
	}
	return sum / float64(rows), rows, n
}

// describe is a sentence without its full stop.
func (t Threshold) describe(v float64, rows int64, n int) string {
	side := "above"
	if t.Floor {
		side = "below"
	}
	name := strings.ReplaceAll(t.Metric, "_", " ")
	if field, ok := strings.CutPrefix(t.Metric, NullRate+"."); ok {
		name = "null rate of " + field
	}
	if t.Metric == Freshness {
		return fmt.Sprintf("the newest data is %s old, %s the limit of %s", age(v), side, age(t.Limit))
	}
	if t.Latest {
		return fmt.Sprintf("%s %s is %s %s", name, number(v), side, number(t.Limit))
	}
	over := ""
	if n > 1 {
		over = fmt.Sprintf(" in the last %d batches", n)
	}
	shown, limit := number(v), number(t.Limit)
	if strings.Contains(t.Metric, "rate") {
		shown, limit = percent(v, 2), percent(t.Limit, 2)
		for digits := 3; shown == limit && digits < 8; digits++ {
			shown, limit = percent(v, digits), percent(t.Limit, digits)
		}
	}
	return fmt.Sprintf("%s %s of %s rows%s is %s %s", name, shown, thousands(rows), over, side, limit)
}

// detail names the field behind a null rate, where the newest sample tells.
func detail(window []Sample, t Threshold) string {
	if t.Metric != NullRate || len(window) == 0 {
		return ""
	}
	newest := window[len(window)-1].Metrics
	worst := ""
	for name, v := range newest {
		if field, ok := strings.CutPrefix(name, NullRate+"."); ok && v == newest[NullRate] && (worst == "" || field < worst) {
			worst = field
		}
	}
	if worst == "" {
		return ""
	}
	return " (field " + worst + ")"
}

// percent writes a share as people read it, with at most so many decimals:
// 5 %, 12.34 %.
func percent(v float64, decimals int) string {
	if math.IsNaN(v) {
		return "NaN"
	}
	s := strconv.FormatFloat(v*100, 'f', decimals, 64)
	return strings.TrimRight(strings.TrimRight(s, "0"), ".") + " %"
}

// number writes a figure with at most four significant digits.
func number(v float64) string { return strconv.FormatFloat(v, 'g', 4, 64) }

// age writes seconds as a duration, to the second: 2h5m.
func age(seconds float64) string {
	if math.IsNaN(seconds) || math.Abs(seconds) > 1e9 {
		return number(seconds) + " s"
	}
	s := time.Duration(seconds * float64(time.Second)).Round(time.Second).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// thousands groups digits: 1,234,567.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
