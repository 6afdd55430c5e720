package retrieve

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
)

// A Question is one of a set by which recall is measured.
type Question struct {
	Stage Stage
	Text  string
	// Any of these passages answers it.
	Any []string
}

// ReadQuestions reads one question per line: stage | question | id, id. Empty
// lines and lines with # are left out. Error: invalid, with the line.
func ReadQuestions(r io.Reader) ([]Question, error) {
	sc := bufio.NewScanner(r)
	var out []Question
	for line := 1; sc.Scan(); line++ {
		text := strings.TrimSpace(sc.Text())
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		parts := strings.Split(text, "|")
		if len(parts) != 3 {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "line %d: a question is stage | question | ids", line)
		}
		q := Question{Stage: Stage(strings.TrimSpace(parts[0])), Text: strings.TrimSpace(parts[1])}
		for _, id := range strings.Split(parts[2], ",") {
			if id = strings.TrimSpace(id); id != "" {
				q.Any = append(q.Any, id)
			}
		}
		if len(q.Any) == 0 {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "line %d: a question needs the id of a passage that answers it", line)
		}
		out = append(out, q)
	}
	if err := sc.Err(); err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "questions: %w", err)
	}
	return out, nil
}

// Recall is the share of the questions of each stage that have an answer among
// the first k hits, and the questions that have none. A question that names a
// passage that does not exist is an error of code not_found.
func (x *Index) Recall(ctx context.Context, qs []Question, k int) (map[Stage]float64, []Question, error) {
	found, total := map[Stage]float64{}, map[Stage]float64{}
	var missed []Question
	for _, q := range qs {
		for _, id := range q.Any {
			if p, ok := x.Passage(id); !ok || !p.Serves(q.Stage) {
				return nil, nil, pipeline.Errorf(pipeline.CodeNotFound, "the question %q is answered by %q, which is no passage for %s", q.Text, id, q.Stage)
			}
		}
		hits, err := x.Find(ctx, Query{Text: q.Text, Stage: q.Stage, K: k})
		if err != nil {
			return nil, nil, fmt.Errorf("question %q: %w", q.Text, err)
		}
		total[q.Stage]++
		if answered(q, hits) {
			found[q.Stage]++
		} else {
			missed = append(missed, q)
		}
	}
	out := map[Stage]float64{}
	for s, n := range total {
		out[s] = found[s] / n
	}
	return out, missed, nil
}

func answered(q Question, hits []Hit) bool {
	for _, h := range hits {
		for _, id := range q.Any {
			if h.ID == id {
				return true
			}
		}
	}
	return false
}
