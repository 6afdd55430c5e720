package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
)

func (c *cli) migrateCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: "Look at the schema of the store, and bring it up to date",
		Long: `The schema of the store has a version, and each program knows versions up to
one. A store that is newer than the program, or that was altered by hand, is
refused. A SQLite store brings itself up when it is opened, after a copy; a
Postgres store is shared, so somebody does it: assay migrate up.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.migrateStatusCommand(), c.migrateUpCommand())
	return cmd
}

func (c *cli) migrateStatusCommand() *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Print the version of the schema, and what is missing",
		Long: `Print the version of the store's schema, the newest one that this program knows,
and the migrations between them. Nothing is changed.

Exit code: 2 where this program refuses the schema (newer, or altered by hand);
with --check also 1 where migrations are missing.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := c.open()
			if err != nil {
				return err
			}
			defer a.Close()
			s, err := a.Schema(cmd.Context())
			if err != nil {
				return err
			}
			if err := c.printSchema(s); err != nil {
				return err
			}
			if s.Problem != nil {
				return s.Problem
			}
			if check && len(s.Pending) > 0 {
				return exitError{1}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "exit with 1 where migrations are missing")
	return cmd
}

func (c *cli) migrateUpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "up",
		Short: "Apply the migrations that are missing",
		Long: `Apply the migrations that are missing, each in a transaction of its own. Two at
once wait for each other, and a second run does nothing. There is no way down but
a backup.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := c.open()
			if err != nil {
				return err
			}
			defer a.Close()
			before, err := a.Schema(cmd.Context())
			if err != nil {
				return err
			}
			if before.Problem != nil {
				return before.Problem
			}
			if len(before.Pending) > 0 {
				if err := a.Migrate(cmd.Context()); err != nil {
					return err
				}
			}
			after, err := a.Schema(cmd.Context())
			if err != nil {
				return err
			}
			if after.Problem != nil {
				return after.Problem
			}
			if c.json() {
				return c.printSchema(after)
			}
			for _, name := range before.Pending {
				fmt.Fprintln(c.stdout, "applied", name)
			}
			return c.printSchema(after)
		},
	}
}

func (c *cli) printSchema(s app.Schema) error {
	if c.json() {
		if s.Pending == nil {
			s.Pending = []string{}
		}
		problem := ""
		if s.Problem != nil {
			problem = pipeline.ErrorMessage(s.Problem)
		}
		return c.printJSON(map[string]any{"schema_version": 1, "schema": s, "problem": problem})
	}
	by := ""
	if s.WrittenBy != "" {
		by = ", migrated by assay " + s.WrittenBy
	}
	fmt.Fprintf(c.stdout, "%s: version %d of %d%s\n", s.Store, s.Version, s.Latest, by)
	if len(s.Pending) > 0 {
		fmt.Fprintf(c.stdout, "missing: %s\n", strings.Join(s.Pending, ", "))
	}
	return nil
}
