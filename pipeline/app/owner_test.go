package app

import (
	"os"
	"os/exec"
	"strconv"
	"testing"
)

func TestOwnerDead(t *testing.T) {
	ended := exec.Command(os.Args[0], "-test.run", "^$")
	if err := ended.Run(); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]bool{
		owner(): false,
		hostname() + "/" + strconv.Itoa(ended.Process.Pid) + "/0a0b0c0d": true,
		hostname() + "/" + strconv.Itoa(os.Getpid()) + "/0a0b0c0d":       true,
		hostname() + "/" + strconv.Itoa(os.Getppid()) + "/0a0b0c0d":      false,
		"elsewhere.example/1/0a0b0c0d":                                   false,
		"a person":                                                       false,
		hostname() + "/-1/0a0b0c0d":                                      false,
	} {
		if got := ownerDead(name); got != want {
			t.Errorf("ownerDead(%q) = %t, want %t", name, got, want)
		}
	}
}
