package catalog

import (
	"fmt"
	"slices"

	"github.com/assay-pipeline/assay/pipeline"
)

// verdict turns a comparison into a match. contested reports whether other
// items that fit v as well differ in criterion i, which v leaves out.
func (w *Weights) verdict(c *comparison, contested func(v *view, i int) bool) Match {
	m := Match{A: c.a.id, B: c.b.id, Score: c.score()}
	say := func(v Verdict, first ...string) Match {
		m.Verdict, m.Reasons = v, c.reasons(first...)
		return m
	}
	if c.veto >= 0 {
		cr := &c.a.crit.list[c.veto]
		x, y := &c.a.vals[c.veto], &c.b.vals[c.veto]
		m.Veto = cr.name
		m.Score = min(m.Score, 0.01)
		m.Verdict = Distinct
		m.Reasons = c.reasons()
		veto := fmt.Sprintf("%s differs: %s against %s", cr.title, says(x), says(y))
		m.Reasons = append([]string{veto}, slices.DeleteFunc(m.Reasons, func(s string) bool { return s == veto })...)
		return m
	}
	known := c.a.crit != nil && c.a.crit == c.b.crit && len(c.a.crit.critical) > 0
	identified := c.part == Agree && c.maker != Conflict
	switch {
	case c.foreign && c.a.category != pipeline.Unknown && c.b.category != pipeline.Unknown:
		if identified {
			m.Score = min(m.Score, 0.5)
			return say(Review, fmt.Sprintf("the part number agrees, but one is %s and the other %s", c.a.category, c.b.category))
		}
		m.Score = min(m.Score, 0.01)
		return say(Distinct, fmt.Sprintf("one is %s, the other %s", c.a.category, c.b.category))
	case !known:
		return w.byText(c, m, identified)
	}
	if m.Score < w.Distinct && !identified && !c.unspecified() && !c.silentSide() {
		return say(Distinct, "too little speaks for one thing")
	}
	var why []string
	if !identified {
		why = c.doubts(contested)
	}
	if c.part == Conflict && c.maker == Agree {
		why = append(why, "one maker gives them two part numbers")
	}
	if c.packs() {
		why = append(why, "one thing in two packs may be two articles")
	}
	if len(why) == 0 && m.Score >= w.Duplicate {
		return say(Duplicate)
	}
	m.Score = min(m.Score, w.Duplicate-0.01)
	return say(Review, why...)
}

// doubts are the reasons why a pair without a veto is no duplicate yet: a
// critical attribute that one side leaves out, a required one that both leave
// out, and numbers that nobody could read where something that matters was not
// read either, and a value that its own record doubts. What merely follows from another value (the head of DIN 933) is
// not left out by a side that lacks it: that other value is.
func (c *comparison) doubts(contested func(v *view, i int) bool) []string {
	var why []string
	for _, i := range c.open {
		cr := &c.a.crit.list[i]
		x, y := &c.a.vals[i], &c.b.vals[i]
		if !x.known && !y.known {
			if cr.required {
				why = append(why, fmt.Sprintf("%s: neither says", cr.title))
			}
			continue
		}
		v, stated := c.a, y
		if x.known {
			v, stated = c.b, x
		}
		if stated.derived {
			continue
		}
		reason := fmt.Sprintf("%s: %s does not say, the other is %s", cr.title, v.name(), stated.show)
		if contested(v, i) {
			reason += ", and there are more that fit it and differ"
		}
		why = append(why, reason)
	}
	for _, i := range c.a.crit.critical {
		for _, v := range []*view{c.a, c.b} {
			if d := v.vals[i].doubtful; d != "" {
				why = append(why, fmt.Sprintf("%s of %s is in doubt: %s", c.a.crit.list[i].title, v.name(), d))
			}
		}
	}
	if c.blurred && (c.implied || len(c.open) > 0) {
		why = append(why, "numbers or codes that nobody could read differ")
	}
	for _, i := range c.beside {
		x, y := &c.a.vals[i], &c.b.vals[i]
		why = append(why, fmt.Sprintf("%s differs: %s against %s", c.a.crit.list[i].title, says(x), says(y)))
	}
	switch x, y, alone := numberAlone(c.a, c.b); {
	case alone:
		why = append(why, fmt.Sprintf("the texts differ in a number alone: %s against %s", x, y))
	case c.a.text == c.b.text && !c.sameText():
		why = append(why, "the texts differ in the sign or the case of a unit alone")
	}
	return why
}

// unspecified reports whether a side leaves out at least half of what such an
// item needs, and nothing speaks against the pair: that it looks unlike proves
// nothing then.
func (c *comparison) unspecified() bool {
	if c.maker == Conflict || c.part == Conflict || c.blurred {
		return false
	}
	needed := 0
	var missing [2]int
	for _, i := range c.a.crit.critical {
		if !c.a.crit.list[i].required {
			continue
		}
		needed++
		for n, v := range []*view{c.a, c.b} {
			if !v.vals[i].known {
				missing[n]++
			}
		}
	}
	return needed > 0 && 2*max(missing[0], missing[1]) >= needed && overlapping(c.a, c.b)
}

// silentSide reports whether one side says less than the other and nothing
// else: "Schraube M8" beside a whole description of one. Whatever the rest is
// called, it may be that thing or any other.
func (c *comparison) silentSide() bool {
	if c.maker == Conflict || c.part == Conflict || c.blurred || len(c.beside) > 0 || len(c.oneSided) == 0 {
		return false
	}
	for _, x := range [2][2]*view{{c.a, c.b}, {c.b, c.a}} {
		less, more := x[0], x[1]
		if !less.thin() || common(less.numbers, more.numbers) < len(less.numbers) {
			continue
		}
		within := true
		for _, i := range c.oneSided {
			within = within && !less.vals[i].known
		}
		if within {
			return true
		}
	}
	return false
}

// byText judges a pair of which no schema is known: equal texts or part
// numbers make a duplicate, alike ones a review.
func (w *Weights) byText(c *comparison, m Match, identified bool) Match {
	same := c.sameText() && !c.foreign
	enough := len(c.a.tokens) >= 3
	packs := c.packs()
	signed := c.a.text == c.b.text && !c.sameText() // -15 V and 15 V, 10 mW and 10 MW
	switch {
	case identified && c.maker == Agree && !c.blurred && !signed && !packs,
		same && enough && c.part != Conflict && c.maker != Conflict && !packs:
		m.Verdict, m.Score = Duplicate, max(m.Score, w.Duplicate)
	case c.part == Agree, same, c.cosine >= 0.75 && !c.blurred && !signed,
		(c.a.thin() || c.b.thin()) && !c.blurred && c.maker != Conflict && overlapping(c.a, c.b):
		m.Verdict, m.Score = Review, min(max(m.Score, 0.5), w.Duplicate-0.01)
	default:
		m.Verdict, m.Score = Distinct, min(m.Score, 0.4)
	}
	m.Reasons = c.reasons()
	if m.Verdict == Review && !same && (c.a.thin() || c.b.thin()) {
		m.Reasons = append([]string{"too little is said to tell"}, m.Reasons...)
	}
	return m
}
