package contract

import "time"

// ParseDuration reads a duration as contracts write it: 90s, 30m, 12h, 2d, 1w.
func ParseDuration(s string) (time.Duration, error) { return parseDuration(s) }
