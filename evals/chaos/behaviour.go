package chaos

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/evals/observe"
	"github.com/assay-pipeline/assay/evals/stats"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/embed"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/knowledge/retrieve"
	"github.com/assay-pipeline/assay/pipeline/model"
	"github.com/assay-pipeline/assay/pipeline/parse"
)

// A Mind is a simulated model: what it answers to a prompt. It is deterministic.
type Mind func(system, user string) string

// BehaviourOptions of an experiment with answers.
type BehaviourOptions struct {
	Pack     *knowledge.Pack
	Prompts  knowledge.Prompts
	Embedder embed.Embedder
	// Serve puts a mind behind the protocol of a model provider, so that all that
	// lies between a question and its answer takes part.
	Serve func(Mind) (chat model.Chat, done func(), err error)
	// Store keeps calls and budgets: a scratch one.
	Store model.Store
	// Outputs that are compared, default 500, at least LeastOutputs.
	Outputs int
	// Stable is how far the score may lie from the baseline, with its whole
	// interval: 0.05, strict 0.03.
	Stable float64
	Only   []string
	Seed   uint64
	Step   func(done, all int)
}

// LeastOutputs is the least that an experiment with answers may compare.
const LeastOutputs = 50

// A Behaviour is one experiment with answers.
type Behaviour struct {
	Name     string `json:"name"`
	Fault    string `json:"fault"`
	Detector string `json:"detector"`
	// Criterion is the exit criterion, written before it runs.
	Criterion string `json:"criterion"`

	breaks func(*stage)
}

// Detectors of experiments with answers, beside the signals of the observer.
const (
	// ByCanaries: queries with known answers, asked of the live index.
	ByCanaries = "canaries"
	// ByHandover: what a stage hands to the next is held against what it got.
	ByHandover = "handover"
	// ByConflict: documents that say different things of one term.
	ByConflict = "conflict"
)

// Behaviours are the experiments, in order.
func Behaviours() []Behaviour {
	return []Behaviour{
		{"stale-embeddings", "vectors of the index are of the embedding space of 14 days ago, questions of the present one", ByCanaries, "canary precision trips at once; no wrong value is believed; after a rebuild the score is stable", func(s *stage) { s.stale = true }},
		{"index-loss", "30 % of the index are gone", ByCanaries, "canary precision trips at once; no wrong value is believed; after a rebuild the score is stable", func(s *stage) { s.loss = 0.3 }},
		{"context-cut", "the retrieved context is cut to 40 %", ByHandover, "the hand-over is seen with the first cut passage; id, unit and category are kept; the score is stable afterwards", func(s *stage) { s.cut = 0.4 }},
		{"latency", "800 ms between stages", observe.Latency, "found within two windows; the answers stay the same", func(s *stage) { s.delay = 800 * time.Millisecond }},
		{"poisoned-document", "a document contradicts two others", ByConflict, "the document is flagged before it is cited; answers follow the others", func(s *stage) { s.poison = true }},
		{"weaker-model", "a weaker model answers", observe.Grounded, "found within two windows; what it misreads is not believed", func(s *stage) { s.mind = weak }},
		{"lost-instruction", "the prompt lost its instruction to answer null", observe.Traces, "found within two windows; what is invented is not believed", func(s *stage) { s.lost = "If the text does not say it, answer null. " }},
	}
}

// A BehaviourOutcome is what happened.
type BehaviourOutcome struct {
	Behaviour
	Outputs int `json:"outputs"`
	// Before, Under and After are the mean scores; the differences are paired by
	// item.
	Before    float64          `json:"before"`
	Under     stats.Difference `json:"under"`
	After     stats.Difference `json:"after"`
	Stable    bool             `json:"stable_under"` // within the bound under the fault
	Recovered bool             `json:"recovered"`
	// By are all detectors that fired, the named one first; At is the output at
	// which the named one did, 0 for never.
	By    []string `json:"detected_by"`
	At    int      `json:"detected_at"`
	Found bool     `json:"found"`
	What  string   `json:"what"`
	// Wrong are the shares of outputs with a wrong value that was believed,
	// before and under the fault; Grounded those of proposed values that the text
	// carries.
	WrongBefore float64 `json:"wrong_before"`
	WrongUnder  float64 `json:"wrong_under"`
	Grounded    float64 `json:"grounded_under"`
	// Kept: id, units and category came through every hand-over.
	Kept bool `json:"kept"`
	// Correct: no more wrong values than before, though there may be fewer
	// values.
	Correct bool   `json:"correct_though_degraded"`
	Passed  bool   `json:"passed"`
	Why     string `json:"why,omitempty"`
}

// A BehaviourReport is a run of experiments with answers.
type BehaviourReport struct {
	Schema   int                `json:"schema_version"`
	Outputs  int                `json:"outputs"`
	Bound    float64            `json:"bound"`
	Seed     uint64             `json:"seed"`
	Outcomes []BehaviourOutcome `json:"outcomes"`
	Found    int                `json:"chaos_detected"`
	Total    int                `json:"chaos_total"`
}

// Passed reports whether every experiment met its criterion.
func (r *BehaviourReport) Passed() bool {
	return !slices.ContainsFunc(r.Outcomes, func(o BehaviourOutcome) bool { return !o.Passed })
}

// RunBehaviour runs the experiments. Errors: invalid (options), and those of the
// embedder and the store.
func RunBehaviour(ctx context.Context, opt BehaviourOptions) (*BehaviourReport, error) {
	opt.Outputs, opt.Stable = cmp.Or(opt.Outputs, 500), cmp.Or(opt.Stable, 0.05)
	if opt.Outputs < LeastOutputs {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%d outputs say nothing of a few percent", opt.Outputs).WithHint("compare at least %d; 500 are usual", LeastOutputs)
	}
	all := Behaviours()
	for _, name := range opt.Only {
		if !slices.ContainsFunc(all, func(b Behaviour) bool { return b.Name == name }) {
			var names []string
			for _, b := range all {
				names = append(names, b.Name)
			}
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "there is no experiment %q", name).WithHint("there are %s", strings.Join(names, ", "))
		}
	}
	if len(opt.Only) > 0 {
		all = slices.DeleteFunc(all, func(b Behaviour) bool { return !slices.Contains(opt.Only, b.Name) })
	}
	rep := &BehaviourReport{Schema: SchemaVersion, Outputs: opt.Outputs, Bound: opt.Stable, Seed: opt.Seed, Total: len(all)}
	w := newWords(opt.Outputs, opt.Seed)
	healthy, err := w.play(ctx, opt, &stage{})
	if err != nil {
		return nil, err
	}
	for i, b := range all {
		if opt.Step != nil {
			opt.Step(i, len(all))
		}
		faulty := &stage{}
		b.breaks(faulty)
		under, err := w.play(ctx, opt, faulty)
		if err != nil {
			return nil, err
		}
		after, err := w.play(ctx, opt, &stage{})
		if err != nil {
			return nil, err
		}
		o := judgeBehaviour(b, opt, healthy, under, after)
		rep.Outcomes = append(rep.Outcomes, o)
		if o.Found {
			rep.Found++
		}
	}
	return rep, nil
}

// judgeBehaviour holds what was seen against the criterion.
func judgeBehaviour(b Behaviour, opt BehaviourOptions, before, under, after *played) BehaviourOutcome {
	o := BehaviourOutcome{Behaviour: b, Outputs: len(under.scores), Before: mean(before.scores), WrongBefore: mean(before.wrong), WrongUnder: mean(under.wrong), Kept: under.kept}
	o.Under = compareScores(before, under, opt.Seed)
	o.After = compareScores(before, after, opt.Seed)
	o.Stable = o.Under.Lo >= -opt.Stable
	o.Recovered = o.After.Lo >= -opt.Stable && after.kept
	fired := map[string]int{}
	what := map[string]string{}
	see := func(detector string, at int, detail string) {
		if _, ok := fired[detector]; !ok {
			fired[detector], what[detector] = at, detail
		}
	}
	if run := under.canaries; true {
		base := observe.Baseline{Queries: before.canaries.Scores}
		if run.JudgeCanaries(base, under.canaries); run.Tripped {
			see(ByCanaries, 1, run.Reason)
		}
	}
	if under.cutAt > 0 {
		see(ByHandover, under.cutAt, "a passage reached the question otherwise than it was indexed")
	}
	if under.conflictAt > 0 && len(under.conflicts) > 0 {
		see(ByConflict, under.conflictAt, under.conflicts[0].String())
	}
	// The live baseline is what the healthy stage answered; windows follow one
	// another as they would live.
	base := observe.Baseline{Version: "healthy", Answers: before.answers[:50]}
	for end := min(observe.Window, len(under.answers)); end <= len(under.answers); end += observe.Window {
		rep := observe.Judge(base, under.answers[:end], nil, observe.Default(), opt.Seed)
		for _, f := range rep.Findings {
			if f.Drifted {
				see(f.Signal, end, f.Detail)
			}
		}
	}
	for d := range fired {
		o.By = append(o.By, d)
	}
	slices.SortFunc(o.By, func(x, y string) int {
		return cmp.Or(-cmp.Compare(b2i(x == b.Detector), b2i(y == b.Detector)), cmp.Compare(fired[x], fired[y]), cmp.Compare(x, y))
	})
	o.At, o.Found = fired[b.Detector], fired[b.Detector] > 0
	o.What = what[b.Detector]
	var g float64
	for _, a := range under.answers {
		g += a.Grounded
	}
	o.Grounded = g / float64(len(under.answers))
	o.Correct = o.WrongUnder <= o.WrongBefore+0.01
	var why []string
	for _, c := range []struct {
		ok  bool
		why string
	}{
		{o.Found, "its detector did not fire"}, {!windowed(b.Detector) || o.At <= 2*observe.Window, "its detector fired too late"}, {o.Recovered, "the score after recovery is not stable"},
		{o.Kept, "an id, a unit or a category was lost on the way"}, {o.Correct, "wrong values were believed"},
		{b.Detector != observe.Latency || o.Stable, "the answers changed"},
	} {
		if !c.ok {
			why = append(why, c.why)
		}
	}
	o.Passed, o.Why = len(why) == 0, strings.Join(why, "; ")
	return o
}

// windowed are the detectors that see windows of answers: two are what they get.
func windowed(detector string) bool {
	return detector == observe.Latency || detector == observe.Grounded || detector == observe.Traces
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func compareScores(before, now *played, seed uint64) stats.Difference {
	pairs := make([]stats.Pair, len(now.scores))
	for i := range pairs {
		pairs[i] = stats.Pair{ID: fmt.Sprint(i), Base: []float64{before.scores[i]}, Now: now.scores[i]}
	}
	return stats.Compare(pairs, 0.95, 2000, seed)
}

func mean(x []float64) float64 {
	var s float64
	for _, v := range x {
		s += v
	}
	return s / float64(max(1, len(x)))
}

// A stage is a parse stage with its faults; the zero one is healthy.
type stage struct {
	stale  bool
	loss   float64       // share of the index that is gone
	cut    float64       // what is left of each passage; 0 is all
	delay  time.Duration // between stages
	poison bool
	mind   Mind
	lost   string // of the prompt
}

// played is what a stage answered.
type played struct {
	scores, wrong []float64
	answers       []observe.Answer
	canaries      observe.CanaryRun
	conflicts     []retrieve.Conflict
	// cutAt and conflictAt are the outputs whose records said so first.
	cutAt, conflictAt int
	kept              bool
}

// A lossy chat loses a sentence of the system prompt on the way.
type lossy struct {
	model.Chat
	lost string
}

func (l lossy) Complete(ctx context.Context, req model.Request) (model.Reply, error) {
	req.System = strings.ReplaceAll(req.System, l.lost, "")
	return l.Chat.Complete(ctx, req)
}

// play has the stage answer every item.
func (w *wordsWorld) play(ctx context.Context, opt BehaviourOptions, s *stage) (*played, error) {
	mind := s.mind
	if mind == nil {
		mind = strong
	}
	chat, done, err := opt.Serve(mind)
	if err != nil {
		return nil, err
	}
	defer done()
	if s.lost != "" {
		chat = lossy{chat, s.lost}
	}
	now := time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	docs := w.documents(s)
	space := &moving{Embedder: opt.Embedder, moved: s.stale, seed: opt.Seed}
	index, err := retrieve.New(ctx, opt.Pack, space, docs)
	if err != nil {
		return nil, err
	}
	space.moved = false
	out := &played{kept: true, conflicts: index.Conflicts()}
	find := func(ctx context.Context, q string, k int) ([]string, error) {
		hits, err := index.Find(ctx, retrieve.Query{Text: q, Category: "screw", Stage: retrieve.Parsing, K: k})
		var ids []string
		for _, h := range hits {
			ids = append(ids, h.ID)
		}
		return ids, err
	}
	if out.canaries, err = observe.AskCanaries(ctx, "behaviour", w.canaries, 3, find, clock); err != nil {
		return nil, err
	}
	client := model.NewClient(model.Client{Chat: chat, Store: opt.Store, Model: "openai:simulated", Now: clock,
		Limits: model.Limits{Timeout: 30 * time.Second, Tries: 3, Concurrency: 1, DayMicros: -1, DayTokens: -1}})
	llm, err := parse.NewLLM(opt.Pack, client, opt.Prompts, parse.LLMOptions{Fresh: true, Retrieve: func(ctx context.Context, item pipeline.Item, sc *knowledge.Schema) ([]parse.Passage, error) {
		now = now.Add(s.delay)
		hits, err := index.Find(ctx, retrieve.Query{Text: asks(item.Source), Category: sc.Category, Stage: retrieve.Parsing, K: 6})
		if err != nil {
			return nil, err
		}
		var ps []parse.Passage
		for _, h := range hits {
			if h.Kind != retrieve.Document {
				continue
			}
			text := h.Title + ": " + h.Text
			if s.cut > 0 {
				text = text[:int(s.cut*float64(len(text)))]
			}
			ps = append(ps, parse.Passage{ID: h.ID, Text: text, Sum: h.Sum, Conflict: h.Conflict})
		}
		return ps, nil
	}})
	if err != nil {
		return nil, err
	}
	rules := parse.New(opt.Pack, parse.NewRules(opt.Pack), parse.Options{})
	p := parse.New(opt.Pack, parse.NewRules(opt.Pack), parse.Options{Second: llm})
	for i, it := range w.items {
		begin := now
		rec, err := p.Parse(ctx, it.item)
		if err != nil {
			return nil, err
		}
		// A question takes as long as its answer is long, on a clock of its own.
		asked := 0
		for _, st := range rec.Trace {
			if st.Did == "asked" {
				asked++
			}
		}
		now = now.Add(time.Duration(asked) * (300 + time.Duration(i%7)*20) * time.Millisecond)
		if rec.HasFlag(parse.Handover) && out.cutAt == 0 {
			out.cutAt = i + 1
		}
		if rec.HasFlag(parse.DocumentConflict) && out.conflictAt == 0 {
			out.conflictAt = i + 1
		}
		plain, err := rules.Parse(ctx, it.item)
		if err != nil {
			return nil, err
		}
		score, wrong := it.score(&rec)
		out.scores, out.wrong = append(out.scores, score), append(out.wrong, wrong)
		out.kept = out.kept && it.kept(&rec, &plain)
		out.answers = append(out.answers, observe.Score(observe.Reading{
			Item: it.item, Record: rec, Rules: &plain, Version: observe.Version{Model: "simulated"}, At: begin,
			Model: "openai:simulated", LatencyMS: float64(now.Sub(begin).Milliseconds()),
		}))
	}
	return out, nil
}
