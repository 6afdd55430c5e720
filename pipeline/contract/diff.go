package contract

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
)

// A Mode is the question that a comparison answers.
type Mode string

const (
	// ForConsumers: can a consumer written for the old contract live with data
	// of the new one? Whatever lets more values, fewer columns or weaker
	// promises through breaks.
	ForConsumers Mode = "consumers"
	// ForHistory: can a consumer of the new contract read old data? Whatever
	// demands more than the old contract did breaks.
	ForHistory Mode = "history"
	// ForBoth asks both.
	ForBoth Mode = "both"
)

// ParseMode reads a mode, or Confluent's name for it: FORWARD asks for
// consumers, BACKWARD for history, FULL for both; a _TRANSITIVE ending compares
// with every earlier version (see DiffAll). NONE is no mode.
func ParseMode(s string) (mode Mode, transitive bool, err error) {
	word := strings.ToUpper(strings.TrimSpace(s))
	word, transitive = strings.CutSuffix(word, "_TRANSITIVE")
	switch word {
	case "", "CONSUMERS", "FORWARD":
		return ForConsumers, transitive, nil
	case "HISTORY", "BACKWARD":
		return ForHistory, transitive, nil
	case "BOTH", "FULL":
		return ForBoth, transitive, nil
	}
	return "", false, pipeline.Errorf(pipeline.CodeInvalid, "there is no mode %q", s).
		WithHint("use consumers (FORWARD), history (BACKWARD) or both (FULL), with _TRANSITIVE to compare with every earlier version")
}

// An effect is what a change does to the set of batches that a contract
// accepts. It is the one thing that decides whom a change breaks: a wider set
// may surprise consumers, a narrower one may exclude what was written before.
type effect int

const (
	neutral  effect = 0
	wider    effect = 1
	narrower effect = 2
	other    effect = wider | narrower // neither set contains the other
)

// A Change is one difference between two contracts.
type Change struct {
	Feed string `json:"feed"`
	// Field is the path of the field, address.zip or tags[] where nested; empty
	// for the feed as a whole.
	Field string `json:"field,omitempty"`
	// Kind is the clause that changed, in words that last: maximum, required,
	// field_removed, type, enum, …
	Kind string `json:"kind"`
	Old  string `json:"old,omitempty"`
	New  string `json:"new,omitempty"`
	What string `json:"what"`
	// Consumers and History: the change breaks them.
	Consumers bool `json:"breaks_consumers"`
	History   bool `json:"breaks_history"`
	// Prose: only words for people changed.
	Prose bool   `json:"prose,omitempty"`
	File  string `json:"file"`
	Line  int    `json:"line"`
	// Since is the version that the change is measured against.
	Since string `json:"since"`
	// Affected are the consumers that use the field, where a registry knows.
	Affected []string `json:"affected,omitempty"`
	// Ignored names the entry of the ignore file that lets the change pass.
	Ignored string `json:"ignored,omitempty"`
}

// Breaks reports whether the change breaks someone whom mode asks about.
func (c Change) Breaks(mode Mode) bool {
	switch mode {
	case ForConsumers:
		return c.Consumers
	case ForHistory:
		return c.History
	}
	return c.Consumers || c.History
}

// Place is feed.field, or the feed.
func (c Change) Place() string {
	if c.Field == "" {
		return c.Feed
	}
	return c.Feed + "." + c.Field
}

// A Comparison is what Diff found.
type Comparison struct {
	Mode       Mode     `json:"mode"`
	OldVersion string   `json:"old_version"`
	NewVersion string   `json:"new_version"`
	Changes    []Change `json:"changes"`
	// Bump is the step that the changes ask for: major, minor, patch or none;
	// VersionProblem says where the new version does not take it.
	Bump           string `json:"bump"`
	VersionProblem string `json:"version_problem,omitempty"`
	// Expired are entries of the ignore file whose date has passed.
	Expired []string `json:"expired,omitempty"`
	file    string
	line    int
}

// Breaking reports whether a change that is not ignored breaks someone whom
// the mode asks about.
func (c *Comparison) Breaking() bool {
	return slices.ContainsFunc(c.Changes, func(x Change) bool { return x.Breaks(c.Mode) && x.Ignored == "" })
}

// Diff compares two versions of a contract. Schema objects are paired by name,
// fields by name, assay.renamedFrom, or a unique match. Errors: invalid where
// one of them does not compile.
func Diff(old, new *Document, mode Mode) (*Comparison, error) {
	c := &Comparison{Mode: mode, OldVersion: old.Version(), NewVersion: new.Version(), file: new.file}
	if v := new.root.get("version"); v != nil {
		c.line = v.line
	}
	before, err := old.allFeeds()
	if err != nil {
		return nil, err
	}
	after, err := new.allFeeds()
	if err != nil {
		return nil, err
	}
	for _, o := range before {
		if n := feedOf(after, o, len(before) == 1 && len(after) == 1); n != nil {
			d := differ{old: o, new: n}
			d.feed()
			c.Changes = append(c.Changes, d.changes...)
			continue
		}
		c.Changes = append(c.Changes, Change{Feed: o.Name, Kind: "object_removed", Old: o.Schema, Consumers: true, File: new.file, Line: 1,
			What: "the schema object " + o.Schema + " is gone"})
	}
	for _, n := range after {
		if feedOf(before, n, len(before) == 1 && len(after) == 1) == nil {
			c.Changes = append(c.Changes, Change{Feed: n.Name, Kind: "object_added", New: n.Schema, File: new.file, Line: 1,
				What: "the schema object " + n.Schema + " is new"})
		}
	}
	c.document(old, new)
	for i := range c.Changes {
		c.Changes[i].Since = old.Version()
		if c.Changes[i].File == "" {
			c.Changes[i].File = new.file
		}
	}
	sortChanges(c.Changes)
	c.checkVersion(string(old.src) != string(new.src))
	return c, nil
}

// DiffAll compares new with every one of olds: the transitive form of a mode.
// A change that several versions show is reported once, against the newest.
func DiffAll(olds []*Document, new *Document, mode Mode) (*Comparison, error) {
	sorted := slices.Clone(olds)
	slices.SortStableFunc(sorted, func(a, b *Document) int { return CompareVersions(b.Version(), a.Version()) })
	if len(sorted) == 0 {
		return &Comparison{Mode: mode, NewVersion: new.Version(), Bump: "none", file: new.file}, nil
	}
	var all *Comparison
	seen := map[string]bool{}
	for _, old := range sorted {
		c, err := Diff(old, new, mode)
		if err != nil {
			return nil, err
		}
		if all == nil {
			all = c
			for _, x := range c.Changes {
				seen[x.Place()+"\x00"+x.Kind] = true
			}
			continue
		}
		for _, x := range c.Changes {
			if key := x.Place() + "\x00" + x.Kind; !seen[key] && x.Breaks(mode) {
				seen[key] = true
				all.Changes = append(all.Changes, x)
			}
		}
	}
	sortChanges(all.Changes)
	return all, nil
}

func sortChanges(cs []Change) {
	slices.SortStableFunc(cs, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.Feed, b.Feed), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Field, b.Field), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.What, b.What))
	})
}

func (d *Document) allFeeds() (out []*Feed, err error) {
	for _, o := range d.root.list("schema") {
		f, found := d.compile(o)
		if err := problemError(found); err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

// feedOf finds the counterpart of f: by the name of the schema object, of the
// feed, or as the only one.
func feedOf(list []*Feed, f *Feed, only bool) *Feed {
	for _, o := range list {
		if o.Schema == f.Schema {
			return o
		}
	}
	for _, o := range list {
		if o.Name == f.Name {
			return o
		}
	}
	if only && len(list) == 1 {
		return list[0]
	}
	return nil
}

// document compares what stands outside the schema objects.
func (c *Comparison) document(old, new *Document) {
	change := func(kind, o, n string, breaks, prose bool, what string) {
		if o != n {
			c.Changes = append(c.Changes, Change{Feed: new.Name(), Kind: kind, Old: o, New: n, What: what, Consumers: breaks, Prose: prose, File: new.file, Line: 1})
		}
	}
	if old.ID() != new.ID() {
		change("id", old.ID(), new.ID(), false, false, fmt.Sprintf("the id changes from %s to %s: is it the same contract?", old.ID(), new.ID()))
	}
	change("status", old.Status(), new.Status(), new.Status() == "retired", false, fmt.Sprintf("the status changes from %s to %s", old.Status(), new.Status()))
	change("owner", old.Owner(), new.Owner(), false, true, fmt.Sprintf("the owner changes from %s to %s", named(old.Owner()), named(new.Owner())))
}

func named(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// checkVersion holds the step between the versions against the changes: a
// break asks for a new major version, another change of meaning for a minor
// one, changed words for a patch. Before 1.0.0 a minor step may break.
func (c *Comparison) checkVersion(edited bool) {
	c.Bump = "none"
	if edited {
		c.Bump = "patch"
	}
	for _, x := range c.Changes {
		switch {
		case x.Breaks(c.Mode):
			c.Bump = "major"
		case c.Bump != "major" && !x.Prose:
			c.Bump = "minor"
		}
	}
	o, okO := parseVersion(c.OldVersion)
	n, okN := parseVersion(c.NewVersion)
	switch {
	case !okN:
		c.VersionProblem = fmt.Sprintf("the new version %q is not semantic", c.NewVersion)
		return
	case !okO:
		c.VersionProblem = fmt.Sprintf("the old version %q is not semantic", c.OldVersion)
		return
	case c.Bump == "none":
		return
	}
	step := "none"
	for i, name := range []string{"major", "minor", "patch"} {
		if n.number[i] != o.number[i] {
			if n.number[i] > o.number[i] {
				step = name
			}
			break
		}
	}
	if step == "none" && n.number == o.number && comparePrerelease(n.pre, o.pre) > 0 {
		step = "patch"
	}
	need := c.Bump
	if o.number[0] == 0 && need == "major" {
		need = "minor"
	}
	rank := map[string]int{"none": 0, "patch": 1, "minor": 2, "major": 3}
	if rank[step] < rank[need] {
		c.VersionProblem = fmt.Sprintf("the changes ask for a new %s version; %s → %s is %s", need, c.OldVersion, c.NewVersion, stepWords[step])
	}
}

var stepWords = map[string]string{"none": "no step", "patch": "a patch", "minor": "a minor step", "major": "a major step"}
