package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
)

// repository is the folder of this module's source, where the working directory
// lies in it.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		mod, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(mod), "module github.com/assay-pipeline/assay\n") {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", pipeline.Errorf(pipeline.CodeNotFound, "the source of the functions is not here").
				WithHint("run it inside the repository, or name a built function by --binary")
		}
		dir = up
	}
}

// functions are the names of the functions in the repository.
func functions(repo string) ([]string, error) {
	mains, err := filepath.Glob(filepath.Join(repo, "functions", "*", "main.go"))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, m := range mains {
		names = append(names, filepath.Base(filepath.Dir(m)))
	}
	slices.Sort(names)
	return names, nil
}

// buildFunction builds a function for this machine into dir and returns the
// program. It is built as for Lambda where the store is Postgres, and with
// SQLite where it is not.
func buildFunction(ctx context.Context, name, dir string, cfg app.Config) (string, error) {
	repo, err := repository()
	if err != nil {
		return "", err
	}
	known, err := functions(repo)
	if err != nil {
		return "", err
	}
	if !slices.Contains(known, name) {
		return "", pipeline.Errorf(pipeline.CodeNotFound, "there is no function %q", name).WithHint("there are %s", strings.Join(known, ", "))
	}
	out := filepath.Join(dir, name, "bootstrap")
	if runtime.GOOS == "windows" {
		out += ".exe"
	}
	args := []string{"build", "-trimpath", "-ldflags", "-s -w", "-o", out}
	if strings.HasPrefix(cfg.Store, "postgres") {
		args = append(args, "-tags", "lambda.norpc")
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./functions/"+name)...)
	cmd.Dir = repo
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if b, err := cmd.CombinedOutput(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return "", pipeline.Errorf(pipeline.CodeNotFound, "go is not installed: %w", err).WithHint("name a built function by --binary")
		}
		return "", pipeline.Errorf(pipeline.CodeInvalid, "building %s: %w: %s", name, err, strings.TrimSpace(string(b)))
	}
	return out, nil
}

// functionEnv is what a function finds here: what this process found, but for
// what Lambda says itself.
func functionEnv(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(kv string) bool {
		return strings.HasPrefix(kv, "AWS_LAMBDA_") || strings.HasPrefix(kv, "_HANDLER=") || strings.HasPrefix(kv, "LAMBDA_TASK_ROOT=")
	})
}
