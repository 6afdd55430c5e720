package localrt

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	runtimeAPI   = "/2018-06-01/runtime/"
	extensionAPI = "/2020-01-01/extension/"
)

// An invocation is one event on its way to the process.
type invocation struct {
	id       string
	event    []byte
	deadline time.Time
	arn      string
	trace    string
}

type outcome struct {
	response []byte
	failure  *Failure
}

// A server is the Runtime API of one process.
type server struct {
	addr string
	http *http.Server

	ready     chan time.Time // each of its requests for an event
	initError chan *Failure
	queue     chan invocation
	gone      chan struct{} // closed with the server

	mu      sync.Mutex
	current string // request id in work
	done    chan outcome
	term    bool // an extension is registered
	once    sync.Once
}

func listen() (*server, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // it waits for nothing
	if err != nil {
		return nil, err
	}
	s := &server{
		addr: l.Addr().String(), ready: make(chan time.Time, 1), initError: make(chan *Failure, 1),
		queue: make(chan invocation, 1), gone: make(chan struct{}),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+runtimeAPI+"invocation/next", s.next)
	mux.HandleFunc("POST "+runtimeAPI+"invocation/{id}/response", s.response)
	mux.HandleFunc("POST "+runtimeAPI+"invocation/{id}/error", s.failed)
	mux.HandleFunc("POST "+runtimeAPI+"init/error", s.initFailed)
	mux.HandleFunc("POST "+extensionAPI+"register", s.register)
	mux.HandleFunc("GET "+extensionAPI+"event/next", s.extensionNext)
	s.http = &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.http.Serve(l) }() // ends with close
	return s, nil
}

func (s *server) close() {
	s.once.Do(func() {
		close(s.gone)
		_ = s.http.Close() // the process is gone
	})
}

// put offers an event to the process, which is idle or about to be.
func (s *server) put(inv invocation) <-chan outcome {
	done := make(chan outcome, 1)
	s.mu.Lock()
	s.current, s.done = inv.id, done
	s.mu.Unlock()
	s.queue <- inv
	return done
}

func (s *server) wantsTerm() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.term
}

func (s *server) next(w http.ResponseWriter, r *http.Request) {
	select {
	case s.ready <- time.Now():
	default: // a client that gave up and asks again
	}
	var inv invocation
	select {
	case inv = <-s.queue:
	case <-r.Context().Done():
		return
	case <-s.gone:
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Lambda-Runtime-Aws-Request-Id", inv.id)
	h.Set("Lambda-Runtime-Deadline-Ms", fmt.Sprint(inv.deadline.UnixMilli()))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", inv.arn)
	h.Set("Lambda-Runtime-Trace-Id", inv.trace)
	_, _ = w.Write(inv.event) // a process that is gone is noticed elsewhere
}

// take ends the invocation in work, if id is that one.
func (s *server) take(w http.ResponseWriter, id string) (chan<- outcome, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id != s.current || s.done == nil {
		refuse(w, http.StatusBadRequest, "InvalidRequestID", "no invocation "+id+" is in work")
		return nil, false
	}
	done := s.done
	s.done = nil
	return done, true
}

func (s *server) response(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, PayloadLimit+1))
	if err != nil {
		return // the process is gone
	}
	done, ok := s.take(w, r.PathValue("id"))
	if !ok {
		return
	}
	if len(body) > PayloadLimit {
		done <- outcome{failure: &Failure{Type: ResponseTooLarge, Message: fmt.Sprintf("the response exceeds %d bytes", PayloadLimit)}}
		refuse(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "the response is too large")
		return
	}
	// A function that streams tells of a late failure in a trailer.
	if typ := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); typ != "" {
		done <- outcome{failure: &Failure{Type: typ, Message: "the response ended early", Payload: body}}
	} else {
		done <- outcome{response: body}
	}
	accepted(w)
}

func (s *server) failed(w http.ResponseWriter, r *http.Request) {
	f, err := failure(r)
	if err != nil {
		return // the process is gone
	}
	if done, ok := s.take(w, r.PathValue("id")); ok {
		done <- outcome{failure: f}
		accepted(w)
	}
}

func (s *server) initFailed(w http.ResponseWriter, r *http.Request) {
	f, err := failure(r)
	if err != nil {
		return // the process is gone
	}
	select {
	case s.initError <- f:
	default: // said before
	}
	accepted(w)
}

// failure reads what a process reports. Its type may stand in a header alone.
func failure(r *http.Request) (*Failure, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, PayloadLimit))
	if err != nil {
		return nil, err
	}
	f := &Failure{Payload: body}
	if err := json.Unmarshal(body, f); err != nil || f.Message == "" {
		f.Message = strings.ToValidUTF8(string(body[:min(len(body), 1000)]), "?")
	}
	if f.Type == "" {
		f.Type = r.Header.Get("Lambda-Runtime-Function-Error-Type")
	}
	if f.Type == "" {
		f.Type = "Runtime.Unknown"
	}
	return f, nil
}

// register takes an extension. Whoever registers one is told by SIGTERM that the
// environment ends; functions register one for that alone.
func (s *server) register(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Events []string `json:"events"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<16)).Decode(&in); err != nil {
		refuse(w, http.StatusBadRequest, "InvalidRequest", err.Error())
		return
	}
	if len(in.Events) > 0 {
		refuse(w, http.StatusForbidden, "Extension.NotSupported", "no extension is told of events here")
		return
	}
	s.mu.Lock()
	s.term = true
	s.mu.Unlock()
	w.Header().Set("Lambda-Extension-Identifier", requestID())
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"functionName":"","functionVersion":"$LATEST","handler":"bootstrap"}`) // as in next
}

// extensionNext never answers: no extension asked for an event.
func (s *server) extensionNext(_ http.ResponseWriter, r *http.Request) {
	wait(r.Context(), s.gone)
}

func wait(ctx context.Context, gone <-chan struct{}) {
	select {
	case <-ctx.Done():
	case <-gone:
	}
}

func accepted(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`) // as in next
}

func refuse(w http.ResponseWriter, status int, typ, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(Failure{Type: typ, Message: message}) // as in next
}
