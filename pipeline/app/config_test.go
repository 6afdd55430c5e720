package app

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/assay-pipeline/assay/pipeline"
)

var update = flag.Bool("update", false, "rewrite generated documentation")

func TestConfigurationPage(t *testing.T) {
	file := filepath.Join("..", "..", "docs", "configuration.md")
	want := ConfigurationPage()
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, strings.ReplaceAll(string(got), "\r\n", "\n")); d != "" {
		t.Errorf("docs/configuration.md is out of date, run go test ./pipeline/app -run TestConfigurationPage -update:\n%s", d)
	}
}

func TestReadConfigReportsEveryMistakeTogether(t *testing.T) {
	_, err := ReadConfig([]string{
		"ASSAY_LAKE=ftp://nowhere", "ASSAY_MEMORY=much", "ASSAY_TZ=Mars/Base", "ASSAY_LOKE=file:x", "ASSAY_STORE=sqlite:", "ASSAY_LOG=loud",
		"HOME=/root", "ASSAY_TEST_POSTGRES=postgres://x",
	}, t.TempDir())
	if got := pipeline.ErrorCode(err); got != pipeline.CodeInvalid {
		t.Fatalf("code %q, want invalid (%v)", got, err)
	}
	for _, want := range []string{
		`ASSAY_LAKE: "ftp://nowhere" does not start with file:`,
		`ASSAY_MEMORY: "much" is not a size`,
		`ASSAY_TZ: "Mars/Base" is not a time zone`,
		`ASSAY_LOKE is not a variable of Assay`,
		`ASSAY_STORE: "sqlite:" names nothing`,
		`ASSAY_LOG: "loud" is not one of`,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the message lacks %q:\n%v", want, err)
		}
	}
	if strings.Contains(err.Error(), "ASSAY_TEST_POSTGRES") {
		t.Errorf("test variables are none of the configuration's business: %v", err)
	}
}

func TestReadConfigDefaults(t *testing.T) {
	dir := t.TempDir()
	c, err := ReadConfig([]string{"ASSAY_LAKE="}, dir)
	if err != nil {
		t.Fatal(err)
	}
	if c.Contracts != "embed:" || c.Knowledge != "embed:" || c.Memory != 96<<20 || c.Workers < 1 {
		t.Errorf("defaults in an empty folder: %+v", c)
	}
	if got, want := c.path(c.Lake), filepath.Join(dir, "lake"); got != want {
		t.Errorf("lake at %s, want %s", got, want)
	}
	if err := os.MkdirAll(filepath.Join(dir, "contracts", "catalog"), 0o755); err != nil {
		t.Fatal(err)
	}
	c, err = ReadConfig(nil, dir)
	if err != nil {
		t.Fatal(err)
	}
	if c.Contracts != "dir:contracts" || c.Knowledge != "dir:"+filepath.Join("contracts", "catalog") {
		t.Errorf("a folder with contracts is used: %+v", c)
	}
}

func TestPathsOfURLs(t *testing.T) {
	c := Config{Dir: filepath.FromSlash("/project")}
	for url, want := range map[string]string{
		"file:lake":             filepath.FromSlash("/project/lake"),
		"file:///data/lake":     filepath.FromSlash("/data/lake"),
		"sqlite:.assay/a.db":    filepath.FromSlash("/project/.assay/a.db"),
		"dir:contracts/catalog": filepath.FromSlash("/project/contracts/catalog"),
	} {
		if got := c.path(url); got != want {
			t.Errorf("path(%q) = %q, want %q", url, got, want)
		}
	}
}
