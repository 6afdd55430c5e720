package integration

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// TestNoticesThatSNSRefuses: a topic that is throttled hears of the batch in the
// end, once, and a topic that is gone is said to be, with the reason; the batch is
// published meanwhile, since nobody's attention is needed for that.
func TestNoticesThatSNSRefuses(t *testing.T) {
	w := newWorld(t, contracts(t, "plain"), visibility, 5)
	target, err := url.Parse(w.endpoint)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	topics := sns.New(sns.Options{BaseEndpoint: &w.endpoint, Region: region, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
	topic, err := topics.CreateTopic(ctx, &sns.CreateTopicInput{Name: aws.String("notices")})
	if err != nil {
		t.Fatal(err)
	}
	w.queue("notices", nil)
	if _, err := topics.Subscribe(ctx, &sns.SubscribeInput{TopicArn: topic.TopicArn, Protocol: aws.String("sqs"), Endpoint: aws.String(arn("notices"))}); err != nil {
		t.Fatal(err)
	}

	// As many refusals as a client of the SDK makes tries, and one more.
	const refusals = 4
	var asked, refused atomic.Int64
	proxy := httputil.NewSingleHostReverseProxy(target)
	busy := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		form, err := url.ParseQuery(string(body))
		if err == nil && form.Get("TopicArn") == aws.ToString(topic.TopicArn) && asked.Add(1) <= refusals {
			refused.Add(1)
			rw.Header().Set("Content-Type", "text/xml")
			rw.WriteHeader(http.StatusBadRequest)
			_, _ = io.WriteString(rw, `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message></Error><RequestId>1</RequestId></ErrorResponse>`) // the client sees
			return
		}
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		proxy.ServeHTTP(rw, r)
	}))
	defer busy.Close()
	gone := strings.Replace(aws.ToString(topic.TopicArn), ":notices", ":nobody", 1)
	w.env = append(w.env, "AWS_ENDPOINT_URL_SNS="+busy.URL, "ASSAY_NOTIFY="+aws.ToString(topic.TopicArn)+","+gone)

	key := "landing/plain/noted.csv"
	w.put(key, []byte("id,text,price\na,washer M8,1\nb,nut M8,-1\n"))
	stop := w.serve(w.feed("landing", w.pool("ingest", 1), 1))
	batch := w.settled(key, flow.Done)
	stop()
	relay := w.pool("relay", 1)
	beat := func() {
		t.Helper()
		if res, err := relay.Invoke(ctx, []byte(`{}`)); err != nil || res.Failure != nil {
			t.Fatalf("relay: %v %v", res.Failure, err)
		}
	}
	notices := func(state, url string) []flow.Notice {
		t.Helper()
		all, err := w.store.Notices(ctx, flow.NoticeFilter{State: state})
		if err != nil {
			t.Fatal(err)
		}
		var out []flow.Notice
		for _, n := range all {
			if n.Channel.URL == url {
				out = append(out, n)
			}
		}
		return out
	}
	w.until("a try was refused, and said so", time.Minute, func() bool {
		beat()
		ns := notices(flow.NoticeWaiting, aws.ToString(topic.TopicArn))
		return len(ns) > 0 && ns[0].Tries == 1 && strings.Contains(ns[0].Reason, "Throttling")
	})
	w.until("the topic is told", 3*time.Minute, func() bool { beat(); return len(notices(flow.NoticeSent, aws.ToString(topic.TopicArn))) > 0 })
	if left := notices(flow.NoticeWaiting, aws.ToString(topic.TopicArn)); len(left) > 0 {
		t.Errorf("notices wait still: %+v", left)
	}
	var said []string
	q := &sqsQueue{client: w.sqs, url: w.queues["notices"]}
	for {
		ms, err := q.Receive(ctx, 10)
		if err != nil {
			t.Fatal(err)
		}
		if len(ms) == 0 {
			break
		}
		for _, m := range ms {
			said = append(said, m.Body)
		}
		if err := q.Delete(ctx, ms); err != nil {
			t.Fatal(err)
		}
	}
	if len(said) != 1 || !strings.Contains(said[0], batch.Feed) || refused.Load() != refusals {
		t.Errorf("%d messages after %d refusals: %v", len(said), refused.Load(), said)
	}
	dead := notices(flow.NoticeDead, gone)
	if len(dead) == 0 || dead[0].Reason == "" || dead[0].Severity != contract.SeverityError && dead[0].Severity != contract.SeverityWarning {
		t.Errorf("a topic that is gone: %s", fmt.Sprint(dead))
	}
}
