package gate

import (
	"slices"

	"github.com/assay-pipeline/assay/pipeline/contract"
)

// A service is one service level: judged with every batch where there is a
// ledger to judge it by. A broken promise is a warning: holding the batch would
// only make it later.
type service struct {
	rule int
	spec *contract.SLA
}

// ledgerProperties are those that a ledger answers.
var ledgerProperties = []string{"latency", "frequency", "retention", "availability"}

func (c *compiler) service(s *contract.SLA) {
	if !slices.Contains(ledgerProperties, s.Property) {
		return
	}
	i := c.rule(rule{id: "sla." + s.Property, name: s.Property, severity: contract.SeverityWarning, onFail: contract.Warn,
		dimension: "timeliness", batch: true, want: s.Judge(contract.Facts{}).Expected})
	c.g.services = append(c.g.services, service{i, s})
}

// serviceLevels judges the promises of the contract about when batches come.
func (r *run) serviceLevels(rep *Report) {
	for _, s := range r.g.services {
		c := &rep.Checks[s.rule]
		if r.opt.Ledger == nil {
			c.Result, c.Detail = ResultNotJudged, "there is no ledger here"
			continue
		}
		res := s.spec.Judge(*r.opt.Ledger)
		if res.Unjudged != "" {
			c.Result, c.Detail = ResultNotJudged, res.Unjudged
			continue
		}
		c.Evaluated, c.Detail = 1, res.Detail
		if !res.Holds {
			c.Failed = 1
		}
		c.settle(!res.Holds)
	}
}
