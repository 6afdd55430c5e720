package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

func (c *cli) contractDiffCommand() *cobra.Command {
	var mode, format, ignore string
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "Say what changes between two versions of a contract, and whom it breaks",
		Long: `Compare two versions of a contract. Each is a file, a file in a git revision
(main:contracts/feeds/orders.odcs.yaml), or a published one (registry:ID or
registry:ID@VERSION).

--for says which question is answered:
  consumers  can a consumer written for OLD live with data of NEW? (default;
             Confluent calls it FORWARD) A widened enum, a required field made
             optional, a raised maximum, a removed or retyped column break; an
             added column, a narrowed enum, an optional field made required do not.
  history    can a consumer of NEW read old data? (BACKWARD)
  both       both (FULL)
With _TRANSITIVE and a registry: as OLD, every published version is compared.

An ignore file lets known breaks pass until a day, one per line:
  orders.amount  maximum  2026-03-31  agreed with billing

Exit code: 0 when nothing breaks, 1 when something does, 2 for wrong use.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.contractDiff(cmd.Context(), args[0], args[1], mode, format, ignore)
		},
	}
	cmd.Flags().StringVar(&mode, "for", "consumers", "consumers, history or both")
	cmd.Flags().StringVar(&format, "format", "", "text, json, junit, sarif or github (default: as --output)")
	cmd.Flags().StringVar(&ignore, "ignore", "", "file of breaking changes to let pass")
	return cmd
}

// format is how findings are written: what --format says, else --output.
func (c *cli) format(format string) string {
	switch {
	case format != "":
		return format
	case c.json():
		return "json"
	}
	return "text"
}

func (c *cli) contractDiff(ctx context.Context, oldRef, newRef, forWhom, format, ignore string) error {
	mode, transitive, err := contract.ParseMode(forWhom)
	if err != nil {
		return err
	}
	if transitive && !strings.HasPrefix(oldRef, "registry:") {
		return pipeline.Errorf(pipeline.CodeInvalid, "--for %s compares with every published version, and %s is one", forWhom, oldRef).
			WithHint("write registry:ID as OLD, or --for %s", mode)
	}
	olds, consumers, err := c.contractVersions(ctx, oldRef, transitive)
	if err != nil {
		return err
	}
	news, more, err := c.contractVersions(ctx, newRef, false)
	if err != nil {
		return err
	}
	list, err := readIgnore(ignore)
	if err != nil {
		return err
	}
	d, err := contract.DiffAll(olds, news[0], mode)
	if err != nil {
		return err
	}
	now, err := c.clock()
	if err != nil {
		return err
	}
	d.Apply(list, now())
	d.AffectedBy(append(consumers, more...))
	if err := contract.WriteComparison(c.stdout, c.format(format), d); err != nil {
		return err
	}
	if d.Breaking() {
		return exitError{1}
	}
	return nil
}

func readIgnore(file string) (*contract.IgnoreList, error) {
	if file == "" {
		return nil, nil
	}
	src, err := readContract(file)
	if err != nil {
		return nil, err
	}
	return contract.ParseIgnore(file, src)
}

// contractVersions reads what a reference names: one document, or all published
// versions where every is asked for; and the consumers that a registry knows.
func (c *cli) contractVersions(ctx context.Context, ref string, every bool) ([]*contract.Document, []contract.Consumer, error) {
	if id, ok := strings.CutPrefix(ref, "registry:"); ok {
		return c.publishedVersions(ctx, id, every)
	}
	src, err := readRevision(ctx, ref)
	if err != nil {
		return nil, nil, err
	}
	d, err := contract.Parse(ref, src)
	if err != nil {
		return nil, nil, err
	}
	return []*contract.Document{d}, nil, nil
}

// readRevision reads a file, or REVISION:PATH from git: the path is from the
// current folder or, as git itself has it, from the root of the repository.
func readRevision(ctx context.Context, ref string) ([]byte, error) {
	src, err := os.ReadFile(ref)
	if err == nil {
		return src, nil
	}
	rev, file, ok := strings.Cut(ref, ":")
	if !ok || rev == "" || file == "" || strings.HasPrefix(rev, "-") || !os.IsNotExist(err) {
		return nil, fileError(ref, err)
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	src, why := gitShow(ctx, rev+":./"+strings.TrimPrefix(file, "./"))
	if why != "" && !strings.HasPrefix(file, ".") {
		var still string
		if src, still = gitShow(ctx, rev+":"+file); still == "" {
			return src, nil
		}
	}
	if why != "" {
		return nil, pipeline.Errorf(pipeline.CodeNotFound, "%s: git: %s", ref, why).WithHint("write REVISION:PATH, the path from the current folder or from the root of the repository")
	}
	return src, nil
}

// gitShow is an object of git, or the first line of why there is none.
func gitShow(ctx context.Context, object string) (src []byte, why string) {
	cmd := exec.CommandContext(ctx, "git", "show", "--end-of-options", object)
	var out, failed bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &failed
	if err := cmd.Run(); err != nil {
		line, _, _ := strings.Cut(strings.TrimSpace(failed.String()), "\n")
		if line == "" {
			line = err.Error()
		}
		return nil, line
	}
	return out.Bytes(), ""
}
