package app

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge"

	library "github.com/assay-pipeline/assay/contracts"
	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/embed"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/gate"
	"github.com/assay-pipeline/assay/pipeline/knowledge"
	"github.com/assay-pipeline/assay/pipeline/lake"
	"github.com/assay-pipeline/assay/pipeline/model"
	"github.com/assay-pipeline/assay/pipeline/notify"
	"github.com/assay-pipeline/assay/pipeline/parse"
)

// Options are what a process hands in beside the configuration.
type Options struct {
	Now    func() time.Time
	Log    *slog.Logger
	Stdout io.Writer // of "stdout:" events
	Stderr io.Writer // of "console:" notifications
	// Owner names the process in leases; default: by machine and process.
	Owner string
	// Function names a Lambda function in metrics and traces; Metrics is where it
	// writes those, its standard output.
	Function string
	Metrics  io.Writer
	// Version of the program.
	Version string
	// Trace is told of the steps of a commit and of the other stages; tests end
	// the process there.
	Trace func(step string)
	// SQL, where set, runs the sql rules of contracts. The functions that judge
	// hand it in; elsewhere there is one.
	SQL gate.Database
	// SQLite, where set, opens stores of SQLite in a function that makes some to
	// throw away; elsewhere there is one.
	SQLite func(ctx context.Context, path string) (Store, error)
	// Chat, where set, opens models that are none of a provider's; ok is false
	// for the others.
	Chat func(name string) (chat model.Chat, ok bool, err error)
}

// An App builds use cases from one configuration. Each backend is opened when
// first asked for and shared from then on, so that a command pays for what it
// uses. Methods are safe for concurrent use.
type App struct {
	Config  Config
	now     func() time.Time
	log     *slog.Logger
	stdout  io.Writer
	stderr  io.Writer
	owner   string
	version string
	trace   func(step string)
	sql     gate.Database
	sqlite  func(ctx context.Context, path string) (Store, error)
	chat    func(name string) (model.Chat, bool, error)
	// promptDir, where set, is a folder whose prompts go before those of the pack.
	promptDir string
	metrics   *Metrics
	tracer    *Tracer

	contracts func() (*contract.Set, error)
	seen      contractsSeen
	pack      func() (*knowledge.Pack, error)
	embedder  func() (embed.Embedder, error)

	mu     sync.Mutex
	store  Store
	lake   *lake.Lake
	events flow.Publisher
	close  []func() error
}

// Open prepares an App; it opens nothing yet.
func Open(cfg Config, opt Options) *App {
	a := &App{Config: cfg, now: opt.Now, log: opt.Log, stdout: opt.Stdout, stderr: opt.Stderr, owner: opt.Owner, version: opt.Version, trace: opt.Trace, sql: opt.SQL, sqlite: opt.SQLite, chat: opt.Chat}
	if a.now == nil {
		a.now = time.Now
	}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if ns, ok := strings.CutPrefix(cfg.Metrics, "emf:"); ok && opt.Metrics != nil {
		a.metrics = &Metrics{w: opt.Metrics, namespace: ns, function: opt.Function, now: a.now}
	}
	a.tracer = newTracer(cfg.Traces, opt.Function, a.now, a.log)
	if a.owner == "" {
		a.owner = owner()
	}
	a.contracts = sync.OnceValues(a.loadContracts)
	a.pack = sync.OnceValues(a.loadPack)
	a.embedder = sync.OnceValues(a.loadEmbedder)
	return a
}

// Version is that of the program.
func (a *App) Version() string { return a.version }

// Log is where the App's use cases log.
func (a *App) Log() *slog.Logger { return a.log }

// Now is the time by the App's clock.
func (a *App) Now() time.Time { return a.now() }

// Close releases what was opened.
func (a *App) Close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	var errs []error
	for i := len(a.close) - 1; i >= 0; i-- {
		errs = append(errs, a.close[i]())
	}
	a.close, a.store, a.lake, a.events = nil, nil, nil, nil
	return errors.Join(errs...)
}

// Lake opens the configured lake.
func (a *App) Lake() (*lake.Lake, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lake != nil {
		return a.lake, nil
	}
	d, err := a.driver()
	if err != nil {
		return nil, err
	}
	a.lake = lake.New(d, lake.Options{Now: a.now})
	return a.lake, nil
}

// Events opens the configured publisher. It makes no request yet.
//
//nolint:contextcheck // as said
func (a *App) Events() (flow.Publisher, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.events != nil {
		return a.events, nil
	}
	if strings.HasPrefix(a.Config.Events, "stdout:") {
		a.events = notify.NewWriter(a.stdout)
		return a.events, nil
	}
	if bus, ok := strings.CutPrefix(a.Config.Events, "eventbridge:"); ok {
		cfg, err := awsConfig("ASSAY_EVENTS", a.Config.Events)
		if err != nil {
			return nil, err
		}
		b := notify.NewEventBridge(eventbridge.NewFromConfig(cfg), bus)
		b.Refused = a.metrics.Refused
		a.events = b
		return a.events, nil
	}
	f, err := notify.OpenFile(a.Config.path(a.Config.Events))
	if err != nil {
		return nil, err
	}
	a.events = f
	a.close = append(a.close, f.Close)
	return f, nil
}

// Knowledge loads the configured knowledge pack.
func (a *App) Knowledge() (*knowledge.Pack, error) { return a.pack() }

func (a *App) loadPack() (*knowledge.Pack, error) {
	if dir, ok := a.folder(a.Config.Knowledge); ok {
		if _, err := os.Stat(dir); err != nil {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "ASSAY_KNOWLEDGE: %w", err).WithHint("name a folder with a knowledge pack, or embed:")
		}
		return knowledge.Load(os.DirFS(dir))
	}
	sub, err := fs.Sub(library.FS, "catalog")
	if err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInternal, "embedded knowledge: %w", err)
	}
	return knowledge.Load(sub)
}

func (a *App) folder(url string) (string, bool) {
	if !strings.HasPrefix(url, "dir:") {
		return "", false
	}
	return a.Config.path(url), true
}

// Parser builds the configured parser.
func (a *App) Parser(ctx context.Context) (*parse.Parser, error) {
	pack, err := a.Knowledge()
	if err != nil {
		return nil, err
	}
	second, off, err := a.second(ctx, pack)
	if err != nil {
		return nil, err
	}
	return parse.New(pack, parse.NewRules(pack), parse.Options{Second: second, Off: off}), nil
}

// Embedder builds the configured embedder.
func (a *App) Embedder() (embed.Embedder, error) { return a.embedder() }

// backends opens what the use cases over landed and published files share.
func (a *App) backends(ctx context.Context) (*lake.Lake, Store, *contract.Set, error) {
	l, err := a.Lake()
	if err != nil {
		return nil, nil, nil, err
	}
	s, err := a.Store(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	c, err := a.Contracts()
	return l, s, c, err
}

// Ingest builds the use case that judges landed files.
func (a *App) Ingest(ctx context.Context) (*flow.Ingest, error) {
	l, s, c, err := a.backends(ctx)
	if err != nil {
		return nil, err
	}
	in := &flow.Ingest{
		Lake: l, Store: s, Contracts: c, Owner: a.owner, Now: a.now, Log: a.log,
		Memory: int64(a.Config.Memory), Tmp: a.Config.Tmp, KeyLimit: a.Config.KeyIndex, Sketches: a.Config.Profile == "full", Archive: a.Config.Archive, Trace: a.trace, SQL: a.SQL(),
		Registry: &contract.Registry{Store: s, Now: a.now},
	}
	if a.metrics != nil {
		in.Decided = a.metrics.Decided
	}
	if a.fromRegistry() {
		base, err := a.folderContracts()
		if err != nil {
			return nil, err
		}
		in.Versions = &contract.Published{Registry: in.Registry, Fallback: base}
	}
	return in, nil
}

// Parse builds the use case that reads published items.
func (a *App) Parse(ctx context.Context) (*flow.Parse, error) {
	l, s, c, err := a.backends(ctx)
	if err != nil {
		return nil, err
	}
	pack, err := a.Knowledge()
	if err != nil {
		return nil, err
	}
	p, err := a.Parser(ctx)
	if err != nil {
		return nil, err
	}
	e, err := a.Embedder()
	if err != nil {
		return nil, err
	}
	o, err := a.Observer(ctx)
	if err != nil {
		return nil, err
	}
	fb, err := a.fallback(ctx, pack, o.Wire)
	if err != nil {
		return nil, err
	}
	if o.Settings.SampleRate == 0 {
		o = nil
	}
	trials, err := a.Trials(ctx)
	if err != nil {
		return nil, err
	}
	return &flow.Parse{
		Lake: l, Store: s, Contracts: c, Parser: p, Embedder: e, Knowledge: pack.Hash(), Pack: pack,
		Fallback: fb, Observer: o, Trials: trials, Now: a.now, Log: a.log,
	}, nil
}

// Relay builds the use case that empties the outbox.
func (a *App) Relay(ctx context.Context) (*flow.Relay, error) {
	s, err := a.Store(ctx)
	if err != nil {
		return nil, err
	}
	e, err := a.Events()
	if err != nil {
		return nil, err
	}
	l, _, c, err := a.backends(ctx)
	if err != nil {
		return nil, err
	}
	q, err := a.queue(s) //nolint:contextcheck // reads configuration, makes no request
	if err != nil {
		return nil, err
	}
	if a.tracer != nil {
		e, q = tracedPublisher{e, a.tracer}, tracedMessenger{q, a.tracer}
	}
	r := &flow.Relay{Outbox: s, Queue: q, Publisher: e, Notify: a.notifier(l, s, c), Log: a.log}
	if isPostgres(a.Config.Store) { // SQLite is one machine's, and a run there has a lease already
		r.Leases, r.Owner, r.Now = s, a.owner, a.now
	}
	return r, nil
}

// Run builds the use case that does all the work there is.
func (a *App) Run(ctx context.Context) (*flow.Run, error) {
	in, err := a.Ingest(ctx)
	if err != nil {
		return nil, err
	}
	// A pack that does not load stops the feeds that are bound to a catalog, and
	// no other.
	_, broken := a.Knowledge()
	var p *flow.Parse
	var m *flow.Match
	if broken == nil {
		if p, err = a.Parse(ctx); err != nil {
			return nil, err
		}
		if m, err = a.Match(ctx); err != nil {
			return nil, err
		}
	}
	r, err := a.Relay(ctx)
	if err != nil {
		return nil, err
	}
	return &flow.Run{
		Ingest: in, Parse: p, Match: m, Broken: broken, Relay: r, Store: in.Store,
		Workers: a.Config.Workers, Now: a.now, Log: a.log, Trace: a.trace,
	}, nil
}
