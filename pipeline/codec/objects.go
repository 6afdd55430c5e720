package codec

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	_ "image/gif" // formats that image.DecodeConfig reads
	_ "image/jpeg"
	_ "image/png"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"path"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
)

// An Object is one file of a batch that is a folder or an archive.
type Object struct {
	// Name within its batch, slash-separated.
	Name string
	// Open reads it from its start.
	Open func(ctx context.Context) (io.ReadCloser, error)
}

// MetaSuffix is how the name of a sidecar ends: NAME.meta.json holds, as one
// JSON object, the metadata of NAME. It is no object of its own.
const MetaSuffix = ".meta.json"

// maxMeta bounds a sidecar.
const maxMeta = 64 << 10

// maxObjects bounds the names of a batch.
const maxObjects = 1 << 20

// maxDocument is how much of a document is measured as text.
const maxDocument = 8 << 20

// ZipObjects lists the files of a ZIP archive by their names. Errors: invalid
// for what is no archive, or has names that leave it.
func ZipObjects(name string, r io.ReaderAt, size int64) ([]Object, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		if pipelineError(err) || !errors.Is(err, zip.ErrFormat) && !errors.Is(err, zip.ErrAlgorithm) && !errors.Is(err, zip.ErrInsecurePath) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, readError(name, err)
		}
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: not a ZIP archive: %w", name, err).
			WithHint("a batch of objects is a ZIP archive or a folder")
	}
	if len(z.File) > maxObjects {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: %d objects, at most %d are judged at once", name, len(z.File), maxObjects).WithHint("split the batch")
	}
	var out []Object
	for _, f := range z.File {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		if !fs.ValidPath(f.Name) {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: the archive has a file with the name %q, which is no relative path", name, f.Name).
				WithHint("make the archive from within its folder")
		}
		out = append(out, Object{Name: f.Name, Open: func(context.Context) (io.ReadCloser, error) {
			rc, err := f.Open()
			if err != nil {
				return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: %s: %w", name, f.Name, err)
			}
			return &expanding{ReadCloser: rc, name: name + ": " + f.Name, packed: int64(f.CompressedSize64)}, nil
		}})
	}
	return SortObjects(out), nil
}

// expanding refuses an archived file that expands beyond reason.
type expanding struct {
	io.ReadCloser
	name      string
	n, packed int64
}

func (e *expanding) Read(p []byte) (int, error) {
	n, err := e.ReadCloser.Read(p)
	e.n += int64(n)
	if e.n > 64<<20 && e.n/defaultMaxExpansion > e.packed {
		return n, pipeline.Errorf(pipeline.CodeInvalid, "%s: %d compressed bytes became more than %d: this looks like a zip bomb", e.name, e.packed, e.n)
	}
	if err != nil && !errors.Is(err, io.EOF) && !pipelineError(err) {
		err = pipeline.Errorf(pipeline.CodeInvalid, "%s: the archived file is damaged: %w", e.name, err)
	}
	return n, err
}

// SortObjects orders objects by their names: the order in which they are
// judged.
func SortObjects(objects []Object) []Object {
	slices.SortFunc(objects, func(a, b Object) int { return cmp.Compare(a.Name, b.Name) })
	return objects
}

// ObjectPath is where the object of that name lies below prefix: a colon, which
// not every file system can hold, is written as in a URL.
func ObjectPath(prefix, name string) string {
	if prefix == "" {
		return name
	}
	return prefix + strings.ReplaceAll(name, ":", "%3A")
}

// A Measurer turns objects into JSON Lines of what is measured of them.
type Measurer struct {
	// Text: the objects are documents.
	Text bool
	// Content: the text itself is wanted, as the member text.
	Content bool
	// Prefix before the name in the member path.
	Prefix string

	objects []Object
	meta    map[string]Object
	meter   *TextMeter
	at      int
	ctx     context.Context //nolint:containedctx // an io.Reader has no other way to it
	line    []byte
}

// NewMeasurer reads the objects one after the other as it is read. Sidecars
// become members of their objects' lines; members of a measured name are those
// of the measurement.
func NewMeasurer(ctx context.Context, m Measurer, objects []Object) *Measurer {
	m.ctx, m.meter, m.meta = ctx, NewTextMeter(), map[string]Object{}
	for _, o := range objects {
		if of, ok := strings.CutSuffix(o.Name, MetaSuffix); ok {
			m.meta[of] = o
		}
	}
	for _, o := range objects {
		if !strings.HasSuffix(o.Name, MetaSuffix) {
			m.objects = append(m.objects, o)
		}
	}
	return &m
}

// Read implements io.Reader.
func (m *Measurer) Read(p []byte) (int, error) {
	if len(m.line) == 0 {
		if m.at == len(m.objects) {
			return 0, io.EOF
		}
		if err := m.ctx.Err(); err != nil {
			return 0, err
		}
		line, err := m.measure(m.objects[m.at])
		if err != nil {
			return 0, err
		}
		m.at++
		m.line = line
	}
	n := copy(p, m.line)
	m.line = m.line[n:]
	return n, nil
}

// measure is the line of one object.
func (m *Measurer) measure(o Object) ([]byte, error) {
	members := map[string]any{}
	if err := m.metadata(o, members); err != nil {
		return nil, err
	}
	r, err := o.Open(m.ctx)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	h := sha256.New()
	keep := 64 << 10 // enough for the head of every known format
	if m.Text {
		keep = maxDocument
	}
	head := make([]byte, 0, 4<<10)
	tail := make([]byte, 0, 2*tailBytes)
	size := int64(0)
	buf := make([]byte, 32<<10)
	for {
		n, err := r.Read(buf)
		b := buf[:n]
		size += int64(n)
		h.Write(b)
		if room := keep - len(head); room > 0 {
			head = append(head, b[:min(room, n)]...)
		}
		tail = append(tail, b[max(0, n-tailBytes):]...)
		if len(tail) > tailBytes {
			tail = append(tail[:0], tail[len(tail)-tailBytes:]...)
		}
		if errors.Is(err, io.EOF) && !pipelineError(err) {
			break
		}
		if err != nil {
			return nil, readError(o.Name, err)
		}
	}
	kind, named := mediaType(head), namedType(o.Name)
	maps.Copy(members, map[string]any{
		"document": o.Name, "path": ObjectPath(m.Prefix, o.Name), "bytes": size, "sha256": fmt.Sprintf("%x", h.Sum(nil)),
		"type": kind, "named_type": named, "type_matches": kind == named || named == "" || unspecific(kind, named),
		"complete": complete(kind, tail),
	})
	if named == "" {
		members["named_type"] = nil
	}
	if m.Text {
		text, encoding := DecodeDocument(head)
		t := m.meter.Measure(text)
		t.Encoding = encoding
		maps.Copy(members, t.members())
		if m.Content {
			members["text"] = text
		}
	} else {
		members["width"], members["height"] = nil, nil
		if c, _, err := image.DecodeConfig(bytes.NewReader(head)); err == nil {
			members["width"], members["height"] = c.Width, c.Height
		}
	}
	line, err := json.Marshal(members)
	if err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInternal, "%s: %w", o.Name, err)
	}
	return append(line, '\n'), nil
}

func (t TextMeasure) members() map[string]any {
	return map[string]any{"encoding": t.Encoding, "language": t.Language, "characters": t.Characters, "words": t.Words,
		"lines": t.Lines, "repeated": t.Repeated, "boilerplate": t.Boilerplate}
}

// metadata reads the sidecar of an object. One that is no JSON object leaves
// its members absent: what the contract requires of them is then missing.
func (m *Measurer) metadata(o Object, members map[string]any) error {
	side, ok := m.meta[o.Name]
	if !ok {
		return nil
	}
	r, err := side.Open(m.ctx)
	if err != nil {
		return err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxMeta+1))
	if err != nil {
		return readError(side.Name, err)
	}
	var raw map[string]json.RawMessage
	if len(b) > maxMeta || json.Unmarshal(b, &raw) != nil {
		return nil
	}
	for k, v := range raw {
		members[k] = v
	}
	return nil
}

// mediaType is the media type that the first bytes tell, without parameters.
func mediaType(head []byte) string {
	if len(head) == 0 {
		return "application/x-empty"
	}
	switch {
	case bytes.HasPrefix(head, []byte("II*\x00")), bytes.HasPrefix(head, []byte("MM\x00*")):
		return "image/tiff"
	}
	kind, _, _ := strings.Cut(http.DetectContentType(head), ";")
	return kind
}

// namedTypes are the media types of endings, the same on every machine.
var namedTypes = map[string]string{
	".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif", ".webp": "image/webp",
	".bmp": "image/bmp", ".tif": "image/tiff", ".tiff": "image/tiff", ".pdf": "application/pdf", ".zip": "application/zip",
	".gz": "application/x-gzip", ".txt": "text/plain", ".md": "text/plain", ".csv": "text/plain", ".json": "text/plain",
	".log": "text/plain", ".rst": "text/plain", ".yaml": "text/plain", ".yml": "text/plain", ".html": "text/html", ".htm": "text/html", ".xml": "text/xml", ".mp3": "audio/mpeg",
	".wav": "audio/wave", ".mp4": "video/mp4", ".webm": "video/webm", ".docx": "application/zip", ".xlsx": "application/zip",
	".pptx": "application/zip", ".svg": "image/svg+xml",
}

func namedType(name string) string {
	return namedTypes[strings.ToLower(path.Ext(name))]
}

// unspecific: the bytes do not tell the named type apart from a wider one.
func unspecific(kind, named string) bool {
	if named == "image/svg+xml" {
		return kind == "text/xml" || kind == "text/plain"
	}
	return strings.HasPrefix(named, "text/") && strings.HasPrefix(kind, "text/")
}

// tailBytes is how much of the end of an object complete looks at.
const tailBytes = 1 << 10

// complete reports whether an object ends as its type demands; true for types
// without a mark of their end.
func complete(kind string, tail []byte) bool {
	end := bytes.TrimRight(tail, "\x00\r\n\t ")
	switch kind {
	case "image/jpeg":
		return bytes.HasSuffix(end, []byte{0xff, 0xd9})
	case "image/png":
		return bytes.Contains(tail, []byte("IEND\xaeB`\x82"))
	case "image/gif":
		return bytes.HasSuffix(end, []byte{0x3b})
	case "application/pdf":
		return bytes.Contains(tail, []byte("%%EOF"))
	case "application/zip":
		return bytes.Contains(tail, []byte("PK\x05\x06"))
	case "application/x-empty":
		return false
	}
	return true
}
