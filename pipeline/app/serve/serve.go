// Package serve builds the server of the HTTP API from a composition root. It is
// apart from that one so that the functions that serve nothing neither carry the
// API nor wait at their start for what it prepares: the meta-schemas of JSON
// Schema alone are most of a start.
package serve

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/assay-pipeline/assay/pipeline/app"
	"github.com/assay-pipeline/assay/pipeline/httpapi"
	"github.com/assay-pipeline/assay/pipeline/httpapi/bearer"
	"github.com/assay-pipeline/assay/pipeline/httpapi/pages"
)

// TokenVerifier builds what checks the tokens of requests, nil where no issuer is
// configured. Error: invalid.
func TokenVerifier(a *app.App) (httpapi.Authenticator, error) {
	if a.Config.APIIssuer == "" {
		return nil, nil
	}
	keys := a.Config.APIKeys
	if keys != "" && !strings.Contains(keys, "://") {
		keys = a.Config.Abs(keys)
	}
	v, err := bearer.New(bearer.Options{Issuer: a.Config.APIIssuer, Audiences: a.Config.APIAudience, Keys: keys, Now: a.Now})
	if err != nil {
		return nil, err
	}
	return v, nil
}

// API builds the server of the HTTP API; auth says who sends a request.
func API(ctx context.Context, a *app.App, auth httpapi.Authenticator) (*httpapi.Server, error) {
	opt, err := APIOptions(ctx, a, auth)
	if err != nil {
		return nil, err
	}
	return httpapi.New(opt)
}

// Pages builds the pages, with the API below its paths: what assay serve and the
// function of the API answer with.
func Pages(ctx context.Context, a *app.App, auth httpapi.Authenticator) (*pages.Pages, error) {
	opt, err := APIOptions(ctx, a, auth)
	if err != nil {
		return nil, err
	}
	api, err := httpapi.New(opt)
	if err != nil {
		return nil, err
	}
	s, err := a.Store(ctx)
	if err != nil {
		return nil, err
	}
	//nolint:contextcheck // a request brings its own
	return pages.New(pages.Options{API: api, Use: opt, Store: s, Evals: s, Issuer: a.Config.APIIssuer,
		// What judges needs a database for sql rules, and time.
		Later:  a.SQL() == nil || a.Config.Replays != "",
		Budget: pages.Budget{Micros: int64(a.Config.LLMBudget), Tokens: a.Config.LLMTokens, Zone: a.Config.TZ.Location}})
}

// APIOptions are the use cases of the server of the HTTP API.
func APIOptions(ctx context.Context, a *app.App, auth httpapi.Authenticator) (httpapi.Options, error) {
	check, err := a.CheckItem(ctx)
	if err != nil {
		return httpapi.Options{}, err
	}
	search, err := a.Search(ctx)
	if err != nil {
		return httpapi.Options{}, err
	}
	people, err := a.People(ctx)
	if err != nil {
		return httpapi.Options{}, err
	}
	in, err := a.Ingest(ctx)
	if err != nil {
		return httpapi.Options{}, err
	}
	o, err := a.Overview(ctx)
	if err != nil {
		return httpapi.Options{}, err
	}
	v, err := a.Validate(ctx)
	if err != nil {
		return httpapi.Options{}, err
	}
	set, err := a.Contracts()
	if err != nil {
		return httpapi.Options{}, err
	}
	r, err := a.Registry(ctx)
	if err != nil {
		return httpapi.Options{}, err
	}
	return httpapi.Options{
		Check: check, Search: search, People: people, Ingest: in, Overview: o, Validate: v,
		Contracts: set, Registry: r, Responses: in.Store,
		Authenticator: auth, Version: a.Version(), Now: time.Now, Log: in.Log,
	}, nil
}

// contractAge is how old the contracts of a server may be.
const contractAge = 2 * time.Second

// Fresh answers as h does, by the contracts as they stand now: before a request
// it takes in what changed in their folder or registry, looking at most every two
// seconds. Where they cannot be read, those that were read last go on, which is
// logged.
func Fresh(a *app.App, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		changed, err := a.RefreshContracts(r.Context(), contractAge)
		switch {
		case err != nil && r.Context().Err() == nil:
			a.Log().Warn("contracts cannot be read; those that were read last go on", "error", err)
		case changed:
			a.Log().Info("contracts were read again")
		}
		h.ServeHTTP(w, r)
	})
}
