//go:build unix && !linux

package localrt

import (
	"os"
	"runtime"
	"syscall"
)

// peakOf is the peak of an ended process's resident memory in bytes. Linux has
// another file: there the figure begins with that of the process that started
// this one (setmax_mm_hiwater_rss in exec), so the living are asked instead.
func peakOf(s *os.ProcessState) int64 {
	if s == nil {
		return 0
	}
	u, ok := s.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		return u.Maxrss // bytes there, kilobytes elsewhere
	}
	return u.Maxrss << 10
}
