package chaos

import (
	"context"
	"math/rand/v2"

	"github.com/assay-pipeline/assay/pipeline/embed"
)

// A moving embedder stands for a provider that trained its model anew under the
// same name: while moved, the space is that of before, in which the axes lay
// otherwise. Distances within either space are the same; between the two they say
// nothing.
type moving struct {
	embed.Embedder
	moved bool
	seed  uint64
}

// Embed implements embed.Embedder.
func (m *moving) Embed(ctx context.Context, texts []string) ([][]float32, error) {
	vs, err := m.Embedder.Embed(ctx, texts)
	if err != nil || !m.moved {
		return vs, err
	}
	rng := rand.New(rand.NewPCG(m.seed, 14))
	axes := rng.Perm(m.Dimensions())
	turned := make([]bool, len(axes))
	for i := range turned {
		turned[i] = rng.IntN(2) == 0
	}
	out := make([][]float32, len(vs))
	for i, v := range vs {
		out[i] = make([]float32, len(v))
		for k, x := range v {
			if turned[k] {
				x = -x
			}
			out[i][axes[k]] = x
		}
	}
	return out, nil
}
