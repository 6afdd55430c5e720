package flow_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/review"
)

// TestHistoryOfAClusterOnBothStores: three items arrive and are one thing, another
// joins, a person adds one and takes it back, an item leaves with its feed.
func TestHistoryOfAClusterOnBothStores(t *testing.T) {
	for _, store := range []string{"sqlite", "postgres"} {
		t.Run(store, func(t *testing.T) {
			ctx := context.Background()
			w := &world{t: t, dir: t.TempDir(), now: time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)}
			if store == "postgres" {
				w.environ = []string{"ASSAY_STORE=" + postgresStore(t)}
				cfg, err := app.ReadConfig(append([]string{"ASSAY_KNOWLEDGE=embed:"}, w.environ...), w.dir)
				if err != nil {
					t.Fatal(err)
				}
				upgraded := app.Open(cfg, app.Options{})
				if err := upgraded.Migrate(ctx); err != nil {
					t.Fatal(err)
				}
				if err := upgraded.Close(); err != nil {
					t.Fatal(err)
				}
			}
			w.contract(feedContract("  - {property: assay.load, value: snapshot}\n"))
			w.open()
			const bolt, vague = ",HEX BOLT DIN 933 M8X40 8.8 zinc plated,1", ",HEX BOLT DIN 933 M8 8.8 zinc plated,1"
			batches := map[string]string{}
			arrive := func(name string, rows ...string) {
				t.Helper()
				w.land(name, rows...)
				bs := w.once()
				if len(bs) != 1 || bs[0].Stage != flow.Done {
					t.Fatalf("%s: %+v", name, bs)
				}
				batches[bs[0].ID] = name
				w.now = w.now.Add(time.Hour)
			}
			history := func(q catalog.HistoryQuery) string {
				t.Helper()
				es, err := w.db.ClusterEvents(ctx, q)
				if err != nil {
					t.Fatal(err)
				}
				var out []string
				for _, e := range es {
					s := fmt.Sprintf("%s %d", e.Kind, e.Items)
					for _, x := range e.Came.Items {
						s += " +" + strings.TrimPrefix(x, "parts/")
					}
					for _, x := range e.Went.Items {
						s += " -" + strings.TrimPrefix(x, "parts/")
					}
					if e.Batch != "" {
						s += " by " + batches[e.Batch]
					}
					if e.Actor != "" {
						s += " by " + e.Actor
					}
					if (e.Review != "") != (e.Actor != "") {
						t.Errorf("a decision without its place in the queue, or the other way round: %+v", e)
					}
					out = append(out, s)
				}
				return strings.Join(out, "\n")
			}

			arrive("2026-03-01.csv", "a"+bolt, "b"+bolt, "c"+bolt)
			cs, err := w.db.Clusters(ctx, nil)
			if err != nil || len(cs) != 1 {
				t.Fatalf("%+v %v", cs, err)
			}
			of := catalog.HistoryQuery{Cluster: cs[0].ID}
			w.want("made", history(of), "made 3 +a +b +c by 2026-03-01.csv")
			arrive("2026-03-02.csv", "a"+bolt, "b"+bolt, "c"+bolt, "d"+bolt, "e"+vague)
			first := "grown 4 +d by 2026-03-02.csv\nmade 3 +a +b +c by 2026-03-01.csv"
			w.want("one joins", history(of), first)

			people, err := w.app.People(ctx)
			if err != nil {
				t.Fatal(err)
			}
			waiting, err := w.db.Reviews(ctx, review.Filter{Kind: review.Pair, State: review.Open})
			if err != nil || len(waiting) == 0 {
				t.Fatalf("%d pairs wait, %v", len(waiting), err)
			}
			for _, e := range waiting {
				if _, err := people.Decide(ctx, e.ID, flow.Verdict{Decision: "same", Who: "ann"}); err != nil {
					t.Fatal(err)
				}
			}
			w.want("a person adds one", history(of), "grown 5 +e by ann\n"+first)
			for _, e := range waiting {
				if _, err := people.Undo(ctx, e.ID, "bob", "another length"); err != nil {
					t.Fatal(err)
				}
			}
			first = "shrunk 4 -e by bob\ngrown 5 +e by ann\n" + first
			w.want("and another takes it back", history(of), first)
			w.want("of what was taken out", history(catalog.HistoryQuery{Item: "parts/e"}), first)

			arrive("2026-03-03.csv", "a"+bolt, "b"+bolt, "e"+vague)
			w.want("two leave with their feed", history(of), "shrunk 2 -c -d by 2026-03-03.csv\n"+first)
			w.want("of what was taken out before", history(catalog.HistoryQuery{Item: "parts/e"}), first)
			arrive("2026-03-04.csv", "a"+bolt, "e"+vague)
			last := "gone 0 -a -b by 2026-03-04.csv\nshrunk 2 -c -d by 2026-03-03.csv\n" + first
			w.want("nothing is left", history(of), last)
			w.want("of an item that is alone now", history(catalog.HistoryQuery{Item: "parts/a"}), last)
			w.once()
			w.want("a second run", history(of), last)
		})
	}
}
