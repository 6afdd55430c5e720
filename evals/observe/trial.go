package observe

import (
	"context"
	"fmt"
	"time"

	"github.com/zeebo/xxh3"

	"github.com/assay-pipeline/assay/evals/stats"
	"github.com/assay-pipeline/assay/pipeline"
)

// A TrialState says where a trial stands.
type TrialState string

// States of a trial.
const (
	Running    TrialState = "running"
	Promoted   TrialState = "promoted"
	RolledBack TrialState = "rolled_back"
)

// A Change is what is new in a trial; what is empty stays as it is.
type Change struct {
	Model string `json:"model,omitempty"` // PROVIDER:MODEL
	// Prompt and Knowledge are folders.
	Prompt    string `json:"prompt,omitempty"`
	Knowledge string `json:"knowledge,omitempty"`
}

func (c Change) String() string {
	s := ""
	for _, p := range [][2]string{{"model ", c.Model}, {"prompt ", c.Prompt}, {"knowledge ", c.Knowledge}} {
		if p[1] == "" {
			continue
		}
		if s != "" {
			s += ", "
		}
		s += p[0] + p[1]
	}
	return s
}

// A Trial lets a share of the items see a new model, prompt or knowledge, and
// compares it with a control group of the same size: a canary.
type Trial struct {
	ID     string     `json:"id"`
	State  TrialState `json:"state"`
	Change Change     `json:"change"`
	// New and Control are the versions that are compared.
	New     Version `json:"new"`
	Control Version `json:"control"`
	// Percent of the items that see the new one; as many others are the control
	// group.
	Percent float64 `json:"percent"`
	Limits
	// Auto: it is promoted without anybody, where it is shown to lose no more than
	// the tolerance. What is worse is always rolled back.
	Auto    bool      `json:"auto"`
	Started time.Time `json:"started"`
	By      string    `json:"by"`
	Note    string    `json:"note,omitempty"`
	// Ended is when, EndedBy who ended it (canary: by itself), Reason why.
	Ended   time.Time `json:"ended,omitzero"`
	EndedBy string    `json:"ended_by,omitempty"`
	Reason  string    `json:"reason,omitempty"`
	// Looks counts how often reviewed answers were compared: each has a level of
	// its own.
	Looks int `json:"looks,omitempty"`
}

// Limits of a trial.
type Limits struct {
	// Tolerance is the loss of the mean live score that is accepted.
	Tolerance float64 `json:"tolerance"`
	// Slower and Dearer are how many times as long, and as much, the new one may
	// take.
	Slower float64 `json:"slower"`
	Dearer float64 `json:"dearer"`
	// Least is the number of pairs before which nothing is promoted.
	Least int `json:"least"`
}

// DefaultLimits of a trial.
var DefaultLimits = Limits{Tolerance: 0.05, Slower: 2, Dearer: 2, Least: 100}

// An Arm is a side of a trial.
type Arm string

// Arms. An item that belongs to neither is read as always and not compared.
const (
	NewArm     Arm = "new"
	ControlArm Arm = "control"
)

// ArmOf says which side an item belongs to, by its hash: the same item always
// sees the same one, and another trial divides otherwise.
func (t *Trial) ArmOf(item string) Arm {
	at := float64(xxh3.HashString("trial/"+t.ID+"/"+item)%1_000_000) / 10_000
	switch {
	case at < t.Percent:
		return NewArm
	case at >= 100-t.Percent:
		return ControlArm
	}
	return ""
}

// Reads reports whether the new one reads an item.
func (t *Trial) Reads(item string) bool {
	return t.State == Promoted || t.State == Running && t.ArmOf(item) == NewArm
}

// Version is what the answers of an arm are stored under.
func (t *Trial) Version(arm Arm) string { return "trial/" + t.ID + "/" + string(arm) }

// Answer makes the answer of an arm out of a reading.
func (t *Trial) Answer(arm Arm, r Reading) Answer {
	a := Score(r)
	a.Version = t.Version(arm)
	a.ID = pipeline.ContentID("answer", r.Item.ID, r.Item.Source, a.Version)
	return a
}

// LiveScore is what a live answer is worth without gold, in 0..1: nothing where
// it breaks an invariant, else how far the text carries it, half of it where a
// person is asked.
func (a *Answer) LiveScore() float64 {
	switch {
	case len(a.Violations) > 0:
		return 0
	case a.Abstained:
		return a.Grounded / 2
	}
	return a.Grounded
}

// Levels at which a trial is judged, over all of its looks: what is rolled back
// for nothing, by the live score, by reviewed answers, by latency and by cost;
// and what is promoted although it loses more than the tolerance.
const (
	backLevel    = 0.02
	reviewLevel  = 0.01
	slowerLevel  = 0.01
	dearerLevel  = 0.01
	promoteLevel = 0.01
)

// leastReviewed is how many reviewed answers of each arm the first look at them
// needs; each further one needs twice as many.
const leastReviewed = 20

// A Comparison is one respect in which the arms of a trial are compared.
type Comparison struct {
	Signal  string  `json:"signal"` // score, reviews, latency, cost, invariants
	Control float64 `json:"control"`
	New     float64 `json:"new"`
	N       int     `json:"n"` // pairs, or reviewed answers of the new one
	// Chance of what was seen where the new one is within its limit, at most Level
	// for it to be beyond.
	Chance float64 `json:"chance"`
	Level  float64 `json:"level"`
	Beyond bool    `json:"beyond"`
}

// A TrialReport is what the answers of both arms say.
type TrialReport struct {
	Pairs       int          `json:"pairs"`
	Comparisons []Comparison `json:"comparisons"`
	// Well is the chance of what was seen where the new one loses more than the
	// tolerance.
	Well      float64 `json:"well"`
	WellLevel float64 `json:"well_level"`
	// Looked: reviewed answers were compared, which counts as a look.
	Looked bool `json:"looked,omitempty"`
	// Verdict is running, promoted or rolled_back, Reason why.
	Verdict TrialState `json:"verdict"`
	Reason  string     `json:"reason"`
}

// Judge compares the answers of the arms, each in the order in which they were
// stored: the first of one with the first of the other, and so on. It may be
// called after every answer; the levels hold for all calls together.
func (t *Trial) Judge(control, fresh []Answer) TrialReport {
	rep := TrialReport{Verdict: Running, WellLevel: promoteLevel}
	arms, slower, dearer := stats.NewArms(t.Tolerance), stats.NewMore(t.Slower), stats.NewMore(t.Dearer)
	n := min(len(control), len(fresh))
	sum := map[string][2]float64{}
	add := func(signal string, c, f float64) {
		s := sum[signal]
		sum[signal] = [2]float64{s[0] + c, s[1] + f}
	}
	for i := range n {
		c, f := &control[i], &fresh[i]
		arms.Add(c.LiveScore(), f.LiveScore())
		slower.Add(c.LatencyMS, f.LatencyMS)
		dearer.Add(float64(c.Micros), float64(f.Micros))
		add("score", c.LiveScore(), f.LiveScore())
		add("latency", c.LatencyMS, f.LatencyMS)
		add("cost", float64(c.Micros), float64(f.Micros))
	}
	rep.Pairs, rep.Well = n, arms.Well()
	compare := func(signal string, chance, level float64) {
		s := sum[signal]
		k := float64(max(n, 1))
		rep.Comparisons = append(rep.Comparisons, Comparison{Signal: signal, Control: s[0] / k, New: s[1] / k, N: n, Chance: chance, Level: level, Beyond: chance <= level})
	}
	compare("score", arms.Worse(), backLevel)
	compare("latency", slower.Chance(), slowerLevel)
	compare("cost", dearer.Chance(), dearerLevel)
	rep.Comparisons = append(rep.Comparisons, t.reviews(control, fresh, &rep), violated(control, fresh))
	for _, c := range rep.Comparisons {
		if c.Beyond {
			rep.Verdict, rep.Reason = RolledBack, t.why(c)
			return rep
		}
	}
	switch {
	case n < t.Least:
		rep.Reason = fmt.Sprintf("%d pairs so far, %d are the least", n, t.Least)
	case rep.Well > promoteLevel:
		rep.Reason = fmt.Sprintf("%d pairs do not show yet that it loses no more than %.3g points (chance %.2g, at most %.2g)", n, 100*t.Tolerance, rep.Well, promoteLevel)
	default:
		rep.Verdict = Promoted
		rep.Reason = fmt.Sprintf("%d pairs show that it loses no more than %.3g points (chance %.2g)", n, 100*t.Tolerance, rep.Well)
	}
	return rep
}

// reviews compares what people said of the answers of both arms. People answer in
// no order that could be bet on, so they are looked at when there are 20, 40, 80 …
// of each, each time at half of the level before: together no more than the
// level.
func (t *Trial) reviews(control, fresh []Answer, rep *TrialReport) Comparison {
	of := func(all []Answer) (right []float64, mean float64) {
		for _, a := range all {
			switch a.Reviewed {
			case Right:
				right = append(right, 1)
				mean++
			case Wrong:
				right = append(right, 0)
			}
		}
		return right, mean / float64(max(len(right), 1))
	}
	was, wasMean := of(control)
	now, nowMean := of(fresh)
	c := Comparison{Signal: "reviews", Control: wasMean, New: nowMean, N: len(now), Chance: 1, Level: reviewLevel / float64(int(2)<<min(t.Looks, 30))}
	if min(len(was), len(now)) < leastReviewed<<min(t.Looks, 20) {
		return c
	}
	rep.Looked = true
	s := stats.Mean(was, now, uint64(len(was)+len(now))) //nolint:gosec // a number of answers
	c.Chance = s.Chance
	c.Beyond = s.Chance <= c.Level && s.Effect > t.Tolerance
	return c
}

// violated is the hard one: an invariant that the new one breaks and the control
// group does not.
func violated(control, fresh []Answer) Comparison {
	count := func(all []Answer) (n float64) {
		for i := range all {
			if len(all[i].Violations) > 0 {
				n++
			}
		}
		return n
	}
	c := Comparison{Signal: "invariants", Control: count(control), New: count(fresh), N: len(fresh), Chance: 1}
	c.Beyond = c.New > 0 && c.Control == 0
	if c.Beyond {
		c.Chance = 0
	}
	return c
}

func (t *Trial) why(c Comparison) string {
	switch c.Signal {
	case "invariants":
		return fmt.Sprintf("%.0f of its answers break an invariant, none of the control group", c.New)
	case "latency":
		return fmt.Sprintf("it takes more than %.3g times as long: %.0f ms, the control group %.0f ms, %d pairs (chance %.2g)", t.Slower, c.New, c.Control, c.N, c.Chance)
	case "cost":
		return fmt.Sprintf("it costs more than %.3g times as much: %.6f USD an answer, the control group %.6f, %d pairs (chance %.2g)", t.Dearer, c.New/1e6, c.Control/1e6, c.N, c.Chance)
	case "reviews":
		return fmt.Sprintf("people found %.0f %% of its answers right, of the control group %.0f %% (%d reviewed, chance %.2g)", 100*c.New, 100*c.Control, c.N, c.Chance)
	}
	return fmt.Sprintf("its live score is %.3f, that of the control group %.3f: more than %.3g points lost, %d pairs (chance %.2g)", c.New, c.Control, 100*t.Tolerance, c.N, c.Chance)
}

// A TrialStore keeps trials. Errors: not_found, unavailable.
type TrialStore interface {
	// PutTrial inserts or replaces one by id.
	PutTrial(ctx context.Context, t Trial) error
	// Trials are the latest n, the newest first, ties by id.
	Trials(ctx context.Context, n int) ([]Trial, error)
}
