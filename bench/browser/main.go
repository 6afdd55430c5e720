// Command browser goes through the pages of assay serve as people do: in a
// headless Chromium, with keys and without scripts, in light and dark, on a
// desk and on a phone. It looks for violations of WCAG with axe-core, and times
// a reviewer who decides fifty pairs by keys.
//
// It generates a sample project with assay demo, serves it on loopback, and
// changes it while it looks. The last line is JSON.
package main

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

func main() {
	var o options
	flag.StringVar(&o.assay, "assay", "../../bin/assay", "the program")
	flag.StringVar(&o.axe, "axe", "", "axe.min.js of axe-core; without it nothing is looked for")
	flag.StringVar(&o.chromium, "chromium", "", "Chromium (default: the one in PATH)")
	flag.StringVar(&o.pictures, "pictures", "", "keep pictures of the pages in this folder")
	flag.StringVar(&o.every, "every", "", "keep pictures of every page, whole, in light, dark, on a phone and at 200 %, in this folder")
	flag.StringVar(&o.only, "only", "", "only what has this in its name")
	flag.IntVar(&o.decisions, "decisions", 50, "how many pairs the reviewer decides")
	flag.StringVar(&o.contracts, "contracts", "../../contracts", "the contracts of the sample")
	flag.IntVar(&o.items, "items", 1500, "items of the sample")
	flag.Parse()
	if err := run(context.Background(), o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

type options struct {
	assay, axe, chromium, pictures, every, only, contracts string
	decisions, items                                       int
}

// A flow is something that people do with the pages.
type flow struct {
	name string
	do   func(*tab, *visit)
}

// A visit is one run over the pages.
type visit struct {
	options
	sample sample
	axe    string
	seen   int // pages that axe-core looked at
	wrong  int // violations
	figures
}

type figures struct {
	Flows      int     `json:"flows"`
	AxePages   int     `json:"axe_pages"`
	Violations int     `json:"violations"`
	Decisions  int     `json:"decisions"`
	Seconds    float64 `json:"decisions_50_s"`
	Lost       int     `json:"decisions_lost"`
}

func run(ctx context.Context, o options) error {
	if o.chromium == "" {
		for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
			if p, err := exec.LookPath(name); err == nil {
				o.chromium = p
				break
			}
		}
		if o.chromium == "" {
			return errors.New("there is no Chromium: apt-get install chromium")
		}
	}
	v := &visit{options: o}
	if o.axe != "" {
		b, err := os.ReadFile(o.axe)
		if err != nil {
			return err
		}
		v.axe = string(b)
	}
	dir, err := os.MkdirTemp("", "assay-pages-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	if v.sample, err = makeSample(ctx, o, filepath.Join(dir, "project")); err != nil {
		return err
	}
	base, stop, err := serve(ctx, o.assay, v.sample.dir)
	if err != nil {
		return err
	}
	defer stop()
	b, err := startBrowser(ctx, o.chromium, base)
	if err != nil {
		return err
	}
	defer b.close()

	failed := 0
	for _, f := range flows() {
		if !strings.Contains(f.name, o.only) {
			continue
		}
		start := time.Now()
		t := b.open()
		f.do(t, v)
		if len(t.noise) > 0 {
			t.fail("the page complains: %s", t.noise[0])
		}
		v.Flows++
		if t.err != nil {
			failed++
			fmt.Printf("FAIL  %-44s %5.1f s  %v\n", f.name, time.Since(start).Seconds(), t.err)
			t.err = nil
			t.shot(os.TempDir(), "assay-pages-failed")
		} else {
			fmt.Printf("ok    %-44s %5.1f s\n", f.name, time.Since(start).Seconds())
		}
		t.close()
	}
	v.AxePages, v.Violations = v.seen, v.wrong
	line, err := json.Marshal(v.figures)
	if err != nil {
		return err
	}
	fmt.Println(string(line))
	switch {
	case failed > 0:
		return fmt.Errorf("%d of %d flows failed; the last picture is %s", failed, v.Flows, filepath.Join(os.TempDir(), "assay-pages-failed.png"))
	case v.Violations > 0:
		return fmt.Errorf("%d violations of WCAG AA", v.Violations)
	case v.Lost > 0:
		return fmt.Errorf("%d decisions were lost", v.Lost)
	case v.Seconds > 60:
		return fmt.Errorf("%d decisions took %.1f s, more than 60 s", v.Decisions, v.Seconds)
	}
	return nil
}

// A sample is a project with something of everything that the pages show.
type sample struct {
	dir     string
	assay   string
	held    string // a batch that waits for a decision
	item    string // an item with values
	cluster string // of that item, where it is in one
}

// command runs the program over the sample and reads what it prints.
func (s *sample) command(ctx context.Context, into any, args ...string) error {
	var out, errs bytes.Buffer
	c := exec.CommandContext(ctx, s.assay, append([]string{"-q", "-C", s.dir, "-o", "json"}, args...)...) //nolint:gosec // it is ours
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		return fmt.Errorf("assay %s: %w: %s", strings.Join(args, " "), err, errs.String())
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(out.Bytes(), into)
}

func makeSample(ctx context.Context, o options, dir string) (sample, error) {
	program, err := filepath.Abs(o.assay)
	if err != nil {
		return sample{}, err
	}
	s := sample{dir: dir, assay: program}
	c := exec.CommandContext(ctx, program, "-q", "demo", "--items", fmt.Sprint(o.items), "--keep", dir) //nolint:gosec // it is ours
	if out, err := c.CombinedOutput(); err != nil {
		return s, fmt.Errorf("assay demo: %w: %s", err, out)
	}
	if err := s.command(ctx, nil, "catalog", "questions", "--ask"); err != nil {
		return s, err
	}
	return s, s.spares(ctx, o.contracts)
}

// spares adds a feed whose batches wait for a person, two of them.
func (s *sample) spares(ctx context.Context, contracts string) error {
	for _, part := range []string{"feeds", "catalog"} {
		if err := os.CopyFS(filepath.Join(s.dir, "contracts", part), os.DirFS(filepath.Join(contracts, part))); err != nil {
			return err
		}
	}
	landing := filepath.Join(s.dir, "lake", "landing", "spares")
	if err := os.MkdirAll(landing, 0o755); err != nil { //nolint:gosec // a scratch folder
		return err
	}
	for name, text := range map[string]string{
		filepath.Join(s.dir, "contracts", "feeds", "spares.odcs.yaml"): sparesContract,
		filepath.Join(landing, "spares-2026-03-10.csv"):                "number,amount\nS-1,4\nS-2,7\n",
		filepath.Join(landing, "spares-2026-03-11.csv"):                "number,amount\nS-3,-1\nS-4,8\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil { //nolint:gosec // a scratch folder
			return err
		}
	}
	// Two batches wait, so that the run ends with 1.
	var left *exec.ExitError
	if err := s.command(ctx, nil, "run"); err != nil && !(errors.As(err, &left) && left.ExitCode() == 1) {
		return err
	}
	return nil
}

//go:embed spares.odcs.yaml
var sparesContract string

// serve starts the server on a free port of loopback.
func serve(ctx context.Context, program, dir string) (base string, stop func(), err error) {
	c := exec.CommandContext(ctx, program, "-C", dir, "-o", "json", "serve", "--addr", "127.0.0.1:0", "--as", "reviewer") //nolint:gosec // it is ours
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := c.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		_ = c.Wait()
	}
	var said struct{ URL string }
	r := bufio.NewReader(out)
	line, err := r.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &said)
	}
	if err != nil || said.URL == "" {
		stop()
		return "", nil, fmt.Errorf("assay serve does not say where it listens: %w", err)
	}
	go func() { _, _ = io.Copy(io.Discard, r) }()
	return said.URL, stop, nil
}
