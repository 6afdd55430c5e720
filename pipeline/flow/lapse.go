package flow

import "time"

// Kinds of a lapse.
const (
	// LapseSchedule: nothing came by a due moment of the cron schedule.
	LapseSchedule = "schedule"
	// LapseFrequency: nothing came for longer than the frequency.
	LapseFrequency = "frequency"
	// LapseFreshness: what is published is older than the breaker's limit.
	LapseFreshness = "freshness"
	// LapseVolume: what came in a period has too few or too many rows.
	LapseVolume = "volume"
	// LapseAvailability and LapseLatency: a service level over past batches.
	LapseAvailability = "availability"
	LapseLatency      = "latency"
	LapseRetention    = "retention"
)

// A Lapse is a promise of a feed that was not kept.
type Lapse struct {
	Kind string `json:"kind"`
	// Due is when it should have been kept.
	Due time.Time `json:"due"`
	// Expected says what was promised, Detail what was found.
	Expected string `json:"expected"`
	Detail   string `json:"detail"`
}
