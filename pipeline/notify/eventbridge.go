package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
	"github.com/aws/smithy-go"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

var _ flow.Publisher = (*EventBridge)(nil)

// What one call of PutEvents takes.
const (
	entriesAtOnce = 10
	entryBytes    = 256 << 10
)

// putTries is how often an entry that EventBridge refused for the moment is put
// before the whole is given back as unavailable.
const putTries = 6

// A BusClient is the part of EventBridge's client that a bus needs.
type BusClient interface {
	PutEvents(ctx context.Context, in *eventbridge.PutEventsInput, opts ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error)
}

// An EventBridge puts events on a bus. Its detail is the whole CloudEvent, its
// detail-type the event's type, its source the event's source, so that rules can
// match all three.
//
// PutEvents may take some entries of a call and refuse others, so a call holds
// at most one event of each key (feed), and the next one of a feed is put when
// the one before it was taken: events of a feed arrive in their order, those of
// different feeds go side by side.
type EventBridge struct {
	client BusClient
	bus    string
	// Refused, where set, is told how many entries the bus did not take, each time
	// that it did not, also where it took them later.
	Refused func(entries int)
	// sleep waits between tries.
	sleep func(ctx context.Context, d time.Duration) error
}

// NewEventBridge returns the publisher on the bus of that name or ARN.
func NewEventBridge(client BusClient, bus string) *EventBridge {
	return &EventBridge{client: client, bus: bus, sleep: sleep}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Publish puts events on the bus. Errors: invalid (an event that EventBridge can
// never take), not_found (no such bus), denied, unavailable. After an error some
// may have been taken; consumers drop repeats by id.
func (p *EventBridge) Publish(ctx context.Context, events []pipeline.Event) error {
	lanes, err := p.lanes(events)
	if err != nil {
		return err
	}
	wait := 100 * time.Millisecond
	for tries := 0; len(lanes) > 0; {
		heads := lanes[:min(len(lanes), entriesAtOnce)]
		entries := make([]types.PutEventsRequestEntry, len(heads))
		for i, lane := range heads {
			entries[i] = lane[0]
		}
		out, err := p.client.PutEvents(ctx, &eventbridge.PutEventsInput{Entries: entries})
		if err != nil {
			p.refused(len(entries))
			return p.wrap(err)
		}
		if out.FailedEntryCount > 0 {
			p.refused(int(out.FailedEntryCount))
		}
		taken, refused, err := sort(entries, out)
		if err != nil {
			return err
		}
		// The lanes that moved go to the back, so that none waits for another.
		var rest [][]types.PutEventsRequestEntry
		for i, lane := range heads {
			if taken[i] {
				lane = lane[1:]
			}
			if len(lane) > 0 {
				rest = append(rest, lane)
			}
		}
		lanes = append(lanes[len(heads):], rest...)
		if refused == "" {
			tries, wait = 0, 100*time.Millisecond
			continue
		}
		if tries++; tries == putTries {
			return pipeline.Errorf(pipeline.CodeUnavailable, "events: bus %s refused entries %d times: %s", p.bus, tries, refused).
				WithHint("they stay in the outbox; run again")
		}
		if err := p.sleep(ctx, wait); err != nil {
			return pipeline.Errorf(pipeline.ErrorCode(err), "events: %w", err)
		}
		wait *= 2
	}
	return nil
}

func (p *EventBridge) refused(entries int) {
	if p.Refused != nil {
		p.Refused(entries)
	}
}

// lanes are the entries by key, each in order.
func (p *EventBridge) lanes(events []pipeline.Event) ([][]types.PutEventsRequestEntry, error) {
	var lanes [][]types.PutEventsRequestEntry
	at := map[string]int{}
	for _, e := range events {
		detail, err := json.Marshal(e)
		if err != nil {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "event %s of type %s: %w", e.ID, e.Type, err)
		}
		// As AWS counts: 14 bytes for the time, and the texts.
		if n := 14 + len(e.Source) + len(e.Type) + len(detail); n > entryBytes {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "event %s of type %s has %d bytes, EventBridge takes %d", e.ID, e.Type, n, entryBytes)
		}
		i, ok := at[e.Key]
		if !ok {
			i = len(lanes)
			at[e.Key], lanes = i, append(lanes, nil)
		}
		lanes[i] = append(lanes[i], types.PutEventsRequestEntry{
			EventBusName: &p.bus, Source: aws.String(e.Source), DetailType: aws.String(e.Type),
			Detail: aws.String(string(detail)), Time: aws.Time(e.Time),
		})
	}
	return lanes, nil
}

// sort tells the entries that were taken from those that were refused for the
// moment, with the last reason. Error: invalid, for what will never be taken.
func sort(entries []types.PutEventsRequestEntry, out *eventbridge.PutEventsOutput) (taken []bool, refused string, err error) {
	if len(out.Entries) != len(entries) {
		return nil, "", pipeline.Errorf(pipeline.CodeUnavailable, "events: %d entries were put, the answer is about %d", len(entries), len(out.Entries))
	}
	taken = make([]bool, len(entries))
	for i, r := range out.Entries {
		switch code := aws.ToString(r.ErrorCode); code {
		case "":
			taken[i] = true
		case "ThrottlingException", "Throttling", "InternalFailure", "InternalException", "ServiceUnavailable", "RequestLimitExceeded":
			refused = code + ": " + aws.ToString(r.ErrorMessage)
		default:
			return nil, "", pipeline.Errorf(pipeline.CodeInvalid, "events: an event of type %s was refused: %s: %s", aws.ToString(entries[i].DetailType), code, aws.ToString(r.ErrorMessage))
		}
	}
	return taken, refused, nil
}

// wrap gives an error of a whole call its code.
func (p *EventBridge) wrap(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return pipeline.Errorf(pipeline.ErrorCode(err), "events: %w", err)
	}
	what := fmt.Sprintf("events: bus %s", p.bus)
	var api smithy.APIError
	if errors.As(err, &api) {
		switch api.ErrorCode() {
		case "ResourceNotFoundException":
			return pipeline.Errorf(pipeline.CodeNotFound, "%s: %w", what, err).WithHint("make the bus, or name another in ASSAY_EVENTS")
		case "AccessDeniedException", "AccessDenied", "NotAuthorizedForSourceException", "UnrecognizedClientException", "InvalidClientTokenId":
			return pipeline.Errorf(pipeline.CodeDenied, "%s: %w", what, err).WithHint("allow events:PutEvents on the bus")
		case "ValidationException":
			return pipeline.Errorf(pipeline.CodeInvalid, "%s: %w", what, err)
		}
	}
	return pipeline.Errorf(pipeline.CodeUnavailable, "%s: %w", what, err).WithHint("they stay in the outbox; run again")
}
