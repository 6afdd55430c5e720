package pages

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"net/http"
	"strconv"
	"strings"

	"github.com/assay-pipeline/assay/pipeline/page"
)

//go:embed assets/assay.js
var script string

// assets are the stylesheet and the script, each under a name with the hash of its
// content: what a browser has kept is never out of date.
type assets struct {
	style, script string // paths
	files         map[string]asset
}

type asset struct {
	kind         string
	body, packed []byte
}

func newAssets() *assets {
	a := &assets{files: map[string]asset{}}
	add := func(stem, ext, kind, body string) string {
		sum := sha256.Sum256([]byte(body))
		name := stem + "." + hex.EncodeToString(sum[:6]) + ext
		a.files[name] = asset{kind, []byte(body), pack([]byte(body), gzip.BestCompression)}
		return "/assets/" + name
	}
	a.style = add("assay", ".css", "text/css; charset=utf-8", page.Style)
	a.script = add("assay", ".js", "text/javascript; charset=utf-8", script)
	return a
}

func (a *assets) serve(w http.ResponseWriter, r *http.Request) {
	f, ok := a.files[r.PathValue("name")]
	h := w.Header()
	if !ok {
		h.Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(http.StatusNotFound)
		_, _ = w.Write([]byte("no such file; load the page anew\n"))
		return
	}
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	send(w, r, http.StatusOK, f.body, f.packed)
}

// worth is the size from which a body is compressed, in bytes.
const worth = 1400

// send writes a body, compressed where the client takes it. packed may be nil.
func send(w http.ResponseWriter, r *http.Request, status int, body, packed []byte) {
	h := w.Header()
	h.Add("Vary", "Accept-Encoding")
	if len(body) >= worth && listed(r.Header.Get("Accept-Encoding"), "gzip") {
		if packed == nil {
			packed = pack(body, 5)
		}
		h.Set("Content-Encoding", "gzip")
		body = packed
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client may be gone
	}
}

func pack(b []byte, level int) []byte {
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, level)
	if err != nil {
		return b // the levels are constants
	}
	_, _ = z.Write(b) // a buffer takes everything
	_ = z.Close()
	return out.Bytes()
}

// accepts reports whether a client takes a kind of answer.
func accepts(r *http.Request, kind string) bool {
	a := r.Header.Get("Accept")
	return a == "" || listed(a, kind) || listed(a, "text/*") || listed(a, "*/*")
}

// listed reports whether a list of an Accept header has a value that is not
// refused (q=0).
func listed(list, value string) bool {
	for part := range strings.SplitSeq(list, ",") {
		name, q, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(name), value) {
			q = strings.ReplaceAll(q, " ", "")
			return q != "q=0" && q != "q=0.0" && q != "q=0.00" && q != "q=0.000"
		}
	}
	return false
}
