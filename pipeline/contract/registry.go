package contract

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
)

// A Version is one published version of a contract.
type Version struct {
	Contract string `json:"contract"` // the id
	Version  string `json:"version"`
	// Source is the document, byte for byte.
	Source []byte `json:"-"`
	File   string `json:"file"`
	Hash   string `json:"hash"`
	// Feeds are the feeds that it defines.
	Feeds     []string  `json:"feeds"`
	Published time.Time `json:"published"`
	Actor     string    `json:"actor,omitempty"`
	// Deprecated is the last day of a deprecated version, zero for none.
	Deprecated time.Time `json:"deprecated,omitzero"`
}

// A RegistryStore keeps published versions and consumers. Errors: conflict,
// unavailable.
type RegistryStore interface {
	// PutContract stores a version. One that is there already may change in
	// Deprecated only; conflict where its Hash differs.
	PutContract(ctx context.Context, v Version) error
	// Contracts returns the versions of the contract of that id, of all where
	// it is empty, ordered by id and by publication.
	Contracts(ctx context.Context, id string) ([]Version, error)
	// PutDraft inserts or replaces the draft of a contract.
	PutDraft(ctx context.Context, v Version) error
	// Drafts returns the draft of the contract of that id, all by id where it is
	// empty.
	Drafts(ctx context.Context, id string) ([]Version, error)
	// PutConsumer inserts or replaces a consumer by contract and name.
	PutConsumer(ctx context.Context, c Consumer) error
	// Consumers returns the consumers of a contract, by name.
	Consumers(ctx context.Context, id string) ([]Consumer, error)
}

// A Registry publishes contracts and says which version judges a batch.
type Registry struct {
	Store RegistryStore
	Now   func() time.Time
	// Grace is how long after its last day a deprecated version still judges,
	// with a warning; default 30 days.
	Grace time.Duration
}

const day = 24 * time.Hour

func (r *Registry) grace() time.Duration {
	if r.Grace > 0 {
		return r.Grace
	}
	return 30 * day
}

// Publishing says how a version is to be published.
type Publishing struct {
	Actor  string
	DryRun bool // check everything, store nothing
	Mode   Mode // default ForConsumers
	// Transitive compares with every published version, not only the latest.
	Transitive bool
	Ignore     *IgnoreList
}

// Publish registers a contract. It is refused where lint finds an error, where
// its version is not above the published ones, or where it breaks someone and
// is no new major version. Publishing the same bytes again changes nothing.
// The comparison is with the latest version before; it names the consumers
// that a change breaks. Errors: invalid, conflict, unavailable.
func (r *Registry) Publish(ctx context.Context, file string, src []byte, p Publishing) (*Comparison, error) {
	d, err := Parse(file, src)
	if err != nil {
		return nil, err
	}
	if err := problemError(d.Lint()); err != nil {
		return nil, err
	}
	before, err := r.Store.Contracts(ctx, d.ID())
	if err != nil {
		return nil, stored(err, "the versions of "+d.ID())
	}
	v := Version{Contract: d.ID(), Version: d.Version(), Source: slices.Clone(src), File: file, Hash: pipeline.ContentID(string(src)),
		Feeds: d.Feeds(), Published: r.Now().UTC(), Actor: p.Actor}
	var olds []*Document
	for _, b := range before {
		if b.Version == v.Version {
			if b.Hash == v.Hash {
				return &Comparison{Mode: p.Mode, OldVersion: v.Version, NewVersion: v.Version, Bump: "none", file: file}, nil
			}
			return nil, pipeline.Errorf(pipeline.CodeConflict, "%s: %s %s is published already, with other words", file, v.Contract, v.Version).
				WithHint("a published version never changes: raise the version")
		}
		if CompareVersions(b.Version, v.Version) > 0 {
			return nil, pipeline.Errorf(pipeline.CodeConflict, "%s: %s %s is published already, which is above %s", file, v.Contract, b.Version, v.Version).
				WithHint("raise the version above it")
		}
		old, err := Parse(b.File, b.Source)
		if err != nil {
			return nil, pipeline.Errorf(pipeline.CodeCorrupt, "the published version %s of %s does not parse: %w", b.Version, b.Contract, err)
		}
		olds = append(olds, old)
	}
	c, err := r.compare(ctx, olds, d, p)
	if err != nil {
		return c, err
	}
	if p.DryRun {
		return c, nil
	}
	if err := r.Store.PutContract(ctx, v); err != nil {
		return nil, stored(err, fmt.Sprintf("%s %s", v.Contract, v.Version))
	}
	return c, nil
}

func stored(err error, what string) error {
	if code := pipeline.ErrorCode(err); code == pipeline.CodeConflict || code == pipeline.CodeCanceled {
		return err
	}
	return pipeline.Errorf(pipeline.CodeUnavailable, "the registry could not be reached for %s: %w", what, err)
}

func (r *Registry) compare(ctx context.Context, olds []*Document, d *Document, p Publishing) (*Comparison, error) {
	if p.Mode == "" {
		p.Mode = ForConsumers
	}
	slices.SortStableFunc(olds, func(a, b *Document) int { return CompareVersions(b.Version(), a.Version()) })
	if !p.Transitive && len(olds) > 1 {
		olds = olds[:1]
	}
	c, err := DiffAll(olds, d, p.Mode)
	if err != nil {
		return nil, err
	}
	c.Apply(p.Ignore, r.Now())
	consumers, err := r.Store.Consumers(ctx, d.ID())
	if err != nil {
		return nil, stored(err, "the consumers of "+d.ID())
	}
	c.AffectedBy(consumers)
	if len(olds) == 0 {
		return c, nil
	}
	was, okWas := parseVersion(olds[0].Version())
	is, okIs := parseVersion(d.Version())
	major := okWas && okIs && is.number[0] > was.number[0]
	if err := c.Err(); err != nil && !major {
		return c, err
	}
	if c.VersionProblem != "" && c.Bump != "major" {
		return c, pipeline.Errorf(pipeline.CodeConflict, "%s: %s", d.file, c.VersionProblem).WithHint("raise the version accordingly")
	}
	return c, nil
}

// Versions are the published versions of a contract, all where id is empty,
// newest first within a contract.
func (r *Registry) Versions(ctx context.Context, id string) ([]Version, error) {
	vs, err := r.Store.Contracts(ctx, id)
	if err != nil {
		return nil, stored(err, "its versions")
	}
	slices.SortStableFunc(vs, func(a, b Version) int {
		if c := strings.Compare(a.Contract, b.Contract); c != 0 {
			return c
		}
		return CompareVersions(b.Version, a.Version)
	})
	if id != "" && len(vs) == 0 {
		return nil, pipeline.Errorf(pipeline.CodeNotFound, "no contract %q is published", id).WithHint("see `assay contract list`")
	}
	return vs, nil
}

// Version is one published version; the empty version is the newest.
func (r *Registry) Version(ctx context.Context, id, version string) (Version, error) {
	vs, err := r.Versions(ctx, id)
	if err != nil {
		return Version{}, err
	}
	var known []string
	for _, v := range vs {
		if version == "" || v.Version == version {
			return v, nil
		}
		known = append(known, v.Version)
	}
	return Version{}, pipeline.Errorf(pipeline.CodeNotFound, "%s has no version %s", id, version).WithHint("it has %s", strings.Join(known, ", "))
}

// Deprecate sets the last day of a version. After it the version judges with a
// warning for the time of grace, then no more. Errors: not_found, conflict
// where no other version would be left, unavailable.
func (r *Registry) Deprecate(ctx context.Context, id, version string, last time.Time) error {
	v, err := r.Version(ctx, id, version)
	if err != nil {
		return err
	}
	vs, err := r.Versions(ctx, id)
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(vs, func(o Version) bool { return o.Version != v.Version && o.Deprecated.IsZero() }) {
		return pipeline.Errorf(pipeline.CodeConflict, "%s %s is the only version of its contract", id, v.Version).WithHint("publish its successor first")
	}
	v.Deprecated = last.UTC()
	if err := r.Store.PutContract(ctx, v); err != nil {
		return stored(err, id)
	}
	return nil
}

// Register records a consumer with the fields that it uses. Errors: not_found
// for a contract that is not published, invalid for a feed or field that it
// does not have, unavailable.
func (r *Registry) Register(ctx context.Context, c Consumer) error {
	v, err := r.Version(ctx, c.Contract, "")
	if err != nil {
		return err
	}
	d, err := Parse(v.File, v.Source)
	if err != nil {
		return err
	}
	f, err := d.Feed(c.Feed)
	if err != nil {
		return err
	}
	for _, name := range c.Fields {
		if f.field(name) == nil {
			return pipeline.Errorf(pipeline.CodeInvalid, "%s %s has no field %s", c.Contract, v.Version, name).WithHint("%s", didYouMean(name, f.fieldNames(), "see `assay contract show`"))
		}
	}
	if c.Name == "" {
		return pipeline.Errorf(pipeline.CodeInvalid, "a consumer needs a name").WithHint("use the name of the team or system that reads the feed")
	}
	c.Feed = f.Name
	if err := r.Store.PutConsumer(ctx, c); err != nil {
		return stored(err, "consumers")
	}
	return nil
}

// Affected are the consumers of a contract that read one of the fields of the
// feed: whom a violation concerns.
func (r *Registry) Affected(ctx context.Context, id, feed string, fields []string) ([]Consumer, error) {
	all, err := r.Store.Consumers(ctx, id)
	if err != nil {
		return nil, stored(err, "consumers")
	}
	return slices.DeleteFunc(all, func(c Consumer) bool {
		return !slices.ContainsFunc(append(slices.Clone(fields), ""), func(f string) bool {
			return (f != "" || len(fields) == 0) && c.Uses(feed, f, "")
		})
	}), nil
}

// A Request names a batch whose contract is sought.
type Request struct {
	Feed string
	// Metadata and Path are the version that the object's metadata and the path
	// segment ask for, empty where they say nothing.
	Metadata, Path string
	// At is the batch's event time.
	At time.Time
}

// The rules by which a version is chosen.
const (
	RuleMetadata   = "object metadata"
	RulePath       = "path segment"
	RuleActive     = "active by date"
	RuleEmbedded   = "embedded"   // the registry knows nothing of the feed
	RuleConfigured = "configured" // the contracts come from a folder
)

// A Choice is the version that judges a batch, and by which rule.
type Choice struct {
	Feed *Feed
	// Rule is one of the Rule constants.
	Rule    string
	Version string
	// Warning is set where a deprecated version judged after its last day.
	Warning string
}

// Choose says which version judges a batch: the one that the object's metadata
// names, else the one of its path segment, both only among the versions active
// for the feed, so that no producer picks a laxer one; else the newest that was
// active at the batch's time. Where the registry knows nothing of the feed, the
// contract of fallback judges. Errors: invalid for a version that is not
// active, not_found, unavailable.
func (r *Registry) Choose(ctx context.Context, q Request, fallback *Set) (Choice, error) {
	all, err := r.Store.Contracts(ctx, "")
	if err != nil {
		return Choice{}, stored(err, "the feed "+q.Feed)
	}
	all = slices.DeleteFunc(all, func(v Version) bool { return !slices.Contains(v.Feeds, q.Feed) })
	if len(all) == 0 {
		if fallback == nil {
			return Choice{}, pipeline.Errorf(pipeline.CodeNotFound, "no published contract defines the feed %q", q.Feed).WithHint("publish one with `assay contract publish`")
		}
		f, err := fallback.Feed(q.Feed)
		if err != nil {
			return Choice{}, err
		}
		return Choice{Feed: f, Rule: RuleEmbedded, Version: f.Version}, nil
	}
	slices.SortStableFunc(all, func(a, b Version) int { return CompareVersions(b.Version, a.Version) })
	if asked, rule := q.Metadata, RuleMetadata; asked != "" || q.Path != "" {
		if asked == "" {
			asked, rule = q.Path, RulePath
		}
		for _, v := range all {
			if v.Version == asked && r.usable(v) {
				return r.chosen(v, q.Feed, rule)
			}
		}
		var active []string
		for _, v := range all {
			if r.usable(v) {
				active = append(active, v.Version)
			}
		}
		return Choice{}, notActive(q.Feed, asked, rule, active)
	}
	var last *Version
	for i, v := range all {
		if v.Published.After(q.At) && i < len(all)-1 {
			continue // it did not exist yet
		}
		if r.usable(v) {
			return r.chosen(v, q.Feed, RuleActive)
		}
		last = &all[i]
	}
	if last == nil {
		last = &all[0]
	}
	return Choice{}, pipeline.Errorf(pipeline.CodeInvalid, "the contract of %s, version %s, ended on %s", q.Feed, last.Version, last.Deprecated.Format(time.DateOnly)).
		WithHint("publish its successor, or set a later day")
}

// Published chooses among what a registry has published, and by Fallback where
// it knows nothing of a feed.
type Published struct {
	Registry *Registry
	Fallback *Set
}

// Choose says which version judges a batch; see Registry.Choose.
func (p *Published) Choose(ctx context.Context, q Request) (Choice, error) {
	return p.Registry.Choose(ctx, q, p.Fallback)
}

// Set is the versions that are in force now, each contract's newest, and the
// contracts of base for the feeds that the registry does not know. Errors:
// unavailable.
func (r *Registry) Set(ctx context.Context, base *Set) (*Set, error) {
	all, err := r.Versions(ctx, "")
	if err != nil {
		return nil, err
	}
	out := NewSet()
	had := map[string]bool{}
	for _, v := range all { // newest first within a contract
		if !had[v.Contract] && r.usable(v) {
			had[v.Contract] = true
			out.Add(v.File, v.Source)
		}
	}
	if base == nil {
		return out, nil
	}
	to, from := out.in.Load(), base.in.Load()
	for name, list := range from.feeds {
		if to.feeds[name] == nil {
			to.feeds[name] = list
		}
	}
	to.docs = append(to.docs, from.docs...)
	to.broken = append(to.broken, from.broken...)
	return out, nil
}

// usable: not deprecated, or still within the time of grace.
func (r *Registry) usable(v Version) bool {
	return v.Deprecated.IsZero() || r.Now().Before(v.Deprecated.Add(day+r.grace()))
}

func (r *Registry) chosen(v Version, feed, rule string) (Choice, error) {
	d, err := Parse(v.File, v.Source)
	if err != nil {
		return Choice{}, pipeline.Errorf(pipeline.CodeCorrupt, "the published version %s of %s does not parse: %w", v.Version, v.Contract, err)
	}
	f, err := d.Feed(feed)
	if err != nil {
		return Choice{}, err
	}
	c := Choice{Feed: f, Rule: rule, Version: v.Version}
	if end := v.Deprecated; !end.IsZero() && r.Now().After(end.Add(day)) {
		c.Warning = fmt.Sprintf("version %s of %s ended on %s and judges until %s only", v.Version, v.Contract, end.Format(time.DateOnly), end.Add(r.grace()).Format(time.DateOnly))
	}
	return c, nil
}
