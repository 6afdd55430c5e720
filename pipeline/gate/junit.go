package gate

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
)

// A junitSuite is one report: the de-facto format that CI systems read.
type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Failure *junitMessage `xml:"failure,omitempty"`
	Error   *junitMessage `xml:"error,omitempty"`
	Skipped *junitMessage `xml:"skipped,omitempty"`
	// Output carries what only warns: JUnit knows no warning.
	Output string `xml:"system-out,omitempty"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Type    string `xml:"type,attr,omitempty"`
	Text    string `xml:",chardata"`
}

// WriteJUnit writes reports as JUnit XML: a suite per file, a case per check.
func WriteJUnit(w io.Writer, reports ...*Report) error {
	suites := struct {
		XMLName xml.Name `xml:"testsuites"`
		Suites  []junitSuite
	}{}
	for _, r := range reports {
		suites.Suites = append(suites.Suites, r.junit())
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(suites); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

// WriteJUnit writes the report as JUnit XML.
func (r *Report) WriteJUnit(w io.Writer) error { return WriteJUnit(w, r) }

func (r *Report) junit() junitSuite {
	s := junitSuite{Name: r.Source}
	class := r.Feed
	if r.Problem != nil {
		s.Cases = append(s.Cases, junitCase{Class: class, Name: "readable", Error: &junitMessage{Message: r.Problem.Message, Type: string(r.Problem.Code), Text: r.Problem.Hint}})
		s.Errors++
	}
	for _, c := range r.Checks {
		k := junitCase{Class: class, Name: c.ID}
		m := &junitMessage{Message: c.details(), Type: string(c.Severity), Text: c.samples()}
		switch c.Result {
		case ResultFailed:
			k.Failure = m
			s.Failures++
		case ResultWarned:
			k.Output = "warning: " + m.Message
		case ResultNotJudged:
			k.Skipped = &junitMessage{Message: m.Message}
			s.Skipped++
		case ResultError:
			k.Error = m
			s.Errors++
		}
		s.Cases = append(s.Cases, k)
	}
	s.Tests = len(s.Cases)
	return s
}

func (c *CheckResult) samples() string {
	var b strings.Builder
	for _, s := range c.Samples {
		if s.Document != "" {
			b.WriteString(printable(s.Document))
		} else if s.Line > 0 {
			fmt.Fprintf(&b, "line %d", s.Line)
		} else {
			fmt.Fprintf(&b, "row %d", s.Row)
		}
		if s.Value != "" {
			b.WriteString(": " + printable(s.Value))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// WriteGitHub writes the checks that did not pass as workflow commands of
// GitHub Actions: annotations at the failing lines of the file.
func (r *Report) WriteGitHub(w io.Writer) error {
	var b strings.Builder
	put := func(level, title, message string, line int64) {
		fmt.Fprintf(&b, "::%s file=%s", level, property(r.Source))
		if line > 0 {
			fmt.Fprintf(&b, ",line=%d", line)
		}
		fmt.Fprintf(&b, ",title=%s::%s\n", property(title), message)
	}
	if r.Problem != nil {
		put("error", string(r.Verdict), data(r.Problem.Err().Error()), 0)
	}
	for _, c := range r.Checks {
		level := map[string]string{ResultFailed: "error", ResultError: "error", ResultWarned: "warning", ResultNotJudged: "notice"}[c.Result]
		if level == "" || r.Problem != nil {
			continue
		}
		var line int64
		if len(c.Samples) > 0 {
			line = c.Samples[0].Line
		}
		put(level, c.ID, data(c.details()), line)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// data escapes the message of a workflow command, property a value before it.
func data(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func property(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(s)
}
