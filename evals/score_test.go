package evals

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/assay-pipeline/assay/pipeline"
)

// A scripted reader answers what the case says.
type scripted struct{ record pipeline.Record }

func (s scripted) Parse(_ context.Context, item pipeline.Item) (pipeline.Record, error) {
	r := s.record
	r.ID, r.Source, r.Meta = item.ID, item.Source, item.Meta
	return r, nil
}

// TestScores: testdata/score has files of cases (a line of a golden set each),
// the record that somebody answers, and what the scorers say of it.
func TestScores(t *testing.T) {
	files, err := filepath.Glob("testdata/score/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			altered := false
			for i := range ar.Files {
				name, want := strings.CutSuffix(ar.Files[i].Name, ".want")
				if !want {
					continue
				}
				got := scoreCase(t, ar, name)
				if got == string(ar.Files[i].Data) {
					continue
				}
				if !*update {
					t.Errorf("%s: got\n%swant\n%s", name, got, ar.Files[i].Data)
				}
				ar.Files[i].Data = []byte(got)
				altered = true
			}
			if altered && *update {
				if err := os.WriteFile(file, txtar.Format(ar), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func scoreCase(t *testing.T, ar *txtar.Archive, name string) string {
	t.Helper()
	var line, answer, rules []byte
	for _, f := range ar.Files {
		switch f.Name {
		case name + ".case":
			line = f.Data
		case name + ".trace":
			rules = f.Data
		case name + ".record":
			answer = f.Data
		}
	}
	cases, ps := ReadCases(name, []byte(strings.Join(strings.Fields(string(line)), " ")), Parse)
	if len(ps) > 0 || len(cases) != 1 {
		t.Fatalf("%s: %d cases, %v", name, len(cases), ps)
	}
	var r scripted
	if err := json.Unmarshal(answer, &r.record); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	for i := range r.record.Attributes { // spans from the texts
		a := &r.record.Attributes[i]
		if at := strings.Index(cases[0].Text, a.Text); a.Text != "" && at >= 0 {
			a.Span = pipeline.Span{Start: at, End: at + len(a.Text)}
		}
	}
	suite := &Suite{Invariants: invariantsOf[Parse]}
	if rules != nil {
		r := &suiteReader{file: name}
		if suite.Trace = r.trace(r.document(append([]byte("trace:\n"), rules...)).Content[1]); len(r.problems) > 0 {
			t.Fatalf("%s: %v", name, r.problems)
		}
	}
	s := rulesSubject(t)
	s.Reader, s.Canaries = r, []string{"c0ffee"}
	out := s.scoreParse(t.Context(), suite, &cases[0])
	var b strings.Builder
	if out.Error != "" {
		return "error " + out.Error + "\n"
	}
	for _, k := range sortedKeys(out.Values) {
		fmt.Fprintf(&b, "%s %.4f\n", k, out.Values[k])
	}
	for _, m := range out.Misses {
		fmt.Fprintf(&b, "miss %s\n", m)
	}
	for _, br := range out.Breaches {
		fmt.Fprintf(&b, "breach %s: %s\n", br.Invariant, br.Detail)
	}
	return b.String()
}
