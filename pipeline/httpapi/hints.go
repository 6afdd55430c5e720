package httpapi

import "regexp"

// command matches what only someone at a command line can do: a command of the
// program, or a flag.
var command = regexp.MustCompile("(?:^|[\\s(`])(?:assay [a-z]|--[a-z])")

// aside matches a hint that stands in parentheses behind a message, where it
// speaks of commands.
var aside = regexp.MustCompile(`\s\((?:[^()]*[\s\x60])?(?:assay [a-z]|--[a-z])[^()]*\)`)

// inRequests says in requests what hints of the use cases, which are written for
// who sits at the command line, say in commands. The first whose pattern is in
// a hint replaces the whole of it.
var inRequests = []struct {
	said *regexp.Regexp
	hint string
}{
	{regexp.MustCompile(`^say --reason`), `say why in "reason"`},
	{regexp.MustCompile(`or give the right values: --set`), `use right or wrong, or give the right values in "set"`},
	{regexp.MustCompile(`^assay knowledge approve writes`), "the knowledge pack is a folder of files: whoever keeps it takes the draft in"},
	{regexp.MustCompile(`^assay approve or assay reject`), "POST /v1/batches/{batch}:approve or :reject decides it"},
	{regexp.MustCompile(`ask again with assay catalog questions`), "the description was changed meanwhile; POST /v1/questions:ask asks anew"},
	{regexp.MustCompile(`run assay replay, or set assay\.approval`), "mend the contract or the data and have the batch judged again, or set assay.approval: on_hold in the contract"},
	{regexp.MustCompile(`^assay replay --dry-run`), "GET /v1/batches?stage=held lists what is held"},
	{regexp.MustCompile(`^assay run judges what lies there`), "what lies there now is judged by itself, and replaces the held batch"},
	{regexp.MustCompile(`assay breaker reset .* closes it`), "it is tried again after its cooldown; GET /v1/breakers shows it"},
	{regexp.MustCompile(`assay contract list`), "GET /v1/contracts lists those that there are"},
	{regexp.MustCompile(`assay contract show`), "GET /v1/contracts/{contract} shows it"},
	{regexp.MustCompile(`assay contract lint`), "the contract has to be mended first"},
	{regexp.MustCompile(`assay contract publish|assay init`), "nobody has published a contract for it yet; GET /v1/contracts lists those that there are"},
	{regexp.MustCompile(`^name one with --schema`), `say which in "feed"`},
	{regexp.MustCompile(`use assay match for a whole catalog`), "ask in several calls"},
	{regexp.MustCompile(`restore the feed's contract`), "restore the feed's contract and have the batch judged again"},
}

// hintFor is hint in the words of the API. One that speaks of commands and has
// none is left out: nobody can follow it.
func hintFor(hint string) string {
	if !command.MatchString(hint) {
		return hint
	}
	for _, r := range inRequests {
		if r.said.MatchString(hint) {
			return r.hint
		}
	}
	return ""
}

// detailFor is message without the hints in it that speak of commands.
func detailFor(message string) string { return aside.ReplaceAllString(message, "") }
