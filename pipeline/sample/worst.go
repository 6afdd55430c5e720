package sample

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
)

// A Summary is the worst of several seeds, figure by figure, each with the seed
// that gave it.
type Summary struct {
	Seeds int `json:"seeds"`
	// Holding seeds kept every promise; Failing are the others.
	Holding int      `json:"holding"`
	Failing []uint64 `json:"failing,omitempty"`
	// FaultsMissed and CleanRejected over all seeds.
	Faults        int `json:"faults"`
	FaultsMissed  int `json:"faults_missed"`
	CleanRejected int `json:"clean_rejected"`
	TwinsMerged   int `json:"near_twins_merged"`
	Twins         int `json:"near_twins"`
	// Worst by group and figure.
	Worst map[string]map[string]Extreme `json:"worst"`
}

// An Extreme is the worst value of a figure and where it was.
type Extreme struct {
	Value float64 `json:"value"`
	Seed  uint64  `json:"seed"`
}

// figureNames in the order of the table.
var figureNames = []string{"category_accuracy", "parse_f1", "wrong_critical", "pair_precision", "pair_recall", "cluster_precision", "cluster_recall"}

// Worst summarises the figures of several seeds.
func Worst(figures []Figures) Summary {
	s := Summary{Seeds: len(figures), Worst: map[string]map[string]Extreme{}}
	for _, f := range figures {
		if f.Holds() == nil {
			s.Holding++
		} else {
			s.Failing = append(s.Failing, f.Seed)
		}
		s.Faults += f.Rows.Faults
		s.FaultsMissed += f.Rows.Faults - f.Rows.Right
		s.CleanRejected += f.Rows.CleanRejected
		for _, g := range Groups {
			m, p, sc := f.Pairs[g], f.Parse[g], f.Score[g]
			s.Twins += m.Twins
			s.TwinsMerged += max(m.TwinsCalled, m.TwinsClustered)
			at := s.Worst[g]
			if at == nil {
				at = map[string]Extreme{}
				s.Worst[g] = at
			}
			for name, v := range map[string]float64{
				"category_accuracy": sc.CategoryAccuracy, "parse_f1": sc.ParseF1, "wrong_critical": float64(p.WrongCritical),
				"pair_precision": sc.PairPrecision, "pair_recall": sc.PairRecall,
				"cluster_precision": sc.ClusterPrecision, "cluster_recall": sc.ClusterRecall,
			} {
				old, ok := at[name]
				worse := v < old.Value
				if name == "wrong_critical" {
					worse = v > old.Value
				}
				if !ok || worse {
					at[name] = Extreme{math.Round(v*1e4) / 1e4, f.Seed}
				}
			}
		}
	}
	return s
}

// Text is the table of the worst figures; each has its seed behind it.
func (s Summary) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Worst of %d seeds; %d hold every promise", s.Seeds, s.Holding)
	if len(s.Failing) > 0 {
		fmt.Fprintf(&b, ", not %v", s.Failing)
	}
	fmt.Fprintf(&b, "\nRows: %d of %d seeded faults missed, %d clean rows rejected. Near twins: %d of %d merged.\n\n",
		s.FaultsMissed, s.Faults, s.CleanRejected, s.TwinsMerged, s.Twins)
	fmt.Fprintf(&b, "%-10s", "")
	for _, n := range figureNames {
		fmt.Fprintf(&b, " %18s", strings.ReplaceAll(n, "_", " "))
	}
	b.WriteByte('\n')
	for _, g := range Groups {
		fmt.Fprintf(&b, "%-10s", g)
		for _, n := range figureNames {
			e := s.Worst[g][n]
			v := fmt.Sprintf("%.3f", e.Value)
			if n == "wrong_critical" {
				v = fmt.Sprintf("%.0f", e.Value)
			}
			fmt.Fprintf(&b, " %18s", fmt.Sprintf("%s (%d)", v, e.Seed))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// JSON is the summary as one line.
func (s Summary) JSON() string {
	b, err := json.Marshal(s)
	if err != nil {
		return fmt.Sprintf(`{"error":%q}`, err)
	}
	return string(b)
}
