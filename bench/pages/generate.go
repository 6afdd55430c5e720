package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/evals"
	"github.com/assay-pipeline/assay/evals/stats"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/breaker"
	"github.com/assay-pipeline/assay/pipeline/catalog"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/model"
	"github.com/assay-pipeline/assay/pipeline/review"
)

const contract = `apiVersion: v3.1.0
kind: DataContract
id: %[1]s
version: 1.0.0
status: active
servers:
  - {server: landing, type: local, path: "lake/landing/%[1]s/*.csv", format: csv}
customProperties:
  - {property: assay.maxRejectRate, value: 50%%}
  - {property: assay.breaker, value: {cooldown: 1h, probes: 1, fallback: last_good, minRows: 20}}
schema:
  - name: %[1]s
    physicalType: file
    properties:
      - {name: id, logicalType: string, required: true, primaryKey: true, primaryKeyPosition: 1}
      - {name: text, logicalType: string, required: true, logicalTypeOptions: {minLength: 3, maxLength: 200}}
      - {name: plant, logicalType: string, required: true}
      - {name: price, logicalType: number, logicalTypeOptions: {minimum: 0}}
      - {name: day, logicalType: date}
`

func feedName(n int) string { return fmt.Sprintf("feed-%04d", n) }

// reported is how many batches of the first feed were judged, with reports and
// rejects; the others stand in the ledger alone.
const reported = 20

func generate(ctx context.Context, dir string) error {
	folder := filepath.Join(dir, "contracts", "feeds")
	landing := filepath.Join(dir, "lake", "landing", feedName(0))
	for _, d := range []string{folder, landing} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	for n := range *feeds {
		if err := os.WriteFile(filepath.Join(folder, feedName(n)+".odcs.yaml"), fmt.Appendf(nil, contract, feedName(n)), 0o644); err != nil {
			return err
		}
	}
	rnd := rand.New(rand.NewPCG(1, 2))
	for b := range reported {
		var s strings.Builder
		s.WriteString("id,text,plant,price,day\n")
		for row := range 2000 {
			price := fmt.Sprintf("%.2f", 100*rnd.Float64())
			if rnd.IntN(20) == 0 {
				price = "-1"
			}
			fmt.Fprintf(&s, "P-%d-%d,washer DIN 125 M%d,%s,%s,2026-03-%02d\n", b, row, rnd.IntN(30), []string{"north", "south"}[rnd.IntN(2)], price, 1+rnd.IntN(28))
		}
		if err := os.WriteFile(filepath.Join(landing, fmt.Sprintf("f-%03d.csv", b)), []byte(s.String()), 0o644); err != nil {
			return err
		}
	}
	a, err := open(dir)
	if err != nil {
		return err
	}
	defer a.Close()
	r, err := a.Run(ctx)
	if err != nil {
		return err
	}
	if _, err := r.Once(ctx, ""); err != nil {
		return err
	}
	s, err := a.Store(ctx)
	if err != nil {
		return err
	}
	for _, fill := range []func(context.Context, app.Store, *rand.Rand) error{batches, breakers, entries, runs, calls} {
		if err := fill(ctx, s, rnd); err != nil {
			return err
		}
	}
	return nil
}

// perFeed is how many batches of each other feed stand in the ledger.
const perFeed = 30

func batches(ctx context.Context, s app.Store, rnd *rand.Rand) error {
	begin := time.Now().Add(-perFeed * time.Hour).UTC().Truncate(time.Second)
	for n := 1; n < *feeds; n++ {
		err := s.Atomic(ctx, func(tx flow.Tx) error {
			for i := range perFeed {
				rows := pipeline.Rows{Read: 1000}
				rows.Rejected = int64(rnd.IntN(50))
				rows.Accepted = rows.Read - rows.Rejected
				at := begin.Add(time.Duration(i) * time.Hour)
				b := flow.Batch{ID: pipeline.ContentID("bench", feedName(n), fmt.Sprint(i)), Feed: feedName(n), Key: fmt.Sprintf("landing/%s/%d.csv", feedName(n), i), Stage: flow.Done, Seq: int64(i + 1),
					Verdict: pipeline.Passed, Decision: pipeline.Publish, Rows: rows, EventTime: at, Created: at, Updated: at, ContractID: feedName(n), ContractVersion: "1.0.0"}
				switch {
				case i == perFeed-1 && n%25 == 0:
					b.Stage, b.Decision, b.Verdict, b.Reason = flow.Held, pipeline.Hold, pipeline.Failed, "the breaker is open"
				case i == perFeed-1 && n%50 == 1:
					b.Stage, b.Reason = flow.Waiting, "the contract asks for an approval"
				}
				if err := tx.PutBatch(ctx, b); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func breakers(ctx context.Context, s app.Store, rnd *rand.Rand) error {
	now := time.Now().UTC().Truncate(time.Second)
	for n := 1; n < *feeds; n++ {
		st := breaker.State{Key: flow.FeedBreaker(feedName(n)), Position: breaker.Closed, Since: now.Add(-time.Hour)}
		if n%20 == 0 {
			st.Position, st.Cause, st.Until = breaker.Open, "reject rate 12 % is above 5 %", now.Add(time.Hour)
		}
		for i := range 20 {
			st.Window = append(st.Window, breaker.Sample{Batch: fmt.Sprint(n, "-", i), At: now, Rows: 1000, Published: true, Metrics: map[string]float64{"reject_rate": 0.05 * rnd.Float64(), "rows": 1000}})
		}
		if err := s.SaveBreaker(ctx, st, breaker.Sample{}, nil); err != nil {
			return err
		}
	}
	return nil
}

var heads = []string{"40", "45", "50", "55", "60"}

// entries fills the catalog: washers of many sizes, plants and makers, with five
// thousand different outer diameters, every second with a part number of its own,
// every hundredth with a twin that a person is asked about.
func entries(ctx context.Context, s app.Store, rnd *rand.Rand) error {
	now := time.Now().UTC().Truncate(time.Second)
	var es []catalog.Entry
	var ms []catalog.Match
	for n := range *items {
		size, outer := 3+rnd.IntN(40), heads[rnd.IntN(len(heads))]
		maker := fmt.Sprintf("MAKER %d", rnd.IntN(200))
		outer += fmt.Sprintf(".%03d", rnd.IntN(1000))
		text := fmt.Sprintf("WASHER DIN 125 M%d X %s ST ZN %s", size, outer, maker)
		item := pipeline.Item{ID: fmt.Sprintf("%s/P-%07d", feedName(n%*feeds), n), Source: text, Meta: pipeline.Meta{Feed: feedName(n % *feeds), Manufacturer: maker, Plant: []string{"north", "south"}[n%2]}}
		if n%2 == 0 {
			item.Meta.PartNumber = fmt.Sprintf("W%d-%07d", size, n)
		}
		r := pipeline.Record{ID: item.ID, Source: text, Category: "washer", Confidence: 0.6 + 0.4*rnd.Float64(), Knowledge: "k", Meta: item.Meta}
		at := strings.Index(text, " M") + 1
		thread := fmt.Sprintf("M%d", size)
		r.Attributes = []pipeline.Attribute{{Name: "thread", Value: pipeline.Text(thread), Text: thread, Span: pipeline.Span{Start: at, End: at + len(thread)}, Provenance: pipeline.Verbatim, Confidence: 0.98}}
		if v, ok := pipeline.Number(outer); ok {
			at := strings.Index(text, outer)
			r.Attributes = append(r.Attributes, pipeline.Attribute{Name: "outer_diameter", Value: v, Unit: "mm", Text: outer, Span: pipeline.Span{Start: at, End: at + len(outer)}, Provenance: pipeline.Verbatim, Confidence: 0.9})
		}
		es = append(es, catalog.Entry{Item: item, Record: r, Batch: "bench", Seq: 1, Updated: now})
		if n%100 == 1 {
			ms = append(ms, catalog.Match{A: es[len(es)-1].Item.ID, B: fmt.Sprintf("%s/P-%07d", feedName((n-1)%*feeds), n-1), Verdict: catalog.Review, Score: 0.5 + 0.4*rnd.Float64()})
		}
		if len(es) == 5000 || n == *items-1 {
			if err := s.PutEntries(ctx, es); err != nil {
				return err
			}
			es = es[:0]
		}
	}
	for i := range ms {
		if ms[i].A > ms[i].B {
			ms[i].A, ms[i].B = ms[i].B, ms[i].A
		}
	}
	return s.ReplaceMatches(ctx, nil, ms)
}

func runs(ctx context.Context, s app.Store, rnd *rand.Rand) error {
	for n := range 60 {
		score := 0.9 + 0.02*rnd.Float64()
		r := evals.Run{ID: pipeline.ContentID("run", fmt.Sprint(n)), Suite: []string{"parse", "match", "search"}[n%3], Kind: evals.Nightly, At: time.Now().UTC().AddDate(0, 0, n-60), Score: score, Cases: 500, Passes: 1, Judgement: evals.Passed, Tolerance: 0.02,
			Difference: &stats.Difference{Base: 0.91, Now: score, Mean: score - 0.91, Lo: score - 0.92, Hi: score - 0.90}}
		var results []evals.Result
		for c := range 500 {
			results = append(results, evals.Result{Case: fmt.Sprintf("case-%03d", c), Scores: []float64{rnd.Float64()}, Last: evals.Scored{Text: "WASHER DIN 125 M8", Misses: []evals.Miss{{What: "thread", Want: "M8", Got: "M6"}}}})
		}
		if err := s.PutRun(ctx, r, results); err != nil {
			return err
		}
	}
	return nil
}

func calls(ctx context.Context, s app.Store, rnd *rand.Rand) error {
	for day := range 30 {
		var cs []model.Call
		at := time.Now().UTC().AddDate(0, 0, -day)
		for n := range 300 {
			cs = append(cs, model.Call{ID: fmt.Sprintf("call-%d-%d", day, n), Key: fmt.Sprintf("k-%d-%d", day, n), At: at, Model: []string{"bedrock:a", "openai:b"}[n%2], Purpose: "extract", Item: fmt.Sprintf("%s/P-1", feedName(rnd.IntN(*feeds))), Batch: "b", Usage: model.Usage{In: 1000, Out: 100}, Micros: 300, Priced: true})
		}
		if err := s.Settle(ctx, model.Settlement{Day: at.Format(time.DateOnly), Calls: cs}); err != nil {
			return err
		}
	}
	return nil
}

// addresses are the pages to visit, by name.
func addresses(ctx context.Context, a *app.App) ([][2]string, error) {
	s, err := a.Store(ctx)
	if err != nil {
		return nil, err
	}
	bs, err := s.Batches(ctx, flow.BatchFilter{Feed: feedName(0), Latest: true, Limit: 1})
	if err != nil || len(bs) == 0 {
		return nil, fmt.Errorf("no batch was judged: %w", err)
	}
	es, err := s.Runs(ctx, evals.RunFilter{Limit: 1})
	if err != nil || len(es) == 0 {
		return nil, fmt.Errorf("no run of evals: %w", err)
	}
	pair, err := s.Reviews(ctx, review.Filter{Kind: review.Pair, Limit: 1})
	if err != nil || len(pair) == 0 {
		return nil, fmt.Errorf("no pair is asked about: %w", err)
	}
	n := *items / 200 * 100
	item := fmt.Sprintf("%s/P-%07d", feedName((n+1)%*feeds), n+1)
	twin := fmt.Sprintf("%s/P-%07d", feedName(n%*feeds), n)
	return [][2]string{
		{"overview", "/"}, {"overview, a late page", "/?after=" + feedName(*feeds-60)}, {"overview, not closed", "/?state=open"}, {"overview, by name", "/?q=77"},
		{"feed", "/feeds/" + feedName(0)}, {"feed, ledger alone", "/feeds/" + feedName(7)}, {"batches", "/feeds/" + feedName(7) + "/batches"},
		{"batch", "/batches/" + bs[0].ID}, {"evals", "/evals"}, {"run of evals", "/evals/" + es[0].ID}, {"cost", "/cost"},
		{"review queue", "/reviews"}, {"review queue, of a feed", "/reviews?feed=" + feedName((n+1)%*feeds)}, {"a pair to decide", "/reviews/" + pair[0].ID},
		{"clusters", "/clusters"}, {"cluster", "/clusters/" + clusterID(1)}, {"cluster of 500", "/clusters/" + clusterID(0)}, {"item", "/items/" + item}, {"two items", "/compare?" + url.Values{"a": {item}, "b": {twin}}.Encode()},
		{"catalog", "/catalog"}, {"catalog, by feed", "/catalog?by=source"},
		{"search, words and a filter", look("washer thread=M10")}, {"search, a word of all", look("washer")}, {"search, an item's text", look("washer din 125 m10 x 45.120 st zn maker 7")},
		{"search, a filter", look("thread=M10")}, {"search, three filters", look(`thread=M10 plant=north maker="maker 7"`)}, {"search, a filter of all", look("category=washer")},
		{"search, a range", look("outer_diameter>=45.2mm outer_diameter<45.3mm")}, {"search, a wide range", look("outer_diameter>=45.123mm plant!=north")}, {"search, mistyped", look("wahser m10")},
		{"search, a beginning", look("w10-00")}, {"search, a part number", look(fmt.Sprintf("part=W10-%07d", n))}, {"search, nothing", look("qqqqqq")}, {"search, no such value", look("thread=M99")},
		{"search, page 3", look("washer thread=M10") + "&from=40"}, {"search, as one types", look("washer m1") + "&part=results"},
		{"search in JSON", "/v1/search?" + url.Values{"q": {"washer m10"}}.Encode()}, {"search in JSON, a filter", "/v1/search?" + url.Values{"filter": {"thread=M10"}, "limit": {"100"}}.Encode()},
	}, nil
}

func look(query string) string {
	return "/search?" + url.Values{"q": {query}}.Encode()
}
