package contract

import (
	_ "embed"
	"fmt"
	"strings"
	"sync"
)

//go:embed unenforced.txt
var unenforcedText string

// A Gap is an entry of the list of clauses that are read and not enforced.
type Gap struct {
	Name   string
	Paths  []string
	Reason string
}

// Gaps is the list of clauses of the standard that are not enforced, each with
// a reason: at most 15 entries.
var Gaps = sync.OnceValue(func() []Gap {
	var out []Gap
	for _, line := range strings.Split(unenforcedText, "\n") {
		switch {
		case strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "":
		case strings.HasPrefix(line, "\t"):
			out[len(out)-1].Reason = strings.TrimSpace(line)
		default:
			name, paths, _ := strings.Cut(line, ":")
			g := Gap{Name: name, Paths: strings.Fields(paths)}
			out = append(out, g)
		}
	}
	return out
})

// matches compares a path with the entry's patterns: a path, **. before it for
// any beginning, .** after it for what lies within.
func (g Gap) matches(path string) bool {
	dotted := "." + path
	for _, p := range g.Paths {
		end, anywhere := strings.CutPrefix(p, "**")
		stem, within := strings.CutSuffix(end, ".**")
		switch {
		case anywhere && within:
			if strings.Contains(dotted, stem+".") {
				return true
			}
		case anywhere:
			if strings.HasSuffix(dotted, stem) {
				return true
			}
		case within:
			if strings.HasPrefix(path, stem+".") {
				return true
			}
		case path == p:
			return true
		}
	}
	return false
}

// gap is the entry of that name; false once it has been taken off the list.
func gap(name string) (Gap, bool) {
	for _, g := range Gaps() {
		if g.Name == name {
			return g, true
		}
	}
	return Gap{}, false
}

// used are clauses within those on the list that are put to use all the same.
var used = map[string]bool{"team.name": true, "servers.format": true, "servers.delimiter": true,
	"team.members.username": true, "team.members.dateOut": true, "team.username": true, "team.dateOut": true}

// gapOf is the entry of the list for a clause, by its path without indexes. Ids
// are none: they must be unique in their list.
func gapOf(path string) (Gap, bool) {
	inList := strings.HasSuffix(path, ".id") && path != "team.id" && path != "price.id"
	foreign := strings.Contains(path, ".customProperties.") && !strings.HasSuffix(path, ".description")
	if !used[path] && !inList && !foreign {
		for _, g := range Gaps() {
			if g.matches(path) {
				return g, true
			}
		}
	}
	return Gap{}, false
}

// gapNotes says once per entry of the list where the document has such clauses.
func (l *linter) gapNotes() {
	first, count := map[string]*node{}, map[string]int{}
	mark := func(name string, at *node) {
		count[name]++
		if first[name] == nil {
			first[name] = at
		}
	}
	var walk func(n *node, path string)
	walk = func(n *node, path string) {
		for i, e := range n.items {
			at := path
			if n.kind == mappingNode {
				at = strings.TrimPrefix(path+"."+n.keys[i].value, ".")
				if g, yes := gapOf(at); yes && leaf(e) {
					mark(g.Name, n.keys[i])
				}
			} else if strings.HasSuffix("."+path, ".customProperties") {
				name := e.text("property")
				if !strings.HasPrefix(name, "assay.") && (name != "delimiter" || !strings.HasPrefix(path, "servers")) {
					mark("custom", e)
				}
				continue
			}
			walk(e, at)
		}
	}
	walk(l.doc.root, "")
	for _, g := range Gaps() {
		if n := first[g.Name]; n != nil {
			places := ""
			if count[g.Name] > 1 {
				places = fmt.Sprintf(" (%d places)", count[g.Name])
			}
			l.at(LevelNote, n, "unenforced", "", "not enforced%s: %s", places, g.Reason)
		}
	}
}

// leaf: a value, or a list of plain values.
func leaf(n *node) bool {
	for _, e := range n.items {
		if n.kind == mappingNode || e.kind != scalarNode {
			return false
		}
	}
	return true
}
