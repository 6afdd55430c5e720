package postgres

import (
	"bytes"
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/assay-pipeline/assay/pipeline"
)

// stamp is a time as it is stored: UTC to the microsecond, NULL for the zero
// time.
func stamp(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC().Truncate(time.Microsecond)
	return &t
}

// moment reads a stored time.
func moment(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

// clean makes free text storable: Postgres takes neither NUL nor what is not
// UTF-8.
func clean(s string) string {
	if utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "\uFFFD")
}

// encode is JSON without the escapes that only web pages need.
func encode(v any) (string, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "", pipeline.Errorf(pipeline.CodeInvalid, "store: %T cannot be written as JSON: %w", v, err)
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

// decode reads what encode wrote.
func decode(what string, text []byte, v any) error {
	if err := json.Unmarshal(text, v); err != nil {
		return pipeline.Errorf(pipeline.CodeCorrupt, "store: %s does not read: %w", what, err).
			WithHint("the row was altered by hand; restore a backup")
	}
	return nil
}

// raw is a document given by the caller; none is NULL.
func raw(what string, m json.RawMessage) (*string, error) {
	if len(m) == 0 || string(m) == "null" {
		return nil, nil
	}
	if !json.Valid(m) {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "store: %s is not JSON", what)
	}
	s := string(m)
	return &s, nil
}

// goodID refuses what cannot be a key on every backend.
func goodID(what, id string) error {
	if id == "" || !utf8.ValidString(id) || strings.IndexByte(id, 0) >= 0 {
		return pipeline.Errorf(pipeline.CodeInvalid, "store: %s %q is empty, not UTF-8, or holds a NUL byte", what, id)
	}
	return nil
}

func notFound(what, id string) error {
	return pipeline.Errorf(pipeline.CodeNotFound, "%s %q does not exist", what, id)
}
