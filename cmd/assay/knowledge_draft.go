package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/review"
)

func (c *cli) knowledgeDraftCommand() *cobra.Command {
	var llmName, llmURL string
	cmd := &cobra.Command{
		Use:   "draft CATEGORY TEXT...",
		Short: "Let a model draft the schema of a category that the pack lacks",
		Long: `Draft a category from descriptions of its items and from what the pack and the
ingested documents say: nouns, attributes, dimensions, which ones decide. The
draft is checked like any file of the pack and waits in the review queue; nothing
is read by it before somebody approves it.`,
		Example: `  assay knowledge draft fuse "Sicherung 5x20 T2A 250V" "FUSE,GLASS,6.3A,FAST" --llm ollama:qwen2.5
  assay knowledge drafts
  assay knowledge approve 3f2a9c01 --by ann`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := c.open(func(cfg *app.Config) {
				if llmName != "" {
					cfg.LLM = llmName
				}
				if llmURL != "" {
					cfg.LLMURL = llmURL
				}
			})
			if err != nil {
				return err
			}
			defer a.Close()
			d, err := a.Draft(cmd.Context())
			if err != nil {
				return err
			}
			e, p, err := d.Propose(cmd.Context(), args[0], args[1:])
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(map[string]any{"schema_version": 1, "id": e.ID, "proposal": p})
			}
			fmt.Fprintf(c.stdout, "%s\ndraft %s of category %s, by %s from %d items and %d passages; it waits for: assay knowledge approve %[2]s\n",
				strings.TrimSpace(p.YAML), pipeline.ShortID(e.ID), p.Category, p.Model, len(args)-1, len(p.Retrieved))
			return nil
		},
	}
	cmd.Flags().StringVar(&llmName, "llm", "", "model to ask, PROVIDER:MODEL (default: ASSAY_LLM)")
	cmd.Flags().StringVar(&llmURL, "llm-url", "", "address of its API (default: ASSAY_LLM_URL)")
	return cmd
}

func (c *cli) knowledgeDraftsCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "drafts",
		Short: "List drafted categories that wait for a person",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := c.open()
			if err != nil {
				return err
			}
			defer a.Close()
			s, err := a.Store(cmd.Context())
			if err != nil {
				return err
			}
			drafts, err := flow.Drafts(cmd.Context(), s)
			if err != nil {
				return err
			}
			if c.json() {
				if drafts == nil {
					drafts = []review.Entry{}
				}
				return c.printJSON(map[string]any{"schema_version": 1, "drafts": drafts})
			}
			if len(drafts) == 0 {
				_, err := fmt.Fprintln(c.stdout, "no drafts wait")
				return err
			}
			w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "DRAFT\tCATEGORY\tMODEL\tSINCE")
			for _, e := range drafts {
				p, _ := flow.DraftOf(e)
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", pipeline.ShortID(e.ID), p.Category, p.Model, e.Created.UTC().Format(time.DateTime))
			}
			return w.Flush()
		},
	}
}

func (c *cli) knowledgeApproveCommand() *cobra.Command {
	var by, note string
	cmd := &cobra.Command{
		Use:   "approve DRAFT",
		Short: "Write a drafted category into the project's knowledge pack",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := c.open()
			if err != nil {
				return err
			}
			defer a.Close()
			pack, dir, err := a.PackFolder()
			if err != nil {
				return err
			}
			if dir == "" {
				return pipeline.Errorf(pipeline.CodeInvalid, "the knowledge pack is the one inside the program, which cannot be written").
					WithHint("copy contracts/catalog into the project, or name a folder with ASSAY_KNOWLEDGE=dir:DIR")
			}
			s, err := a.Store(cmd.Context())
			if err != nil {
				return err
			}
			now, err := c.clock()
			if err != nil {
				return err
			}
			drafts, err := flow.Drafts(cmd.Context(), s)
			if err != nil {
				return err
			}
			id := args[0]
			for _, e := range drafts {
				if len(id) >= 4 && strings.HasPrefix(e.ID, id) {
					id = e.ID
				}
			}
			p, err := flow.ApproveDraft(cmd.Context(), review.Queue{Store: s, Now: now}, pack, id, by, note, func(category string, yaml []byte) error {
				return writeCategory(dir, category, yaml)
			})
			if err != nil {
				return err
			}
			fmt.Fprintf(c.stdout, "%s is category %s now; look at it once more: assay knowledge show %[2]s\n", filepath.Join(dir, p.Category, "category.yaml"), p.Category)
			return nil
		},
	}
	cmd.Flags().StringVar(&by, "by", "", "who approves it")
	cmd.Flags().StringVar(&note, "note", "", "why")
	_ = cmd.MarkFlagRequired("by")
	return cmd
}

// writeCategory writes a new category; one that is there is never replaced.
func writeCategory(dir, category string, yaml []byte) error {
	folder := filepath.Join(dir, category)
	if err := os.Mkdir(folder, 0o755); err != nil && !os.IsExist(err) {
		return pipeline.Errorf(pipeline.CodeUnavailable, "%w", err)
	}
	f, err := os.OpenFile(filepath.Join(folder, "category.yaml"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		if os.IsExist(err) {
			return pipeline.Errorf(pipeline.CodeConflict, "%s exists: %w", category, fs.ErrExist)
		}
		return pipeline.Errorf(pipeline.CodeUnavailable, "%w", err)
	}
	if _, err = f.Write(yaml); err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return pipeline.Errorf(pipeline.CodeUnavailable, "%w", err)
	}
	return nil
}
