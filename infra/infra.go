// Package infra holds what the cost estimate multiplies: prices of services, each
// with its source, and what the pipeline was measured to take.
package infra

import _ "embed" // of the two files

// Prices is prices.yaml.
//
//go:embed prices.yaml
var Prices []byte

// Measured is measured.yaml.
//
//go:embed measured.yaml
var Measured []byte
