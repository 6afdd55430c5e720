package contract

import (
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// keys compares what is unique. Keys are paired by their fields.
func (d *differ) keys() {
	id := func(k Key) string {
		f := slices.Clone(k.Fields)
		slices.Sort(f)
		return strings.Join(f, "+")
	}
	was := map[string]string{} // old field names by their new ones
	for _, f := range d.new.Fields {
		if f.RenamedFrom != "" && d.new.field(f.RenamedFrom) == nil {
			was[f.RenamedFrom] = f.Name
		}
	}
	find := func(list []Key, want string) *Key {
		for i := range list {
			if id(list[i]) == want {
				return &list[i]
			}
		}
		return nil
	}
	olds := slices.Clone(d.old.Keys)
	for i := range olds {
		olds[i].Fields = slices.Clone(olds[i].Fields)
		for j, name := range olds[i].Fields {
			if n := was[name]; n != "" {
				olds[i].Fields[j] = n
			}
		}
	}
	for i := range olds {
		o := &olds[i]
		n := find(d.new.Keys, id(*o))
		switch {
		case n == nil && o.Primary && hasPrimary(d.new.Keys):
			d.note("", "primary_key", other, 1, id(*o), id(d.new.Keys[0]), "the primary key changes from %s to %s", id(*o), id(d.new.Keys[0]))
		case n == nil:
			d.note("", "unique", shift(o.OnFail != Warn, false), 1, id(*o), "", "%s may repeat now", id(*o))
		default:
			if o.Scope != n.Scope {
				d.note("", "key_scope", shift(o.Scope == ScopeFeed, n.Scope == ScopeFeed), 1, string(o.Scope), string(n.Scope), "%s is unique per %s now, not per %s", id(*n), n.Scope, o.Scope)
			}
			if o.Primary != n.Primary {
				d.note("", "primary_key", other, 1, strconv.FormatBool(o.Primary), strconv.FormatBool(n.Primary), "%s is %s", id(*n),
					map[bool]string{true: "the primary key now", false: "no longer the primary key"}[n.Primary])
			}
			if (o.OnFail == Warn) != (n.OnFail == Warn) {
				d.note("", "on_fail", shift(o.OnFail != Warn, n.OnFail != Warn), 1, string(o.OnFail), string(n.OnFail), "duplicates of %s: %s", id(*n), onFailWords(o.OnFail, n.OnFail))
			}
		}
	}
	for i := range d.new.Keys {
		n := &d.new.Keys[i]
		if find(olds, id(*n)) == nil && (!n.Primary || !hasPrimary(d.old.Keys)) {
			d.note("", "unique", shift(false, n.OnFail != Warn), 1, "", id(*n), "%s must be unique now", id(*n))
		}
	}
}

// checks compares the quality rules, paired by id, else by all that they judge.
func (d *differ) checks() {
	pair := map[int]int{}
	for i, o := range d.old.Checks {
		for j, n := range d.new.Checks {
			if _, taken := pair[j]; !taken && o.ID == n.ID && o.Field == n.Field {
				pair[j] = i
				break
			}
		}
	}
	paired := map[int]bool{}
	for _, i := range pair {
		paired[i] = true
	}
	for i, o := range d.old.Checks {
		if !paired[i] {
			d.note(o.Field, "rule_removed", shift(o.OnFail != Warn, false), 1, o.ID, "", "the rule %s is gone: %s", o.ID, o.says())
		}
	}
	for j, n := range d.new.Checks {
		if i, ok := pair[j]; ok {
			d.check(&d.old.Checks[i], &d.new.Checks[j])
			continue
		}
		d.note(n.Field, "rule_added", shift(false, n.OnFail != Warn), n.Line, "", n.ID, "the rule %s is new: %s", n.ID, n.says())
	}
}

// says is a rule in one line.
func (k *Check) says() string {
	what := k.Metric
	switch k.Kind {
	case "sql":
		what = k.Query
	case "custom":
		what = strings.TrimSpace(k.Metric + " " + k.Expression)
	}
	if k.Operator == "" {
		return what
	}
	unit := ""
	if k.Percent {
		unit = " %"
	}
	return what + " " + k.Operator + " " + strings.Join(k.Operands, " … ") + unit
}

func (d *differ) check(o, n *Check) {
	judged := func(k *Check) string {
		return fmt.Sprintf("%s|%s|%q|%q|%q|%s|%q|%s|%s|%s|%v", k.Kind, k.Metric, k.ValidValues, k.MissingValues, k.Properties, k.Pattern, k.Query, k.Engine, k.Expression, k.Field, k.Percent)
	}
	if o.OnFail == Warn && n.OnFail == Warn {
		if judged(o) != judged(n) || o.says() != n.says() {
			d.note(n.Field, "rule", neutral, n.Line, o.says(), n.says(), "the rule %s, which only warns, changes from %s to %s", n.ID, o.says(), n.says())
		}
		return
	}
	if (o.OnFail == Warn) != (n.OnFail == Warn) {
		d.note(n.Field, "on_fail", shift(o.OnFail != Warn, n.OnFail != Warn), n.Line, string(o.OnFail), string(n.OnFail), "the rule %s: %s", n.ID, onFailWords(o.OnFail, n.OnFail))
	} else if o.OnFail != n.OnFail {
		d.note(n.Field, "on_fail", neutral, n.Line, string(o.OnFail), string(n.OnFail), "the rule %s: %s", n.ID, onFailWords(o.OnFail, n.OnFail))
	}
	if judged(o) != judged(n) {
		d.note(n.Field, "rule", argumentEffect(o, n), n.Line, o.says(), n.says(), "the rule %s judges something else: %s, not %s", n.ID, n.argued(), o.argued())
		return
	}
	if e := thresholdEffect(o, n); e != neutral {
		d.note(n.Field, "threshold", e, n.Line, o.says(), n.says(), "the rule %s goes from %s to %s", n.ID, o.says(), n.says())
	}
	d.limit(n, "max_age", o.MaxAge.String(), n.MaxAge.String(), o.MaxAge < n.MaxAge, o.MaxAge > n.MaxAge)
	d.limit(n, "tolerance", float(o.Tolerance), float(n.Tolerance), o.Tolerance < n.Tolerance, o.Tolerance > n.Tolerance)
}

func (k *Check) argued() string {
	switch {
	case k.ValidValues != nil:
		return k.says() + " of " + strings.Join(k.ValidValues, ", ")
	case k.Pattern != "":
		return k.says() + " of " + k.Pattern
	}
	return k.says()
}

func (d *differ) limit(n *Check, kind, o, s string, up, down bool) {
	if up || down {
		d.note(n.Field, kind, shift(up, !up), n.Line, o, s, "the rule %s tolerates %s, before %s", n.ID, s, o)
	}
}

// argumentEffect: more valid values let more through; anything else cannot be
// told.
func argumentEffect(o, n *Check) effect {
	if o.Metric == "invalidValues" && n.Metric == "invalidValues" && o.ValidValues != nil && n.ValidValues != nil &&
		o.Pattern == n.Pattern && o.Percent == n.Percent && thresholdEffect(o, n) == neutral && upper(o) {
		var e effect
		if len(without(n.ValidValues, o.ValidValues)) > 0 {
			e |= wider
		}
		if len(without(o.ValidValues, n.ValidValues)) > 0 {
			e |= narrower
		}
		return e
	}
	return other
}

// upper: the rule limits how much may be counted, from above only.
func upper(k *Check) bool {
	switch k.Operator {
	case "mustBeLessThan", "mustBeLessOrEqualTo":
		return true
	case "mustBe":
		return zero(k.Operands[0])
	}
	return false
}

// thresholdEffect compares the sets of figures that two comparisons accept.
func thresholdEffect(o, n *Check) effect {
	a, okA := accepted(o)
	b, okB := accepted(n)
	if !okA || !okB {
		if o.says() != n.says() {
			return other
		}
		return neutral
	}
	return shift(!covers(a, b), false) | shift(false, !covers(b, a))
}

// An interval of figures; nil ends are infinite.
type interval struct {
	low, high         *big.Rat
	openLow, openHigh bool
}

// accepted is the set of figures that satisfy a rule's comparison. Counts and
// percentages are never negative.
func accepted(k *Check) ([]interval, bool) {
	var v []*big.Rat
	for _, s := range k.Operands {
		r, ok := exact(s)
		if !ok {
			return nil, false
		}
		v = append(v, r)
	}
	if len(v) == 0 || (strings.HasSuffix(k.Operator, "Between") && len(v) != 2) {
		return nil, false
	}
	var out []interval
	switch k.Operator {
	case "mustBe":
		out = []interval{{low: v[0], high: v[0]}}
	case "mustNotBe":
		out = []interval{{high: v[0], openHigh: true}, {low: v[0], openLow: true}}
	case "mustBeGreaterThan":
		out = []interval{{low: v[0], openLow: true}}
	case "mustBeGreaterOrEqualTo":
		out = []interval{{low: v[0]}}
	case "mustBeLessThan":
		out = []interval{{high: v[0], openHigh: true}}
	case "mustBeLessOrEqualTo":
		out = []interval{{high: v[0]}}
	case "mustBeBetween":
		out = []interval{{low: v[0], high: v[1]}}
	case "mustNotBeBetween":
		out = []interval{{high: v[0], openHigh: true}, {low: v[1], openLow: true}}
	default:
		return nil, false
	}
	if k.Kind == "library" || k.Metric == "expression" {
		zero := new(big.Rat)
		kept := out[:0]
		for _, i := range out {
			if i.high != nil && (i.high.Sign() < 0 || i.high.Sign() == 0 && i.openHigh) {
				continue
			}
			if i.low == nil || i.low.Sign() < 0 {
				i.low, i.openLow = zero, false
			}
			kept = append(kept, i)
		}
		out = kept
	}
	return out, true
}

// covers reports whether every figure of b lies in a.
func covers(a, b []interval) bool {
	for _, i := range b {
		if !slices.ContainsFunc(a, func(o interval) bool { return o.holds(i) }) {
			return false
		}
	}
	return true
}

func (o interval) holds(i interval) bool {
	low := o.low == nil
	if o.low != nil && i.low != nil {
		c := o.low.Cmp(i.low)
		low = c < 0 || c == 0 && (!o.openLow || i.openLow)
	}
	high := o.high == nil
	if o.high != nil && i.high != nil {
		c := o.high.Cmp(i.high)
		high = c > 0 || c == 0 && (!o.openHigh || i.openHigh)
	}
	return low && high
}

func (d *differ) relations() {
	find := func(list []Relation, want Relation) *Relation {
		for i := range list {
			if slices.Equal(list[i].Fields, want.Fields) && list[i].To == want.To && slices.Equal(list[i].ToFields, want.ToFields) {
				return &list[i]
			}
		}
		return nil
	}
	says := func(r Relation) string {
		return strings.Join(r.Fields, "+") + " → " + r.To + "." + strings.Join(r.ToFields, "+")
	}
	for _, o := range d.old.Relations {
		n := find(d.new.Relations, o)
		switch {
		case n == nil:
			d.note("", "relationship_removed", shift(o.OnFail != Warn, false), 1, says(o), "", "%s need not lead anywhere any more", says(o))
		case (o.OnFail == Warn) != (n.OnFail == Warn):
			d.note("", "on_fail", shift(o.OnFail != Warn, n.OnFail != Warn), n.Line, string(o.OnFail), string(n.OnFail), "%s: %s", says(o), onFailWords(o.OnFail, n.OnFail))
		}
	}
	for _, n := range d.new.Relations {
		if find(d.old.Relations, n) == nil {
			d.note("", "relationship_added", shift(false, n.OnFail != Warn), n.Line, "", says(n), "%s must lead to a row now", says(n))
		}
	}
}

// levels compares the service levels. A weaker promise breaks consumers; none
// concerns data that was delivered long ago.
func (d *differ) levels() {
	key := func(s SLA) string { return s.Property + " " + s.Element }
	find := func(list []SLA, k string) *SLA {
		for i := range list {
			if key(list[i]) == k {
				return &list[i]
			}
		}
		return nil
	}
	for _, o := range d.old.SLA {
		n := find(d.new.SLA, key(o))
		if n == nil {
			d.note("", "sla_removed", wider, 1, o.says(), "", "the promise is gone: %s", o.says())
			continue
		}
		worse, better := n.Within > o.Within, n.Within < o.Within
		if o.Property == "retention" {
			worse, better = better, worse
		}
		worse, better = worse || n.Percent < o.Percent, better || n.Percent > o.Percent
		switch {
		case worse:
			d.note("", "sla", wider, n.Line, o.says(), n.says(), "the promise weakens from %s to %s", o.says(), n.says())
		case better:
			d.note("", "sla", neutral, n.Line, o.says(), n.says(), "the promise strengthens from %s to %s", o.says(), n.says())
		case o.says() != n.says():
			d.note("", "sla", neutral, n.Line, o.says(), n.says(), "%s becomes %s", o.says(), n.says())
		}
	}
	for _, n := range d.new.SLA {
		if find(d.old.SLA, key(n)) == nil {
			d.note("", "sla_added", neutral, n.Line, "", n.says(), "there is a promise now: %s", n.says())
		}
	}
}

func (s SLA) says() string { return strings.TrimSpace(s.Property + " " + s.Value + " " + s.Unit) }
