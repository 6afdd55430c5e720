package contract

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
)

// A NewColumn is an undeclared column that a feed carries through.
type NewColumn struct {
	Name string
	Type Type
	// Format of dates and times, as the contract writes it; "" for ISO 8601.
	Format string
}

// Draft is the next version of the contract, in which the columns are declared
// as optional fields of the schema object of the feed: its version is the next
// minor one, its status draft, every other byte stays. Columns that the object
// declares already are left out; the result is nil where none is new. Errors:
// invalid, not_found.
func (d *Document) Draft(feed string, columns []NewColumn) (*Document, error) {
	object, err := d.pick(feed)
	if err != nil {
		return nil, err
	}
	next := *d
	next.src = slices.Clone(d.src)
	added := false
	for _, c := range columns {
		if propertyNamed(object, c.Name) != "" {
			continue
		}
		added = true
		p := entries{{"name", c.Name}, {"logicalType", string(c.Type)}}
		if c.Format != "" {
			p = append(p, entries{{"logicalTypeOptions", entries{{"format", c.Format}}}}...)
		}
		p = append(p, entries{{"description", "came with the data; say what it means"}}...)
		if err := next.Append(object.path+".properties", p); err != nil {
			return nil, err
		}
	}
	if !added {
		return nil, nil //nolint:nilnil // nothing new is neither a draft nor an error
	}
	if next.Status() != "draft" {
		v, err := nextMinor(d.Version())
		if err != nil {
			return nil, err
		}
		if err := next.Set("version", v); err != nil {
			return nil, err
		}
		set := next.Set
		if next.root.get("status") == nil {
			set = func(key string, value any) error { return next.Add("", key, value) }
		}
		if err := set("status", "draft"); err != nil {
			return nil, err
		}
	}
	return &next, nil
}

func nextMinor(s string) (string, error) {
	v, ok := parseVersion(s)
	if !ok {
		return "", pipeline.Errorf(pipeline.CodeInvalid, "the version %s is not semantic, so that it has no next one", named(s)).WithHint("write MAJOR.MINOR.PATCH, such as 1.0.0")
	}
	prefix := ""
	if strings.HasPrefix(s, "v") {
		prefix = "v"
	}
	return fmt.Sprintf("%s%d.%d.0", prefix, v.number[0], v.number[1]+1), nil
}

// PropertyType is the type and format that all values of a column have, by
// what was added: for a column that nobody declared.
func (in *Inferrer) PropertyType(column string) (Type, string) {
	for _, c := range in.columns {
		if c.name == column {
			t, format, _ := c.logicalType()
			if t == Date && format == "yyyy-MM-dd" {
				format = ""
			}
			return t, format
		}
	}
	return String, ""
}

// Propose keeps a draft of the next version of a contract, in place of the
// draft before, until it, or a higher version, is published. Errors: invalid,
// unavailable.
func (r *Registry) Propose(ctx context.Context, d *Document) error {
	v := Version{Contract: d.ID(), Version: d.Version(), Source: d.Bytes(), File: d.file, Hash: pipeline.ContentID(string(d.src)),
		Feeds: d.Feeds(), Published: r.Now().UTC()}
	if err := r.Store.PutDraft(ctx, v); err != nil {
		return stored(err, "the draft of "+v.Contract)
	}
	return nil
}

// Drafts are the drafts above what is published of their contracts, one at
// most for each; of all contracts where id is empty. Published is when a draft
// was proposed.
func (r *Registry) Drafts(ctx context.Context, id string) ([]Version, error) {
	drafts, err := r.Store.Drafts(ctx, id)
	if err != nil {
		return nil, stored(err, "drafts")
	}
	if len(drafts) == 0 {
		return nil, nil
	}
	all, err := r.Store.Contracts(ctx, id)
	if err != nil {
		return nil, stored(err, "its versions")
	}
	return slices.DeleteFunc(drafts, func(d Version) bool {
		return slices.ContainsFunc(all, func(v Version) bool { return v.Contract == d.Contract && CompareVersions(v.Version, d.Version) >= 0 })
	}), nil
}

// Evolve proposes the next version of base, the contract that judges a feed,
// with columns that came with its data. A draft that is there already and is
// above base grows. It returns the draft's version, "" where nothing is new.
// Errors: invalid, unavailable.
func (r *Registry) Evolve(ctx context.Context, base *Document, feed string, columns []NewColumn) (string, error) {
	drafts, err := r.Drafts(ctx, base.ID())
	if err != nil {
		return "", err
	}
	from := base
	for _, v := range drafts {
		if d, err := Parse(v.File, v.Source); err == nil && CompareVersions(d.Version(), base.Version()) > 0 {
			from = d
		}
	}
	next, err := from.Draft(feed, columns)
	if err != nil || next == nil {
		return "", err
	}
	return next.Version(), r.Propose(ctx, next)
}
