package app

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// owner names this process in leases: host, process id, and a random part,
// since process ids come again.
var owner = sync.OnceValue(func() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails, by its documentation
	return hostname() + "/" + strconv.Itoa(os.Getpid()) + "/" + hex.EncodeToString(b[:])
})

func hostname() string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		return "localhost"
	}
	return strings.ReplaceAll(host, "/", "_")
}

// ownerDead reports that an owner of a lease was a process of this machine that
// has ended. What cannot be told is not dead: its lease ends by itself.
func ownerDead(name string) bool {
	parts := strings.Split(name, "/")
	if len(parts) != 3 || parts[0] != hostname() {
		return false
	}
	pid, err := strconv.Atoi(parts[1])
	if err != nil || pid <= 0 {
		return false
	}
	if pid == os.Getpid() {
		return name != owner() // an earlier process had our id
	}
	p, err := os.FindProcess(pid)
	if err != nil {
		return true // Windows: no such process
	}
	err = p.Signal(syscall.Signal(0))
	return errors.Is(err, os.ErrProcessDone) || errors.Is(err, syscall.ESRCH)
}
