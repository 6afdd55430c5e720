package evals

import (
	"context"
	"slices"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/embed"
	"github.com/assay-pipeline/assay/pipeline/guard"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/knowledge/retrieve"
	"github.com/assay-pipeline/assay/pipeline/model"
)

// A Reader reads an item; a parse.Parser does.
type Reader interface {
	Parse(ctx context.Context, item pipeline.Item) (pipeline.Record, error)
}

// An Auditor judges what a reader made, independently of it; a parse.Parser
// does.
type Auditor interface {
	Audit(r *pipeline.Record) []guard.Finding
	Ground(ctx context.Context, source, field, value string) (guard.Verdict, error)
}

// A Retriever finds passages; a retrieve.Index does.
type Retriever interface {
	Find(ctx context.Context, q retrieve.Query) ([]retrieve.Hit, error)
}

// A Matcher judges the pairs of a catalog; a catalog.Matcher does.
type Matcher interface {
	Pairs(ctx context.Context, all []catalog.Entry, changed []string) ([]catalog.Match, error)
	Clusters(ctx context.Context, entries []catalog.Entry, matches []catalog.Match, previous []catalog.Cluster) ([]catalog.Cluster, []catalog.Change, error)
}

// An Explainer tells of a pair what keeps it apart; a catalog.Matcher does.
type Explainer interface {
	Explain(a, b *catalog.Entry) (catalog.Match, []catalog.Evidence)
}

// Calls finds what was asked of a model. Errors: not_found, unavailable.
type Calls interface {
	Call(ctx context.Context, id string) (model.Call, error)
}

// Versions are those of all that made the answers of a run. Two runs are only
// compared where the suite is the same; where something else differs, that is
// what the comparison is about, and it is named.
type Versions struct {
	// Suite is the hash of suite and golden set.
	Suite     string `json:"suite"`
	Program   string `json:"program,omitempty"`
	Contract  string `json:"contract,omitempty"`
	Knowledge string `json:"knowledge,omitempty"`
	Prompt    string `json:"prompt,omitempty"`
	Model     string `json:"model,omitempty"`
	Embedder  string `json:"embedder,omitempty"`
	Matcher   string `json:"matcher,omitempty"`
}

// A Changed is a version that differs between two runs.
type Changed struct {
	What string `json:"what"`
	Was  string `json:"was"`
	Is   string `json:"is"`
}

// Changes are the versions in which v differs from before.
func (v Versions) Changes(before Versions) (out []Changed) {
	for _, c := range []Changed{
		{"suite", before.Suite, v.Suite}, {"contract", before.Contract, v.Contract}, {"knowledge", before.Knowledge, v.Knowledge},
		{"prompt", before.Prompt, v.Prompt}, {"model", before.Model, v.Model}, {"embedder", before.Embedder, v.Embedder},
		{"matcher", before.Matcher, v.Matcher}, {"program", before.Program, v.Program},
	} {
		if c.Was != c.Is && (c.What != "program" || c.Was != "") { // committed baselines name no program
			out = append(out, c)
		}
	}
	return out
}

// A Subject is what suites ask: the configured parts of a pipeline. Parts that
// the tasks of a suite do not need may be nil.
type Subject struct {
	Pack      *knowledge.Pack
	Reader    Reader
	Auditor   Auditor
	Retriever Retriever
	Matcher   Matcher
	Explainer Explainer
	Embedder  embed.Embedder
	// Calls finds what a model was asked; nil where none is.
	Calls Calls
	// Canaries are words that only prompts hold.
	Canaries []string
	// Versions of all of it, without those of the suite.
	Versions Versions
	// Deterministic: the same case gets the same answer each time.
	Deterministic bool
	// Workers answer cases at the same time; 0 is one.
	Workers int
	Now     func() time.Time
}

// needs names the part that a task needs and that is not there.
func (s *Subject) needs(t Task) error {
	missing := ""
	switch {
	case s.Now == nil:
		missing = "a clock"
	case t != Retrieve && (s.Reader == nil || s.Pack == nil || s.Auditor == nil):
		missing = "a reader, an auditor and knowledge"
	case t == Retrieve && s.Retriever == nil:
		missing = "a retriever"
	case t == Match && (s.Matcher == nil || s.Explainer == nil):
		missing = "a matcher and who explains it"
	case (t == Match || t == Search) && s.Embedder == nil:
		missing = "an embedder"
	}
	if missing == "" {
		return nil
	}
	return pipeline.Errorf(pipeline.CodeInternal, "a suite of the task %s needs %s", t, missing)
}

// slicesOf are the parts of the suite that a case belongs to.
func (s *Subject) slicesOf(suite *Suite, c *Case) map[string]string {
	out := map[string]string{}
	meta := c.Meta
	if c.A != nil {
		meta = c.A.Meta
	}
	for _, key := range suite.Slices {
		v := c.Slices[key]
		if v == "" {
			switch key {
			case "kind":
				v = string(c.Kind)
			case "by":
				v = string(c.By)
			case "category":
				v = s.categoryOf(c)
			case "language":
				v = meta.Language
			case "plant":
				v = meta.Plant
			case "model":
				v = s.Versions.Model
			case "stage":
				v = string(c.Stage)
			case "check":
				v = string(c.Check)
			case "fault":
				v = string(c.Fault)
			}
		}
		if v != "" {
			out[key] = v
		}
	}
	return out
}

// categoryOf is the category that a case is about: that of the gold, else the
// one that the knowledge tells from the text.
func (s *Subject) categoryOf(c *Case) string {
	switch {
	case len(c.Want.Category) > 0:
		return c.Want.Category[0]
	case c.Category != "":
		return c.Category
	case c.A != nil && s.Pack != nil:
		name, _, _ := s.Pack.Classify(pipeline.Item{ID: "1", Source: c.A.Text, Meta: c.A.Meta})
		return name
	}
	return ""
}

// item is what a reader gets of a case.
func (c *Case) item() pipeline.Item {
	return pipeline.Item{ID: "evals/" + c.ID, Source: c.Text, Meta: c.Meta}
}

// hasFlag reports whether a record carries one of the codes.
func hasFlag(r *pipeline.Record, codes ...string) (string, bool) {
	for _, f := range r.Flags {
		if slices.Contains(codes, f.Code) {
			return f.Detail, true
		}
	}
	return "", false
}
