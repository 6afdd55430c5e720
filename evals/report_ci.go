package evals

import (
	"encoding/xml"
	"fmt"
	"io"
	"path"
	"strings"
)

type junitSuites struct {
	XMLName xml.Name     `xml:"testsuites"`
	Suites  []junitSuite `xml:"testsuite"`
}

type junitSuite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Errors   int         `xml:"errors,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	File    string        `xml:"file,attr,omitempty"`
	Time    string        `xml:"time,attr"`
	Failure *junitMessage `xml:"failure,omitempty"`
	Error   *junitMessage `xml:"error,omitempty"`
	Out     string        `xml:"system-out,omitempty"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// WriteJUnit writes the reports as JUnit XML: a test for the judgement of each
// suite, one for each invariant and threshold, and one for each case. A case
// that scored less than it did is told, and fails nothing by itself: the suite
// is judged, not the case.
func WriteJUnit(w io.Writer, reports []*Report) error {
	var all junitSuites
	for _, rep := range reports {
		all.Suites = append(all.Suites, rep.junit())
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(all); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (rep *Report) junit() junitSuite {
	r := rep.Run
	s := junitSuite{Name: "evals " + r.Suite, Time: fmt.Sprintf("%.3f", r.Seconds)}
	class := "evals." + r.Suite
	add := func(c junitCase) {
		s.Tests++
		if c.Failure != nil {
			s.Failures++
		}
		if c.Error != nil {
			s.Errors++
		}
		s.Cases = append(s.Cases, c)
	}
	verdict := junitCase{Class: class, Name: "judgement", Time: s.Time, Out: r.Line()}
	why := &junitMessage{Message: r.Line(), Text: strings.Join(r.Reasons, "\n")}
	switch r.Judgement {
	case Tripped:
		verdict.Failure = why
	case Unfinished, Uncompared:
		verdict.Error = why
	}
	add(verdict)
	for _, f := range r.Figures {
		if f.Threshold == nil {
			continue
		}
		c := junitCase{Class: class, Name: "threshold of " + f.Scorer, Time: "0", Out: fmt.Sprintf("%.4g (%.4g to %.4g), threshold %.4g", f.Value, f.Lo, f.Hi, *f.Threshold)}
		if f.Broken {
			c.Failure = &junitMessage{Message: c.Out}
		}
		add(c)
	}
	for i := range rep.Results {
		res := &rep.Results[i]
		c := junitCase{Class: class + ".case", Name: res.Case, File: rep.fileOf(res.Case), Time: fmt.Sprintf("%.3f", res.Last.Spent.Latency.Seconds())}
		switch {
		case len(res.Scores) == 0:
			c.Error = &junitMessage{Message: res.Last.Error}
		case len(res.Last.Breaches) > 0:
			c.Failure = &junitMessage{Message: breached(res.Last.Breaches)}
		default:
			c.Out = fmt.Sprintf("score %.4f\n%s", res.Mean(), strings.Join(missTexts(res.Last.Misses), "\n"))
		}
		add(c)
	}
	return s
}

func (rep *Report) caseOf(id string) *Case {
	if rep.Set == nil {
		return nil
	}
	for i := range rep.Set.Cases {
		if rep.Set.Cases[i].ID == id {
			return &rep.Set.Cases[i]
		}
	}
	return nil
}

func (rep *Report) fileOf(id string) string {
	if c := rep.caseOf(id); c != nil {
		return c.File
	}
	return ""
}

// WriteGitHub writes workflow commands: an error for what tripped, at the suite,
// and a warning at each case that is an example of it. folder is where the evals
// lie in the repository.
func (rep *Report) WriteGitHub(w io.Writer, folder string) error {
	r := rep.Run
	var b strings.Builder
	note := func(level, file string, line int, title, text string) {
		where := ""
		if file != "" {
			where = "file=" + property(path.Join(folder, file)) + ","
			if line > 0 {
				where += fmt.Sprintf("line=%d,", line)
			}
		}
		fmt.Fprintf(&b, "::%s %stitle=%s::%s\n", level, where, property(title), data(text))
	}
	suite := ""
	if rep.Set != nil {
		suite = rep.Set.File
	}
	level := map[Judgement]string{Tripped: "error", Unfinished: "error", Uncompared: "warning"}[r.Judgement]
	if level == "" {
		note("notice", suite, 0, "evals "+r.Suite, r.Line())
	} else {
		note(level, suite, 0, "evals "+r.Suite, r.Line()+"\n"+strings.Join(r.Reasons, "\n"))
	}
	at := func(id string) (string, int) {
		if c := rep.caseOf(id); c != nil {
			return c.File, c.Line
		}
		return "", 0
	}
	for _, br := range r.Breaches {
		file, line := at(br.Case)
		note("error", file, line, string(br.Invariant), br.Case+": "+br.Detail)
	}
	if r.Judgement == Tripped {
		for _, e := range r.Examples {
			file, line := at(e.Case)
			note("warning", file, line, "evals "+r.Suite, fmt.Sprintf("%s went from %.2f to %.2f\n%s", e.Case, e.Before, e.After, strings.Join(e.Is, "\n")))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// data and property escape what a workflow command would read as its own.
func data(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(s)
}

func property(s string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C").Replace(s)
}
