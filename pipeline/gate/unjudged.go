package gate

import (
	"github.com/assay-pipeline/assay/pipeline"
)

// Unjudged is the report of a file that could not be reached or read: verdict
// error, with the problem, and no check judged.
func (g *Gate) Unjudged(source string, err error) *Report {
	r := &run{g: g, in: Input{Name: source}, opt: Options{}.withDefaults(), tally: make([]count, len(g.rules)),
		samples: make([][]Sample, len(g.rules)), prof: newProfiler(g)}
	rep := r.report(err)
	rep.Problem.Code = pipeline.ErrorCode(err)
	return rep
}
