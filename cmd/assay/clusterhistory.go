package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/catalog"
)

// historyShown bounds how many changes of a cluster are printed.
const historyShown = 100

// clusterGone says that there is no such cluster, after it has printed what is
// known of one that is no more, or of those that an item was in. Error: not_found.
func (c *cli) clusterGone(ctx context.Context, store catalog.HistoryStore, id string) error {
	none := pipeline.Errorf(pipeline.CodeNotFound, "%q is no cluster, and no item in one", id)
	past, err := store.ClusterEvents(ctx, catalog.HistoryQuery{Cluster: id, Limit: historyShown})
	if err != nil {
		return err
	}
	if len(past) == 0 {
		if past, err = store.ClusterEvents(ctx, catalog.HistoryQuery{Item: id, Limit: historyShown}); err != nil {
			return err
		}
	}
	if len(past) == 0 {
		return none
	}
	if c.json() {
		err = c.printJSON(map[string]any{"schema_version": 1, "history": past})
	} else {
		err = c.printClusterEvents(past)
	}
	if err != nil {
		return err
	}
	return none.WithHint("it was: its history is printed")
}

// orNone is a list in JSON, also where it is empty.
func orNone(es []catalog.ClusterEvent) []catalog.ClusterEvent {
	if es == nil {
		return []catalog.ClusterEvent{}
	}
	return es
}

func (c *cli) printClusterEvents(es []catalog.ClusterEvent) error {
	if len(es) == 0 {
		return nil
	}
	w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "AT\tCLUSTER\tWHAT\tITEMS\tCAME\tWENT\tBY")
	for i := range es {
		e := &es[i]
		by := e.Actor
		if e.Batch != "" {
			by = "batch " + pipeline.ShortID(e.Batch)
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\t%s\n", shortTime(e.At), e.Cluster, e.Kind, e.Items, someItems(e.Came, e.From, "from"), someItems(e.Went, e.To, "to"), by)
	}
	return w.Flush()
}

// someItems are items in one line, and the clusters they came from or went to.
func someItems(s catalog.Some, clusters []string, preposition string) string {
	if s.Count == 0 {
		return ""
	}
	const most = 5
	named := s.Items[:min(len(s.Items), most)]
	out := strings.Join(named, ", ")
	switch more := s.Count - len(named); {
	case more > 0 && len(named) > 0:
		out += fmt.Sprintf(" and %d more", more)
	case more > 0:
		out = count(more, "item")
	}
	for i, id := range clusters {
		if i == 0 {
			out += " " + preposition
		}
		out += " " + id
	}
	return out
}
