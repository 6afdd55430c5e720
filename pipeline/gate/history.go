package gate

import (
	"fmt"
	"time"

	"github.com/assay-pipeline/assay/pipeline/contract"
)

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
