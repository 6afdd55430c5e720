package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/parse"
	"github.com/assay-pipeline/assay/pipeline/quantity"
)

// jlcAttributes translates the distributor's names of attributes, without case,
// into those of the packs. What stands here as "" is not in the schema and
// counts as not found; names that are absent from the table count the same.
var jlcAttributes = map[string]map[string]string{
	"resistor": {
		"resistance": "resistance", "power(watts)": "power", "type": "type", "overload voltage (max)": "voltage",
		"operating temperature range": "temperature_range", "operating temperature": "temperature_range",
		"tolerance": "tolerance", "temperature coefficient": "temperature_coefficient", "number of resistors": "elements",
	},
	"capacitor": {
		"voltage rated": "voltage", "rated voltage": "voltage", "tolerance": "tolerance", "capacitance": "capacitance",
		"temperature coefficient": "dielectric", "operating temperature": "temperature_range", "equivalent series resistance(esr)": "esr",
	},
	"diode": {
		"operating temperature": "temperature_range", "type": "type", "diode configuration": "configuration", "polarity": "configuration",
		"rectified current": "current", "average rectified current (io)": "current", "forward current": "current",
		"forward voltage (vf@if)": "forward_voltage", "forward voltage (vf)": "forward_voltage",
		"reverse voltage (vr)": "reverse_voltage", "reverse recovery time (trr)": "recovery_time",
		"reverse leakage current": "leakage_current", "reverse leakage current (ir)": "leakage_current",
		"peak forward surge current": "surge_current", "power dissipation": "power",
		"zener impedance (zzt)": "zener_impedance", "zener voltage (range)": "zener_range", "zener voltage (nom)": "zener_voltage",
		"breakdown voltage": "breakdown_voltage", "breakdown voltage (vbr)": "breakdown_voltage",
		"maximum clamping voltage": "clamping_voltage", "clamping voltage@ipp": "clamping_voltage",
		"reverse stand-off voltage (vrwm)":             "standoff_voltage",
		"peak pulse power dissipation (ppp)@10/1000us": "pulse_power", "peak pulse power dissipation (ppp)": "pulse_power", "peak pulse power(ppp)@8/20us": "pulse_power",
		"peak pulse current (ipp)@10/1000us": "pulse_current", "peak pulse current (ipp)": "pulse_current", "peak pulse current(ipp)@8/20us": "pulse_current",
		"junction capacitance(cj)@1mhz": "junction_capacitance", "dominant wavelength": "wavelength", "emitted color": "colour",
		"viewing angle": "viewing_angle", "luminous intensity": "luminous_intensity",
	},
	"transistor": {
		"operating temperature": "temperature_range", "transistor type": "polarity", "type": "polarity",
		"transition frequency (ft)": "transition_frequency", "collector cut-off current (icbo)": "cutoff_current",
		"dc current gain (hfe@ic,vce)": "gain", "power dissipation (pd)": "power", "collector current (ic)": "current",
		"collector-emitter saturation voltage (vce(sat)@ic,ib)": "saturation_voltage",
		"collector-emitter breakdown voltage (vceo)":            "voltage",
		"continuous drain current (id)":                         "current", "drain source voltage (vdss)": "voltage",
		"gate threshold voltage (vgs(th)@id)": "threshold_voltage", "drain source on resistance (rds(on)@vgs,id)": "on_resistance",
		"input capacitance (ciss@vds)": "input_capacitance", "reverse transfer capacitance (crss@vds)": "reverse_capacitance",
		"total gate charge (qg@vgs)": "gate_charge",
	},
}

// jlcLibraries are the libraries that hold the four categories, by the start of
// their name; rows of other distributors' categories in them (fuses, optocouplers)
// are left out by jlcForeign.
var jlcLibraries = map[string]string{"Resistor": "resistor", "Capacitor": "capacitor", "Diode": "diode", "Transistor": "transistor"}

// jlcFigure is the micro-F1 over every attribute that the distributor gives for
// the part, whether or not its text says it: a value that differs is wrong, one
// that is not read is missing, one that is read where the distributor says
// nothing counts for neither side.
func jlcFigure(data string, ps *parse.Parser, verbose bool) (float64, error) {
	files, _ := filepath.Glob(filepath.Join(data, "industrial", "jlcpcb-kicad", "parts_*.csv"))
	if len(files) == 0 {
		return 0, fmt.Errorf("no industrial/jlcpcb-kicad/parts_*.csv")
	}
	right, wrong, missing := 0, 0, 0
	misses := map[string]int{}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return 0, err
		}
		rows, err := csv.NewReader(f).ReadAll()
		f.Close()
		if err != nil {
			return 0, err
		}
		at := map[string]int{}
		for i, c := range rows[0] {
			at[strings.TrimPrefix(c, "\ufeff")] = i
		}
		for _, row := range rows[1:] {
			category := ""
			for prefix, c := range jlcLibraries {
				if strings.HasPrefix(row[at["library"]], prefix) {
					category = c
				}
			}
			text := row[at["Description"]]
			if category == "" || text == "" || text == "nan" {
				continue
			}
			gold := map[string]string{}
			if err := json.Unmarshal([]byte(row[at["attributes_json"]]), &gold); err != nil {
				return 0, fmt.Errorf("%s: %w", name, err)
			}
			r, err := ps.Parse(context.Background(), pipeline.Item{ID: row[at["LCSC"]], Source: text})
			if err != nil {
				return 0, err
			}
			schema, _ := ps.Pack().Schema(category)
			names := make([]string, 0, len(gold))
			for n := range gold {
				names = append(names, n)
			}
			slices.Sort(names)
			for _, n := range names {
				want := gold[n]
				if want == "" || want == "null" || want == "-" {
					continue
				}
				ours := jlcAttributes[category][strings.ToLower(n)]
				a, ok := r.Attribute(ours)
				attr, _, _ := schema.Attribute(ours)
				switch {
				case r.Category != category || attr == nil || !ok:
					missing++
					misses[category+" "+n+": missing"]++
					if verbose {
						fmt.Printf("jlc miss  %s %s = %q in %q\n", category, n, want, text)
					}
				case agrees(schema, attr, a, want):
					right++
				default:
					wrong++
					misses[category+" "+n+": wrong"]++
					if verbose {
						fmt.Printf("jlc wrong %s %s = %q, got %s %s in %q\n", category, n, want, a.Value, a.Unit, text)
					}
				}
			}
		}
	}
	p, r := ratio(right, right+wrong), ratio(right, right+wrong+missing)
	fmt.Printf("jlc          %d values right, %d wrong, %d missing: precision %.4f, recall %.4f\n", right, wrong, missing, p, r)
	return f1(p, r), nil
}

// agrees compares a value with what the distributor writes: numbers and both
// ends of ranges in one unit, within a thousandth; words by the dictionary.
func agrees(s *knowledge.Schema, attr *knowledge.Attribute, a pipeline.Attribute, want string) bool {
	value, _, _ := strings.Cut(want, "@")
	if attr.Kind.Numeric() {
		for _, q := range quantity.Scan("value "+value, quantity.Options{Language: quantity.English, Expect: []quantity.Dimension{attr.Dimension}}) {
			if !q.HasUnit() {
				q, _ = q.Resolve(attr.Dimension)
			}
			c, err := q.Canonical()
			if err != nil || c.Unit.Dimension != attr.Dimension && attr.Dimension != quantity.None {
				continue
			}
			low, high := a.Value.Ends()
			top := c.Value
			if c.High != nil {
				top = *c.High
				if attr.Kind == knowledge.KindNumber { // the distributor gives both ends, the schema keeps the upper
					return close(low.Float(), top.Float())
				}
			}
			return close(low.Float(), c.Value.Float()) && close(high.Float(), top.Float())
		}
		return false
	}
	got := a.Value.String()
	if squeeze(value) == squeeze(got) {
		return true
	}
	for _, m := range s.Lexicon().Lookup(value) {
		if m.Role == knowledge.RoleValue && s.Attributes[m.Attribute].Name == attr.Name && attr.Allowed[m.Index].Value == got {
			return true
		}
	}
	return false
}

func close(a, b float64) bool {
	d := a - b
	if d < 0 {
		d = -d
	}
	m := max(a, -a, b, -b)
	return d <= m/1000
}

func squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		if r == ' ' || r == '-' {
			return -1
		}
		return r
	}, strings.ToLower(s))
}
