package learn

import "context"

// A Rarity says how common the words, the 3-grams of titles and the runs of
// digits are in the catalog that a model was trained on, so that two records
// can be judged without that catalog at hand.
type Rarity struct {
	Records int `json:"records"`
	// Once is the count of what one record has alone; that is not listed.
	Once  int            `json:"once"`
	Words map[string]int `json:"words"`
	Grams map[string]int `json:"grams"`
	Cores map[string]int `json:"cores"`
}

// rarity is that of s.
func (s *Space) rarity() *Rarity {
	r := &Rarity{Records: s.records, Once: 1, Words: map[string]int{}, Grams: map[string]int{}, Cores: map[string]int{}}
	if s.a == s.b {
		r.Once = 2 // each record stands on both sides
	}
	for w, id := range s.vocab {
		if s.df[id] > r.Once {
			r.Words[w] = s.df[id]
		}
	}
	for g, id := range s.gram {
		if s.gdf[id] > r.Once {
			r.Grams[g] = s.gdf[id]
		}
	}
	for c, n := range s.cores {
		if n > r.Once {
			r.Cores[c] = n
		}
	}
	return r
}

func (r *Rarity) count(of map[string]int, term string) int { return max(of[term], r.Once, 1) }

// PredictAlone judges pairs of a few records of t, each pair by itself, as
// they would be judged in the catalog that m was trained on. What it says of a
// pair does not depend on the other records of t.
func (m *Model) PredictAlone(ctx context.Context, t *Table, labels []Label) ([]Prediction, error) {
	return m.Predict(ctx, newSpace(t, t, m.Rarity), labels, true)
}
