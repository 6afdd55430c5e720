package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

func (c *cli) watchCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "watch",
		Short: "Be told of every change of a feed, item, cluster or breaker",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, args []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.watchAddCommand(), c.watchListCommand(), c.watchRemoveCommand())
	return cmd
}

func (c *cli) watchAddCommand() *cobra.Command {
	var user, channel string
	cmd := &cobra.Command{
		Use:   "add KIND SUBJECT",
		Short: "Watch a feed, item, cluster or breaker",
		Example: `  assay watch add feed orders --user ann@example.org
  assay watch add item parts/P-1001 --user ann@example.org
  assay watch add breaker orders --channel https://hooks.example.org/assay`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := c.open()
			if err != nil {
				return err
			}
			defer a.Close()
			n, err := a.Notifier(cmd.Context())
			if err != nil {
				return err
			}
			w, err := n.Watch(cmd.Context(), user, args[0], args[1], channel)
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(map[string]any{"schema_version": 1, "watch": w})
			}
			fmt.Fprintf(c.stdout, "%s: %s is told of %s %s at %s\n", w.ID, w.User, w.Kind, w.Subject, w.URL)
			return nil
		},
	}
	cmd.Flags().StringVar(&user, "user", whoami(), "who is told")
	cmd.Flags().StringVar(&channel, "channel", "", "where: mailto:ADDRESS, https://…, arn:aws:sns:…, console: (default: the user, where that is a mail address)")
	return cmd
}

func (c *cli) watchListCommand() *cobra.Command {
	var user string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List watches",
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
			all, err := s.Watches(cmd.Context())
			if err != nil {
				return err
			}
			ws := []flow.Watch{}
			for _, w := range all {
				if user == "" || w.User == user {
					ws = append(ws, w)
				}
			}
			if c.json() {
				return c.printJSON(map[string]any{"schema_version": 1, "watches": ws})
			}
			if len(ws) == 0 {
				fmt.Fprintln(c.stdout, "nobody watches anything")
				return nil
			}
			w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "WATCH\tUSER\tKIND\tSUBJECT\tCHANNEL\tSINCE")
			for _, x := range ws {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", x.ID, x.User, x.Kind, x.Subject, x.URL, shortTime(x.Created))
			}
			return w.Flush()
		},
	}
	cmd.Flags().StringVar(&user, "user", "", "only those of this user")
	return cmd
}

func (c *cli) watchRemoveCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "remove WATCH",
		Short: "End a watch",
		Args:  cobra.ExactArgs(1),
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
			if err := s.DropWatch(cmd.Context(), args[0]); err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(map[string]any{"schema_version": 1, "removed": args[0]})
			}
			fmt.Fprintf(c.stdout, "%s: removed\n", args[0])
			return nil
		},
	}
}

func (c *cli) notifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "notify",
		Short: "Look at what people were told, and tell them again",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, args []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.notifyListCommand(), c.notifyRetryCommand())
	return cmd
}

func (c *cli) notifyListCommand() *cobra.Command {
	var f flow.NoticeFilter
	var dead bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List notices, the newest first",
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
			if dead {
				f.State = flow.NoticeDead
			}
			ns, err := s.Notices(cmd.Context(), f)
			if err != nil {
				return err
			}
			if c.json() {
				if ns == nil {
					ns = []flow.Notice{}
				}
				return c.printJSON(map[string]any{"schema_version": 1, "notices": ns})
			}
			if len(ns) == 0 {
				fmt.Fprintln(c.stdout, "no notices")
				return nil
			}
			w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
			fmt.Fprintln(w, "NOTICE\tFEED\tEVENT\tSEVERITY\tCHANNEL\tSTATE\tTRIES\tCREATED\tREASON")
			for _, n := range ns {
				fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%d\t%s\t%s\n", pipeline.ShortID(n.ID), n.Feed, strings.TrimPrefix(n.Type, "assay."), n.Severity, n.Channel.Name, n.State, n.Tries, shortTime(n.Created), n.Reason)
			}
			return w.Flush()
		},
	}
	cmd.Flags().BoolVar(&dead, "dead", false, "only those that were given up")
	cmd.Flags().StringVar(&f.Feed, "feed", "", "only of this feed")
	cmd.Flags().IntVar(&f.Limit, "limit", 50, "how many")
	return cmd
}

func (c *cli) notifyRetryCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "retry [NOTICE…]",
		Short: "Send notices that were given up again, or all of them",
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := c.open()
			if err != nil {
				return err
			}
			defer a.Close()
			n, err := a.Notifier(cmd.Context())
			if err != nil {
				return err
			}
			again, err := n.Retry(cmd.Context(), args)
			if err != nil {
				return err
			}
			d, err := n.Deliver(cmd.Context())
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(map[string]any{"schema_version": 1, "retried": again, "delivery": d})
			}
			fmt.Fprintf(c.stdout, "%s tried again: %d sent, %d to be tried later, %d given up\n", count(again, "notice"), d.Sent, d.Retried, d.Dead)
			return nil
		},
	}
}
