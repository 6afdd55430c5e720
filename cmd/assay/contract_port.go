package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline/contract"
)

func (c *cli) contractExportCommand() *cobra.Command {
	var to, schema string
	cmd := &cobra.Command{
		Use:   "export FILE --to TARGET",
		Short: "Write a contract for another tool",
		Long:  "Write a contract for another tool: " + strings.Join(contract.ExportTargets(), ", ") + ".",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			src, err := readContract(args[0])
			if err != nil {
				return err
			}
			d, err := contract.Parse(args[0], src)
			if err != nil {
				return err
			}
			b, err := d.Export(schema, to)
			if err != nil {
				return err
			}
			_, err = c.stdout.Write(b)
			return err
		},
	}
	cmd.Flags().StringVar(&to, "to", "", strings.Join(contract.ExportTargets(), ", "))
	cmd.Flags().StringVar(&schema, "schema", "", "the schema object of the contract, where it has several")
	_ = cmd.MarkFlagRequired("to")
	_ = cmd.RegisterFlagCompletionFunc("to", cobra.FixedCompletions(contract.ExportTargets(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (c *cli) contractImportCommand() *cobra.Command {
	var from string
	cmd := &cobra.Command{
		Use:   "import FILE --from SOURCE",
		Short: "Make a draft contract of another tool's description",
		Long: "Make a draft contract of another tool's description: " + strings.Join(contract.ImportSources(), ", ") + `.
What has no counterpart stands in the draft as a comment.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			src, err := readContract(args[0])
			if err != nil {
				return err
			}
			b, err := contract.Import(from, args[0], src)
			if err != nil {
				return err
			}
			_, err = c.stdout.Write(b)
			return err
		},
	}
	cmd.Flags().StringVar(&from, "from", "", strings.Join(contract.ImportSources(), ", "))
	_ = cmd.MarkFlagRequired("from")
	_ = cmd.RegisterFlagCompletionFunc("from", cobra.FixedCompletions(contract.ImportSources(), cobra.ShellCompDirectiveNoFileComp))
	return cmd
}

func (c *cli) contractScorecardCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "scorecard [FILE|FOLDER…]",
		Short: "Print for every feed what its contract answers with yes",
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := c.contractFiles(args)
			if err != nil {
				return err
			}
			set := contract.NewSet()
			for _, file := range files {
				src, err := readContract(file)
				if err != nil {
					return err
				}
				set.Add(file, src)
			}
			scores := set.Scorecard()
			for _, err := range set.Broken() {
				fmt.Fprintln(c.stderr, err)
			}
			if c.json() {
				if scores == nil {
					scores = []contract.Score{}
				}
				if err := c.printJSON(map[string]any{"schema_version": 1, "questions": contract.Questions, "feeds": scores}); err != nil {
					return err
				}
			} else if err := c.printScores(scores); err != nil {
				return err
			}
			if len(set.Broken()) > 0 {
				return exitError{2}
			}
			return nil
		},
	}
}

// printScores is a table with a column for every feed.
func (c *cli) printScores(scores []contract.Score) error {
	if len(scores) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprint(w, "QUESTION")
	for _, s := range scores {
		fmt.Fprint(w, "\t"+s.Feed)
	}
	fmt.Fprintln(w)
	for _, q := range contract.Questions {
		fmt.Fprint(w, q)
		for _, s := range scores {
			fmt.Fprint(w, "\t"+map[bool]string{true: "yes", false: "–"}[s.Answers[q]])
		}
		fmt.Fprintln(w)
	}
	fmt.Fprint(w, "yes of ", len(contract.Questions))
	for _, s := range scores {
		fmt.Fprint(w, "\t", s.Yes)
	}
	fmt.Fprintln(w)
	return w.Flush()
}
