package app

import (
	"io"
	"log/slog"
)

// FunctionLog is the log of a Lambda function: JSON lines that CloudWatch
// indexes. It never holds rows, texts or secrets.
func FunctionLog(w io.Writer) *slog.Logger {
	return slog.New(slog.NewJSONHandler(w, nil))
}
