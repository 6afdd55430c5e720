package pipeline

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// A Code says what kind of thing went wrong. Every surface of the program
// translates it by one of the tables below and by nothing else: exit codes of
// the command line, HTTP statuses of the API, retries of the functions.
type Code string

const (
	// CodeInvalid: the request, contract, file or configuration is wrong, and
	// asking again without a change cannot help.
	CodeInvalid Code = "invalid"
	// CodeNotFound: what was named does not exist.
	CodeNotFound Code = "not_found"
	// CodeConflict: someone else changed the thing meanwhile (a conditional
	// write lost, a decision was already made).
	CodeConflict Code = "conflict"
	// CodeLocked: a lease is held by another run; it ends by itself.
	CodeLocked Code = "locked"
	// CodeUnavailable: a backend could not be reached. Never to be read as an
	// answer: "could not look" is not "found nothing".
	CodeUnavailable Code = "unavailable"
	// CodeUnauthorized: no valid credential came with the request.
	CodeUnauthorized Code = "unauthorized"
	// CodeDenied: the credential is valid and does not allow this.
	CodeDenied Code = "denied"
	// CodeLimit: a configured limit (size, budget, rate) was reached.
	CodeLimit Code = "limit"
	// CodeCorrupt: stored data contradicts its own checksum or schema.
	CodeCorrupt Code = "corrupt"
	// CodeCanceled: the caller gave up.
	CodeCanceled Code = "canceled"
	// CodeInternal: a fault of this program. The code of every foreign error.
	CodeInternal Code = "internal"
)

// codes is the one table from a code to what each surface makes of it.
var codes = map[Code]struct {
	http  int
	exit  int
	retry bool
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
}

// HTTPStatus is the status of an API response that fails with c.
func (c Code) HTTPStatus() int {
	if row, ok := codes[c]; ok {
		return row.http
	}
	return codes[CodeInternal].http
}

// ExitCode is the exit code of a command that fails with c: 2 for what cannot
// be judged (wrong use, contract, configuration), 3 for what could not be
// reached and may be tried again.
func (c Code) ExitCode() int {
	if row, ok := codes[c]; ok {
		return row.exit
	}
	return codes[CodeInternal].exit
}

// Retryable reports whether a function should let its event be redelivered.
func (c Code) Retryable() bool {
	if row, ok := codes[c]; ok {
		return row.retry
	}
	return codes[CodeInternal].retry
}

// Error is the error that crosses rooms. Message says what is wrong and where
// (file, line, field); Hint says what to do about it. Err is the cause, for
// the operator's log and for errors.Is; it is not shown to API clients.
type Error struct {
	Code    Code
	Message string
	Hint    string
	Err     error
}

// Errorf makes an *Error. A %w verb keeps its operand as the cause, as in
// fmt.Errorf.
func Errorf(code Code, format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: code, Message: err.Error(), Err: errors.Unwrap(err)}
}

// WithHint returns e with a hint; it modifies and returns its receiver.
func (e *Error) WithHint(format string, args ...any) *Error {
	e.Hint = fmt.Sprintf(format, args...)
	return e
}

// Error is one line: the message, and the hint where there is one.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Message)
	if e.Message == "" {
		b.WriteString(string(e.Code))
	}
	if e.Hint != "" {
		b.WriteString(" (")
		b.WriteString(e.Hint)
		b.WriteString(")")
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// ErrorCode returns the code of the first *Error in err's chain. The nil error
// has the empty code, a cancelled or timed-out context has its own, and every
// foreign error is internal.
func ErrorCode(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	switch {
	case errors.Is(err, context.Canceled):
		return CodeCanceled
	case errors.Is(err, context.DeadlineExceeded):
		return CodeUnavailable
	}
	return CodeInternal
}

// ErrorMessage is what a client may be told of err: message and hint of an
// *Error, and no more than "internal error" of anything else.
func ErrorMessage(err error) string {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Error()
	}
	return "internal error"
}
