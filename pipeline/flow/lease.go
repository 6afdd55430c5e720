package flow

import (
	"context"
	"log/slog"
	"time"
)

// LeaseFor is how long a feed's lease lasts without being renewed: longer than
// any pause of a living process, short enough that a killed one does not stop
// its feed for long.
const LeaseFor = 2 * time.Minute

// lease takes name for this process and keeps it until the returned function
// is called. Renewal runs beside the work and uses the same clock.
func (in *Ingest) lease(ctx context.Context, name string) (release func(), err error) {
	return holdLease(ctx, in.Store, in.Log, in.Now, name, in.Owner)
}

func holdLease(ctx context.Context, l Leases, log *slog.Logger, now func() time.Time, name, owner string) (func(), error) {
	return holdLeaseFor(ctx, l, log, now, name, owner, LeaseFor)
}

// holdLeaseFor takes a lease that lasts so long without being renewed.
func holdLeaseFor(ctx context.Context, l Leases, log *slog.Logger, now func() time.Time, name, owner string, lasts time.Duration) (func(), error) {
	take := func(ctx context.Context) error {
		t := now()
		return l.Acquire(ctx, name, owner, t, t.Add(lasts))
	}
	if err := take(ctx); err != nil {
		return nil, err
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(lasts / 4)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-ctx.Done():
				return
			case <-tick.C:
				if err := take(ctx); err != nil {
					log.Warn("lease not renewed", "lease", name, "error", err)
				}
			}
		}
	}()
	return func() {
		close(stop)
		<-stopped
		// A cancelled run still gives its lease back, so that the next one need
		// not wait for it to expire.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		if err := l.Release(ctx, name, owner); err != nil {
			log.Warn("lease not released", "lease", name, "error", err)
		}
	}, nil
}
