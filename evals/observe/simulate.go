package observe

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
)

// A Scene is what happens to the answers of a simulated stage between the
// baseline and the windows.
type Scene struct {
	Name string
	// Mix of what comes in: the shares of the kinds and of the second language.
	Mix, Later Mix
	// Terse texts are half as long, and have less to say.
	Terse bool
	// Worse is what the stage itself does worse, the same for whatever comes.
	Worse Worse
}

// A Mix is what comes in.
type Mix struct {
	Kinds  []float64 // shares of the kinds, which sum to 1
	Second float64   // share of the second language
}

// Worse is how far a stage has become worse.
type Worse struct {
	Grounded  float64 // of the values of so many answers the text carries half
	Agreement float64 // so many answers disagree with the rules in half of what they share
	Abstains  float64 // so many answers ask for a person that did not
}

var (
	usual  = []float64{0.3, 0.2, 0.15, 0.1, 0.1, 0.05, 0.05, 0.05}
	other  = []float64{0.05, 0.05, 0.05, 0.1, 0.1, 0.15, 0.2, 0.3}
	wholly = []float64{0, 0, 0, 0, 0, 0, 0, 0, 0.4, 0.3, 0.3}
)

// Scenes are those that the observer is judged by. They are fixed.
func Scenes() []Scene {
	was := Mix{usual, 0.3}
	return []Scene{
		{Name: "nothing", Mix: was, Later: was},
		{Name: "other shares of the kinds", Mix: was, Later: Mix{other, 0.3}},
		{Name: "other shares of the languages", Mix: was, Later: Mix{usual, 0.8}},
		{Name: "other shares of both", Mix: was, Later: Mix{other, 0.8}},
		{Name: "a language that is new", Mix: Mix{usual, 0}, Later: Mix{usual, 0.6}},
		{Name: "kinds that are new", Mix: was, Later: Mix{wholly, 0.3}},
		{Name: "texts half as long", Mix: was, Later: was, Terse: true},
		{Name: "half of the values of 40 % of the answers invented", Mix: was, Later: was, Worse: Worse{Grounded: 0.4}},
		{Name: "so many invented, other shares of both", Mix: was, Later: Mix{other, 0.8}, Worse: Worse{Grounded: 0.4}},
		{Name: "so many invented, kinds that are new", Mix: was, Later: Mix{wholly, 0.3}, Worse: Worse{Grounded: 0.4}},
		{Name: "half of what 50 % of the answers share with the rules is otherwise", Mix: was, Later: was, Worse: Worse{Agreement: 0.5}},
		{Name: "so many otherwise, other shares of both", Mix: was, Later: Mix{other, 0.8}, Worse: Worse{Agreement: 0.5}},
		{Name: "70 % of the answers ask for a person", Mix: was, Later: was, Worse: Worse{Abstains: 0.7}},
		{Name: "so many asked, other shares of both", Mix: was, Later: Mix{other, 0.8}, Worse: Worse{Abstains: 0.7}},
	}
}

// simulated draws answers of a stage with a model whose behaviour depends on what
// it reads: each kind has its own attributes, confidence and share of questions
// to a person, the second language is read less surely, and short texts say
// less.
func (s Scene) simulated(rng *rand.Rand, n int, m Mix, terse bool, w Worse) []Answer {
	out := make([]Answer, n)
	for i := range out {
		kind := len(m.Kinds) - 1
		for at, k := rng.Float64(), 0; k < len(m.Kinds); k++ {
			if at -= m.Kinds[k]; at < 0 {
				kind = k
				break
			}
		}
		depth := float64(kind%8) / 7 // 0 is an easy kind, 1 a hard one
		length := rng.Float64() * 40
		if terse {
			length = length/2 - 10
		}
		a := Answer{
			ID: fmt.Sprint(rng.Uint64()), Item: fmt.Sprint("items/", rng.Uint64()), Category: fmt.Sprint("kind ", kind), Language: "de",
			Model: "m", Grounded: 1, Length: 20 + int(length), Digits: rng.Float64() / 2, Shape: "retrieved asked",
			LatencyMS: 400 + rng.ExpFloat64()*200, Attributes: []string{"type"},
		}
		a.Expected = a.Category
		agree := 1.0
		a.Agreement = &agree
		ask := 0.02 + 0.25*depth + 0.005*max(0, 20-length)
		a.Confidence = 0.97 - 0.2*depth - rng.ExpFloat64()*0.06 - 0.005*max(0, 20-length)
		if rng.Float64() < m.Second {
			a.Language = "en"
			ask += 0.1
			a.Confidence -= 0.1
		}
		for k := range 3 {
			if rng.Float64() < min(0.9, 0.7+length/100) {
				a.Attributes = append(a.Attributes, fmt.Sprint("attribute ", kind, k))
			}
		}
		switch {
		case rng.Float64() < 0.02+0.05*depth: // neither knows what it is
			a.Category, a.Expected = pipeline.Unknown, pipeline.Unknown
		case rng.Float64() < 0.05+0.3*depth:
			a.Shape = "retrieved asked reasked asked"
		}
		if rng.Float64() < 0.06 {
			a.Grounded = 0.75
		}
		if rng.Float64() < 0.08 {
			agree = 0.5
		}
		a.Abstained = rng.Float64() < ask || rng.Float64() < w.Abstains
		if rng.Float64() < w.Grounded {
			a.Grounded = 0.5
		}
		if rng.Float64() < w.Agreement {
			agree = 0.5
		}
		out[i] = a
	}
	return out
}

// An Outcome is how often a scene opened a breaker, was told as another input
// alone, and neither.
type Outcome struct {
	Scene Scene
	Runs  int
	// Opened in the first window, and within three; of what is Why the first
	// signal that did.
	Opened, Within int
	Why            map[string]int
	// Told in the first window.
	Told int
}

// Play simulates a baseline of 50 answers and three windows of 100, so many
// times, with the settings of a project that has none.
func (s Scene) Play(runs int) Outcome {
	out := Outcome{Scene: s, Runs: runs, Why: map[string]int{}}
	for k := range runs {
		rng := rand.New(rand.NewPCG(0x0b5e, uint64(k)))
		b := Baseline{Answers: s.simulated(rng, Default().BaselineSize, s.Mix, false, Worse{})}
		since := s.simulated(rng, 3*Window, s.Later, s.Terse, s.Worse)
		for w := range 3 {
			rep := Judge(b, since[:(w+1)*Window], nil, Default(), uint64(k))
			open := rep.Drifted && !rep.InputAlone()
			if w == 0 && open {
				out.Opened++
			}
			if w == 0 && rep.InputAlone() {
				out.Told++
			}
			if open {
				out.Within++
				for _, f := range rep.Findings {
					if f.Drifted && f.Signal != Input {
						out.Why[f.Signal]++
						break
					}
				}
				break
			}
		}
	}
	return out
}

// Table plays all scenes, as a table in Markdown.
func Table(runs int) (string, []Outcome) {
	var b strings.Builder
	fmt.Fprintf(&b, "%d baselines of %d answers each, windows of %d, a threshold of %g.\n\n", runs, Default().BaselineSize, Window, Default().DriftThreshold)
	b.WriteString("| what happened after the baseline | opened by the first window | within three | told as input alone by the first |\n|---|---|---|---|\n")
	var all []Outcome
	for _, s := range Scenes() {
		o := s.Play(runs)
		all = append(all, o)
		percent := func(n int) float64 { return 100 * float64(n) / float64(runs) }
		fmt.Fprintf(&b, "| %s | %.1f %% | %.1f %% | %.1f %% |\n", s.Name, percent(o.Opened), percent(o.Within), percent(o.Told))
	}
	return b.String(), all
}
