package pages

import (
	_ "embed"
	"fmt"
	"slices"

	"github.com/assay-pipeline/assay/evals"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/page"
)

//go:embed evals.html
var evalsSource string

var evalsPage = template("evals", evalsSource)

//go:embed run.html
var runSource string

var runPage = template("run", runSource+evals.RunTemplate)

// runsPerPage is how many runs the list has; the trend of a run goes back over as
// many.
const runsPerPage = 60

func (p *Pages) evalRoutes() {
	p.page("evals", "GET /evals", "listFeeds", p.evals)
	p.page("eval", "GET /evals/{run}", "listFeeds", p.evalRun)
}

type evalsView struct {
	Suite  string
	Suites []choice
	Latest []runRow // of each suite
	Runs   []runRow
	Pager  pager
}

type runRow struct {
	ID, To, Suite, SuiteTo, Kind, At, Judgement, Score, Change, Cases, Errors, Moved string
	Line                                                                             *page.Line
}

// evals lists the runs, the latest first; suite= selects those of one.
func (p *Pages) evals(v *visit) (*screen, error) {
	suite := v.URL.Query().Get("suite")
	runs, err := p.opt.Evals.Runs(v.Context(), evals.RunFilter{Suite: suite, Limit: runsPerPage})
	if err != nil {
		return nil, err
	}
	out := evalsView{Suite: page.Short(suite, 100)}
	bySuite := map[string][]evals.Run{}
	var names []string
	for _, r := range runs {
		if bySuite[r.Suite] == nil {
			names = append(names, r.Suite)
		}
		bySuite[r.Suite] = append(bySuite[r.Suite], r)
		out.Runs = append(out.Runs, rowOfRun(&r))
	}
	slices.Sort(names)
	for _, name := range names {
		latest := rowOfRun(&bySuite[name][0])
		vs := []page.Value{}
		low := 1.0
		for _, r := range bySuite[name] {
			low = min(low, r.Score)
		}
		for _, r := range slices.Backward(bySuite[name]) {
			if r.Judgement == evals.Unfinished {
				continue
			}
			x := page.Value{Y: r.Score - max(0, low-0.02)}
			if r.Judgement == evals.Tripped {
				x.Class, x.Title = "failed", moment(r.At)+" tripped"
			}
			vs = append(vs, x)
		}
		if len(vs) > 1 {
			l := page.Draw(fmt.Sprintf("score of %d runs, now %s", len(vs), latest.Score), 160, 28, 0, 0, 0.02, vs)
			latest.Line = &l
		}
		out.Latest = append(out.Latest, latest)
	}
	return &screen{Title: "Evals", Here: "/evals", Main: out, t: evalsPage}, nil
}

func rowOfRun(r *evals.Run) runRow {
	row := runRow{ID: pipeline.ShortID(r.ID), To: to([]string{"evals", r.ID}), Suite: page.Short(r.Suite, 100), SuiteTo: to([]string{"evals"}, "suite", r.Suite), Kind: string(r.Kind), At: moment(r.At), Judgement: string(r.Judgement),
		Score: fmt.Sprintf("%.3f", r.Score), Cases: count(int64(r.Cases)), Errors: count(int64(r.Errors))}
	if d := r.Difference; d != nil {
		row.Change = fmt.Sprintf("%+.2f (%+.2f to %+.2f)", 100*d.Mean, 100*d.Lo, 100*d.Hi)
	}
	if r.Moved != nil {
		row.Moved = page.Short(r.Moved.Key+" "+r.Moved.Value, 100)
	}
	return row
}

type runView struct {
	Run       evals.View
	Short     string
	SuiteTo   string
	Baselines []fact
}

// evalRun shows a run against its baseline, with the runs before it.
func (p *Pages) evalRun(v *visit) (*screen, error) {
	id := v.PathValue("run")
	r, err := p.opt.Evals.Run(v.Context(), id)
	if pipeline.ErrorCode(err) == pipeline.CodeNotFound {
		return nil, pipeline.Errorf(pipeline.CodeNotFound, "there is no run %q of the evals", cut(id))
	}
	if err != nil {
		return nil, err
	}
	results, err := p.opt.Evals.Results(v.Context(), r.ID)
	if err != nil {
		return nil, err
	}
	before, err := p.opt.Evals.Runs(v.Context(), evals.RunFilter{Suite: r.Suite, Limit: runsPerPage})
	if err != nil {
		return nil, err
	}
	rep := evals.Report{Run: &r, Results: results, History: before}
	out := runView{Run: rep.Brief(), Short: pipeline.ShortID(r.ID), SuiteTo: to([]string{"evals"}, "suite", r.Suite)}
	locked, err := p.opt.Evals.Baselines(v.Context(), r.Suite)
	if err != nil {
		return nil, err
	}
	for _, b := range locked[:min(len(locked), 5)] {
		out.Baselines = append(out.Baselines, fact{moment(b.At), page.Text(pipeline.ShortID(b.Run) + " by " + b.By + " " + b.Note)})
	}
	return &screen{Title: page.Short(r.Suite, 100) + ", " + string(r.Judgement), Here: "/evals", Main: out, t: runPage}, nil
}
