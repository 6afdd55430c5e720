package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/parse"
)

func (c *cli) parseCommand() *cobra.Command {
	var flags itemFlags
	var explain, ground bool
	var llmName, llmURL, replay string
	cmd := &cobra.Command{
		Use:   "parse TEXT|FILE",
		Short: "Read an item description, or a file of them, into typed records",
		Long: `Read a description into a record: category, attributes with units, and for
each value the characters it came from (start and end are byte offsets into the
text, end excluded). A FILE is read whole: CSV, JSON lines (.jsonl) or one item a
line (.txt); its records come out as JSON lines in input order with --output json.

With --llm (or ASSAY_LLM) the rules read first, and a model is asked for what
they leave open. Whatever it answers, a number or unit that the text does not
carry never gets into a record unflagged; --explain shows what was asked and
decided. --ground SOURCE FIELD VALUE tells of one value whether a text carries
it, and exits 1 where it does not. --replay asks the question of a logged call
again (assay cost log lists them) and shows both answers.`,
		Example: `  assay parse "PUMP,CENTRIF,BSCH,1.5KW,400V"
  assay parse "Rillenkugellager 6205-2RS C3 SKF" --output json
  assay parse items.csv --id matnr --text kurztext --output json > records.jsonl
  assay parse --llm ollama:qwen2.5 --explain "Lager, Welle 25, Blechdeckel beidseits"
  assay parse --ground "SCREW M10 X 50" length "60 mm"`,
		Args: func(cmd *cobra.Command, args []string) error {
			switch {
			case replay != "":
				return cobra.NoArgs(cmd, args)
			case ground:
				return cobra.ExactArgs(3)(cmd, args)
			}
			return cobra.MinimumNArgs(1)(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := c.open(func(cfg *app.Config) {
				if llmName != "" {
					cfg.LLM = llmName
				}
				if llmURL != "" {
					cfg.LLMURL = llmURL
				}
				if ground { // the guard needs no model
					cfg.LLM = "rules:"
				}
			})
			if err != nil {
				return err
			}
			defer a.Close()
			if replay != "" {
				return c.replayCall(cmd.Context(), a, replay)
			}
			p, err := a.Parser(cmd.Context())
			if err != nil {
				return err
			}
			if ground {
				return c.ground(cmd.Context(), p, args[0], args[1], args[2])
			}
			if len(args) == 1 && (args[0] == "-" || isFile(args[0])) {
				return c.parseFile(cmd.Context(), p, args[0], &flags)
			}
			if len(args) == 1 && looksLikeFile(args[0]) {
				return pipeline.Errorf(pipeline.CodeNotFound, "%s: no such file", args[0])
			}
			if len(args) == 1 && isFolder(args[0]) {
				return pipeline.Errorf(pipeline.CodeInvalid, "%s is a folder", args[0]).WithHint("name a file in it")
			}
			text := strings.Join(args, " ")
			if !utf8.ValidString(text) {
				return pipeline.Errorf(pipeline.CodeInvalid, "the text is not UTF-8").
					WithHint("convert it first: iconv -f latin1 -t utf-8")
			}
			return c.parseText(cmd.Context(), p, text, explain)
		},
	}
	flags.add(cmd)
	cmd.Flags().BoolVar(&explain, "explain", false, "mark in the text what each value was read from (one TEXT; in colour on a terminal)")
	cmd.Flags().StringVar(&llmName, "llm", "", "model to ask for what the rules leave open, PROVIDER:MODEL (default: ASSAY_LLM)")
	cmd.Flags().StringVar(&llmURL, "llm-url", "", "address of its API, for servers of one's own (default: ASSAY_LLM_URL)")
	cmd.Flags().BoolVar(&ground, "ground", false, "tell whether SOURCE carries VALUE as FIELD: --ground SOURCE FIELD VALUE")
	cmd.Flags().StringVar(&replay, "replay", "", "ask the question of a logged `call` again")
	_ = cmd.RegisterFlagCompletionFunc("llm", cobra.FixedCompletions([]string{"openai:", "anthropic:", "ollama:", "bedrock:", "rules:"}, cobra.ShellCompDirectiveNoSpace))
	return cmd
}

// ground tells of one value whether a text carries it.
func (c *cli) ground(ctx context.Context, p *parse.Parser, source, field, value string) error {
	v, err := p.Ground(ctx, source, field, value)
	if err != nil {
		return err
	}
	switch {
	case c.json():
		err = c.printJSON(v)
	case v.Grounded:
		_, err = fmt.Fprintf(c.stdout, "grounded: %q at %d–%d, %s; %s\n", v.In(source), v.Start, v.End, v.Provenance, v.Reason)
	default:
		_, err = fmt.Fprintf(c.stdout, "not grounded: %s\n", v.Reason)
	}
	if err == nil && !v.Grounded {
		err = exitError{1}
	}
	return err
}

func isFile(name string) bool {
	st, err := os.Stat(name)
	return err == nil && st.Mode().IsRegular()
}

// isFolder reports whether name is meant as a path and is a folder: a word that
// is also the name of a folder here is a description.
func isFolder(name string) bool {
	if !strings.ContainsAny(name, `/\`) {
		return false
	}
	st, err := os.Stat(name)
	return err == nil && st.IsDir()
}

// looksLikeFile: a word with an extension that parse reads is a file that is
// not there, not a description.
func looksLikeFile(s string) bool {
	if strings.ContainsAny(s, " ,;") {
		return false
	}
	for _, ext := range []string{".csv", ".jsonl", ".ndjson", ".txt", ".gz", ".zst", ".tsv"} {
		if strings.HasSuffix(strings.ToLower(s), ext) {
			return true
		}
	}
	return false
}

func (c *cli) parseText(ctx context.Context, p *parse.Parser, text string, explain bool) error {
	rec, err := p.Parse(ctx, pipeline.Item{ID: "1", Source: text})
	if err != nil {
		return err
	}
	if c.json() {
		return c.printJSON(rec)
	}
	if explain {
		return parse.Explain(c.stdout, rec, terminal(c.stdout))
	}
	return c.printRecord(rec)
}

func (c *cli) printRecord(rec pipeline.Record) error {
	fmt.Fprintf(c.stdout, "%s\ncategory %s, confidence %.2f\n", rec.Source, rec.Category, rec.Confidence)
	if len(rec.Attributes) > 0 {
		w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "ATTRIBUTE\tVALUE\tUNIT\tTEXT\tAT\tPROVENANCE\tCONFIDENCE")
		for _, a := range rec.Attributes {
			at := "–"
			if a.Valid(len(rec.Source)) {
				at = fmt.Sprintf("%d–%d", a.Start, a.End)
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%.2f\n", a.Name, a.Value, a.Unit, a.Text, at, a.Provenance, a.Confidence)
		}
		if err := w.Flush(); err != nil {
			return err
		}
	}
	for _, f := range rec.Flags {
		fmt.Fprintf(c.stdout, "flag %s", f.Code)
		if f.Attribute != "" {
			fmt.Fprintf(c.stdout, " (%s)", f.Attribute)
		}
		if f.Detail != "" {
			fmt.Fprintf(c.stdout, ": %s", f.Detail)
		}
		fmt.Fprintln(c.stdout)
	}
	return nil
}

// parseAtOnce is how many items of a file are parsed in one call.
const parseAtOnce = 512

func (c *cli) parseFile(ctx context.Context, p *parse.Parser, name string, flags *itemFlags) error {
	w := bufio.NewWriter(c.stdout)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	var items []pipeline.Item
	flush := func() error {
		records, err := p.ParseAll(ctx, items)
		if err != nil {
			return err
		}
		items = items[:0]
		for _, rec := range records {
			if c.json() {
				if err := enc.Encode(rec); err != nil {
					return err
				}
				continue
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", rec.ID, rec.Category, summary(rec), rec.Source)
		}
		return nil
	}
	err := c.eachItem(ctx, name, flags, func(it pipeline.Item) error {
		items = append(items, it)
		if len(items) < parseAtOnce {
			return nil
		}
		return flush()
	})
	if err == nil {
		err = flush()
	}
	if ferr := w.Flush(); err == nil {
		err = ferr
	}
	return err
}

// summary is a record on one line: bore=25mm seal=2RS.
func summary(rec pipeline.Record) string {
	var b strings.Builder
	for i, a := range rec.Attributes {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%s=%s%s", a.Name, a.Value, a.Unit)
	}
	if b.Len() == 0 {
		return "–"
	}
	return b.String()
}
