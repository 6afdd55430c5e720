//go:build !lambda.norpc

package app

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
)

// loadAWS is what the AWS SDK finds: environment, shared files, or a role.
func loadAWS() (aws.Config, error) { return config.LoadDefaultConfig(context.Background()) }
