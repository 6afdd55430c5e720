// Command pages measures the pages over a project of a thousand feeds and a
// million items in SQLite, all generated: the time to the first byte and what is
// transferred, page by page, as a browser that has been here before sees them. It
// prints a table and, as its last line, one JSON object.
//
//	go run ./pages                  # 1,000 feeds, 1,000,000 items
//	go run ./pages -items 20000     # smaller
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/app/serve"
	"github.com/assay-pipeline/assay/pipeline/httpapi"
)

var (
	feeds  = flag.Int("feeds", 1000, "feeds")
	items  = flag.Int("items", 1_000_000, "items")
	visits = flag.Int("visits", 20, "visits of each page; one before them is not counted")
	keep   = flag.String("keep", "", "keep the generated project in this folder, and use it where it is there")
)

func main() {
	flag.Parse()
	if err := run(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, "pages:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	dir := *keep
	if dir == "" {
		if dir, err = os.MkdirTemp("", "assay-bench-pages-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	}
	if _, err := os.Stat(filepath.Join(dir, "made")); err != nil {
		began := time.Now()
		if err := generate(ctx, dir); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "made"), nil, 0o644); err != nil {
			return err
		}
		fmt.Printf("%d feeds and %d items in SQLite, made in %.0f s\n", *feeds, *items, time.Since(began).Seconds())
	}
	a, err := open(dir)
	if err != nil {
		return err
	}
	defer a.Close()
	if err := people(ctx, a); err != nil {
		return err
	}
	h, err := serve.Pages(ctx, a, httpapi.Local{Subject: "bench"})
	if err != nil {
		return err
	}
	server := httptest.NewServer(h)
	defer server.Close()
	places, err := addresses(ctx, a)
	if err != nil {
		return err
	}
	return measure(ctx, server.URL, places)
}

func open(dir string) (*app.App, error) {
	cfg, err := app.ReadConfig(nil, dir)
	if err != nil {
		return nil, err
	}
	return app.Open(cfg, app.Options{Version: "bench"}), nil
}

// A figure is one page.
type figure struct {
	name         string
	first, worst time.Duration // median and 95th percentile
	kb           float64
}

func measure(ctx context.Context, url string, places [][2]string) error {
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	var all []figure
	missing := []string{} // pages that did not answer with a page
	for _, p := range places {
		f := figure{name: p[0]}
		if err := ready(ctx, client, url+p[1]); err != nil {
			fmt.Printf("%-28s %v\n", f.name, err)
			missing = append(missing, f.name)
			continue
		}
		var times []time.Duration
		for range *visits {
			first, bytes, err := visit(ctx, client, url+p[1])
			if err != nil {
				return fmt.Errorf("%s: %w", p[1], err)
			}
			f.kb = max(f.kb, float64(bytes)/1000)
			times = append(times, first)
		}
		slices.Sort(times)
		f.first, f.worst = times[len(times)/2], times[len(times)*95/100]
		all = append(all, f)
		fmt.Printf("%-28s first byte %7.1f ms (median %.1f), %6.1f kB\n", f.name, ms(f.worst), ms(f.first), f.kb)
	}
	slow := slices.MaxFunc(all, func(a, b figure) int { return cmp.Compare(a.worst, b.worst) })
	large := slices.MaxFunc(all, func(a, b figure) int { return cmp.Compare(a.kb, b.kb) })
	return json.NewEncoder(os.Stdout).Encode(map[string]any{
		"pages": len(all), "pages_missing": missing, "feeds": *feeds, "items": *items, "visits": *visits,
		"worst_first_byte_ms": round(ms(slow.worst)), "worst_page": slow.name, "worst_kb": round(large.kb), "largest_page": large.name,
	})
}

// ready visits a page until it answers: the search reads the catalog first, and
// says 503 as long as it does.
func ready(ctx context.Context, client *http.Client, url string) (err error) {
	for range 5 {
		if _, _, err = visit(ctx, client, url); err == nil {
			return nil
		}
	}
	return err
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func round(f float64) float64 { return float64(int(f*10+0.5)) / 10 }

// visit gets a page: the time to its first byte, and the bytes of head and body.
func visit(ctx context.Context, client *http.Client, url string) (time.Duration, int64, error) {
	var first time.Time
	trace := &httptrace.ClientTrace{GotFirstResponseByte: func() { first = time.Now() }}
	r, err := http.NewRequestWithContext(httptrace.WithClientTrace(ctx, trace), http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, 0, err
	}
	r.Header.Set("Accept", "text/html")
	r.Header.Set("Accept-Encoding", "gzip")
	began := time.Now()
	res, err := client.Do(r)
	if err != nil {
		return 0, 0, err
	}
	defer res.Body.Close()
	n, err := io.Copy(io.Discard, res.Body)
	if err != nil {
		return 0, 0, err
	}
	if res.StatusCode != http.StatusOK {
		return 0, 0, fmt.Errorf("status %d", res.StatusCode)
	}
	for name, values := range res.Header {
		for _, v := range values {
			n += int64(len(name) + len(v) + 4)
		}
	}
	return first.Sub(began), n, nil
}
