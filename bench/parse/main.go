// Command parse measures reading: units, quantities, abbreviations, attributes,
// retrieval, speed, on the public data sets beside the repository and on the
// generated sample. Every miss is listed with -v. The last line is one JSON
// object; the exit code is 1 where a figure lies under its floor.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	library "github.com/assay-pipeline/assay/contracts"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/parse"
)

// floors are what each figure must reach; sample_wrong_critical is a ceiling.
var floors = map[string]float64{
	"ucum": 0.97, "quantities": 0.85, "retrieval_recall5": 0.95, "abbrev_err": 0.80, "jlc_f1": 0.90,
	"oamine_f1": 0.65, "ae110k_f1": 0.74, "wdcpave_f1": 0.65, "sample_f1": 0.93, "items_per_s": 20000,
}

const ceilingWrongCritical = 0.005

func main() {
	log.SetFlags(0)
	data := flag.String("data", "", "folder of the data sets (default: $ASSAY_TEST_DATA, else ../shared/data beside the repository)")
	seeds := flag.Int("seeds", 20, "samples to generate; the worst counts")
	only := flag.String("only", "", "measure only these keys, separated by commas")
	memory := flag.Int64("memory", 0, "parse so many items instead, and print the memory that it takes")
	fit := flag.Bool("calibrate", false, "fit the calibration of the records' confidence instead, and print the reliability tables")
	write := flag.String("write", "", "with -calibrate, the `file` that it is written to")
	verbose := flag.Bool("v", false, "list every miss")
	flag.Parse()
	if *fit {
		if err := calibrate(*write); err != nil {
			log.Fatal("calibrate: ", err)
		}
		return
	}
	if *memory > 0 {
		if err := runMemory(*memory); err != nil {
			log.Fatal("bench-parse: ", err)
		}
		return
	}
	out, err := run(*data, *seeds, *only, *verbose)
	if err != nil {
		log.Fatal("bench-parse: ", err)
	}
	b, err := json.Marshal(out)
	if err != nil {
		log.Fatal("bench-parse: ", err)
	}
	low := under(out)
	for _, l := range low {
		fmt.Println("under its floor:", l)
	}
	fmt.Println(string(b))
	if len(low) > 0 {
		os.Exit(1)
	}
}

func run(data string, seeds int, only string, verbose bool) (map[string]float64, error) {
	if data == "" {
		data = os.Getenv("ASSAY_TEST_DATA")
	}
	if data == "" {
		data = filepath.Join("..", "..", "shared", "data")
	}
	if _, err := os.Stat(data); err != nil {
		return nil, fmt.Errorf("needs ../shared/data: %w", err)
	}
	data, err := filepath.Abs(data)
	if err != nil {
		return nil, err
	}
	pack, ps, err := shipped()
	if err != nil {
		return nil, err
	}
	out := map[string]float64{}
	for _, m := range []struct {
		keys string
		f    func() error
	}{
		{"ucum,quantities", func() error { return quantityFigures(data, verbose, out) }},
		{"jlc_f1", func() (err error) { out["jlc_f1"], err = jlcFigure(data, ps, verbose); return err }},
		{"retrieval_recall5", func() (err error) { out["retrieval_recall5"], err = retrievalFigure(pack, verbose); return err }},
		{"abbrev_err", func() (err error) { out["abbrev_err"], err = abbreviationFigure(data, verbose); return err }},
		{"oamine_f1,ae110k_f1,wdcpave_f1", func() error { return attributeFigures(data, verbose, out) }},
		{"sample_f1,sample_wrong_critical", func() error { return sampleFigures(ps, seeds, verbose, out) }},
		{"items_per_s", func() (err error) { out["items_per_s"], err = speedFigure(ps); return err }},
	} {
		if !wanted(only, m.keys) {
			continue
		}
		started := time.Now()
		if err := m.f(); err != nil {
			return nil, fmt.Errorf("%s: %w", m.keys, err)
		}
		fmt.Fprintf(os.Stderr, "%s: %.1f s\n", m.keys, time.Since(started).Seconds())
	}
	for k, v := range out {
		out[k] = float64(int(v*1e6+0.5)) / 1e6
	}
	return out, nil
}

// shipped are the pack that the project ships and its parser.
func shipped() (*knowledge.Pack, *parse.Parser, error) {
	sub, err := fs.Sub(library.FS, "catalog")
	if err != nil {
		return nil, nil, err
	}
	pack, err := knowledge.Load(sub)
	if err != nil {
		return nil, nil, err
	}
	return pack, parse.New(pack, parse.NewRules(pack), parse.Options{}), nil
}

func runMemory(items int64) error {
	_, ps, err := shipped()
	if err != nil {
		return err
	}
	return memoryFigure(ps, items)
}

func wanted(only, keys string) bool {
	if only == "" {
		return true
	}
	for _, k := range strings.Split(keys, ",") {
		for _, o := range strings.Split(only, ",") {
			if k == o {
				return true
			}
		}
	}
	return false
}

func under(out map[string]float64) (low []string) {
	for k, floor := range floors {
		if v, ok := out[k]; ok && v < floor {
			low = append(low, fmt.Sprintf("%s is %.4f, at least %.4g is wanted", k, v, floor))
		}
	}
	if v := out["sample_wrong_critical"]; v > ceilingWrongCritical {
		low = append(low, fmt.Sprintf("sample_wrong_critical is %.5f, at most %.4g is wanted", v, ceilingWrongCritical))
	}
	sort.Strings(low)
	return low
}

func ratio(a, b int) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}

func f1(p, r float64) float64 {
	if p+r == 0 {
		return 0
	}
	return 2 * p * r / (p + r)
}
