package llmtest

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"sort"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

const accessKey = "AKIALOOPBACK00000000"

func credentials(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: accessKey, SecretAccessKey: Key}, nil
}

// checkSignature recomputes the AWS signature, version 4, of a request
// (docs.aws.amazon.com, "Create a signed AWS API request").
func checkSignature(r *http.Request, body []byte) error {
	const prefix = "AWS4-HMAC-SHA256 "
	auth := r.Header.Get("Authorization")
	if !strings.HasPrefix(auth, prefix) {
		return errors.New("MissingAuthenticationToken")
	}
	parts := map[string]string{}
	for p := range strings.SplitSeq(auth[len(prefix):], ",") {
		k, v, _ := strings.Cut(strings.TrimSpace(p), "=")
		parts[k] = v
	}
	scope := strings.Split(parts["Credential"], "/")
	if len(scope) != 5 || scope[0] != accessKey || scope[3] != "bedrock" || scope[4] != "aws4_request" {
		return fmt.Errorf("the scope %q is not that of bedrock", parts["Credential"])
	}
	signed := strings.Split(parts["SignedHeaders"], ";")
	sort.Strings(signed)
	var canonical strings.Builder
	// The path of the request is encoded once more: AWS signs it so for every
	// service but S3.
	path := r.URL.EscapedPath()
	path = strings.ReplaceAll(path, "%", "%25")
	fmt.Fprintf(&canonical, "%s\n%s\n%s\n", r.Method, path, r.URL.RawQuery)
	for _, h := range signed {
		v := strings.Join(r.Header.Values(h), ",")
		switch h {
		case "host":
			v = r.Host
		case "content-length":
			v = fmt.Sprint(len(body))
		}
		fmt.Fprintf(&canonical, "%s:%s\n", h, strings.Join(strings.Fields(v), " "))
	}
	payload := sha256.Sum256(body)
	fmt.Fprintf(&canonical, "\n%s\n%s", strings.Join(signed, ";"), hex.EncodeToString(payload[:]))
	hashed := sha256.Sum256([]byte(canonical.String()))
	toSign := strings.Join([]string{"AWS4-HMAC-SHA256", r.Header.Get("X-Amz-Date"), strings.Join(scope[1:], "/"), hex.EncodeToString(hashed[:])}, "\n")
	key := []byte("AWS4" + Key)
	for _, s := range append(scope[1:], toSign) {
		m := hmac.New(sha256.New, key)
		m.Write([]byte(s))
		key = m.Sum(nil)
	}
	if !hmac.Equal([]byte(hex.EncodeToString(key)), []byte(parts["Signature"])) {
		return errors.New("the signature does not match")
	}
	return nil
}
