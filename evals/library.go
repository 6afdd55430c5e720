package evals

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/knowledge/retrieve"
)

// A Set is a suite with its golden set: all that a run needs to ask.
type Set struct {
	*Suite
	Cases []Case
	// Catalog are the items that a search looks through.
	Catalog []Item
	// Hash names the content of suite, golden set and catalog: it changes with
	// every byte of them.
	Hash string
}

// Names are the names of the suites in a folder of evals, sorted. Error:
// unavailable.
func Names(fsys fs.FS) ([]string, error) {
	files, err := fs.ReadDir(fsys, "suites")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, pipeline.Errorf(pipeline.CodeUnavailable, "suites: %w", err)
	}
	var out []string
	for _, f := range files {
		if name, ok := strings.CutSuffix(f.Name(), ".yaml"); ok && !f.IsDir() {
			out = append(out, name)
		}
	}
	return out, nil
}

// Load reads a suite and its golden set. Errors: not_found for a suite that is
// none, invalid with every mistake, unavailable.
func Load(fsys fs.FS, name string) (*Set, error) {
	set, ps, err := load(fsys, name)
	if err != nil {
		return nil, err
	}
	if err := ps.asError(); err != nil {
		return nil, err
	}
	return set, nil
}

// LoadAll reads the suites of those names, or all where there is none. Errors:
// those of Load, of all suites together.
func LoadAll(fsys fs.FS, suites []string) ([]*Set, error) {
	if len(suites) == 0 {
		var err error
		if suites, err = Names(fsys); err != nil {
			return nil, err
		}
		if len(suites) == 0 {
			return nil, pipeline.Errorf(pipeline.CodeNotFound, "there is no suite").WithHint("put one into the folder suites of the evals, or set ASSAY_EVALS to embed:")
		}
	}
	var sets []*Set
	var all Problems
	for _, name := range suites {
		set, ps, err := load(fsys, name)
		if err != nil {
			return nil, err
		}
		sets, all = append(sets, set), append(all, ps...)
	}
	return sets, all.asError()
}

func load(fsys fs.FS, name string) (*Set, Problems, error) {
	known, err := Names(fsys)
	if err != nil {
		return nil, nil, err
	}
	if !slices.Contains(known, name) {
		return nil, nil, pipeline.Errorf(pipeline.CodeNotFound, "there is no suite %q", name).WithHint("there are: %s", orNone(strings.Join(known, ", ")))
	}
	file := path.Join("suites", name+".yaml")
	src, err := fs.ReadFile(fsys, file)
	if err != nil {
		return nil, nil, pipeline.Errorf(pipeline.CodeUnavailable, "%s: %w", file, err)
	}
	suite, ps := ReadSuite(file, src)
	set := &Set{Suite: suite}
	content := []string{"suite", unixLines(src)}
	ids := map[string]string{}
	for _, f := range suite.Dataset {
		b, ok := readBeside(fsys, suite, f, "dataset", &ps)
		if !ok {
			continue
		}
		content = append(content, unixLines(b))
		cases, mistakes := ReadCases(f, b, suite.Task)
		ps = append(ps, mistakes...)
		for _, c := range cases {
			if other, twice := ids[c.ID]; twice && other != f {
				ps.add(f, c.Line, "the case %q is there already, in %s", c.ID, other)
			}
			ids[c.ID] = f
		}
		set.Cases = append(set.Cases, cases...)
	}
	if suite.Catalog != "" {
		if b, ok := readBeside(fsys, suite, suite.Catalog, "catalog", &ps); ok {
			content = append(content, unixLines(b))
			var mistakes Problems
			set.Catalog, mistakes = ReadItems(suite.Catalog, b)
			ps = append(ps, mistakes...)
			set.checkSearch(&ps)
		}
	}
	set.checkPairs(&ps)
	set.Hash = pipeline.ContentID(content...)
	return set, ps, nil
}

// unixLines makes the hash the same where git wrote CRLF.
func unixLines(b []byte) string { return string(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))) }

func readBeside(fsys fs.FS, s *Suite, file, key string, ps *Problems) ([]byte, bool) {
	if !fs.ValidPath(file) {
		return nil, false // named already
	}
	b, err := fs.ReadFile(fsys, file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		ps.add(s.File, max(s.at[key], 1), "%s names %s, which is not there", key, file)
	case err != nil:
		ps.add(s.File, max(s.at[key], 1), "%s: %v", file, err)
	}
	return b, err == nil
}

// checkSearch: an answer that is not in the catalog can never be found.
func (s *Set) checkSearch(ps *Problems) {
	ids := map[string]bool{}
	for _, it := range s.Catalog {
		ids[it.ID] = true
	}
	for _, c := range s.Cases {
		for _, id := range append(slices.Clone(c.Want.Any), c.Want.All...) {
			if !ids[id] {
				ps.add(c.File, c.Line, "the item %q is not in %s", clip(id), s.Suite.Catalog)
			}
		}
	}
}

// checkPairs: one id names one item.
func (s *Set) checkPairs(ps *Problems) {
	seen := map[string]Item{}
	for _, c := range s.Cases {
		for _, it := range []*Item{c.A, c.B} {
			if it == nil || it.ID == "" {
				continue
			}
			if before, ok := seen[it.ID]; ok && before != *it {
				ps.add(c.File, c.Line, "the item %q stood above with another text or other metadata", it.ID)
			}
			seen[it.ID] = *it
		}
	}
}

// Lint reads suites and holds their gold against the knowledge that answers
// them: categories, attributes and values that no schema has, passages that do
// not exist. It returns what it read and every mistake. Errors: not_found,
// unavailable.
func Lint(ctx context.Context, fsys fs.FS, suites []string, pack *knowledge.Pack, index *retrieve.Index) ([]*Set, Problems, error) {
	if len(suites) == 0 {
		var err error
		if suites, err = Names(fsys); err != nil {
			return nil, nil, err
		}
	}
	var sets []*Set
	var all Problems
	for _, name := range suites {
		if err := ctx.Err(); err != nil {
			return nil, nil, pipeline.Errorf(pipeline.CodeCanceled, "reading suites: %w", err)
		}
		set, ps, err := load(fsys, name)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, ps...)
		for i := range set.Cases {
			set.Cases[i].against(pack, index, &all)
		}
		sets = append(sets, set)
	}
	all.sort()
	return sets, all, nil
}

// Against holds the gold of a set against the knowledge that answers it, as Lint
// does: what no schema has would be missed in every run. Error: invalid, with
// every mistake and its line.
func (s *Set) Against(pack *knowledge.Pack, index *retrieve.Index) error {
	var all Problems
	for i := range s.Cases {
		s.Cases[i].against(pack, index, &all)
	}
	return all.asError()
}

// against holds the gold of a case against the knowledge.
func (c *Case) against(pack *knowledge.Pack, index *retrieve.Index, ps *Problems) {
	bad := func(format string, args ...any) { ps.add(c.File, c.Line, format, args...) }
	for _, name := range c.Want.Category {
		if _, ok := pack.Schema(name); !ok && name != pipeline.Unknown {
			bad("there is no category %q", name)
		}
	}
	if index != nil && c.Query != "" && c.Stage != "" {
		for _, id := range append(slices.Clone(c.Want.Any), c.Want.All...) {
			if _, ok := index.Passage(id); !ok {
				bad("there is no passage %q", id)
			}
		}
	}
	if len(c.Want.Category) != 1 {
		return
	}
	schema, ok := pack.Schema(c.Want.Category[0])
	if !ok {
		if len(c.Want.Attributes)+len(c.Want.Also) > 0 {
			bad("an item of no category has no attributes")
		}
		return
	}
	for _, of := range []map[string]Accept{c.Want.Attributes, c.Want.Also} {
		for _, name := range sortedKeys(of) {
			attr, _, ok := schema.Attribute(name)
			if !ok {
				bad("the category %s has no attribute %q", schema.Category, name)
				continue
			}
			if msg := of[name].against(attr); msg != "" {
				bad("%s: %s", name, msg)
			}
		}
	}
}

// against says what is wrong with accepted values for an attribute, "" for
// nothing.
func (x Accept) against(attr *knowledge.Attribute) string {
	for i, v := range x.Any {
		switch {
		case attr.Kind.Numeric() && !v.IsNumber() && !v.IsInterval():
			return "a number is wanted, not " + x.written[i]
		case attr.Kind == knowledge.KindNumber && v.IsInterval():
			return "one number is wanted, not an interval"
		case attr.Kind.Numeric():
			low, _ := v.Ends()
			if !convertible(low.String(), x.Units[i], attr.Unit) {
				return x.written[i] + " is not convertible to " + orNone(attr.Unit)
			}
		case attr.Kind == knowledge.KindEnum && !attr.Open && !slices.ContainsFunc(attr.Allowed, func(a knowledge.Allowed) bool { return squeeze(a.Value) == squeeze(x.written[i]) }):
			return x.written[i] + " is none of the values that the schema lists"
		}
	}
	return ""
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
