package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
)

// The committed cases are what the generator writes.
func TestFresh(t *testing.T) {
	files, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join("..", "golden", name))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("golden/%s is not what the generator writes: go run ./evals/gen", name)
		}
	}
}
