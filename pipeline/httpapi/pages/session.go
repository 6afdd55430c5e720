package pages

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	_ "embed"
	"encoding/base64"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/httpapi"
	"github.com/assay-pipeline/assay/pipeline/page"
)

// Names of the cookies. Over TLS they have the prefix __Host-, which keeps other
// hosts of the domain from setting them.
const (
	tokenCookie   = "assay-token"
	sessionCookie = "assay-session"
)

// A session is what a browser brings: the token that the person signed in with,
// and a random value that forms are bound to.
type session struct {
	token string
	id    string
	fresh bool
}

// overTLS reports whether the browser speaks TLS, to us or to a proxy before us.
// A proxy that says nothing is taken to speak it, unless the host is this machine.
func overTLS(r *http.Request) bool {
	switch proto := r.Header.Get("X-Forwarded-Proto"); {
	case r.TLS != nil, proto == "https":
		return true
	case proto != "":
		return false
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host != "localhost" && (err != nil || !ip.IsLoopback())
}

func cookieName(r *http.Request, name string) string {
	if overTLS(r) {
		return "__Host-" + name
	}
	return name
}

func openSession(r *http.Request) *session {
	s := &session{}
	if c, err := r.Cookie(cookieName(r, tokenCookie)); err == nil {
		s.token = c.Value
	}
	if c, err := r.Cookie(cookieName(r, sessionCookie)); err == nil && len(c.Value) == idLength {
		s.id = c.Value
		return s
	}
	return newSession(s.token)
}

// idLength is that of a session's id: 24 bytes in base64.
const idLength = 32

func newSession(token string) *session {
	var b [24]byte
	_, _ = rand.Read(b[:]) // it never fails
	return &session{token: token, id: base64.RawURLEncoding.EncodeToString(b[:]), fresh: true}
}

// authorized is r with the token of the session, where r has none itself.
func (s *session) authorized(r *http.Request) *http.Request {
	if s.token == "" || r.Header.Get("Authorization") != "" {
		return r
	}
	c := r.Clone(r.Context())
	c.Header.Set("Authorization", "Bearer "+s.token)
	return c
}

// keep sets the cookie of a new session.
func (s *session) keep(w http.ResponseWriter, r *http.Request) {
	if s.fresh {
		setCookie(w, r, sessionCookie, s.id)
		s.fresh = false
	}
}

// setCookie sets a cookie that ends with the browser's session; an empty value
// removes it.
func setCookie(w http.ResponseWriter, r *http.Request, name, value string) {
	c := &http.Cookie{Name: cookieName(r, name), Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: overTLS(r)}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

// mac binds a form to the session and the person.
func (s *session) mac(subject string) []byte {
	m := hmac.New(sha256.New, []byte(s.id))
	m.Write([]byte("form\x00" + subject))
	return m.Sum(nil)
}

// issue is a token of the session for a form. It is masked with random bytes, so
// that compression tells nothing of it to who can put text into the page.
func (s *session) issue(subject string) string {
	mac := s.mac(subject)
	out := make([]byte, 2*len(mac))
	_, _ = rand.Read(out[:len(mac)]) // it never fails
	subtle.XORBytes(out[len(mac):], mac, out[:len(mac)])
	return base64.RawURLEncoding.EncodeToString(out)
}

// holds reports whether a token was issued for the session and the person.
func (s *session) holds(subject, token string) bool {
	mac := s.mac(subject)
	b, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || len(b) != 2*len(mac) || s.fresh {
		return false
	}
	subtle.XORBytes(b[len(mac):], b[len(mac):], b[:len(mac)])
	return hmac.Equal(b[len(mac):], mac)
}

//go:embed signin.html
var signinSource string

var signinPage = template("signin", signinSource)

//go:embed again.html
var againSource string

var againPage = template("again", againSource)

// kept names the fields of a form that outlive an expired session, in the sign-in
// form.
const kept = "kept."

func (p *Pages) sessionRoutes() {
	open := func(name, route string, h func(*visit)) {
		p.handle(route, func(w http.ResponseWriter, r *http.Request) {
			httpapi.Note(r.Context(), "page:"+name, "")
			v := &visit{Request: r, p: p, w: w}
			if r.Method == http.MethodPost {
				if err := p.cross.Check(r); err != nil {
					v.fail(pipeline.Errorf(pipeline.CodeDenied, "a page of another site may not sign you in or out: %w", err))
					return
				}
				if err := v.parse(); err != nil {
					v.fail(err)
					return
				}
			}
			h(v)
		})
	}
	open("signin", "GET /signin", func(v *visit) { v.signIn(http.StatusOK, v.FormValue("to"), asks) })
	open("signin", "POST /signin", (*visit).signedIn)
	open("signout", "POST /signout", func(v *visit) {
		setCookie(v.w, v.Request, tokenCookie, "")
		setCookie(v.w, v.Request, sessionCookie, "")
		http.Redirect(v.w, v.Request, "/signin", http.StatusSeeOther)
	})
}

// signIn shows the sign-in page, which leads on to an address of this server.
func (v *visit) signIn(status int, to, why string) {
	to = local(to)
	if v.p.opt.Issuer == "" {
		http.Redirect(v.w, v.Request, to, http.StatusSeeOther)
		return
	}
	if v.Method == http.MethodGet && v.Header.Get("Sec-Fetch-Site") == "cross-site" {
		// A link on another site: the browser holds the cookie back (SameSite=Strict)
		// and sends it with the next request, which comes from here.
		v.w.Header().Set("Refresh", "0; url="+to)
	}
	main := struct {
		Why, To, Issuer string
		Kept            []field
	}{why, to, v.p.opt.Issuer, nil}
	if v.Method == http.MethodPost {
		for _, f := range typed(v.PostForm) {
			if v.URL.Path == "/signin" { // a second try
				if !strings.HasPrefix(f.Name, kept) {
					continue
				}
				f.Name = strings.TrimPrefix(f.Name, kept)
			}
			main.Kept = append(main.Kept, field{Name: kept + f.Name, Value: f.Value})
		}
	}
	if status == http.StatusUnauthorized {
		v.w.Header().Set("WWW-Authenticate", `Bearer realm="assay"`)
	}
	v.p.show(v, &screen{Status: status, Title: "Sign in", t: signinPage, Main: main})
}

// ended is what the sign-in page says where the credential of a request was
// refused.
func (v *visit) ended(err error) string {
	if v.session.token == "" {
		return asks
	}
	return "Your session has ended: " + page.Text(pipeline.ErrorMessage(err)) + "."
}

const asks = "This server asks who you are."

// signedIn verifies the token that was pasted and begins a session.
func (v *visit) signedIn() {
	to := local(v.PostForm.Get("to"))
	token := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(v.PostForm.Get("token")), "Bearer "))
	token = strings.Join(strings.Fields(token), "")
	// A browser keeps cookies of up to 4096 bytes, name and attributes included.
	const most = 3900
	if token == "" || len(token) > most || strings.Trim(token, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") != "" {
		v.refuse(to, pipeline.Errorf(pipeline.CodeUnauthorized, "what was pasted is no token of at most %d characters", most))
		return
	}
	s := newSession(token)
	r := v.Clone(v.Context())
	r.Header.Del("Authorization")
	who, err := v.p.opt.Use.Authenticator.Authenticate(s.authorized(r))
	if pipeline.ErrorCode(err) == pipeline.CodeUnauthorized {
		v.refuse(to, err)
		return
	}
	if err != nil {
		v.fail(err)
		return
	}
	v.Who, v.session = who, s
	setCookie(v.w, v.Request, tokenCookie, token)
	s.keep(v.w, v.Request)
	a := &again{To: to, CSRF: v.csrf(), Button: "Send"}
	for _, f := range typed(v.PostForm) {
		if name, ok := strings.CutPrefix(f.Name, kept); ok {
			a.Fields = append(a.Fields, field{name, f.Value, cut(f.Value)})
		}
	}
	if len(a.Fields) == 0 {
		http.Redirect(v.w, v.Request, to, http.StatusSeeOther)
		return
	}
	v.p.show(v, &screen{Title: "Send it once more", t: againPage, Main: failure{Title: "You are signed in", Detail: "Your session had ended before this was sent. Look at it, and send it.", Again: a}})
}

// refuse shows the sign-in page again, with the reason.
func (v *visit) refuse(to string, err error) {
	v.signIn(http.StatusUnauthorized, to, "This token does not do: "+page.Text(pipeline.ErrorMessage(err))+".")
}

// typed are the fields that a person filled in.
func typed(form url.Values) []field {
	var out []field
	for _, name := range slices.Sorted(maps.Keys(form)) {
		if name == "csrf" || name == "token" || name == "to" {
			continue
		}
		for _, value := range form[name] {
			out = append(out, field{Name: name, Value: value})
		}
	}
	return out
}
