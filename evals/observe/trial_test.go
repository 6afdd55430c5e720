package observe

import (
	"fmt"
	"strings"
	"testing"
)

func arm(n int, f func(i int, a *Answer)) []Answer {
	out := make([]Answer, n)
	for i := range out {
		out[i] = Answer{ID: fmt.Sprint(i), Grounded: 1}
		if f != nil {
			f(i, &out[i])
		}
	}
	return out
}

// TestTrial: what rolls a canary back, and what promotes it.
func TestTrial(t *testing.T) {
	reviewed := func(n, wrong int) func(int, *Answer) {
		return func(i int, a *Answer) {
			if i < n {
				a.Reviewed = Right
				if i < wrong {
					a.Reviewed = Wrong
				}
			}
		}
	}
	takes := func(ms float64, micros int64) func(int, *Answer) {
		return func(_ int, a *Answer) { a.LatencyMS, a.Micros = ms, micros }
	}
	for _, c := range []struct {
		name           string
		control, fresh []Answer
		want           TrialState
		reason         string
	}{
		{"nothing yet", nil, nil, Running, "0 pairs so far"},
		{"too few", arm(99, nil), arm(99, nil), Running, "100 are the least"},
		{"as good", arm(400, nil), arm(400, nil), Promoted, "no more than 5 points"},
		{"one side alone", arm(400, nil), nil, Running, "0 pairs"},
		{"abstains", arm(400, nil), arm(400, func(_ int, a *Answer) { a.Abstained = true }), RolledBack, "live score is 0.500"},
		{"invents", arm(400, nil), arm(400, func(i int, a *Answer) { a.Grounded = float64(i % 2) }), RolledBack, "live score"},
		{"a little worse within the tolerance", arm(2000, nil), arm(2000, func(_ int, a *Answer) { a.Grounded = 0.98 }), Promoted, ""},
		{"breaks an invariant once", arm(60, nil), arm(60, func(i int, a *Answer) {
			if i == 59 {
				a.Violations = []string{"no-pii-leak"}
			}
		}), RolledBack, "1 of its answers break an invariant"},
		{"both break one", arm(60, func(i int, a *Answer) { a.Violations = []string{"x"}[:1-min(i, 1)] }), arm(60, func(i int, a *Answer) { a.Violations = []string{"x"}[:1-min(i, 1)] }), Running, ""},
		{"people find it wrong", arm(60, reviewed(40, 2)), arm(60, reviewed(40, 20)), RolledBack, "people found 50 % of its answers right"},
		{"people find both alike", arm(60, reviewed(40, 4)), arm(60, reviewed(40, 5)), Running, ""},
		{"slow", arm(200, takes(100, 10)), arm(200, takes(300, 10)), RolledBack, "more than 2 times as long: 300 ms"},
		{"slower within the limit", arm(400, takes(100, 10)), arm(400, takes(190, 10)), Promoted, ""},
		{"dear", arm(200, takes(100, 10)), arm(200, takes(100, 25)), RolledBack, "more than 2 times as much"},
		{"the control group asks no model", arm(400, nil), arm(400, takes(900, 900)), Promoted, ""},
	} {
		tr := Trial{ID: "t", State: Running, Percent: 5, Limits: DefaultLimits}
		rep := tr.Judge(c.control, c.fresh)
		if rep.Verdict != c.want || !strings.Contains(rep.Reason, c.reason) || rep.Reason == "" {
			t.Errorf("%s: %s, %s", c.name, rep.Verdict, rep.Reason)
		}
		if len(rep.Comparisons) != 5 {
			t.Errorf("%s: %d comparisons", c.name, len(rep.Comparisons))
		}
	}
	// Each look at the reviewed answers needs twice as many.
	tr := Trial{ID: "t", State: Running, Percent: 5, Limits: DefaultLimits, Looks: 1}
	if rep := tr.Judge(arm(60, reviewed(39, 0)), arm(60, reviewed(39, 30))); rep.Looked || rep.Verdict == RolledBack {
		t.Errorf("%+v", rep)
	}
}

// TestArms: two arms of the wanted size that share no item, the same each time,
// and others in another trial.
func TestArms(t *testing.T) {
	a, b := Trial{ID: "a", State: Running, Percent: 5}, Trial{ID: "b", State: Running, Percent: 5}
	count := map[Arm]int{}
	same := 0
	const n = 100_000
	for i := range n {
		item := fmt.Sprintf("f/%d", i)
		arm := a.ArmOf(item)
		count[arm]++
		if arm != a.ArmOf(item) || a.Reads(item) != (arm == NewArm) {
			t.Fatal(item)
		}
		if arm == NewArm && b.ArmOf(item) == NewArm {
			same++
		}
	}
	for _, arm := range []Arm{NewArm, ControlArm} {
		if share := float64(count[arm]) / n; share < 0.047 || share > 0.053 {
			t.Errorf("%s: %.4f of the items", arm, share)
		}
	}
	if same > count[NewArm]/10 {
		t.Errorf("%d of %d items see both", same, count[NewArm])
	}
	a.State = Promoted
	if !a.Reads("any") {
		t.Error("a promoted one reads everything")
	}
}
