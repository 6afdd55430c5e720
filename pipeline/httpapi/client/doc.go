// Package client is a Go client of the HTTP API, generated from
// contracts/api/openapi.yaml. Its types are those of the document alone: a
// program that uses it links nothing of the pipeline.
//
//	c, err := client.NewClientWithResponses("http://127.0.0.1:8787")
//	res, err := c.CheckItemsWithResponse(ctx, client.CheckRequest{Items: …})
//	if err := client.Failure(res.HTTPResponse, res.Body); err != nil {
//		return err // a *Problem; a 503 is no answer about the data
//	}
//	use(res.JSON200)
//
// A token goes into each request by WithRequestEditorFn, as Bearer does. A write
// takes an Idempotency-Key among its parameters: with one, trying again is safe.
package client

import (
	"context"
	"net/http"
)

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 -config oapi-codegen.yaml ../../../contracts/api/openapi.yaml

// Bearer sends the token that source returns with each request.
func Bearer(source func(context.Context) (string, error)) RequestEditorFn {
	return func(ctx context.Context, r *http.Request) error {
		token, err := source(ctx)
		if err != nil {
			return err
		}
		r.Header.Set("Authorization", "Bearer "+token)
		return nil
	}
}
