package contract

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"sync"
	"testing"
)

var showFigures = flag.Bool("figures", false, "print the figures of the tests as JSON at the end, and measure what takes a while")

// Figures are what the tests measured: `make bench-contract` prints them.
var Figures = figures{values: map[string]any{}}

type figures struct {
	sync.Mutex
	values map[string]any
}

// Wanted reports whether somebody asked for figures.
func (f *figures) Wanted() bool { return *showFigures }

func (f *figures) Set(name string, value any) {
	f.Lock()
	defer f.Unlock()
	f.values[name] = value
}

// Count adds a thing that was tried, and whether it went well.
func (f *figures) Count(name string, ok bool) {
	f.Lock()
	defer f.Unlock()
	for key, add := range map[string]bool{name: ok, name + "_of": true} {
		n, _ := f.values[key].(int)
		if add {
			n++
		}
		f.values[key] = n
	}
}

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if *showFigures {
		b, err := json.Marshal(Figures.values)
		if err != nil {
			panic(err)
		}
		fmt.Println(string(b))
	}
	os.Exit(code)
}
