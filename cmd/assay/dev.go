package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/httpapi"
	"github.com/assay-pipeline/assay/pipeline/localrt"
)

func (c *cli) devCommand() *cobra.Command {
	var addr, bin string
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run the Lambda functions here, wired as they are deployed",
		Long: `Run the functions on this machine as Lambda does, on the lake and the store of
the project (--dir), until interrupted:

  a file that lands      → ingest, as the notification of S3
  messages of the queue  → parse, as a batch of SQS
  every minute           → sweep, as the schedule
  HTTP at --addr         → api, as the HTTP API

Inside the repository the functions are built first; elsewhere --bin names a
folder with built ones (make build writes bin/NAME/bootstrap). A change of a
contract or of the knowledge starts them anew. assay run does the same work in
one process, and needs no functions.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return c.dev(cmd.Context(), addr, bin) },
	}
	cmd.Flags().StringVar(&addr, "addr", "127.0.0.1:8787", "where the API listens; loopback alone")
	cmd.Flags().StringVar(&bin, "bin", "", "folder with built functions")
	return cmd
}

// devTimeout is how long a function may take here, as long as Lambda lets any.
const devTimeout = 15 * time.Minute

// A devWorld is the functions and what lies between them.
type devWorld struct {
	c     *cli
	store app.Store
	now   func() time.Time
	log   *slog.Logger
	pools map[string]*localrt.Pool
	out   sync.Mutex // one line at a time

	mu sync.Mutex
	in *flow.Ingest // by the contracts of now
}

func (w *devWorld) ingest() *flow.Ingest {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.in
}

func (c *cli) dev(ctx context.Context, addr, bin string) error {
	if err := httpapi.LoopbackAddr(addr); err != nil {
		return err
	}
	a, err := c.open()
	if err != nil {
		return err
	}
	defer a.Close()
	if strings.HasPrefix(a.Config.Queue, "sqs:") {
		return pipeline.Errorf(pipeline.CodeInvalid, "ASSAY_QUEUE is %s, which functions in AWS work off", a.Config.Queue).WithHint("unset it to work here")
	}
	in, err := a.Ingest(ctx)
	if err != nil {
		return err
	}
	stray := c.sayStray()
	in.Still, in.Stray = flow.StandStill, stray
	clock, err := c.clock()
	if err != nil {
		return err
	}
	store, err := a.Store(ctx)
	if err != nil {
		return err
	}
	w := &devWorld{c: c, store: store, in: in, now: clock, log: c.logger(a.Config), pools: map[string]*localrt.Pool{}}
	tmp, err := os.MkdirTemp("", "assay-dev-*")
	if err != nil {
		return pipeline.Errorf(pipeline.CodeUnavailable, "%w", err)
	}
	defer os.RemoveAll(tmp)
	defer w.close()
	for name, n := range map[string]int{"ingest": 1, "parse": a.Config.Workers, "sweep": 1, "api": 2} {
		if err := w.add(ctx, name, n, bin, tmp, a.Config); err != nil {
			return err
		}
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return pipeline.Errorf(pipeline.CodeUnavailable, "cannot listen on %s: %w", addr, err).WithHint("another program may; --addr takes another port")
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var wg sync.WaitGroup
	for _, part := range []func(context.Context) error{w.landing, w.queue, w.clock, w.changes} {
		wg.Go(func() {
			if err := part(ctx); err != nil {
				stop(err)
			}
		})
	}
	gateway := &localrt.Gateway{Pool: w.pools["api"], Now: clock, Claims: map[string]string{"sub": whoami(), "scope": strings.Join(httpapi.Scopes(), " ")}}
	err = c.listen(ctx, l, httpapi.Loopback(gateway, devFail), w.log)
	stop(nil)
	wg.Wait()
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return cause
	}
	return err
}

func devFail(rw http.ResponseWriter, _ *http.Request, err error) {
	http.Error(rw, pipeline.ErrorMessage(err), pipeline.ErrorCode(err).HTTPStatus())
}

// add makes the pool of a function, building it where there is no folder of
// built ones.
func (w *devWorld) add(ctx context.Context, name string, n int, bin, tmp string, cfg app.Config) error {
	file := filepath.Join(bin, name, "bootstrap")
	var err error
	if bin == "" {
		p := w.c.startProgress("building "+name, -1)
		file, err = buildFunction(ctx, name, tmp, cfg)
		p.Done()
	} else if _, err = os.Stat(file); err != nil {
		err = pipeline.Errorf(pipeline.CodeNotFound, "%w", err).WithHint("make build writes bin/NAME/bootstrap")
	}
	if err == nil {
		file, err = filepath.Abs(file)
	}
	if err != nil {
		return err
	}
	w.pools[name] = localrt.NewPool(localrt.Function{
		Name: name, Bootstrap: file, Dir: w.c.dir, Env: functionEnv(w.c.environ), Memory: 1769, Timeout: devTimeout, Log: w.c.stderr,
	}, n)
	return nil
}

func (w *devWorld) close() {
	var wg sync.WaitGroup
	for _, p := range w.pools {
		wg.Go(p.Close)
	}
	wg.Wait()
}

// say tells of an invocation.
func (w *devWorld) say(function, what string, res localrt.Result) {
	w.out.Lock()
	defer w.out.Unlock()
	if w.c.json() {
		line := map[string]any{"schema_version": 1, "function": function, "event": what, "duration_ms": res.Duration.Milliseconds(), "memory_mb": res.Memory >> 20}
		if res.Failure != nil {
			line["failure"] = res.Failure
		}
		_ = w.c.printLine(line) // nobody listens any more
		return
	}
	end := ""
	if res.Failure != nil {
		end = "  failed: " + res.Failure.Error()
	}
	fmt.Fprintf(w.c.stdout, "%-7s %s  %d ms, %d MB%s\n", function, what, res.Duration.Milliseconds(), res.Memory>>20, end)
}

// every calls f until ctx ends. What fails is said, and again when something
// else does, and tried again.
func (w *devWorld) every(ctx context.Context, d time.Duration, f func(context.Context) error) error {
	tick := time.NewTicker(d)
	defer tick.Stop()
	said := ""
	for {
		switch err := f(ctx); {
		case ctx.Err() != nil:
			return nil //nolint:nilerr // an interrupt is how it ends
		case err == nil:
			said = ""
		case err.Error() != said:
			said = err.Error()
			fmt.Fprintf(w.c.stderr, "assay: %v; trying again\n", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// landing tells ingest of what lands, as S3 does.
func (w *devWorld) landing(ctx context.Context) error {
	return w.every(ctx, time.Second, func(ctx context.Context) error {
		landed, err := w.ingest().Scan(ctx, "")
		if err != nil {
			return err
		}
		for _, l := range landed {
			event, err := json.Marshal(map[string]any{"Records": []any{map[string]any{
				"eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "eventTime": w.now().UTC().Format(time.RFC3339Nano),
				"s3": map[string]any{"object": map[string]any{"key": url.QueryEscape(l.Key), "size": l.Size}},
			}}})
			if err != nil {
				return err
			}
			res, err := w.pools["ingest"].Invoke(ctx, event)
			if err != nil {
				return err
			}
			what := l.Key
			var out struct{ Batches []flow.Batch }
			if json.Unmarshal(res.Response, &out) == nil && len(out.Batches) > 0 {
				b := out.Batches[0]
				what = fmt.Sprintf("%s  %s  %s  %d read, %d accepted, %d rejected", l.Key, b.Stage, b.Decision, b.Rows.Read, b.Rows.Accepted, b.Rows.Rejected)
			}
			w.say("ingest", what, res)
		}
		return nil
	})
}

// queue hands messages to parse, as SQS does.
func (w *devWorld) queue(ctx context.Context) error {
	m := &localrt.Mapping{
		Queue: &storeQueue{w.store, w.now}, Pool: w.pools["parse"], ARN: "arn:aws:sqs:local:000000000000:work", Batch: 4, Partial: true, Log: w.log,
		Done: func(res localrt.Result) { w.say("parse", "messages", res) },
	}
	return m.Run(ctx)
}

// clock lets sweep look what time has moved.
func (w *devWorld) clock(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-time.After(5 * time.Second): // first what has landed already
	}
	return w.every(ctx, time.Minute, func(ctx context.Context) error {
		res, err := w.pools["sweep"].Invoke(ctx, []byte("{}"))
		if err == nil {
			w.say("sweep", "the clock", res)
		}
		return err
	})
}

// changes ends the processes when contracts or knowledge change: they read them
// when they start.
func (w *devWorld) changes(ctx context.Context) error {
	dir := filepath.Join(w.c.dir, "contracts")
	before := newest(dir)
	return w.every(ctx, time.Second, func(ctx context.Context) error {
		now := newest(dir)
		if now == before {
			return nil
		}
		a, err := w.c.open()
		if err != nil {
			return err
		}
		contracts, err := a.Contracts()
		if err != nil {
			return err
		}
		before = now
		w.mu.Lock()
		in := *w.in //nolint:govet // its sightings are shared with nobody else
		in.Contracts = contracts
		w.in = &in
		w.mu.Unlock()
		fmt.Fprintln(w.c.stderr, "assay: the contracts have changed; the functions start anew")
		w.close()
		return nil
	})
}

// newest tells one state of a folder from another.
func newest(dir string) string {
	state := ""
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error { // no folder is a state, too
		if err != nil || d.IsDir() {
			return nil //nolint:nilerr // as said
		}
		if st, err := d.Info(); err == nil {
			state += fmt.Sprintln(path, st.Size(), st.ModTime().UnixNano())
		}
		return nil
	})
	return pipeline.ContentID(state)
}

// devTopics are the messages that parse works off.
var devTopics = []string{flow.TopicParse, flow.TopicReplay, flow.TopicMatch}

// devTries is how often a message is delivered before it is dead, as the queue's
// redrive policy has it.
const devTries = 5

// A storeQueue is the queue of the store as a mapping polls it.
type storeQueue struct {
	queue flow.Queue
	now   func() time.Time
}

// Receive implements localrt.Queue.
func (q *storeQueue) Receive(ctx context.Context, n int) ([]localrt.Message, error) {
	for _, topic := range devTopics {
		now := q.now()
		ms, err := q.queue.Receive(ctx, topic, n, now, now.Add(devTimeout))
		if err != nil {
			return nil, err
		}
		var out []localrt.Message
		for _, m := range ms {
			body, err := json.Marshal(m)
			if err != nil {
				return nil, err
			}
			out = append(out, localrt.Message{ID: m.ID, Body: string(body), Received: m.Tries})
		}
		if len(out) > 0 {
			return out, nil
		}
	}
	select {
	case <-ctx.Done():
	case <-time.After(200 * time.Millisecond):
	}
	return nil, nil
}

// Delete implements localrt.Queue.
func (q *storeQueue) Delete(ctx context.Context, ms []localrt.Message) error {
	ids := make([]string, len(ms))
	for i, m := range ms {
		ids[i] = m.ID
	}
	return q.queue.Ack(ctx, ids...)
}

// Failed implements localrt.Queue.
func (q *storeQueue) Failed(ctx context.Context, ms []localrt.Message, why string) error {
	for _, m := range ms {
		if err := q.queue.Nack(ctx, m.ID, q.now().Add(2*time.Second), why, m.Received >= devTries); err != nil {
			return err
		}
	}
	return nil
}
