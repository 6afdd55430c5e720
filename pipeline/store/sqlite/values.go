package sqlite

import (
	"bytes"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/assay-pipeline/assay/pipeline"
)

// micros is a time as it is stored: microseconds since 1970 UTC, NULL for the
// zero time.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// moment reads a stored time.
func moment(n sql.NullInt64) time.Time {
	if !n.Valid {
		return time.Time{}
	}
	return time.UnixMicro(n.Int64).UTC()
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
func decode(what, text string, v any) error {
	if err := json.Unmarshal([]byte(text), v); err != nil {
		return pipeline.Errorf(pipeline.CodeCorrupt, "store: %s does not read: %w", what, err).
			WithHint("the row was altered by hand; restore a backup")
	}
	return nil
}

// raw is a document given by the caller; none is NULL.
func raw(what string, m json.RawMessage) (any, error) {
	if len(m) == 0 || string(m) == "null" {
		return nil, nil
	}
	if !json.Valid(m) {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "store: %s is not JSON", what)
	}
	return string(m), nil
}

func message(s sql.NullString) json.RawMessage {
	if !s.Valid {
		return nil
	}
	return json.RawMessage(s.String)
}

// goodID refuses what cannot be a key on every backend.
func goodID(what, id string) error {
	if id == "" || !utf8.ValidString(id) || strings.IndexByte(id, 0) >= 0 {
		return pipeline.Errorf(pipeline.CodeInvalid, "store: %s %q is empty, not UTF-8, or holds a NUL byte", what, id)
	}
	return nil
}

// list passes many ids as one argument, for json_each.
func list(ids []string) string {
	b, err := encode(ids)
	if err != nil { // strings always encode
		return "[]"
	}
	if ids == nil {
		return "[]"
	}
	return b
}

func packVector(v []float32) []byte {
	b := make([]byte, 4*len(v))
	for i, f := range v {
		binary.LittleEndian.PutUint32(b[4*i:], math.Float32bits(f))
	}
	return b
}

func unpackVector(b []byte) ([]float32, error) {
	if len(b)%4 != 0 {
		return nil, pipeline.Errorf(pipeline.CodeCorrupt, "store: a vector has %d bytes, not a multiple of 4", len(b))
	}
	v := make([]float32, len(b)/4)
	for i := range v {
		v[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return v, nil
}

// A where collects the conditions of a query.
type where struct {
	conds []string
	args  []any
}

func (w *where) add(cond string, args ...any) {
	w.conds = append(w.conds, cond)
	w.args = append(w.args, args...)
}

// String is the WHERE clause, or nothing.
func (w *where) String() string {
	if len(w.conds) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conds, " AND ")
}

// values is n groups of k placeholders.
func values(n, k int) string {
	group := "(" + strings.TrimSuffix(strings.Repeat("?,", k), ",") + ")"
	return strings.TrimSuffix(strings.Repeat(group+",", n), ",")
}

func notFound(what, id string) error {
	return pipeline.Errorf(pipeline.CodeNotFound, "%s %s does not exist", what, fmt.Sprintf("%q", id))
}
