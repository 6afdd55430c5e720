package main

import (
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"

	"github.com/assay-pipeline/assay/infra"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/model"
)

func (c *cli) costEstimateCommand() *cobra.Command {
	var prices, measured string
	var fileGB float64
	var tokens []int
	cmd := &cobra.Command{
		Use:   "estimate",
		Short: "Estimate what the pipeline costs on AWS",
		Long: `Multiply what the pipeline was measured to take (infra/measured.yaml) with what
services cost (infra/prices.yaml; both came with the program): money per million
rows judged, per thousand items by rules and by each model that has a price, per
large file with its state transitions, and per idle month. A price or a measurement that is not there is said
to be missing, and the sum then to be without it; nothing is guessed.

A batch that waits for an approval costs nothing to compute: nothing runs.`,
		Example: `  assay cost estimate
  assay cost estimate --file-gb 20 --output json
  assay cost estimate --prices my-region.yaml --tokens 900,120`,
		Args: cobra.NoArgs,
		RunE: func(_ *cobra.Command, _ []string) error {
			if tokens != nil && (len(tokens) != 2 || tokens[0] < 0 || tokens[1] < 0) || !(fileGB > 0 && fileGB <= 1e6) {
				return pipeline.Errorf(pipeline.CodeInvalid, "--tokens takes two numbers such as 900,120, --file-gb a size above 0 and up to 1,000,000")
			}
			e, err := readEstimate(prices, measured)
			if err != nil {
				return err
			}
			lines := e.lines(fileGB)
			if tokens == nil {
				tokens = []int{int(e.takes["model.tokens_in"]), int(e.takes["model.tokens_out"])}
			}
			models, err := c.modelLines(tokens[0], tokens[1])
			if err != nil {
				return err
			}
			return c.printEstimate(append(lines, models...))
		},
	}
	cmd.Flags().StringVar(&prices, "prices", "", "a file of prices instead of the one that came with the program")
	cmd.Flags().StringVar(&measured, "measured", "", "a file of measurements instead of the one that came with the program")
	cmd.Flags().Float64Var(&fileGB, "file-gb", 5, "size of the large file")
	cmd.Flags().IntSliceVar(&tokens, "tokens", nil, "tokens of an item that a model is asked for: in,out (default: as measured; assay cost --by item shows yours)")
	return cmd
}

// An entry is a line of prices.yaml or measured.yaml.
type estimateEntry struct {
	Name   string   `yaml:"name"`
	Per    float64  `yaml:"per"`
	USD    *float64 `yaml:"usd"`
	Value  *float64 `yaml:"value"`
	Source string   `yaml:"source"`
	Date   string   `yaml:"date"`
	How    string   `yaml:"how"`
}

// An estimate holds what one unit costs and takes; a name that is missing has no
// entry.
type estimate struct {
	price, takes map[string]float64
}

func readEstimate(prices, measured string) (*estimate, error) {
	e := &estimate{map[string]float64{}, map[string]float64{}}
	read := func(file string, data []byte, take func(x estimateEntry) error) error {
		if file != "" {
			var err error
			if data, err = os.ReadFile(file); err != nil {
				return fileError(file, err)
			}
		}
		var doc map[string][]estimateEntry
		if err := yaml.Unmarshal(data, &doc); err != nil {
			return pipeline.Errorf(pipeline.CodeInvalid, "%s: %w", file, err)
		}
		for _, list := range doc {
			for _, x := range list {
				if x.Per == 0 {
					x.Per = 1
				}
				if err := take(x); err != nil {
					return err
				}
			}
		}
		return nil
	}
	err := read(prices, infra.Prices, func(x estimateEntry) error {
		if x.Name == "" || x.USD == nil || *x.USD < 0 || x.Source == "" || x.Date == "" {
			return pipeline.Errorf(pipeline.CodeInvalid, "price %q: a price needs name, usd, source and date", x.Name)
		}
		e.price[x.Name] = *x.USD / x.Per
		return nil
	})
	if err != nil {
		return nil, err
	}
	return e, read(measured, infra.Measured, func(x estimateEntry) error {
		if x.Name == "" || x.Value == nil || *x.Value < 0 || x.How == "" {
			return pipeline.Errorf(pipeline.CodeInvalid, "measurement %q: it needs name, value and how it was made", x.Name)
		}
		e.takes[x.Name] = *x.Value / x.Per
		return nil
	})
}

// An estimateLine is what one amount of work costs.
type estimateLine struct {
	Work string         `json:"work"`
	USD  float64        `json:"usd"`
	Of   []estimateItem `json:"of"`
	// Missing are prices and measurements that the sum is without.
	Missing []string `json:"missing,omitempty"`
	Grows   string   `json:"grows"`
}

type estimateItem struct {
	Name   string  `json:"name"`
	Amount float64 `json:"amount"`
	USD    float64 `json:"usd"`
}

// add adds an amount of what price names; factors are names of measurements that
// the amount is multiplied with.
func (e *estimate) add(l *estimateLine, price string, amount float64, factors ...string) {
	for _, f := range factors {
		v, ok := e.takes[f]
		if !ok {
			l.Missing = append(l.Missing, f+": not measured")
			return
		}
		amount *= v
	}
	usd, ok := e.price[price]
	if !ok {
		l.Missing = append(l.Missing, price+": no price")
		return
	}
	l.Of = append(l.Of, estimateItem{price, amount, amount * usd})
	l.USD += amount * usd
}

// lines are the estimates that need no model.
func (e *estimate) lines(fileGB float64) []estimateLine {
	rows := estimateLine{Work: "1,000,000 rows judged and published", Grows: "with the rows; a batch adds an invocation and a handful of requests"}
	e.add(&rows, "lambda.gb_second", 1e6, "ingest.seconds", "ingest.memory_gb")
	e.add(&rows, "lambda.request", 1)
	e.add(&rows, "sqs.request", 1, "sqs.requests")
	e.add(&rows, "s3.put", 6)
	e.add(&rows, "s3.get", 4)
	e.add(&rows, "events.event", 2)
	e.add(&rows, "aurora.acu_hour", 1e6, "ingest.acu_hours")

	items := estimateLine{Work: "1,000 items read by rules", Grows: "with the items"}
	e.add(&items, "lambda.gb_second", 1000, "parse.seconds", "parse.memory_gb")
	if shard := e.takes["parse.shard"]; shard > 0 {
		e.add(&items, "lambda.request", 1000/shard)
		e.add(&items, "sqs.request", 1000/shard, "sqs.requests")
	}
	e.add(&items, "aurora.acu_hour", 1000, "parse.acu_hours")

	searches := estimateLine{Work: "1,000,000 searches", Grows: "with the searches, and the time of one with the catalog: as measured in 20,000 items"}
	e.add(&searches, "lambda.gb_second", 1e6, "search.seconds", "api.memory_gb")
	e.add(&searches, "lambda.request", 1e6)
	e.add(&searches, "apigateway.request", 1e6)
	e.add(&searches, "aurora.acu_hour", 1e6, "search.acu_hours")

	large := estimateLine{Work: fmt.Sprintf("a file of %g GB, judged in ranges", fileGB), Grows: "with the rows, and by the range, of which each has its transitions"}
	size, row := e.takes["range.bytes"], e.takes["ingest.bytes"]
	if size > 0 && row > 0 {
		ranges := math.Ceil(fileGB * 1e9 / size)
		e.add(&large, "lambda.gb_second", fileGB*1e9/row, "ingest.seconds", "ingest.memory_gb")
		e.add(&large, "lambda.request", ranges+2) // Plan and Merge
		e.add(&large, "states.transition", 1, "states.large_file")
		e.add(&large, "states.transition", ranges, "states.part")
		e.add(&large, "events.event", 2)
	} else {
		large.Missing = append(large.Missing, "range.bytes or ingest.bytes: not measured")
	}

	idle := estimateLine{Work: "an idle month, with the database and the network that the stack makes", Grows: "with how often the clock strikes; not with data"}
	e.add(&idle, "aurora.acu_hour", 1, "clock.awake_hours", "clock.acu")
	e.add(&idle, "vpc.endpoint_hour", 730, "network.endpoints")
	e.add(&idle, "lambda.request", 1, "clock.per_month")
	e.add(&idle, "lambda.gb_second", 1, "clock.per_month", "clock.seconds", "clock.memory_gb")
	e.add(&idle, "lambda.gb_second", 1, "evals.per_month", "evals.seconds", "evals.memory_gb")
	e.add(&idle, "cloudwatch.alarm_metric", 1, "alarms.metrics")
	own := estimateLine{Work: "an idle month, with a database of one's own", Grows: idle.Grows}
	e.add(&own, "lambda.request", 1, "clock.per_month")
	e.add(&own, "lambda.gb_second", 1, "clock.per_month", "clock.seconds", "clock.memory_gb")
	e.add(&own, "lambda.gb_second", 1, "evals.per_month", "evals.seconds", "evals.memory_gb")
	e.add(&own, "cloudwatch.alarm_metric", 1, "alarms.metrics")

	waiting := estimateLine{Work: "a batch that waits for an approval", Of: []estimateItem{}, Grows: "not at all: nothing runs while it waits"}

	other := estimateLine{Work: "to compare: 1,000 records by AWS Entity Resolution, rule matching", Grows: "with the records, again at each run"}
	e.add(&other, "entity_resolution.record", 1000)
	return []estimateLine{rows, items, searches, large, idle, own, waiting, other}
}

// modelLines are 1,000 items by each model that has a price, and by the one that
// is configured, which may have none.
func (c *cli) modelLines(in, out int) ([]estimateLine, error) {
	a, err := c.open()
	if err != nil {
		return nil, err
	}
	defer a.Close()
	prices, err := a.Prices()
	if err != nil {
		return nil, err
	}
	line := func(name string) estimateLine {
		return estimateLine{
			Work: fmt.Sprintf("1,000 items read by %s (%d tokens in, %d out each)", name, in, out), Of: []estimateItem{},
			Grows: "with the items that the rules leave open, beside what the rules cost",
		}
	}
	var lines []estimateLine
	for _, p := range prices.Rows() {
		l := line(p.Model)
		l.USD = float64(p.Micros(model.Usage{In: in, Out: out})) * 1000 / 1e6
		l.Of = append(l.Of, estimateItem{p.Model, 1000, l.USD})
		lines = append(lines, l)
	}
	if name := a.Config.LLM; name != "" && name != "rules:" {
		if _, ok := prices.Of(name); !ok {
			l := line(name)
			l.Missing = []string{name + ": no price"}
			lines = append(lines, l)
		}
	}
	return lines, nil
}

func (c *cli) printEstimate(lines []estimateLine) error {
	if c.json() {
		return c.printJSON(map[string]any{"schema_version": 1, "estimate": lines})
	}
	w := tabwriter.NewWriter(c.stdout, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "WORK\tUSD\tWITHOUT\tGROWS")
	for _, l := range lines {
		usd := fmt.Sprintf("%.6f", l.USD)
		if len(l.Of) == 0 && len(l.Missing) > 0 {
			usd = "no price"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", l.Work, usd, strings.Join(l.Missing, "; "), l.Grows)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	// Nobody takes a sum for the whole of it.
	for _, kind := range []struct{ why, lack, flag string }{{"no price", "prices", "--prices"}, {"not measured", "measurements", "--measured"}} {
		var names []string
		for _, l := range lines {
			for _, m := range l.Missing {
				if name, ok := strings.CutSuffix(m, ": "+kind.why); ok && !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
		}
		if len(names) > 0 {
			fmt.Fprintf(c.stdout, "Without the %s of %s, sums are the least that it costs; name a file with yours by %s.\n", kind.lack, strings.Join(names, ", "), kind.flag)
		}
	}
	return nil
}
