package flow

import "time"

// SetWall sets the clock by which the leases of in run out.
func (in *Ingest) SetWall(clock func() time.Time) { in.wall = clock }
