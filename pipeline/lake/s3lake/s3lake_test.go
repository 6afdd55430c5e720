package s3lake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/lake"
	"github.com/assay-pipeline/assay/pipeline/lake/laketest"
)

// endpoint is a store with S3's protocol: ASSAY_TEST_S3, or moto's server,
// which the tests start. Empty: neither is there.
var (
	endpoint string
	why      string
)

func TestMain(m *testing.M) {
	stop := start()
	code := m.Run()
	stop()
	os.Exit(code)
}

func start() (stop func()) {
	if endpoint = os.Getenv("ASSAY_TEST_S3"); endpoint != "" {
		return func() {}
	}
	exe, err := exec.LookPath("moto_server")
	if err != nil {
		why = "needs an S3 server: pip install 'moto[server]', or set ASSAY_TEST_S3 to the URL of one"
		return func() {}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		why = err.Error()
		return func() {}
	}
	addr := l.Addr().String()
	_, port, _ := net.SplitHostPort(addr)
	if err := l.Close(); err != nil {
		why = err.Error()
		return func() {}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, exe, "-H", "127.0.0.1", "-p", port)
	if err := cmd.Start(); err != nil {
		cancel()
		why = "moto_server: " + err.Error()
		return func() {}
	}
	stop = func() {
		cancel()
		_ = cmd.Wait() // killed
	}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if c, err := net.Dial("tcp", addr); err == nil {
			_ = c.Close() // it listens
			endpoint = "http://" + addr
			return stop
		}
	}
	why = "moto_server did not listen within 20 s"
	return stop
}

var buckets atomic.Int64

// open returns n drivers over one new bucket, each with its own client.
func open(t *testing.T, n int) []lake.Driver {
	t.Helper()
	if endpoint == "" {
		t.Skip(why)
	}
	name := fmt.Sprintf("lake-%d-%d", os.Getpid(), buckets.Add(1))
	if _, err := client(nil).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &name}); err != nil {
		t.Fatal(err)
	}
	ds := make([]lake.Driver, n)
	for i := range ds {
		b, err := New(client(nil), name, "some/prefix")
		if err != nil {
			t.Fatal(err)
		}
		b.page = aws.Int32(50)
		ds[i] = b
	}
	return ds
}

func client(h aws.HTTPClient) *s3.Client {
	return s3.New(s3.Options{
		BaseEndpoint: aws.String(endpoint), UsePathStyle: true, Region: "us-east-1", HTTPClient: h,
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""),
	})
}

func TestConformance(t *testing.T) { laketest.Run(t, open) }

func TestNew(t *testing.T) {
	for _, bad := range [][2]string{{"", ""}, {"a/b", ""}, {"b", "../x"}, {"b", "x//y"}} {
		if _, err := New(nil, bad[0], bad[1]); err == nil {
			t.Errorf("New(%q, %q) succeeds", bad[0], bad[1])
		}
	}
	for prefix, want := range map[string]string{"": "s3://b/data/x", "p": "s3://b/p/data/x", "/p/q/": "s3://b/p/q/data/x"} {
		b, err := New(nil, "b", prefix)
		if err != nil || b.Location("data/x") != want {
			t.Errorf("prefix %q: %q, %v", prefix, b.Location("data/x"), err)
		}
	}
}

// TestPrefixes: lakes below two prefixes of one bucket do not see each other.
func TestPrefixes(t *testing.T) {
	a := open(t, 1)[0].(*Bucket)
	b := &Bucket{client: a.client, bucket: a.bucket, prefix: "some/prefix2/"}
	for _, d := range []*Bucket{a, b} {
		if _, err := d.Put(t.Context(), "data/x", strings.NewReader(d.prefix), lake.Condition{}); err != nil {
			t.Fatal(err)
		}
		n := 0
		for o, err := range d.List(t.Context(), "", "") {
			if err != nil || o.Key != "data/x" {
				t.Errorf("%s lists %q, %v", d.prefix, o.Key, err)
			}
			n++
		}
		if n != 1 {
			t.Errorf("%s lists %d objects", d.prefix, n)
		}
	}
}

// TestSweep: uploads that nobody will finish are found and dropped, those of
// others below another prefix are not.
func TestSweep(t *testing.T) {
	b := open(t, 1)[0].(*Bucket)
	begin := func(key string) {
		if _, err := b.client.CreateMultipartUpload(t.Context(), &s3.CreateMultipartUploadInput{Bucket: &b.bucket, Key: aws.String(key)}); err != nil {
			t.Fatal(err)
		}
	}
	begin("some/prefix/data/orders/b1/p")
	begin("other/data/orders/b1/p")
	for i := range 60 { // more than a page
		begin(fmt.Sprintf("some/prefix/many/%02d", i))
	}
	// moto dates every upload to 2010.
	if young, err := b.Sweep(t.Context(), time.Date(2009, 1, 1, 0, 0, 0, 0, time.UTC), false); err != nil || len(young) != 0 {
		t.Fatalf("young uploads were dropped: %v, %v", young, err)
	}
	for _, dry := range []bool{true, false} {
		found, err := b.Sweep(t.Context(), time.Now().Add(time.Hour), dry)
		if err != nil || len(found) != 61 || found[0].Key != "data/orders/b1/p" {
			t.Fatalf("Sweep, dry %v: %v, %v", dry, found, err)
		}
	}
	if found, err := b.Sweep(t.Context(), time.Now().Add(time.Hour), false); err != nil || len(found) != 0 {
		t.Fatalf("the second Sweep: %v, %v", found, err)
	}
}

// TestAbsentBucket: a bucket that is not there is never an empty feed.
func TestAbsentBucket(t *testing.T) {
	b := open(t, 1)[0].(*Bucket)
	b = &Bucket{client: b.client, bucket: "no-such-bucket-" + b.bucket}
	l := lake.New(b, lake.Options{})
	_, err := l.Current(t.Context(), "orders")
	if pipeline.ErrorCode(err) != pipeline.CodeUnavailable {
		t.Errorf("Current: %q %v", pipeline.ErrorCode(err), err)
	}
	for _, err := range l.Landed(t.Context(), "") {
		if pipeline.ErrorCode(err) != pipeline.CodeUnavailable {
			t.Errorf("Landed: %q %v", pipeline.ErrorCode(err), err)
		}
	}
}

// TestUnreachable: neither is a store that does not answer.
func TestUnreachable(t *testing.T) {
	c := s3.New(s3.Options{BaseEndpoint: aws.String("http://127.0.0.1:1"), UsePathStyle: true, Region: "us-east-1",
		Credentials: credentials.NewStaticCredentialsProvider("test", "test", ""), RetryMaxAttempts: 1})
	b, err := New(c, "bucket", "")
	if err != nil {
		t.Fatal(err)
	}
	_, err = lake.New(b, lake.Options{}).Current(t.Context(), "orders")
	if pipeline.ErrorCode(err) != pipeline.CodeUnavailable || !strings.Contains(err.Error(), "s3://bucket/curated/orders/_manifest.json") {
		t.Errorf("Current: %q %v", pipeline.ErrorCode(err), err)
	}
}

// lost passes requests on and loses the answer of the first of one method to
// one key, as a broken connection does.
type lost struct {
	suffix string
	left   atomic.Int32
}

func (l *lost) Do(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultClient.Do(r)
	if err == nil && r.Method == http.MethodPut && strings.HasSuffix(r.URL.Path, l.suffix) && l.left.Add(-1) >= 0 {
		_, err = io.Copy(io.Discard, resp.Body)
		err = errors.Join(err, resp.Body.Close(), &net.OpError{Op: "read", Err: errors.New("connection reset by peer")})
		return nil, err
	}
	return resp, err
}

// TestLostAnswer: a swap whose answer is lost is sent again and refused, and
// the publish still knows that it won.
func TestLostAnswer(t *testing.T) {
	b := open(t, 1)[0].(*Bucket)
	h := &lost{suffix: "/_manifest.json"}
	h.left.Store(1)
	d := &Bucket{client: client(h), bucket: b.bucket, prefix: b.prefix}
	l := lake.New(d, lake.Options{})
	m, err := l.Publish(t.Context(), lake.Manifest{Feed: "orders", Batch: "b1"})
	if err != nil || m.Seq != 1 {
		t.Fatalf("Publish: %v, %v", m, err)
	}
	if h.left.Load() >= 0 {
		t.Fatal("no answer was lost")
	}
	if cur, err := lake.New(b, lake.Options{}).Current(t.Context(), "orders"); err != nil || cur.ID != m.ID {
		t.Fatalf("Current: %v, %v", cur, err)
	}
}

func TestMapped(t *testing.T) {
	b := open(t, 1)[0].(*Bucket)
	_, _, err := b.Get(t.Context(), "absent", 0, -1)
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Get of an absent key: %v", err)
	}
	if _, err := total("bytes */10"); err == nil {
		t.Error("a Content-Range without a range passes")
	}
}
