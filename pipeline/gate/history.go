package gate

import (
	"fmt"
	"time"

	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/stats"
)

// minDrift is how many sampled rows a distribution needs on either side to be
// compared.
const minDrift = 100

// overTime judges the rules that need a clock or earlier batches: it returns
// what was measured, whether the rule holds, and why it is not judged, if so.
func (r *run) overTime(t *threshold, p *Profile) (detail string, holds bool, unjudged string) {
	k := t.spec
	switch k.Metric {
	case "freshness":
		return r.freshness(k, p)
	case "volume":
		past := r.opt.past(k.Window)
		if len(past) == 0 {
			return "", false, "there are no earlier batches"
		}
		var sum int64
		for _, h := range past {
			sum += h.Rows
		}
		mean := float64(sum) / float64(len(past))
		rows := float64(p.Rows)
		detail = fmt.Sprintf("%d rows, the last %d batches had %.6g on average", p.Rows, len(past), mean)
		return detail, rows >= mean*(1-k.Tolerance) && rows <= mean*(1+k.Tolerance), ""
	case "drift":
		return r.drift(k, p)
	}
	return "", false, notHere(k)
}

func (r *run) freshness(k *contract.Check, p *Profile) (string, bool, string) {
	if r.opt.Now == nil {
		return "", false, "no clock was given"
	}
	newest := r.opt.EventTime
	if k.Field != "" {
		newest = time.Time{}
		for i, f := range r.g.fields {
			if f.spec.Name != k.Field || !r.prof.fields[i].seen {
				continue
			}
			switch f.typ {
			case contract.Timestamp:
				newest = time.UnixMicro(r.prof.fields[i].max).UTC()
			case contract.Date:
				newest = time.Unix(r.prof.fields[i].max*86400, 0).UTC()
			}
		}
	}
	if newest.IsZero() {
		return "", false, "there is no time to judge by"
	}
	age := r.opt.Now().Sub(newest)
	return fmt.Sprintf("the newest is %s old", age.Round(time.Second)), age <= k.MaxAge, ""
}

func (r *run) drift(k *contract.Check, p *Profile) (string, bool, string) {
	past := r.opt.past(k.Window)
	now := p.field(k.Field)
	if now == nil {
		return "", false, "there is no such column"
	}
	var before []*FieldProfile
	for _, h := range past {
		if f := h.field(k.Field); f != nil && f.Type == now.Type && h.Sampled > 0 {
			before = append(before, f)
		}
	}
	index, n, m := driftIndex(before, now)
	if n < minDrift || m < minDrift {
		return "", false, fmt.Sprintf("needs %d sampled values now and before, there are %d and %d", minDrift, m, n)
	}
	return fmt.Sprintf("population stability index %.3f against %d batches", index, len(before)), index <= k.Tolerance, ""
}

// driftIndex is the population stability index of a column against the batches
// before it: over deciles of what was before where there are histograms, over
// the most frequent values where there are none.
func driftIndex(before []*FieldProfile, now *FieldProfile) (index float64, n, m int) {
	if now.Histogram != nil {
		var hs []stats.Histogram
		for _, f := range before {
			if f.Histogram != nil {
				hs = append(hs, *f.Histogram)
			}
		}
		return stats.HistogramPSI(hs, *now.Histogram, 10)
	}
	was, is := map[string]int{}, map[string]int{}
	for _, f := range before {
		for _, t := range f.Top {
			was[t.Value] += t.Count
			n += t.Count
		}
	}
	for _, t := range now.Top {
		is[t.Value] += t.Count
		m += t.Count
	}
	return stats.CategoryPSI(was, is), n, m
}

func (p *Profile) field(name string) *FieldProfile {
	for i := range p.Fields {
		if p.Fields[i].Field == name {
			return &p.Fields[i]
		}
	}
	return nil
}

// past is the last n profiles of History.
func (o Options) past(n int) []*Profile {
	if n <= 0 || n > len(o.History) {
		n = len(o.History)
	}
	return o.History[len(o.History)-n:]
}
