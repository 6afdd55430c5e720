package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// search asks a server for items of a catalog of its own. What it takes to start
// and to read the catalog is taken off: a function does that once in its life.
func (b *bench) search(ctx context.Context, out map[string]float64) error {
	project := filepath.Join(b.dir, "search")
	if err := b.command(ctx, "--quiet", "init", project).Run(); err != nil {
		return err
	}
	// The catalog of the program, in place of the scaffold's one category.
	if err := os.RemoveAll(filepath.Join(project, "contracts", "catalog")); err != nil {
		return err
	}
	landed, err := filepath.Glob(filepath.Join(project, "lake", "landing", "parts", "*"))
	if err != nil || len(landed) != 1 {
		return fmt.Errorf("the scaffold has %d files: %w", len(landed), err)
	}
	all := texts()
	if _, err := write(landed[0], func(f *bufio.Writer) {
		w := csv.NewWriter(f)
		_ = w.Write([]string{"part_id", "description", "manufacturer", "plant", "price", "created"}) // Flush below says
		for i, t := range all {
			_ = w.Write([]string{fmt.Sprintf("P-%07d", i), t, "", "north", "1.00", "2026-01-12"}) // as above
		}
		w.Flush()
	}); err != nil {
		return err
	}
	if answer, err := b.command(ctx, "-C", project, "--quiet", "run").Output(); err != nil {
		return fmt.Errorf("%w: %.300s", err, answer)
	}
	one, err := b.served(ctx, project, all[:1])
	if err != nil {
		return err
	}
	queries := make([]string, 0, *searches+1)
	for i := range *searches + 1 {
		queries = append(queries, all[i*(len(all)-1)/max(*searches, 1)])
	}
	many, err := b.served(ctx, project, queries)
	if err != nil {
		return err
	}
	each := (many - one) / time.Duration(*searches)
	out["search.seconds"] = round(each.Seconds())
	fmt.Printf("%9d searches in %d items: %v each, without the start of %v\n", *searches, len(all), each, one)
	return nil
}

// served is the processor time of a server from its start over some searches to
// its end.
func (b *bench) served(ctx context.Context, project string, queries []string) (time.Duration, error) {
	cmd := b.command(ctx, "-C", project, "serve", "--addr", "127.0.0.1:0")
	cmd.Stderr = nil
	said, err := cmd.StderrPipe()
	if err != nil {
		return 0, err
	}
	cmd.Stdout = cmd.Stderr
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	base, found := "", bufio.NewScanner(said)
	for base == "" && found.Scan() {
		if _, rest, ok := strings.Cut(found.Text(), "http://"); ok {
			base = "http://" + strings.TrimRight(strings.Fields(rest)[0], "/.,;)")
		}
	}
	go func() { _, _ = io.Copy(io.Discard, said) }() // until it ends
	err = asked(ctx, base, queries)
	if e := cmd.Process.Signal(os.Interrupt); e != nil && err == nil {
		err = e
	}
	_ = cmd.Wait() // an interrupt is how it ends
	return spent(cmd), err
}

func asked(ctx context.Context, base string, queries []string) error {
	if base == "" {
		return fmt.Errorf("the server did not say where it listens")
	}
	for i, q := range queries {
		for try := 0; ; try++ {
			status, err := get(ctx, base+"/v1/search?q="+url.QueryEscape(q))
			if err != nil {
				return err
			}
			if status == http.StatusOK {
				break
			}
			// The first one reads the catalog, and is told to come again meanwhile.
			if i > 0 || try > 100 || status != http.StatusServiceUnavailable {
				return fmt.Errorf("search %q: %d", q, status)
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	return nil
}

func get(ctx context.Context, address string) (int, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return 0, err
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }() // read to its end
	_, err = io.Copy(io.Discard, res.Body)
	return res.StatusCode, err
}
