package sqsqueue

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// A server is SQS's protocol with faults on purpose: what it took, in order.
type server struct {
	taken  []string
	calls  int
	most   int // entries in one call
	refuse func(call, entry int) (code string, sender bool)
	whole  func() (status int, code string)
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.calls++
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	if s.whole != nil {
		status, code := s.whole()
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(map[string]string{"__type": code, "message": "on purpose"}) // the client sees what is missing
		return
	}
	var in struct {
		Entries []struct{ Id, MessageBody string } //nolint:revive // as SQS spells it
	}
	if err := json.NewDecoder(r.Body).Decode(&in); err != nil || r.Header.Get("X-Amz-Target") != "AmazonSQS.SendMessageBatch" {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	s.most = max(s.most, len(in.Entries))
	var ok, failed []map[string]any
	for i, e := range in.Entries {
		if s.refuse != nil {
			if code, sender := s.refuse(s.calls, i); code != "" {
				failed = append(failed, map[string]any{"Id": e.Id, "Code": code, "SenderFault": sender, "Message": "on purpose"})
				continue
			}
		}
		s.taken = append(s.taken, e.MessageBody)
		ok = append(ok, map[string]any{"Id": e.Id, "MessageId": fmt.Sprint(len(s.taken)), "MD5OfMessageBody": ""})
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"Successful": ok, "Failed": failed}) // as above
}

func queue(t *testing.T, s *server) *Queue {
	t.Helper()
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	c := sqs.New(sqs.Options{
		Region: "eu-central-1", BaseEndpoint: &srv.URL, RetryMaxAttempts: 1, DisableMessageChecksumValidation: true,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
	q, err := New(c, srv.URL+"/123456789012/parse")
	if err != nil {
		t.Fatal(err)
	}
	q.sleep = func(ctx context.Context, _ time.Duration) error { return ctx.Err() }
	return q
}

func messages(n int) []flow.Message {
	out := make([]flow.Message, n)
	for i := range out {
		out[i] = flow.Message{ID: fmt.Sprint("m", i), Topic: flow.TopicParse, Body: json.RawMessage(fmt.Sprintf(`{"n":%d}`, i)), Tries: 3}
	}
	return out
}

// Whatever is refused for the moment comes again; nothing is lost or doubled.
func TestSendAgainWhatWasRefused(t *testing.T) {
	for seed := range uint64(20) {
		dice := rand.New(rand.NewPCG(seed, 1))
		s := &server{refuse: func(int, int) (string, bool) {
			if dice.IntN(4) == 0 {
				return "InternalError", false
			}
			return "", false
		}}
		err := queue(t, s).Send(context.Background(), messages(37)...)
		if pipeline.ErrorCode(err) == pipeline.CodeUnavailable {
			continue // refused six times in a row
		} else if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, body := range s.taken {
			var m flow.Message
			if err := json.Unmarshal([]byte(body), &m); err != nil || m.Topic != flow.TopicParse || m.Tries != 0 {
				t.Fatalf("%s: %v", body, err)
			}
			ids = append(ids, m.ID)
		}
		slices.Sort(ids)
		if len(ids) != 37 || len(slices.Compact(ids)) != 37 || s.most > 10 {
			t.Fatalf("seed %d: %d messages, at most %d in a call", seed, len(ids), s.most)
		}
	}
}

func TestFaults(t *testing.T) {
	ctx := context.Background()
	for name, c := range map[string]struct {
		server *server
		ms     []flow.Message
		code   pipeline.Code
		calls  int
	}{
		"nothing to send": {&server{}, nil, "", 0},
		"refused for ever": {&server{refuse: func(int, int) (string, bool) { return "ServiceUnavailable", false }},
			messages(2), pipeline.CodeUnavailable, sendTries},
		"the sender's fault": {&server{refuse: func(int, int) (string, bool) { return "InvalidMessageContents", true }},
			messages(2), pipeline.CodeInvalid, 1},
		"no queue": {&server{whole: func() (int, string) { return 400, "com.amazonaws.sqs#QueueDoesNotExist" }},
			messages(1), pipeline.CodeNotFound, 1},
		"not allowed": {&server{whole: func() (int, string) { return 403, "AccessDenied" }},
			messages(1), pipeline.CodeDenied, 1},
		"expired credential": {&server{whole: func() (int, string) { return 403, "ExpiredToken" }},
			messages(1), pipeline.CodeUnavailable, 1},
		"throttled": {&server{whole: func() (int, string) { return 403, "RequestThrottled" }},
			messages(1), pipeline.CodeUnavailable, 1},
		"too large": {&server{}, []flow.Message{{ID: "m", Topic: "parse", Body: json.RawMessage(`"` + strings.Repeat("x", batchBytes) + `"`)}},
			pipeline.CodeInvalid, 0},
		"large ones travel alone": {&server{}, []flow.Message{
			{ID: "a", Body: json.RawMessage(`"` + strings.Repeat("x", batchBytes*2/3) + `"`)},
			{ID: "b", Body: json.RawMessage(`"` + strings.Repeat("x", batchBytes*2/3) + `"`)},
		}, "", 2},
	} {
		err := queue(t, c.server).Send(ctx, c.ms...)
		if pipeline.ErrorCode(err) != c.code || c.server.calls != c.calls {
			t.Errorf("%s: %v after %d calls, want %q after %d", name, err, c.server.calls, c.code, c.calls)
		}
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := queue(t, &server{}).Send(ended, messages(1)...); pipeline.ErrorCode(err) != pipeline.CodeCanceled {
		t.Errorf("cancelled: %v", err)
	}
}

func TestNew(t *testing.T) {
	for _, bad := range []string{"", "parse", "https://", "https://sqs.eu-central-1.amazonaws.com/", "arn:aws:sqs:eu-central-1:123456789012:parse"} {
		if _, err := New(nil, bad); err == nil {
			t.Errorf("New(%q) succeeds", bad)
		}
	}
}
