package observe

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var (
	figures = flag.Bool("figures", false, "play 500 runs of every scene and hold docs/observe.md against them")
	update  = flag.Bool("update", false, "with -figures, rewrite the table of the documentation")
)

// TestScenes is a quick look at the scenes; make bench-evals plays them all.
func TestScenes(t *testing.T) {
	const runs = 10
	for _, s := range Scenes() {
		holds(t, s.Play(runs), 1)
	}
}

// holds: what comes in opens nothing, what the stage does worse is found.
func holds(t *testing.T, o Outcome, slack int) {
	t.Helper()
	switch {
	case o.Scene.Worse == (Worse{}) && o.Opened > o.Runs*2/100+slack:
		t.Errorf("%s: opened in %d of %d runs: %v", o.Scene.Name, o.Opened, o.Runs, o.Why)
	case o.Scene.Worse != (Worse{}) && o.Within < o.Runs*90/100-slack:
		t.Errorf("%s: found within three windows in %d of %d runs", o.Scene.Name, o.Within, o.Runs)
	}
}

const (
	tableStart = "<!-- table: make bench-evals -->\n"
	tableEnd   = "<!-- end of the table -->\n"
)

func TestFigures(t *testing.T) {
	if !*figures {
		t.Skip("runs with -figures: 7,000 baselines take some minutes")
	}
	table, all := Table(500)
	worst := map[string]float64{"observer_found": 1}
	fmt.Println(table)
	for _, o := range all {
		holds(t, o, 0)
		if o.Scene.Worse == (Worse{}) {
			worst["observer_false_opens"] = max(worst["observer_false_opens"], float64(o.Opened)/float64(o.Runs))
		} else {
			worst["observer_found"] = min(worst["observer_found"], float64(o.Within)/float64(o.Runs))
		}
	}
	name := "../../docs/observe.md"
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
	fmt.Printf("the observer: at most %.1f %% of the windows opened a breaker for other input or nothing, at least %.1f %% of what became worse found within three\n",
		100*worst["observer_false_opens"], 100*worst["observer_found"])
}
