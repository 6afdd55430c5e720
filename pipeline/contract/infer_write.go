package contract

import (
	"fmt"
	"math"
	"math/big"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
)

// Contract writes the proposal as an ODCS document. Beside each clause stand a
// confidence and what it rests on. It is a draft: a person reads it, completes
// what no data can say (owner, meaning) and sets its status to active.
// Errors: invalid where there is nothing to propose.
func (in *Inferrer) Contract() ([]byte, error) {
	if len(in.columns) == 0 {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: there are no columns to describe", in.name).WithHint("does the file have a header?")
	}
	if in.rows == 0 {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: there are no rows to learn from", in.name).WithHint("use a file with data; some hundred rows make a useful contract")
	}
	w := &draft{in: in}
	w.line("# Proposed from %d rows. The figure beside a clause is how sure it is that", in.rows)
	w.line("# the next value keeps it.")
	w.line("apiVersion: v3.1.0")
	w.line("kind: DataContract")
	w.line("id: %s", inline(in.name))
	w.line("name: %s", inline(in.name))
	w.line("version: 0.1.0")
	w.line("status: draft")
	w.line("customProperties:")
	w.line("  - {property: assay.feed, value: %s}", inline(feedify(in.name)))
	w.line("  - {property: assay.evolution, value: reject}")
	if in.format != "" {
		w.line("  - {property: assay.format, value: %s}", in.format)
	}
	if len(in.dialect) > 0 {
		var keys []string
		for _, kv := range in.dialect {
			keys = append(keys, kv[0]+": "+quoted(kv[1]))
		}
		w.line("  - {property: assay.csv, value: {%s}}", strings.Join(keys, ", "))
	}
	w.line("schema:")
	w.line("  - name: %s", inline(feedify(in.name)))
	w.line("    properties:")
	i, j, pair := in.pair()
	primary := -1
	for k, c := range in.columns {
		if t, _, _ := c.logicalType(); in.key(k, t) {
			primary, pair = k, false
			break
		}
	}
	for k, c := range in.columns {
		position := 0
		switch {
		case k == primary, pair && k == i:
			position = 1
		case pair && k == j:
			position = 2
		}
		w.column(k, c, position, pair)
	}
	if in.rows >= minRows {
		w.line("    quality:")
		w.line("      - {id: volume, metric: rowCount, mustBeBetween: [%d, %d], dimension: coverage} # one file of %d rows was seen", in.rows/4, in.rows*4, in.rows)
	}
	return []byte(w.b.String()), nil
}

// feedify makes a name that can be a folder.
func feedify(name string) string {
	var b strings.Builder
	for _, r := range name {
		switch {
		case r == '-' || r == '_' || r == '.' || classOf(r) != "":
			b.WriteRune(r)
		default:
			b.WriteByte('_')
		}
	}
	if s := strings.TrimLeft(b.String(), "-."); s != "" {
		return s
	}
	return "feed"
}

type draft struct {
	in *Inferrer
	b  strings.Builder
}

func (w *draft) line(format string, args ...any) { fmt.Fprintf(&w.b, format+"\n", args...) }

// clause writes one clause with its confidence and ground.
func (w *draft) clause(indent int, text string, confidence float64, ground string, args ...any) {
	w.line("%s%s # %.3f: %s", strings.Repeat(" ", indent), text, math.Floor(confidence*1000)/1000, fmt.Sprintf(ground, args...))
}

// next is how sure it is that a further value keeps what n values kept without
// exception: (n+1)/(n+2), the rule of succession.
func next(n int) float64 { return float64(n+1) / float64(n+2) }

func (w *draft) column(k int, c *column, position int, pair bool) {
	name := c.name
	if name == "" {
		name = fmt.Sprintf("column_%d", k+1)
		w.line("      # the file has no name for this column: give it one there")
	}
	w.line("      - name: %s", inline(name))
	t, format, doubt := c.logicalType()
	if doubt != "" {
		w.line("        logicalType: %s # %s", t, doubt)
	} else {
		w.clause(8, "logicalType: "+string(t), next(c.n), "all %d values read as one", c.n)
	}
	enough := c.n >= minRows
	if position > 0 {
		ground := "none of %d rows repeats it"
		if pair {
			ground = "none of %d rows repeats the two"
		}
		w.clause(8, "primaryKey: true", next(c.n), ground, c.n)
		w.line("        primaryKeyPosition: %d", position)
	} else if enough && w.in.key(k, t) {
		w.clause(8, "unique: true", next(c.n), "none of %d values repeats", c.n)
	}
	if enough && c.nulls == 0 {
		w.clause(8, "required: true", next(c.n), "none of %d is null", c.n)
	}
	if enough {
		w.options(c, t, format)
	} else if format != "" {
		w.line("        logicalTypeOptions:")
		w.clause(10, "format: "+quoted(format), next(c.n), "all %d values read as one", c.n)
	}
	w.quality(c, t, enough)
}

func (w *draft) options(c *column, t Type, format string) {
	var out []func()
	add := func(text string, confidence float64, ground string, args ...any) {
		out = append(out, func() { w.clause(10, text, confidence, ground, args...) })
	}
	switch t {
	case Integer, Decimal:
		if c.first {
			break
		}
		low, high := c.bounds()
		add("minimum: "+low, next(c.n), "the smallest seen is %s", c.lowText)
		add("maximum: "+high, next(c.n), "the largest seen is %s", c.highText)
	case Date, Timestamp, Time:
		if format == "" {
			break
		}
		add("format: "+quoted(format), next(c.n), "all %d values read as one", c.n)
		if l := c.layouts[0]; t != Time {
			// Time goes on, so there is no maximum; the past stays where it was.
			margin := max(l.high.Sub(l.low), 365*24*time.Hour)
			add("minimum: "+quoted(l.low.Add(-margin).Format(l.layout)), next(c.n), "the earliest seen is %s", l.low.Format(l.layout))
		}
	case String:
		if c.enum() != nil {
			break
		}
		switch {
		case !c.noShape && c.shape != "" && len(c.hashes) > 1 && c.maxLen > 1:
			add("pattern: "+quoted("^"+c.shape+"$"), next(c.n), "all %d values have this shape", c.n)
		case !c.noCoarse && c.coarse != "long" && strings.Contains(c.coarse, "+") && strings.Count(c.coarse, "+") < 8 && len(c.hashes) > 1 && !wordy(c.coarse):
			add("pattern: "+quoted("^"+c.coarse+"$"), next(c.n), "all %d values have this shape", c.n)
		}
		if c.minLen >= 4 {
			add(fmt.Sprintf("minLength: %d", (c.minLen+1)/2), next(c.n), "the shortest seen has %d characters", c.minLen)
		} else if c.minLen >= 1 {
			add("minLength: 1", next(c.n), "the shortest seen has %d characters", c.minLen)
		}
		add(fmt.Sprintf("maxLength: %d", max(2*c.maxLen, 8)), next(c.n), "the longest seen has %d characters", c.maxLen)
	}
	if len(out) > 0 {
		w.line("        logicalTypeOptions:")
		for _, f := range out {
			f()
		}
	}
}

// wordy: plain words have a shape by accident.
func wordy(coarse string) bool { return !strings.Contains(coarse, "[0-9]") }

// bounds are the limits of numbers, one range beyond what was seen; numbers
// that were never negative stay so, and those over several orders of magnitude
// get a factor instead.
func (c *column) bounds() (low, high string) {
	span := c.high - c.low
	lo, hi := c.low-span, c.high+span
	if span == 0 {
		lo, hi = c.low-math.Abs(c.low), c.high+math.Abs(c.high)+1
	}
	if c.low > 0 && c.high/c.low < 50 && c.n >= 2*minRows {
		// Values that keep away from zero: another unit would show as a factor.
		lo = math.Max(lo, c.low/4)
	}
	if c.low >= 0 {
		lo = math.Max(lo, 0)
		if c.low > 0 && c.high/c.low > 100 {
			hi = c.high * 4 // a long tail
		}
	}
	places := 0
	if !c.integer {
		places = min(c.places, 6)
	}
	return decimal(math.Floor(lo*math.Pow10(places))/math.Pow10(places), places), decimal(math.Ceil(hi*math.Pow10(places))/math.Pow10(places), places)
}

func decimal(f float64, places int) string {
	if math.Abs(f) >= 1e15 {
		i, _ := new(big.Float).SetFloat64(f).Int(nil)
		return i.String()
	}
	return strconv.FormatFloat(f, 'f', places, 64)
}

func (w *draft) quality(c *column, t Type, enough bool) {
	var rules []func()
	if enough && c.nulls > 0 && c.n > 0 {
		p := float64(c.nulls) / float64(c.n+c.nulls)
		// Five standard errors above what was seen, and at least half as much
		// again, so that ordinary days pass.
		limit := math.Min(p+math.Max(5*math.Sqrt(p*(1-p)/float64(c.n+c.nulls)), p/2)+0.01, 1)
		if limit < 0.95 {
			rules = append(rules, func() {
				w.clause(10, fmt.Sprintf("- {metric: nullValues, unit: percent, mustBeLessOrEqualTo: %s, dimension: completeness}", strconv.FormatFloat(math.Ceil(limit*100), 'f', -1, 64)),
					0.999, "%.1f %% are null", p*100)
			})
		}
	}
	if values := c.enum(); values != nil && t == String {
		rules = append(rules, func() {
			var quoted []string
			for _, v := range values {
				quoted = append(quoted, inline(v))
			}
			rarest := slices.Min(mapValues(c.values))
			w.clause(10, "- {metric: invalidValues, arguments: {validValues: ["+strings.Join(quoted, ", ")+"]}, mustBe: 0, dimension: conformity}",
				next(c.n), "the rarest of %d values was seen %d times", len(values), rarest)
		})
	}
	if len(rules) > 0 {
		w.line("        quality:")
		for _, r := range rules {
			r()
		}
	}
}

func mapValues(m map[string]int) (out []int) {
	for _, v := range m {
		out = append(out, v)
	}
	return out
}
