package knowledge

import (
	"bytes"
	"errors"
	"io/fs"
	"path"
	"sort"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
)

// A Pack is a compiled folder of knowledge. It is immutable and safe for
// concurrent use.
type Pack struct {
	Name    string
	Version string

	hash        string
	categories  []string
	schemas     map[string]*Schema
	shared      map[string][]Allowed
	common      map[string]bool
	calibration Calibration
	everyday    map[string]bool // words that are short for no noun
	related     [][]string
	classifier  *classifier
}

// Shared lists, and the file that each stands in.
var sharedLists = []string{"manufacturers", "materials"}

// maxFile bounds one file of a pack; the largest real ones have 100 kB.
const maxFile = 4 << 20

// Load reads and compiles the pack in the root of fsys. Its error has the code
// invalid and carries every mistake as Problems, or unavailable where the
// folder cannot be read.
func Load(fsys fs.FS) (*Pack, error) {
	files, err := list(fsys)
	if err != nil {
		return nil, err
	}
	r := &reader{fsys: fsys}
	p := &Pack{schemas: map[string]*Schema{}, shared: map[string][]Allowed{}, common: map[string]bool{}, everyday: map[string]bool{}}
	drafts := map[string]*draft{}
	var names []string
	var hashed []string
	for _, file := range files {
		data, err := fs.ReadFile(fsys, file)
		if err != nil {
			return nil, pipeline.Errorf(pipeline.CodeUnavailable, "knowledge file %s: %w", file, err)
		}
		hashed = append(hashed, file, string(data))
		n := node{file: file}
		if len(data) > maxFile {
			r.fail(n, "has %d bytes, more than %d", len(data), maxFile)
			continue
		}
		dir, base := path.Split(file)
		category := strings.TrimSuffix(dir, "/")
		if category == "" {
			r.top(p, base, data)
			continue
		}
		d := drafts[category]
		if d == nil {
			d = &draft{Schema: Schema{Category: category}, at: map[string]node{}, only: map[string][]string{}}
			d.head = node{file: path.Join(category, "category.yaml")}
			drafts[category] = d
			names = append(names, category)
		}
		if strings.HasSuffix(base, ".md") {
			d.Guidelines = append(d.Guidelines, Guideline{File: file, Text: string(bytes.ToValidUTF8(data, []byte("\uFFFD")))})
			continue
		}
		if root, ok := r.parse(file, data); ok {
			r.category(d, root)
		} else {
			d.broken = true
		}
	}
	if len(names) == 0 && len(r.problems) == 0 {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "the knowledge pack has no category").
			WithHint("a category is a folder with a category.yaml")
	}
	sort.Strings(names)
	for _, name := range names {
		d := drafts[name]
		if !d.broken { // what stands in the broken file cannot be missed
			r.compile(p, d)
		}
		p.schemas[name] = &d.Schema
	}
	p.categories = names
	p.hash = pipeline.ContentID(append([]string{"knowledge"}, hashed...)...)
	if err := r.err(); err != nil {
		return nil, err
	}
	p.classifier = newClassifier(p)
	return p, nil
}

// list is every file of the pack, sorted.
func list(fsys fs.FS) ([]string, error) {
	var files []string
	err := fs.WalkDir(fsys, ".", func(file string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		base := path.Base(file)
		if base != "." && strings.HasPrefix(base, ".") {
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if e.IsDir() {
			if strings.Count(file, "/") >= 1 {
				return fs.SkipDir // a category has no folders of its own
			}
			return nil
		}
		switch path.Ext(file) {
		case ".yaml", ".yml", ".md":
			if strings.Contains(file, "/") || path.Ext(file) != ".md" {
				files = append(files, file)
			}
		}
		return nil
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, pipeline.Errorf(pipeline.CodeNotFound, "no knowledge pack there: %w", err).
			WithHint("a pack is a folder with one folder per category; `assay init` writes one")
	case err != nil:
		return nil, pipeline.Errorf(pipeline.CodeUnavailable, "knowledge pack: %w", err)
	}
	sort.Strings(files)
	return files, nil
}

// words reads lists of words into a set.
func (r *reader) words(into map[string]bool) func(node) {
	return func(n node) {
		var lists []string
		r.strs(&lists)(n)
		for _, l := range lists {
			for _, w := range strings.Fields(FoldText(l)) {
				into[w] = true
			}
		}
	}
}

// top reads a file of the pack's root.
func (r *reader) top(p *Pack, base string, data []byte) {
	n, ok := r.parse(base, data)
	if !ok {
		return
	}
	fields := map[string]func(node){
		"name": r.str(&p.Name), "version": r.str(&p.Version),
		"common":   r.words(p.common),
		"everyday": r.words(p.everyday),

		"calibration": r.calibrated(p),
	}
	fields["related"] = func(n node) {
		r.each(n, "related", func(n node) {
			var words []string
			r.strs(&words)(n)
			if len(words) < 2 {
				r.fail(n, "words are related to each other: one word is not enough")
			}
			p.related = append(p.related, words)
		})
	}
	for _, list := range sharedLists {
		fields[list] = func(n node) {
			seen := map[string]bool{}
			r.each(n, list, func(n node) {
				var v Allowed
				r.fields(n, "an entry", map[string]func(node){
					"name": r.str(&v.Value), "aliases": r.strs(&v.Synonyms), "implies": r.implied(&v.Implies),
				})
				switch {
				case v.Value == "":
					r.fail(n, "an entry needs the field name")
				case seen[v.Value]:
					r.fail(n, "%s is there twice", v.Value)
				default:
					seen[v.Value] = true
					p.shared[list] = append(p.shared[list], v)
				}
			})
		}
	}
	r.fields(n, "a file of the pack's root", fields)
}

// Hash identifies the content of the pack: it changes with every byte of it.
func (p *Pack) Hash() string { return p.hash }

// Categories are the names of the categories, sorted.
func (p *Pack) Categories() []string { return append([]string(nil), p.categories...) }

// Schema returns what is known of a category.
func (p *Pack) Schema(category string) (*Schema, bool) {
	s, ok := p.schemas[category]
	return s, ok
}

// Related are groups of words that mean the same to those who ask about items
// (brand, maker, manufacturer), for retrieval.
func (p *Pack) Related() [][]string { return p.related }

// Common reports whether a folded word is a word of the language, which is
// never an abbreviation.
func (p *Pack) Common(word string) bool { return p.common[word] }
