package app

import (
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/lake"
	"github.com/assay-pipeline/assay/pipeline/lake/dirlake"
	"github.com/assay-pipeline/assay/pipeline/lake/s3lake"
)

// driver opens the storage of the lake by its URL. It reads configuration and
// makes no request, so it needs no context.
//
//nolint:contextcheck // as said
func (a *App) driver() (lake.Driver, error) {
	rest, ok := strings.CutPrefix(a.Config.Lake, "s3://")
	if !ok {
		root := a.Config.path(a.Config.Lake)
		// A lake that is not there is a wrong folder or a wrong variable, not an
		// empty landing zone.
		if st, err := os.Stat(root); err != nil || !st.IsDir() {
			return nil, pipeline.Errorf(pipeline.CodeNotFound, "there is no lake at %s", root).
				WithHint("assay init writes a project; ASSAY_LAKE and --dir say where it is")
		}
		return dirlake.New(root)
	}
	cfg, err := awsConfig("ASSAY_LAKE", a.Config.Lake)
	if err != nil {
		return nil, err
	}
	client := s3.NewFromConfig(cfg, func(o *s3.Options) {
		// Stores other than AWS have no host name per bucket.
		o.UsePathStyle = o.BaseEndpoint != nil
		// An object that was put without a checksum is no event for the log.
		o.DisableLogOutputChecksumValidationSkipped = true
	})
	bucket, prefix, _ := strings.Cut(rest, "/")
	d, err := s3lake.New(client, bucket, prefix)
	if err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "ASSAY_LAKE: %w", err).WithHint("write it like s3://bucket/prefix")
	}
	return d, nil
}

// Object is the lake's key of an object that an event names by its bucket and its
// key there. A lake of files takes keys as they are. Error: invalid, where the
// object lies outside the lake: an event about another bucket is not about ours.
func (c Config) Object(bucket, key string) (string, error) {
	rest, ok := strings.CutPrefix(c.Lake, "s3://")
	if !ok {
		return key, nil
	}
	ours, prefix, _ := strings.Cut(rest, "/")
	if bucket != "" && bucket != ours {
		return "", pipeline.Errorf(pipeline.CodeInvalid, "the object lies in bucket %s, the lake in %s", bucket, ours).
			WithHint("send events of the lake's bucket only, or name that bucket in ASSAY_LAKE")
	}
	if prefix = strings.Trim(prefix, "/"); prefix == "" {
		return key, nil
	}
	inside, ok := strings.CutPrefix(key, prefix+"/")
	if !ok {
		return "", pipeline.Errorf(pipeline.CodeInvalid, "%s lies outside the lake, whose prefix is %s/", key, prefix).
			WithHint("filter the events by the prefix %s/landing/", prefix)
	}
	return inside, nil
}

// Location is the bucket and the key there of a key of the lake; the bucket is
// empty for a lake of files.
func (c Config) Location(key string) (bucket, at string) {
	rest, ok := strings.CutPrefix(c.Lake, "s3://")
	if !ok {
		return "", key
	}
	bucket, prefix, _ := strings.Cut(rest, "/")
	return bucket, strings.TrimPrefix(strings.Trim(prefix, "/")+"/"+key, "/")
}

// awsConfig is how AWS is reached. Nothing is asked of the network before the
// first request.
func awsConfig(variable, value string) (aws.Config, error) {
	cfg, err := loadAWS()
	if err != nil {
		return cfg, pipeline.Errorf(pipeline.CodeInvalid, "%s: AWS configuration: %w", variable, err)
	}
	if cfg.Region == "" {
		return cfg, pipeline.Errorf(pipeline.CodeInvalid, "%s is %s, but no AWS region is set", variable, value).WithHint("set AWS_REGION")
	}
	return cfg, nil
}
