package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// patience is how long a page may take to come, and a condition to hold.
const patience = 20 * time.Second

// A browser is one headless Chromium.
type browser struct {
	ctx  context.Context //nolint:containedctx // chromedp keeps the browser in it
	base string          // address of the server
	stop []func()
}

func startBrowser(ctx context.Context, program, base string) (*browser, error) {
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.NoSandbox,
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("force-color-profile", "srgb"), chromedp.Flag("font-render-hinting", "none"))
	ctx, end := chromedp.NewExecAllocator(ctx, opts...)
	ctx, quit := chromedp.NewContext(ctx)
	b := &browser{ctx: ctx, base: base, stop: []func(){quit, end}}
	return b, chromedp.Run(ctx)
}

func (b *browser) close() {
	for _, f := range b.stop {
		f()
	}
}

// A tab is one page as a person sees it. What fails is kept, and what comes
// after it does nothing: a flow is a list of steps, and is asked once whether
// it went.
type tab struct {
	b     *browser
	ctx   context.Context //nolint:containedctx // chromedp keeps the tab in it
	close func()
	err   error
	noise []string // what the page wrote to its console as an error
}

func (b *browser) open() *tab {
	ctx, stop := chromedp.NewContext(b.ctx)
	t := &tab{b: b, ctx: ctx, close: stop}
	chromedp.ListenTarget(ctx, func(ev any) {
		switch e := ev.(type) {
		case *runtime.EventExceptionThrown:
			t.noise = append(t.noise, e.ExceptionDetails.Error())
		case *cdplog.EventEntryAdded:
			// What the content security policy stops, and what a script cannot do.
			if e.Entry.Level == cdplog.LevelError && e.Entry.Source != cdplog.SourceNetwork {
				t.noise = append(t.noise, e.Entry.Text)
			}
		case *page.EventJavascriptDialogOpening:
			t.noise = append(t.noise, "a dialog opened: "+e.Message)
		}
	})
	t.err = chromedp.Run(ctx) // the tab lives as long as the context that it is opened with
	t.run(emulation.SetDeviceMetricsOverride(1280, 860, 1, false))
	return t
}

func (t *tab) run(a ...chromedp.Action) {
	if t.err != nil {
		return
	}
	ctx, stop := context.WithTimeout(t.ctx, patience)
	defer stop()
	t.err = chromedp.Run(ctx, a...)
}

func (t *tab) fail(format string, args ...any) {
	if t.err == nil {
		t.err = fmt.Errorf(format, args...)
	}
}

// scriptless turns the scripts of pages off, as people and proxies do.
func (t *tab) scriptless() { t.run(emulation.SetScriptExecutionDisabled(true)) }

// dark or light, as the system of the person has it.
func (t *tab) scheme(name string) {
	t.run(emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}}))
}

func (t *tab) size(width, height int64, phone bool) {
	t.run(emulation.SetDeviceMetricsOverride(width, height, 1, phone))
}

// visit opens a page of the server.
func (t *tab) visit(path string) {
	t.settled(func() { t.run(chromedp.Navigate(t.b.base + path)) })
}

// settled does what leads to another page and waits until that is there.
func (t *tab) settled(do func()) {
	if t.err != nil {
		return
	}
	var was float64 // a page that comes back from the cache keeps its variables, and its birth
	t.js(`performance.timeOrigin`, &was)
	do()
	t.until("the next page", fmt.Sprintf(`performance.timeOrigin !== %v && document.readyState === "complete"`, strconv.FormatFloat(was, 'f', -1, 64)))
}

// back is the button of the browser.
func (t *tab) back() { t.settled(func() { t.js(`void setTimeout(() => history.back(), 0)`, nil) }) }

// press types keys, without waiting for what they do.
func (t *tab) press(keys string) { t.run(chromedp.KeyEvent(keys)) }

// go presses keys that lead to another page.
func (t *tab) leads(keys string) { t.settled(func() { t.press(keys) }) }

// js evaluates an expression of the page; it works where scripts are off, too.
func (t *tab) js(expression string, into any) {
	if into == nil {
		t.run(chromedp.ActionFunc(func(ctx context.Context) error {
			_, thrown, err := runtime.Evaluate(expression).Do(ctx)
			if err == nil && thrown != nil {
				err = thrown
			}
			return err
		}))
		return
	}
	t.run(chromedp.Evaluate(expression, into))
}

// until waits for a condition of the page.
func (t *tab) until(what, condition string) {
	if t.err != nil {
		return
	}
	end := time.Now().Add(patience)
	for {
		var holds bool
		ctx, stop := context.WithTimeout(t.ctx, patience)
		err := chromedp.Run(ctx, chromedp.Evaluate("!!("+condition+")", &holds)) // fails while a page goes
		stop()
		if err == nil && holds {
			return
		}
		if time.Now().After(end) {
			t.fail("waited in vain for %s at %s: %s (%v)", what, t.where(), condition, err)
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func (t *tab) where() string {
	var s string
	_ = chromedp.Run(t.ctx, chromedp.Location(&s))
	return strings.TrimPrefix(s, t.b.base)
}

// text is what a person reads of the first element of a selector.
func (t *tab) text(selector string) string {
	var s string
	t.js(`(document.querySelector(`+quote(selector)+`) || {innerText: ""}).innerText.trim()`, &s)
	return s
}

// has reports that a page shows words; they fail the flow otherwise.
func (t *tab) has(words ...string) {
	all := strings.ToLower(t.text("main"))
	for _, w := range words {
		if !strings.Contains(all, strings.ToLower(w)) {
			t.fail("%s does not say %q; it says: %.600s", t.where(), w, all)
		}
	}
}

// tabTo presses the tabulator until the element of the selector has the focus,
// and looks that one sees it.
func (t *tab) tabTo(selector string) {
	for range 400 {
		var on, seen bool
		t.js(`!!document.activeElement && document.activeElement.matches(`+quote(selector)+`)`, &on)
		if t.err != nil {
			return
		}
		if on {
			t.js(`(s => s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2 || s.boxShadow !== "none")(getComputedStyle(document.activeElement))`, &seen)
			if !seen {
				t.fail("%s: one does not see that %s has the focus", t.where(), selector)
			}
			return
		}
		t.press(kb.Tab)
	}
	t.fail("%s: the tabulator does not reach %s", t.where(), selector)
}

// click is a mouse on the first element of a selector.
func (t *tab) click(selector string, times int) {
	var at struct{ X, Y float64 }
	t.js(`(e => { e.scrollIntoView({block: "center"}); const r = e.getBoundingClientRect(); return {X: r.x + r.width / 2, Y: r.y + r.height / 2} })(document.querySelector(`+quote(selector)+`))`, &at)
	for n := range times {
		t.run(input.DispatchMouseEvent(input.MousePressed, at.X, at.Y).WithButton(input.Left).WithClickCount(int64(n+1)),
			input.DispatchMouseEvent(input.MouseReleased, at.X, at.Y).WithButton(input.Left).WithClickCount(int64(n+1)))
	}
}

// shot keeps a picture of what one sees.
func (t *tab) shot(dir, name string) {
	if dir == "" {
		return
	}
	var b []byte
	t.run(chromedp.CaptureScreenshot(&b))
	if t.err != nil {
		return
	}
	if small, err := fewer(b); err == nil {
		b = small
	}
	t.err = os.WriteFile(filepath.Join(dir, name+".png"), b, 0o644) //nolint:gosec // pictures are for all
}

// whole keeps a picture of the whole page.
func (t *tab) whole(dir, name string) {
	if dir == "" || t.err != nil {
		return
	}
	var b []byte
	t.run(chromedp.FullScreenshot(&b, 100))
	if t.err == nil {
		t.err = os.WriteFile(filepath.Join(dir, name+".png"), b, 0o644) //nolint:gosec // pictures are for all
	}
}

// fewer is a picture in the 48 colours that it has most of: pages are flat, and the
// edges of letters do not need more.
func fewer(b []byte) ([]byte, error) {
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	count := map[color.RGBA]int{}
	at := func(x, y int) color.RGBA {
		r, g, b, _ := img.At(x, y).RGBA()
		return color.RGBA{uint8(r >> 8), uint8(g >> 8), uint8(b >> 8), 255} //nolint:gosec // 16 bits to 8
	}
	size := img.Bounds()
	for y := size.Min.Y; y < size.Max.Y; y++ {
		for x := size.Min.X; x < size.Max.X; x++ {
			count[at(x, y)]++
		}
	}
	all := slices.SortedFunc(maps.Keys(count), func(a, b color.RGBA) int {
		return cmp.Or(count[b]-count[a], int(a.R)-int(b.R), int(a.G)-int(b.G), int(a.B)-int(b.B))
	})
	var few color.Palette
	for _, c := range all[:min(len(all), 48)] {
		few = append(few, c)
	}
	nearest := map[color.RGBA]uint8{}
	out := image.NewPaletted(size, few)
	for y := size.Min.Y; y < size.Max.Y; y++ {
		for x := size.Min.X; x < size.Max.X; x++ {
			c := at(x, y)
			i, ok := nearest[c]
			if !ok {
				i = uint8(few.Index(c)) //nolint:gosec // there are 48
				nearest[c] = i
			}
			out.SetColorIndex(x, y, i)
		}
	}
	var w bytes.Buffer
	err = (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&w, out)
	return w.Bytes(), err
}

// A violation of axe-core.
type violation struct {
	ID     string `json:"id"`
	Impact string `json:"impact"`
	Help   string `json:"help"`
	Nodes  []struct {
		HTML    string   `json:"html"`
		Target  []any    `json:"target"`
		Any     []detail `json:"any"`
		Summary string   `json:"failureSummary"`
	} `json:"nodes"`
}

type detail struct {
	Message string `json:"message"`
}

// axe looks for violations of WCAG A and AA on the page.
func (t *tab) axe(source string) []violation {
	var found []violation
	var raw string
	t.js(source+"; void 0", nil)
	if t.err != nil {
		return nil
	}
	ctx, stop := context.WithTimeout(t.ctx, patience)
	defer stop()
	t.err = chromedp.Run(ctx, chromedp.Evaluate(
		`axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"], resultTypes: ["violations"]}).then(r => JSON.stringify(r.violations))`, &raw,
		func(p *runtime.EvaluateParams) *runtime.EvaluateParams { return p.WithAwaitPromise(true) }))
	if t.err == nil {
		t.err = json.Unmarshal([]byte(raw), &found)
	}
	return found
}

func quote(s string) string {
	b, _ := json.Marshal(s) // a string always marshals
	return string(b)
}
