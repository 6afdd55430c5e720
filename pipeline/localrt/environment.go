package localrt

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
)

// What Lambda does where nothing is said.
const (
	// DefaultTimeout is how long an event may take.
	DefaultTimeout = 3 * time.Second
	// DefaultMemory of a function, in MB.
	DefaultMemory = 128
	// InitTimeout is how long a process may take to its first request.
	InitTimeout = 10 * time.Second
	// ShutdownTimeout is how long a process has between SIGTERM and SIGKILL.
	ShutdownTimeout = 2 * time.Second
	// PayloadLimit bounds events and responses, in bytes.
	PayloadLimit = 6 << 20
)

// A Function is a program that speaks the Runtime API.
type Function struct {
	Name      string
	Bootstrap string // the program
	Dir       string // its working directory; default: where the program lies
	// Env are the variables that the process gets besides those of Lambda;
	// nothing is inherited.
	Env []string
	// Memory is what the process is told, in MB; nothing enforces it.
	Memory int
	// Timeout bounds an invocation.
	Timeout time.Duration
	// Log gets what the process writes to its outputs; default: nothing.
	Log io.Writer
	// Args are arguments of the program; Lambda gives none, tests do.
	Args []string
}

func (f Function) timeout() time.Duration {
	if f.Timeout > 0 {
		return f.Timeout
	}
	return DefaultTimeout
}

// ARN is what the function is called with.
func (f Function) ARN() string {
	return "arn:aws:lambda:" + f.region() + ":000000000000:function:" + f.Name
}

func (f Function) region() string {
	for _, kv := range f.Env {
		if v, ok := strings.CutPrefix(kv, "AWS_REGION="); ok && v != "" {
			return v
		}
	}
	return "us-east-1"
}

// environ is what the process finds, the function's own variables last.
func (f Function) environ(api string) []string {
	memory := f.Memory
	if memory == 0 {
		memory = DefaultMemory
	}
	env := []string{
		"AWS_LAMBDA_RUNTIME_API=" + api,
		"AWS_LAMBDA_FUNCTION_NAME=" + f.Name,
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		fmt.Sprintf("AWS_LAMBDA_FUNCTION_MEMORY_SIZE=%d", memory),
		"AWS_LAMBDA_INITIALIZATION_TYPE=on-demand",
		"AWS_EXECUTION_ENV=AWS_Lambda_provided.al2023",
		"AWS_REGION=" + f.region(),
		"LAMBDA_TASK_ROOT=" + filepath.Dir(f.Bootstrap),
		"_HANDLER=bootstrap",
		"TZ=:UTC",
		"PATH=" + os.Getenv("PATH"), "HOME=" + os.Getenv("HOME"), "TMPDIR=" + os.TempDir(),
	}
	if root := os.Getenv("SYSTEMROOT"); root != "" { // Windows has no network without it
		env = append(env, "SYSTEMROOT="+root)
	}
	return append(env, f.Env...)
}

// A Result is what became of one event.
type Result struct {
	RequestID string
	// Response is what the function answered, where Failure is nil.
	Response []byte
	Failure  *Failure
	Duration time.Duration
	// Init is how long the process took to its first request, where this event
	// had to wait for that.
	Init time.Duration
	// Memory is the peak of the process's resident memory so far in bytes, 0
	// where the system does not tell.
	Memory int64
}

// A Failure is what a function, or the lack of it, reports instead of a response.
type Failure struct {
	Type    string `json:"errorType"`
	Message string `json:"errorMessage"`
	// Payload is what the function posted, nil where it did not.
	Payload []byte `json:"-"`
}

// Error is type and message.
func (f *Failure) Error() string { return f.Type + ": " + f.Message }

// Types of failures that no function reports itself.
const (
	TimedOut         = "Sandbox.Timedout"
	Exited           = "Runtime.ExitError"
	InitFailed       = "Runtime.InitError"
	ResponseTooLarge = "Function.ResponseSizeTooLarge"
)

// An Environment is one process of a function. It handles one event at a time;
// further calls wait. The process starts with the first event, or by Start.
type Environment struct {
	f Function

	mu   sync.Mutex // one event at a time
	proc *process

	end sync.Mutex // guards what Kill needs beside an event in work
	cur *process
}

// NewEnvironment returns an environment without a process yet.
func NewEnvironment(f Function) *Environment { return &Environment{f: f} }

// A process is a running bootstrap.
type process struct {
	cmd    *exec.Cmd
	api    *server
	init   time.Duration
	exited chan struct{} // closed when the process has ended; then state holds
	peak   atomic.Int64  // bytes, as far as known
	why    string        // how it ended
}

// Start starts the process where none runs, waits for its first request, and
// returns how long that took; 0 where it ran already. Errors: invalid (the
// program cannot be started), unavailable (a *Failure of type InitFailed or
// Exited is wrapped: it ended, or reported that it cannot work).
func (e *Environment) Start(ctx context.Context) (time.Duration, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.start(ctx)
}

func (e *Environment) start(ctx context.Context) (time.Duration, error) {
	if e.proc != nil {
		select {
		case <-e.proc.exited:
			e.drop()
		default:
			return 0, nil
		}
	}
	api, err := listen()
	if err != nil {
		return 0, pipeline.Errorf(pipeline.CodeUnavailable, "%s: runtime API: %w", e.f.Name, err)
	}
	cmd := exec.Command(e.f.Bootstrap, e.f.Args...) //nolint:noctx // it outlives the event that started it
	cmd.Dir = e.f.Dir
	if cmd.Dir == "" {
		cmd.Dir = filepath.Dir(e.f.Bootstrap)
	}
	cmd.Env = e.f.environ(api.addr)
	cmd.Stdout, cmd.Stderr = e.f.Log, e.f.Log
	cmd.WaitDelay = time.Second
	p := &process{cmd: cmd, api: api, exited: make(chan struct{})}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		api.close()
		return 0, pipeline.Errorf(pipeline.CodeInvalid, "%s: %w", e.f.Name, err).WithHint("build the function for this machine: make build")
	}
	go p.wait()
	e.proc = p
	e.setCurrent(p)
	limit := time.NewTimer(InitTimeout)
	defer limit.Stop()
	var failure *Failure
	select {
	case at := <-api.ready:
		p.init = at.Sub(began)
		return p.init, nil
	case failure = <-api.initError:
	case <-p.exited:
		select { // it said why before it ended
		case failure = <-api.initError:
		default:
			failure = &Failure{Type: Exited, Message: "the process ended before it asked for an event: " + p.why}
		}
	case <-limit.C:
		failure = &Failure{Type: InitFailed, Message: fmt.Sprintf("the process did not ask for an event within %s", InitTimeout)}
	case <-ctx.Done():
		e.drop()
		return 0, pipeline.Errorf(pipeline.ErrorCode(ctx.Err()), "%s: %w", e.f.Name, ctx.Err())
	}
	e.drop()
	return 0, pipeline.Errorf(pipeline.CodeUnavailable, "%s cannot start: %w", e.f.Name, failure)
}

// wait learns how the process ended.
func (p *process) wait() {
	err := p.cmd.Wait()
	p.saw(peakOf(p.cmd.ProcessState))
	p.why = "exit status 0"
	if err != nil {
		p.why = err.Error()
	}
	close(p.exited)
}

// Invoke hands an event to the function and waits for what becomes of it. What
// the function reports, and what happens to its process, is a Result; the error
// is about this machine: canceled, or invalid for an event that Lambda would not
// take and a program that cannot be started.
func (e *Environment) Invoke(ctx context.Context, event []byte) (Result, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	res := Result{RequestID: requestID()}
	if len(event) > PayloadLimit {
		return res, pipeline.Errorf(pipeline.CodeInvalid, "the event has %d bytes, a function takes %d", len(event), PayloadLimit)
	}
	var err error
	if res.Init, err = e.start(ctx); err != nil {
		var failure *Failure
		if errors.As(err, &failure) {
			res.Failure = failure
			return res, nil
		}
		return res, err
	}
	p := e.proc
	began := time.Now()
	deadline := began.Add(e.f.timeout())
	done := p.api.put(invocation{
		id: res.RequestID, event: event, deadline: deadline, arn: e.f.ARN(), trace: "Root=1-" + traceID(began) + ";Sampled=0",
	})
	limit := time.NewTimer(time.Until(deadline))
	defer limit.Stop()
	select {
	case out := <-done:
		res.Response, res.Failure = out.response, out.failure
		// The event is over when the process asks for the next one, or ends: one
		// that panicked does.
		select {
		case <-p.api.ready:
		case <-p.exited:
		case <-limit.C:
			e.drop()
		case <-ctx.Done():
			e.drop()
		}
	case <-p.exited:
		select { // it answered before it ended
		case out := <-done:
			res.Response, res.Failure = out.response, out.failure
		default:
			res.Failure = &Failure{Type: Exited, Message: "the process ended: " + p.why}
		}
	case <-limit.C:
		res.Failure = &Failure{Type: TimedOut, Message: fmt.Sprintf("%s Task timed out after %.2f seconds", res.RequestID, e.f.timeout().Seconds())}
		res.Memory = p.memory()
		e.drop()
	case <-ctx.Done():
		e.drop()
		return res, pipeline.Errorf(pipeline.ErrorCode(ctx.Err()), "%s: %w", e.f.Name, ctx.Err())
	}
	res.Duration = time.Since(began)
	if res.Memory == 0 {
		res.Memory = p.memory()
	}
	return res, nil
}

// memory is the peak of the process's resident memory, alive or not.
func (p *process) memory() int64 {
	select {
	case <-p.exited:
	default:
		p.saw(peakNow(p.cmd.Process.Pid))
	}
	return p.peak.Load()
}

func (p *process) saw(peak int64) {
	if peak > p.peak.Load() {
		p.peak.Store(peak)
	}
}

// PID is the process's id, 0 where none runs.
func (e *Environment) PID() int {
	e.end.Lock()
	defer e.end.Unlock()
	if e.cur == nil {
		return 0
	}
	return e.cur.cmd.Process.Pid
}

// Kill ends the process at once, in the middle of an event too: that event
// fails, and the next one finds a new process.
func (e *Environment) Kill() {
	e.end.Lock()
	defer e.end.Unlock()
	if e.cur != nil {
		_ = e.cur.cmd.Process.Kill() // it may have ended by itself
	}
}

func (e *Environment) setCurrent(p *process) {
	e.end.Lock()
	defer e.end.Unlock()
	e.cur = p
}

// drop kills the process and forgets it.
func (e *Environment) drop() {
	if e.proc == nil {
		return
	}
	e.Kill()
	<-e.proc.exited
	e.proc.api.close()
	e.proc = nil
	e.setCurrent(nil)
}

// Close ends the process: by SIGTERM and a moment to end where it asked for
// that, at once where it did not. It returns the peak of its memory in bytes.
func (e *Environment) Close() int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	p := e.proc
	if p == nil {
		return 0
	}
	p.memory()
	if p.api.wantsTerm() && p.cmd.Process.Signal(syscall.SIGTERM) == nil {
		t := time.NewTimer(ShutdownTimeout)
		defer t.Stop()
		select {
		case <-p.exited:
		case <-t.C:
		}
	}
	e.drop()
	return p.peak.Load()
}

func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// requestID is a random UUID.
func requestID() string {
	s := random(16)
	return s[:8] + "-" + s[8:12] + "-4" + s[13:16] + "-a" + s[17:20] + "-" + s[20:]
}

func traceID(at time.Time) string { return fmt.Sprintf("%08x-%s", at.Unix(), random(12)) }
