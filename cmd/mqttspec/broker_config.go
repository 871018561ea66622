package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/mqttspec/mqttspec/harness/wire"
	broker "github.com/mqttspec/mqttspec/reference-broker"
	"github.com/mqttspec/mqttspec/reference-broker/awsiot"
)

// brokerOptions is what the flags of broker say.
type brokerOptions struct {
	listen      []string
	listenGiven bool // otherwise it is the default
	config      string
	defects     []string
	tolerances  []string
	users       []string
	cert, key   string
	verbose     bool
	profile     profileOptions
}

// brokerFile is the YAML form of [broker.Config]. Its keys are the names of the standard where it has them.
type brokerFile struct {
	MaximumQoS                       *int              `yaml:"maximum-qos"`
	RetainAvailable                  *bool             `yaml:"retain-available"`
	WildcardSubscriptionAvailable    *bool             `yaml:"wildcard-subscription-available"`
	SubscriptionIdentifiersAvailable *bool             `yaml:"subscription-identifiers-available"`
	SharedSubscriptionAvailable      *bool             `yaml:"shared-subscription-available"`
	TopicAliases                     *bool             `yaml:"topic-aliases"`
	EmptyClientID                    *bool             `yaml:"empty-client-id"`
	ReceiveMaximum                   uint16            `yaml:"receive-maximum"`
	MaximumPacketSize                uint32            `yaml:"maximum-packet-size"`
	TopicAliasMaximum                uint16            `yaml:"topic-alias-maximum"`
	MaximumSessionExpiry             uint32            `yaml:"maximum-session-expiry"`
	MaximumKeepAlive                 uint16            `yaml:"maximum-keep-alive"`
	ResponseInformation              string            `yaml:"response-information"`
	ConnectTimeout                   time.Duration     `yaml:"connect-timeout"`
	MaximumConnections               int               `yaml:"maximum-connections"`
	MaximumSessions                  int               `yaml:"maximum-sessions"`
	MaximumSubscriptions             int               `yaml:"maximum-subscriptions"`
	MaximumTopicLevels               int               `yaml:"maximum-topic-levels"`
	MaximumQueuedMessages            int               `yaml:"maximum-queued-messages"`
	MaximumQueuedBytes               int               `yaml:"maximum-queued-bytes"`
	MaximumRetainedMessages          int               `yaml:"maximum-retained-messages"`
	MaximumRetainedBytes             int               `yaml:"maximum-retained-bytes"`
	MaximumOutput                    int               `yaml:"maximum-output"`
	Users                            map[string]string `yaml:"users"`
	Access                           []accessRule      `yaml:"access"`
	Defects                          []string          `yaml:"defects"`
	Tolerances                       []string          `yaml:"tolerances"`
	Rules                            []awsiot.Rule     `yaml:"rules"`
}

// accessRule is the YAML form of [broker.AccessRule]; what is left out applies to everything.
type accessRule struct {
	ClientID string `yaml:"client-id"`
	Username string `yaml:"user"`
	Action   string `yaml:"action"` // publish, subscribe, or both if left out
	Filter   string `yaml:"filter"`
	Allow    bool   `yaml:"allow"`
}

// brokerConfig joins the file and the flags.
func (o *brokerOptions) brokerConfig() (broker.Config, error) {
	var c broker.Config
	if err := o.profile.load(); err != nil {
		return c, err
	}
	if o.config != "" {
		content, err := os.ReadFile(o.config)
		if err != nil {
			return c, usagef("--config: %w", err)
		}
		var f brokerFile
		if err := yaml.UnmarshalWithOptions(content, &f, yaml.Strict()); err != nil {
			return c, usagef("%s: %s", o.config, yamlReason(err))
		}
		if c, err = f.config(); err != nil {
			return c, usagef("%s: %w", o.config, err)
		}
		if err := o.profile.limits(f); err != nil {
			return c, usagef("%s: %w", o.config, err)
		}
		o.profile.listed = f.Rules
	}
	if p := o.profile.profile; p != nil {
		own := c
		c = p.Config()
		c.Users, c.Access, c.Defects, c.Tolerances = own.Users, own.Access, own.Defects, own.Tolerances
	}
	c.Defects = append(c.Defects, o.defects...)
	c.Tolerances = append(c.Tolerances, o.tolerances...)
	for _, u := range o.users {
		name, password, ok := strings.Cut(u, ":")
		if !ok || name == "" {
			return c, usagef("--user: write name:password")
		}
		if c.Users == nil {
			c.Users = map[string]string{}
		}
		c.Users[name] = password
	}
	return c, nil
}

// config returns what the file says as the broker wants it.
func (f brokerFile) config() (broker.Config, error) {
	no := func(available *bool) bool { return available != nil && !*available }
	c := broker.Config{
		NoRetain: no(f.RetainAvailable), NoWildcardSubscriptions: no(f.WildcardSubscriptionAvailable),
		NoSubscriptionIdentifiers: no(f.SubscriptionIdentifiersAvailable), NoSharedSubscriptions: no(f.SharedSubscriptionAvailable),
		NoTopicAliases: no(f.TopicAliases), NoEmptyClientID: no(f.EmptyClientID),
		ReceiveMaximum: f.ReceiveMaximum, MaximumPacketSize: f.MaximumPacketSize, TopicAliasMaximum: f.TopicAliasMaximum,
		MaximumSessionExpiry: f.MaximumSessionExpiry, MaximumKeepAlive: f.MaximumKeepAlive, ResponseInformation: f.ResponseInformation,
		ConnectTimeout: f.ConnectTimeout, MaximumConnections: f.MaximumConnections, MaximumSessions: f.MaximumSessions,
		MaximumSubscriptions: f.MaximumSubscriptions, MaximumTopicLevels: f.MaximumTopicLevels,
		MaximumQueuedMessages: f.MaximumQueuedMessages, MaximumQueuedBytes: f.MaximumQueuedBytes,
		MaximumRetainedMessages: f.MaximumRetainedMessages, MaximumRetainedBytes: f.MaximumRetainedBytes,
		MaximumOutput: f.MaximumOutput, Users: f.Users, Defects: f.Defects, Tolerances: f.Tolerances,
	}
	if f.MaximumQoS != nil {
		if *f.MaximumQoS < 0 || *f.MaximumQoS > 2 {
			return c, fmt.Errorf("maximum-qos is %d, but must be 0, 1 or 2", *f.MaximumQoS)
		}
		q := wire.QoS(*f.MaximumQoS)
		c.MaximumQoS = &q
	}
	for n, r := range f.Access {
		actions := map[string]broker.Action{"": 0, "publish": broker.Publish, "subscribe": broker.Subscribe}
		action, known := actions[r.Action]
		if !known {
			return c, fmt.Errorf("the action of access rule %d is %q, but must be publish, subscribe or left out", n+1, r.Action)
		}
		c.Access = append(c.Access, broker.AccessRule{ClientID: r.ClientID, Username: r.Username, Action: action, Filter: r.Filter, Allow: r.Allow})
	}
	return c, nil
}
