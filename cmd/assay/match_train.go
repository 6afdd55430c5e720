package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog/learn"
)

func (c *cli) matchTrainCommand() *cobra.Command {
	var labels, left, right, out string
	cmd := &cobra.Command{
		Use:   "train",
		Short: "Train the matcher on pairs that people judged",
		Long: `Train the matcher on labelled pairs: a CSV with the columns ltable_id,
rtable_id, label (1: the same thing, 0: two), or a, b, verdict as assay match
--csv writes it. A file that contradicts itself is refused, with the lines.

Without --a and --b the ids are those of the catalog, what people decided in the
review queue is learned too, and the model is stored: from then on it judges
the pairs that the rules leave to people. It never overrules a conflict in a
critical attribute. With --a and --b the pairs are of two files, and the model
is written to --out.

The same labels give the same model.`,
		Example: `  assay match train
  assay match train --labels pairs.csv
  assay match train --labels train.csv --a tableA.csv --b tableB.csv --out model.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			var ls []learn.Label
			if labels != "" {
				var err error
				if ls, err = readLabels(labels); err != nil {
					return err
				}
			}
			var m *learn.Model
			switch {
			case (left == "") != (right == ""):
				return pipeline.Errorf(pipeline.CodeInvalid, "--a and --b go together")
			case left != "":
				if labels == "" || out == "" {
					return pipeline.Errorf(pipeline.CodeInvalid, "pairs of two files need --labels, and --out for the model").WithHint("without --a and --b the model is trained on the catalog and stored there")
				}
				s, err := readSpace(left, right)
				if err != nil {
					return err
				}
				if m, err = learn.Train(cmd.Context(), s, ls); err != nil {
					return err
				}
			default:
				a, err := c.open()
				if err != nil {
					return err
				}
				defer a.Close()
				l, err := a.Learn(cmd.Context())
				if err != nil {
					return err
				}
				if m, err = l.Train(cmd.Context(), ls); err != nil {
					return err
				}
			}
			if out != "" {
				if err := writeFile(out, m.Write); err != nil {
					return err
				}
			}
			return c.printTraining(m, out)
		},
	}
	f := cmd.Flags()
	f.StringVar(&labels, "labels", "", "CSV of labelled pairs (default: the decisions in the review queue alone)")
	f.StringVar(&left, "a", "", "CSV of the first catalog, the id in its first column")
	f.StringVar(&right, "b", "", "CSV of the second catalog")
	f.StringVar(&out, "out", "", "also write the model to this file")
	return cmd
}

func (c *cli) printTraining(m *learn.Model, out string) error {
	t := m.Training
	if c.json() {
		return c.printJSON(map[string]any{"schema_version": 1, "model": t, "threshold": m.Threshold, "file": out})
	}
	fmt.Fprintf(c.stdout, "model %s: %s, %d of them the same thing\n", pipeline.ShortID(t.Hash), count(t.Pairs, "pair"), t.Matching)
	fmt.Fprintf(c.stdout, "F1 on pairs that it had not seen: %.3f (regression %.3f, trees %.3f, trees with competitors %.3f)\n", t.Mixed, t.Logistic, t.Trees, t.Competition)
	return nil
}

func (c *cli) matchEvalCommand() *cobra.Command {
	var left, right, train, valid, test, model string
	cmd := &cobra.Command{
		Use:   "eval",
		Short: "Measure the matcher on labelled pairs of two files",
		Long: `Train on the pairs of --train and judge those of --valid and --test: F1,
precision and recall of the model with competitors, of the model that looks at a
pair alone, and of the rules, which need no labels; and the share of matching
pairs that are among the ten nearest of either record.

The pairs of --valid are judged by a model that learned from --train alone,
those of --test by one that learned from --train and --valid, which is what one
would use: more labels make a better model. Nothing is ever chosen on --test.

The tables are CSV files with the id in the first column; label files have the
columns ltable_id, rtable_id, label. Pairs that two label files judge
differently, or that stand in two of them, are said.`,
		Example: `  assay match eval --a tableA.csv --b tableB.csv --train train.csv --valid valid.csv --test test.csv`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if left == "" || right == "" || valid == "" && test == "" {
				return pipeline.Errorf(pipeline.CodeInvalid, "--a, --b and at least one of --valid and --test are needed").WithHint("assay match eval --help has an example")
			}
			if train != "" && model != "" {
				return pipeline.Errorf(pipeline.CodeInvalid, "--train and --model exclude each other")
			}
			return c.matchEval(cmd, left, right, train, model, []string{valid, test})
		},
	}
	f := cmd.Flags()
	f.StringVar(&left, "a", "", "CSV of the first catalog")
	f.StringVar(&right, "b", "", "CSV of the second catalog")
	f.StringVar(&train, "train", "", "labelled pairs to learn from")
	f.StringVar(&valid, "valid", "", "labelled pairs to judge")
	f.StringVar(&test, "test", "", "more labelled pairs to judge")
	f.StringVar(&model, "model", "", "a model that assay match train wrote, instead of --train")
	return cmd
}

// evaluation is what was measured on one label file.
type evaluation struct {
	File     string         `json:"file"`
	Pairs    int            `json:"pairs"`
	Matching int            `json:"matching"`
	Learned  *learn.Metrics `json:"learned,omitempty"`
	Pairwise *learn.Metrics `json:"pairwise,omitempty"`
	Rules    learn.Metrics  `json:"rules"`
	// RulesAlone are the rules without competitors.
	RulesAlone learn.Metrics `json:"rules_pairwise"`
	Recall10   float64       `json:"candidate_recall10"`
	// Trained are the label files that the model learned from.
	Trained []string `json:"trained_on,omitempty"`
	// Seen counts the pairs that the model was trained on.
	Seen int `json:"seen_in_training"`
}

func (c *cli) matchEval(cmd *cobra.Command, left, right, train, model string, files []string) error {
	ctx := cmd.Context()
	s, err := readSpace(left, right)
	if err != nil {
		return err
	}
	var trained []learn.Label
	var m *learn.Model
	if train != "" {
		if trained, err = readLabels(train); err != nil {
			return err
		}
	}
	sets := map[string][]learn.Label{}
	for _, f := range files {
		if f == "" {
			continue
		}
		if sets[f], err = readLabels(f); err != nil {
			return err
		}
		if clash, _ := learn.Contradictions(trained, sets[f]); len(clash) > 0 {
			return pipeline.Errorf(pipeline.CodeInvalid, "%s and %s judge %d pairs differently, the first %s and %s", train, f, len(clash), clash[0].A, clash[0].B).
				WithHint("keep the line that is right")
		}
	}
	learnFrom := []string{train}
	fit := func() error {
		p := c.startProgress("pairs", int64(len(trained)))
		p.Stage("train", 0, -1)
		m, err = learn.Train(ctx, s, trained)
		p.Done()
		return err
	}
	if train != "" {
		if err := fit(); err != nil {
			return err
		}
	} else if model != "" {
		f, _, err := openFile(model)
		if err != nil {
			return err
		}
		defer f.Close()
		if m, err = learn.ReadModel(f); err != nil {
			return err
		}
	}
	var all []evaluation
	for i, f := range files {
		labels := sets[f]
		if f == "" {
			continue
		}
		if before := files[0]; i == 1 && train != "" && before != "" {
			// A pair that stands in --test too is left to be judged.
			more, err := unseen(before, f, sets[before], trained, labels)
			if err != nil {
				return err
			}
			if len(more) > 0 {
				trained, learnFrom = slices.Concat(trained, more), append(learnFrom, before)
				if err := fit(); err != nil {
					return err
				}
			}
		}
		e := evaluation{File: f, Pairs: len(labels)}
		if train != "" {
			e.Trained = slices.Clone(learnFrom)
		}
		for _, l := range labels {
			if l.Same {
				e.Matching++
			}
		}
		_, e.Seen = learn.Contradictions(trained, labels)
		if m != nil {
			for _, x := range []struct {
				to    **learn.Metrics
				alone bool
			}{{&e.Learned, false}, {&e.Pairwise, true}} {
				ps, err := m.Predict(ctx, s, labels, x.alone)
				if err != nil {
					return err
				}
				got := learn.Measure(ps, labels)
				*x.to = &got
			}
		}
		for _, x := range []struct {
			to    *learn.Metrics
			alone bool
		}{{&e.Rules, false}, {&e.RulesAlone, true}} {
			ps, err := learn.Rules(ctx, s, labels, x.alone)
			if err != nil {
				return err
			}
			*x.to = learn.Measure(ps, labels)
		}
		if e.Recall10, err = learn.CandidateRecall(s, labels, 10); err != nil {
			return err
		}
		all = append(all, e)
	}
	if c.json() {
		doc := map[string]any{"schema_version": 1, "evaluations": all}
		if m != nil {
			doc["model"] = m.Training
		}
		return c.printJSON(doc)
	}
	w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "PAIRS\tJUDGED BY\tF1\tPRECISION\tRECALL")
	row := func(file, by string, x *learn.Metrics) {
		if x != nil {
			fmt.Fprintf(w, "%s\t%s\t%.4f\t%.4f\t%.4f\n", file, by, x.F1, x.Precision, x.Recall)
		}
	}
	for i := range all {
		e := &all[i]
		row(e.File, "learned, with competitors", e.Learned)
		row(e.File, "learned, each pair alone", e.Pairwise)
		row(e.File, "rules, without labels", &e.Rules)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, e := range all {
		fmt.Fprintf(c.stdout, "%s: %s, %d matching, %.4f of those among the ten nearest\n", e.File, count(e.Pairs, "pair"), e.Matching, e.Recall10)
		if e.Seen > 0 {
			fmt.Fprintf(c.stdout, "%s: %s stand in %s too, so the model had seen them\n", e.File, count(e.Seen, "pair"), strings.Join(e.Trained, " or "))
		}
		if len(e.Trained) > 1 {
			fmt.Fprintf(c.stdout, "%s: judged by a model that learned from %s\n", e.File, strings.Join(e.Trained, " and "))
		}
	}
	return nil
}

// unseen are the labels of valid that neither train nor test has. Error:
// invalid where valid and test judge a pair differently.
func unseen(valid, test string, labels, train, judged []learn.Label) ([]learn.Label, error) {
	if clash, _ := learn.Contradictions(labels, judged); len(clash) > 0 {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s and %s judge %d pairs differently, the first %s and %s", valid, test, len(clash), clash[0].A, clash[0].B).
			WithHint("keep the line that is right")
	}
	have := map[[2]string]bool{}
	for _, l := range slices.Concat(train, judged) {
		have[[2]string{l.A, l.B}] = true
	}
	return slices.DeleteFunc(slices.Clone(labels), func(l learn.Label) bool { return have[[2]string{l.A, l.B}] }), nil
}

func readLabels(name string) ([]learn.Label, error) {
	f, _, err := openFile(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return learn.ReadLabels(name, f)
}

func readSpace(left, right string) (*learn.Space, error) {
	read := func(name string) (*learn.Table, error) {
		f, _, err := openFile(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		return learn.ReadTable(name, io.Reader(f))
	}
	a, err := read(left)
	if err != nil {
		return nil, err
	}
	if left == right {
		return learn.NewSpace(a, a), nil
	}
	b, err := read(right)
	if err != nil {
		return nil, err
	}
	return learn.NewSpace(a, b), nil
}
