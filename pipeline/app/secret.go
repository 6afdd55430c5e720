package app

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/assay-pipeline/assay/pipeline"
)

// reveal is the secret that a setting holds or names: "secretsmanager:ARN" is the
// text of a secret of Secrets Manager, "secretsmanager:ARN#FIELD" a field of one
// that is a JSON object, anything else is the secret itself. Functions are given
// names, since variables of a function can be read by whoever may look at it.
// Errors: invalid, not_found, denied, unavailable.
func (a *App) reveal(ctx context.Context, variable string, s Secret) (string, error) {
	name, ok := strings.CutPrefix(string(s), "secretsmanager:")
	if !ok {
		return string(s), nil
	}
	id, field, _ := strings.Cut(name, "#")
	cfg, err := awsConfig(variable, "secretsmanager:…") //nolint:contextcheck // reads configuration, makes no request
	if err != nil {
		return "", err
	}
	text, err := a.getSecretValue(ctx, cfg, id)
	if err != nil {
		return "", pipeline.Errorf(pipeline.CodeUnavailable, "%s: the secret cannot be read: %w", variable, err).
			WithHint("allow secretsmanager:GetSecretValue on %s", id)
	}
	if field == "" {
		return text, nil
	}
	var fields map[string]any
	if err := json.Unmarshal([]byte(text), &fields); err != nil {
		// The error would quote the secret.
		return "", pipeline.Errorf(pipeline.CodeInvalid, "%s: the secret is not a JSON object, so it has no field %s", variable, field)
	}
	v, ok := fields[field].(string)
	if !ok {
		return "", pipeline.Errorf(pipeline.CodeInvalid, "%s: the secret has no text in its field %s", variable, field)
	}
	return v, nil
}

// storePassword is how a connection to the database gets its password: nil where
// the URL or the environment holds it. It is asked before each connection, so
// that a password that was rotated, or a token that expired, is a new one then.
func (a *App) storePassword() func(ctx context.Context) (string, error) {
	p := a.Config.Password
	switch p {
	case "":
		return nil
	case "iam:":
		return a.databaseToken
	}
	return func(ctx context.Context) (string, error) { return a.reveal(ctx, "ASSAY_STORE_PASSWORD", p) }
}

// databaseToken is a password for IAM authentication at RDS: a signed request of
// fifteen minutes.
func (a *App) databaseToken(ctx context.Context) (string, error) {
	u, err := url.Parse(a.Config.Store)
	if err != nil || u.User == nil || u.Hostname() == "" {
		return "", pipeline.Errorf(pipeline.CodeInvalid, "ASSAY_STORE names no user and host, so there is nothing to ask a token for")
	}
	cfg, err := awsConfig("ASSAY_STORE_PASSWORD", "iam:") //nolint:contextcheck // as above
	if err != nil {
		return "", err
	}
	port := u.Port()
	if port == "" {
		port = "5432"
	}
	credentials, err := cfg.Credentials.Retrieve(ctx)
	if err != nil {
		return "", pipeline.Errorf(pipeline.CodeUnavailable, "ASSAY_STORE_PASSWORD: no credentials of AWS: %w", err)
	}
	q := url.Values{"Action": {"connect"}, "DBUser": {u.User.Username()}, "X-Amz-Expires": {"900"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+u.Hostname()+":"+port+"/?"+q.Encode(), nil)
	if err != nil {
		return "", pipeline.Errorf(pipeline.CodeInvalid, "ASSAY_STORE: %w", err)
	}
	// The hash of an empty body.
	const nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	signed, _, err := v4.NewSigner().PresignHTTP(ctx, credentials, req, nothing, "rds-db", cfg.Region, a.now().UTC().Truncate(time.Second))
	if err != nil {
		return "", pipeline.Errorf(pipeline.CodeUnavailable, "ASSAY_STORE_PASSWORD: %w", err)
	}
	return strings.TrimPrefix(signed, "https://"), nil
}
