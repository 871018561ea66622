package awsiot

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/mqttspec/mqttspec/harness/wire"
	broker "github.com/mqttspec/mqttspec/reference-broker"
)

// Rule acts on each message whose topic matches From, as a rule with SELECT * and no condition does: the payload is
// passed on as it is. It has at least one action.
type Rule struct {
	Name      string     `yaml:"name"`      // for $aws/rules/{name}/{topic}, which reaches this rule alone
	From      string     `yaml:"from"`      // Topic Filter
	Republish *Republish `yaml:"republish"` // nil: does not
	Webhook   *Webhook   `yaml:"webhook"`   // nil: does not
}

// Republish publishes the message again.
type Republish struct {
	// Topic may hold ${topic()}, ${topic(n)} (a level, from 1) and ${clientid()}. A $ is written $$, as in $$aws/….
	Topic string   `yaml:"topic"`
	QoS   wire.QoS `yaml:"qos"` // 0 or 1
}

// Webhook posts the payload.
type Webhook struct {
	// URL is that of an HTTP server, with the same substitutions as the topic of a Republish in its path and query.
	URL     string            `yaml:"url"`
	Headers map[string]string `yaml:"headers"`
}

// ParseRule reads a rule in one line: FILTER => TOPIC, or FILTER => URL of a webhook. The topic is republished at QoS 1.
func ParseRule(text string) (Rule, error) {
	from, to, ok := strings.Cut(text, "=>")
	r := Rule{From: strings.TrimSpace(from)}
	to = strings.TrimSpace(to)
	if !ok || r.From == "" || to == "" {
		return r, fmt.Errorf("write FILTER => TOPIC or FILTER => URL")
	}
	if strings.HasPrefix(to, "http://") || strings.HasPrefix(to, "https://") {
		r.Webhook = &Webhook{URL: to}
	} else {
		r.Republish = &Republish{Topic: to, QoS: wire.QoS1}
	}
	_, err := compile(r)
	return r, err
}

// rule is a Rule whose templates have been read.
type rule struct {
	Rule
	topic, url template
}

// compile says what is wrong with a rule.
func compile(r Rule) (*rule, error) {
	c := &rule{Rule: r}
	if err := wire.CheckFilter(r.From, wire.V311); err != nil {
		return nil, fmt.Errorf("from: %w", err)
	}
	if r.Republish == nil && r.Webhook == nil {
		return nil, errors.New("it does nothing: give it republish or webhook")
	}
	var err error
	if r.Republish != nil {
		if c.topic, err = parseTemplate(r.Republish.Topic); err != nil {
			return nil, fmt.Errorf("republish: topic %q: %w", r.Republish.Topic, err)
		}
		if r.Republish.QoS > wire.QoS1 {
			return nil, fmt.Errorf("republish: QoS %d is neither 0 nor 1", r.Republish.QoS)
		}
	}
	if r.Webhook != nil {
		u, err := url.Parse(r.Webhook.URL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return nil, fmt.Errorf("webhook: %q is no URL of an HTTP server", r.Webhook.URL)
		}
		if c.url, err = parseTemplate(r.Webhook.URL); err != nil {
			return nil, fmt.Errorf("webhook: URL %q: %w", r.Webhook.URL, err)
		}
	}
	return c, nil
}

// ingest hands a message for $aws/rules/{name}/{topic} to the rules of that name, whose filter the topic must match.
// Nobody else gets it.
func (s *Service) ingest(m broker.Message, rest string) (follow []wire.Publish) {
	name, topic, ok := strings.Cut(rest, "/")
	if !ok {
		return nil
	}
	m.Topic = topic
	for _, r := range s.rules {
		if r.Name == name && s.matches(r.From, topic) {
			follow = append(follow, s.act(r, m)...)
		}
	}
	return follow
}

// act carries out the actions of a rule.
func (s *Service) act(r *rule, m broker.Message) (follow []wire.Publish) {
	if m.Hops >= s.o.MaximumHops {
		s.o.Log.Warn("rule not carried out: too many actions follow from one message", "rule", r.From, "topic", m.Topic)
		return nil
	}
	if r.Republish != nil {
		topic, err := r.topic.fill(m, nil)
		if err == nil {
			err = checkTopic(topic)
		}
		if err != nil {
			s.o.Log.Warn("rule cannot republish", "rule", r.From, "topic", m.Topic, "error", err)
		} else {
			follow = append(follow, wire.Publish{Topic: topic, QoS: r.Republish.QoS, Payload: m.Payload})
		}
	}
	if r.Webhook != nil {
		to, err := r.url.fill(m, escape)
		if err != nil {
			s.o.Log.Warn("rule cannot call its webhook", "rule", r.From, "topic", m.Topic, "error", err)
		} else if !s.webhooks.add(call{url: to, headers: r.Webhook.Headers, body: m.Payload}) {
			s.o.Log.Warn("webhook call dropped: too many wait", "rule", r.From, "url", to)
		}
	}
	return follow
}

// escape writes text so that it can stand in the path and in the query of a URL.
func escape(text string) string { return strings.ReplaceAll(url.QueryEscape(text), "+", "%20") }

// checkTopic says what is wrong with a Topic Name.
func checkTopic(topic string) error {
	switch {
	case topic == "":
		return errors.New("the topic is empty")
	case strings.ContainsAny(topic, "+#\x00"):
		return fmt.Errorf("%q is no topic", topic)
	case len(topic) > 65_535:
		return errors.New("the topic is too long")
	case wire.Matches("$aws/things/+/jobs/#", topic):
		return errors.New("rules do not publish to the topics of jobs")
	}
	return nil
}

// template is text with substitutions: texts and functions alternate.
type template []part

// part is a piece of text, or a function of the message.
type part struct {
	text string
	of   func(broker.Message) (string, error) // nil: the text
}

// parseTemplate reads a template.
func parseTemplate(text string) (t template, err error) {
	if text == "" {
		return nil, errors.New("it is empty")
	}
	for text != "" {
		before, after, found := strings.Cut(text, "$")
		if before != "" {
			t = append(t, part{text: before})
		}
		if !found {
			break
		}
		if rest, ok := strings.CutPrefix(after, "$"); ok {
			t, text = append(t, part{text: "$"}), rest
			continue
		}
		inside, rest, closed := strings.Cut(after, "}")
		name, opened := strings.CutPrefix(inside, "{")
		if !opened || !closed {
			return nil, errors.New("a single $ begins ${…}; write $$ for the character")
		}
		of, err := function(strings.TrimSpace(name))
		if err != nil {
			return nil, err
		}
		t, text = append(t, part{of: of}), rest
	}
	return t, nil
}

// function returns what stands for the name of a function.
func function(name string) (func(broker.Message) (string, error), error) {
	switch name {
	case "topic()":
		return func(m broker.Message) (string, error) { return m.Topic, nil }, nil
	case "clientid()":
		return func(m broker.Message) (string, error) {
			if m.Publisher == "" {
				return "n/a", nil
			}
			return m.Publisher, nil
		}, nil
	}
	argument, isTopic := strings.CutPrefix(name, "topic(")
	n, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(argument, ")")))
	if !isTopic || !strings.HasSuffix(argument, ")") || err != nil || n < 1 {
		return nil, fmt.Errorf("unknown ${%s}; there are topic(), topic(n) with n from 1, and clientid()", name)
	}
	return func(m broker.Message) (string, error) {
		levels := strings.Split(m.Topic, "/")
		if n > len(levels) {
			return "", fmt.Errorf("%s has no level %d", m.Topic, n)
		}
		return levels[n-1], nil
	}, nil
}

// fill puts in what the functions say of a message, escaped if escape is not nil.
func (t template) fill(m broker.Message, escape func(string) string) (string, error) {
	var text strings.Builder
	for _, p := range t {
		if p.of == nil {
			text.WriteString(p.text)
			continue
		}
		value, err := p.of(m)
		if err != nil {
			return "", err
		}
		if escape != nil {
			value = escape(value)
		}
		text.WriteString(value)
	}
	return text.String(), nil
}
