package main

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/assay-pipeline/assay/pipeline"
)

// scaffold is what assay init writes. The knowledge of its one category is
// written for it; the program ships with more (ASSAY_KNOWLEDGE=embed:).
//
//go:embed all:scaffold
var scaffold embed.FS

func (c *cli) initCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "init [FOLDER]",
		Short: "Write a project: one feed, its contract, one category, a landing zone",
		Long: `Write a project into FOLDER (default: the current one): a contract for one
feed, the knowledge of one category, and a landing zone with a small file in it.
Nothing that is there already is overwritten; where a file of the project
is in the way, nothing is written.

  cd FOLDER && assay run     takes the file through the pipeline`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := c.dir
			if len(args) > 0 {
				dir = args[0]
				if !filepath.IsAbs(dir) {
					dir = filepath.Join(c.dir, dir)
				}
			}
			written, err := writeScaffold(dir)
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(map[string]any{"schema_version": 1, "folder": dir, "files": written})
			}
			for _, f := range written {
				fmt.Fprintln(c.stdout, filepath.Join(dir, filepath.FromSlash(f)))
			}
			fmt.Fprintf(c.stdout, "%s; next:\n", count(len(written), "file"))
			if dir != "." {
				fmt.Fprintf(c.stdout, "  cd %s\n", dir)
			}
			fmt.Fprintln(c.stdout, "  assay contract lint")
			fmt.Fprintln(c.stdout, "  assay run")
			fmt.Fprintln(c.stdout, "the project knows washers alone; without its folder contracts/catalog it knows every category that ships with the program")
			return nil
		},
	}
}

// writeScaffold copies the scaffold into dir and returns what it wrote. It
// writes all files or, where one is there already, none.
func writeScaffold(dir string) ([]string, error) {
	files := map[string][]byte{}
	var names []string
	err := fs.WalkDir(scaffold, "scaffold", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := scaffold.ReadFile(p)
		if err != nil {
			return err
		}
		name := scaffoldName(strings.TrimPrefix(p, "scaffold/"))
		files[name] = b
		names = append(names, name)
		return nil
	})
	if err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInternal, "the scaffold does not read: %w", err)
	}
	kept := names[:0]
	for _, name := range names {
		file := filepath.Join(dir, filepath.FromSlash(name))
		_, err := os.Lstat(file)
		if err == nil && (name == ".gitignore" || name == "README.md") {
			continue // the folder's own; the project works without ours
		}
		kept = append(kept, name)
		if err == nil {
			return nil, pipeline.Errorf(pipeline.CodeInvalid, "%s is there already", file).WithHint("assay init writes into a folder that has no project yet")
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, fileError(file, err)
		}
	}
	names = kept
	for _, name := range names {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return nil, fileError(filepath.Dir(file), err)
		}
		if err := os.WriteFile(file, files[name], 0o644); err != nil {
			return nil, fileError(file, err)
		}
	}
	return names, nil
}

// scaffoldName is where a file of the scaffold goes.
func scaffoldName(name string) string {
	switch {
	case name == "gitignore":
		return ".gitignore"
	case strings.HasPrefix(name, "landing/"):
		return path.Join("lake/landing/parts", strings.TrimPrefix(name, "landing/"))
	}
	return name
}
