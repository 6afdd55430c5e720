package contract

import (
	"slices"
)

// A Kind is what the rows of a feed are made of.
type Kind string

const (
	// KindRows: a row is a record of the file.
	KindRows Kind = ""
	// KindStream: a row is an event; they are judged in windows as they come, and
	// a landed file of them like any other.
	KindStream Kind = "stream"
	// KindText: a row is what is measured of a document.
	KindText Kind = "text"
	// KindObjects: a row is what is measured of an object: an image, a PDF, an
	// archive.
	KindObjects Kind = "objects"
)

// Measured reports whether the rows are measurements.
func (k Kind) Measured() bool { return k == KindText || k == KindObjects }

// Measures are the columns that a feed of this kind can declare and need not
// be sent, with their types; any other column is metadata that comes with the
// document.
//
//	document       the name of the object in its batch
//	path           where its accepted copy lies in the lake
//	bytes, sha256  of the object; of a document in JSON Lines, of its text
//	type           the media type that its first bytes tell
//	named_type     the media type that the ending of its name stands for
//	type_matches   both are the same, as far as both are known
//	complete       it ends as its type demands (JPEG, PNG, GIF, PDF, ZIP)
//	width, height  of an image, in pixels
//	encoding       utf-8, utf-16, windows-1252, binary, mojibake (UTF-8 that was
//	               taken for Windows-1252) or damaged (replacement characters)
//	language       de, en, fr, es, it, nl, pt, or unknown
//	characters     that are not white space
//	words, lines
//	repeated       share of the characters that stand in lines that the document
//	               had before
//	boilerplate    share of the characters that stand in lines that three
//	               earlier documents of the batch had
//	text           the text itself, as UTF-8
func (k Kind) Measures(f Format) map[string]Type {
	out := map[string]Type{}
	add := func(t Type, names ...string) {
		for _, n := range names {
			out[n] = t
		}
	}
	if !k.Measured() {
		return out
	}
	add(Integer, "bytes")
	add(String, "sha256")
	if f == Files {
		add(String, "document", "path", "type", "named_type")
		add(Boolean, "type_matches", "complete")
	}
	if k == KindObjects {
		add(Integer, "width", "height")
		return out
	}
	add(String, "encoding", "language")
	add(Integer, "characters", "words", "lines")
	add(Decimal, "repeated", "boilerplate")
	if f == Files {
		add(String, "text")
	}
	return out
}

// kind reads assay.kind: a word, or the word and where the text stands.
func (c *compiler) kind(f *Feed) {
	v := c.setting("assay.kind")
	m := c.mapping(v, "assay.kind", "kind")
	word := c.word(m.get("kind"), "assay.kind", "rows", "rows", "stream", "text", "objects")
	if word != "rows" {
		f.Kind = Kind(word)
	}
	text := m.text("text", "")
	m.done()
	stated := c.setting("assay.format") != nil || f.Format != CSV
	switch {
	case !f.Kind.Measured():
		if text != "" {
			c.errorf(m.n.get("text"), "custom", "remove it, or write kind: text", "assay.kind.text: the feed is not of kind text")
		}
		if f.Format == Files {
			c.errorf(c.setting("assay.format"), "custom", "set assay.kind to text or objects", "assay.format: files: the feed is of rows")
		}
		if f.Kind == KindStream {
			if !stated {
				f.Format = JSONL
			}
			if f.Format != JSONL {
				c.errorf(c.setting("assay.format"), "custom", "write jsonl", "assay.kind: stream: events are JSON Lines, not %s", f.Format)
			}
		}
		return
	case f.Kind == KindObjects || !stated:
		if stated && f.Format != Files {
			c.errorf(c.setting("assay.format"), "custom", "write files", "assay.kind: objects: a batch is a folder or an archive, not %s", f.Format)
		}
		f.Format = Files
	case f.Format != JSONL && f.Format != Files:
		c.errorf(c.setting("assay.format"), "custom", "write jsonl or files", "assay.kind: text: documents come as jsonl or files, not %s", f.Format)
	}
	if f.Format == JSONL {
		if f.Text = text; text == "" {
			f.Text = "text"
		}
	} else if text != "" {
		c.errorf(m.n.get("text"), "custom", "remove it", "assay.kind.text names a member of JSON Lines; of files, the whole is the text")
	}
	c.measured(f, v)
}

// measured checks the columns that are measured.
func (c *compiler) measured(f *Feed, at *node) {
	measures := f.Kind.Measures(f.Format)
	var declared []string
	for _, fd := range f.Fields {
		want, ok := measures[fd.Column]
		if !ok {
			continue
		}
		declared = append(declared, fd.Column)
		if fd.Type != want {
			c.errorf(c.object, "custom", "write logicalType: "+string(want), "the column %s is measured: its type is %s, not %s", fd.Column, want, fd.Type)
		}
	}
	if f.Format == Files && !slices.Contains(declared, "document") {
		c.errorf(at, "custom", "add a property {name: document, logicalType: string, required: true, unique: true}", "a feed of %s needs the column document, by which a row is found again", f.Kind)
	}
	if len(declared) < 2 {
		c.warnf(at, "custom", "declare columns such as bytes, sha256, encoding or language, with what they may be", "the contract judges next to nothing of the %s", f.Kind)
	}
}
