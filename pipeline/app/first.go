package app

import (
	"context"
	"fmt"
	"os"
	"sync"
)

// Check ends the process where its configuration has a mistake: a function says
// so before it takes any event.
func Check(environ []string, dir string) {
	if _, err := ReadConfig(environ, dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// First returns what build makes, once, when it is first asked for. Functions
// build their handlers so: connecting to the store takes longer than all else
// that a process does before its first event, and one that fails is tried again
// with the next event instead of ending the process.
func First[H any](build func(ctx context.Context) (H, error)) func(ctx context.Context) (H, error) {
	var mu sync.Mutex
	var built bool
	var h H
	return func(ctx context.Context) (H, error) {
		mu.Lock()
		defer mu.Unlock()
		if built {
			return h, nil
		}
		made, err := build(ctx)
		if err != nil {
			return made, err
		}
		h, built = made, true
		return h, nil
	}
}
