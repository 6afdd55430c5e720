package chaos

import (
	"math"

	"github.com/assay-pipeline/assay/pipeline/contract"
)

// appendRule adds a quality rule to a field, or with field "" to the schema
// object.
func appendRule(field string, rule map[string]any) func(*contract.Document, string) error {
	return func(d *contract.Document, feed string) error {
		path, err := d.Place(feed, field)
		if err != nil {
			return err
		}
		if d.Has(path + ".quality") {
			return d.Append(path+".quality", rule)
		}
		return d.Add(path, "quality", []any{rule})
	}
}

func driftClause(field string) func(*contract.Document, string) error {
	return appendRule(field, map[string]any{"id": "drift-" + field, "type": "custom", "engine": "assay",
		"implementation": map[string]any{"drift": 0.25, "window": 10}})
}

func volumeClause() func(*contract.Document, string) error {
	return appendRule("", map[string]any{"id": "volume-as-usual", "type": "custom", "engine": "assay",
		"implementation": map[string]any{"volume": 0.7, "window": 10}})
}

// nullClause allows half as many nulls again as were seen, and two percent.
func nullClause(field string, rate float64) func(*contract.Document, string) error {
	return appendRule(field, map[string]any{"id": "nulls-" + field, "metric": "nullValues", "unit": "percent",
		"mustBeLessOrEqualTo": int(math.Ceil(rate*150)) + 2, "dimension": "completeness"})
}

func knownClause(field string, values []string) func(*contract.Document, string) error {
	var list []any
	for _, v := range values {
		list = append(list, v)
	}
	return appendRule(field, map[string]any{"id": "known-" + field, "metric": "invalidValues",
		"arguments": map[string]any{"validValues": list}, "mustBe": 0, "dimension": "conformity"})
}

func repeatClause(fields []string) func(*contract.Document, string) error {
	var list []any
	for _, v := range fields {
		list = append(list, v)
	}
	return appendRule("", map[string]any{"id": "no-row-twice", "metric": "duplicateValues",
		"arguments": map[string]any{"properties": list}, "mustBe": 0, "dimension": "uniqueness"})
}

// frequencyClause states how often batches come.
func frequencyClause(hours int) func(*contract.Document, string) error {
	return func(d *contract.Document, _ string) error {
		sla := map[string]any{"property": "frequency", "value": hours, "unit": "h"}
		if hours%24 == 0 {
			sla["value"], sla["unit"] = hours/24, "d"
		}
		if d.Has("slaProperties") {
			return d.Append("slaProperties", sla)
		}
		return d.Add("", "slaProperties", []any{sla})
	}
}

// evolutionClause has undeclared columns told.
func evolutionClause(d *contract.Document, feed string) error {
	if path := d.CustomPlace(feed, "assay.evolution"); path != "" {
		return d.Set(path, "warn")
	}
	entry := map[string]any{"property": "assay.evolution", "value": "warn"}
	if d.Has("customProperties") {
		return d.Append("customProperties", entry)
	}
	return d.Add("", "customProperties", []any{entry})
}
