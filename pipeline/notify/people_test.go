package notify

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/textproto"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

var dispatch = flow.Dispatch{ID: "0123456789abcdef", Feed: "orders", Severity: contract.SeverityError, Title: "orders: batch b1 is held <now>", At: at,
	Stories: []flow.Story{{Type: pipeline.BatchHeld, Severity: contract.SeverityError, Title: "orders: batch b1 is held <now>", Text: "Größe & Maß", At: at, Events: []string{"e1"},
		Checks:  []flow.StoryCheck{{ID: "amount.range", Now: "5 of 10 (50 %)", Before: "0 of 10 (0 %)", Expected: "at least 0"}},
		Rejects: []flow.StoryReject{{Line: 4, Row: 3, Check: "amount.range", Value: "-1"}}}}}

func wantCode(t *testing.T, what string, err error, want pipeline.Code, words string) {
	t.Helper()
	if pipeline.ErrorCode(err) != want || err != nil && !strings.Contains(err.Error(), words) {
		t.Errorf("%s: %q (%v), want %q with %q", what, pipeline.ErrorCode(err), err, want, words)
	}
}

func TestWebhookSignature(t *testing.T) {
	var header http.Header
	var body []byte
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		header = r.Header
		body, _ = io.ReadAll(r.Body)
	}))
	defer s.Close()
	secret := func(name string) (string, bool) {
		v, ok := map[string]string{"KEY": "hunter2", "HOOK": s.URL + "/secret-path"}[name]
		return v, ok
	}
	p := NewPeople(PeopleOptions{Secret: secret, Key: "default", Loopback: true})
	if err := p.Send(t.Context(), contract.Channel{Name: "ops", URL: "env:HOOK", Secret: "KEY"}, dispatch); err != nil {
		t.Fatal(err)
	}
	if err := Verify("hunter2", header, body, at.Add(time.Minute), 5*time.Minute); err != nil {
		t.Error(err)
	}
	wantCode(t, "another key", Verify("default", header, body, at, time.Minute), pipeline.CodeDenied, "does not match")
	wantCode(t, "an old one", Verify("hunter2", header, body, at.Add(time.Hour), time.Minute), pipeline.CodeDenied, "1h0m0s ago")
	wantCode(t, "another body", Verify("hunter2", header, append(body, ' '), at, time.Minute), pipeline.CodeDenied, "does not match")
	wantCode(t, "no time", Verify("hunter2", http.Header{}, body, at, time.Minute), pipeline.CodeDenied, "not a time")
	var got struct {
		SchemaVersion int `json:"schema_version"`
		flow.Dispatch
	}
	if err := json.Unmarshal(body, &got); err != nil || got.SchemaVersion != 1 || got.ID != dispatch.ID || len(got.Stories) != 1 || header.Get(HeaderDelivery) != dispatch.ID {
		t.Errorf("%s %v", body, err)
	}

	wantCode(t, "an address that is not set", p.Send(t.Context(), contract.Channel{Name: "ops", URL: "env:NOWHERE"}, dispatch), pipeline.CodeInvalid, "NOWHERE")
	wantCode(t, "a key that is not set", p.Send(t.Context(), contract.Channel{Name: "ops", URL: s.URL, Secret: "NOKEY"}, dispatch), pipeline.CodeInvalid, "NOKEY")
	wantCode(t, "an address that does not parse", p.Send(t.Context(), contract.Channel{Name: "ops", URL: "https://%zz"}, dispatch), pipeline.CodeInvalid, "does not parse")

	if err := p.Send(t.Context(), contract.Channel{Name: "room", URL: s.URL, Slack: true}, dispatch); err != nil {
		t.Fatal(err)
	}
	var slack struct {
		Text        string `json:"text"`
		Attachments []struct{ Color, Text string }
	}
	if err := json.Unmarshal(body, &slack); err != nil || !strings.Contains(slack.Text, "batch b1") || len(slack.Attachments) != 1 ||
		!strings.Contains(slack.Attachments[0].Text, "Größe &amp; Maß") || !strings.Contains(slack.Attachments[0].Text, "&lt;now&gt;") {
		t.Errorf("%s %v", body, err)
	}
}

// TestWebhookAnswers: what is tried again, and what never is.
func TestWebhookAnswers(t *testing.T) {
	status := 0
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	defer s.Close()
	p := NewPeople(PeopleOptions{Loopback: true})
	for code, want := range map[int]pipeline.Code{200: "", 202: "", 204: "", 400: pipeline.CodeUnavailable, 404: pipeline.CodeUnavailable, 429: pipeline.CodeUnavailable, 500: pipeline.CodeUnavailable, 410: pipeline.CodeDenied} {
		status = code
		if got := pipeline.ErrorCode(p.Send(t.Context(), contract.Channel{Name: "ops", URL: s.URL}, dispatch)); got != want {
			t.Errorf("%d is %q, want %q", code, got, want)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	hang := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { time.Sleep(300 * time.Millisecond) }))
	defer hang.Close()
	err := p.Send(ctx, contract.Channel{Name: "ops", URL: hang.URL + "/secret"}, dispatch)
	wantCode(t, "hangs", err, pipeline.CodeUnavailable, "ops")
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the address stands in the message: %v", err)
	}
}

// TestPrivateAddresses: nothing is sent to a private address, named, resolved
// to, or redirected to; this machine is let in by an explicit setting alone.
func TestPrivateAddresses(t *testing.T) {
	hit := false
	inner := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hit = true }))
	defer inner.Close()
	closed := NewPeople(PeopleOptions{})
	for _, u := range []string{inner.URL, "https://127.0.0.1:1/", "https://localhost:1/", "https://10.0.0.1/", "https://192.168.1.1/", "https://169.254.169.254/latest/meta-data/",
		"https://[::1]:1/", "https://[fd00::1]/", "https://[::ffff:10.0.0.1]/", "https://0.0.0.0/", "https://100.64.0.1/", "https://[64:ff9b::a00:1]/"} {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		err := closed.Send(ctx, contract.Channel{Name: "ops", URL: u}, dispatch)
		cancel()
		wantCode(t, u, err, pipeline.CodeDenied, "ops")
	}
	if hit {
		t.Error("a request reached this machine")
	}
	// With the setting this machine is let in, and still no other private one.
	open := NewPeople(PeopleOptions{Loopback: true})
	if err := open.Send(t.Context(), contract.Channel{Name: "ops", URL: inner.URL}, dispatch); err != nil || !hit {
		t.Errorf("%v", err)
	}
	for to, words := range map[string]string{"http://10.0.0.1/": "not a public address", "http://169.254.169.254/latest/": "not a public address"} {
		redirect := httptest.NewServer(http.RedirectHandler(to, http.StatusTemporaryRedirect))
		wantCode(t, "redirects to "+to, open.Send(t.Context(), contract.Channel{Name: "ops", URL: redirect.URL}, dispatch), pipeline.CodeDenied, words)
		redirect.Close()
	}
	lossy := httptest.NewServer(http.RedirectHandler(inner.URL, http.StatusFound))
	defer lossy.Close()
	wantCode(t, "a redirect that drops the message", open.Send(t.Context(), contract.Channel{Name: "ops", URL: lossy.URL}, dispatch), pipeline.CodeDenied, "would be lost")
	loop := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Path, http.StatusPermanentRedirect)
	}))
	defer loop.Close()
	wantCode(t, "a circle", open.Send(t.Context(), contract.Channel{Name: "ops", URL: loop.URL}, dispatch), pipeline.CodeDenied, "more than 3 redirects")
	for a, want := range map[string]bool{"8.8.8.8": true, "2606:4700::1111": true, "172.16.0.1": false, "224.0.0.1": false, "255.255.255.255": false, "2002:a00:1::": false, "198.18.0.1": false} {
		if got := public(netip.MustParseAddr(a)); got != want {
			t.Errorf("%s is public: %v", a, got)
		}
	}
}

// TestMail talks to a server that speaks SMTP as far as it must.
func TestMail(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	refuse := false
	got := make(chan string, 2)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				r := textproto.NewReader(bufio.NewReader(c))
				say := func(s string) { _, _ = io.WriteString(c, s+"\r\n") }
				say("220 test")
				for {
					line, err := r.ReadLine()
					if err != nil {
						return
					}
					switch verb := strings.ToUpper(strings.Fields(line + " x")[0]); {
					case verb == "EHLO":
						say("250 test")
					case verb == "RCPT" && refuse:
						say("550 nobody here")
					case verb == "DATA":
						say("354 go on")
						b, _ := r.ReadDotBytes()
						got <- string(b)
						say("250 taken")
					case verb == "QUIT":
						say("221 bye")
						return
					default:
						say("250 ok")
					}
				}
			}()
		}
	}()
	p := NewPeople(PeopleOptions{SMTP: "smtp://" + l.Addr().String() + "?from=assay@plant.test"})
	ch := contract.Channel{Name: "ops", URL: "mailto:ops@plant.test"}
	if err := p.Send(t.Context(), ch, dispatch); err != nil {
		t.Fatal(err)
	}
	msg := <-got
	head, body, _ := strings.Cut(msg, "\n\n")
	text, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(body, "\n", ""))
	if err != nil || !bytes.Contains(text, []byte("Größe & Maß")) || !strings.Contains(head, "To: <ops@plant.test>") || !strings.Contains(head, "Message-ID: <0123456789abcdef@plant.test>") {
		t.Errorf("%s\n%s %v", head, text, err)
	}
	refuse = true
	wantCode(t, "refused", p.Send(t.Context(), ch, dispatch), pipeline.CodeDenied, "nobody here")
	wantCode(t, "no server", NewPeople(PeopleOptions{}).Send(t.Context(), ch, dispatch), pipeline.CodeInvalid, "ASSAY_SMTP")
	wantCode(t, "out of reach", NewPeople(PeopleOptions{SMTP: "smtp://127.0.0.1:1?from=a@b.c"}).Send(t.Context(), ch, dispatch), pipeline.CodeUnavailable, "mail")
	wantCode(t, "two lines", p.Send(t.Context(), contract.Channel{Name: "ops", URL: "mailto:a@b.c\r\nBcc: x@y.z"}, dispatch), pipeline.CodeInvalid, "ops")
	for _, bad := range []string{"mail.test", "smtp://", "smtp://host?from=nobody", "https://host?from=a@b.c"} {
		wantCode(t, bad, CheckSMTP(bad), pipeline.CodeInvalid, "ASSAY_SMTP")
	}
}

// A topics keeps what is published.
type topics struct{ in []*sns.PublishInput }

func (s *topics) Publish(_ context.Context, in *sns.PublishInput, _ ...func(*sns.Options)) (*sns.PublishOutput, error) {
	s.in = append(s.in, in)
	return &sns.PublishOutput{}, nil
}

func TestTopics(t *testing.T) {
	s := &topics{}
	p := NewPeople(PeopleOptions{Topics: s})
	for _, arn := range []string{"arn:aws:sns:eu-central-1:123456789012:ops", "arn:aws:sns:eu-central-1:123456789012:ops.fifo"} {
		if err := p.Send(t.Context(), contract.Channel{Name: "ops", URL: arn}, dispatch); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.in) != 2 || s.in[0].MessageGroupId != nil || *s.in[1].MessageGroupId != "orders" || *s.in[1].MessageDeduplicationId != dispatch.ID || !strings.HasPrefix(*s.in[0].Subject, "assay: orders") {
		t.Errorf("%+v", s.in)
	}
	if got := subject(strings.Repeat("ä\n", 200)); len(got) != 100 || strings.ContainsAny(got, "ä\n") {
		t.Errorf("%q", got)
	}
	wantCode(t, "not configured", NewPeople(PeopleOptions{}).Send(t.Context(), contract.Channel{Name: "ops", URL: "arn:aws:sns:eu-central-1:123456789012:ops"}, dispatch), pipeline.CodeInvalid, "SNS is not configured")
}

func TestConsole(t *testing.T) {
	var b bytes.Buffer
	if err := NewPeople(PeopleOptions{Console: &b}).Send(t.Context(), contract.Channel{Name: "here", URL: "console:"}, dispatch); err != nil {
		t.Fatal(err)
	}
	want := `[error] orders: batch b1 is held <now>
  Größe & Maß
  amount.range: 5 of 10 (50 %); before: 0 of 10 (0 %); expected: at least 0
  e.g. line 4, amount.range: "-1"
`
	if b.String() != want {
		t.Errorf("%s", b.String())
	}
}
