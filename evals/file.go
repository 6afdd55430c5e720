package evals

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
)

// WriteBaseline writes a locked run as a file that can be committed: the run on
// the first line, then one case per line. What differs from machine to machine
// (latencies, the program's version) is left out, and what was asked is in the
// golden set.
func WriteBaseline(w io.Writer, run Run, results []Result) error {
	run.Seconds, run.Versions.Program = 0, ""
	run.Figures = slices.DeleteFunc(slices.Clone(run.Figures), func(f Figure) bool { return strings.HasPrefix(f.Scorer, "latency-") })
	run.Reliability = nil
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(run); err != nil {
		return pipeline.Errorf(pipeline.CodeUnavailable, "writing a baseline: %w", err)
	}
	for _, r := range results {
		r.Last.Spent, r.Last.Beliefs, r.Last.Text = Spent{}, nil, ""
		if err := enc.Encode(r); err != nil {
			return pipeline.Errorf(pipeline.CodeUnavailable, "writing a baseline: %w", err)
		}
	}
	return nil
}

// ReadBaseline reads what WriteBaseline wrote. Errors: invalid, with the line.
func ReadBaseline(file string, src []byte) (*LockedRun, error) {
	out := &LockedRun{}
	var ps Problems
	first := true
	seen := map[string]bool{}
	eachLine(file, src, &ps, func(line int, b []byte) {
		if first {
			first = false
			if err := json.Unmarshal(b, &out.Run); err != nil {
				ps.add(file, line, "is not the run of a baseline: %v", err)
				return
			}
			if out.Run.SchemaVersion != SchemaVersion {
				ps.add(file, line, "has the schema version %d; this program reads %d", out.Run.SchemaVersion, SchemaVersion)
			}
			return
		}
		var r Result
		switch err := json.Unmarshal(b, &r); {
		case err != nil:
			ps.add(file, line, "is not the result of a case: %v", err)
		case r.Case == "" || seen[r.Case]:
			ps.add(file, line, "the case %q has no id, or stood above", r.Case)
		}
		for _, s := range r.Scores {
			if s < 0 || s > 1 {
				ps.add(file, line, "the score %g is not from 0 to 1", s)
			}
		}
		seen[r.Case] = true
		out.Results = append(out.Results, r)
	})
	if len(ps) == 0 && (first || len(out.Results) != out.Run.Cases) {
		ps.add(file, 1, "holds %d cases of %d: it was cut", len(out.Results), out.Run.Cases)
	}
	if len(ps) > 0 {
		ps.sort()
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "a baseline does not read:\n%w", ps).WithHint("`assay eval lock --to` writes it anew")
	}
	return out, nil
}

// BaselineFile finds the committed baseline of a suite in a folder. Errors:
// not_found, those of ReadBaseline.
func BaselineFile(fsys fs.FS, dir, suite string) (*LockedRun, error) {
	file := path.Join(dir, suite+".jsonl")
	src, err := fs.ReadFile(fsys, file)
	if err != nil {
		return nil, pipeline.Errorf(pipeline.CodeNotFound, "the suite %s has no baseline in %s: %w", suite, dir, err).
			WithHint("assay eval lock %s --to %s writes one", suite, dir)
	}
	return ReadBaseline(file, bytes.TrimPrefix(src, []byte("\ufeff")))
}
