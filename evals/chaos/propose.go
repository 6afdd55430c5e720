package chaos

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/assay-pipeline/assay/pipeline/contract"
)

// A Proposal is a clause that the contract lacks.
type Proposal struct {
	// Faults that nothing, or not the named detector, found without it.
	Faults []string `json:"faults"`
	// Missed are those of them that nothing found.
	Missed []string `json:"missed,omitempty"`
	// Patch is a unified diff of the contract file.
	Patch string `json:"patch"`
	// Caught are those that the named detector found in the second run.
	Caught []string `json:"caught"`
	// Problem says why it could not be tried.
	Problem string `json:"problem,omitempty"`
}

// trial is how many batches of the clean twin a patched contract has to pass.
const trial = 30

// propose writes a patch for each fault whose strongest form the named detector
// missed, puts all of them into the contract, and runs those faults again.
func (r *runner) propose(ctx context.Context, rep *Report) error {
	if r.opt.Document == nil {
		return nil
	}
	name := r.opt.Feed.Name
	src := r.opt.Document.Bytes()
	patched := r.opt.Document
	var again []*Fault
	for i := range r.faults {
		f := &r.faults[i]
		e := rep.Experiments[i*len(Strengths)+strongest]
		if e.Outcome == Named || f.Clause == nil {
			continue
		}
		alone, err := contract.Parse(r.opt.Document.File(), src)
		if err != nil {
			return err
		}
		p := Proposal{Faults: []string{f.Name}, Caught: []string{}}
		if e.Outcome == Missed {
			p.Missed = []string{f.Name}
		}
		if err := f.Clause(alone, name); err != nil {
			p.Problem = err.Error()
			rep.Proposals = append(rep.Proposals, p)
			continue
		}
		p.Patch = diff(alone.File(), string(src), string(alone.Bytes()))
		again = append(again, f)
		if j := slices.IndexFunc(rep.Proposals, func(o Proposal) bool { return o.Patch == p.Patch }); j >= 0 {
			rep.Proposals[j].Faults = append(rep.Proposals[j].Faults, f.Name)
			rep.Proposals[j].Missed = append(rep.Proposals[j].Missed, p.Missed...)
			continue
		}
		next, err := contract.Parse(patched.File(), patched.Bytes())
		if err != nil {
			return err
		}
		if err := f.Clause(next, name); err != nil {
			p.Problem = err.Error()
		} else {
			patched = next
		}
		rep.Proposals = append(rep.Proposals, p)
	}
	if len(again) == 0 {
		return nil
	}
	f, err := patched.Feed(name)
	if err != nil {
		return err
	}
	return r.tryAgain(ctx, rep, scratchFeed(f), again)
}

// tryAgain is the second run, with everything that was proposed.
func (r *runner) tryAgain(ctx context.Context, rep *Report, f *contract.Feed, faults []*Fault) error {
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(r.opt.Workers)
	caught := make([]bool, len(faults))
	r.mu.Lock()
	r.all += len(faults) + min(trial, r.opt.Clean)
	r.mu.Unlock()
	g.Go(func() error {
		trips, err := r.clean(gctx, f, min(trial, r.opt.Clean))
		rep.PatchedTrips = len(trips)
		for _, t := range trips {
			rep.Trips = append(rep.Trips, "patched: "+t)
		}
		return err
	})
	for i, x := range faults {
		g.Go(func() error {
			e, err := r.experiment(gctx, f, x, strongest)
			caught[i] = e.Outcome == Named
			r.step(1)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, x := range faults {
		for j := range rep.Proposals {
			if p := &rep.Proposals[j]; caught[i] && slices.Contains(p.Faults, x.Name) {
				p.Caught = append(p.Caught, x.Name)
			}
		}
	}
	return nil
}

// diff is a unified diff of one change: what is the same at both ends is left
// out but for three lines.
func diff(file, old, new string) string {
	a, b := strings.SplitAfter(old, "\n"), strings.SplitAfter(new, "\n")
	start := 0
	for start < len(a) && start < len(b) && a[start] == b[start] {
		start++
	}
	end := 0
	for end < len(a)-start && end < len(b)-start && a[len(a)-1-end] == b[len(b)-1-end] {
		end++
	}
	const around = 3
	from, till := max(start-around, 0), min(end, around)
	var out strings.Builder
	fmt.Fprintf(&out, "--- a/%s\n+++ b/%s\n@@ -%d,%d +%d,%d @@\n", file, file, from+1, len(a)-end+till-from, from+1, len(b)-end+till-from)
	write := func(mark string, lines []string) {
		for _, l := range lines {
			if l == "" {
				continue
			}
			out.WriteString(mark + strings.TrimSuffix(l, "\n") + "\n")
		}
	}
	write(" ", a[from:start])
	write("-", a[start:len(a)-end])
	write("+", b[start:len(b)-end])
	write(" ", a[len(a)-end:len(a)-end+till])
	return out.String()
}
