package evals

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"
)

// Defaults of a suite.
const (
	DefaultTolerance = 0.02
	DefaultErrors    = 0.02
	DefaultK         = 5
)

// DefaultObserve is what an empty `observe:` means.
var DefaultObserve = Observe{SampleRate: 0.05, BaselineSize: 50, DriftThreshold: 0.15}

// LeastBaseline is the smallest live baseline that may be set.
const LeastBaseline = 50

var suiteName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z][a-z0-9-]{0,40}$`) })

// ReadSuite reads one suite. Every mistake is reported, with its line.
func ReadSuite(file string, src []byte) (*Suite, Problems) {
	r := &suiteReader{file: file}
	s := &Suite{File: file, Tolerance: DefaultTolerance, Errors: DefaultErrors, line: 1, at: map[string]int{}}
	doc := r.document(src)
	if doc == nil {
		return s, r.problems
	}
	for i := 0; i+1 < len(doc.Content); i += 2 {
		s.at[doc.Content[i].Value] = doc.Content[i].Line
	}
	r.mapping(doc, "a suite", map[string]func(*yaml.Node){
		"name":  func(n *yaml.Node) { s.Name = r.word(n, "name") },
		"title": func(n *yaml.Node) { s.Title = r.word(n, "title") },
		"task": func(n *yaml.Node) {
			if s.Task = Task(r.word(n, "task")); !slices.Contains(Tasks, s.Task) {
				r.fail(n, "there is no task %q; there are %s", s.Task, join(Tasks))
			}
		},
		"dataset":    func(n *yaml.Node) { s.Dataset = r.words(n, "dataset") },
		"catalog":    func(n *yaml.Node) { s.Catalog = r.word(n, "catalog") },
		"slices":     func(n *yaml.Node) { s.Slices = r.words(n, "slices") },
		"tolerance":  func(n *yaml.Node) { s.Tolerance = r.number(n, "tolerance", 0, 1) },
		"errors":     func(n *yaml.Node) { s.Errors = r.number(n, "errors", 0, 0.5) },
		"scorers":    func(n *yaml.Node) { s.Scorers = r.scorers(n) },
		"invariants": func(n *yaml.Node) { s.Invariants = r.invariants(n) },
		"trace":      func(n *yaml.Node) { s.Trace = r.trace(n) },
		"observe":    func(n *yaml.Node) { s.Observe = r.observe(n) },
	})
	r.check(s, doc)
	return s, r.problems
}

func (r *suiteReader) scorers(n *yaml.Node) (out []Scorer) {
	if n.Kind != yaml.SequenceNode {
		r.fail(n, "scorers must be a list such as - {type: f1, weight: 1, threshold: 0.95}")
		return nil
	}
	for _, c := range n.Content {
		sc := Scorer{line: c.Line}
		if c.Kind == yaml.ScalarNode { // the type alone only measures
			sc.Type = ScorerType(c.Value)
			out = append(out, sc)
			continue
		}
		r.mapping(c, "a scorer", map[string]func(*yaml.Node){
			"type":   func(n *yaml.Node) { sc.Type = ScorerType(r.word(n, "type")) },
			"weight": func(n *yaml.Node) { sc.Weight = r.number(n, "weight", 0, 1000) },
			"threshold": func(n *yaml.Node) {
				t := r.number(n, "threshold", 0, 1e9)
				sc.Threshold = &t
			},
			"k": func(n *yaml.Node) { sc.K = r.count(n, "k", 1, 100) },
		})
		out = append(out, sc)
	}
	return out
}

func (r *suiteReader) invariants(n *yaml.Node) (out []Invariant) {
	for _, w := range r.words(n, "invariants") {
		out = append(out, Invariant(w))
	}
	return out
}

func (r *suiteReader) observe(n *yaml.Node) *Observe {
	o := DefaultObserve
	if n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return &o
	}
	r.mapping(n, "observe", map[string]func(*yaml.Node){
		"sample_rate":     func(n *yaml.Node) { o.SampleRate = r.number(n, "sample_rate", 0, 1) },
		"baseline_size":   func(n *yaml.Node) { o.BaselineSize = r.count(n, "baseline_size", LeastBaseline, 100_000) },
		"drift_threshold": func(n *yaml.Node) { o.DriftThreshold = r.number(n, "drift_threshold", 0, 1) },
	})
	return &o
}

// check holds the parts of a suite against each other.
func (r *suiteReader) check(s *Suite, doc *yaml.Node) {
	line := func(key string) *yaml.Node {
		if l := s.at[key]; l > 0 {
			return &yaml.Node{Line: l}
		}
		return doc
	}
	if !suiteName().MatchString(s.Name) {
		r.fail(line("name"), "name %q must be lower case letters, digits and hyphens, a letter first", s.Name)
	} else if base := strings.TrimSuffix(path.Base(s.File), path.Ext(s.File)); base != s.Name {
		r.fail(line("name"), "the suite %s must stand in %s.yaml", s.Name, s.Name)
	}
	if s.Title == "" {
		s.Title = s.Name
	}
	if s.at["task"] == 0 {
		r.fail(doc, "names no task; there are %s", join(Tasks))
	}
	if len(s.Dataset) == 0 {
		r.fail(line("dataset"), "names no dataset: write dataset: golden/%s.jsonl", s.Name)
	}
	for _, f := range append(slices.Clone(s.Dataset), s.Catalog) {
		if f != "" && !fs.ValidPath(f) {
			r.fail(line("dataset"), "%q is no path within the folder of the evals", f)
		}
	}
	if (s.Task == Search) != (s.Catalog != "") {
		r.fail(line("catalog"), "a catalog belongs to the task search, and to no other")
	}
	if !slices.Contains(Tasks, s.Task) {
		return // what can score a task that is none
	}
	r.checkScorers(s, line("scorers"))
	asked := slices.Contains(s.Invariants, TraceRules) || slices.ContainsFunc(s.Scorers, func(sc Scorer) bool { return sc.Type == TraceScore })
	switch {
	case len(s.Trace) > 0 && !TraceScore.fits(s.Task):
		r.fail(line("trace"), "the task %s makes no decision trace", s.Task)
	case len(s.Trace) > 0 && !asked:
		r.fail(line("trace"), "nothing looks at the trace: name the invariant %s or the scorer %s", TraceRules, TraceScore)
	case len(s.Trace) == 0 && asked:
		r.fail(doc, "%s and %s need rules: write trace: [{name: …, step: asked, max: 3}]", TraceRules, TraceScore)
	}
	for _, inv := range s.Invariants {
		if !slices.Contains(invariantsOf[s.Task], inv) {
			r.fail(line("invariants"), "the task %s cannot judge the invariant %q; it judges %s", s.Task, inv, orNone(join(invariantsOf[s.Task])))
		}
	}
}

func (r *suiteReader) checkScorers(s *Suite, at *yaml.Node) {
	if len(s.Scorers) == 0 {
		r.fail(at, "names no scorer; the task %s has %s", s.Task, scorersOf(s.Task))
		return
	}
	weight := 0.0
	seen := map[string]bool{}
	for i := range s.Scorers {
		sc := &s.Scorers[i]
		n := &yaml.Node{Line: sc.line}
		kind, known := scorerKinds[sc.Type]
		switch {
		case !known || !sc.Type.fits(s.Task):
			r.fail(n, "the task %s has no scorer %q; it has %s", s.Task, sc.Type, scorersOf(s.Task))
			continue
		case kind.measure && sc.Weight > 0:
			r.fail(n, "%s is a figure of the whole run and has no weight", sc.Type)
		}
		ranked := kind.k && (s.Task == Retrieve || s.Task == Search)
		switch {
		case ranked && sc.K == 0:
			sc.K = DefaultK
		case !ranked && sc.K != 0:
			r.fail(n, "k belongs to retrieval and search, not to %s of %s", sc.Type, s.Task)
			sc.K = 0
		}
		if sc.Threshold != nil && *sc.Threshold > 1 && !kind.measure {
			r.fail(n, "the threshold of %s lies from 0 to 1", sc.Type)
		}
		if seen[sc.Name()] {
			r.fail(n, "the scorer %s is there twice", sc.Name())
		}
		seen[sc.Name()] = true
		weight += sc.Weight
	}
	if weight == 0 {
		r.fail(at, "no scorer has a weight, so there is no score to compare")
	}
}

func join[T ~string](xs []T) string {
	out := make([]string, len(xs))
	for i, x := range xs {
		out[i] = string(x)
	}
	return strings.Join(out, ", ")
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}
