package contract

import (
	"maps"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// Lint lints every contract of the set, and what only the whole set can tell:
// foreign keys that lead to no feed or to no field, keys of different types at
// their two ends, and feeds that two contracts claim.
func (s *Set) Lint() []Finding {
	s = s.frozen()
	in := s.in.Load()
	var out []Finding
	for _, err := range in.broken {
		out = append(out, Problems(err)...)
	}
	found := make([][]Finding, len(in.docs))
	var wg sync.WaitGroup
	var next atomic.Int64
	for range min(runtime.GOMAXPROCS(0), len(in.docs)) {
		wg.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(in.docs); i = next.Add(1) - 1 {
				found[i] = in.docs[i].Lint()
			}
		})
	}
	wg.Wait()
	for i := range found {
		out = append(out, found[i]...)
	}
	for _, name := range slices.Sorted(maps.Keys(in.feeds)) {
		for _, e := range in.feeds[name] {
			if e.feed != nil {
				out = append(out, s.lintRelations(e.doc, e.feed)...)
			}
		}
	}
	sortFindings(out)
	return slices.Compact(out) // what breaks a feed is found by Lint again
}

func (s *Set) lintRelations(d *Document, f *Feed) (out []Finding) {
	add := func(level Level, r Relation, what, do string) {
		out = append(out, Finding{File: d.file, Line: r.Line, Column: r.column, Path: r.path, Level: level, Rule: "relationship", What: what, Do: do})
	}
	for _, r := range f.Relations {
		to := f
		if r.To != f.Name {
			var err error
			if to, err = s.Feed(r.To); err != nil {
				add(LevelError, r, "the foreign key leads to the feed "+r.To+", for which there is no usable contract", didYouMean(r.To, s.Feeds(), "add its contract, or name its feed with assay.feed"))
				continue
			}
		}
		for i, col := range r.ToFields {
			there := to.field(col)
			switch {
			case there == nil:
				add(LevelError, r, "the feed "+r.To+" has no field "+col, didYouMean(col, to.fieldNames(), "name one of its fields"))
			case i < len(r.Fields) && f.field(r.Fields[i]) != nil && f.field(r.Fields[i]).Type != there.Type:
				add(LevelError, r, r.Fields[i]+" is a "+string(f.field(r.Fields[i]).Type)+", "+r.To+"."+col+" a "+string(there.Type), "give both the same logicalType")
			}
		}
		if to != nil && !unique(to, r.ToFields) {
			add(LevelWarning, r, "several rows of "+r.To+" may have the same "+strings.Join(r.ToFields, "+"), "mark it as primaryKey or unique there")
		}
	}
	return out
}

// unique reports whether fields hold a key of f.
func unique(f *Feed, fields []string) bool {
	return slices.ContainsFunc(f.Keys, func(k Key) bool { return len(without(k.Fields, fields)) == 0 })
}

// A Score is the yes or no of one feed for each question of a scorecard.
type Score struct {
	Feed    string          `json:"feed"`
	File    string          `json:"file"`
	Answers map[string]bool `json:"answers"`
	// Yes is how many of the questions are answered with yes.
	Yes int `json:"yes"`
}

// Questions are the columns of a scorecard, in order.
var Questions = []string{"valid", "owner", "description", "fields described", "key", "evolution stated", "completeness", "conformity",
	"uniqueness", "timeliness", "consistency", "accuracy", "coverage", "all enforced"}

// Scorecard answers the questions for every feed of the set, sorted by name.
func (s *Set) Scorecard() []Score {
	var out []Score
	for _, d := range s.in.Load().docs {
		findings := d.Lint()
		has := func(rule string, level Level, path string) bool {
			return slices.ContainsFunc(findings, func(f Finding) bool {
				return (rule == "" || f.Rule == rule) && (level == "" || f.Level == level) && (path == "" || f.Path == path)
			})
		}
		for _, name := range d.Feeds() {
			object, err := d.pick(name)
			if err != nil {
				continue
			}
			f, _ := d.compile(object)
			c := covered(f)
			a := map[string]bool{
				"valid": !has("", LevelError, ""), "owner": d.Owner() != "", "description": f.Description != "",
				"fields described": !has("description", LevelNote, object.path), "key": len(f.Keys) > 0,
				"evolution stated": !has("evolution", "", object.path), "all enforced": len(f.Unenforced) == 0,
			}
			score := Score{Feed: name, File: d.file, Answers: a}
			for _, q := range Questions {
				if slices.Contains(dimensions, q) {
					a[q] = c[q]
				}
				if a[q] {
					score.Yes++
				}
			}
			out = append(out, score)
		}
	}
	slices.SortStableFunc(out, func(a, b Score) int { return strings.Compare(a.Feed, b.Feed) })
	return out
}
