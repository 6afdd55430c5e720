package infra_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/assay-pipeline/assay/infra"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// entries are the lines of a file of the cost estimate, by name.
func entries(t *testing.T, data []byte) map[string]map[string]any {
	t.Helper()
	var doc map[string][]map[string]any
	if err := yaml.Unmarshal(data, &doc); err != nil {
		t.Fatal(err)
	}
	out := map[string]map[string]any{}
	for _, list := range doc {
		for _, x := range list {
			name, ok := x["name"].(string)
			if !ok || out[name] != nil {
				t.Errorf("%v has no name, or one that another has", x)
			}
			out[name] = x
		}
	}
	return out
}

// text is a field as it stands in the file; YAML takes a date for a time.
func text(v any) string {
	switch v := v.(type) {
	case time.Time:
		return v.Format(time.DateOnly)
	case string:
		return v
	case nil:
		return ""
	}
	b, _ := json.Marshal(v) // numbers marshal
	return string(b)
}

// TestPricesHaveSources: a price that nobody can look up is none, and one that is
// from the future is made up.
func TestPricesHaveSources(t *testing.T) {
	prices := entries(t, infra.Prices)
	if len(prices) < 5 {
		t.Fatalf("%d prices", len(prices))
	}
	dated := regexp.MustCompile(`^20[0-9]{2}(-(0[1-9]|1[0-2])(-[0-3][0-9])?)?$`)
	for name, p := range prices {
		if !strings.HasPrefix(text(p["source"]), "https://") || !dated.MatchString(text(p["date"])) || text(p["unit"]) == "" {
			t.Errorf("%s: source %q, date %q, unit %q", name, text(p["source"]), text(p["date"]), text(p["unit"]))
		}
	}
	if usd, _ := prices["states.transition"]["usd"].(float64); usd != 0.025 {
		t.Errorf("a thousand state transitions cost %v", usd)
	}
	for name, m := range entries(t, infra.Measured) {
		how := text(m["how"])
		if how == "" || text(m["unit"]) == "" {
			t.Errorf("%s does not say how it was made, and of what", name)
		}
		if m["date"] != nil && !strings.Contains(how, "make bench-cost") {
			t.Errorf("%s was measured by no command of the Makefile: %s", name, how)
		}
	}
}

// A resource is one of CloudFormation, as far as the estimate counts in it.
type resource struct {
	Type       string `yaml:"Type"`
	Condition  string `yaml:"Condition"`
	Properties struct {
		MemorySize      float64                `yaml:"MemorySize"`
		VpcEndpointType string                 `yaml:"VpcEndpointType"`
		SubnetIds       yaml.Node              `yaml:"SubnetIds"`
		Metrics         []map[string]yaml.Node `yaml:"Metrics"`
	} `yaml:"Properties"`
}

func resources(t *testing.T, name string) map[string]resource {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Resources map[string]resource `yaml:"Resources"`
	}
	if err := yaml.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	return doc.Resources
}

// TestCounted: what the estimate takes for counted is what the templates and the
// state machine say.
func TestCounted(t *testing.T) {
	counted := entries(t, infra.Measured)
	is := func(name string, want float64) {
		t.Helper()
		var got float64
		switch v := counted[name]["value"].(type) {
		case int:
			got = float64(v)
		case float64:
			got = v
		}
		if math.Abs(got-want) > 1e-4 {
			t.Errorf("%s is %v, the build says %v", name, got, want)
		}
	}
	stack := resources(t, "template.yaml")
	for name, f := range map[string]string{"ingest": "Ingest", "parse": "Parse", "api": "Api", "clock": "Sweep", "evals": "Evals"} {
		is(name+".memory_gb", stack[f+"Function"].Properties.MemorySize/1024)
	}
	if stack["RelayFunction"].Properties.MemorySize != stack["SweepFunction"].Properties.MemorySize {
		t.Error("sweep and relay have different memory; clock.memory_gb stands for both")
	}
	is("parse.shard", flow.ShardItems)
	alarms := 0
	for _, file := range []string{"template.yaml", "infra/observability.yaml"} {
		for _, r := range resources(t, file) {
			if r.Type != "AWS::CloudWatch::Alarm" {
				continue
			}
			if r.Properties.Metrics == nil {
				alarms++ // an alarm of one metric names it itself
			}
			for _, m := range r.Properties.Metrics {
				if _, ok := m["MetricStat"]; ok {
					alarms++
				}
			}
		}
	}
	is("alarms.metrics", float64(alarms))
	endpoints := 0
	for _, r := range resources(t, "infra/network.yaml") {
		if r.Properties.VpcEndpointType == "Interface" && r.Condition == "" {
			endpoints += len(r.Properties.SubnetIds.Content)
		}
	}
	is("network.endpoints", float64(endpoints))

	type states map[string]struct {
		Type          string
		Parameters    struct{ Payload map[string]any }
		ItemProcessor struct{ States map[string]any }
	}
	raw, err := os.ReadFile(filepath.Join("statemachine", "large-file.asl.json"))
	if err != nil {
		t.Fatal(err)
	}
	var machine struct{ States states }
	if err := json.Unmarshal(raw, &machine); err != nil {
		t.Fatal(err)
	}
	is("states.part", float64(len(machine.States["JudgeParts"].ItemProcessor.States)))
	way := strings.Split(strings.TrimPrefix(text(counted["states.large_file"]["unit"]), "transitions of a large file: "), ", ")
	for _, s := range way {
		if machine.States[s].Type == "" {
			t.Errorf("states.large_file counts %q, which is no state", s)
		}
	}
	is("states.large_file", float64(len(way)))
	size, ok := machine.States["Plan"].Parameters.Payload["range_bytes"].(float64)
	if !ok {
		t.Fatal("Plan says nothing of range_bytes")
	}
	is("range.bytes", size)
}
