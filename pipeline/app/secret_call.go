package app

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// secretTries is how often Secrets Manager is asked for a secret before that
// fails.
const secretTries = 3

// getSecretValue is the operation GetSecretValue of Secrets Manager: one signed
// request, made here since the client of the SDK would make every function
// larger and its start longer. What is throttled, or fails on the side of AWS, is
// asked for again.
func (a *App) getSecretValue(ctx context.Context, cfg aws.Config, id string) (string, error) {
	body, err := json.Marshal(map[string]string{"SecretId": id})
	if err != nil {
		return "", err
	}
	for try := 1; ; try++ {
		text, again, err := a.askSecret(ctx, cfg, body)
		if err == nil || !again || try == secretTries {
			return text, err
		}
		select {
		case <-ctx.Done():
			return "", errors.Join(err, ctx.Err())
		case <-time.After(time.Duration(try*try) * 100 * time.Millisecond):
		}
	}
}

// askSecret asks once; again reports whether asking again may help.
func (a *App) askSecret(ctx context.Context, cfg aws.Config, body []byte) (text string, again bool, err error) {
	credentials, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return "", false, fmt.Errorf("no credentials of AWS: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, secretsEndpoint(cfg), bytes.NewReader(body))
	if err != nil {
		return "", false, err
	}
	req.Header.Set("Content-Type", "application/x-amz-json-1.1")
	req.Header.Set("X-Amz-Target", "secretsmanager.GetSecretValue")
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, credentials, req, hex.EncodeToString(sum[:]), "secretsmanager", cfg.Region, a.now().UTC()); err != nil {
		return "", false, err
	}
	client := http.Client{Timeout: 10 * time.Second}
	res, err := client.Do(req)
	if err != nil {
		return "", ctx.Err() == nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 1<<20)) // a secret has at most 64 KiB
	if err != nil {
		return "", true, err
	}
	var out struct {
		Secret  string `json:"SecretString"`
		Type    string `json:"__type"`
		Message string `json:"Message"`
	}
	unread := json.Unmarshal(answer, &out)
	if res.StatusCode == http.StatusOK {
		if unread != nil { // its own text would quote the secret
			return "", true, errors.New("the answer of Secrets Manager is not JSON")
		}
		return out.Secret, false, nil
	}
	kind := out.Type
	if kind == "" {
		kind, _, _ = strings.Cut(res.Header.Get("X-Amzn-Errortype"), ":")
	}
	kind = kind[strings.LastIndex(kind, "#")+1:] // com.amazonaws…#Kind
	again = res.StatusCode >= 500 || res.StatusCode == http.StatusTooManyRequests || strings.Contains(kind, "Throttl")
	return "", again, fmt.Errorf("status %s %s: %s", res.Status, kind, out.Message)
}

// secretsEndpoint is where Secrets Manager of a region answers.
func secretsEndpoint(cfg aws.Config) string {
	if u := os.Getenv("AWS_ENDPOINT_URL_SECRETS_MANAGER"); u != "" {
		return u
	}
	if cfg.BaseEndpoint != nil {
		return *cfg.BaseEndpoint
	}
	domain := "amazonaws.com"
	switch {
	case strings.HasPrefix(cfg.Region, "cn-"):
		domain = "amazonaws.com.cn"
	case strings.HasPrefix(cfg.Region, "eusc-"):
		domain = "amazonaws.eu"
	}
	return "https://secretsmanager." + cfg.Region + "." + domain + "/"
}
