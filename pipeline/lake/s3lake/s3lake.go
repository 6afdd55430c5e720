// Package s3lake keeps a lake in a bucket of S3, or of a store that speaks its
// protocol with conditional writes (If-Match, If-None-Match).
//
// A small object is one PutObject, a large one a multipart upload whose parts
// are read into one buffer after the other: memory is one part. Conditions
// travel with the request that makes the object visible, so S3 itself decides
// who wins. A tag is the ETag. Every request carries a checksum that S3
// verifies; what it returns is verified by the client.
//
// A conditional write whose answer was lost is sent again by the client and
// then refused: its own first attempt won. Lake reads the manifest after a
// refusal and notices.
package s3lake

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/assay-pipeline/assay/pipeline/lake"
)

const (
	// partSize is the buffer of a write, in bytes: the least that S3 takes, since
	// a function that judges has several writes open at once.
	partSize = 5 << 20
	// Each thousand parts the parts get twice as large, up to maxPart: S3 takes
	// 10,000 parts, which are then enough for 1.3 TB.
	growth  = 1000
	maxPart = 256 << 20
)

// Bucket is a lake.Driver over a bucket, below a prefix.
type Bucket struct {
	client *s3.Client
	bucket string
	prefix string // empty or ends in a slash
	page   *int32 // objects per page of a listing; nil is S3's 1000
}

var (
	_ lake.Driver  = (*Bucket)(nil)
	_ lake.Locator = (*Bucket)(nil)
	_ lake.Sweeper = (*Bucket)(nil)
)

// New returns the driver of the lake in bucket, below prefix (may be empty).
// The client brings region, credentials, retries, and for local stores the
// endpoint with path-style addresses.
func New(client *s3.Client, bucket, prefix string) (*Bucket, error) {
	if bucket == "" || strings.Contains(bucket, "/") {
		return nil, fmt.Errorf("%q is no name of a bucket", bucket)
	}
	prefix = strings.Trim(prefix, "/")
	if prefix != "" {
		if !fs.ValidPath(prefix) {
			return nil, fmt.Errorf("the prefix %q is no path", prefix)
		}
		prefix += "/"
	}
	return &Bucket{client: client, bucket: bucket, prefix: prefix}, nil
}

// Location returns the s3:// URL of key.
func (b *Bucket) Location(key string) string { return "s3://" + b.bucket + "/" + b.prefix + key }

func (b *Bucket) name(key string) *string { return aws.String(b.prefix + key) }

// contractVersion is the metadata (x-amz-meta-…) by which a producer names the
// version of the contract that its object was made for.
const contractVersion = "assay-contract-version"

// Get implements lake.Driver.
func (b *Bucket) Get(ctx context.Context, key string, off, n int64) (io.ReadCloser, lake.Object, error) {
	if n == 0 {
		o, err := b.head(ctx, key)
		return io.NopCloser(bytes.NewReader(nil)), o, err
	}
	in := &s3.GetObjectInput{Bucket: &b.bucket, Key: b.name(key)}
	switch {
	case n > 0:
		in.Range = aws.String(fmt.Sprintf("bytes=%d-%d", off, off+n-1))
	case off > 0:
		in.Range = aws.String(fmt.Sprintf("bytes=%d-", off))
	}
	out, err := b.client.GetObject(ctx, in)
	if status(err) == http.StatusRequestedRangeNotSatisfiable {
		// Nothing lies at the offset; the object is there.
		o, err := b.head(ctx, key)
		return io.NopCloser(bytes.NewReader(nil)), o, err
	}
	if err != nil {
		return nil, lake.Object{}, mapped(err)
	}
	o := lake.Object{Key: key, Size: aws.ToInt64(out.ContentLength), Modified: aws.ToTime(out.LastModified), Tag: aws.ToString(out.ETag),
		Contract: out.Metadata[contractVersion]}
	if in.Range != nil {
		if o.Size, err = total(aws.ToString(out.ContentRange)); err != nil {
			_ = out.Body.Close() // the answer is of no use
			return nil, lake.Object{}, err
		}
	}
	return out.Body, o, nil
}

// total is the size of the whole object in "bytes 3-7/10".
func total(contentRange string) (int64, error) {
	var from, to, size int64
	if _, err := fmt.Sscanf(contentRange, "bytes %d-%d/%d", &from, &to, &size); err != nil {
		return 0, fmt.Errorf("the store answered a range with the Content-Range %q", contentRange)
	}
	return size, nil
}

func (b *Bucket) head(ctx context.Context, key string) (lake.Object, error) {
	out, err := b.client.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &b.bucket, Key: b.name(key)})
	if err != nil {
		return lake.Object{}, mapped(err)
	}
	return lake.Object{Key: key, Size: aws.ToInt64(out.ContentLength), Modified: aws.ToTime(out.LastModified), Tag: aws.ToString(out.ETag),
		Contract: out.Metadata[contractVersion]}, nil
}

// Put implements lake.Driver.
func (b *Bucket) Put(ctx context.Context, key string, r io.Reader, cond lake.Condition) (lake.Object, error) {
	var match, noneMatch *string
	if cond.IfAbsent {
		noneMatch = aws.String("*")
	}
	if cond.IfTag != "" {
		match = aws.String(cond.IfTag)
	}
	first, more, err := part(r, nil, partSize)
	if err != nil {
		return lake.Object{}, err
	}
	if more {
		return b.multipart(ctx, key, first, r, match, noneMatch)
	}
	out, err := b.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket: &b.bucket, Key: b.name(key), Body: bytes.NewReader(first), ContentLength: aws.Int64(int64(len(first))),
		IfMatch: match, IfNoneMatch: noneMatch, ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
	})
	if err != nil {
		return lake.Object{}, refused(cond, err)
	}
	return lake.Object{Key: key, Size: int64(len(first)), Modified: time.Now().UTC(), Tag: aws.ToString(out.ETag)}, nil
}

// part fills buf, or a new buffer that grows as needed, with up to size bytes
// of r; more tells that r may have others.
func part(r io.Reader, buf []byte, size int) (b []byte, more bool, err error) {
	if cap(buf) < size && buf != nil {
		buf = make([]byte, 0, size)
	}
	b = buf[:0]
	for len(b) < size {
		if len(b) == cap(b) {
			grown := make([]byte, len(b), min(max(2*len(b), 64<<10), size))
			copy(grown, b)
			b = grown
		}
		n, err := r.Read(b[len(b):min(cap(b), size)])
		b = b[:len(b)+n]
		if err == io.EOF { //nolint:errorlint // an error that wraps io.EOF is a source that broke
			return b, false, nil
		}
		if err != nil {
			return nil, false, err
		}
	}
	return b, true, nil
}

func (b *Bucket) multipart(ctx context.Context, key string, buf []byte, r io.Reader, match, noneMatch *string) (o lake.Object, err error) {
	up, err := b.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket: &b.bucket, Key: b.name(key), ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
	})
	if err != nil {
		return lake.Object{}, mapped(err)
	}
	defer func() {
		if err == nil {
			return
		}
		// The parts cost money until they are dropped, also when the caller has
		// given up. What cannot be dropped now is found by Sweep.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
		defer cancel()
		_, _ = b.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &b.bucket, Key: b.name(key), UploadId: up.UploadId})
	}()
	var parts []types.CompletedPart
	var size int64
	for number, more := int32(1), true; ; number++ {
		if len(buf) > 0 || number == 1 {
			out, err := b.client.UploadPart(ctx, &s3.UploadPartInput{
				Bucket: &b.bucket, Key: b.name(key), UploadId: up.UploadId, PartNumber: aws.Int32(number),
				Body: bytes.NewReader(buf), ContentLength: aws.Int64(int64(len(buf))), ChecksumAlgorithm: types.ChecksumAlgorithmCrc32,
			})
			if err != nil {
				return lake.Object{}, mapped(err)
			}
			parts = append(parts, types.CompletedPart{ETag: out.ETag, PartNumber: aws.Int32(number), ChecksumCRC32: out.ChecksumCRC32})
			size += int64(len(buf))
		}
		if !more {
			break
		}
		if buf, more, err = part(r, buf, min(partSize<<(number/growth), maxPart)); err != nil {
			return lake.Object{}, err
		}
	}
	done, err := b.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &b.bucket, Key: b.name(key), UploadId: up.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: parts},
		IfMatch: match, IfNoneMatch: noneMatch,
	})
	if err != nil {
		return lake.Object{}, refused(lake.Condition{IfAbsent: noneMatch != nil, IfTag: aws.ToString(match)}, err)
	}
	return lake.Object{Key: key, Size: size, Modified: time.Now().UTC(), Tag: aws.ToString(done.ETag)}, nil
}

// List implements lake.Driver. S3 lists in the byte order of the keys.
func (b *Bucket) List(ctx context.Context, prefix, after string) iter.Seq2[lake.Object, error] {
	return func(yield func(lake.Object, error) bool) {
		in := &s3.ListObjectsV2Input{Bucket: &b.bucket, Prefix: b.name(prefix), MaxKeys: b.page}
		if after != "" {
			in.StartAfter = b.name(after)
		}
		for pages := s3.NewListObjectsV2Paginator(b.client, in); pages.HasMorePages(); {
			page, err := pages.NextPage(ctx)
			if err != nil {
				yield(lake.Object{}, mapped(err))
				return
			}
			for _, c := range page.Contents {
				o := lake.Object{Key: strings.TrimPrefix(aws.ToString(c.Key), b.prefix), Size: aws.ToInt64(c.Size), Modified: aws.ToTime(c.LastModified), Tag: aws.ToString(c.ETag)}
				if !yield(o, nil) {
					return
				}
			}
		}
	}
}

// Delete implements lake.Driver.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	_, err := b.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &b.bucket, Key: b.name(key)})
	if err = mapped(err); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Sweep implements lake.Sweeper: it drops multipart uploads that began before.
func (b *Bucket) Sweep(ctx context.Context, before time.Time, dry bool) ([]lake.Object, error) {
	var found []lake.Object
	in := &s3.ListMultipartUploadsInput{Bucket: &b.bucket, Prefix: &b.prefix, MaxUploads: b.page}
	for {
		page, err := b.client.ListMultipartUploads(ctx, in)
		if err != nil {
			return found, mapped(err)
		}
		for _, u := range page.Uploads {
			began := aws.ToTime(u.Initiated)
			if began.After(before) || !strings.HasPrefix(aws.ToString(u.Key), b.prefix) {
				continue
			}
			if !dry {
				_, err := b.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: &b.bucket, Key: u.Key, UploadId: u.UploadId})
				if err = mapped(err); err != nil && !errors.Is(err, fs.ErrNotExist) {
					return found, err
				}
			}
			found = append(found, lake.Object{Key: strings.TrimPrefix(aws.ToString(u.Key), b.prefix), Modified: began, Tag: aws.ToString(u.UploadId)})
		}
		if !aws.ToBool(page.IsTruncated) {
			return found, nil
		}
		in.KeyMarker, in.UploadIdMarker = page.NextKeyMarker, page.NextUploadIdMarker
	}
}

func status(err error) int {
	var re *smithyhttp.ResponseError
	if errors.As(err, &re) {
		return re.HTTPStatusCode()
	}
	return 0
}

// mapped makes "not there" and "not allowed" what lake.Driver calls them. A
// bucket that is not there stays an error of its own: it is no absent key.
func mapped(err error) error {
	if err == nil {
		return nil
	}
	var api smithy.APIError
	if errors.As(err, &api) && api.ErrorCode() == "NoSuchBucket" {
		return err
	}
	switch status(err) {
	case http.StatusNotFound:
		return fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	case http.StatusForbidden, http.StatusUnauthorized:
		return fmt.Errorf("%w: %w", fs.ErrPermission, err)
	}
	return err
}

// refused recognises a condition that did not hold: 412, or 409 where another
// write to the key was under way. An If-Match on an absent key is a 404.
func refused(cond lake.Condition, err error) error {
	if cond == (lake.Condition{}) {
		return mapped(err)
	}
	switch status(err) {
	case http.StatusPreconditionFailed, http.StatusConflict:
		return fmt.Errorf("%w: %w", lake.ErrPrecondition, err)
	case http.StatusNotFound:
		if mapped := mapped(err); cond.IfTag == "" || !errors.Is(mapped, fs.ErrNotExist) {
			return mapped
		}
		return fmt.Errorf("%w: %w", lake.ErrPrecondition, err)
	}
	return mapped(err)
}
