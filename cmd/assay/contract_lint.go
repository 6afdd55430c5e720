package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/gate"
	"github.com/assay-pipeline/assay/pipeline/gate/sqlrule"
)

// readContract reads a file, but no more of it than a contract may have: one
// that is longer is refused by its length when it is read as a contract.
func readContract(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fileError(name, err)
	}
	defer f.Close()
	src, err := io.ReadAll(io.LimitReader(f, contract.MaxSource+1))
	if err != nil {
		return nil, fileError(name, err)
	}
	return src, nil
}

// neighbours are the other contracts of the project, for foreign keys that lead
// to them; none outside a project.
func (c *cli) neighbours(files []string) ([]contract.Source, error) {
	cfg, err := app.ReadConfig(c.environ, c.dir)
	if err != nil {
		return nil, err
	}
	dir, ok := cfg.ContractFolder()
	if !ok {
		return nil, nil
	}
	in, err := c.contractFiles([]string{dir})
	if pipeline.ErrorCode(err) == pipeline.CodeNotFound {
		return nil, nil // a folder without contracts
	}
	if err != nil {
		return nil, err
	}
	asked := map[string]bool{}
	for _, f := range files {
		asked[absolute(f)] = true
	}
	var out []contract.Source
	inside := false
	for _, f := range in {
		if asked[absolute(f)] {
			inside = true
			continue
		}
		src, err := readContract(f)
		if err != nil {
			return nil, err
		}
		out = append(out, contract.Source{File: f, Text: src})
	}
	if !inside && len(files) > 1 {
		return nil, nil // another collection altogether
	}
	return out, nil
}

func absolute(name string) string {
	if a, err := filepath.Abs(name); err == nil {
		return a
	}
	return name
}

// lintQueries tries the sql rules of the contracts that were asked about, and
// compiles their expressions.
func (c *cli) lintQueries(ctx context.Context, set *contract.Set, asked map[string]int) ([]contract.Finding, error) {
	engine := &sqlrule.Engine{}
	var lock sync.Mutex
	var out []contract.Finding
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, d := range set.Documents() {
		if _, ok := asked[d.File()]; !ok {
			continue
		}
		for _, name := range d.Feeds() {
			f, err := d.Feed(name)
			if err != nil {
				continue // lint says what is wrong with it
			}
			g.Go(func() error {
				expressions := gate.CheckExpressions(f)
				problems, err := engine.Check(ctx, f)
				lock.Lock()
				defer lock.Unlock()
				out = append(out, expressions...)
				for _, p := range problems {
					out = append(out, p.Rule.Finding(f, contract.LevelError, pipeline.ErrorMessage(p.Err), "mend the query; the table is "+f.Schema+", its columns are the properties"))
				}
				return err
			})
		}
	}
	return out, g.Wait()
}
