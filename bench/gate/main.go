// Command gate measures the gate against wc and DuckDB on one workload: it
// makes the data, runs every engine as a process of its own in one go, and
// prints processor time, wall time and peak memory of each, then the ratios as
// one JSON object. Machines are noisy: the ratios of one run count, single
// times do not.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"strconv"
	"syscall"
	"time"
)

func main() {
	log.SetFlags(0)
	rows := flag.Int("rows", 5_600_000, "rows of the workload, about 172 bytes each")
	dir := flag.String("dir", filepath.Join(os.TempDir(), "assay-bench-gate"), "where the data is made and kept")
	times := flag.Int("times", 3, "runs of each engine; the least processor time counts")
	engine := flag.String("engine", "", "run one engine on -file and exit (for the parent process)")
	file := flag.String("file", "", "")
	profile := flag.String("profile", "", "with -engine, where its processor profile is written")
	flag.Parse()
	if *engine != "" {
		if *profile != "" {
			f, err := os.Create(*profile)
			if err != nil {
				log.Fatal(err)
			}
			if err := pprof.StartCPUProfile(f); err != nil {
				log.Fatal(err)
			}
			defer pprof.StopCPUProfile()
		}
		if err := run(*engine, *file); err != nil {
			log.Fatalf("%s: %v", *engine, err)
		}
		return
	}
	files := filesOf(*dir, *rows)
	if *file == "make" {
		if err := makeData(files, *rows); err != nil {
			log.Fatal(err)
		}
		return
	}
	// In a process of its own: the peak memory of a child counts from its fork.
	self, err := os.Executable()
	if err != nil {
		log.Fatal(err)
	}
	make := exec.Command(self, "-rows", strconv.Itoa(*rows), "-dir", *dir, "-file", "make")
	make.Stderr = os.Stderr
	if err := make.Run(); err != nil {
		log.Fatal("making the data: ", err)
	}
	figures, err := measure(files, *times)
	if err != nil {
		log.Fatal(err)
	}
	b, err := json.Marshal(figures)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(b))
}

// A usage is what one process used.
type usage struct {
	cpu, wall time.Duration
	mib       float64
}

// child runs one engine in a process of its own.
func child(engine, file string) (usage, error) {
	var cmd *exec.Cmd
	if engine == "wc" {
		cmd = exec.Command("wc", "-l", file)
	} else {
		self, err := os.Executable()
		if err != nil {
			return usage{}, err
		}
		cmd = exec.Command(self, "-engine", engine, "-file", file)
	}
	cmd.Stderr = os.Stderr
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return usage{}, fmt.Errorf("%s %s: %w", engine, file, err)
	}
	wall := time.Since(start)
	u := usage{cpu: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), wall: wall}
	if r, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
		u.mib = float64(r.Maxrss) / 1024
	}
	return u, nil
}

// touch reads a file once.
func touch(file string) error {
	h, err := os.Open(file)
	if err != nil {
		return err
	}
	defer func() { _ = h.Close() }()
	_, err = io.Copy(io.Discard, h)
	return err
}

func measure(f files, times int) (map[string]float64, error) {
	plan := []struct{ name, engine, file string }{
		{"wc -l", "wc", f.csv},
		{"assay, 1 core", "assay1", f.csv},
		{"assay, 2 cores", "assay2", f.csv},
		{"DuckDB, 1 thread", "duckdb1", f.csv},
		{"assay, 1 % bad rows, rejects written", "rejects1", f.dirty},
		{"assay, clean, rejects written", "rejects1", f.csv},
		{"assay, .csv.gz", "assay2", f.gz},
		{"DuckDB, .csv.gz, 2 threads", "duckdb2", f.gz},
		{"assay, to zstd Parquet", "parquet1", f.csv},
		{"DuckDB, to zstd Parquet", "duckparquet1", f.csv},
		{"assay, JSONL", "jsonl1", f.jsonl},
		{"DuckDB, JSONL", "duckjsonl1", f.jsonl},
		{"assay, Parquet", "inparquet1", f.parquet},
		{"DuckDB, Parquet", "duckinparquet1", f.parquet},
	}
	best, read := map[string]usage{}, map[string]bool{}
	for i := range times {
		for _, p := range plan {
			if !read[p.file] { // every engine finds its file in the page cache
				read[p.file] = true
				if err := touch(p.file); err != nil {
					return nil, err
				}
			}
			u, err := child(p.engine, p.file)
			if err != nil {
				return nil, err
			}
			b, seen := best[p.name]
			if !seen || i == 0 {
				best[p.name] = u
				continue
			}
			best[p.name] = usage{min(b.cpu, u.cpu), min(b.wall, u.wall), max(b.mib, u.mib)}
		}
	}
	size, err := os.Stat(f.csv)
	if err != nil {
		return nil, err
	}
	fmt.Printf("%-40s %8s %8s %8s %10s\n", "engine", "CPU s", "wall s", "MiB", "MB/CPU s")
	for _, p := range plan {
		u := best[p.name]
		fmt.Printf("%-40s %8.2f %8.2f %8.0f %10.0f\n", p.name, u.cpu.Seconds(), u.wall.Seconds(), u.mib, float64(size.Size())/1e6/u.cpu.Seconds())
	}
	cpu := func(name string) float64 { return best[name].cpu.Seconds() }
	round := func(x float64) float64 {
		v, _ := strconv.ParseFloat(strconv.FormatFloat(x, 'f', 3, 64), 64)
		return v
	}
	return map[string]float64{
		"csv_cpu_vs_duckdb":        round(cpu("DuckDB, 1 thread") / cpu("assay, 1 core")),
		"csv_share_of_wc":          round(cpu("wc -l") / cpu("assay, 1 core")),
		"csv_peak_mib":             round(best["assay, 2 cores"].mib),
		"two_core_speedup":         round(best["assay, 1 core"].wall.Seconds() / best["assay, 2 cores"].wall.Seconds()),
		"dirty_over_clean":         round(cpu("assay, 1 % bad rows, rejects written") / cpu("assay, clean, rejects written")),
		"gz_wall_vs_duckdb2":       round(best["DuckDB, .csv.gz, 2 threads"].wall.Seconds() / best["assay, .csv.gz"].wall.Seconds()),
		"to_parquet_cpu_vs_duckdb": round(cpu("DuckDB, to zstd Parquet") / cpu("assay, to zstd Parquet")),
		"jsonl_cpu_vs_duckdb":      round(cpu("DuckDB, JSONL") / cpu("assay, JSONL")),
		"parquet_cpu_vs_duckdb":    round(cpu("DuckDB, Parquet") / cpu("assay, Parquet")),
	}, nil
}
