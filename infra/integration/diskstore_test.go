package integration

import (
	"encoding/hex"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/zeebo/xxh3"
)

// A diskStore speaks as much of S3's protocol as a lake needs (conditional
// writes, ranges, listings, multipart uploads) over a folder, and streams from
// disk: moto's server reads the whole object for each range, which no large file
// survives.
type diskStore struct {
	root string
	url  string
	fail func(r *http.Request) (status int, code string) // throttles and outages; 0 passes

	mu    sync.Mutex // guards conditional writes
	etags map[string]string

	requests, sent atomic.Int64 // bytes
}

func newDiskStore(t testing.TB) *diskStore {
	t.Helper()
	s := &diskStore{root: t.TempDir(), etags: map[string]string{}}
	srv := httptest.NewServer(s)
	s.url = srv.URL
	t.Cleanup(srv.Close)
	return s
}

func (s *diskStore) file(bucket, key string) string {
	return filepath.Join(s.root, bucket, filepath.FromSlash(key))
}

type s3Error struct {
	XMLName xml.Name `xml:"Error"`
	Code    string
	Message string
}

func (s *diskStore) refuse(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_ = xml.NewEncoder(w).Encode(s3Error{Code: code, Message: code}) // the client sees what is missing
}

func (s *diskStore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	s.mu.Lock()
	fail := s.fail
	s.mu.Unlock()
	if fail != nil {
		if status, code := fail(r); status != 0 {
			s.refuse(w, status, code)
			return
		}
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	q := r.URL.Query()
	var err error
	switch {
	case key == "" && r.Method == http.MethodGet && q.Has("uploads"):
		err = answer(w, struct {
			XMLName xml.Name `xml:"ListMultipartUploadsResult"`
		}{})
	case key == "" && r.Method == http.MethodGet:
		err = s.list(w, bucket, q.Get("prefix"), q.Get("start-after"), q.Get("continuation-token"), q.Get("max-keys"))
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		err = s.get(w, r, bucket, key)
	case r.Method == http.MethodPut && q.Has("partNumber"):
		err = s.part(w, r, q.Get("uploadId"), q.Get("partNumber"))
	case r.Method == http.MethodPut:
		err = s.put(w, r, bucket, key)
	case r.Method == http.MethodDelete && q.Has("uploadId"):
		if err = os.RemoveAll(s.upload(q.Get("uploadId"))); err == nil {
			w.WriteHeader(http.StatusNoContent)
		}
	case r.Method == http.MethodDelete:
		err = os.Remove(s.file(bucket, key))
		if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, syscall.ENOTDIR) {
			err = nil
			w.WriteHeader(http.StatusNoContent)
		}
	case r.Method == http.MethodPost && q.Has("uploads"):
		err = s.begin(w, bucket, key)
	case r.Method == http.MethodPost && q.Has("uploadId"):
		err = s.complete(w, r, bucket, key, q.Get("uploadId"))
	default:
		s.refuse(w, http.StatusNotImplemented, "NotImplemented")
	}
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR): // a file lies where the key has a folder
		s.refuse(w, http.StatusNotFound, "NoSuchKey")
	default:
		s.refuse(w, http.StatusInternalServerError, "InternalError")
	}
}

func answer(w http.ResponseWriter, v any) error {
	w.Header().Set("Content-Type", "application/xml")
	return xml.NewEncoder(w).Encode(v)
}

// etag is the tag of the object in a file: of its last write here, else made of
// size and time.
func (s *diskStore) etag(file string, st os.FileInfo) string {
	if tag, ok := s.etags[file]; ok {
		return tag
	}
	return fmt.Sprintf(`"%x-%x"`, st.Size(), st.ModTime().UnixNano())
}

func (s *diskStore) get(w http.ResponseWriter, r *http.Request, bucket, key string) error {
	file := s.file(bucket, key)
	s.mu.Lock()
	f, err := os.Open(file)
	if err != nil {
		s.mu.Unlock()
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil || st.IsDir() {
		s.mu.Unlock()
		return errors.Join(err, fs.ErrNotExist)
	}
	w.Header().Set("ETag", s.etag(file, st))
	s.mu.Unlock()
	if v := r.Header.Get("If-Match"); v != "" && v != w.Header().Get("ETag") {
		s.refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
		return nil
	}
	if st.Size() == 0 && r.Header.Get("Range") != "" {
		s.refuse(w, http.StatusRequestedRangeNotSatisfiable, "InvalidRange")
		return nil
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	counted := &counter{ResponseWriter: w, n: &s.sent}
	http.ServeContent(counted, r, "", st.ModTime(), f)
	return nil
}

type counter struct {
	http.ResponseWriter
	n *atomic.Int64
}

func (c *counter) Write(b []byte) (int, error) {
	c.n.Add(int64(len(b)))
	return c.ResponseWriter.Write(b)
}

// ReadFrom leaves copying from the file to the kernel: what the store takes is
// taken from the functions beside it.
func (c *counter) ReadFrom(r io.Reader) (int64, error) {
	n, err := io.Copy(c.ResponseWriter, r)
	c.n.Add(n)
	return n, err
}

// place makes the file tmp an object, if the conditions of r hold.
func (s *diskStore) place(w http.ResponseWriter, r *http.Request, bucket, key, tmp, tag string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	file := s.file(bucket, key)
	st, err := os.Stat(file)
	there := err == nil
	if r.Header.Get("If-None-Match") == "*" && there {
		s.refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
		return false, os.Remove(tmp)
	}
	if v := r.Header.Get("If-Match"); v != "" && (!there || s.etag(file, st) != v) {
		if !there {
			s.refuse(w, http.StatusNotFound, "NoSuchKey")
		} else {
			s.refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
		}
		return false, os.Remove(tmp)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return false, err
	}
	s.etags[file] = tag
	w.Header().Set("ETag", tag)
	return true, os.Rename(tmp, file)
}

// receive streams a body into a file and returns it with its tag.
func (s *diskStore) receive(r *http.Request, dst string) (tag string, err error) {
	f, err := os.Create(dst)
	if err != nil {
		return "", err
	}
	h := xxh3.New128() // a tag need not be a sum that is dear
	if _, err := io.Copy(io.MultiWriter(f, h), r.Body); err != nil {
		return "", errors.Join(err, f.Close())
	}
	return `"` + hex.EncodeToString(h.Sum(nil)) + `"`, f.Close()
}

var serial atomic.Int64

func (s *diskStore) upload(id string) string { return filepath.Join(s.root, ".uploads", id) }

func (s *diskStore) temp() (string, error) {
	dir := s.upload("tmp")
	return filepath.Join(dir, fmt.Sprint(serial.Add(1))), os.MkdirAll(dir, 0o755)
}

func (s *diskStore) put(w http.ResponseWriter, r *http.Request, bucket, key string) error {
	tmp, err := s.temp()
	if err != nil {
		return err
	}
	tag, err := s.receive(r, tmp)
	if err != nil {
		return err
	}
	_, err = s.place(w, r, bucket, key, tmp, tag)
	return err
}

func (s *diskStore) begin(w http.ResponseWriter, bucket, key string) error {
	id := fmt.Sprint("u", serial.Add(1))
	if err := os.MkdirAll(s.upload(id), 0o755); err != nil {
		return err
	}
	return answer(w, struct {
		XMLName               xml.Name `xml:"InitiateMultipartUploadResult"`
		Bucket, Key, UploadId string   //nolint:revive // as S3 spells it
	}{Bucket: bucket, Key: key, UploadId: id})
}

func (s *diskStore) part(w http.ResponseWriter, r *http.Request, id, number string) error {
	n, err := strconv.Atoi(number)
	if err != nil {
		return err
	}
	tag, err := s.receive(r, filepath.Join(s.upload(id), fmt.Sprintf("%05d", n)))
	w.Header().Set("ETag", tag)
	return err
}

func (s *diskStore) complete(w http.ResponseWriter, r *http.Request, bucket, key, id string) error {
	parts, err := filepath.Glob(filepath.Join(s.upload(id), "*"))
	if err != nil || len(parts) == 0 {
		return errors.Join(err, fs.ErrNotExist)
	}
	slices.Sort(parts)
	whole, err := os.OpenFile(parts[0], os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	for _, p := range parts[1:] {
		if err := appendFile(whole, p); err != nil {
			return errors.Join(err, whole.Close())
		}
	}
	if err := whole.Close(); err != nil {
		return err
	}
	tag := fmt.Sprintf(`"%s-%d"`, id, len(parts))
	ok, err := s.place(w, r, bucket, key, parts[0], tag)
	if err != nil || !ok {
		return err
	}
	if err := os.RemoveAll(s.upload(id)); err != nil {
		return err
	}
	return answer(w, struct {
		XMLName           xml.Name `xml:"CompleteMultipartUploadResult"`
		Bucket, Key, ETag string
	}{Bucket: bucket, Key: key, ETag: tag})
}

func appendFile(dst *os.File, src string) error {
	f, err := os.Open(src)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(dst, f)
	return err
}

func (s *diskStore) list(w http.ResponseWriter, bucket, prefix, after, token, limit string) error {
	most := 1000
	if n, err := strconv.Atoi(limit); err == nil {
		most = min(n, most)
	}
	if token != "" {
		after = token
	}
	type object struct {
		Key, LastModified, ETag string
		Size                    int64
	}
	out := struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		Name, Prefix          string
		KeyCount, MaxKeys     int
		IsTruncated           bool
		NextContinuationToken string `xml:",omitempty"`
		Contents              []object
	}{Name: bucket, Prefix: prefix, MaxKeys: most}
	base := filepath.Join(s.root, bucket)
	var keys []string
	// Only the folder that the prefix lies in.
	from := filepath.Join(base, filepath.FromSlash(prefix[:strings.LastIndexByte(prefix, '/')+1]))
	err := filepath.WalkDir(from, func(file string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		key := filepath.ToSlash(strings.TrimPrefix(file, base+string(filepath.Separator)))
		if strings.HasPrefix(key, prefix) && key > after {
			keys = append(keys, key)
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.Sort(keys)
	for _, key := range keys {
		if len(out.Contents) == most {
			out.IsTruncated, out.NextContinuationToken = true, out.Contents[most-1].Key
			break
		}
		file := s.file(bucket, key)
		st, err := os.Stat(file)
		if err != nil {
			continue // removed meanwhile
		}
		s.mu.Lock()
		tag := s.etag(file, st)
		s.mu.Unlock()
		out.Contents = append(out.Contents, object{key, st.ModTime().UTC().Format(time.RFC3339Nano), tag, st.Size()})
	}
	out.KeyCount = len(out.Contents)
	return answer(w, out)
}
