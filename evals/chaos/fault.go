package chaos

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/assay-pipeline/assay/pipeline/contract"
)

// Strengths of a fault, weakest first.
var Strengths = [3]string{"weak", "medium", "strong"}

const strongest = len(Strengths) - 1

// A Detector is what must notice a fault.
type Detector struct {
	// Rule is the rule of a check as reports name it (required, type, enum,
	// drift, volume, present …), or one of these:
	//   readable    the batch cannot be judged (verdict error)
	//   redelivery  the ledger knows the content
	//   overdue     no batch came when one was due: the service level frequency,
	//               or the limit of the breaker on the feed's age
	//   none        the fault is harmless, and nothing may change
	Rule  string
	Field string
}

// String is the name in reports: FIELD.RULE.
func (d Detector) String() string {
	if d.Field == "" {
		return d.Rule
	}
	return d.Field + "." + d.Rule
}

// Rules with a meaning of their own.
const (
	Readable   = "readable"
	Redelivery = "redelivery"
	Overdue    = "overdue"
	None       = "none"
)

// A Fault is one way in which deliveries go wrong. Its functions change what
// they are given; level is 0 to 2, from weak to strong, and all randomness comes
// from d. A fault sets Rows, File or Delay, or several.
type Fault struct {
	Name string
	// Column that it is about, "" for the whole batch.
	Column string
	// Levels says in words how strong each level is.
	Levels [3]string
	// Detectors that must notice; the first is named in the report, each of the
	// others counts as it (a rule that says the same in other words).
	Detectors []Detector
	// Rows changes the rows of a batch and returns how many it damaged.
	Rows func(level int, t *Table, d *rand.Rand) int
	// File changes the written file, and its name.
	File func(level int, name string, b []byte, d *rand.Rand) (string, []byte)
	// Delay is how much later than due the batch comes.
	Delay func(level int, cadence time.Duration) time.Duration
	// Again delivers the same file a second time under another name; only the
	// second delivery is judged by the detectors.
	Again func(level int, t *Table, d *rand.Rand)
	// Clause is what a contract lacks that does not notice; nil for none.
	Clause func(doc *contract.Document, feed string) error
}

// harmless reports whether nothing may happen.
func (f *Fault) harmless() bool { return len(f.Detectors) > 0 && f.Detectors[0].Rule == None }

// A Skipped fault is one that this feed cannot have.
type Skipped struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// Results of an experiment.
const (
	Named  = "named"  // found by the named detector
	Other  = "other"  // found by another
	Missed = "missed" // found by nothing
)

// An Experiment is one fault at one strength, and what became of it.
type Experiment struct {
	Name     string `json:"name"`
	Column   string `json:"column,omitempty"`
	Strength string `json:"strength"`
	Level    string `json:"level"`
	// Expected was named before the experiment ran.
	Expected   string `json:"expected_detector"`
	DetectedBy string `json:"detected_by"`
	Detected   bool   `json:"detected"`
	Outcome    string `json:"outcome"`
	// Latency counts the faulty batches that passed before one was noticed.
	Latency int `json:"latency_batches"`
	// Decision on the batch in which it was noticed, or on the last one.
	Decision string `json:"decision"`
	// Damaged rows of the first faulty batch, and how many of them consumers
	// would have read.
	Damaged  int64  `json:"damaged_rows"`
	Read     int64  `json:"damaged_rows_read"`
	Consumer string `json:"consumer"`
	// Recovery of the breaker, for the strongest form.
	Recovery *Recovery `json:"recovery,omitempty"`
	Seconds  float64   `json:"seconds"`
}

// A Recovery is how the breaker came back once good batches came again.
type Recovery struct {
	// Path of positions, from the fault to the end.
	Path []string `json:"path"`
	// Batches are the good ones that it took until it was closed; Held are those
	// of them that were held on the way.
	Batches int  `json:"batches"`
	Held    int  `json:"held"`
	Closed  bool `json:"closed"`
	// Faulty are the faulty batches that were kept back for a person.
	Faulty int `json:"faulty_held"`
}

// A Source gives the good batches of a feed, the newest first.
type Source interface {
	// Good opens up to n landed files of published batches. Error: not_found
	// where the feed has none.
	Good(ctx context.Context, feed string, n int) ([]Batch, error)
}
