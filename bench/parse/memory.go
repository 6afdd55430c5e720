package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/parse"
	"github.com/assay-pipeline/assay/pipeline/sample"
)

// memorySeeds are how many samples the texts of the memory figure come from.
const memorySeeds = 4

// memoryFigure parses items in a stream, as a shard after a shard would be, and
// prints the memory of the process each step. Each text ends in a part number
// that was never seen, so that what the parser remembers of texts keeps being new.
func memoryFigure(ps *parse.Parser, items int64) error {
	var texts []string
	for seed := range memorySeeds {
		for _, it := range sample.Generate(sample.Options{Seed: uint64(seed + 1)}).Truth.Items {
			texts = append(texts, it.Text)
		}
	}
	runtime.GC()
	step := int64(1_000_000)
	if items < 4*step {
		step = max(1, items/4)
	}
	var at, rss []float64
	started := processorTime()
	shard := make([]pipeline.Item, 0, flow.ShardItems)
	fmt.Printf("%12s %10s %10s %10s\n", "items", "rss MB", "heap MB", "items/s")
	for n := int64(0); n < items; {
		shard = shard[:0]
		for ; len(shard) < flow.ShardItems && n < items; n++ {
			shard = append(shard, pipeline.Item{ID: "memory/" + strconv.FormatInt(n, 10), Source: fresh(texts[n%int64(len(texts))], n)})
		}
		if _, err := ps.ParseAll(context.Background(), shard); err != nil {
			return err
		}
		if n%step < flow.ShardItems || n == items {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			r := resident()
			at, rss = append(at, float64(n)/1e6), append(rss, r)
			fmt.Printf("%12d %10.1f %10.1f %10.0f\n", n, r, float64(m.HeapAlloc)/1e6, float64(n)/(processorTime()-started).Seconds())
		}
	}
	// What is remembered is bounded, and full after the first step: the slope
	// counts from there.
	slope := slope(at[1:], rss[1:])
	most := 0.0
	for _, r := range rss {
		most = max(most, r)
	}
	b, err := json.Marshal(map[string]any{"items": items, "rss_mb": round1(most), "rss_mb_per_million": round1(slope)})
	if err != nil {
		return err
	}
	fmt.Println(string(b))
	return nil
}

func round1(x float64) float64 { return float64(int64(x*10+0.5)) / 10 }

// fresh is a text that no round before had.
func fresh(text string, n int64) string {
	var b strings.Builder
	b.Grow(len(text) + 16)
	b.WriteString(text)
	b.WriteString(" X")
	b.WriteString(strconv.FormatInt(n, 36))
	b.WriteString("-")
	b.WriteString(strconv.FormatInt(n%977, 10))
	return b.String()
}

// slope is that of the least-squares line.
func slope(x, y []float64) float64 {
	if len(x) < 2 {
		return 0
	}
	var mx, my, xx, xy float64
	for i := range x {
		mx += x[i] / float64(len(x))
		my += y[i] / float64(len(x))
	}
	for i := range x {
		xx += (x[i] - mx) * (x[i] - mx)
		xy += (x[i] - mx) * (y[i] - my)
	}
	return xy / xx
}

// resident is the memory of this process that is in use, in MB: what the
// kernel says, else what the runtime holds.
func resident() float64 {
	data, err := os.ReadFile("/proc/self/status")
	if err == nil {
		for line := range bytes.Lines(data) {
			if kb, ok := bytes.CutPrefix(line, []byte("VmRSS:")); ok {
				if n, err := strconv.ParseFloat(strings.Fields(string(kb))[0], 64); err == nil {
					return n * 1024 / 1e6
				}
			}
		}
	}
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.Sys-m.HeapReleased) / 1e6
}
