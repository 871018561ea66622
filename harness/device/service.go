package device

import (
	"cmp"
	"encoding/json"
	"strings"
	"sync"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
	broker "github.com/mqttspec/mqttspec/reference-broker"
	"github.com/mqttspec/mqttspec/reference-broker/awsiot"
)

// Shadow changes how the stand-in for the shadow service answers requests of the device.
type Shadow struct {
	Of    string `yaml:"of"`    // the request: "get", "update" or "delete"
	Times int    `yaml:"times"` // how many requests; 0 means all until the step ends
	// Answer is "none", or "conflict": the request is rejected as if somebody else had changed the shadow meanwhile.
	Answer string `yaml:"answer"`
}

// maximumShadows bounds the memory of the stand-in.
const maximumShadows = 1000

// services stands beside the broker: shadows and jobs, whose answers a plan can spoil.
type services struct {
	broker.Hook

	mu    sync.Mutex
	rules []*shadowRule
}

// shadowRule is a [Shadow] in force for one device.
type shadowRule struct {
	Shadow
	client string
	hits   int
}

// newServices returns the stand-in for the services of AWS IoT Core without limits of its own.
func newServices() (*services, error) {
	s, err := awsiot.New(awsiot.Options{
		Shadows: &awsiot.ShadowLimits{Shadows: maximumShadows, VersionLife: 48 * time.Hour},
		Jobs:    &awsiot.JobLimits{Jobs: maximumShadows},
	})
	return &services{Hook: s}, err
}

// arm puts a rule in force.
func (s *services) arm(client string, rule Shadow) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules = append(s.rules, &shadowRule{Shadow: rule, client: client})
}

// release ends the rules for a device, or those about one request.
func (s *services) release(client, of string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var rest []*shadowRule
	for _, r := range s.rules {
		if r.client != client || of != "" && r.Of != of {
			rest = append(rest, r)
		}
	}
	s.rules = rest
}

// Published lets the rules answer, and the service what they leave.
func (s *services) Published(m broker.Message) ([]wire.Publish, bool) {
	prefix, operation := shadowOperation(m.Topic)
	if prefix == "" {
		return s.Hook.Published(m)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.rules {
		if r.client != m.Publisher || r.Of != operation || r.Times > 0 && r.hits >= r.Times {
			continue
		}
		r.hits++
		if r.Answer == "none" {
			return nil, false
		}
		answer := map[string]any{"code": 409, "message": "Version conflict", "timestamp": time.Now().Unix()}
		var request struct {
			Token *string `json:"clientToken"`
		}
		if json.Unmarshal(m.Payload, &request) == nil && request.Token != nil {
			answer["clientToken"] = *request.Token
		}
		payload, _ := json.Marshal(answer) // of plain values
		return []wire.Publish{{Topic: prefix + operation + "/rejected", QoS: wire.QoS1, Payload: payload}}, false
	}
	return s.Hook.Published(m)
}

// shadowOperation takes apart the topic of a request to a shadow; the prefix ends in /. It is empty for all else.
func shadowOperation(topic string) (prefix, operation string) {
	for _, operation := range []string{"get", "update", "delete"} {
		before, is := strings.CutSuffix(topic, "/"+operation)
		if is && shadowOf(topic) == before {
			return before + "/", operation
		}
	}
	return "", ""
}

// shadowOf returns what a topic or filter of a shadow begins with, without the last slash, or "".
func shadowOf(topic string) string {
	levels := strings.Split(topic, "/")
	switch {
	case len(levels) < 5 || levels[0] != "$aws" || levels[1] != "things" || levels[3] != "shadow" || wild(levels[2]):
		return ""
	case levels[4] != "name":
		return strings.Join(levels[:4], "/")
	case len(levels) < 7 || wild(levels[5]):
		return ""
	}
	return strings.Join(levels[:6], "/")
}

func wild(level string) bool { return level == "" || level == "+" || level == "#" }

// thingOf returns the thing that a topic or filter below $aws/things speaks of, or "".
func thingOf(topic string) string {
	levels := strings.Split(topic, "/")
	if len(levels) < 4 || levels[0] != "$aws" || levels[1] != "things" || wild(levels[2]) {
		return ""
	}
	return levels[2]
}

// mention keeps the thing and the shadow that the device speaks of. The caller holds mu.
func (c *Client) mention(topic string) {
	c.thing = cmp.Or(thingOf(topic), c.thing)
	c.shadow = cmp.Or(shadowOf(topic), c.shadow)
}

// expand puts the device's own names into a topic: {client} is its Client Identifier, {thing} the thing that it speaks
// of, otherwise its Client Identifier, {shadow} what the topics of its shadow begin with.
func (c *Client) expand(topic string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if strings.Contains(topic, "{shadow}") && c.shadow == "" {
		return "", lacking("the device does not use a shadow")
	}
	return c.expandLocked(topic), nil
}

func (c *Client) expandLocked(topic string) string {
	return strings.NewReplacer("{client}", c.ID, "{thing}", cmp.Or(c.thing, c.ID), "{shadow}", c.shadow).Replace(topic)
}
