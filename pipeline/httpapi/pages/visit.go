package pages

import (
	"bytes"
	"cmp"
	_ "embed"
	"net/http"
	"net/url"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/httpapi"
	"github.com/assay-pipeline/assay/pipeline/page"
)

//go:embed layout.html
var layout string

//go:embed error.html
var errorSource string

var errorPage = template("error", errorSource)

// template reads the template of a page: it defines "main".
func template(name, source string) *page.Template {
	return page.New(name, layout, page.Parts, source)
}

// A visit is one request of a person for a page.
type visit struct {
	*http.Request
	Who httpapi.Principal

	p       *Pages
	w       http.ResponseWriter
	session *session
}

// A screen is what a page shows.
type screen struct {
	Status int // 0 = 200
	Title  string
	// Here is the entry of the navigation that the page belongs to.
	Here string
	// Said is what a form has to say after it was sent.
	Said string
	Main any
	t    *page.Template
}

// A view is what templates see.
type view struct {
	Title, Here, Said string
	Style, Script     string
	Nav               []place
	User              string
	SignedIn          bool
	CSRF, Request     string
	Main              any
}

// A place is an entry of the navigation.
type place struct{ Name, To string }

var places = []place{{"Review", "/reviews"}, {"Search", "/search"}, {"Catalog", "/catalog"}, {"Evals", "/evals"}, {"Cost", "/cost"}}

// page registers a page: route is "GET /path", operation the operation of the API
// whose scope it needs.
func (p *Pages) page(name, route, operation string, h func(*visit) (*screen, error)) {
	p.route(name, route, operation, func(v *visit) {
		s, err := h(v)
		switch {
		case err != nil:
			v.fail(err)
		case s != nil: // else h has answered itself
			p.show(v, s)
		}
	})
}

// form registers what a form is sent to: h does it and returns the address to go
// on at.
func (p *Pages) form(name, route, operation string, h func(*visit) (string, error)) {
	p.route(name, route, operation, func(v *visit) {
		to, err := h(v)
		if err != nil {
			v.fail(err)
			return
		}
		http.Redirect(v.w, v.Request, to, http.StatusSeeOther)
	})
}

func (p *Pages) route(name, route, operation string, h func(*visit)) {
	scope, err := p.api.Scope(operation)
	if err == nil && scope == "" {
		err = pipeline.Errorf(pipeline.CodeInternal, "page %s: the operation %s is open to everybody", name, operation)
	}
	if err != nil {
		p.wrong = append(p.wrong, err)
		return
	}
	p.handle(route, func(w http.ResponseWriter, r *http.Request) {
		httpapi.Note(r.Context(), "page:"+name, "")
		if v := p.enter(w, r, scope); v != nil {
			h(v)
		}
	})
}

// enter lets a person in who may do what needs scope; else it answers itself and
// returns nil. A form that it lets pass is parsed.
func (p *Pages) enter(w http.ResponseWriter, r *http.Request, scope string) *visit {
	v := &visit{Request: r, p: p, w: w}
	writes := r.Method != http.MethodGet && r.Method != http.MethodHead
	if writes {
		if err := p.cross.Check(r); err != nil {
			v.fail(pipeline.Errorf(pipeline.CodeDenied, "a page of another site may not write here: %w", err).WithHint("open the page here and send the form from it"))
			return nil
		}
		if err := v.parse(); err != nil {
			v.fail(err)
			return nil
		}
	}
	v.session = openSession(r)
	who, err := p.opt.Use.Authenticator.Authenticate(v.session.authorized(r))
	switch {
	case pipeline.ErrorCode(err) == pipeline.CodeUnauthorized && p.opt.Issuer != "":
		v.signIn(http.StatusUnauthorized, r.URL.RequestURI(), v.ended(err))
		return nil
	case err != nil:
		v.fail(err)
		return nil
	}
	v.Who = who
	httpapi.Note(r.Context(), "", who.Subject)
	v.Request = r.WithContext(httpapi.WithPrincipal(r.Context(), who))
	if !who.May(scope) {
		v.fail(pipeline.Errorf(pipeline.CodeDenied, "this needs the scope %q, which %s does not have", scope, who.Subject).WithHint("sign in with a token that has the scope"))
		return nil
	}
	if !writes {
		v.session.keep(w, r)
		return v
	}
	if !v.session.holds(v.Who.Subject, r.PostForm.Get("csrf")) {
		v.stale()
		return nil
	}
	return v
}

// maxForm bounds a form that is sent to a page, in bytes.
const maxForm = 256 << 10

// parse reads the form of a request. Error: invalid.
func (v *visit) parse() error {
	v.Body = http.MaxBytesReader(v.w, v.Body, maxForm)
	if err := v.ParseForm(); err != nil {
		return pipeline.Errorf(pipeline.CodeInvalid, "the form does not read: %w", err).WithHint("go back and send it once more")
	}
	for name, values := range v.PostForm {
		for _, s := range append(values, name) {
			if strings.ContainsRune(s, 0) || strings.ToValidUTF8(s, "") != s {
				return pipeline.Errorf(pipeline.CodeInvalid, "the form holds what is no text")
			}
		}
	}
	return nil
}

// show writes a page.
func (p *Pages) show(v *visit, s *screen) {
	out := view{Title: s.Title, Here: s.Here, Said: s.Said, Style: p.assets.style, Script: p.assets.script, Nav: places, Request: v.w.Header().Get("X-Request-Id"), Main: s.Main}
	if v.Who.Subject != "" {
		out.User = page.Short(v.Who.Subject, 60)
		out.SignedIn = v.session != nil && v.session.token != ""
		out.CSRF = v.csrf()
	}
	var b bytes.Buffer
	status := cmp.Or(s.Status, http.StatusOK)
	if err := s.t.Execute(&b, out); err != nil {
		if s.t == errorPage {
			p.api.Fail(v.w, v.Request, err)
			return
		}
		v.fail(err)
		return
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	send(v.w, v.Request, status, b.Bytes(), nil)
}

// csrf is a token for the forms of this visit's page.
func (v *visit) csrf() string {
	if v.session == nil {
		return ""
	}
	return v.session.issue(v.Who.Subject)
}

// A failure is what the page of an error shows.
type failure struct {
	Title, Detail, Hint, Safe, Code, Back string
	Status                                int
	Again                                 *again
}

// again is a form with what was typed, to be sent once more.
type again struct {
	To, CSRF, Button string
	Fields           []field
}

type field struct{ Name, Value, Shown string }

// fail shows the page of an error.
func (v *visit) fail(err error) {
	pr := httpapi.ProblemOf(err)
	f := failure{Title: pr.Title, Detail: page.Text(pr.Detail), Hint: page.Text(pr.Hint), Code: pr.Code, Status: pr.Status, Back: v.back()}
	writes := v.Method == http.MethodPost
	switch pr.Status {
	case http.StatusUnauthorized:
		v.w.Header().Set("WWW-Authenticate", `Bearer realm="assay"`)
		f.Title = "This server asks who you are"
	case http.StatusNotFound:
		f.Title = "There is nothing here"
	case http.StatusForbidden:
		f.Title = "You may not do this"
	case http.StatusConflict, http.StatusPreconditionFailed:
		f.Title = "It has changed meanwhile"
	case http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		v.w.Header().Set("Retry-After", "5")
		f.Title = "It cannot be reached just now"
		f.Safe = "Nothing was lost: what was decided before is stored, and this page comes back as it was."
		if writes {
			f.Safe = "Nothing was lost: what was decided before is stored. What you sent just now may not have been carried out; send it once more, it is done only once."
		}
	}
	if pr.Status >= http.StatusInternalServerError {
		v.p.opt.Use.Log.Error("page failed", "request", v.w.Header().Get("X-Request-Id"), "code", pr.Code, "error", err)
	}
	if writes && v.Who.Subject != "" && (pr.Status >= http.StatusInternalServerError || pr.Status == http.StatusBadRequest || pr.Status == http.StatusLocked) {
		f.Again = v.again("Send again")
	}
	v.p.show(v, &screen{Status: pr.Status, Title: f.Title, t: errorPage, Main: f})
}

// again keeps what was typed.
func (v *visit) again(button string) *again {
	a := &again{To: v.URL.RequestURI(), CSRF: v.csrf(), Button: button}
	for _, f := range typed(v.PostForm) {
		f.Shown = page.Short(f.Value, 300)
		a.Fields = append(a.Fields, f)
	}
	return a
}

// stale answers a form whose token is not of this session: signed in anew in
// another tab, or the cookie is gone. The browser has said that it was sent from a
// page of this server, so what was typed is shown again, to be sent by hand.
func (v *visit) stale() {
	if v.Header.Get("Sec-Fetch-Site") != "same-origin" {
		v.fail(pipeline.Errorf(pipeline.CodeDenied, "the form lacks the token of your session").WithHint("open the page anew and send the form from it; the browser must keep cookies of this site"))
		return
	}
	v.session.keep(v.w, v.Request)
	v.p.show(v, &screen{Status: http.StatusForbidden, Title: "Send it once more", t: errorPage, Main: failure{
		Title: "Nothing was done yet", Detail: "The form is of an earlier session. Look at it, and send it once more.", Status: http.StatusForbidden, Code: "denied", Back: v.back(), Again: v.again("Send"),
	}})
}

// back is the page that a form was on, where it is one of this server.
func (v *visit) back() string {
	u, err := url.Parse(v.Referer())
	if err != nil || v.Method != http.MethodPost || u.Host != v.Host || u.Path == v.URL.Path {
		return ""
	}
	return local(u.RequestURI())
}

// local is an address of this server, or the overview.
func local(to string) string {
	if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") {
		return "/"
	}
	return to
}

// cut bounds what is quoted of a request.
func cut(s string) string { return page.Short(s, 120) }
