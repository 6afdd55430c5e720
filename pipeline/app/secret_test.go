package app

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/assay-pipeline/assay/pipeline"
)

// A server of Secrets Manager's protocol with one secret.
func secrets(t *testing.T, text string) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || !strings.HasSuffix(r.Header.Get("X-Amz-Target"), ".GetSecretValue") || !strings.Contains(string(body), "arn:aws:secretsmanager:eu-central-1:123456789012:secret:db") {
			w.Header().Set("X-Amzn-Errortype", "ResourceNotFoundException")
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_ = json.NewEncoder(w).Encode(map[string]string{"SecretString": text})
	}))
	t.Cleanup(s.Close)
	for k, v := range map[string]string{"AWS_ENDPOINT_URL": s.URL, "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_MAX_ATTEMPTS": "1"} {
		t.Setenv(k, v)
	}
}

func TestReveal(t *testing.T) {
	const arn = "secretsmanager:arn:aws:secretsmanager:eu-central-1:123456789012:secret:db"
	ctx := context.Background()
	a := Open(Config{}, Options{})
	secrets(t, `{"username": "assay", "password": "p:#w"}`)
	for in, want := range map[Secret]string{
		"plain":           "plain",
		"":                "",
		arn:               `{"username": "assay", "password": "p:#w"}`,
		arn + "#password": "p:#w",
	} {
		if got, err := a.reveal(ctx, "V", in); err != nil || got != want {
			t.Errorf("%q: %q, %v", string(in), got, err)
		}
	}
	for _, in := range []Secret{arn + "#nothing", "secretsmanager:other"} {
		_, err := a.reveal(ctx, "ASSAY_LLM_KEY", in)
		if err == nil || !strings.Contains(err.Error(), "ASSAY_LLM_KEY") || strings.Contains(err.Error(), "p:#w") {
			t.Errorf("%q: %v, want an error that names the variable and not the secret", string(in), err)
		}
	}
	secrets(t, "no JSON, s3cret")
	if _, err := a.reveal(ctx, "V", arn+"#password"); pipeline.ErrorCode(err) != pipeline.CodeInvalid || strings.Contains(err.Error(), "s3cret") {
		t.Errorf("%v, want invalid without the secret", err)
	}
}

func TestDatabaseToken(t *testing.T) {
	secrets(t, "")
	cfg, err := ReadConfig([]string{"ASSAY_STORE=postgres://assay@db.example.org/assay?sslmode=verify-full", "ASSAY_STORE_PASSWORD=iam:"}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	a := Open(cfg, Options{Now: func() time.Time { return time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC) }})
	token, err := a.storePassword()(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse("https://" + token)
	if err != nil || u.Host != "db.example.org:5432" {
		t.Fatalf("%s (%v)", token, err)
	}
	q := u.Query()
	if q.Get("Action") != "connect" || q.Get("DBUser") != "assay" || q.Get("X-Amz-Expires") != "900" || q.Get("X-Amz-Date") != "20260302T060000Z" ||
		q.Get("X-Amz-Credential") != "test/20260302/eu-central-1/rds-db/aws4_request" || q.Get("X-Amz-Signature") == "" {
		t.Errorf("token: %s", token)
	}
	if got := cfg.Password.String(); got != "…" {
		t.Errorf("the setting shows itself as %q", got)
	}
}

// TestSecretThrottled: Secrets Manager is asked again where it refuses for the
// moment, and not where it refuses for good.
func TestSecretThrottled(t *testing.T) {
	for _, c := range []struct {
		kind   string
		status int
		asked  int
		want   string
	}{
		{"ThrottlingException", http.StatusBadRequest, 3, "s3cret"},
		{"InternalServiceError", http.StatusInternalServerError, 3, "s3cret"},
		{"AccessDeniedException", http.StatusBadRequest, 1, ""},
		{"ExpiredTokenException", http.StatusBadRequest, 1, ""},
	} {
		asked := 0
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if asked++; asked < 3 {
				w.WriteHeader(c.status)
				_ = json.NewEncoder(w).Encode(map[string]string{"__type": "com.amazonaws.secretsmanager#" + c.kind, "Message": "no"})
				return
			}
			if !strings.Contains(r.Header.Get("Authorization"), "test/20260302/eu-central-1/secretsmanager/aws4_request") {
				t.Errorf("signed as %s", r.Header.Get("Authorization"))
			}
			_ = json.NewEncoder(w).Encode(map[string]string{"SecretString": "s3cret"})
		}))
		for k, v := range map[string]string{"AWS_ENDPOINT_URL": s.URL, "AWS_REGION": "eu-central-1", "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"} {
			t.Setenv(k, v)
		}
		a := Open(Config{}, Options{Now: func() time.Time { return time.Date(2026, 3, 2, 6, 0, 0, 0, time.UTC) }})
		got, err := a.reveal(t.Context(), "V", "secretsmanager:db")
		if got != c.want || asked != c.asked || (err == nil) != (c.want != "") {
			t.Errorf("%s: %q after %d requests, %v; want %q after %d", c.kind, got, asked, err, c.want, c.asked)
		}
		if err != nil && !strings.Contains(err.Error(), c.kind) {
			t.Errorf("%v does not say %s", err, c.kind)
		}
		s.Close()
	}
}
