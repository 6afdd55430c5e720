// Command cost measures what infra/measured.yaml holds: the processor seconds
// (user and system) that judging, reading and searching take with GOMAXPROCS=1,
// by the program as it is shipped, and the tokens of a question to a model. It
// prints a table and, as its last line, one JSON object whose keys are the names
// of measured.yaml.
//
//	go run ./cost -assay ../bin/assay                    # 1,000,000 rows, 20,000 items
//	go run ./cost -assay ../bin/assay -rows 100000       # smaller
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/pipeline/sample"
)

var (
	program  = flag.String("assay", "assay", "the program")
	rows     = flag.Int("rows", 1_000_000, "rows to judge")
	items    = flag.Int("items", 20_000, "items to read, and to search in")
	searches = flag.Int("searches", 200, "searches")
)

func main() {
	flag.Parse()
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "cost:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	bin, err := filepath.Abs(*program)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "assay-bench-cost-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	b := &bench{bin, dir}
	out := map[string]float64{}
	for _, f := range []func(context.Context, map[string]float64) error{b.judge, b.read, b.search, b.ask} {
		if err := f(ctx, out); err != nil {
			return err
		}
	}
	return json.NewEncoder(os.Stdout).Encode(out)
}

type bench struct{ bin, dir string }

// command is a call of the program with one processor.
func (b *bench) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, b.bin, args...)
	cmd.Dir = b.dir
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	return cmd
}

func spent(cmd *exec.Cmd) time.Duration {
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

// judge takes rows of the scaffold's contract through the gate to Parquet. The
// contract is without its catalog here: reading the items has a figure of its own.
func (b *bench) judge(ctx context.Context, out map[string]float64) error {
	project := filepath.Join(b.dir, "judge")
	if err := b.command(ctx, "--quiet", "init", project).Run(); err != nil {
		return err
	}
	contract := filepath.Join(project, "contracts", "feeds", "parts.odcs.yaml")
	text, err := os.ReadFile(contract)
	if err != nil {
		return err
	}
	var kept []string
	skip := false
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, "property: assay.catalog") {
			skip = true
			continue
		}
		if !skip {
			kept = append(kept, line)
		}
		skip = false
	}
	if err := os.WriteFile(contract, []byte(strings.Join(kept, "")), 0o644); err != nil {
		return err
	}
	landed, err := filepath.Glob(filepath.Join(project, "lake", "landing", "parts", "*"))
	if err != nil || len(landed) != 1 {
		return fmt.Errorf("the scaffold has %d files: %w", len(landed), err)
	}
	size, err := write(landed[0], func(w *bufio.Writer) {
		fmt.Fprintln(w, "part_id,description,manufacturer,plant,price,created")
		for i := range *rows {
			fmt.Fprintf(w, "P-%07d,\"WASHER M%d DIN 125 A, STEEL, ZINC PLATED\",,%s,%d.%02d,2026-01-%02d\n", i, 4+i%20, []string{"north", "south"}[i%2], i%50, i%100, 1+i%28)
		}
	})
	if err != nil {
		return err
	}
	cmd := b.command(ctx, "-C", project, "--quiet", "run", "--output", "json")
	answer, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%w: %s", err, answer)
	}
	if !strings.Contains(string(answer), fmt.Sprint(*rows)) {
		return fmt.Errorf("not every row was accepted: %.300s", answer)
	}
	out["ingest.seconds"] = round(spent(cmd).Seconds() * 1e6 / float64(*rows))
	out["ingest.bytes"] = round(float64(size) * 1e6 / float64(*rows))
	fmt.Printf("%9d rows, %d MB, judged and published in %v\n", *rows, size/1e6, spent(cmd))

	suites := b.command(ctx, "--quiet", "eval", "run")
	// Without a baseline it cannot pass, and says so by its exit code.
	if answer, err := suites.Output(); err != nil && len(answer) == 0 {
		return err
	}
	out["evals.seconds"] = round(spent(suites).Seconds())
	fmt.Printf("        1 run of the suites: %v\n", spent(suites))

	const strikes = 5
	var clock time.Duration
	for range strikes {
		cmd := b.command(ctx, "-C", project, "--quiet", "sweep")
		if err := cmd.Run(); err != nil {
			return err
		}
		clock += spent(cmd)
	}
	out["clock.seconds"] = round(clock.Seconds() / strikes)
	fmt.Printf("%9d sweeps where nothing happens: %v each, with the start\n", strikes, clock/strikes)
	return nil
}

// texts are descriptions of items as several people write them.
func texts() []string {
	var all []string
	for seed := uint64(1); len(all) < *items; seed++ {
		truth := sample.Generate(sample.Options{Seed: seed}).Truth.Items
		for _, id := range slices.Sorted(maps.Keys(truth)) {
			if t := truth[id].Text; len(all) < *items && len(t) <= 200 { // as the scaffold's contract has it
				all = append(all, t)
			}
		}
	}
	return all
}

// read takes item descriptions into records by the rules.
func (b *bench) read(ctx context.Context, out map[string]float64) error {
	name := filepath.Join(b.dir, "items.txt")
	if _, err := write(name, func(w *bufio.Writer) {
		for _, t := range texts() {
			fmt.Fprintln(w, strings.Join(strings.Fields(t), " "))
		}
	}); err != nil {
		return err
	}
	start := b.command(ctx, "parse", "washer M8", "--output", "json")
	if err := start.Run(); err != nil {
		return err
	}
	cmd := b.command(ctx, "parse", name, "--output", "json")
	if err := cmd.Run(); err != nil {
		return err
	}
	used := spent(cmd) - spent(start)
	out["parse.seconds"] = round(used.Seconds() * 1000 / float64(*items))
	fmt.Printf("%9d items read by rules in %v, %.0f a second, without the start of %v\n", *items, used, float64(*items)/used.Seconds(), spent(start))
	return nil
}

// ask counts the tokens of a question, by a model of the program's own that
// counts a token for four characters of the prompts as they are sent. Prices of
// one dollar per million tokens make the sum of dollars a count.
func (b *bench) ask(ctx context.Context, out map[string]float64) error {
	prices := filepath.Join(b.dir, "one.yaml")
	if err := os.WriteFile(prices, []byte("prices:\n  - {model: \"simulated:able\", in: 1, cached: 1, out: 0, source: to count, date: 2026-01-01}\n"), 0o644); err != nil {
		return err
	}
	cmd := b.command(ctx, "--quiet", "eval", "matrix", "--model", "simulated:able", "--output", "json")
	cmd.Env = append(cmd.Env, "ASSAY_LLM_PRICES="+prices)
	answer, err := cmd.Output()
	if err != nil {
		return err
	}
	var matrix struct {
		Cells []struct {
			Dollars float64 `json:"dollars_per_1000"`
			Tokens  float64 `json:"tokens"`
			Cases   int     `json:"cases"`
		} `json:"cells"`
	}
	if err := json.Unmarshal(answer, &matrix); err != nil || len(matrix.Cells) != 1 {
		return fmt.Errorf("eval matrix says %.300s: %w", answer, err)
	}
	c := matrix.Cells[0]
	out["model.tokens_in"] = math.Round(c.Dollars * 1000)
	out["model.tokens_out"] = math.Round(c.Tokens - c.Dollars*1000)
	fmt.Printf("%9d items that a model was asked for: %.0f tokens in, %.0f out each\n", c.Cases, out["model.tokens_in"], out["model.tokens_out"])
	return nil
}

func write(name string, fill func(w *bufio.Writer)) (size int64, err error) {
	f, err := os.Create(name)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	w := bufio.NewWriterSize(f, 1<<20)
	fill(w)
	if err := w.Flush(); err != nil {
		return 0, err
	}
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func round(f float64) float64 { return math.Round(f*1e6) / 1e6 }
