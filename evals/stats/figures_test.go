package stats

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var (
	figures = flag.Bool("figures", false, "play all 1,000 months of every case and hold docs/evals-statistics.md against them")
	update  = flag.Bool("update", false, "with -figures, rewrite the table of the documentation")
)

// TestMonths is a quick look at the months; make bench-evals plays them all.
func TestMonths(t *testing.T) {
	for _, c := range Cases() {
		months := 60
		if c.Items == 500 {
			months = 25
		}
		m := c.Play(months)
		switch {
		case c.Drop == 0 && m.Tripped > 2:
			t.Errorf("n=%d, %s, no change: %d of %d months tripped", c.Items, c.Noise.Name, m.Tripped, months)
		case c.Drop > 0 && m.Tripped < months:
			t.Errorf("n=%d, %s, a drop of %g: found in %d of %d months", c.Items, c.Noise.Name, c.Drop, m.Tripped, months)
		case c.Drop > 0 && m.Runs > 4:
			t.Errorf("n=%d, %s, a drop of %g: found after %.2f runs", c.Items, c.Noise.Name, c.Drop, m.Runs)
		}
	}
}

// TestTwoPointRule: the rule that this one replaces, two point scores and a
// limit, fires in most months in which nothing happened. It shows that the
// simulation has the noise that it says it has.
func TestTwoPointRule(t *testing.T) {
	noise := NoiseModels()[2]
	months, fired := 100, 0
	for m := range months {
		rng := source(9, uint64(m))
		ps := noise.Draw(50, rng)
		score := func() (s float64) {
			for _, p := range ps {
				s += coin(rng, p)
			}
			return s / float64(len(ps))
		}
		base := score()
		for range Nights {
			if base-score() > 0.02 {
				fired++
				break
			}
		}
	}
	if fired < 60 {
		t.Errorf("a limit of 2 points on two point scores fired in %d of %d months without a change", fired, months)
	}
}

const (
	tableStart = "<!-- table: make bench-evals -->\n"
	tableEnd   = "<!-- end of the table -->\n"
)

func TestFigures(t *testing.T) {
	if !*figures {
		t.Skip("runs with -figures: 12,000 months take a minute or two")
	}
	table, f := Play(1000)
	fmt.Println(table)
	if f.FalseTripMonths > 0.02 || f.TrueDropFound < 0.99 || f.MeanRunsToFind > 4 {
		t.Errorf("figures %+v", f)
	}
	line, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	name := "../../docs/evals-statistics.md"
	src, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(src), tableStart)
	was, after, ok2 := strings.Cut(rest, tableEnd)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table", name)
	}
	switch {
	case *update:
		if err := os.WriteFile(name, []byte(before+tableStart+table+tableEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
	case was != table:
		t.Errorf("the table of %s is not what was played; rewrite it with -update", name)
	}
	fmt.Println(string(line))
}
