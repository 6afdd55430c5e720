package parse

import (
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/guard"
)

// Audit holds a finished record anew against its text, its schema and the
// entries that it names, and changes nothing. A record that went through Parse
// has no finding whose action is to take a value out: one that has was made
// otherwise, or the guard has a hole. Of an item of no category there is nothing
// to say.
func (ps *Parser) Audit(r *pipeline.Record) []guard.Finding {
	s, ok := ps.pack.Schema(r.Category)
	if !ok {
		return nil
	}
	g := ps.guards[s.Category]
	g.Language = language(r.Meta.Language)
	g.Entry = func(name string) (guard.Entry, bool) { return ps.entry(s, r, name) }
	k, _ := ps.checkers.Get().(*guard.Checker)
	defer ps.checkers.Put(k)
	return k.Check(r.Source, r, g)
}

// Canary is the word that only the instructions of the prompts hold: where it
// comes back, a model was made to repeat them.
func (x *LLM) Canary() string { return x.canary }
