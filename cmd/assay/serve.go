package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/app/serve"
	"github.com/assay-pipeline/assay/pipeline/httpapi"
)

func (c *cli) serveCommand() *cobra.Command {
	var addr, as string
	var mock bool
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve the pages and the HTTP API on this machine",
		Long: `Serve the pages (open the address in a browser: feeds, batches, review, items,
evals) and the HTTP API: check items before they are created, search, review,
look at feeds and batches, move breakers, validate rows. GET /openapi.yaml says
what there is.

It listens on loopback alone, where whoever reaches it may do everything in the
name of the user of the machine (--as); a page in a browser may not. With
ASSAY_API_ISSUER and ASSAY_API_AUDIENCE it asks for a token of that issuer, with
the scopes that the document names, and --addr may be any; TLS is for a proxy
before it. The address is printed when it listens; port 0 takes a free one. An
interrupt lets running requests end.

Contracts that change in their folder or registry count from the next request
on, two seconds later at most.`,
		Example: `  assay serve
  assay serve --mock
  curl -s localhost:8787/v1/search --get --data-urlencode 'q=washer thread=M10'`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.serve(cmd.Context(), addr, as, mock)
		},
	}
	cmd.Flags().StringVar(&addr, "addr", "127.0.0.1:8787", "the address to listen on")
	cmd.Flags().BoolVar(&mock, "mock", false, "answer with the examples of the document; needs no project (Prefer: code=503 chooses another answer)")
	cmd.Flags().StringVar(&as, "as", whoami(), "in whose name decisions are recorded")
	return cmd
}

// shutdown is how long running requests may take after an interrupt.
const shutdown = 30 * time.Second

func (c *cli) serve(ctx context.Context, addr, as string, mock bool) error {
	cfg, err := app.ReadConfig(c.environ, c.dir)
	if err != nil {
		return err
	}
	clock, err := c.clock()
	if err != nil {
		return err
	}
	log := c.logger(cfg)
	if c.json() && cfg.Log != "off" && cfg.Log != "" {
		log = app.FunctionLog(c.stderr)
	}
	a := app.Open(cfg, app.Options{Now: clock, Log: log, Stdout: c.stdout, Stderr: c.stderr, Version: version, Trace: c.trace})
	defer a.Close()
	auth, err := serve.TokenVerifier(a)
	if err != nil {
		return err
	}
	local := auth == nil
	if local {
		if err := httpapi.LoopbackAddr(addr); err != nil {
			return err
		}
		auth = httpapi.Local{Subject: as}
	}
	var h http.Handler
	var fail func(http.ResponseWriter, *http.Request, error)
	if mock {
		m, err := httpapi.NewMock(httpapi.Options{Authenticator: auth, Version: version, Now: clock, Log: log})
		if err != nil {
			return err
		}
		h, fail = m, m.Fail
	} else {
		p, err := serve.Pages(ctx, a, auth)
		if err != nil {
			return err
		}
		h, fail = serve.Fresh(a, p), p.Fail
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return pipeline.Errorf(pipeline.CodeUnavailable, "cannot listen on %s: %w", addr, err).WithHint("another program may; --addr takes another port")
	}
	if local {
		h = httpapi.Loopback(h, fail)
	}
	return c.listen(ctx, l, h, log)
}

// listen answers on l until ctx ends, and then until what runs has ended.
func (c *cli) listen(ctx context.Context, l net.Listener, h http.Handler, log *slog.Logger) error {
	srv := &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, WriteTimeout: time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	url := "http://" + l.Addr().String()
	if c.json() {
		if err := c.printLine(map[string]any{"schema_version": 1, "url": url}); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(c.stdout, "serving %s\n", url)
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	select {
	case err := <-failed:
		return pipeline.Errorf(pipeline.CodeUnavailable, "the server stopped: %w", err)
	case <-ctx.Done():
	}
	// The context has ended, and those who are being answered get their time.
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdown)
	defer cancel()
	if err := srv.Shutdown(end); err != nil {
		return pipeline.Errorf(pipeline.CodeUnavailable, "requests were cut off: %w", err)
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return pipeline.Errorf(pipeline.CodeUnavailable, "the server stopped: %w", err)
	}
	if !c.json() {
		fmt.Fprintln(c.stdout, "stopped")
	}
	return nil
}
