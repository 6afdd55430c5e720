package main

import (
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
)

func (c *cli) knowledgeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "knowledge",
		Short: "Look at what the program knows of items",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, args []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.knowledgeLintCommand(), c.knowledgeShowCommand(), c.knowledgeFindCommand(), c.knowledgeIngestCommand(), c.knowledgeLearnCommand(),
		c.knowledgeDraftCommand(), c.knowledgeDraftsCommand(), c.knowledgeApproveCommand())
	return cmd
}

// knowledgePack reads the pack of a folder, or the project's.
func (c *cli) knowledgePack(args []string) (*knowledge.Pack, error) {
	if len(args) > 0 {
		if st, err := os.Stat(args[0]); err != nil || !st.IsDir() {
			return nil, pipeline.Errorf(pipeline.CodeNotFound, "%s: no such folder", args[0])
		}
		return knowledge.Load(os.DirFS(args[0]))
	}
	a, err := c.open()
	if err != nil {
		return nil, err
	}
	defer a.Close()
	return a.Knowledge()
}

func (c *cli) knowledgeLintCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "lint [FOLDER]",
		Short: "Check a knowledge pack; every mistake with file and line",
		Long: `Read a knowledge pack and print every mistake in it with file and line. Without
a folder, the project's own.

Exit code: 0 without mistakes, 2 with one.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := c.knowledgePack(args)
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(map[string]any{"schema_version": 1, "hash": p.Hash(), "categories": p.Categories()})
			}
			fmt.Fprintf(c.stdout, "%s, 0 mistakes, hash %s\n", categories(len(p.Categories())), pipeline.ShortID(p.Hash()))
			return nil
		},
	}
}

func categories(n int) string {
	if n == 1 {
		return "1 category"
	}
	return fmt.Sprintf("%d categories", n)
}

func (c *cli) knowledgeShowCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "show [CATEGORY]",
		Short: "Print a category's attributes, or the list of categories",
		Args:  cobra.MaximumNArgs(1),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			p, err := c.knowledgePack(nil)
			if err != nil {
				return nil, cobra.ShellCompDirectiveError
			}
			return p.Categories(), cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := c.knowledgePack(nil)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return c.listCategories(p)
			}
			s, ok := p.Schema(args[0])
			if !ok {
				return pipeline.Errorf(pipeline.CodeNotFound, "there is no category %q", args[0]).WithHint("the pack has %s", strings.Join(p.Categories(), ", "))
			}
			return c.showCategory(s)
		},
	}
}

func (c *cli) listCategories(p *knowledge.Pack) error {
	if c.json() {
		return c.printJSON(map[string]any{"schema_version": 1, "hash": p.Hash(), "categories": p.Categories()})
	}
	w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "CATEGORY\tTITLE\tATTRIBUTES\tSTANDARDS")
	for _, name := range p.Categories() {
		s, _ := p.Schema(name)
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\n", name, s.Title, len(s.Attributes), len(s.Standards))
	}
	return w.Flush()
}

// shownAttribute is an attribute as programs read it.
type shownAttribute struct {
	Name      string   `json:"name"`
	Title     string   `json:"title"`
	Kind      string   `json:"kind"`
	Dimension string   `json:"dimension,omitempty"`
	Unit      string   `json:"unit,omitempty"`
	Required  bool     `json:"required"`
	Critical  bool     `json:"critical"`
	Allowed   []string `json:"allowed,omitempty"`
}

func (c *cli) showCategory(s *knowledge.Schema) error {
	var attributes []shownAttribute
	for _, a := range s.Attributes {
		v := shownAttribute{Name: a.Name, Title: a.Title, Kind: string(a.Kind), Dimension: string(a.Dimension), Unit: a.Unit, Required: a.Required, Critical: a.Critical}
		if a.From == "" {
			for _, o := range a.Allowed {
				v.Allowed = append(v.Allowed, o.Value)
			}
		}
		attributes = append(attributes, v)
	}
	if c.json() {
		return c.printJSON(map[string]any{"schema_version": 1, "category": s.Category, "title": s.Title, "nouns": s.Nouns, "attributes": attributes})
	}
	fmt.Fprintf(c.stdout, "%s (%s): %s\n", s.Category, s.Title, strings.Join(s.Nouns, ", "))
	w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "ATTRIBUTE\tTITLE\tKIND\tUNIT\tREQUIRED\tCRITICAL\tVALUES")
	yes := map[bool]string{true: "yes", false: ""}
	for _, a := range attributes {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", a.Name, a.Title, a.Kind, a.Unit, yes[a.Required], yes[a.Critical], clip(strings.Join(a.Allowed, ", ")))
	}
	return w.Flush()
}
