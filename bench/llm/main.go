// Command llm measures what stands between a model and a record: the figures
// of package guard, which its tests print and this program reads from standard
// input, and on the sample catalog the calls that the rules save, what a
// hostile model gets into the records, and the program's own time per item
// without the network.
//
//	go test ./pipeline/guard -run '…' -v | go -C bench run ./llm
//
// The last line is JSON.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/model"
	"github.com/assay-pipeline/assay/pipeline/parse"
	"github.com/assay-pipeline/assay/pipeline/quantity"
	"github.com/assay-pipeline/assay/pipeline/sample"
	"github.com/assay-pipeline/assay/pipeline/store/sqlite"
)

// keys are the figures of the last line; those of the guard come first.
var keys = []string{
	"ungrounded_leaks", "swap_flagged", "grounding_false_block", "json_exact", "pii_recall", "pii_precision", "pii_false_on_parts",
	"injection_recall", "injection_fpr", "calls_saved", "overhead_us",
}

func main() {
	seeds := flag.Int("seeds", 5, "seeds of the sample catalog; the worst counts")
	flag.Parse()
	if err := run(*seeds); err != nil {
		fmt.Fprintln(os.Stderr, "bench llm:", err)
		os.Exit(1)
	}
}

func run(seeds int) error {
	figures, err := guardFigures(os.Stdin)
	if err != nil {
		return err
	}
	pack, err := knowledge.Load(os.DirFS("../contracts/catalog"))
	if err != nil {
		return err
	}
	if err := sampleFigures(pack, seeds, figures); err != nil {
		return err
	}
	out := map[string]any{}
	for _, k := range keys {
		v, ok := figures[k]
		if !ok {
			return fmt.Errorf("no figure %s: was the guard's test skipped for want of ../shared/data?", k)
		}
		out[k] = v
	}
	line, err := json.Marshal(out)
	if err == nil {
		fmt.Println(string(line))
	}
	return err
}

// guardFigures reads what the guard's tests print: lines with a JSON object.
func guardFigures(f *os.File) (map[string]float64, error) {
	out := map[string]float64{}
	sc := bufio.NewScanner(f)
	sc.Buffer(nil, 1<<20)
	failed := ""
	for sc.Scan() {
		line := sc.Text()
		if i := strings.Index(line, "{"); i >= 0 && strings.HasSuffix(line, "}") {
			var m map[string]float64
			if json.Unmarshal([]byte(line[i:]), &m) == nil {
				for k, v := range m {
					out[k] = v
				}
				fmt.Println("guard      ", line[i:])
			}
		}
		if strings.HasPrefix(strings.TrimSpace(line), "--- FAIL") || strings.HasPrefix(line, "FAIL") {
			failed = line
		}
	}
	if failed != "" {
		return nil, fmt.Errorf("the guard's tests fail: %s", failed)
	}
	return out, sc.Err()
}

// A bench is a parser over an answerer that stands where the network would be.
type bench struct {
	parser *parse.Parser
	calls  int
	close  func()
}

// answerer is a model.Chat in this process.
type answerer struct {
	answer func(item string, ask []string) string
	calls  *int
}

func (a answerer) Complete(_ context.Context, req model.Request) (model.Reply, error) {
	*a.calls++
	var q struct {
		Item struct {
			Text string `json:"text"`
		} `json:"item"`
		Ask []string `json:"ask"`
	}
	if err := json.Unmarshal([]byte(req.Messages[0].Text), &q); err != nil {
		return model.Reply{}, err
	}
	text := `{"category":"unknown","text":""}`
	if len(q.Ask) > 0 {
		text = a.answer(q.Item.Text, q.Ask)
	}
	return model.Reply{Text: text, Usage: model.Usage{In: len(req.System) / 4, Out: len(text) / 4}, RequestID: fmt.Sprint("r", *a.calls)}, nil
}

func newBench(pack *knowledge.Pack, answer func(string, []string) string) (*bench, error) {
	dir, err := os.MkdirTemp("", "assay-bench")
	if err != nil {
		return nil, err
	}
	db, err := sqlite.Open(context.Background(), filepath.Join(dir, "assay.db"), sqlite.Options{})
	if err != nil {
		return nil, err
	}
	prompts, err := knowledge.LoadPrompts(os.DirFS("../contracts/catalog"), "extract", "classify")
	if err != nil {
		return nil, err
	}
	b := &bench{close: func() { db.Close(); os.RemoveAll(dir) }}
	c := model.NewClient(model.Client{Chat: answerer{answer, &b.calls}, Store: db, Model: "bench:model", Limits: model.Limits{DayMicros: -1, DayTokens: 1 << 50}})
	x, err := parse.NewLLM(pack, c, prompts, parse.LLMOptions{ItemTokens: 1 << 40})
	if err != nil {
		return nil, err
	}
	b.parser = parse.New(pack, parse.NewRules(pack), parse.Options{Second: x})
	return b, nil
}

func sampleFigures(pack *knowledge.Pack, seeds int, figures map[string]float64) error {
	ctx := context.Background()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	plain := parse.New(pack, parse.NewRules(pack), parse.Options{})
	figures["calls_saved"] = 1
	for seed := 1; seed <= seeds; seed++ {
		s := sample.Generate(sample.Options{Seed: uint64(seed)})
		ids := make([]string, 0, len(s.Truth.Items))
		for id := range s.Truth.Items {
			ids = append(ids, id)
		}
		sort.Strings(ids)
		r := rand.New(rand.NewPCG(uint64(seed), 7))
		b, err := newBench(pack, func(item string, ask []string) string { return hostile(r, pack, item, ask) })
		if err != nil {
			return err
		}
		asked, leaks, numbers := 0, 0, 0
		for _, id := range ids {
			it := s.Truth.Items[id]
			before := b.calls
			rec, err := b.parser.Parse(ctx, pipeline.Item{ID: sample.Key(id), Source: it.Text})
			if err != nil {
				return err
			}
			if b.calls == before {
				continue
			}
			asked++
			own, err := plain.Parse(ctx, pipeline.Item{ID: sample.Key(id), Source: it.Text})
			if err != nil {
				return err
			}
			for _, a := range rec.Attributes {
				if !a.Value.IsNumber() || a.Provenance == pipeline.Standard {
					continue
				}
				if have, ok := own.Attribute(a.Name); ok && have.Value.String() == a.Value.String() {
					continue
				}
				numbers++
				if !stated(it.Text, a) {
					leaks++
					fmt.Printf("leak: %s %s %s in %q\n", a.Name, a.Value, a.Unit, it.Text)
				}
			}
		}
		saved := 1 - float64(asked)/float64(len(ids))
		fmt.Printf("sample %2d   %d items, %d asked for (%.1f %% saved), %d numbers of a hostile model stand in the text, %d do not\n", seed, len(ids), asked, 100*saved, numbers-leaks, leaks)
		figures["calls_saved"] = min(figures["calls_saved"], saved)
		figures["ungrounded_leaks"] += float64(leaks)
		b.close()
		if seed == 1 {
			us, err := overhead(ctx, pack, s, ids)
			if err != nil {
				return err
			}
			figures["overhead_us"] = us
		}
	}
	return nil
}

// hostile answers every attribute that it is asked for, and always wrongly in
// some way: numbers of the text with a digit, decimal, sign or unit changed, or
// numbers from nowhere, quoting what does stand there.
func hostile(r *rand.Rand, pack *knowledge.Pack, item string, ask []string) string {
	type said struct {
		Text  string `json:"text"`
		Value string `json:"value"`
		Unit  string `json:"unit"`
	}
	answer := map[string]said{}
	qs := quantity.Scan(item, quantity.Options{})
	for _, name := range ask {
		text, value := item, fmt.Sprint(1+r.IntN(5000))
		if len(qs) > 0 {
			q := qs[r.IntN(len(qs))]
			text, value = q.Text, q.Value.String()
			switch r.IntN(4) {
			case 0:
				value += fmt.Sprint(r.IntN(10))
			case 1:
				value = "-" + strings.TrimPrefix(value, "-")
			case 2:
				d, _ := quantity.ParseDecimal(value)
				value = d.Mul(quantity.Ratio(1, 10)).String()
			default:
				b := []byte(value)
				if i := r.IntN(len(b)); b[i] >= '0' && b[i] <= '9' {
					b[i] = '0' + (b[i]-'0'+1)%10
				}
				value = string(b)
			}
		}
		answer[name] = said{text, value, unitOf(r, pack, name)}
	}
	b, err := json.Marshal(map[string]any{"attributes": answer})
	if err != nil {
		return "{}"
	}
	return string(b)
}

// unitOf is a unit that the attribute may have, or none.
func unitOf(r *rand.Rand, pack *knowledge.Pack, name string) string {
	for _, c := range pack.Categories() {
		s, _ := pack.Schema(c)
		if a, _, ok := s.Attribute(name); ok && a.Unit != "" {
			units := []string{"", a.Unit, "k" + a.Unit, "m" + a.Unit}
			return units[r.IntN(len(units))]
		}
	}
	return ""
}

// stated is an independent look: do the digits of the value, shifted by any
// power of ten or converted between the units of its kind, stand in the text?
func stated(text string, a pipeline.Attribute) bool {
	v, ok := quantity.ParseDecimal(a.Value.String())
	if !ok {
		return false
	}
	for _, q := range quantity.Scan(text, quantity.Options{}) {
		for _, d := range []*quantity.Decimal{&q.Value, q.High, q.Alt} {
			if d == nil {
				continue
			}
			if d.Cmp(v) == 0 && (!q.HasUnit() || q.Unit.Code == a.Unit) {
				return true
			}
			for _, u := range append([]quantity.Unit{q.Unit}, q.Readings...) {
				if c, err := quantity.Convert(*d, u.Code, a.Unit); err == nil && c.Cmp(v) == 0 {
					return true
				}
			}
		}
	}
	return strings.Contains(text, strings.TrimPrefix(a.Value.String(), "-")) && !strings.HasPrefix(a.Value.String(), "-")
}

// overhead is the processor time, in microseconds per item that is asked for,
// of everything but the network: rules, screen, scrub, prompt, budget, log,
// reading the reply, guard, store. The items come in shards, as they do from a
// batch.
func overhead(ctx context.Context, pack *knowledge.Pack, s *sample.Sample, ids []string) (float64, error) {
	b, err := newBench(pack, func(string, []string) string { return `{"attributes":{}}` })
	if err != nil {
		return 0, err
	}
	defer b.close()
	items := make([]pipeline.Item, 0, len(ids))
	for _, id := range ids {
		items = append(items, pipeline.Item{ID: sample.Key(id), Source: s.Truth.Items[id].Text})
	}
	start := processorTime()
	for shard := range slices.Chunk(items, flow.ShardItems) {
		if _, err := b.parser.ParseAll(ctx, shard); err != nil {
			return 0, err
		}
	}
	total := processorTime() - start
	plain := parse.New(pack, parse.NewRules(pack), parse.Options{})
	start = processorTime()
	for shard := range slices.Chunk(items, flow.ShardItems) {
		if _, err := plain.ParseAll(ctx, shard); err != nil {
			return 0, err
		}
	}
	rules := processorTime() - start
	us := func(d time.Duration, n int) float64 { return float64(d.Microseconds()) / float64(max(1, n)) }
	perAsked := us(total-rules, b.calls)
	fmt.Printf("overhead    %.0f µs per item that is asked for, %.0f µs per item of all, of which the rules take %.0f µs\n", perAsked, us(total, len(items)), us(rules, len(items)))
	return perAsked, nil
}
