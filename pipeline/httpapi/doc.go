// Package httpapi answers over HTTP: it serves the operations of
// contracts/api/openapi.yaml over the use cases of flow. One Handler serves the
// command line (assay serve) and the function of the API.
//
// The document comes first. Types, routing and the decoding of requests are
// generated from it (api.gen.go); what it says of scopes, parameters and bodies
// is read from the same document when the server starts, so that neither can
// drift from it:
//
//   - a request is matched to its operation, or it is a 404 or 405;
//   - who sends it is told by the Authenticator, and needs the scope that the
//     operation names;
//   - parameters and body are held against their schemas, and every mistake is
//     named at once;
//   - the operation runs under a deadline, and what it answers gets an ETag
//     where the document has a 304.
//
// Every error is a problem document (RFC 9457), made in one place by the table
// of pipeline.Code. "Could not look" is a 503; an empty list means that there
// is nothing.
package httpapi

//go:generate go run github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2 -config oapi-codegen.yaml ../../contracts/api/openapi.yaml
