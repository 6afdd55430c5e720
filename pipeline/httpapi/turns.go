package httpapi

import (
	"context"
	"sync"
)

// turns have requests that change one thing wait for each other within this
// process: leases keep processes apart, and all requests of a server have the
// owner of its leases.
type turns struct {
	mu    sync.Mutex
	taken map[string]chan struct{}
}

// theCatalog is what decisions and answers change; see flow.People.
const theCatalog = "catalog"

// take waits until name is free. Error: that of ctx.
func (t *turns) take(ctx context.Context, name string) (done func(), err error) {
	for {
		t.mu.Lock()
		busy := t.taken[name]
		if busy == nil {
			if t.taken == nil {
				t.taken = map[string]chan struct{}{}
			}
			mine := make(chan struct{})
			t.taken[name] = mine
			t.mu.Unlock()
			return func() {
				t.mu.Lock()
				delete(t.taken, name)
				t.mu.Unlock()
				close(mine)
			}, nil
		}
		t.mu.Unlock()
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// inTurn runs do when name is free.
func inTurn[T any](ctx context.Context, s *Server, name string, do func() (T, error)) (T, error) {
	done, err := s.turns.take(ctx, name)
	if err != nil {
		var none T
		return none, err
	}
	defer done()
	return do()
}

// InTurn runs do when nothing else works on a feed: writes of the pages wait for
// those of the API, and they for them.
func (s *Server) InTurn(ctx context.Context, feed string, do func() error) error {
	_, err := inTurn(ctx, s, "feed/"+feed, func() (struct{}, error) { return struct{}{}, do() })
	return err
}
