package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// quantityFigures runs the figures that the package's own tests measure: they
// stand guard there, and their misses are listed with their classes.
func quantityFigures(data string, verbose bool, out map[string]float64) error {
	cmd := exec.Command("go", "test", "./pipeline/quantity", "-run", "Figures", "-count", "1", "-v")
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "ASSAY_TEST_DATA="+data)
	b, err := cmd.CombinedOutput()
	sc := bufio.NewScanner(bytes.NewReader(b))
	for sc.Scan() {
		line := sc.Text()
		i := strings.IndexByte(line, '{')
		figure := map[string]float64{}
		switch {
		case i >= 0 && json.Unmarshal([]byte(line[i:]), &figure) == nil:
			for k, v := range figure {
				out[k] = v
				fmt.Printf("%-12s %.4f\n", k, v)
			}
		case verbose || strings.Contains(line, ": miss "):
			_, text, ok := strings.Cut(strings.TrimSpace(line), ": ")
			if !ok {
				text = line
			}
			fmt.Println("quantity", text)
		}
	}
	if err != nil {
		return fmt.Errorf("%w\n%s", err, b)
	}
	return nil
}
