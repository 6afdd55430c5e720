package gate_test

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/gate"
)

const photosContract = `apiVersion: v3.1.0
kind: DataContract
id: photos
version: 1.0.0
status: active
schema:
  - name: photos
    properties:
      - {name: document, logicalType: string, required: true, unique: true}
      - name: bytes
        logicalType: integer
        quality:
          - {id: usual-size, type: custom, engine: assay, implementation: {usual: 3, window: 5, atMost: 20%}}
      - {name: type, logicalType: string}
      - {name: width, logicalType: integer, required: true}
customProperties:
  - {property: assay.kind, value: objects}
`

// photo is a PNG of about side² noisy pixels.
func photo(r *rand.Rand, side int) []byte {
	m := image.NewGray(image.Rect(0, 0, side, side))
	for y := range side {
		for x := range side {
			m.SetGray(x, y, color.Gray{uint8(r.IntN(256))})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func archive(t testing.TB, files map[string][]byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for name, data := range files {
		w, err := z.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestUnusualSizes: 90 % of the images are 90 % smaller than usual; every one of
// them is a good image, and the batch is held.
func TestUnusualSizes(t *testing.T) {
	g := compile(t, photosContract)
	r := rand.New(rand.NewPCG(1, 2))
	batch := func(small int) []byte {
		files := map[string][]byte{}
		for i := range 100 {
			side := 60 + r.IntN(12)
			if i < small {
				side = side * 100 / 316
			}
			files[fmt.Sprintf("p%03d.png", i)] = photo(r, side)
		}
		return archive(t, files)
	}
	var past []*gate.Profile
	for i := range 4 {
		rep, err := g.Judge(context.Background(), bytesInput("photos.zip", batch(i)), gate.Options{History: past})
		if err != nil {
			t.Fatal(err)
		}
		if want := pipeline.Publish; rep.Decision != want || rep.Verdict != pipeline.Passed {
			t.Fatalf("batch %d: %s %s %s", i, rep.Verdict, rep.Decision, rep.Reason)
		}
		if c := check(t, rep, "bytes", "usual"); (c.Result == gate.ResultNotJudged) != (i == 0) {
			t.Errorf("batch %d: usual is %s", i, c.Result)
		}
		past = append(past, rep.Profile)
	}
	rep, err := g.Judge(context.Background(), bytesInput("photos.zip", batch(90)), gate.Options{History: past})
	if err != nil {
		t.Fatal(err)
	}
	if rep.Decision != pipeline.Hold || rep.Rows.Rejected != 0 || len(rep.Violations) != 1 || rep.Violations[0] != "usual-size" {
		t.Errorf("%s, %d rejected, %v", rep.Decision, rep.Rows.Rejected, rep.Violations)
	}
	c := check(t, rep, "bytes", "usual")
	if c.Failed < 85 || c.Evaluated != 100 || len(c.Samples) == 0 || !strings.HasSuffix(c.Samples[0].Document, ".png") {
		t.Errorf("%+v", c)
	}
}

// TestObjectsBadInput: what is no batch of objects is said, and is no pass.
func TestObjectsBadInput(t *testing.T) {
	g := compile(t, photosContract)
	whole := archive(t, map[string][]byte{"a.png": photo(rand.New(rand.NewPCG(1, 1)), 20)})
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"empty.zip":   {archive(t, nil), "no objects"},
		"no.zip":      {[]byte("id,name\n1,a\n"), "not a ZIP archive"},
		"cut.zip":     {whole[:len(whole)/2], "not a ZIP archive"},
		"nothing.zip": {nil, "not a ZIP archive"},
		"slip.zip":    {archive(t, map[string][]byte{"../a.png": {1}}), "no relative path"},
		"bomb.zip":    {archive(t, map[string][]byte{"a.png": make([]byte, 80<<20)}), "zip bomb"},
	} {
		rep, err := g.Judge(context.Background(), bytesInput(name, c.data), gate.Options{})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if rep.Verdict != pipeline.VerdictError || !strings.Contains(rep.Problem.Message, c.want) {
			t.Errorf("%s: %s %+v", name, rep.Verdict, rep.Problem)
		}
	}
	broken := bytes.Clone(whole)
	broken[60] ^= 0xff
	rep, err := g.Judge(context.Background(), bytesInput("broken.zip", broken), gate.Options{})
	if err != nil || rep.Verdict != pipeline.VerdictError {
		t.Errorf("a damaged file in the archive: %v %v", rep, err)
	}
}

const eventsContract = `apiVersion: v3.1.0
kind: DataContract
id: clicks
version: 1.0.0
status: active
schema:
  - name: clicks
    quality: [{metric: rowCount, mustBeGreaterThan: 1}]
    properties:
      - {name: id, logicalType: string, required: true, unique: true}
      - {name: n, logicalType: integer, logicalTypeOptions: {maximum: 9}}
      - {name: mail, logicalType: string, classification: confidential, logicalTypeOptions: {format: email}}
customProperties:
  - {property: assay.kind, value: stream}
`

// TestEvents: each event has its own judgement, in the order it came.
func TestEvents(t *testing.T) {
	g := compile(t, eventsContract)
	rep, events, err := g.Events(context.Background(), "queue", [][]byte{
		[]byte(`{"id":"a","n":1}`), []byte("{\"id\":\"b\",\n\"n\":12,\"mail\":\"nobody\"}"), []byte(""), []byte(`{"id":"a","n":2}`), []byte(`{"id":`),
	}, gate.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if rep.Rows != (pipeline.Rows{Read: 5, Accepted: 1, Rejected: 4}) {
		t.Errorf("%+v", rep.Rows)
	}
	var got []string
	for _, e := range events {
		s := fmt.Sprint(e.Number, e.Accepted)
		for _, r := range e.Reasons {
			s += " " + r.Code + "/" + r.Column + "/" + r.Value
		}
		got = append(got, s)
	}
	want := []string{"1 true", "2 false maximum/n/12 format/mail/[masked]", "3 false not_an_object//", "4 false unique/id/a", "5 false json_syntax//"}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}

// TestStreamWindows: windows by count and by time; every event stands in
// exactly one of them, and the rest is judged at the end.
func TestStreamWindows(t *testing.T) {
	g := compile(t, eventsContract)
	now := time.Date(2026, 3, 1, 6, 0, 0, 0, time.UTC)
	var in strings.Builder
	for i := range 25 {
		fmt.Fprintf(&in, "{\"id\":\"e%d\",\"n\":%d}\n\n", i, i%11)
	}
	var sizes []int64
	var numbers []int64
	s := &gate.Stream{Gate: g, Count: 10, Now: func() time.Time { return now }}
	err := s.Judge(context.Background(), "stdin", strings.NewReader(in.String()), func(w gate.Window) error {
		sizes = append(sizes, w.Report.Rows.Read)
		for _, e := range w.Events {
			numbers = append(numbers, e.Number)
			if !e.Accepted && (e.Number-1)%11 < 10 {
				t.Errorf("event %d is rejected", e.Number)
			}
		}
		return nil
	})
	if err != nil || fmt.Sprint(sizes) != "[10 10 5]" || len(numbers) != 25 || numbers[24] != 25 {
		t.Fatal(err, sizes, numbers)
	}

	pr, pw := io.Pipe()
	sizes = nil
	closed := make(chan bool)
	go func() {
		_, _ = io.WriteString(pw, "{\"id\":\"a\"}\n{\"id\":\"b\"}\n")
		<-closed
		_, _ = io.WriteString(pw, "{\"id\":\"c\"}\n{\"id\":\"d\"}")
		_ = pw.Close()
	}()
	s = &gate.Stream{Gate: g, Every: 20 * time.Millisecond, Now: time.Now}
	err = s.Judge(context.Background(), "stdin", pr, func(w gate.Window) error {
		if sizes = append(sizes, w.Report.Rows.Read); len(sizes) == 1 {
			close(closed)
		}
		return nil
	})
	if err != nil || fmt.Sprint(sizes) != "[2 2]" {
		t.Fatal(err, sizes)
	}
}

// TestStreamCanceled: what came before is judged still.
func TestStreamCanceled(t *testing.T) {
	g := compile(t, eventsContract)
	pr, pw := io.Pipe()
	defer func() { _ = pw.Close() }()
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.WriteString(pw, "{\"id\":\"a\"}\n{\"id\":\"b\"}\n{\"id\":\"c\"}\n")
		_, _ = io.WriteString(pw, "\n")
		cancel()
	}()
	n := int64(0)
	s := &gate.Stream{Gate: g, Every: time.Hour, Now: time.Now}
	err := s.Judge(ctx, "stdin", pr, func(w gate.Window) error { n += w.Report.Rows.Read; return nil })
	if err == nil || n != 3 {
		t.Errorf("%d events, %v", n, err)
	}
}
