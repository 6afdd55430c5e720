package pipeline

import (
	"context"
	"errors"
	"fmt"
	"testing"
)

func TestEveryCodeHasItsTableRow(t *testing.T) {
	for code, want := range map[Code]struct {
		http, exit int
		retry      bool
	}{
		CodeInvalid:      {400, 2, false},
		CodeNotFound:     {404, 2, false},
		CodeConflict:     {409, 3, true},
		CodeLocked:       {423, 3, true},
		CodeUnavailable:  {503, 3, true},
		CodeUnauthorized: {401, 2, false},
		CodeDenied:       {403, 2, false},
		CodeLimit:        {429, 3, true},
		CodeCorrupt:      {500, 2, false},
		CodeCanceled:     {499, 3, true},
		CodeInternal:     {500, 2, true},
		"never heard of": {500, 2, true},
	} {
		if got := code.HTTPStatus(); got != want.http {
			t.Errorf("%s: HTTP %d, want %d", code, got, want.http)
		}
		if got := code.ExitCode(); got != want.exit {
			t.Errorf("%s: exit code %d, want %d", code, got, want.exit)
		}
		if got := code.Retryable(); got != want.retry {
			t.Errorf("%s: retryable %t, want %t", code, got, want.retry)
		}
	}
}

func TestErrorCode(t *testing.T) {
	cause := errors.New("disk on fire")
	known := Errorf(CodeUnavailable, "lake: %w", cause).WithHint("try again")
	for _, tc := range []struct {
		err     error
		code    Code
		message string
	}{
		{nil, "", ""},
		{known, CodeUnavailable, "lake: disk on fire (try again)"},
		{fmt.Errorf("while publishing: %w", known), CodeUnavailable, "lake: disk on fire (try again)"},
		{cause, CodeInternal, "internal error"},
		{fmt.Errorf("judging: %w", context.Canceled), CodeCanceled, "internal error"},
		{context.DeadlineExceeded, CodeUnavailable, "internal error"},
	} {
		if got := ErrorCode(tc.err); got != tc.code {
			t.Errorf("ErrorCode(%v) = %q, want %q", tc.err, got, tc.code)
		}
		if got := ErrorMessage(tc.err); got != tc.message {
			t.Errorf("ErrorMessage(%v) = %q, want %q", tc.err, got, tc.message)
		}
	}
	if !errors.Is(known, cause) {
		t.Error("the cause is lost")
	}
}
