package contract

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/assay-pipeline/assay/pipeline"
)

// A Set is all contracts of a folder. A broken one does not hide the others:
// its error is kept and returned for the feeds that it was to define. A set
// that is read by several at once may be replaced meanwhile (Replace), not added
// to.
type Set struct{ in atomic.Pointer[contents] }

type contents struct {
	docs   []*Document
	feeds  map[string][]*entry
	broken []error
}

type entry struct {
	doc  *Document
	feed *Feed
	err  error
}

// NewSet is an empty set, for Add.
func NewSet() *Set {
	s := &Set{}
	s.in.Store(&contents{feeds: map[string][]*entry{}})
	return s
}

// Replace puts what is in other in the place of what is in s, for everybody who
// holds s.
func (s *Set) Replace(other *Set) { s.in.Store(other.in.Load()) }

// frozen is s as it is now, whatever replaces it.
func (s *Set) frozen() *Set {
	now := &Set{}
	now.in.Store(s.in.Load())
	return now
}

// Stamp tells one state of the contracts of a folder from another by the names,
// sizes and times of its files, none of which it reads. Errors: those of Load.
func Stamp(fsys fs.FS, dir string) (string, error) {
	h := sha256.New()
	err := fs.WalkDir(fsys, dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !isContract(name) {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(h, "%q %d %d\n", name, info.Size(), info.ModTime().UnixNano())
		return nil
	})
	if err != nil {
		return "", folderError(dir, err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Load reads every *.odcs.yaml (and .yml) under dir. Errors: not_found where
// dir does not exist, unavailable where it cannot be read.
func Load(fsys fs.FS, dir string) (*Set, error) {
	s := NewSet()
	err := fs.WalkDir(fsys, dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !isContract(name) {
			return err
		}
		src, err := readLimited(fsys, name)
		if err != nil {
			return err
		}
		s.Add(name, src)
		return nil
	})
	if err != nil {
		return nil, folderError(dir, err)
	}
	return s, nil
}

func folderError(dir string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return pipeline.Errorf(pipeline.CodeNotFound, "there is no folder of contracts %s", dir).WithHint("make it with `assay init`, or set ASSAY_CONTRACTS")
	}
	return pipeline.Errorf(pipeline.CodeUnavailable, "reading contracts: %w", err)
}

// readLimited reads a file, but no more than a contract may have.
func readLimited(fsys fs.FS, name string) ([]byte, error) {
	if info, err := fs.Stat(fsys, name); err == nil && info.Size() > MaxSource {
		return make([]byte, MaxSource+1), nil // refused by its size, unread
	}
	return fs.ReadFile(fsys, name)
}

func isContract(name string) bool {
	return strings.HasSuffix(name, ".odcs.yaml") || strings.HasSuffix(name, ".odcs.yml")
}

// A Source is the text of one contract.
type Source struct {
	File string
	Text []byte
}

// AddAll puts contracts into the set, as Add does one by one.
func (s *Set) AddAll(sources []Source) {
	read := make([]reading, len(sources))
	var wg sync.WaitGroup
	var next atomic.Int64
	for range min(runtime.GOMAXPROCS(0), len(sources)) {
		wg.Go(func() {
			for i := next.Add(1) - 1; int(i) < len(sources); i = next.Add(1) - 1 {
				read[i] = readContract(sources[i].File, sources[i].Text)
			}
		})
	}
	wg.Wait()
	for _, r := range read {
		s.put(r)
	}
}

// Add puts the contract in src into the set.
func (s *Set) Add(file string, src []byte) { s.put(readContract(file, src)) }

// A reading is a contract as it was read: its feeds, or what is wrong.
type reading struct {
	file  string
	doc   *Document
	err   error
	feeds []*Feed
	errs  []error
}

func readContract(file string, src []byte) reading {
	d, found := parse(file, src)
	r := reading{file: file, doc: d, err: problemError(found)}
	if r.err == nil {
		for _, n := range d.Feeds() {
			f, err := d.Feed(n)
			r.feeds, r.errs = append(r.feeds, f), append(r.errs, err)
		}
	}
	return r
}

func (s *Set) put(r reading) {
	in := s.in.Load()
	file, d, err := r.file, r.doc, r.err
	base := strings.TrimSuffix(strings.TrimSuffix(path.Base(file), ".yml"), ".yaml")
	base = strings.TrimSuffix(base, ".odcs")
	if err != nil {
		in.broken = append(in.broken, err)
		names := []string{base}
		if d != nil {
			names = append(names, d.Feeds()...)
		}
		slices.Sort(names)
		for _, n := range slices.Compact(names) {
			in.feeds[n] = append(in.feeds[n], &entry{err: err})
		}
		return
	}
	in.docs = append(in.docs, d)
	for i, n := range d.Feeds() {
		e := &entry{doc: d, feed: r.feeds[i], err: r.errs[i]}
		if e.err != nil {
			in.broken = append(in.broken, e.err)
		}
		in.feeds[n] = append(in.feeds[n], e)
	}
}

// Documents are the contracts that could be read, in the order of their files.
func (s *Set) Documents() []*Document { return slices.Clone(s.in.Load().docs) }

// Broken are the errors of the contracts that could not.
func (s *Set) Broken() []error { return slices.Clone(s.in.Load().broken) }

// Feeds are the names of all feeds with a usable contract, sorted.
func (s *Set) Feeds() []string {
	var out []string
	for n := range s.in.Load().feeds {
		if f, err := s.Feed(n); err == nil && f != nil {
			out = append(out, n)
		}
	}
	slices.Sort(out)
	return out
}

// Feed returns the feed of that name. Where several contracts define it, the
// active one counts, and among active ones of one id the highest version.
// Errors: not_found with the nearest names, invalid where its contract is
// broken or several contracts claim it.
func (s *Set) Feed(name string) (*Feed, error) {
	list := s.in.Load().feeds[name]
	if len(list) == 0 {
		return nil, s.unknown(name)
	}
	var best *entry
	for _, e := range list {
		switch {
		case e.err != nil:
			if best == nil {
				best = e
			}
		case best == nil || best.err != nil:
			best = e
		case active(best.doc) == active(e.doc) && (best.doc.ID() != e.doc.ID() || CompareVersions(best.doc.Version(), e.doc.Version()) == 0):
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "two contracts define the feed %s: %s and %s", name, best.doc.file, e.doc.file).
				WithHint("rename one with assay.feed, or set the status of one to draft, or raise the version of one")
		case active(e.doc) && !active(best.doc), active(e.doc) == active(best.doc) && CompareVersions(e.doc.Version(), best.doc.Version()) > 0:
			best = e
		}
	}
	return best.feed, best.err
}

// Choose says which version of the feed's contract judges a batch: the one that
// the object's metadata or the path segment names, where it is among the active
// ones of the set, else the one that Feed returns. Errors: those of Feed,
// invalid for a version that is not active.
func (s *Set) Choose(_ context.Context, q Request) (Choice, error) {
	s = s.frozen()
	f, err := s.Feed(q.Feed)
	if err != nil {
		return Choice{}, err
	}
	asked, rule := q.Metadata, RuleMetadata
	if asked == "" {
		asked, rule = q.Path, RulePath
	}
	if asked == "" {
		return Choice{Feed: f, Rule: RuleConfigured, Version: f.Version}, nil
	}
	var versions []string
	for _, e := range s.in.Load().feeds[q.Feed] {
		if e.err != nil || !active(e.doc) || e.doc.ID() != f.ContractID {
			continue
		}
		if e.doc.Version() == asked {
			return Choice{Feed: e.feed, Rule: rule, Version: asked}, nil
		}
		versions = append(versions, e.doc.Version())
	}
	return Choice{}, notActive(q.Feed, asked, rule, versions)
}

func notActive(feed, asked, rule string, active []string) error {
	return pipeline.Errorf(pipeline.CodeInvalid, "the %s asks for version %s of the contract of %s, which is not active", rule, asked, feed).
		WithHint("active: %s", named(strings.Join(active, ", ")))
}

func active(d *Document) bool {
	switch d.Status() {
	case "proposed", "draft", "retired":
		return false
	}
	return true
}

func (s *Set) unknown(name string) error {
	all := s.Feeds()
	e := pipeline.Errorf(pipeline.CodeNotFound, "there is no contract for the feed %q", name)
	if n := nearest(name, all); n != "" {
		return e.WithHint("did you mean %s?", n)
	}
	switch {
	case len(all) == 0:
		return e.WithHint("no contract was found; `assay init` writes a first one")
	case len(all) > 12:
		return e.WithHint("there are %d feeds, among them %s", len(all), strings.Join(all[:12], ", "))
	}
	return e.WithHint("there are %s", strings.Join(all, ", "))
}
