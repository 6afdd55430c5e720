package main

import (
	"bytes"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/knowledge/learn"
)

func (c *cli) knowledgeLearnCommand() *cobra.Command {
	var from, out string
	var lim learn.Limits
	cmd := &cobra.Command{
		Use:   "learn --from FILE",
		Short: "Propose dictionary entries from labelled examples, for review",
		Long: `Read labelled examples and propose what the knowledge pack lacks: values with
their spellings, and abbreviations, each with how many texts speak for it.
Nothing is written into the pack: the proposals are a file for a person to read.

An example is one JSON object per line:

  {"text": "SKRT SCHR M10 vern.", "category": "screw",
   "attributes": {"coating": {"text": "vern.", "value": "nickel plated"}}}
  {"tokens": [["SCHR", "schraube"], ["vern.", "vernickelt"]], "category": "screw"}

A value is a word, an object with the text as it stands and the value that is
meant, a list of these, or null for what the text does not say.`,
		Example: `  assay knowledge learn --from labelled.jsonl
  assay knowledge learn --from labelled.jsonl --out proposals.yaml --min-seen 5`,
		Args: cobra.NoArgs,
		RunE: func(_ *cobra.Command, _ []string) error {
			if from == "" {
				return pipeline.Errorf(pipeline.CodeInvalid, "learn needs labelled examples").WithHint("name them with --from labelled.jsonl, or - for standard input")
			}
			if lim.MinSeen < 1 || lim.MinPrecision <= 0 || lim.MinPrecision > 1 {
				return pipeline.Errorf(pipeline.CodeInvalid, "--min-seen must be at least 1, and --min-precision above 0 and at most 1")
			}
			examples, err := c.readExamples(from)
			if err != nil {
				return err
			}
			if len(examples) == 0 {
				return pipeline.Errorf(pipeline.CodeInvalid, "%s holds no example", from)
			}
			p, err := c.knowledgePack(nil)
			if err != nil {
				return err
			}
			proposals := learn.Propose(examples, p, lim)
			if out == "" {
				if c.json() {
					if proposals == nil {
						proposals = []learn.Proposal{}
					}
					return c.printJSON(map[string]any{"schema_version": 1, "examples": len(examples), "proposals": proposals})
				}
				_, err := fmt.Fprint(c.stdout, learn.YAML(proposals, len(examples)))
				return err
			}
			if err := writeNew(out, []byte(learn.YAML(proposals, len(examples)))); err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(map[string]any{"schema_version": 1, "examples": len(examples), "proposed": len(proposals), "file": out})
			}
			fmt.Fprintf(c.stdout, "%s proposed from %s, in %s: read it, and copy what is right into the pack\n", entriesCount(len(proposals)), count(len(examples), "example"), out)
			return nil
		},
	}
	cmd.Flags().StringVar(&from, "from", "", "labelled examples, JSON lines; - is standard input")
	cmd.Flags().StringVar(&out, "out", "", "file for the proposals, which must not exist (default: standard output)")
	cmd.Flags().IntVar(&lim.MinSeen, "min-seen", 2, "texts that must hold a spelling")
	cmd.Flags().Float64Var(&lim.MinPrecision, "min-precision", 0.8, "share of them in which it must mean the value")
	return cmd
}

func entriesCount(n int) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}

func (c *cli) readExamples(from string) ([]learn.Example, error) {
	if from == "-" {
		return learn.Read(c.stdin)
	}
	f, size, err := openFile(from)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if size == 0 {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s is empty", from)
	}
	es, err := learn.Read(f)
	if err != nil {
		return nil, pipeline.Errorf(pipeline.ErrorCode(err), "%s: %w", from, err)
	}
	return es, nil
}

// writeNew writes a file that must not be there: what a person has worked on is
// never overwritten. The same bytes again are no change.
func writeNew(name string, b []byte) error {
	if have, err := os.ReadFile(name); err == nil {
		if bytes.Equal(have, b) {
			return nil
		}
		return pipeline.Errorf(pipeline.CodeConflict, "%s is there already", name).WithHint("name another file, or remove it")
	}
	if err := os.WriteFile(name, b, 0o644); err != nil {
		return fileError(name, err)
	}
	return nil
}
