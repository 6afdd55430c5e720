package contract

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// clauses walks the JSON Schema of the standard and returns the path of every
// property in it, without indexes. Nested properties and items repeat the
// clauses of a property and are left out.
func clauses(s *shape, path string, out map[string]bool, open map[*shape]bool) {
	if s == nil || open[s] || strings.Contains(path, ".properties.properties.") || strings.Contains(path, ".properties.items.") {
		return
	}
	open[s] = true
	defer delete(open, s)
	for k, v := range s.props {
		at := strings.TrimPrefix(path+"."+k, ".")
		out[at] = true
		clauses(v, at, out, open)
	}
	for _, sub := range slices.Concat([]*shape{s.ref, s.items, s.then}, s.allOf, s.anyOf, s.oneOf) {
		clauses(sub, path, out, open)
	}
}

// bare is a path without indexes and without what stands in their brackets.
func bare(path string) string {
	var b strings.Builder
	depth := 0
	for _, r := range path {
		switch {
		case r == '[':
			depth++
		case r == ']':
			depth--
		case depth == 0:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// outcome is what the pipeline makes of a document: the feed with everything
// that names or judges, and the findings that are not notes.
func outcome(t *testing.T, d *Document) string {
	t.Helper()
	var b strings.Builder
	for _, f := range d.Lint() {
		if f.Level != LevelNote && f.Rule != "structure" {
			b.WriteString(string(f.Level) + f.Rule + lineNumber.ReplaceAllString(f.What, "") + "\n")
		}
	}
	f, err := d.Feed("")
	if err != nil {
		return b.String()
	}
	f.Unenforced = nil
	text, err := json.Marshal(withoutLines(treeOf(t, f)))
	if err != nil {
		t.Fatal(err)
	}
	return b.String() + string(text)
}

var lineNumber = regexp.MustCompile(`line \d+`)

func withoutLines(v any) any {
	switch v := v.(type) {
	case map[string]any:
		delete(v, "Line")
		for _, e := range v {
			withoutLines(e)
		}
	case []any:
		for _, e := range v {
			withoutLines(e)
		}
	}
	return v
}

// canonical folds the places where the standard uses one definition.
func canonical(path string) string {
	for _, def := range []string{".authoritativeDefinitions", ".customProperties", ".quality", ".relationships", ".roles"} {
		if i := strings.LastIndex(path, def); i >= 0 {
			return path[i+1:]
		}
	}
	if rest, ok := strings.CutPrefix(path, "team."); ok {
		// The deprecated form of team is the list of members itself.
		member, _ := strings.CutPrefix(rest, "members.")
		if member != rest || slices.Contains([]string{"username", "role", "dateIn", "dateOut", "replacedByUsername"}, rest) {
			return "team.members." + member
		}
	}
	return path
}

// changes are the edits tried on a clause.
func changes(n, parent *node) []func(d *Document) error {
	out := []func(d *Document) error{func(d *Document) error { return d.Delete(n.path) }}
	if strings.HasSuffix(n.path, ".id") && strings.HasSuffix(parent.path, "]") {
		// An id is enforced where it must be unique in its list.
		list := parent.path[:strings.LastIndexByte(parent.path, '[')]
		out = append(out, func(d *Document) error { return d.Append(list, plainNumbers(plain(parent))) })
	}
	scalars := []*node{n}
	if n.kind == sequenceNode {
		scalars = n.items
	}
	for _, e := range scalars {
		values := []any{"changed", "number", "nullValues", "2001-01-01", "01.01.2001", "2001-01-01 00:00", "warning", "UTC", "i16", "f64",
			"every.second", "assay.onFail", "select 1"}
		switch e.tag {
		case "integer", "number":
			values = []any{3, 0.5}
		case "boolean":
			values = []any{e.value != "true"}
		}
		if _, listed := gapOf(bare(n.path)); listed && len(values) > 2 {
			values = values[:2] // what is not enforced has no valid and invalid values
		}
		for _, v := range values {
			if e.kind == scalarNode {
				out = append(out, func(d *Document) error { return d.Set(e.path, v) })
			}
		}
	}
	return out
}

// plainNumbers turns json.Number into what the editor writes bare.
func plainNumbers(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = plainNumbers(v[k])
		}
	case []any:
		for i := range v {
			v[i] = plainNumbers(v[i])
		}
	case json.Number:
		f, _ := v.Float64()
		return f
	}
	return v
}

// Every clause of the JSON Schema either makes a difference or is on the list
// of those that are not enforced; and nothing on the list makes one.
func TestEveryClause(t *testing.T) {
	t.Parallel()
	gaps := Gaps()
	if len(gaps) == 0 || len(gaps) > 15 {
		t.Errorf("the list of unenforced clauses has %d entries; at most 15 are allowed", len(gaps))
	}
	for _, g := range gaps {
		if len(g.Reason) < 10 || len(g.Paths) == 0 {
			t.Errorf("the entry %s has no reason or no path", g.Name)
		}
	}
	src, err := os.ReadFile("testdata/every-clause.odcs.yaml")
	if err != nil {
		t.Fatal(err)
	}
	d, err := Parse("every-clause", src)
	if err != nil {
		t.Fatal(err)
	}
	raw := map[string]bool{}
	clauses(rootShape(), "", raw, map[*shape]bool{})
	all := map[string]bool{}
	for path := range raw {
		all[canonical(path)] = true
	}
	container := func(path string) bool {
		for other := range all {
			if strings.HasPrefix(other, path+".") {
				return true
			}
		}
		return false
	}
	present, enforced, tried := map[string]bool{}, map[string]bool{}, map[string]int{}
	var visit func(d *Document, before string, n *node)
	visit = func(d *Document, before string, n *node) {
		for _, e := range n.items {
			if n.kind == mappingNode && !strings.Contains(bare(n.path), ".value") {
				path := canonical(bare(e.path))
				present[path] = true
				use, places := bare(e.path), 3
				if _, listed := gapOf(use); listed {
					use, places = path, 1
				}
				if !container(path) && !enforced[path] && tried[use] < places {
					tried[use]++
					enforced[path] = differs(t, d, before, e, n)
				}
			}
			visit(d, before, e)
		}
	}
	visit(d, outcome(t, d), d.root)
	// The team is told where support names no channel.
	if err := d.Delete("support"); err != nil {
		t.Fatal(err)
	}
	clear(tried)
	team := d.root.get("team")
	for _, m := range team.list("members") {
		visit(d, outcome(t, d), m)
	}

	listed, on := map[string]string{}, map[string]bool{}
	for path := range raw {
		if g, yes := gapOf(path); yes {
			listed[canonical(path)], on[g.Name] = g.Name, true
		}
	}
	if len(all) < 130 {
		t.Fatalf("the walk found only %d clauses", len(all))
	}
	for path := range all {
		switch {
		case !present[path]:
			t.Errorf("%s does not stand in every-clause.odcs.yaml", path)
		case container(path) || fixed[path] != "":
		case !enforced[path] && listed[path] == "":
			t.Errorf("%s is neither enforced nor on the list", path)
		case enforced[path] && listed[path] != "":
			t.Errorf("%s is enforced and on the list (%s)", path, listed[path])
		}
	}
	for _, g := range gaps {
		values := slices.ContainsFunc(g.Paths, func(p string) bool { return strings.HasSuffix(p, ")") })
		if !on[g.Name] && !values {
			t.Errorf("the entry %s matches no clause of the standard", g.Name)
		}
	}
	share := 0
	if !t.Failed() {
		share = 100
	}
	Figures.Set("clauses", share) // percent that are enforced or on the list
	Figures.Set("clauses_of", len(raw))
	Figures.Set("clauses_listed", len(gaps))
	t.Logf("%d clauses (%d with their uses), %d entries on the list", len(all), len(raw), len(gaps))
}

// fixed clauses have one value, or decide which other clauses there may be.
var fixed = map[string]string{
	"kind": "one value", "schema.logicalType": "one value", "relationships.type": "one value",
	"apiVersion": "decides how the document is read", "quality.type": "decides which clauses a rule has",
}

func differs(t *testing.T, whole *Document, before string, n, parent *node) bool {
	for _, change := range changes(n, parent) {
		d := *whole
		if change(&d) == nil && outcome(t, &d) != before {
			return true
		}
	}
	return false
}
