package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/knowledge/documents"
	"github.com/assay-pipeline/assay/pipeline/knowledge/retrieve"
)

func (c *cli) knowledgeIngestCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "ingest FOLDER",
		Short: "Take the company's documents in, for retrieval",
		Long: `Cut the Markdown, text and CSV files of a folder into chunks and keep them in
the store with their source and version, as a snapshot. Retrieval uses the
newest snapshot; older ones stay. Taking the same folder in twice changes
nothing. What is no document, or no text, is named and left out. Documents that
explain a term differently ("QX41 means zinc plated.", "QX41 = nickel plated") are
named: the one that contradicts several others is kept out of questions to a
model, of two that contradict each other both are; records that one of them would
have been cited for say document_conflict.`,
		Example: `  assay knowledge ingest handbook/`,
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if st, err := os.Stat(args[0]); err != nil || !st.IsDir() {
				return pipeline.Errorf(pipeline.CodeNotFound, "%s: no such folder", args[0])
			}
			a, err := c.open()
			if err != nil {
				return err
			}
			defer a.Close()
			in, err := a.Documents(cmd.Context())
			if err != nil {
				return err
			}
			r, err := in.Folder(cmd.Context(), os.DirFS(args[0]), args[0])
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(struct {
					Version int `json:"schema_version"`
					documents.Report
				}{1, r})
			}
			for _, s := range r.Skipped {
				c.say("left out %s: %s", s.Source, s.Reason)
			}
			for _, x := range r.Conflicts {
				who := "it is"
				if x.Even {
					who = "as many say the one as the other: all of them are"
				}
				fmt.Fprintf(c.stdout, "conflict: %s; %s left out of questions to a model until they agree\n", x, who)
			}
			fmt.Fprintf(c.stdout, "%s, %s, snapshot %s\n", count(r.Documents, "document"), count(r.Chunks, "chunk"), pipeline.ShortID(r.ID))
			return nil
		},
	}
}

func (c *cli) knowledgeFindCommand() *cobra.Command {
	var stage, category string
	var k int
	cmd := &cobra.Command{
		Use:   "find QUESTION",
		Short: "Find what the knowledge says to a question or an item",
		Long: `Find the passages that matter for a question or an item: attributes, dictionary
entries, standards, guidelines, and the documents that were taken in. A prompt
for a model gets the same ones; the ids are what it cites.`,
		Example: `  assay knowledge find "6205 DDU C3" --stage parsing
  assay knowledge find --stage validating "Does DIN 912 exist in M9?"`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if k < 1 {
				return pipeline.Errorf(pipeline.CodeInvalid, "--limit must be at least 1")
			}
			return c.knowledgeFind(cmd.Context(), retrieve.Query{Text: strings.Join(args, " "), Stage: retrieve.Stage(stage), Category: category, K: k})
		},
	}
	cmd.Flags().StringVar(&stage, "stage", "", "drafting, parsing or validating (default: all)")
	cmd.Flags().StringVar(&category, "category", "", "the category, where it is known")
	cmd.Flags().IntVarP(&k, "limit", "n", 5, "the most passages")
	return cmd
}

func (c *cli) knowledgeFind(ctx context.Context, q retrieve.Query) error {
	a, err := c.open()
	if err != nil {
		return err
	}
	defer a.Close()
	x, err := a.Retriever(ctx)
	if err != nil {
		return err
	}
	hits, err := x.Find(ctx, q)
	if err != nil {
		return err
	}
	if c.json() {
		if hits == nil {
			hits = []retrieve.Hit{}
		}
		return c.printJSON(map[string]any{"schema_version": 1, "question": q.Text, "stage": q.Stage, "passages": hits})
	}
	if len(hits) == 0 {
		fmt.Fprintln(c.stdout, "nothing found")
		return nil
	}
	w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ID\tKIND\tTEXT")
	for _, h := range hits {
		kind := string(h.Kind)
		if h.Conflict != "" {
			kind += ", disputed"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\n", h.ID, kind, clip(strings.Join(strings.Fields(h.Text), " ")))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, h := range hits {
		if h.Conflict != "" {
			fmt.Fprintf(c.stdout, "conflict: %s\n", h.Conflict)
		}
	}
	return nil
}
