// Package awsiot is a stand-in for the services around the message broker of AWS IoT Core, as far as MQTT clients see
// them: device shadows, jobs, rules that republish or call a webhook, and life-cycle events. It hooks into the reference
// broker and publishes its answers there.
//
// It imitates what the service documents, in memory and without accounts, policies or a registry of things. No number
// of the service stands here: limits come from a profile. docs/aws-iot-core.md says what is imitated and what is not.
package awsiot

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
	broker "github.com/mqttspec/mqttspec/reference-broker"
)

// Options say which services there are and where their limits lie.
type Options struct {
	Shadows *ShadowLimits // nil: no shadows
	Jobs    *JobLimits    // nil: no jobs
	Events  *EventOptions // nil: no life-cycle events
	Rules   []Rule
	// MaximumHops is how many actions of rules may follow from one message, each from the one before. 0 is 10.
	MaximumHops int
	// HashMissesParent: the filter a/# of a rule does not match the topic a.
	HashMissesParent bool
	// WebhookTimeout is how long a webhook may take to answer. 0 is 5 s. There is one attempt.
	WebhookTimeout time.Duration
	// WebhookQueue is how many calls may wait for those before them; one more is dropped. 0 is 1,000.
	WebhookQueue int
	// Client calls the webhooks. nil is http.DefaultClient.
	Client *http.Client
	// Log is told of rules that could not act. nil is silence.
	Log *slog.Logger
}

// Service is a [broker.Hook]. One Service belongs to one broker.
type Service struct {
	o        Options
	shadows  map[shadowKey]*shadow // the broker's lock guards this, jobs and presence
	jobs     []*execution          // in the order in which they were made
	presence map[string]*presence  // by Client Identifier
	rules    []*rule
	webhooks *webhooks // nil if no rule has one
}

// New returns the services. The error names a rule that makes no sense. Close must be called in the end, after the
// broker's.
func New(o Options) (*Service, error) {
	if o.MaximumHops == 0 {
		o.MaximumHops = 10
	}
	if o.WebhookTimeout == 0 {
		o.WebhookTimeout = 5 * time.Second
	}
	if o.WebhookQueue == 0 {
		o.WebhookQueue = 1000
	}
	if o.Client == nil {
		o.Client = http.DefaultClient
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{o: o, shadows: map[shadowKey]*shadow{}, presence: map[string]*presence{}}
	calls := false
	for i, r := range o.Rules {
		compiled, err := compile(r)
		if err != nil {
			return nil, fmt.Errorf("awsiot: rule %d (%s): %w", i+1, r.From, err)
		}
		s.rules = append(s.rules, compiled)
		calls = calls || r.Webhook != nil
	}
	if calls {
		s.webhooks = startWebhooks(o)
	}
	return s, nil
}

// Close drops the webhook calls that have not been made and waits until none is under way.
func (s *Service) Close() error {
	if s.webhooks != nil {
		s.webhooks.close()
	}
	return nil
}

// Published answers requests to shadows and about jobs, and lets rules act.
func (s *Service) Published(m broker.Message) (follow []wire.Publish, consumed bool) {
	if rest, ok := strings.CutPrefix(m.Topic, "$aws/rules/"); ok {
		return s.ingest(m, rest), true
	}
	if s.o.Shadows != nil {
		follow = s.askShadow(m)
	}
	if s.o.Jobs != nil {
		answers, made := s.askJobs(m)
		if made {
			return answers, true
		}
		follow = append(follow, answers...)
	}
	for _, r := range s.rules {
		if s.matches(r.From, m.Topic) {
			follow = append(follow, s.act(r, m)...)
		}
	}
	return follow, false
}

// matches reports whether a topic is for a rule.
func (s *Service) matches(filter, topic string) bool {
	if s.o.HashMissesParent && strings.HasSuffix(filter, "/#") && strings.Count(topic, "/") < strings.Count(filter, "/") {
		return false
	}
	return wire.Matches(filter, topic)
}
