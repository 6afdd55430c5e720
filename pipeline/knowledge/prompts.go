package knowledge

import (
	"bytes"
	"errors"
	"io/fs"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/fill"
)

// A Prompt is a versioned template with two parts: "system", which is the same
// for every item of a category, and "user".
type Prompt struct {
	Name string
	// Version is NAME/HASH: it changes with every byte of the file.
	Version string

	t *fill.Template
}

// Prompts are the templates of a pack, by name.
type Prompts map[string]Prompt

// LoadPrompts reads prompts/NAME.tmpl in the root of fsys. Templates see
// nothing but the data that they are given. Errors: invalid, not_found,
// unavailable.
func LoadPrompts(fsys fs.FS, names ...string) (Prompts, error) {
	out := Prompts{}
	for _, name := range names {
		file := "prompts/" + name + ".tmpl"
		data, err := fs.ReadFile(fsys, file)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, pipeline.Errorf(pipeline.CodeNotFound, "the knowledge pack has no %s: %w", file, err).
				WithHint("copy it from the pack that comes with assay")
		case err != nil:
			return nil, pipeline.Errorf(pipeline.CodeUnavailable, "prompt %s: %w", file, err)
		case len(data) > maxFile:
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s has %d bytes, more than %d", file, len(data), maxFile)
		}
		t, err := fill.Parse(file, string(data))
		if err != nil {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "%w", err)
		}
		for _, part := range []string{"system", "user"} {
			if !t.Has(part) {
				return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s: no part %q", file, part).WithHint("write {{define %q}}…{{end}}", part)
			}
		}
		out[name] = Prompt{Name: name, Version: name + "/" + pipeline.ShortID(pipeline.ContentID("prompt", string(data))), t: t}
	}
	return out, nil
}

// Write fills a part of the prompt.
func (p Prompt) Write(part string, data any) (string, error) {
	var b bytes.Buffer
	if err := p.t.Part(&b, part, data); err != nil {
		return "", pipeline.Errorf(pipeline.CodeInvalid, "prompt %s: %w", p.Name, err)
	}
	return strings.TrimSpace(b.String()), nil
}
