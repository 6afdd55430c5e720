//go:build lambda.norpc

package app

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// loadAWS is what a function finds: Lambda gives its region and the credentials
// of its role as variables. What reads shared files, single sign-on and the other
// places where credentials of people lie is a twentieth of a function's archive.
func loadAWS() (aws.Config, error) {
	cfg := aws.Config{
		Region:                     os.Getenv("AWS_REGION"),
		Credentials:                aws.CredentialsProviderFunc(roleCredentials),
		ConfigSources:              []any{endpointVariables{}},
		RequestChecksumCalculation: aws.RequestChecksumCalculationWhenSupported,
		ResponseChecksumValidation: aws.ResponseChecksumValidationWhenSupported,
	}
	if v := os.Getenv("AWS_MAX_ATTEMPTS"); v != "" {
		n, err := strconv.Atoi(v)
		if err != nil || n < 1 {
			return cfg, errors.New("AWS_MAX_ATTEMPTS is no number above 0")
		}
		cfg.RetryMaxAttempts = n
	}
	if v := os.Getenv("AWS_RETRY_MODE"); v != "" {
		mode, err := aws.ParseRetryMode(v)
		if err != nil {
			return cfg, err
		}
		cfg.RetryMode = mode
	}
	if u := os.Getenv("AWS_ENDPOINT_URL"); u != "" {
		cfg.BaseEndpoint = &u
	}
	return cfg, nil
}

func roleCredentials(context.Context) (aws.Credentials, error) {
	c := aws.Credentials{
		AccessKeyID: os.Getenv("AWS_ACCESS_KEY_ID"), SecretAccessKey: os.Getenv("AWS_SECRET_ACCESS_KEY"), SessionToken: os.Getenv("AWS_SESSION_TOKEN"),
		Source: "environment of the function",
	}
	if !c.HasKeys() {
		return c, errors.New("the function's environment holds no AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; on a laptop, aws configure export-credentials --format env prints them")
	}
	return c, nil
}

// endpointVariables are the addresses of single services, AWS_ENDPOINT_URL_SQS
// and the like.
type endpointVariables struct{}

// GetServiceBaseEndpoint is asked by the clients of the SDK.
func (endpointVariables) GetServiceBaseEndpoint(_ context.Context, sdkID string) (string, bool, error) {
	v := os.Getenv("AWS_ENDPOINT_URL_" + strings.ReplaceAll(strings.ToUpper(sdkID), " ", "_"))
	return v, v != "", nil
}
