package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/flow"
)

// Headers of a webhook. The signature is "v1=" and the HMAC-SHA256, in
// hexadecimal, of the timestamp (seconds since 1970), a full stop, and the body.
// A delivery that is tried again has the same id.
const (
	HeaderDelivery  = "Assay-Delivery"
	HeaderTimestamp = "Assay-Timestamp"
	HeaderSignature = "Assay-Signature"
)

// Sign is the value of HeaderSignature.
func Sign(key, timestamp string, body []byte) string {
	h := hmac.New(sha256.New, []byte(key))
	_, _ = io.WriteString(h, timestamp+".") // a hash never fails
	_, _ = h.Write(body)
	return "v1=" + hex.EncodeToString(h.Sum(nil))
}

// Verify is what a receiver does: it reports whether a request was signed with
// key at most tolerance before now. Error: denied.
func Verify(key string, header http.Header, body []byte, now time.Time, tolerance time.Duration) error {
	ts := header.Get(HeaderTimestamp)
	sec, err := strconv.ParseInt(ts, 10, 64)
	if err != nil {
		return pipeline.Errorf(pipeline.CodeDenied, "webhook: %s is not a time", HeaderTimestamp)
	}
	if age := now.Sub(time.Unix(sec, 0)); age > tolerance || age < -tolerance {
		return pipeline.Errorf(pipeline.CodeDenied, "webhook: it was signed %s ago", age)
	}
	if !hmac.Equal([]byte(Sign(key, ts, body)), []byte(header.Get(HeaderSignature))) {
		return pipeline.Errorf(pipeline.CodeDenied, "webhook: the signature does not match")
	}
	return nil
}

// webhookBody is what a webhook gets; keys may be added.
type webhookBody struct {
	SchemaVersion int `json:"schema_version"`
	flow.Dispatch
}

// slackLimit is how long a text Slack shows whole.
const slackLimit = 3000

func (p *People) webhook(ctx context.Context, ch contract.Channel, address string, d flow.Dispatch) error {
	if strings.HasPrefix(address, "http:") && !p.opt.Loopback {
		return pipeline.Errorf(pipeline.CodeDenied, "channel %s: its address is not https", ch.Name)
	}
	var payload any = webhookBody{1, d}
	if ch.Slack {
		text := Text(d)
		if len(text) > slackLimit {
			text = strings.ToValidUTF8(text[:slackLimit], "") + "…"
		}
		// Slack reads these three as markup.
		text = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(text)
		payload = map[string]any{"text": "*" + d.Title + "*", "attachments": []any{map[string]string{"color": color(d.Severity), "text": text, "fallback": d.Title}}}
	}
	body, err := json.Marshal(payload)
	if err != nil {
		return pipeline.Errorf(pipeline.CodeInternal, "channel %s: %w", ch.Name, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return pipeline.Errorf(pipeline.CodeInvalid, "channel %s: its address does not parse", ch.Name)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "assay")
	if !ch.Slack {
		key, err := p.key(ch)
		if err != nil {
			return err
		}
		ts := strconv.FormatInt(d.At.Unix(), 10)
		req.Header.Set(HeaderDelivery, d.ID)
		req.Header.Set(HeaderTimestamp, ts)
		if key != "" {
			req.Header.Set(HeaderSignature, Sign(key, ts, body))
		}
	}
	res, err := p.http.Do(req)
	if errors.Is(err, errRefused) {
		return pipeline.Errorf(pipeline.CodeDenied, "channel %s: %s", ch.Name, reason(err))
	}
	if err != nil {
		// The address may be a secret: it does not stand in the message.
		return pipeline.Errorf(pipeline.CodeUnavailable, "channel %s: %s", ch.Name, reason(err))
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10)) // so that the connection can be used again
	switch {
	case res.StatusCode/100 == 2:
		return nil
	case res.StatusCode == http.StatusGone:
		return pipeline.Errorf(pipeline.CodeDenied, "channel %s: its receiver is gone (410)", ch.Name)
	}
	return pipeline.Errorf(pipeline.CodeUnavailable, "channel %s: its receiver answered %d", ch.Name, res.StatusCode)
}

// key is what signs for a channel.
func (p *People) key(ch contract.Channel) (string, error) {
	if ch.Secret == "" {
		return p.opt.Key, nil
	}
	key, ok := p.opt.Secret(ch.Secret)
	if !ok || key == "" {
		return "", pipeline.Errorf(pipeline.CodeInvalid, "channel %s: the variable %s, which holds its key, is not set", ch.Name, ch.Secret)
	}
	return key, nil
}

// reason is an error of the client without the address.
func reason(err error) string {
	for {
		inner := errors.Unwrap(err)
		if inner == nil || errors.Is(err, errRefused) && !errors.Is(inner, errRefused) {
			return err.Error()
		}
		if strings.HasPrefix(err.Error(), errRefused.Error()) {
			return err.Error()
		}
		err = inner
	}
}

func color(s contract.Severity) string {
	switch s {
	case contract.SeverityError:
		return "#c0392b"
	case contract.SeverityWarning:
		return "#d68910"
	}
	return "#2e86c1"
}
