package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	ebtypes "github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/localrt"
)

const region = "eu-central-1"

// A world is an account with a deployment in it.
type world struct {
	t        testing.TB
	endpoint string
	s3       *s3.Client
	sqs      *sqs.Client
	bus      *eventbridge.Client
	bucket   string
	// Queues by name, with their URLs: landing and parse, each with -dead, and
	// events, which hears the bus.
	queues map[string]string
	env    []string
	log    *logBuffer
	app    *app.App
	store  app.Store
	heard  heard
}

// A logBuffer keeps the logs of the functions for when a test fails.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// String is the end of the log.
func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.b.Bytes()
	return string(b[max(0, len(b)-8000):])
}

// visibility of the queues, in seconds: short, since what a killed runtime held
// is to come again within a test.
const visibility = 15

// newWorld deploys: a bucket whose landing zone notifies a queue, queues with
// dead letters, a bus whose events a queue hears, a store that is migrated.
func newWorld(t testing.TB, contracts string, visibilitySeconds, maxReceive int) *world {
	t.Helper()
	store := schema(t)
	w := &world{t: t, endpoint: moto(t), bucket: "assay-lake", queues: map[string]string{}, log: &logBuffer{}}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the functions wrote:\n%s", w.log)
		}
	})
	cred := credentials.NewStaticCredentialsProvider("test", "test", "")
	w.s3 = s3Client(w.endpoint)
	w.sqs = sqs.New(sqs.Options{BaseEndpoint: &w.endpoint, Region: region, Credentials: cred})
	w.bus = eventbridge.New(eventbridge.Options{BaseEndpoint: &w.endpoint, Region: region, Credentials: cred})
	ctx := t.Context()
	if _, err := w.s3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &w.bucket, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: region}}); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"landing", "parse"} {
		w.queue(name+"-dead", nil)
		w.queue(name, map[string]string{
			"VisibilityTimeout": fmt.Sprint(visibilitySeconds),
			"RedrivePolicy":     fmt.Sprintf(`{"deadLetterTargetArn":%q,"maxReceiveCount":%d}`, arn(name+"-dead"), maxReceive),
		})
	}
	w.queue("events", nil)
	if _, err := w.s3.PutBucketNotificationConfiguration(ctx, &s3.PutBucketNotificationConfigurationInput{
		Bucket: &w.bucket,
		NotificationConfiguration: &s3types.NotificationConfiguration{QueueConfigurations: []s3types.QueueConfiguration{{
			QueueArn: aws.String(arn("landing")), Events: []s3types.Event{"s3:ObjectCreated:*"},
			Filter: &s3types.NotificationConfigurationFilter{Key: &s3types.S3KeyFilter{FilterRules: []s3types.FilterRule{{Name: "prefix", Value: aws.String("landing/")}}}},
		}}},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.bus.CreateEventBus(ctx, &eventbridge.CreateEventBusInput{Name: aws.String("assay")}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.bus.PutRule(ctx, &eventbridge.PutRuleInput{Name: aws.String("all"), EventBusName: aws.String("assay"), EventPattern: aws.String(`{"source":[{"prefix":"assay/"}]}`)}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.bus.PutTargets(ctx, &eventbridge.PutTargetsInput{
		Rule: aws.String("all"), EventBusName: aws.String("assay"), Targets: []ebtypes.Target{{
			Id: aws.String("queue"), Arn: aws.String(arn("events")),
			// The detail alone: moto parses each path anew for each event, eight of them
			// where nothing is said, which takes it a third of a second.
			InputTransformer: &ebtypes.InputTransformer{InputPathsMap: map[string]string{"detail": "$.detail"}, InputTemplate: aws.String(`{"detail": <detail>}`)},
		}},
	}); err != nil {
		t.Fatal(err)
	}
	w.env = []string{
		"AWS_REGION=" + region, "AWS_ACCESS_KEY_ID=test", "AWS_SECRET_ACCESS_KEY=test", "AWS_ENDPOINT_URL=" + w.endpoint,
		"ASSAY_LAKE=s3://" + w.bucket, "ASSAY_STORE=" + store, "ASSAY_EVENTS=eventbridge:assay", "ASSAY_QUEUE=sqs:" + w.queues["parse"],
		"ASSAY_CONTRACTS=dir:" + filepath.Join(contracts, "feeds"), "ASSAY_KNOWLEDGE=dir:" + filepath.Join(contracts, "catalog"),
	}
	w.openStore()
	return w
}

// openStore opens the store for the test itself, and migrates it.
func (w *world) openStore() {
	w.t.Helper()
	cfg, err := app.ReadConfig(w.env, w.t.TempDir())
	if err != nil {
		w.t.Fatal(err)
	}
	for _, kv := range w.env { // the SDK finds its own variables in the process
		if k, v, _ := strings.Cut(kv, "="); strings.HasPrefix(k, "AWS_") {
			setenv(w.t, k, v)
		}
	}
	w.app = app.Open(cfg, app.Options{})
	w.t.Cleanup(func() { _ = w.app.Close() })
	if err := w.app.Migrate(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	if w.store, err = w.app.Store(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

func setenv(t testing.TB, k, v string) {
	t.Helper()
	s, ok := t.(interface{ Setenv(k, v string) })
	if !ok {
		t.Fatal("no Setenv")
	}
	s.Setenv(k, v)
}

func s3Client(endpoint string) *s3.Client {
	return s3.New(s3.Options{BaseEndpoint: &endpoint, UsePathStyle: true, Region: region, Credentials: credentials.NewStaticCredentialsProvider("test", "test", "")})
}

func arn(queue string) string { return "arn:aws:sqs:" + region + ":123456789012:" + queue }

func (w *world) queue(name string, attributes map[string]string) {
	w.t.Helper()
	out, err := w.sqs.CreateQueue(w.t.Context(), &sqs.CreateQueueInput{QueueName: &name, Attributes: attributes})
	if err != nil {
		w.t.Fatal(err)
	}
	w.queues[name] = aws.ToString(out.QueueUrl)
}

// put lands an object.
func (w *world) put(key string, body []byte) {
	w.t.Helper()
	if _, err := w.s3.PutObject(w.t.Context(), &s3.PutObjectInput{Bucket: &w.bucket, Key: &key, Body: bytes.NewReader(body)}); err != nil {
		w.t.Fatal(err)
	}
}

// depth counts what waits in a queue and what is leased.
func (w *world) depth(name string) (waiting, leased string) {
	w.t.Helper()
	out, err := w.sqs.GetQueueAttributes(w.t.Context(), &sqs.GetQueueAttributesInput{
		QueueUrl: aws.String(w.queues[name]), AttributeNames: []sqstypes.QueueAttributeName{"ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out.Attributes["ApproximateNumberOfMessages"], out.Attributes["ApproximateNumberOfMessagesNotVisible"]
}

func (w *world) empty(name string) bool {
	waiting, leased := w.depth(name)
	return waiting == "0" && leased == "0"
}

// function is one of the repository, with the world's environment.
func (w *world) function(name string) localrt.Function {
	return localrt.Function{Name: name, Bootstrap: binary(w.t, "functions/"+name), Env: w.env, Memory: 1024, Timeout: 60 * time.Second, Log: w.log, Dir: w.t.TempDir()}
}

// pool runs a function in up to n environments.
func (w *world) pool(name string, n int, change ...func(*localrt.Function)) *localrt.Pool {
	w.t.Helper()
	f := w.function(name)
	for _, c := range change {
		c(&f)
	}
	p := localrt.NewPool(f, n)
	w.t.Cleanup(p.Close)
	return p
}

// feed is an event source mapping from a queue.
func (w *world) feed(queue string, p *localrt.Pool, batch int) *localrt.Mapping {
	return &localrt.Mapping{
		Queue: &sqsQueue{client: w.sqs, url: w.queues[queue]}, Pool: p, ARN: arn(queue), Batch: batch, Partial: true,
		Log: slog.New(slog.NewTextHandler(w.log, nil)),
	}
}

// serve runs mappings until the returned function is called.
func (w *world) serve(ms ...*localrt.Mapping) (stop func()) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for _, m := range ms {
		wg.Go(func() {
			if err := m.Run(ctx); err != nil {
				w.t.Errorf("mapping of %s: %v", m.ARN, err)
			}
		})
	}
	var once sync.Once
	stop = func() { once.Do(func() { cancel(); wg.Wait() }) }
	w.t.Cleanup(stop)
	return stop
}

// until waits for what has to come.
func (w *world) until(what string, limit time.Duration, ok func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(100 * time.Millisecond) {
		if ok() {
			return
		}
	}
	for name := range w.queues {
		waiting, leased := w.depth(name)
		w.t.Logf("queue %s: %s waiting, %s leased", name, waiting, leased)
	}
	w.t.Fatalf("not within %v: %s", limit, what)
}

// batches are the lines of the ledger, by key.
func (w *world) batches() map[string][]flow.Batch {
	w.t.Helper()
	bs, err := w.store.Batches(w.t.Context(), flow.BatchFilter{Limit: 100000})
	if err != nil {
		w.t.Fatal(err)
	}
	out := map[string][]flow.Batch{}
	for _, b := range bs {
		out[b.Key] = append(out[b.Key], b)
	}
	return out
}

// scaffold is a copy of the contracts that assay init writes.
func scaffold(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join("..", "..", "cmd", "assay", "scaffold", "contracts"))); err != nil {
		t.Fatal(err)
	}
	return dir
}

// objects are the keys of the bucket below a prefix.
func (w *world) objects(prefix string) []string {
	w.t.Helper()
	var keys []string
	for pages := s3.NewListObjectsV2Paginator(w.s3, &s3.ListObjectsV2Input{Bucket: &w.bucket, Prefix: &prefix}); pages.HasMorePages(); {
		page, err := pages.NextPage(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		for _, o := range page.Contents {
			keys = append(keys, aws.ToString(o.Key))
		}
	}
	return keys
}

// object reads an object of the bucket.
func (w *world) object(key string) []byte {
	w.t.Helper()
	out, err := w.s3.GetObject(w.t.Context(), &s3.GetObjectInput{Bucket: &w.bucket, Key: &key})
	if err != nil {
		w.t.Fatal(err)
	}
	b, err := io.ReadAll(out.Body)
	if err = errors.Join(err, out.Body.Close()); err != nil {
		w.t.Fatal(err)
	}
	return b
}

// told are the types of the events that the bus sent on, each once, by the
// subject of the event.
func (w *world) told() map[string][]string {
	w.t.Helper()
	for {
		n, err := w.hear(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		if n == 0 {
			return w.heard.all()
		}
	}
}

// heard are the types of the events that were heard, by subject, each event once.
type heard struct {
	sync.Mutex
	seen  map[string]bool
	types map[string][]string
}

func (h *heard) all() map[string][]string {
	h.Lock()
	defer h.Unlock()
	return h.types
}

// hear takes what the queue of the events has, at most ten.
func (w *world) hear(ctx context.Context) (int, error) {
	q := &sqsQueue{client: w.sqs, url: w.queues["events"]}
	ms, err := q.Receive(ctx, 10)
	if err != nil || len(ms) == 0 {
		return 0, err
	}
	w.heard.Lock()
	defer w.heard.Unlock()
	if w.heard.seen == nil {
		w.heard.seen, w.heard.types = map[string]bool{}, map[string][]string{}
	}
	for _, m := range ms {
		var e struct {
			Detail struct{ ID, Type, Subject string } `json:"detail"`
		}
		if err := json.Unmarshal([]byte(m.Body), &e); err != nil {
			return 0, err
		}
		if !w.heard.seen[e.Detail.ID] {
			w.heard.seen[e.Detail.ID] = true
			w.heard.types[e.Detail.Subject] = append(w.heard.types[e.Detail.Subject], e.Detail.Type)
		}
	}
	return len(ms), q.Delete(ctx, ms)
}

// listen hears events while they come, until stop: moto walks through all that
// waits in a queue with each request, so thousands must not gather.
func (w *world) listen() (stop func()) {
	end := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		for {
			select {
			case <-end:
				return
			default:
			}
			if _, err := w.hear(w.t.Context()); err != nil {
				w.t.Errorf("hearing events: %v", err)
				return
			}
		}
	})
	return func() { close(end); all.Wait() }
}
