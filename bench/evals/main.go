// Command evals measures how well the evals notice that answers have become
// worse: it runs the measurements of the packages that make them, prints what
// they print, and joins their figures in one line of JSON, the last. It fails
// where a measurement fails or a figure is missing.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// measurements are tests that print a line of JSON with -figures.
var measurements = []struct {
	pkg, test string
	keys      []string
}{
	{"./evals/stats", "TestFigures$", []string{"false_trip_months", "true_drop_found", "mean_runs_to_find"}},
	{"./evals", "TestFigures$", []string{"invariants_found", "suite_1000_s"}},
	{"./evals/observe", "TestFigures$", nil},
	{"./evals/chaos", "TestBehaviourFigures$", []string{"chaos_detected", "chaos_total"}},
}

func main() {
	root := flag.String("root", "..", "the root of the repository")
	flag.Parse()
	all := map[string]float64{}
	failed := false
	for _, m := range measurements {
		got, err := measure(*root, m.pkg, m.test)
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s %s: %v\n", m.pkg, m.test, err)
			failed = true
		}
		for _, k := range m.keys {
			if v, ok := got[k]; ok {
				all[k] = v
			} else {
				fmt.Fprintf(os.Stderr, "%s %s does not print %s\n", m.pkg, m.test, k)
				failed = true
			}
		}
	}
	for _, k := range slices.Sorted(maps.Keys(all)) {
		fmt.Printf("%-20s %g\n", k, all[k])
	}
	line, err := json.Marshal(all)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(string(line))
	if failed {
		os.Exit(1)
	}
}

// measure runs a test and reads the last line of JSON that it prints.
func measure(root, pkg, test string) (map[string]float64, error) {
	cmd := exec.Command("go", "test", pkg, "-run", test, "-count", "1", "-timeout", "60m", "-v", "-figures")
	cmd.Dir = root
	out, err := cmd.CombinedOutput()
	var got map[string]float64
	sc := bufio.NewScanner(bytes.NewReader(out))
	sc.Buffer(nil, 1<<20)
	for sc.Scan() {
		line := sc.Text()
		switch {
		case strings.HasPrefix(line, "=== "), strings.HasPrefix(line, "--- PASS"), line == "PASS", strings.HasPrefix(line, "ok "):
			continue
		case strings.HasPrefix(line, "{"):
			var figures map[string]any
			if json.Unmarshal([]byte(line), &figures) == nil {
				got = map[string]float64{}
				for k, v := range figures {
					if f, ok := v.(float64); ok {
						got[k] = f
					}
				}
				continue
			}
		}
		fmt.Println(line)
	}
	return got, err
}
