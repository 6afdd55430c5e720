package app

import (
	"context"
	"errors"
	"testing"
)

func TestFirst(t *testing.T) {
	calls := 0
	get := First(func(context.Context) (int, error) {
		if calls++; calls == 1 {
			return 0, errors.New("not yet")
		}
		return calls, nil
	})
	ctx := context.Background()
	if _, err := get(ctx); err == nil {
		t.Error("the error is lost")
	}
	for range 2 {
		if v, err := get(ctx); v != 2 || err != nil {
			t.Errorf("%d, %v", v, err)
		}
	}
}
