package flow

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
)

// LeaseFor is how long a lease lasts without being renewed, where nobody waits
// for it.
const LeaseFor = 2 * time.Minute

// FeedLeaseFor is how long the lease of a feed lasts without being renewed: short,
// since what was delivered to a process that was killed waits that long. A process
// that lives and was paused for longer has lost its feed, and finds out before it
// publishes or decides anything (see stillHeld).
const FeedLeaseFor = 20 * time.Second

// lease takes a feed for this process and keeps it until the returned function
// is called. Renewal runs beside the work and uses the same clock. What is done
// under the lease gets the returned context, by which stillHeld knows it.
func (in *Ingest) lease(ctx context.Context, feed string) (under context.Context, release func(), err error) {
	h := &hold{name: "feed/" + feed, lasts: FeedLeaseFor, clock: in.wall}
	if h.clock == nil {
		h.clock = time.Now
	}
	release, err = holdLeaseFor(ctx, in.Store, in.Log, in.Now, h.name, in.Owner, FeedLeaseFor, h)
	if err != nil {
		return ctx, nil, err
	}
	return context.WithValue(ctx, holdKey{}, h), release, nil
}

// alone takes the lease of something that one process does at a time, and that
// none waits for.
func (in *Ingest) alone(ctx context.Context, name string) (release func(), err error) {
	return holdLease(ctx, in.Store, in.Log, in.Now, name, in.Owner)
}

// A hold is a lease as its holder sees it. It goes by the clock of the machine,
// pauses of the machine included: a lease runs out by that, whatever day a test
// or a replay takes it to be.
type hold struct {
	name  string
	lasts time.Duration
	clock func() time.Time
	since atomic.Int64 // nanoseconds at the start of the last renewal; 0: another process has it
}

type holdKey struct{}

// wall is the time in nanoseconds; a monotonic clock may stand still while the
// machine does.
func (h *hold) wall() int64 { return h.clock().Round(0).UnixNano() }

// stillHeld says whether the lease that ctx stands under may have passed to
// another process meanwhile; without one it says nothing. A quarter of the lease
// is kept as the margin for clocks that differ. Whoever publishes first reads the
// manifest that it builds on, then asks here, then swaps on the condition that the
// manifest is still that one: what another process published before is seen, and
// what it publishes after fails the swap. Error: locked.
func stillHeld(ctx context.Context) error {
	h, ok := ctx.Value(holdKey{}).(*hold)
	if !ok {
		return nil
	}
	since := h.since.Load()
	if age := time.Duration(h.wall() - since); since == 0 || age > h.lasts*3/4 {
		return pipeline.Errorf(pipeline.CodeLocked, "lease %s was not renewed in time, so another process may have it", h.name).
			WithHint("try again: what was begun is found and finished, or begun anew")
	}
	return nil
}

func holdLease(ctx context.Context, l Leases, log *slog.Logger, now func() time.Time, name, owner string) (func(), error) {
	return holdLeaseFor(ctx, l, log, now, name, owner, LeaseFor, nil)
}

// holdLeaseFor takes a lease that lasts so long without being renewed, and tells h,
// where not nil, what becomes of it.
func holdLeaseFor(ctx context.Context, l Leases, log *slog.Logger, now func() time.Time, name, owner string, lasts time.Duration, h *hold) (func(), error) {
	take := func(ctx context.Context) error {
		t := now()
		if h == nil {
			return l.Acquire(ctx, name, owner, t, t.Add(lasts))
		}
		began := h.wall()
		err := l.Acquire(ctx, name, owner, t, t.Add(lasts))
		switch {
		case err == nil:
			h.since.Store(began)
		case pipeline.ErrorCode(err) == pipeline.CodeLocked:
			h.since.Store(0)
		}
		return err
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
