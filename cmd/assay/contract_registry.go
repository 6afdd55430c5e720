package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
)

// registry opens the store of the project as a registry.
func (c *cli) registry(ctx context.Context) (*contract.Registry, func(), error) {
	a, err := c.open()
	if err != nil {
		return nil, nil, err
	}
	done := func() { _ = a.Close() }
	s, err := a.Store(ctx)
	if err != nil {
		done()
		return nil, nil, err
	}
	now, err := c.clock()
	if err != nil {
		done()
		return nil, nil, err
	}
	return &contract.Registry{Store: s, Now: now}, done, nil
}

// publishedVersions reads ID or ID@VERSION from the registry.
func (c *cli) publishedVersions(ctx context.Context, ref string, every bool) ([]*contract.Document, []contract.Consumer, error) {
	r, done, err := c.registry(ctx)
	if err != nil {
		return nil, nil, err
	}
	defer done()
	id, version, _ := strings.Cut(ref, "@")
	v, err := r.Version(ctx, id, version)
	if err != nil {
		return nil, nil, err
	}
	vs := []contract.Version{v}
	if every {
		if vs, err = r.Versions(ctx, id); err != nil {
			return nil, nil, err
		}
	}
	var docs []*contract.Document
	for _, v := range vs {
		d, err := contract.Parse("registry:"+v.Contract+"@"+v.Version, v.Source)
		if err != nil {
			return nil, nil, err
		}
		docs = append(docs, d)
	}
	consumers, err := r.Affected(ctx, id, "", nil)
	return docs, consumers, err
}

func (c *cli) contractPublishCommand() *cobra.Command {
	var p contract.Publishing
	var mode, ignore string
	cmd := &cobra.Command{
		Use:   "publish FILE",
		Short: "Publish a version of a contract in the registry",
		Long: `Publish a version. It is refused where lint finds an error, where its version is
not above the published ones, and where it breaks someone without being a new
major version. What it changes, and whom that breaks, is printed either way.

Exit code: 0 when it is (or, with --dry-run, would be) published, 1 when it
breaks someone, 2 when it is wrong, 3 when what is published stands in its way:
the same version with other words, or a higher one.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			src, err := readContract(args[0])
			if err != nil {
				return err
			}
			if p.Mode, p.Transitive, err = contract.ParseMode(mode); err != nil {
				return err
			}
			if p.Ignore, err = readIgnore(ignore); err != nil {
				return err
			}
			r, done, err := c.registry(cmd.Context())
			if err != nil {
				return err
			}
			defer done()
			d, err := r.Publish(cmd.Context(), args[0], src, p)
			if d != nil {
				if werr := contract.WriteComparison(c.stdout, c.format(""), d); werr != nil {
					return werr
				}
			}
			if err != nil && d != nil && pipeline.ErrorCode(err) == pipeline.CodeConflict {
				fmt.Fprintln(c.stderr, "assay: "+pipeline.ErrorMessage(err))
				return exitError{1}
			}
			if err == nil && !c.json() {
				fmt.Fprintln(c.stdout, args[0]+map[bool]string{true: " would be published", false: " is published"}[p.DryRun])
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&p.DryRun, "dry-run", false, "check everything, store nothing")
	cmd.Flags().StringVar(&p.Actor, "actor", os.Getenv("USER"), "who publishes")
	cmd.Flags().StringVar(&mode, "for", "consumers", "consumers, history or both; see diff")
	cmd.Flags().StringVar(&ignore, "ignore", "", "file of breaking changes to let pass")
	return cmd
}

func (c *cli) contractListCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "Print the published contracts and their versions",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			r, done, err := c.registry(cmd.Context())
			if err != nil {
				return err
			}
			defer done()
			vs, err := r.Versions(cmd.Context(), "")
			if err != nil {
				return err
			}
			drafts, err := r.Drafts(cmd.Context(), "")
			if err != nil {
				return err
			}
			if c.json() {
				if vs == nil {
					vs = []contract.Version{}
				}
				if drafts == nil {
					drafts = []contract.Version{}
				}
				return c.printJSON(map[string]any{"schema_version": 1, "versions": vs, "drafts": drafts})
			}
			if len(vs) == 0 && len(drafts) == 0 {
				fmt.Fprintln(c.stdout, "nothing is published yet: assay contract publish FILE")
				return nil
			}
			w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "CONTRACT\tVERSION\tFEEDS\tPUBLISHED\tLAST DAY")
			for _, v := range drafts {
				fmt.Fprintf(w, "%s\t%s\t%s\tdraft of %s\t–\n", v.Contract, v.Version, strings.Join(v.Feeds, ", "), v.Published.Format(time.DateOnly))
			}
			for _, v := range vs {
				last := "–"
				if !v.Deprecated.IsZero() {
					last = v.Deprecated.Format(time.DateOnly)
				}
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", v.Contract, v.Version, strings.Join(v.Feeds, ", "), v.Published.Format(time.DateOnly), last)
			}
			return w.Flush()
		},
	}
}

func (c *cli) contractShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show ID[@VERSION]",
		Short: "Print a published contract as it was written, or a draft",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, done, err := c.registry(cmd.Context())
			if err != nil {
				return err
			}
			defer done()
			id, version, _ := strings.Cut(args[0], "@")
			v, err := r.Version(cmd.Context(), id, version)
			if draft, ok := draftOf(cmd.Context(), r, id, version); ok && pipeline.ErrorCode(err) == pipeline.CodeNotFound {
				v, err = draft, nil
			}
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(map[string]any{"schema_version": 1, "version": v, "source": string(v.Source)})
			}
			_, err = c.stdout.Write(v.Source)
			return err
		},
	}
}

// draftOf is the draft of a contract, where it has the version or none is asked
// for.
func draftOf(ctx context.Context, r *contract.Registry, id, version string) (contract.Version, bool) {
	drafts, err := r.Drafts(ctx, id)
	if err != nil || len(drafts) == 0 || version != "" && drafts[0].Version != version {
		return contract.Version{}, false
	}
	return drafts[0], true
}

func (c *cli) contractDeprecateCommand() *cobra.Command {
	var last string
	cmd := &cobra.Command{
		Use:   "deprecate ID@VERSION --last-day DAY",
		Short: "Set the last day of a published version",
		Long: `After its last day a version judges batches with a warning for 30 days, then no
more. Until then it and its successor are both active.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			id, version, ok := strings.Cut(args[0], "@")
			day, err := time.Parse(time.DateOnly, last)
			if !ok || err != nil {
				return pipeline.Errorf(pipeline.CodeInvalid, "deprecate needs ID@VERSION and a day").WithHint("write it like: assay contract deprecate orders@1.2.0 --last-day 2026-06-30")
			}
			r, done, err := c.registry(cmd.Context())
			if err != nil {
				return err
			}
			defer done()
			if err := r.Deprecate(cmd.Context(), id, version, day); err != nil {
				return err
			}
			fmt.Fprintf(c.stdout, "%s %s ends on %s\n", id, version, last)
			return nil
		},
	}
	cmd.Flags().StringVar(&last, "last-day", "", "the last day, such as 2026-06-30")
	_ = cmd.MarkFlagRequired("last-day")
	return cmd
}

func (c *cli) contractConsumerCommand() *cobra.Command {
	var k contract.Consumer
	cmd := &cobra.Command{
		Use:   "consumer NAME --contract ID",
		Short: "Register who reads a feed, and which of its fields",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, done, err := c.registry(cmd.Context())
			if err != nil {
				return err
			}
			defer done()
			k.Name = args[0]
			if err := r.Register(cmd.Context(), k); err != nil {
				return err
			}
			what := "all fields"
			if len(k.Fields) > 0 {
				what = strings.Join(k.Fields, ", ")
			}
			fmt.Fprintf(c.stdout, "%s reads %s of %s\n", k.Name, what, k.Contract)
			return nil
		},
	}
	cmd.Flags().StringVar(&k.Contract, "contract", "", "the id of the contract")
	cmd.Flags().StringVar(&k.Feed, "feed", "", "the feed, where the contract has several")
	cmd.Flags().StringVar(&k.Contact, "contact", "", "where to reach it")
	cmd.Flags().StringSliceVar(&k.Fields, "fields", nil, "the fields that it reads (default: all)")
	_ = cmd.MarkFlagRequired("contract")
	return cmd
}
