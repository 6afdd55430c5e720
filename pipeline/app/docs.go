package app

import (
	"fmt"
	"strings"
)

// ConfigurationPage is docs/configuration.md, made from the Config struct, so
// that the page cannot say what the program does not do.
func ConfigurationPage() string {
	var b strings.Builder
	b.WriteString(`# Configuration

Assay reads these environment variables once, at start, and reports every mistake in them together. This page is generated from the program (` + "`go test ./pipeline/app -run TestConfigurationPage -update`" + `).

Relative paths start from the project folder: the working directory, or what ` + "`assay --dir`" + ` names.

| variable | default | what it is |
|---|---|---|
`)
	for f := range fields() {
		def := f.Tag.Get("envDefault")
		if def == "" {
			def = "–"
		} else {
			def = "`" + def + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", f.Tag.Get("env"), def, strings.ReplaceAll(f.Tag.Get("doc"), "|", "\\|"))
	}
	return b.String()
}
