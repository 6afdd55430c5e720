// Package app is the composition root: it reads the configuration once, and
// builds each use case from the backends that the configuration names. The
// command line and the functions call the same constructors.
package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/caarlos0/env/v11"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/llm"
)

// Config is all of Assay's configuration. Each backend is one URL in one
// variable. docs/configuration.md is generated from this struct.
type Config struct {
	Lake       string   `env:"ASSAY_LAKE" envDefault:"file:lake" doc:"Where files live: landing, curated, quarantine, reports. \"file:DIR\", \"file:///DIR\" or \"s3://BUCKET/PREFIX\" (region, credentials and endpoint as the AWS SDK finds them)."`
	Store      string   `env:"ASSAY_STORE" envDefault:"sqlite:.assay/assay.db" doc:"Where state lives: ledger, breakers, catalog, reviews. \"sqlite:FILE\", \"sqlite:///FILE\" or \"postgres://USER@HOST/DATABASE\" (with the parameters of libpq; search_path names the schema, default assay; the password may stand in PGPASSWORD or ~/.pgpass)."`
	Contracts  string   `env:"ASSAY_CONTRACTS" doc:"Where data contracts come from: \"dir:DIR\" (its *.odcs.yaml, subfolders included) \"embed:\" (the examples inside the binary) or \"registry:\" (the versions published in the store, chosen batch by batch; feeds that it does not know are judged by the folder contracts, else by the embedded ones). Default: dir:contracts where that folder exists, else embed:."`
	Knowledge  string   `env:"ASSAY_KNOWLEDGE" doc:"Where category schemas and dictionaries come from: \"dir:DIR\" or \"embed:\". Default: dir:contracts/catalog where that folder exists, else embed:."`
	Evals      string   `env:"ASSAY_EVALS" doc:"Where suites and golden sets come from: \"dir:DIR\" (with the folders suites and golden) or \"embed:\" (those inside the binary). Default: dir:evals where evals/suites exists, else embed:."`
	LLM        string   `env:"ASSAY_LLM" envDefault:"rules:" doc:"What reads item descriptions: \"rules:\" (deterministic, embedded), or \"PROVIDER:MODEL\" with openai, anthropic, ollama or bedrock: then the rules read first, and the model is asked for what they leave open."`
	Embed      string   `env:"ASSAY_EMBED" envDefault:"hash:" doc:"What makes vectors of items: \"hash:\" (embedded, 512 dimensions), or \"PROVIDER:MODEL\" with openai, ollama or bedrock."`
	Events     string   `env:"ASSAY_EVENTS" envDefault:"file:.assay/events.jsonl" doc:"Where events go: \"file:FILE\", \"file:///FILE\", \"stdout:\" or \"eventbridge:BUS\" (name or ARN of the bus; region and credentials as the AWS SDK finds them)."`
	Queue      string   `env:"ASSAY_QUEUE" envDefault:"store:" doc:"Where messages for later steps go: \"store:\" (a table of the store, worked off by assay run) or \"sqs:URL\" (the queue's URL; the function parse works it off)."`
	Replays    string   `env:"ASSAY_QUEUE_REPLAY" doc:"Where messages go that ask for held batches to be judged again, when ASSAY_QUEUE is a queue of SQS: \"sqs:URL\" (the function replay works it off). Default: the table of the store, worked off by assay run."`
	Archive    bool     `env:"ASSAY_ARCHIVE" envDefault:"false" doc:"true: landed files move to archive/ of the lake after their final decision (published, or a duplicate). Held ones stay until they are released."`
	Memory     Bytes    `env:"ASSAY_MEMORY" envDefault:"96MiB" doc:"Memory for judging one file, beyond which the gate spills to ASSAY_TMP. At least 16MiB."`
	KeyIndex   int64    `env:"ASSAY_KEY_INDEX" envDefault:"10000000" doc:"How many published keys the store keeps for each key of scope feed, about 100 bytes each. Beyond it the oldest go, and the check says how far it reaches back. At least 1."`
	Profile    string   `env:"ASSAY_PROFILE" envDefault:"sample" doc:"sample: distributions in a batch's profile are those of 4,000 rows; full: different values and quantiles are counted over all rows, which takes longer."`
	Tmp        string   `env:"ASSAY_TMP" doc:"Folder for spill files. Default: the system's."`
	TZ         Zone     `env:"ASSAY_TZ" envDefault:"UTC" doc:"Time zone of windows and budgets, an IANA name. Times are stored as UTC."`
	CheckItems int      `env:"ASSAY_CHECK_ITEMS" envDefault:"200000" doc:"How large a catalog is held in memory to check items at the moment of entry, about 6 KB an item; a larger one in Postgres is looked up there, by its vector index."`
	Candidates int      `env:"ASSAY_CANDIDATES" envDefault:"10" doc:"How many nearest items an item is compared with, of its category and over all; items that share a part number or designation come on top. 1 to 200: more find more and cost more."`
	Workers    int      `env:"ASSAY_WORKERS" envDefault:"0" doc:"How many shards are parsed at once. 0: one per core."`
	Log        LogLevel `env:"ASSAY_LOG" envDefault:"off" doc:"Log to standard error: off, debug, info, warn, error."`

	LLMURL           string        `env:"ASSAY_LLM_URL" doc:"Address of the model's API, for servers of one's own. Default: the provider's; Ollama's is http://127.0.0.1:11434."`
	LLMKey           Secret        `env:"ASSAY_LLM_KEY" doc:"Key of the model's API. \"secretsmanager:ARN\" (or ARN#FIELD) names a secret of AWS. Default: OPENAI_API_KEY or ANTHROPIC_API_KEY; Bedrock takes the credentials of AWS, Ollama none."`
	LLMStructured    string        `env:"ASSAY_LLM_STRUCTURED" doc:"How a schema is asked for: empty (the provider's own way), \"tool\" or \"text\"."`
	LLMBudget        Dollars       `env:"ASSAY_LLM_BUDGET" envDefault:"5" doc:"Dollars that models may cost per day, all processes together; \"none\" sets no bound. Events tell at 50, 80 and 100 percent."`
	LLMTokens        int64         `env:"ASSAY_LLM_TOKENS" envDefault:"5000000" doc:"Tokens that models may use per day; negative sets no bound. The only bound for a model without a price."`
	LLMBatchTokens   int64         `env:"ASSAY_LLM_BATCH_TOKENS" envDefault:"1000000" doc:"Tokens that the items of one batch may use."`
	LLMItemTokens    int64         `env:"ASSAY_LLM_ITEM_TOKENS" envDefault:"30000" doc:"Tokens that one item may use."`
	LLMReasks        int           `env:"ASSAY_LLM_REASKS" envDefault:"2" doc:"How often failing attributes are asked for again."`
	LLMTimeout       time.Duration `env:"ASSAY_LLM_TIMEOUT" envDefault:"60s" doc:"How long one attempt may take."`
	LLMTries         int           `env:"ASSAY_LLM_TRIES" envDefault:"3" doc:"Attempts per question, when the provider is busy or broken."`
	LLMConcurrency   int           `env:"ASSAY_LLM_CONCURRENCY" envDefault:"4" doc:"Questions at a time, per process."`
	LLMPrices        string        `env:"ASSAY_LLM_PRICES" doc:"File with the prices of models. Default: contracts/prices/models.yaml as it came with the program."`
	LLMCanary        string        `env:"ASSAY_LLM_CANARY" doc:"A second model, PROVIDER:MODEL, that a share of the items sees."`
	LLMCanaryPercent float64       `env:"ASSAY_LLM_CANARY_PERCENT" envDefault:"5" doc:"That share, in percent; the flag llm.canary.percent overrides it."`
	LLMPrevious      string        `env:"ASSAY_LLM_PREVIOUS" doc:"The model before, PROVIDER:MODEL: it reads while the answers of the present one have tripped a breaker and ASSAY_EVALS_FALLBACK is last_good."`
	EvalsFallback    string        `env:"ASSAY_EVALS_FALLBACK" envDefault:"degraded" doc:"Who reads items while evaluations have opened a breaker: \"degraded\" (the rules alone, records say so), \"last_good\" (ASSAY_LLM_PREVIOUS, else the rules) or \"halt\" (shards wait)."`
	Observe          Observe       `env:"ASSAY_OBSERVE" doc:"How live answers are watched, written as {sample_rate: 0.05, baseline_size: 50, drift_threshold: 0.15}: the share of items that is sampled (0.01 where there are very many), how many answers lock the live baseline, the effect that has to be exceeded and be significant. \"off\" watches none. Default: observe of the suite parse, which says just that."`
	LLMAllow         []string      `env:"ASSAY_LLM_ALLOW" doc:"Feeds whose items a model may see, separated by commas. Default: all."`
	LLMDeny          []string      `env:"ASSAY_LLM_DENY" doc:"Words that neither a question nor an answer may hold, separated by commas: an item with one is read by the rules alone, an answer with one is refused."`
	Adviser          bool          `env:"ASSAY_ADVISER" envDefault:"false" doc:"true: the model of ASSAY_LLM writes what it thinks beside the pairs that wait for a person, and why. It decides nothing."`
	EmbedURL         string        `env:"ASSAY_EMBED_URL" doc:"Address of the embedding model's API."`
	EmbedDimensions  int           `env:"ASSAY_EMBED_DIMENSIONS" envDefault:"0" doc:"Dimensions of the embedding model's vectors. 0: what the model gives."`
	Flags            string        `env:"ASSAY_FLAGS" doc:"Switches that hold without a redeploy, a JSON object: \"file:FILE\" or \"lake:KEY\". llm.enabled (true), llm.canary.percent."`
	Notify           []string      `env:"ASSAY_NOTIFY" doc:"Who is told about feeds whose contract names nobody, separated by commas: \"mailto:ADDRESS\", \"https://…\" (a signed webhook), \"arn:aws:sns:…\", \"console:\" (standard error), or \"env:NAME\" for an address that is a secret."`
	NotifyKey        Secret        `env:"ASSAY_NOTIFY_KEY" doc:"Key that signs what is sent to webhooks (HMAC-SHA256) whose channel names none."`
	NotifyLoopback   bool          `env:"ASSAY_NOTIFY_LOOPBACK" envDefault:"false" doc:"Webhooks may lie on this machine, over http too. Other private addresses are always refused."`
	SMTP             Secret        `env:"ASSAY_SMTP" doc:"Mail server: \"smtp://USER:PASSWORD@HOST:587?from=ADDRESS\" or \"smtps://\"."`
	Runbook          string        `env:"ASSAY_RUNBOOK" envDefault:"https://github.com/assay-pipeline/assay/blob/main/docs/runbook.md" doc:"Where notifications find the pages of the runbook."`
	Site             string        `env:"ASSAY_SITE" doc:"Address of the pages of this deployment, for links in notifications. Without it they lead to the reports in the lake."`
	APIIssuer        string        `env:"ASSAY_API_ISSUER" doc:"Issuer of the tokens that assay serve asks for, as in their claim iss. Without it the server listens on loopback alone and asks for none. In AWS the gateway checks the tokens."`
	APIAudience      []string      `env:"ASSAY_API_AUDIENCE" doc:"Audiences that tokens may be for (aud, or client_id where there is no aud), separated by commas."`
	APIKeys          string        `env:"ASSAY_API_JWKS" doc:"Key set of the issuer: an https URL or a file. Default: as the issuer's discovery document says."`
	Keep             Keep          `env:"ASSAY_KEEP" envDefault:"raw=30d,quarantine=90d,reports=400d,archive=400d,approvals=14d,notices=30d,calls=14d,responses=1d,answers=90d,evals=400d,history=400d" doc:"Lifetimes that the sweep applies, by zone or store; \"forever\" keeps. history is what happened to clusters. Also landing (decided files) and reviews, which are kept where nothing is said."`

	// What functions in a cloud need besides.
	Password Secret `env:"ASSAY_STORE_PASSWORD" doc:"Password of the database, where ASSAY_STORE holds none: \"iam:\" (IAM authentication of RDS), \"secretsmanager:ARN#FIELD\" (a secret of AWS, read at each new connection, so that it may rotate), or the password itself."`
	Metrics  string `env:"ASSAY_METRICS" doc:"\"emf:NAMESPACE\": functions write what they count to standard output in CloudWatch's embedded metric format. Default: they do not."`
	Traces   string `env:"OTEL_EXPORTER_OTLP_ENDPOINT" doc:"Where functions send traces, the address of an OTLP/HTTP collector such as http://localhost:4318. Default: nothing is traced."`

	// Dir is the folder that relative paths start from; not a variable.
	Dir string `env:"-"`

	// environ are the variables that are not Assay's: contracts name some of
	// them where an address or a key is a secret.
	environ map[string]string
}

// Bytes is a size such as 96MiB, 1GB or 65536.
type Bytes int64

// UnmarshalText reads a size.
func (b *Bytes) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	units := []struct {
		suffix string
		size   int64
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"kB", 1e3}, {"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"B", 1}, {"", 1}}
	for _, u := range units {
		num, ok := strings.CutSuffix(s, u.suffix)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(num), 10, 64)
		if err != nil || n < 0 || n > (1<<62)/u.size {
			break
		}
		*b = Bytes(n * u.size)
		return nil
	}
	return fmt.Errorf("%q is not a size; write it like 96MiB", s)
}

// Zone is a time zone by its IANA name.
type Zone struct{ *time.Location }

// UnmarshalText reads a zone's name.
func (z *Zone) UnmarshalText(text []byte) error {
	loc, err := time.LoadLocation(string(text))
	if err != nil {
		return fmt.Errorf("%q is not a time zone; use an IANA name such as Europe/Berlin", text)
	}
	z.Location = loc
	return nil
}

// LogLevel is off or the name of a slog level.
type LogLevel string

// UnmarshalText reads a level.
func (l *LogLevel) UnmarshalText(text []byte) error {
	switch s := LogLevel(strings.ToLower(string(text))); s {
	case "off", "debug", "info", "warn", "error":
		*l = s
		return nil
	}
	return fmt.Errorf("%q is not one of off, debug, info, warn, error", text)
}

// ReadConfig reads the configuration from environ ("KEY=value" lines, as of
// os.Environ) for the project folder dir, and reports every mistake together.
func ReadConfig(environ []string, dir string) (Config, error) {
	vars := map[string]string{}
	for _, kv := range environ {
		k, v, _ := strings.Cut(kv, "=")
		// An empty variable is an unset one: that is how shells clear it.
		if v != "" {
			vars[k] = v
		}
	}
	c := Config{Dir: dir, environ: vars}
	var problems []string
	if err := env.ParseWithOptions(&c, env.Options{Environment: vars}); err != nil {
		var agg env.AggregateError
		if errors.As(err, &agg) {
			for _, e := range agg.Errors {
				problems = append(problems, variableProblem(e))
			}
		} else {
			problems = append(problems, err.Error())
		}
	}
	for name := range vars {
		if strings.HasPrefix(name, "ASSAY_") && !strings.HasPrefix(name, "ASSAY_TEST_") && !known(name) {
			problems = append(problems, name+" is not a variable of Assay")
		}
	}
	if c.Contracts == "" {
		c.Contracts = c.existing("dir:", "contracts", "embed:")
	}
	if c.Knowledge == "" {
		c.Knowledge = c.existing("dir:", filepath.Join("contracts", "catalog"), "embed:")
	}
	if c.Evals == "" {
		c.Evals = "embed:"
		if c.existing("dir:", filepath.Join("evals", "suites"), "") != "" {
			c.Evals = "dir:evals"
		}
	}
	problems = append(problems, c.check()...)
	if len(problems) > 0 {
		slices.Sort(problems)
		problems = slices.Compact(problems)
		return Config{}, pipeline.Errorf(pipeline.CodeInvalid, "configuration: %s", strings.Join(problems, "; ")).
			WithHint("docs/configuration.md lists every variable")
	}
	if c.Workers == 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	if c.Tmp == "" {
		c.Tmp = os.TempDir()
	}
	return c, nil
}

// variableProblem turns a parse error, which names the field, into a sentence
// that names the variable.
func variableProblem(err error) string {
	var pe env.ParseError
	if errors.As(err, &pe) {
		if f, ok := reflect.TypeFor[Config]().FieldByName(pe.Name); ok {
			return f.Tag.Get("env") + ": " + pe.Err.Error()
		}
	}
	return err.Error()
}

func known(name string) bool {
	for f := range fields() {
		if f.Tag.Get("env") == name {
			return true
		}
	}
	return false
}

func fields() func(func(reflect.StructField) bool) {
	return func(yield func(reflect.StructField) bool) {
		t := reflect.TypeFor[Config]()
		for i := range t.NumField() {
			if f := t.Field(i); f.Tag.Get("doc") != "" && !yield(f) {
				return
			}
		}
	}
}

func (c Config) existing(scheme, dir, otherwise string) string {
	if st, err := os.Stat(c.Abs(dir)); err == nil && st.IsDir() {
		return scheme + dir
	}
	return otherwise
}

// MaxCandidates bounds how many nearest items an item is compared with.
const MaxCandidates = 200

func (c Config) check() []string {
	var problems []string
	for _, u := range []struct {
		name, value string
		schemes     []string
	}{
		{"ASSAY_LAKE", c.Lake, []string{"file", "s3"}},
		{"ASSAY_STORE", c.Store, []string{"sqlite", "postgres", "postgresql"}},
		{"ASSAY_CONTRACTS", c.Contracts, []string{"dir", "embed", "registry"}},
		{"ASSAY_KNOWLEDGE", c.Knowledge, []string{"dir", "embed"}},
		{"ASSAY_EVALS", c.Evals, []string{"dir", "embed"}},
		{"ASSAY_LLM", c.LLM, append([]string{"rules"}, llm.Providers...)},
		{"ASSAY_EMBED", c.Embed, []string{"hash", "openai", "ollama", "bedrock"}},
		{"ASSAY_EVENTS", c.Events, []string{"file", "stdout", "eventbridge"}},
		{"ASSAY_QUEUE", c.Queue, []string{"store", "sqs"}},
	} {
		scheme, rest, ok := strings.Cut(u.value, ":")
		if !ok || !slices.Contains(u.schemes, scheme) {
			problems = append(problems, fmt.Sprintf("%s: %q does not start with %s:", u.name, withoutPassword(u.value), strings.Join(u.schemes, ": or ")))
			continue
		}
		if strings.HasPrefix(scheme, "postgres") && !isPostgres(u.value) {
			problems = append(problems, fmt.Sprintf("%s: %q is not a URL such as postgres://user@host:5432/database", u.name, withoutPassword(u.value)))
		}
		if (scheme == "file" || scheme == "sqlite" || scheme == "dir" || scheme == "eventbridge" || scheme == "sqs") && strings.TrimPrefix(rest, "//") == "" {
			problems = append(problems, fmt.Sprintf("%s: %q names nothing", u.name, u.value))
		}
	}
	problems = append(problems, c.peopleProblems()...)
	if c.Replays != "" && !strings.HasPrefix(c.Replays, "sqs:") {
		problems = append(problems, fmt.Sprintf("ASSAY_QUEUE_REPLAY: %q does not start with sqs:", c.Replays))
	}
	if (c.APIIssuer == "") != (len(c.APIAudience) == 0) || c.APIIssuer == "" && c.APIKeys != "" {
		problems = append(problems, "ASSAY_API_ISSUER, ASSAY_API_AUDIENCE: tokens are checked by both, or by neither")
	}
	if c.LLMPrevious != "" {
		provider, model, _ := strings.Cut(c.LLMPrevious, ":")
		if !slices.Contains(llm.Providers, provider) || model == "" {
			problems = append(problems, fmt.Sprintf("ASSAY_LLM_PREVIOUS: %q does not name a model as PROVIDER:MODEL with %s", c.LLMPrevious, strings.Join(llm.Providers, ", ")))
		}
	}
	if !slices.Contains([]string{"degraded", "last_good", "halt"}, c.EvalsFallback) {
		problems = append(problems, fmt.Sprintf("ASSAY_EVALS_FALLBACK: %q is none of degraded, last_good, halt", c.EvalsFallback))
	}
	if ns, ok := strings.CutPrefix(c.Metrics, "emf:"); c.Metrics != "" && (!ok || ns == "") {
		problems = append(problems, fmt.Sprintf("ASSAY_METRICS: %q is not emf:NAMESPACE", c.Metrics))
	}
	if c.Memory < 16<<20 {
		problems = append(problems, "ASSAY_MEMORY: the gate needs at least 16MiB")
	}
	switch c.LLMStructured {
	case "", "tool", "text":
	default:
		problems = append(problems, fmt.Sprintf("ASSAY_LLM_STRUCTURED: %q is not tool, text or empty", c.LLMStructured))
	}
	if c.LLMCanaryPercent < 0 || c.LLMCanaryPercent > 100 {
		problems = append(problems, "ASSAY_LLM_CANARY_PERCENT: is between 0 and 100")
	}
	if c.Profile != "sample" && c.Profile != "full" {
		problems = append(problems, fmt.Sprintf("ASSAY_PROFILE: %q is not sample or full", c.Profile))
	}
	if c.KeyIndex < 1 {
		problems = append(problems, "ASSAY_KEY_INDEX: must be at least 1")
	}
	if c.Candidates < 1 || c.Candidates > MaxCandidates {
		problems = append(problems, fmt.Sprintf("ASSAY_CANDIDATES: is between 1 and %d", MaxCandidates))
	}
	if c.Workers < 0 {
		problems = append(problems, "ASSAY_WORKERS: must not be negative")
	}
	return problems
}

var password = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`(://[^/@:]*):[^@]*@`) })

// withoutPassword is a URL as it may be shown.
func withoutPassword(url string) string { return password().ReplaceAllString(url, "$1:…@") }

// path is the file of a "scheme:path" or "scheme:///path" URL.
func (c Config) path(url string) string {
	_, rest, _ := strings.Cut(url, ":")
	if p, ok := strings.CutPrefix(rest, "//"); ok {
		rest = p
		// file:///C:/data on Windows
		if runtime.GOOS == "windows" {
			rest = strings.TrimPrefix(rest, "/")
		}
	}
	return c.Abs(filepath.FromSlash(rest))
}

// Abs is a path of the configuration, relative ones from its folder.
func (c Config) Abs(p string) string {
	if filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(c.Dir, p)
}

// ContractFolder is the folder that contracts come from, where they come from
// one.
func (c Config) ContractFolder() (string, bool) {
	if !strings.HasPrefix(c.Contracts, "dir:") {
		return "", false
	}
	return c.path(c.Contracts), true
}
