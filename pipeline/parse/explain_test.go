package parse_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/parse"
)

func ExampleExplain() {
	p, err := pack()
	if err != nil {
		panic(err)
	}
	ps := parse.New(p, parse.NewRules(p), parse.Options{})
	r, err := ps.Parse(context.Background(), pipeline.Item{ID: "1", Source: "PUMP,CENTRIF,BSCH,1.5KW,400V"})
	if err != nil {
		panic(err)
	}
	if err := parse.Explain(os.Stdout, r, false); err != nil {
		panic(err)
	}
	// Output:
	// PUMP,[CENTRIF]1,[BSCH]2,[1.5KW]3,[400V]4
	// pump, confidence 0.84
	//   1  type = centrifugal pump (dictionary, pump/type/centrifugal pump; 0.98)
	//   3  power = 1500 W (normalised; 0.90)
	//   4  voltage = 400 V (normalised; 0.90)
	//   2  manufacturer = Bosch (dictionary, manufacturers/Bosch; 0.95)
	//   !  missing flow: the text does not say
	//   !  missing head: the text does not say
}

// A hostile text cannot steer the terminal, with or without colour.
func TestExplainHostile(t *testing.T) {
	r, err := newParser(t).Parse(context.Background(), pipeline.Item{Source: "\x1b[2JLager \u202e6205\a SKF"})
	if err != nil {
		t.Fatal(err)
	}
	for _, colour := range []bool{false, true} {
		var b strings.Builder
		if err := parse.Explain(&b, r, colour); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(b.String(), "\x1b[2J") || strings.ContainsAny(b.String(), "\a\u202e") {
			t.Errorf("%q", b.String())
		}
		if !colour && strings.Contains(b.String(), "\x1b") {
			t.Errorf("colour where none was asked for: %q", b.String())
		}
	}
}
