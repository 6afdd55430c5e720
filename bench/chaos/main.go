// Command chaos measures how well contracts catch what is done to their data:
// those of the two sample feeds, with batches of 20,000 rows, and those that
// `assay contract infer` proposes for two public files in ../shared/data. Its
// last line is one JSON object:
//
//	strongest_found  share of the strongest faults that the named detector found, on the sample feeds
//	inferred_found   the same, on the inferred contracts
//	clean_trips      trips over 200 clean batches of each feed, the worst
//	patch_catches    share of the proposed clauses that caught their fault in the second run
//	seconds          of the whole set on the orders, 20,000 rows
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	library "github.com/assay-pipeline/assay/contracts"
	"github.com/assay-pipeline/assay/evals/chaos"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/gate"
	"github.com/assay-pipeline/assay/pipeline/sample"
)

var (
	rows  = flag.Int("rows", 20_000, "rows of the batch of orders")
	clean = flag.Int("clean", 200, "clean batches per feed")
	data  = flag.String("data", "../../shared/data", "folder of the public files")
	assay = flag.String("assay", "../bin/assay", "the program, for contract infer")
	seed  = flag.Uint64("seed", 1, "of all randomness")
)

// public files, below data, that contracts are inferred for.
var public = []string{"industrial/nist-nestor/excavators.csv", "industrial/kicad-symbols/kicad_parts.csv"}

// Figures are the last line.
type Figures struct {
	Strongest float64  `json:"strongest_found"`
	Inferred  *float64 `json:"inferred_found"`
	Trips     int      `json:"clean_trips"`
	Patches   float64  `json:"patch_catches"`
	Seconds   float64  `json:"seconds"`
}

func main() {
	flag.Parse()
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "bench chaos:", err)
		os.Exit(1)
	}
}

// A tally adds up over feeds.
type tally struct{ found, of, caught, proposed, trips int }

func (t *tally) add(name string, rep *chaos.Report) {
	caught, proposed := rep.PatchesCaught()
	t.found, t.of = t.found+rep.StrongestFound, t.of+rep.Strongest
	t.caught, t.proposed = t.caught+caught, t.proposed+proposed
	t.trips = max(t.trips, rep.CleanTrips)
	fmt.Printf("%-28s %2d of %2d strongest found, mutation score %.3f, %d trips over %d clean batches, %d of %d patches catch, %.1f s\n",
		name, rep.StrongestFound, rep.Strongest, rep.MutationScore, rep.CleanTrips, rep.CleanBatches, caught, proposed, rep.Seconds)
	for i, e := range rep.Experiments {
		if i%len(chaos.Strengths) == len(chaos.Strengths)-1 && e.Outcome != chaos.Named {
			fmt.Printf("%-28s %s %s: expected %s, %s %s\n", "", e.Name, e.Column, e.Expected, e.Outcome, e.DetectedBy)
		}
	}
	for _, trip := range rep.Trips {
		fmt.Printf("%-28s tripped: %s\n", "", trip)
	}
}

func run(ctx context.Context) error {
	var f Figures
	var samples, inferred tally
	s := sample.Generate(sample.Options{Seed: *seed, Items: 20_000, Transactions: 10 * *rows})
	for _, feed := range []string{sample.OrdersFeed, sample.CatalogFeed} {
		src, err := library.FS.ReadFile("feeds/" + feed + ".odcs.yaml")
		if err != nil {
			return err
		}
		for _, file := range s.Files {
			if file.Feed != feed {
				continue
			}
			rep, err := attack(ctx, src, feed, file.Name, file.Bytes, file.EventTime)
			if err != nil {
				return fmt.Errorf("%s: %w", feed, err)
			}
			if feed == sample.OrdersFeed {
				f.Seconds = rep.Seconds
			}
			samples.add(feed, rep)
			break
		}
	}
	for _, name := range public {
		b, err := os.ReadFile(filepath.Join(*data, name))
		if errors.Is(err, os.ErrNotExist) {
			fmt.Printf("%s: not there; inferred contracts are not measured\n", filepath.Join(*data, name))
			continue
		}
		if err != nil {
			return err
		}
		src, err := exec.CommandContext(ctx, *assay, "contract", "infer", filepath.Join(*data, name)).Output() //nolint:gosec // our own program
		if err != nil {
			return fmt.Errorf("contract infer: %w", err)
		}
		rep, err := attack(ctx, src, "", filepath.Base(name), b, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		inferred.add("inferred: "+filepath.Base(name), rep)
	}
	f.Strongest = share(samples.found, samples.of)
	f.Trips = max(samples.trips, inferred.trips)
	f.Patches = share(samples.caught+inferred.caught, samples.proposed+inferred.proposed)
	if inferred.of > 0 {
		x := share(inferred.found, inferred.of)
		f.Inferred = &x
	}
	b, err := json.Marshal(f)
	if err != nil {
		return err
	}
	fmt.Println(string(b))
	return nil
}

func share(n, of int) float64 {
	if of == 0 {
		return 1
	}
	return float64(n) / float64(of)
}

func attack(ctx context.Context, src []byte, feed, name string, b []byte, at time.Time) (*chaos.Report, error) {
	dir, err := os.MkdirTemp("", "assay-bench-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	cfg, err := app.ReadConfig(nil, dir)
	if err != nil {
		return nil, err
	}
	opt := chaos.Options{Open: app.Open(cfg, app.Options{}).Scratch, Tmp: dir, Seed: *seed, Clean: *clean, Now: time.Now,
		Batches: []chaos.Batch{{EventTime: at, Input: gate.Input{Name: name, Size: int64(len(b)),
			Open: func(_ context.Context, off, n int64) (io.ReadCloser, error) {
				part := b[off:]
				if n >= 0 {
					part = part[:min(n, int64(len(part)))]
				}
				return io.NopCloser(bytes.NewReader(part)), nil
			}}}}}
	if opt.Document, err = contract.Parse(name+".odcs.yaml", src); err != nil {
		return nil, err
	}
	if opt.Feed, err = opt.Document.Feed(feed); err != nil {
		return nil, err
	}
	return chaos.Run(ctx, opt)
}
