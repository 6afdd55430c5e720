package main

import (
	"encoding/json"
	"net/url"
	"strconv"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
)

// A landed names one object of an event: bucket and key as they are in S3. Err
// says why it cannot be named.
type landed struct {
	Bucket, Key string
	Err         error
}

// A delivery is what came together and is acknowledged together: a message of a
// queue, or the whole of an event that came without one.
type delivery struct {
	Message string // id in the queue, "" outside one
	// Trace is the traceparent of what sent it.
	Trace string
	// Tries is how often the queue has delivered it, this time included; 0 outside
	// a queue.
	Tries   int
	Objects []landed
}

// envelope is what tells the kinds of event apart.
type envelope struct {
	// Of an S3 notification and of SQS.
	Records []json.RawMessage `json:"Records"`
	// Of EventBridge.
	DetailType string          `json:"detail-type"`
	Detail     json.RawMessage `json:"detail"`
	// Of the message by which S3 tries a new notification.
	Event string `json:"Event"`
	// Of a direct invocation.
	Bucket string `json:"bucket"`
	Key    string `json:"key"`
	// Of the state machine; see steps.go.
	Step string `json:"step"`
}

const shapes = `send an S3 notification, an EventBridge event "Object Created", either of them in SQS, or {"bucket": …, "key": …}`

// deliveries reads an event. The second result says that it came through SQS.
func deliveries(raw json.RawMessage) ([]delivery, bool, error) {
	var e envelope
	if err := json.Unmarshal(raw, &e); err != nil {
		return nil, false, pipeline.Errorf(pipeline.CodeInvalid, "the event is not a JSON object: %w", err).WithHint(shapes)
	}
	var source struct {
		EventSource string `json:"eventSource"`
	}
	if len(e.Records) > 0 {
		if err := json.Unmarshal(e.Records[0], &source); err != nil {
			return nil, false, pipeline.Errorf(pipeline.CodeInvalid, "the event's first record does not read: %w", err).WithHint(shapes)
		}
	}
	if source.EventSource != "aws:sqs" {
		objects, err := objects(e)
		return []delivery{{Objects: objects}}, false, err
	}
	var queue events.SQSEvent
	if err := json.Unmarshal(raw, &queue); err != nil {
		return nil, true, pipeline.Errorf(pipeline.CodeInvalid, "the event of the queue does not read: %w", err)
	}
	out := make([]delivery, len(queue.Records))
	for i, m := range queue.Records {
		out[i].Message, out[i].Trace = m.MessageId, app.FromXRay(m.Attributes["AWSTraceHeader"])
		out[i].Tries, _ = strconv.Atoi(m.Attributes["ApproximateReceiveCount"]) // a queue says it
		var inner envelope
		err := json.Unmarshal([]byte(m.Body), &inner)
		if err != nil {
			err = pipeline.Errorf(pipeline.CodeInvalid, "message %s is not a JSON object: %w", m.MessageId, err).WithHint(shapes)
		} else {
			out[i].Objects, err = objects(inner)
		}
		if err != nil {
			out[i].Objects = []landed{{Err: err}}
		}
	}
	return out, true, nil
}

// objects are the objects that one notification is about.
func objects(e envelope) ([]landed, error) {
	switch {
	case e.Key != "":
		return []landed{{Bucket: e.Bucket, Key: e.Key}}, nil
	case e.Event == "s3:TestEvent":
		return nil, nil // S3 tries whether the queue takes its notifications
	case e.DetailType == "Object Created":
		// EventBridge sends keys as they are.
		var detail struct {
			Bucket struct {
				Name string `json:"name"`
			} `json:"bucket"`
			Object struct {
				Key string `json:"key"`
			} `json:"object"`
		}
		if err := json.Unmarshal(e.Detail, &detail); err != nil || detail.Object.Key == "" {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "the event's detail names no object").WithHint(shapes)
		}
		return []landed{{Bucket: detail.Bucket.Name, Key: detail.Object.Key}}, nil
	case e.DetailType != "":
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "the event is a %q", e.DetailType).WithHint(shapes)
	}
	var out []landed
	for _, raw := range e.Records {
		// Only what is needed is read: that a time lacks its zone is no reason to
		// refuse an object.
		var r struct {
			EventName string `json:"eventName"`
			S3        struct {
				Bucket struct {
					Name string `json:"name"`
				} `json:"bucket"`
				Object struct {
					Key string `json:"key"`
				} `json:"object"`
			} `json:"s3"`
		}
		if err := json.Unmarshal(raw, &r); err != nil {
			out = append(out, landed{Err: pipeline.Errorf(pipeline.CodeInvalid, "a record does not read: %w", err)})
			continue
		}
		if r.S3.Object.Key == "" || r.EventName != "" && !strings.HasPrefix(strings.TrimPrefix(r.EventName, "s3:"), "ObjectCreated:") {
			continue
		}
		// S3 encodes keys as in a query string: "+" is a space.
		key, err := url.QueryUnescape(r.S3.Object.Key)
		if err != nil {
			err = pipeline.Errorf(pipeline.CodeInvalid, "object key %q: %w", r.S3.Object.Key, err)
		}
		out = append(out, landed{Bucket: r.S3.Bucket.Name, Key: key, Err: err})
	}
	if len(out) == 0 {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "the event names no object that was created").WithHint(shapes)
	}
	return out, nil
}
