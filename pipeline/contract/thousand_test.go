package contract_test

import (
	"context"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline/contract"
)

// TestLintThousand runs the verb over a thousand contracts, as a CI would. It
// takes a build of the program, so it runs where figures are asked for.
func TestLintThousand(t *testing.T) {
	if !contract.Figures.Wanted() {
		t.Skip("make bench-contract measures it")
	}
	dir := t.TempDir()
	program := filepath.Join(dir, "assay")
	if out, err := exec.CommandContext(context.Background(), "go", "build", "-o", program, "../../cmd/assay").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	shipped, err := filepath.Glob("../../contracts/feeds/*.odcs.yaml")
	if err != nil || len(shipped) == 0 {
		t.Fatal("no contracts", err)
	}
	folder := filepath.Join(dir, "many")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		src, err := os.ReadFile(shipped[i%len(shipped)])
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(src), "\n")
		for j, l := range lines {
			switch {
			case strings.HasPrefix(l, "id: "):
				lines[j] = fmt.Sprintf("id: contract-%d", i)
			case strings.HasPrefix(l, "  - name: "):
				lines[j] = fmt.Sprintf("%s-%d", l, i)
			}
		}
		text := strings.ReplaceAll(strings.Join(lines, "\n"), "value: feed", fmt.Sprintf("value: feed-%d", i))
		if err := os.WriteFile(filepath.Join(folder, fmt.Sprintf("c%d.odcs.yaml", i)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	best, cpu := math.Inf(1), math.Inf(1)
	for range 3 {
		cmd := exec.CommandContext(context.Background(), program, "contract", "lint", folder)
		cmd.Dir = dir
		start := time.Now()
		out, err := cmd.CombinedOutput()
		best = min(best, time.Since(start).Seconds())
		cpu = min(cpu, (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds())
		if err != nil || !strings.Contains(string(out), "\n1000 contracts: 0 errors") {
			t.Fatalf("%v\n%.2000s", err, out)
		}
	}
	contract.Figures.Set("lint_1000_s", math.Round(best*100)/100)
	contract.Figures.Set("lint_1000_cpu_s", math.Round(cpu*100)/100)
	t.Logf("a thousand contracts take %.2f s, %.2f s of processor time", best, cpu)
}
