package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/evals"
	"github.com/assay-pipeline/assay/pipeline"
)

func (c *cli) evalAdoptCommand() *cobra.Command {
	var suite string
	cmd := &cobra.Command{
		Use:   "adopt FILE --suite SUITE",
		Short: "Take proposed cases into a golden set, after somebody looked at them",
		Long: `Take the cases of FILE, as assay eval run --save-failures wrote them and somebody
reviewed them, into the golden set of a suite: appended to its last file. Those
that it has already, by id or by text, are left out. The suite is then another
one: lock it anew.

Exit code: 0 when they were taken, or there was nothing new; 2 when a line has a
mistake, or the suites are not those of a folder.`,
		Example: `  assay eval run redteam --variants 20 --seed 7 --save-failures found.jsonl
  assay eval adopt found.jsonl --suite redteam && assay eval lock redteam --replace`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if suite == "" {
				return pipeline.Errorf(pipeline.CodeInvalid, "the cases of which suite are they?").WithHint("say --suite NAME")
			}
			src, err := os.ReadFile(args[0])
			if err != nil {
				return fileError(args[0], err)
			}
			a, sets, err := c.evalSets([]string{suite})
			if err != nil {
				return err
			}
			defer a.Close()
			place := a.EvalPlace()
			if place == "" {
				return pipeline.Errorf(pipeline.CodeInvalid, "the suites are those in the program, which nobody can add to").
					WithHint("put suites into the folder evals, or set ASSAY_EVALS=dir:FOLDER")
			}
			set := sets[0]
			fresh, known, err := evals.Adopt(set, filepath.Base(args[0]), src)
			if err != nil {
				return err
			}
			golden := set.Dataset[len(set.Dataset)-1]
			if len(fresh) > 0 {
				if err := appendCases(a.Config.Abs(filepath.Join(filepath.FromSlash(place), filepath.FromSlash(golden))), fresh); err != nil {
					return err
				}
			}
			if c.json() {
				return c.printJSON(map[string]any{"schema_version": evals.SchemaVersion, "suite": suite, "adopted": len(fresh), "known": known, "file": golden})
			}
			fmt.Fprintf(c.stdout, "%s: %s adopted into %s, %d there already\n", suite, count(len(fresh), "case"), golden, known)
			if len(fresh) > 0 {
				fmt.Fprintf(c.stdout, "the suite is another one now: assay eval lock %s --replace\n", suite)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&suite, "suite", "", "suite that they belong to (required)")
	_ = cmd.RegisterFlagCompletionFunc("suite", c.suiteNames)
	return cmd
}

// appendCases adds lines to a golden set, on lines of their own.
func appendCases(file string, cases []evals.Case) error {
	had, err := os.ReadFile(file)
	if err != nil {
		return fileError(file, err)
	}
	b := bytes.NewBuffer(had)
	if len(had) > 0 && had[len(had)-1] != '\n' {
		b.WriteByte('\n')
	}
	if err := evals.WriteCases(b, cases); err != nil {
		return pipeline.Errorf(pipeline.CodeInternal, "%w", err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
		return fileError(file, err)
	}
	return nil
}
