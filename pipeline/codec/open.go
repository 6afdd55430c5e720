package codec

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"context"
	"errors"
	"io"
	"path"
	"strings"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/assay-pipeline/assay/pipeline"
)

// Compression names how a file is compressed: what the dialect states, else
// what the ending of its name says; "" for not at all.
func Compression(d Dialect, name string) string {
	switch c := strings.ToLower(d.Compression); c {
	case "":
	case "none":
		return ""
	default:
		return c
	}
	switch strings.ToLower(path.Ext(name)) {
	case ".gz", ".gzip":
		return "gzip"
	case ".zst", ".zstd":
		return "zstd"
	case ".bz2":
		return "bzip2"
	}
	return ""
}

// decoderOf returns the decoder of a declared encoding, nil for UTF-8.
func decoderOf(name string) (*encoding.Decoder, error) {
	switch strings.ToLower(strings.NewReplacer("_", "-", " ", "").Replace(name)) {
	case "", "utf-8", "utf8", "ascii", "us-ascii":
		return nil, nil
	case "utf-16", "utf16":
		return unicode.UTF16(unicode.LittleEndian, unicode.UseBOM).NewDecoder(), nil
	case "utf-16le", "utf16le":
		return unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewDecoder(), nil
	case "utf-16be", "utf16be":
		return unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewDecoder(), nil
	case "iso-8859-1", "latin-1", "latin1":
		return charmap.ISO8859_1.NewDecoder(), nil
	case "windows-1252", "cp1252":
		return charmap.Windows1252.NewDecoder(), nil
	}
	return nil, pipeline.Errorf(pipeline.CodeInvalid, "dialect: encoding %q is not known", name).
		WithHint("use utf-8, utf-16, utf-16le, utf-16be, iso-8859-1 or windows-1252")
}

// Open undoes compression and encoding of a file: what it returns is UTF-8
// without a byte order mark, unless the content breaks that promise record by
// record. A file in UTF-16 whose dialect does not say so is refused: invalid.
func Open(name string, src io.Reader, d Dialect) (io.Reader, error) {
	d = d.withDefaults()
	r, err := decompress(name, src, d)
	if err != nil {
		return nil, err
	}
	dec, err := decoderOf(d.Encoding)
	if err != nil {
		return nil, err
	}
	if dec != nil {
		r = transform.NewReader(r, dec)
	}
	br := bufio.NewReaderSize(r, 64<<10)
	head, err := br.Peek(1024)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return nil, readError(name, err)
	}
	if dec == nil {
		if what := looksUTF16(head); what != "" {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: the file is %s, its contract says UTF-8", name, what).
				WithHint("set encoding: %s in assay.csv, or convert the file", strings.ToLower(what))
		}
	}
	if bytes.HasPrefix(head, []byte("\xef\xbb\xbf")) {
		_, _ = br.Discard(3)
	}
	return br, nil
}

// looksUTF16 names the UTF-16 flavour of a beginning that cannot be UTF-8
// text: a byte order mark, or NUL in every second byte.
func looksUTF16(head []byte) string {
	switch {
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}):
		return "UTF-16LE"
	case bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		return "UTF-16BE"
	}
	n := len(head) / 2
	if n < 4 {
		return ""
	}
	var even, odd int
	for i := 0; i+1 < len(head); i += 2 {
		if head[i] == 0 {
			even++
		}
		if head[i+1] == 0 {
			odd++
		}
	}
	switch {
	case odd*10 >= n*8 && even*10 < n:
		return "UTF-16LE"
	case even*10 >= n*8 && odd*10 < n:
		return "UTF-16BE"
	}
	return ""
}

func decompress(name string, src io.Reader, d Dialect) (io.Reader, error) {
	kind := Compression(d, name)
	if kind == "" {
		return src, nil
	}
	in := &counter{r: src}
	var out io.Reader
	var err error
	switch kind {
	case "gzip":
		out, err = newGunzip(in)
	case "zstd":
		var z *zstd.Decoder
		// The window bounds the decoder's memory whatever the file claims.
		z, err = zstd.NewReader(in, zstd.WithDecoderConcurrency(1),
			zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(32<<20), zstd.WithDecoderMaxMemory(1<<40))
		if err == nil {
			out = z
		}
	case "bzip2":
		out = bzip2.NewReader(in)
	default:
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: compression %q is not known", name, kind)
	}
	if err != nil {
		if errors.Is(err, io.EOF) && in.n == 0 {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: the file is empty", name).
				WithHint("a feed file has at least a header")
		}
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: not a %s file: %w", name, kind, err).
			WithHint("the ending of its name, or compression in assay.csv, says %s", kind)
	}
	return &bounded{name: name, kind: kind, in: in, out: out, ratio: int64(d.MaxExpansion)}, nil
}

type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

// bounded refuses a compressed file that expands beyond reason, and says which
// file is cut short.
type bounded struct {
	name, kind string
	in         *counter
	out        io.Reader
	n, ratio   int64
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.out.Read(p)
	b.n += int64(n)
	if b.n > 64<<20 && b.n/b.ratio > b.in.n {
		return n, pipeline.Errorf(pipeline.CodeInvalid, "%s: %d compressed bytes became more than %d: this looks like a zip bomb", b.name, b.in.n, b.n).
			WithHint("if the file is what it should be, raise maxExpansion in assay.csv")
	}
	if err == nil || errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return n, err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || pipelineError(err) {
		return n, err
	}
	what := "is damaged"
	if errors.Is(err, io.ErrUnexpectedEOF) {
		what = "is cut short"
	}
	return n, pipeline.Errorf(pipeline.CodeInvalid, "%s: the %s data %s after %d decoded bytes: %w", b.name, b.kind, what, b.n, err).
		WithHint("ask the producer to send it again")
}

func pipelineError(err error) bool {
	var e *pipeline.Error
	return errors.As(err, &e)
}

// readError gives a foreign error of a source its code.
func readError(name string, err error) error {
	if pipelineError(err) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return pipeline.Errorf(pipeline.CodeUnavailable, "%s: reading failed: %w", name, err)
}
