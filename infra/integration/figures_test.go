package integration

import (
	"encoding/json"
	"flag"
	"os"
	"testing"
)

var figures = flag.String("figures", "", "file that the measured figures are appended to, a JSON object per line")

// figure writes what was measured where make bench-aws collects it.
func figure(t testing.TB, values map[string]any) {
	t.Helper()
	b, err := json.Marshal(values)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s", b)
	if *figures == "" {
		return
	}
	f, err := os.OpenFile(*figures, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(append(b, '\n')); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}
