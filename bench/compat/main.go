// Command compat refuses changes that break those who build on Assay: clients of
// the API, readers of events and reports, and stores that were made by an earlier
// version. It compares the files of the working tree with those of an earlier
// revision; see Compare for what breaks whom. It is a module of its own, so that
// what it needs never becomes a dependency of Assay.
//
//	go -C bench/compat run . [-base REVISION]
//
// Without -base it is the last tag before this commit; where there is none, the
// commit from which this branch left main, or, on main, the commit before.
//
// A break that is meant is written into bench/compat/accepted.txt, as it is
// printed, with its reason above it in a comment; the list is emptied with a
// release.
package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing/fstest"
)

func main() {
	base := flag.String("base", "", "revision to compare with")
	root := flag.String("root", filepath.Join("..", ".."), "root of the repository")
	flag.Parse()
	code, err := run(context.Background(), *root, *base, os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "compat:", err)
		code = 2
	}
	os.Exit(code)
}

// run compares and prints. It returns the exit code: 0 where nothing breaks, 1
// where something does; an error, where that could not be told.
func run(ctx context.Context, root, rev string, out io.Writer) (int, error) {
	if rev == "" {
		var err error
		if rev, err = earlier(ctx, root); err != nil {
			return 0, err
		}
		if rev == "" {
			fmt.Fprintln(out, "compat: this is the first commit; there is nothing to compare with")
			return 0, nil
		}
	}
	before, err := revision(ctx, root, rev)
	if err != nil {
		return 0, err
	}
	breaks, err := Compare(before, os.DirFS(root))
	if err != nil {
		return 0, err
	}
	accepted, err := accepted(filepath.Join(root, "bench", "compat", "accepted.txt"))
	if err != nil {
		return 0, err
	}
	failed := 0
	for _, b := range breaks {
		if accepted[b.String()] {
			fmt.Fprintln(out, "accepted:", b)
			continue
		}
		failed++
		fmt.Fprintln(out, b)
	}
	if failed > 0 {
		fmt.Fprintf(out, "compat: changes since %s that break what builds on it: %d. Add beside what is there instead of changing it;\n"+
			"a break that is meant goes into bench/compat/accepted.txt, as printed.\n", rev, failed)
		return 1, nil
	}
	fmt.Fprintf(out, "compat: nothing breaks what was built on %s\n", rev)
	return 0, nil
}

// earlier is the revision to compare with, empty for the first commit of all.
func earlier(ctx context.Context, root string) (string, error) {
	if tag, err := git(ctx, root, "describe", "--tags", "--abbrev=0", "HEAD^"); err == nil {
		return tag, nil
	}
	head, err := git(ctx, root, "rev-parse", "HEAD")
	if err != nil {
		return "", err
	}
	for _, branch := range []string{"origin/main", "main"} {
		if fork, err := git(ctx, root, "merge-base", branch, "HEAD"); err == nil && fork != head {
			return fork, nil
		}
	}
	if parent, err := git(ctx, root, "rev-parse", "--verify", "--quiet", "HEAD^"); err == nil {
		return parent, nil
	}
	if shallow, err := git(ctx, root, "rev-parse", "--is-shallow-repository"); err != nil || shallow == "true" {
		return "", errors.New("the clone holds no earlier commit to compare with; fetch the history (git fetch --unshallow --tags), or give -base")
	}
	return "", nil
}

// revision reads the compared folders as they were.
func revision(ctx context.Context, root, rev string) (fs.FS, error) {
	// git archive fails where it is told of a folder that is not there.
	listed, err := git(ctx, root, "ls-tree", "-d", "-r", "--name-only", "--full-tree", rev)
	if err != nil {
		return nil, err
	}
	args := []string{"archive", "--format=tar", rev}
	for dir := range strings.Lines(listed) {
		if dir = strings.TrimSpace(dir); compared(dir) {
			args = append(args, dir)
		}
	}
	tree := fstest.MapFS{}
	if len(args) == 3 {
		return tree, nil
	}
	b, err := gitBytes(ctx, root, args...)
	if err != nil {
		return nil, err
	}
	for r := tar.NewReader(bytes.NewReader(b)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return tree, nil
		}
		if err != nil {
			return nil, fmt.Errorf("git archive %s: %w", rev, err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		data, err := io.ReadAll(r)
		if err != nil {
			return nil, fmt.Errorf("git archive %s: %s: %w", rev, h.Name, err)
		}
		tree[h.Name] = &fstest.MapFile{Data: data}
	}
}

func git(ctx context.Context, root string, args ...string) (string, error) {
	b, err := gitBytes(ctx, root, args...)
	return strings.TrimSpace(string(b)), err
}

func gitBytes(ctx context.Context, root string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "git", append([]string{"-C", root}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	b, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("git %s: %w: %s", args[0], err, strings.TrimSpace(stderr.String()))
	}
	return b, nil
}

// accepted reads the breaks that are meant, one a line; # begins a comment.
func accepted(file string) (map[string]bool, error) {
	b, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	out := map[string]bool{}
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
			out[line] = true
		}
	}
	return out, nil
}
