package flow

import (
	"context"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/gate"
)

// Versions says which version of its contract judges a batch. Errors:
// not_found, invalid (a version that is not active), unavailable.
type Versions interface {
	Choose(ctx context.Context, q contract.Request) (contract.Choice, error)
}

// ContractSegment begins the folder of the landing zone that names a version of
// the contract: landing/FEED/contract=1.2.0/FILE.
const ContractSegment = "contract="

// choose finds the version of the contract that judges b: the one that the
// object's metadata asks for, else the one of its folder, else the active one.
func (in *Ingest) choose(ctx context.Context, b Batch) (contract.Choice, error) {
	versions := in.Versions
	if versions == nil {
		var ok bool
		if versions, ok = in.Contracts.(Versions); !ok {
			f, err := in.Contracts.Feed(b.Feed)
			if err != nil {
				return contract.Choice{}, err
			}
			return contract.Choice{Feed: f, Rule: contract.RuleConfigured, Version: f.Version}, nil
		}
	}
	q := contract.Request{Feed: b.Feed, Path: versionOf(b.Key), At: b.EventTime}
	obj, err := in.Lake.Stat(ctx, b.Key)
	switch {
	case err == nil:
		q.Metadata = obj.Contract
	case pipeline.ErrorCode(err) != pipeline.CodeNotFound: // archived meanwhile
		return contract.Choice{}, err
	}
	return versions.Choose(ctx, q)
}

// feedOf is the contract that judges b.
func (in *Ingest) feedOf(ctx context.Context, b Batch) (*contract.Feed, error) {
	c, err := in.choose(ctx, b)
	return c.Feed, err
}

func versionOf(key string) string {
	parts := strings.Split(key, "/")
	for _, p := range parts[:len(parts)-1] {
		if v, ok := strings.CutPrefix(p, ContractSegment); ok {
			return v
		}
	}
	return ""
}

// affected are the consumers whom the failed checks concern: those that read
// one of their fields, all of the feed where a check is of no field.
func (in *Ingest) affected(ctx context.Context, f *contract.Feed, v ViolationData) ([]AffectedConsumer, error) {
	if in.Registry == nil || len(v.Checks) == 0 {
		return nil, nil
	}
	fields := v.Fields
	if slices.ContainsFunc(v.Checks, func(c FailedCheck) bool { return c.Field == "" }) {
		fields = nil
	}
	consumers, err := in.Registry.Affected(ctx, f.ContractID, f.Name, fields)
	if err != nil {
		return nil, err
	}
	var out []AffectedConsumer
	for _, c := range consumers {
		a := AffectedConsumer{Name: c.Name, Contact: c.Contact}
		for _, field := range v.Fields {
			if c.Uses(f.Name, field, "") {
				a.Fields = append(a.Fields, field)
			}
		}
		out = append(out, a)
	}
	return out, nil
}

// failedFields are the fields of failed checks, by their names in the contract:
// order+line are two, and address.zip is within address.
func failedFields(f *contract.Feed, checks []FailedCheck) []string {
	var out []string
	for _, fd := range f.Fields {
		if slices.ContainsFunc(checks, func(c FailedCheck) bool {
			return gate.Concerns(c.Field, fd.Name) || slices.Contains(strings.Split(c.Field, "+"), fd.Name)
		}) {
			out = append(out, fd.Name)
		}
	}
	return out
}
