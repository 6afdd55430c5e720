package learn

import (
	"encoding/json"
	"io"
	"math"
	"slices"

	"github.com/assay-pipeline/assay/pipeline"
)

// modelFormat is the version of the stored form; a change of the features or
// of their meaning makes another.
const modelFormat = 3

type stored struct {
	Format int `json:"format"`
	*Model
}

// maxModel bounds what ReadModel reads; trained models have some 10 MB.
const maxModel = 256 << 20

// Write stores m as JSON.
func (m *Model) Write(w io.Writer) error {
	return json.NewEncoder(w).Encode(stored{modelFormat, m})
}

// ReadModel reads what Write wrote. Errors: corrupt for anything else, invalid
// for a model of another format or with other features.
func ReadModel(r io.Reader) (*Model, error) {
	s := stored{Model: new(Model)}
	if err := json.NewDecoder(io.LimitReader(r, maxModel)).Decode(&s); err != nil {
		return nil, pipeline.Errorf(pipeline.CodeCorrupt, "model: %w", err).WithHint("train it again")
	}
	if s.Format != modelFormat || !slices.Equal(s.Features, featureNames) {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "model: of format %d with %d features, this program knows format %d with %d",
			s.Format, len(s.Features), modelFormat, len(featureNames)).WithHint("train it again")
	}
	if err := s.check(); err != nil {
		return nil, pipeline.Errorf(pipeline.CodeCorrupt, "model: %w", err).WithHint("train it again")
	}
	return s.Model, nil
}

// check makes sure that no prediction can leave the arrays or loop.
func (m *Model) check() error {
	if len(m.Members) == 0 {
		return pipeline.Errorf(pipeline.CodeCorrupt, "no members")
	}
	if m.Rarity != nil && m.Rarity.Records < 0 {
		return pipeline.Errorf(pipeline.CodeCorrupt, "a catalog of %d records", m.Rarity.Records)
	}
	first := len(featureNames) + oddsFeatures
	second := first + 1 + 2*rivalFeatures
	for k, x := range m.Members {
		if x == nil || x.Logistic == nil || len(x.Logistic.Coef) != first || len(x.Logistic.Mean) != first || len(x.Logistic.Scale) != first {
			return pipeline.Errorf(pipeline.CodeCorrupt, "member %d has no regression of %d features", k, first)
		}
		if slices.Contains(x.Logistic.Scale, 0) {
			return pipeline.Errorf(pipeline.CodeCorrupt, "member %d has a feature of scale 0", k)
		}
		for n, fs := range [][]*Forest{x.Pairwise, x.Compete} {
			width := first
			if n == 1 {
				width = second
			}
			for _, f := range fs {
				if f == nil || !f.sound(width) {
					return pipeline.Errorf(pipeline.CodeCorrupt, "member %d has a broken tree", k)
				}
			}
		}
	}
	return nil
}

// sound reports whether every node of every tree refers to a feature below
// width and to children behind itself.
func (f *Forest) sound(width int) bool {
	for _, t := range f.Trees {
		if len(t) == 0 || len(t) > math.MaxInt16 {
			return false
		}
		for i, n := range t {
			if n.Feature < 0 {
				continue
			}
			if int(n.Feature) >= width || int(n.Left) <= i || int(n.Left)+1 >= len(t) {
				return false
			}
		}
	}
	return true
}
