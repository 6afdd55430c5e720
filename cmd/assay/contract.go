package main

import (
	"cmp"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

func (c *cli) contractCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "contract",
		Short: "Work with data contracts",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, args []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.contractLintCommand(), c.contractDiffCommand(), c.contractScorecardCommand(),
		c.contractInferCommand(), c.contractExportCommand(), c.contractImportCommand(),
		c.contractPublishCommand(), c.contractListCommand(), c.contractShowCommand(),
		c.contractDeprecateCommand(), c.contractConsumerCommand())
	return cmd
}

func (c *cli) contractLintCommand() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "lint [FILE|FOLDER…]",
		Short: "Say what is wrong with contracts, and what in them is not enforced",
		Long: `Read contracts and print what is wrong: errors (the contract cannot be used),
warnings (it can, and probably does not say what is meant), and notes (clauses
that are not enforced). Without an argument, the contracts of the project.
Contracts that are read together, and with those of the project, are also held
against each other: foreign keys must lead to a feed and a field of the same
type. Rules in SQL are tried on an empty table, expressions in CEL compiled.

Exit code: 0 without errors, 2 with one.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := c.contractFiles(args)
			if err != nil {
				return err
			}
			return c.lint(cmd.Context(), files, format)
		},
	}
	cmd.Flags().StringVar(&format, "format", "", "text, json, junit, sarif or github (default: as --output)")
	return cmd
}

// contractFiles are the contracts that the arguments name: files as they are,
// the *.odcs.yaml of folders, and the project's contracts without arguments.
func (c *cli) contractFiles(args []string) ([]string, error) {
	if len(args) == 0 {
		cfg, err := app.ReadConfig(c.environ, c.dir)
		if err != nil {
			return nil, err
		}
		dir, ok := cfg.ContractFolder()
		if !ok {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "there is no folder contracts here").WithHint("name the contracts, or make a project with assay init DIR")
		}
		args = []string{dir}
	}
	var files []string
	for _, arg := range args {
		st, err := os.Stat(arg)
		if err != nil {
			return nil, fileError(arg, err)
		}
		if !st.IsDir() {
			files = append(files, arg)
			continue
		}
		before := len(files)
		err = filepath.WalkDir(arg, func(p string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() && (strings.HasSuffix(p, ".odcs.yaml") || strings.HasSuffix(p, ".odcs.yml")) {
				files = append(files, p)
			}
			return err
		})
		if err != nil {
			return nil, fileError(arg, err)
		}
		if len(files) == before {
			return nil, pipeline.Errorf(pipeline.CodeNotFound, "%s holds no *.odcs.yaml", arg)
		}
	}
	return files, nil
}

type lintFile struct {
	File     string             `json:"file"`
	Findings []contract.Finding `json:"findings"`
}

func (c *cli) lint(ctx context.Context, files []string, format string) error {
	sources := make([]contract.Source, 0, len(files))
	all := make([]lintFile, 0, len(files))
	at := map[string]int{}
	for i, file := range files {
		src, err := readContract(file)
		if err != nil {
			return err
		}
		sources = append(sources, contract.Source{File: file, Text: src})
		all = append(all, lintFile{file, []contract.Finding{}})
		at[file] = i
	}
	set := contract.NewSet()
	set.AddAll(sources)
	others, err := c.neighbours(files)
	if err != nil {
		return err
	}
	set.AddAll(others)
	found := set.Lint()
	if len(files) == 1 && len(others) == 0 {
		// Alone, a contract cannot know which other feeds there are.
		found = contract.LintSource(files[0], sources[0].Text)
	}
	more, err := c.lintQueries(ctx, set, at)
	if err != nil {
		return err
	}
	for _, f := range append(found, more...) {
		if i, asked := at[f.File]; asked {
			all[i].Findings = append(all[i].Findings, f)
		}
	}
	for _, lf := range all {
		slices.SortStableFunc(lf.Findings, func(a, b contract.Finding) int {
			return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), strings.Compare(a.What, b.What))
		})
	}
	counts := map[contract.Level]int{}
	var flat []contract.Finding
	for _, lf := range all {
		flat = append(flat, lf.Findings...)
		for _, f := range lf.Findings {
			counts[f.Level]++
		}
	}
	if format != "" {
		if err := contract.WriteFindings(c.stdout, format, flat); err != nil {
			return err
		}
	} else if c.json() {
		if err := c.printJSON(map[string]any{"schema_version": 1, "contracts": all}); err != nil {
			return err
		}
	} else {
		if err := contract.WriteFindings(c.stdout, "text", flat); err != nil {
			return err
		}
		fmt.Fprintf(c.stdout, "%s: %s, %s, %s\n", count(len(files), "contract"),
			count(counts[contract.LevelError], "error"), count(counts[contract.LevelWarning], "warning"), count(counts[contract.LevelNote], "note"))
	}
	if counts[contract.LevelError] > 0 {
		return exitError{2}
	}
	return nil
}

// count is "1 row", "2 rows".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	if strings.HasSuffix(noun, "ch") {
		return fmt.Sprintf("%d %ses", n, noun)
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
