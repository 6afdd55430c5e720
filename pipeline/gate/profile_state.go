package gate

import (
	"github.com/assay-pipeline/assay/pipeline/stats"
)

// A profileState is a profiler as data.
type profileState struct {
	Rows   int64             `json:"rows"`
	Fields []fieldStateData  `json:"fields"`
	Seen   int64             `json:"seen"`
	Sample []sampledRowState `json:"sample"`
}

type fieldStateData struct {
	Rows   int64   `json:"rows"`
	Nulls  int64   `json:"nulls"`
	Bad    int64   `json:"bad"`
	Has    bool    `json:"has,omitempty"`
	Min    int64   `json:"min,omitempty"`
	Max    int64   `json:"max,omitempty"`
	FMin   float64 `json:"fmin,omitempty"`
	FMax   float64 `json:"fmax,omitempty"`
	Lens   bool    `json:"lens,omitempty"`
	MinLen int64   `json:"min_len,omitempty"`
	MaxLen int64   `json:"max_len,omitempty"`

	Distinct stats.Distinct `json:"distinct,omitzero"`
	Sketch   stats.Sketch   `json:"sketch,omitzero"`
}

type sampledRowState struct {
	ID  uint64 `json:"id"`
	Row []byte `json:"row"`
}

func (p *profiler) state() *profileState {
	out := &profileState{Rows: p.rows, Seen: p.sample.Seen()}
	for _, f := range p.fields {
		out.Fields = append(out.Fields, fieldStateData{f.rows, f.nulls, f.bad, f.seen, f.min, f.max, f.fmin, f.fmax, f.lens, f.minLen, f.maxLen, f.distinct, f.sketch})
	}
	for _, e := range p.sample.Entries() {
		out.Sample = append(out.Sample, sampledRowState{e.ID, []byte(e.Value)})
	}
	return out
}

// profiler is the state as a profiler of g, which merges into another.
func (st *profileState) profiler(g *Gate) *profiler {
	p := newProfiler(g)
	p.rows = st.Rows
	for i, f := range st.Fields {
		if i < len(p.fields) {
			p.fields[i] = fieldState{rows: f.Rows, nulls: f.Nulls, bad: f.Bad, seen: f.Has, min: f.Min, max: f.Max,
				fmin: f.FMin, fmax: f.FMax, lens: f.Lens, minLen: f.MinLen, maxLen: f.MaxLen,
				distinct: f.Distinct, sketch: f.Sketch}
		}
	}
	entries := make([]stats.Entry[string], len(st.Sample))
	for i, e := range st.Sample {
		entries[i] = stats.Entry[string]{ID: e.ID, Value: string(e.Row)}
	}
	p.sample = stats.BottomOf(sampleRows, st.Seen, entries)
	return p
}
