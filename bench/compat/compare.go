package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/oasdiff/oasdiff/checker"
	"github.com/oasdiff/oasdiff/diff"
	"github.com/oasdiff/oasdiff/load"
)

// What is compared, by its place in the repository.
const (
	document = "contracts/api/openapi.yaml"
	events   = "contracts/events"
	reports  = "contracts/reports"
)

var migrations = []string{"pipeline/store/sqlite/migrations", "pipeline/store/postgres/migrations"}

// compared reports whether a folder holds something that is compared.
func compared(dir string) bool {
	return dir == path.Dir(document) || dir == events || dir == reports || slices.Contains(migrations, dir)
}

// A Break is a change that something that was built on the earlier state does
// not survive.
type Break struct {
	File   string
	Where  string // operation, or version of a migration
	Detail string
}

// String is the break on one line.
func (b Break) String() string {
	if b.Where == "" {
		return b.File + ": " + b.Detail
	}
	return b.File + ": " + b.Where + ": " + b.Detail
}

// Compare returns what breaks between two states of the repository, by file:
//
//   - a client of the API that worked before must work: no operation, parameter,
//     field or value that it may use goes away or takes less, nothing new is
//     required of it, and what it reads keeps its fields and types;
//   - so must a reader of events and reports: schemas only gain optional keys,
//     and none goes away;
//   - a store that was made before must be brought up to date by the migrations
//     that are still to come: those of before stay as they were, to the byte, and
//     new ones have higher numbers.
//
// What an earlier state lacks is new and breaks nobody.
func Compare(before, after fs.FS) ([]Break, error) {
	var out []Break
	breaks, err := compareDocument(before, after)
	if err != nil {
		return nil, err
	}
	out = append(out, breaks...)
	for _, dir := range []string{events, reports} {
		if breaks, err = compareSchemas(before, after, dir); err != nil {
			return nil, err
		}
		out = append(out, breaks...)
	}
	for _, dir := range migrations {
		if breaks, err = compareMigrations(before, after, dir); err != nil {
			return nil, err
		}
		out = append(out, breaks...)
	}
	return out, nil
}

func compareDocument(before, after fs.FS) ([]Break, error) {
	old, err := fs.ReadFile(before, document)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	now, err := fs.ReadFile(after, document)
	if errors.Is(err, fs.ErrNotExist) {
		return []Break{{File: document, Detail: "the document is gone"}}, nil
	}
	if err != nil {
		return nil, err
	}
	return compareAPI(document, old, now, func(c checker.Change) string {
		return strings.TrimSpace(c.GetOperation() + " " + c.GetPath())
	})
}

// severities are what oasdiff only tells and what breaks a reader all the same:
// a program that showed a field shows nothing when it is gone.
var severities = map[string]checker.Level{
	checker.ResponseOptionalPropertyRemovedId: checker.ERR,
}

// compareAPI compares two OpenAPI documents.
func compareAPI(file string, old, now []byte, where func(checker.Change) string) ([]Break, error) {
	a, err := read(file, "before", old)
	if err != nil {
		return nil, err
	}
	b, err := read(file, "now", now)
	if err != nil {
		return nil, err
	}
	d, sources, err := diff.GetWithOperationsSourcesMap(diff.NewConfig(), a, b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	words := checker.NewDefaultLocalizer()
	config := checker.NewConfig(checker.GetAllChecks(), checker.WithSeverityLevels(severities))
	var out []Break
	for _, c := range checker.CheckBackwardCompatibilityUntilLevel(config, d, sources, checker.WARN) {
		out = append(out, Break{file, where(c), strings.ReplaceAll(c.GetUncolorizedText(words), "`", "'")})
	}
	slices.SortFunc(out, func(a, b Break) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(out), nil
}

func read(file, when string, b []byte) (*load.SpecInfo, error) {
	s, err := load.NewSpecInfoFromData(openapi3.NewLoader(), b, file)
	if err != nil {
		return nil, fmt.Errorf("%s, as it is %s: %w", file, when, err)
	}
	return s, nil
}

// compareSchemas compares the JSON Schemas of what is written for others to
// read: each as if it were the answer of an operation.
func compareSchemas(before, after fs.FS, dir string) ([]Break, error) {
	names, err := fs.Glob(before, dir+"/*.schema.json")
	if err != nil {
		return nil, err
	}
	var out []Break
	for _, name := range names {
		old, err := fs.ReadFile(before, name)
		if err != nil {
			return nil, err
		}
		now, err := fs.ReadFile(after, name)
		if errors.Is(err, fs.ErrNotExist) {
			out = append(out, Break{File: name, Detail: "the schema is gone"})
			continue
		}
		if err != nil {
			return nil, err
		}
		if bytes.Equal(old, now) {
			continue
		}
		a, err := asAnswer(name, old)
		if err != nil {
			return nil, err
		}
		b, err := asAnswer(name, now)
		if err != nil {
			return nil, err
		}
		breaks, err := compareAPI(name, a, b, func(checker.Change) string { return "" })
		if err != nil {
			return nil, err
		}
		for _, x := range breaks {
			x.Detail = strings.TrimSuffix(x.Detail, " for the response with the '200' status")
			x.Detail = strings.TrimSuffix(x.Detail, " from the response with the '200' status")
			out = append(out, x)
		}
	}
	return out, nil
}

// asAnswer is an OpenAPI document with one operation that answers by schema.
func asAnswer(file string, schema []byte) ([]byte, error) {
	var s map[string]any
	if err := json.Unmarshal(schema, &s); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	delete(s, "$schema")
	delete(s, "$id")
	type object = map[string]any
	return json.Marshal(object{
		"openapi": "3.1.0",
		"info":    object{"title": file, "version": "1"},
		"paths": object{"/": object{"get": object{"operationId": "get", "responses": object{"200": object{
			"description": "", "content": object{"application/json": object{"schema": constants(s)}},
		}}}}},
	})
}

// constants writes const as the enum that it is short for: another constant is
// a value that went away.
func constants(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			v[k] = constants(x)
		}
		if c, ok := v["const"]; ok && v["enum"] == nil {
			v["enum"] = []any{c}
			delete(v, "const")
		}
	case []any:
		for i, x := range v {
			v[i] = constants(x)
		}
	}
	return v
}

// compareMigrations holds the migrations of a backend against what they were.
func compareMigrations(before, after fs.FS, dir string) ([]Break, error) {
	names, err := fs.Glob(before, dir+"/*.sql")
	if err != nil {
		return nil, err
	}
	var out []Break
	latest := 0
	known := map[string]bool{}
	for _, name := range names {
		known[name] = true
		latest = max(latest, number(name))
		old, err := fs.ReadFile(before, name)
		if err != nil {
			return nil, err
		}
		switch now, err := fs.ReadFile(after, name); {
		case errors.Is(err, fs.ErrNotExist):
			out = append(out, Break{File: name, Detail: "the migration is gone; stores were made by it"})
		case err != nil:
			return nil, err
		case !bytes.Equal(old, now):
			out = append(out, Break{File: name, Detail: "the migration was edited; stores that have it stay as they were: write a new one"})
		}
	}
	now, err := fs.Glob(after, dir+"/*.sql")
	if err != nil {
		return nil, err
	}
	for _, name := range now {
		if !known[name] && number(name) <= latest {
			out = append(out, Break{File: name, Detail: fmt.Sprintf("the migration is new and not above %d, the latest before: stores that are there already never get it", latest)})
		}
	}
	prints, err := comparePrints(before, after, dir+"/fingerprints")
	return append(out, prints...), err
}

// comparePrints holds the fingerprints of schema versions against what they were.
func comparePrints(before, after fs.FS, name string) ([]Break, error) {
	old, err := fs.ReadFile(before, name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	now, err := fs.ReadFile(after, name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	prints := map[string]string{}
	for line := range strings.Lines(string(now)) {
		v, sum, _ := strings.Cut(strings.TrimSpace(line), " ")
		prints[v] = sum
	}
	var out []Break
	for line := range strings.Lines(string(old)) {
		v, sum, ok := strings.Cut(strings.TrimSpace(line), " ")
		if had, still := prints[v]; ok && still && had != sum {
			out = append(out, Break{name, "version " + v, "the fingerprint is another: a store of that version would be refused as altered"})
		}
	}
	return out, nil
}

// number is the version of a migration NNNN_name.sql, 0 for what has none.
func number(name string) int {
	head, _, _ := strings.Cut(path.Base(name), "_")
	n, err := strconv.Atoi(head)
	if err != nil {
		return 0
	}
	return n
}
