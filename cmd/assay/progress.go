package main

import (
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progress is a bar on a terminal for work of more than two seconds, and
// silence everywhere else.
type progress struct {
	bar   *progressbar.ProgressBar
	w     io.Writer
	total int64
	what  string
	start time.Time
	done  int64
	on    bool
	bytes bool
}

// patience is how long a command may be silent on a terminal.
const patience = 2 * time.Second

// startProgress prepares a bar of total bytes; total -1 is "unknown".
func (c *cli) startProgress(what string, total int64) *progress {
	return &progress{w: c.stderr, total: total, what: what, start: time.Now(), on: terminal(c.stderr) && !c.quiet, bytes: true}
}

// Stage counts things other than bytes from now on, such as shards or items;
// total -1 is "unknown".
func (p *progress) Stage(what string, done, total int) {
	if p.what != what {
		p.Done()
		p.bar, p.what, p.bytes = nil, what, false
	}
	p.total = int64(total)
	p.Set(int64(done))
}

// Set moves the bar to n units. It is not safe for concurrent use.
func (p *progress) Set(n int64) {
	p.done = n
	if !p.on || time.Since(p.start) < patience {
		return
	}
	if p.bar == nil {
		p.bar = progressbar.NewOptions64(p.total,
			progressbar.OptionSetWriter(p.w),
			progressbar.OptionSetDescription(p.what),
			progressbar.OptionShowBytes(p.bytes),
			progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionClearOnFinish(),
		)
		_ = p.bar.Set64(p.done) // a bar that cannot be drawn is no reason to stop
		return
	}
	_ = p.bar.Set64(n)
}

// Done removes the bar.
func (p *progress) Done() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
}
