// Package profile describes how one MQTT service differs from the standard, in a file: its limits, what it offers, how
// it behaves, where it listens, and which statements of the standard it does not keep. Each value names its source.
//
// The reference broker behaves by a profile, and a run against the real service learns from it what to expect.
package profile

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
)

//go:embed *.yaml
var shipped embed.FS

// Schema is the JSON schema of a profile file.
//
//go:embed profile.schema.json
var Schema []byte

// Profile is one service. What is nil is not limited, not offered differently, or not there.
type Profile struct {
	Name         string            `yaml:"name"`
	Title        string            `yaml:"title"`
	Read         string            `yaml:"read"` // when the sources were read, as 2026-11
	Versions     Names             `yaml:"versions"`
	Limits       Limits            `yaml:"limits"`
	Capabilities Capabilities      `yaml:"capabilities"`
	Behaviours   Behaviours        `yaml:"behaviours"`
	Listeners    []Listener        `yaml:"listeners"`
	Shadows      *Shadows          `yaml:"shadows"`
	Events       *Events           `yaml:"events"`
	Rules        *Rules            `yaml:"rules"`
	Deviations   []Deviation       `yaml:"deviations"`
	Sources      map[string]Source `yaml:"sources"`
}

// Source is where a value comes from.
type Source struct {
	Title string `yaml:"title"`
	URL   string `yaml:"url"` // "" if there is none
}

// Origin is what each value says beside itself.
type Origin struct {
	Source string `yaml:"source"` // a key of Profile.Sources
	Note   string `yaml:"note"`
}

// Number is a limit. Its unit is fixed for each limit and stands in the file for its reader.
type Number struct {
	Value  int64  `yaml:"value"`
	Unit   string `yaml:"unit"`
	Origin `yaml:",inline"`
}

// Switch says whether something is so.
type Switch struct {
	Value  bool `yaml:"value"`
	Origin `yaml:",inline"`
}

// Names is a list of names.
type Names struct {
	Value  []string `yaml:"value"`
	Origin `yaml:",inline"`
}

// Codes is a list of Reason Codes.
type Codes struct {
	Value  []int `yaml:"value"`
	Origin `yaml:",inline"`
}

// CodeMap maps Reason Codes.
type CodeMap struct {
	Value  map[int]int `yaml:"value"`
	Origin `yaml:",inline"`
}

// Limits are those of broker.Config and broker.Service, which say what they mean.
type Limits struct {
	ClientIDLength             *Number `yaml:"client-id-length" unit:"bytes" max:"65535"`
	TopicLength                *Number `yaml:"topic-length" unit:"bytes" max:"65535"`
	TopicSlashes               *Number `yaml:"topic-slashes" unit:"slashes" max:"65535"`
	ShareNameLength            *Number `yaml:"share-name-length" unit:"bytes" max:"65535"`
	FiltersPerSubscribe        *Number `yaml:"filters-per-subscribe" unit:"filters"`
	SubscriptionsPerConnection *Number `yaml:"subscriptions-per-connection" unit:"subscriptions"`
	PublishSize                *Number `yaml:"publish-size" unit:"bytes" max:"268435460"`
	ConnectTime                *Number `yaml:"connect-time" unit:"s"`
	KeepAliveMinimum           *Number `yaml:"keep-alive-minimum" unit:"s" max:"65535"`
	KeepAliveMaximum           *Number `yaml:"keep-alive-maximum" unit:"s" max:"65535"`
	ReceiveMaximum             *Number `yaml:"receive-maximum" unit:"messages" max:"65535"`
	InflightMaximum            *Number `yaml:"inflight-maximum" unit:"messages" max:"65535"`
	TopicAliasMaximum          *Number `yaml:"topic-alias-maximum" unit:"aliases" max:"65535" zero:"true"`
	SessionExpiryMaximum       *Number `yaml:"session-expiry-maximum" unit:"s"`
	SessionExpiry311           *Number `yaml:"session-expiry-3.1.1" unit:"s"`
	MessageExpiryMinimum       *Number `yaml:"message-expiry-minimum" unit:"s"`
	MessageExpiryMaximum       *Number `yaml:"message-expiry-maximum" unit:"s"`
	StoredMessagesPerSecond    *Number `yaml:"stored-messages-per-second" unit:"messages"`
	RetryInterval              *Number `yaml:"retry-interval" unit:"s"`
	RetryTime                  *Number `yaml:"retry-time" unit:"s"`
}

// Capabilities are the features that a server may leave out.
type Capabilities struct {
	MaximumQoS              *Number `yaml:"maximum-qos" unit:"QoS" max:"2" zero:"true"`
	Retain                  *Switch `yaml:"retain"`
	WildcardSubscriptions   *Switch `yaml:"wildcard-subscriptions"`
	SharedSubscriptions     *Switch `yaml:"shared-subscriptions"`
	SubscriptionIdentifiers *Switch `yaml:"subscription-identifiers"`
}

// Behaviours are those of broker.Service, which says what they mean.
type Behaviours struct {
	ClientIDNotDollar       *Switch      `yaml:"client-id-not-dollar"`
	SharedIn311             *Switch      `yaml:"shared-in-3.1.1"`
	NoRetainedForWildcards  *Switch      `yaml:"no-retained-for-wildcards"`
	HashMissesParent        *Switch      `yaml:"hash-misses-parent"`
	SessionsByVersion       *Switch      `yaml:"sessions-by-version"`
	QoS2Unanswered          *Switch      `yaml:"qos-2-unanswered"`
	NoDup                   *Switch      `yaml:"no-dup"`
	NoWillDelay             *Switch      `yaml:"no-will-delay"`
	NoReasonStrings         *Switch      `yaml:"no-reason-strings"`
	RefusedPublishCloses    *Switch      `yaml:"refused-publish-closes"`
	PublishToReservedTopics *Names       `yaml:"publish-to-reserved-topics"`
	UncountedTopicPrefixes  *Names       `yaml:"uncounted-topic-prefixes"`
	ConnackProperties       *Names       `yaml:"connack-properties"`
	ReasonCodes             *ReasonCodes `yaml:"reason-codes"`
}

// ReasonCodes are the codes that the service sends, by type of packet.
type ReasonCodes struct {
	Connack    *Codes   `yaml:"connack"`
	Puback     *Codes   `yaml:"puback"`
	Disconnect *Codes   `yaml:"disconnect"`
	Suback     *Codes   `yaml:"suback"`
	Unsuback   *Codes   `yaml:"unsuback"`
	Instead    *CodeMap `yaml:"instead"`
}

// Listener is a TLS port.
type Listener struct {
	Name      string     `yaml:"name"`
	Port      *Number    `yaml:"port" unit:"port" max:"65535"`
	Protocols []Protocol `yaml:"protocols"`
}

// Protocol is one that a port speaks, chosen by ALPN.
type Protocol struct {
	ALPN        string `yaml:"alpn"`        // "" for clients that name none
	Certificate bool   `yaml:"certificate"` // the client must show one
	WebSocket   string `yaml:"websocket"`   // the path; "": MQTT comes without WebSocket
}

// Shadows are the limits of device shadows.
type Shadows struct {
	DocumentSize      *Number `yaml:"document-size" unit:"bytes"`
	Depth             *Number `yaml:"depth" unit:"levels"`
	ThingNameLength   *Number `yaml:"thing-name-length" unit:"bytes"`
	ShadowNameLength  *Number `yaml:"shadow-name-length" unit:"bytes"`
	ClientTokenLength *Number `yaml:"client-token-length" unit:"bytes"`
	VersionLife       *Number `yaml:"version-life" unit:"s"`
	Count             *Number `yaml:"count" unit:"shadows"`
}

// Events are life-cycle events.
type Events struct {
	VersionLife *Number `yaml:"version-life" unit:"s"`
}

// Rules are the limits of rules.
type Rules struct {
	Hops           *Number `yaml:"hops" unit:"actions"`
	WebhookTimeout *Number `yaml:"webhook-timeout" unit:"s"`
	WebhookQueue   *Number `yaml:"webhook-queue" unit:"calls"`
}

// Verdict is what a deviation makes of a check.
type Verdict string

// The verdicts.
const (
	Failure Verdict = "failure" // a check is expected to fail: it is a known failure
	Skip    Verdict = "skip"    // its failure says nothing about this service
)

// Deviation is a statement of the standard that the service does not keep as it stands.
type Deviation struct {
	Statement string   `yaml:"statement"` // qualified, as v5:MQTT-3.3.1-9
	On        string   `yaml:"on"`        // whose duty: broker, or device for what is expected of clients
	Specs     []string `yaml:"specs"`     // ids or patterns such as UD-1*, of the specs that it is about; none: all
	// Blocks are parts of the names of steps that cannot succeed because of it. A spec that such a step keeps from
	// deciding anything is skipped.
	Blocks  []string `yaml:"blocks"`
	Verdict Verdict  `yaml:"verdict"`
	Why     string   `yaml:"why"`
	Source  string   `yaml:"source"`
}

// Shipped lists the names of the profiles that Load knows by name.
func Shipped() []string {
	files, _ := fs.Glob(shipped, "*.yaml")
	for i, f := range files {
		files[i] = strings.TrimSuffix(f, ".yaml")
	}
	return files
}

// Load returns a shipped profile by its name, or reads one from a YAML file. The error shows what is wrong and where.
func Load(nameOrPath string) (*Profile, error) {
	if slices.Contains(Shipped(), nameOrPath) {
		content, err := shipped.ReadFile(nameOrPath + ".yaml")
		if err != nil {
			return nil, err
		}
		return parse(nameOrPath, content)
	}
	if !strings.ContainsAny(nameOrPath, "./\\") {
		return nil, fmt.Errorf("profile: no profile is called %q; there are %s, and files", nameOrPath, strings.Join(Shipped(), ", "))
	}
	content, err := os.ReadFile(nameOrPath)
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	return parse(nameOrPath, content)
}

// parse reads a profile strictly.
func parse(path string, content []byte) (*Profile, error) {
	var p Profile
	if len(bytes.TrimSpace(content)) == 0 {
		return nil, fmt.Errorf("%s: it is empty", path)
	}
	if err := yaml.NewDecoder(bytes.NewReader(content), yaml.Strict()).Decode(&p); err != nil {
		text, _, _ := strings.Cut(yaml.FormatError(err, false, false), "\n") // what follows is an excerpt
		return nil, fmt.Errorf("%s: %s", path, text)
	}
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &p, nil
}

// check says what is wrong with a profile that could be read.
func (p *Profile) check() error {
	if p.Name == "" {
		return fmt.Errorf("the profile has no name")
	}
	if err := p.checkValues("", reflect.ValueOf(p).Elem(), ""); err != nil {
		return err
	}
	return p.checkMeaning()
}
