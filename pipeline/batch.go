package pipeline

// A Verdict says what is true of a batch. What happens to it is a Decision.
type Verdict string

const (
	// Passed: every check held.
	Passed Verdict = "passed"
	// Warned: only checks of severity warning failed.
	Warned Verdict = "warned"
	// Failed: a check of severity error failed, even if only for some rows.
	Failed Verdict = "failed"
	// VerdictError: the batch could not be judged.
	VerdictError Verdict = "error"
)

// A Decision says what happens to a batch.
type Decision string

const (
	// Publish: every row goes to the curated zone.
	Publish Decision = "publish"
	// PublishAccepted: the accepted rows go to the curated zone, the rejects
	// to quarantine.
	PublishAccepted Decision = "publish_accepted"
	// Hold: nothing is published; the batch is kept and can be replayed.
	Hold Decision = "hold"
)

// Published reports whether d moves rows into the curated zone.
func (d Decision) Published() bool { return d == Publish || d == PublishAccepted }

// Rows are the counts of one batch. Read = Accepted + Rejected, always: the
// first promise of the pipeline.
type Rows struct {
	Read     int64 `json:"read"`
	Accepted int64 `json:"accepted"`
	Rejected int64 `json:"rejected"`
}

// Add merges the counts of two parts of one batch.
func (r Rows) Add(o Rows) Rows {
	return Rows{r.Read + o.Read, r.Accepted + o.Accepted, r.Rejected + o.Rejected}
}

// Balanced reports whether every row that was read is accounted for.
func (r Rows) Balanced() bool { return r.Read == r.Accepted+r.Rejected }
