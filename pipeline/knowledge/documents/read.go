package documents

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"io/fs"
	"path"
	"sort"
	"strings"
	"unicode/utf8"

	"github.com/assay-pipeline/assay/pipeline"
)

const (
	// maxFile bounds one document, maxFiles a folder.
	maxFile  = 8 << 20
	maxFiles = 10_000
	// chunkSize is about what fits a prompt beside others: 200 words.
	chunkSize = 1200
)

// A Skipped file was left out, and why.
type Skipped struct {
	Source string `json:"source"`
	Reason string `json:"reason"`
}

// Read cuts the documents of a folder into chunks, in the order of their names.
// Files of other kinds, and those that cannot be read as text, are skipped with
// the reason. Errors: not_found, invalid (nothing to read, too much), unavailable.
func Read(fsys fs.FS, origin string) (Snapshot, []Chunk, []Skipped, error) {
	s := Snapshot{Origin: origin}
	var files []string
	var skipped []Skipped
	err := fs.WalkDir(fsys, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if base := path.Base(name); base != "." && strings.HasPrefix(base, ".") {
			if e.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if e.IsDir() || !e.Type().IsRegular() {
			return nil
		}
		switch strings.ToLower(path.Ext(name)) {
		case ".md", ".markdown", ".txt", ".text", ".csv":
			files = append(files, name)
		default:
			skipped = append(skipped, Skipped{name, "only Markdown, text and CSV are read"})
		}
		if len(files) > maxFiles {
			return pipeline.Errorf(pipeline.CodeLimit, "%s has more than %d documents", origin, maxFiles).WithHint("take it in folder by folder")
		}
		return nil
	})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return s, nil, nil, pipeline.Errorf(pipeline.CodeNotFound, "%s: no such folder", origin)
	case pipeline.ErrorCode(err) == pipeline.CodeLimit:
		return s, nil, nil, err
	case err != nil:
		return s, nil, nil, pipeline.Errorf(pipeline.CodeUnavailable, "%s: %w", origin, err)
	}
	sort.Strings(files)
	var chunks []Chunk
	ids := []string{"documents"}
	for _, name := range files {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return s, nil, nil, pipeline.Errorf(pipeline.CodeUnavailable, "%s: %w", name, err)
		}
		if why := unreadable(data); why != "" {
			skipped = append(skipped, Skipped{name, why})
			continue
		}
		of, err := cut(name, data)
		if err != nil {
			skipped = append(skipped, Skipped{name, err.Error()})
			continue
		}
		if len(of) == 0 {
			skipped = append(skipped, Skipped{name, "holds no text"})
			continue
		}
		version := pipeline.ContentID("document", string(data))
		for i := range of {
			of[i].Source, of[i].Version, of[i].Seq = name, version, len(chunks)+i+1
		}
		chunks = append(chunks, of...)
		ids = append(ids, name, version)
		s.Documents++
	}
	sort.SliceStable(skipped, func(i, j int) bool { return skipped[i].Source < skipped[j].Source })
	if len(chunks) == 0 {
		return s, nil, skipped, pipeline.Errorf(pipeline.CodeInvalid, "%s holds no document that can be read", origin).
			WithHint("put Markdown (.md), text (.txt) or CSV files there")
	}
	s.ID, s.Chunks = pipeline.ContentID(ids...), len(chunks)
	return s, chunks, skipped, nil
}

func unreadable(data []byte) string {
	switch {
	case len(data) > maxFile:
		return "is larger than 8 MiB"
	case bytes.IndexByte(data, 0) >= 0:
		return "is not text: it holds NUL bytes"
	case !utf8.Valid(data):
		return "is not UTF-8"
	}
	return ""
}

func cut(name string, data []byte) ([]Chunk, error) {
	text := strings.ReplaceAll(strings.TrimPrefix(string(data), "\ufeff"), "\r\n", "\n")
	base := path.Base(name)
	switch strings.ToLower(path.Ext(name)) {
	case ".csv":
		return rows(base, text)
	case ".md", ".markdown":
		return markdown(base, text), nil
	}
	return paragraphs(base, text, 1, nil), nil
}

// markdown cuts at headings, and long sections at paragraphs. A title is the
// line of headings above.
func markdown(base, text string) (out []Chunk) {
	var heads []string
	title, start := base, 1
	var body []string
	fence := false
	flush := func() {
		out = paragraphs(title, strings.Join(body, "\n"), start, out)
		body = body[:0]
	}
	for i, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "```") {
			fence = !fence
		}
		depth := 0
		for depth < len(line) && depth < 6 && line[depth] == '#' {
			depth++
		}
		if fence || depth == 0 || depth >= len(line) || line[depth] != ' ' {
			body = append(body, line)
			continue
		}
		flush()
		for len(heads) >= depth {
			heads = heads[:len(heads)-1]
		}
		for len(heads) < depth-1 {
			heads = append(heads, "")
		}
		heads = append(heads, strings.TrimSpace(strings.Trim(line[depth:], "# ")))
		var named []string
		for _, h := range heads {
			if h != "" {
				named = append(named, h)
			}
		}
		title, start = strings.Join(named, " › "), i+2
	}
	flush()
	return out
}

// paragraphs joins paragraphs up to the size of a chunk; a longer one is cut at
// the ends of its sentences, else of its words.
func paragraphs(title, text string, line int, out []Chunk) []Chunk {
	var b strings.Builder
	start := line
	flush := func() {
		if t := strings.TrimSpace(b.String()); t != "" {
			out = append(out, Chunk{Title: title, Text: t, Line: start})
		}
		b.Reset()
	}
	for _, p := range strings.Split(text, "\n\n") {
		lines := strings.Count(p, "\n") + 2
		if b.Len() > 0 && b.Len()+len(p) > chunkSize {
			flush()
		}
		if b.Len() == 0 {
			start = line + len(p) - len(strings.TrimLeft(p, "\n"))
		}
		for len(p) > chunkSize {
			k := sentenceEnd(p[:chunkSize])
			b.WriteString(p[:k])
			flush()
			p = p[k:]
		}
		b.WriteString(p)
		b.WriteString("\n\n")
		line += lines
	}
	flush()
	return out
}

// sentenceEnd is where to cut a text that is too long.
func sentenceEnd(s string) int {
	for _, marks := range []string{".!?\n", " \t"} {
		for i := len(s) - 1; i > len(s)/2; i-- {
			if strings.IndexByte(marks, s[i]) >= 0 {
				return i + 1
			}
		}
	}
	k := len(s)
	for k > 0 && !utf8.RuneStart(s[k-1]) {
		k--
	}
	if k > 1 {
		k-- // the character whose rest may be cut off
	}
	return k
}

// rows makes a chunk of every few rows, each value with the name of its column.
func rows(base, text string) (out []Chunk, err error) {
	head := text[:min(len(text), 4096)]
	r := csv.NewReader(strings.NewReader(text))
	if strings.Count(head, ";") > strings.Count(head, ",") {
		r.Comma = ';'
	} else if strings.Count(head, "\t") > strings.Count(head, ",") {
		r.Comma = '\t'
	}
	r.FieldsPerRecord, r.LazyQuotes, r.TrimLeadingSpace = -1, true, true
	names, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var b strings.Builder
	start := 0
	flush := func() {
		if b.Len() > 0 {
			out = append(out, Chunk{Title: base, Text: strings.TrimSpace(b.String()), Line: start})
		}
		b.Reset()
	}
	for {
		rec, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		line, _ := r.FieldPos(0)
		var row []string
		for i, v := range rec {
			if v = strings.TrimSpace(v); v == "" {
				continue
			}
			if i < len(names) && strings.TrimSpace(names[i]) != "" {
				v = strings.TrimSpace(names[i]) + ": " + v
			}
			row = append(row, v)
		}
		t := strings.Join(row, "; ")
		if b.Len() > 0 && b.Len()+len(t) > chunkSize {
			flush()
		}
		if b.Len() == 0 {
			start = line
		}
		for len(t) > chunkSize { // a cell that is a document of its own
			k := sentenceEnd(t[:chunkSize])
			b.WriteString(t[:k])
			flush()
			t, start = t[k:], line
		}
		if t != "" {
			b.WriteString(t + "\n")
		}
	}
	flush()
	return out, nil
}
