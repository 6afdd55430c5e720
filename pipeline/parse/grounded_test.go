package parse_test

import (
	"context"
	"testing"

	"github.com/assay-pipeline/assay/pipeline"
)

func TestGround(t *testing.T) {
	ps := newParser(t)
	for _, tc := range []struct {
		source, field, value string
		text                 string // of the span; empty is not grounded
	}{
		{"PUMP,CENTRIF,BSCH,1.5KW,400V", "power", "1500 W", "1.5KW"},
		{"PUMP,CENTRIF,BSCH,1.5KW,400V", "power", "1.5 kW", "1.5KW"},
		{"PUMP,CENTRIF,BSCH,1.5KW,400V", "power", "15 kW", ""},
		{"PUMP,CENTRIF,BSCH,1.5KW,400V", "power", "1.5 W", ""},
		{"PUMP,CENTRIF,BSCH,1.5KW,400V", "power", "400 V", ""},
		{"PUMP,CENTRIF,BSCH,1.5KW,400V", "voltage", "400 V", "400V"},
		{"PUMP,CENTRIF,BSCH,1.5KW,400V", "pump.voltage", "0.4 kV", "400V"},
		{"PUMP,CENTRIF,BSCH,1.5KW,400V", "manufacturer", "Bosch", "BSCH"},
		{"PUMP,CENTRIF,BSCH,1.5KW,400V", "manufacturer", "Grundfos", ""},
		{"Rillenkugellager 25x52x15", "bore", "25", "25"},
		{"Rillenkugellager 25x52x15", "bore", "25 mm", "25"},
		{"Rillenkugellager 25x52x15", "bore", "26 mm", ""},
		{"Rillenkugellager 25x52x15", "bore", "25 kg", ""},
		{"SCREW M10 X 50", "length", "60 mm", ""},
		{"SCREW M10 X 50", "thread", "M10", "M10"},
		{"SCREW M10 X 50", "thread", "M12", ""},
		{"Output -15V, TO-220", "output", "15 V", ""},
		{"Output -15V, TO-220", "output", "-15 V", "-15V"},
		{"Output -15V, TO-220", "anything", "TO-220", "TO-220"},
		{"Output -15V, TO-220", "anything", "TO-92", ""},
		{"CAP 100NF 50V", "capacitance", "100 nF", "100NF"},
		{"CAP 100NF 50V", "capacitance", "100 pF", ""},
		{"", "bore", "25 mm", ""},
	} {
		v, err := ps.Ground(context.Background(), tc.source, tc.field, tc.value)
		if err != nil {
			t.Errorf("%q %s %q: %v", tc.source, tc.field, tc.value, err)
			continue
		}
		got := ""
		if v.Grounded {
			got = v.In(tc.source)
		}
		if got != tc.text || v.Reason == "" {
			t.Errorf("%q %s %q: %+v stands at %q, want %q", tc.source, tc.field, tc.value, v, got, tc.text)
		}
	}
	for _, field := range []string{"nothing.bore", "bearing.nothing"} {
		if _, err := ps.Ground(context.Background(), "x", field, "1"); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
			t.Errorf("%s: %v", field, err)
		}
	}
	if _, err := ps.Ground(context.Background(), "x", "bore", " "); pipeline.ErrorCode(err) != pipeline.CodeInvalid {
		t.Errorf("no value: %v", err)
	}
}
