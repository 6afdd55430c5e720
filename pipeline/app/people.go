package app

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/sns"

	"github.com/assay-pipeline/assay/pipeline"
	"github.com/assay-pipeline/assay/pipeline/contract"
	"github.com/assay-pipeline/assay/pipeline/flow"
	"github.com/assay-pipeline/assay/pipeline/lake"
	"github.com/assay-pipeline/assay/pipeline/notify"
)

// Keep is lifetimes as "quarantine=90d,raw=30d".
type Keep struct{ flow.Lifetimes }

// UnmarshalText reads lifetimes; those that are not named keep their defaults.
func (k *Keep) UnmarshalText(text []byte) error {
	k.Lifetimes = flow.DefaultLifetimes()
	names := k.Names()
	for part := range strings.SplitSeq(string(text), ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, span, _ := strings.Cut(part, "=")
		to, ok := names[strings.TrimSpace(name)]
		if !ok {
			return fmt.Errorf("%q is none of %s", name, strings.Join(slices.Sorted(maps.Keys(names)), ", "))
		}
		if span = strings.TrimSpace(span); span == "0" || span == "forever" {
			*to = 0
			continue
		}
		d, err := contract.ParseDuration(span)
		if err != nil || d < time.Hour {
			return fmt.Errorf("%s=%s: write a time of at least an hour such as 90d, or forever", name, span)
		}
		*to = d
	}
	return nil
}

// peopleProblems checks the settings that reach people.
func (c Config) peopleProblems() []string {
	var problems []string
	for _, u := range c.Notify {
		if why := contract.CheckChannelURL(u); why != "" {
			problems = append(problems, fmt.Sprintf("ASSAY_NOTIFY: %s: %s", u, why))
		}
	}
	if c.SMTP != "" {
		if err := notify.CheckSMTP(string(c.SMTP)); err != nil {
			problems = append(problems, err.Error())
		}
	}
	return problems
}

// Notifier builds the use case that tells people.
func (a *App) Notifier(ctx context.Context) (*flow.Notifier, error) {
	l, s, c, err := a.backends(ctx)
	if err != nil {
		return nil, err
	}
	return a.notifier(l, s, c), nil
}

func (a *App) notifier(l *lake.Lake, s flow.Store, c flow.Contracts) *flow.Notifier {
	n := &flow.Notifier{
		Store: s, Lake: l, Contracts: c, Zone: a.Config.TZ.Location, Runbook: a.Config.Runbook, Site: a.Config.Site,
		Owner: a.owner, Now: a.now, Log: a.log,
		Sender: notify.NewPeople(notify.PeopleOptions{Secret: a.Config.lookup, Key: string(a.Config.NotifyKey), Loopback: a.Config.NotifyLoopback,
			SMTP: string(a.Config.SMTP), Topics: &topics{}, Console: a.stderr}),
	}
	for _, u := range a.Config.Notify {
		n.Default = append(n.Default, contract.Channel{Name: "ASSAY_NOTIFY", URL: u, Severity: contract.SeverityWarning})
	}
	return n
}

// lookup is a variable of the environment that a contract names: not one of
// Assay's own, and none of AWS's.
func (c Config) lookup(name string) (string, bool) {
	if strings.HasPrefix(name, "ASSAY_") || strings.HasPrefix(name, "AWS_") {
		return "", false
	}
	v, ok := c.environ[name]
	return v, ok
}

// topics opens the client of SNS when the first topic is told something.
type topics struct{}

func (topics) Publish(ctx context.Context, in *sns.PublishInput, opts ...func(*sns.Options)) (*sns.PublishOutput, error) {
	cfg, err := loadAWS() //nolint:contextcheck // nothing is asked of the network
	if err != nil {
		return nil, pipeline.Errorf(pipeline.CodeInvalid, "AWS configuration: %w", err)
	}
	if parts := strings.Split(*in.TopicArn, ":"); cfg.Region == "" && len(parts) > 3 {
		cfg.Region = parts[3]
	}
	return sns.NewFromConfig(cfg).Publish(ctx, in, opts...)
}

// Sweep builds the use case that looks where nothing happens.
func (a *App) Sweep(ctx context.Context) (*flow.Sweep, error) {
	in, err := a.Ingest(ctx)
	if err != nil {
		return nil, err
	}
	set, err := a.Contracts()
	if err != nil {
		return nil, err
	}
	r, err := a.Relay(ctx)
	if err != nil {
		return nil, err
	}
	keep := a.Config.Keep.Lifetimes
	return &flow.Sweep{Ingest: in, Feeds: set.Feeds(), Zone: a.Config.TZ.Location, Relay: r, Notify: r.Notify, Keep: &keep}, nil
}

// Overview builds the one-screen overview.
func (a *App) Overview(ctx context.Context) (*flow.Overview, error) {
	l, s, c, err := a.backends(ctx)
	if err != nil {
		return nil, err
	}
	set, err := a.Contracts()
	if err != nil {
		return nil, err
	}
	return &flow.Overview{Lake: l, Store: s, Contracts: c, Known: set.Feeds, Zone: a.Config.TZ.Location, Now: a.now}, nil
}

// Forget builds the use case that erases a subject.
func (a *App) Forget(ctx context.Context) (*flow.Forget, error) {
	in, err := a.Ingest(ctx)
	if err != nil {
		return nil, err
	}
	r, err := a.Relay(ctx)
	if err != nil {
		return nil, err
	}
	f := &flow.Forget{Ingest: in, Relay: r}
	if log, ok := r.Publisher.(flow.EventLog); ok {
		f.Events = log
	}
	if s, ok := in.Store.(flow.Scrubber); ok {
		f.Scrubber = s
	}
	return f, nil
}
