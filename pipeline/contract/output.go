package contract

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"github.com/assay-pipeline/assay/pipeline"
)

// OutputFormats are the forms in which findings and comparisons are written.
var OutputFormats = []string{"text", "json", "junit", "sarif", "github"}

// Findings are the changes of c as findings: what breaks is an error, what is
// ignored a warning, the rest a note.
func (c *Comparison) Findings() []Finding {
	var out []Finding
	for _, x := range c.Changes {
		f := Finding{File: x.File, Line: max(x.Line, 1), Column: 1, Path: x.Place(), Level: LevelNote, Rule: x.Kind, What: x.What}
		switch {
		case x.Breaks(c.Mode) && x.Ignored == "":
			f.Level = LevelError
			f.Do = "breaks " + x.whom(c.Mode)
			if len(x.Affected) > 0 {
				f.Do += ": " + strings.Join(x.Affected, ", ")
			}
		case x.Breaks(c.Mode):
			f.Level, f.Do = LevelWarning, "let pass by "+x.Ignored
		}
		if x.Since != c.OldVersion {
			f.What += " (since " + x.Since + ")"
		}
		out = append(out, f)
	}
	if c.VersionProblem != "" {
		out = append(out, Finding{File: c.file, Line: max(c.line, 1), Column: 1, Path: "version", Level: LevelWarning, Rule: "version", What: c.VersionProblem, Do: "raise the version"})
	}
	for _, e := range c.Expired {
		out = append(out, Finding{File: c.file, Line: 1, Column: 1, Level: LevelWarning, Rule: "ignore", What: e, Do: "remove it, or agree on another day"})
	}
	return out
}

func (c Change) whom(mode Mode) string {
	var out []string
	if c.Consumers && mode != ForHistory {
		out = append(out, "consumers")
	}
	if c.History && mode != ForConsumers {
		out = append(out, "readers of old data")
	}
	return strings.Join(out, " and ")
}

// WriteComparison writes c in one of OutputFormats. Errors: invalid for an
// unknown format; else those of w.
func WriteComparison(w io.Writer, format string, c *Comparison) error {
	switch format {
	case "json":
		out := *c
		if out.Changes == nil {
			out.Changes = []Change{}
		}
		return writeJSON(w, struct {
			SchemaVersion int  `json:"schema_version"`
			Breaking      bool `json:"breaking"`
			*Comparison
		}{1, c.Breaking(), &out})
	case "text":
		if err := WriteFindings(w, format, c.Findings()); err != nil {
			return err
		}
		verdict := "nothing breaks"
		if c.Breaking() {
			verdict = "breaking"
		}
		if c.OldVersion == "" && len(c.Changes) == 0 {
			_, err := fmt.Fprintf(w, "%s is the first version\n", named(c.NewVersion))
			return err
		}
		_, err := fmt.Fprintf(w, "%s → %s, for %s: %s; the changes ask for a step of %s\n", named(c.OldVersion), named(c.NewVersion), c.Mode, verdict, c.Bump)
		return err
	}
	return WriteFindings(w, format, c.Findings())
}

// WriteFindings writes findings in one of OutputFormats: text for people, JSON,
// JUnit XML for test reports, SARIF 2.1.0 for code scanning, and workflow
// commands that GitHub shows beside the lines.
func WriteFindings(w io.Writer, format string, fs []Finding) error {
	switch format {
	case "text":
		for _, f := range fs {
			if _, err := fmt.Fprintf(w, "%-7s %s\n", f.Level, f); err != nil {
				return err
			}
		}
		return nil
	case "json":
		if fs == nil {
			fs = []Finding{}
		}
		return writeJSON(w, fs)
	case "junit":
		return writeJUnit(w, fs)
	case "sarif":
		return writeSARIF(w, fs)
	case "github":
		for _, f := range fs {
			level := map[Level]string{LevelError: "error", LevelWarning: "warning", LevelNote: "notice"}[f.Level]
			text := f.What
			if f.Do != "" {
				text += "; " + f.Do
			}
			if _, err := fmt.Fprintf(w, "::%s file=%s,line=%d,col=%d,title=%s::%s\n", level, escapeProperty(f.File), f.Line, f.Column,
				escapeProperty(f.Rule+" "+f.Path), escapeData(text)); err != nil {
				return err
			}
		}
		return nil
	}
	return pipeline.Errorf(pipeline.CodeInvalid, "there is no output format %q", format).WithHint("use one of %s", strings.Join(OutputFormats, ", "))
}

func writeJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// The escapes of GitHub's workflow commands.
var dataEscapes = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
var propertyEscapes = strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")

func escapeData(s string) string     { return dataEscapes.Replace(s) }
func escapeProperty(s string) string { return propertyEscapes.Replace(s) }

type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	File    string        `xml:"file,attr,omitempty"`
	Line    int           `xml:"line,attr,omitempty"`
	Failure *junitFailure `xml:"failure,omitempty"`
	Out     string        `xml:"system-out,omitempty"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr"`
	Text    string `xml:",chardata"`
}

func writeJUnit(w io.Writer, fs []Finding) error {
	s := junitSuite{Name: "assay contract"}
	for _, f := range fs {
		k := junitCase{Class: f.Rule, Name: strings.TrimSpace(f.Path + " " + f.What), File: f.File, Line: f.Line}
		if f.Level == LevelError {
			s.Failures++
			k.Failure = &junitFailure{Message: f.What, Type: f.Rule, Text: f.String()}
		} else {
			k.Out = string(f.Level) + ": " + f.String()
		}
		s.Cases = append(s.Cases, k)
	}
	if len(fs) == 0 { // readers of JUnit take an empty suite for a broken one
		s.Cases = append(s.Cases, junitCase{Class: "contract", Name: "nothing was found"})
	}
	s.Tests = len(s.Cases)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(s); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func writeSARIF(w io.Writer, fs []Finding) error {
	type text struct {
		Text string `json:"text"`
	}
	type region struct {
		StartLine   int `json:"startLine"`
		StartColumn int `json:"startColumn"`
	}
	type location struct {
		Physical struct {
			Artifact struct {
				URI string `json:"uri"`
			} `json:"artifactLocation"`
			Region region `json:"region"`
		} `json:"physicalLocation"`
		Logical []struct {
			Name string `json:"fullyQualifiedName"`
		} `json:"logicalLocations,omitempty"`
	}
	type result struct {
		RuleID    string     `json:"ruleId"`
		Level     Level      `json:"level"`
		Message   text       `json:"message"`
		Locations []location `json:"locations"`
	}
	type rule struct {
		ID string `json:"id"`
	}
	results, rules, seen := []result{}, []rule{}, map[string]bool{}
	for _, f := range fs {
		var l location
		l.Physical.Artifact.URI = strings.ReplaceAll(f.File, "\\", "/")
		l.Physical.Region = region{max(f.Line, 1), max(f.Column, 1)}
		if f.Path != "" {
			l.Logical = append(l.Logical, struct {
				Name string `json:"fullyQualifiedName"`
			}{f.Path})
		}
		message := f.What
		if f.Do != "" {
			message += "; " + f.Do
		}
		results = append(results, result{f.Rule, f.Level, text{message}, []location{l}})
		if !seen[f.Rule] {
			seen[f.Rule] = true
			rules = append(rules, rule{f.Rule})
		}
	}
	type driver struct {
		Name  string `json:"name"`
		Rules []rule `json:"rules"`
	}
	type tool struct {
		Driver driver `json:"driver"`
	}
	type run struct {
		Tool    tool     `json:"tool"`
		Results []result `json:"results"`
	}
	return writeJSON(w, struct {
		Schema  string `json:"$schema"`
		Version string `json:"version"`
		Runs    []run  `json:"runs"`
	}{"https://json.schemastore.org/sarif-2.1.0.json", "2.1.0", []run{{tool{driver{"assay", rules}}, results}}})
}
