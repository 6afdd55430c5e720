// Command assay is the whole pipeline on one machine: it judges files against
// data contracts, publishes what is good, explains what is not, reads item
// descriptions into typed records, and names duplicates.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	c := &cli{stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, environ: os.Environ()}
	code := c.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}
