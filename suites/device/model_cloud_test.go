package device_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// cloud is what a model does that is a thing of AWS IoT Core: it keeps a shadow and carries out jobs. A nil one does
// nothing.
type cloud struct {
	state   map[string]any
	version int64 // of the shadow, as far as the thing knows
	dirty   bool  // there is something to report
	tokens  int
	asked   *asked // what has not been answered
	again   time.Time
	retries bool // sends again on a live connection, as Device Advisor wants it; 5.0 forbids that for PUBLISH
	ready   bool // on this connection, the answers are subscribed to
	parted  time.Time

	resubscribed bool // on this connection
}

// asked is a request to the shadow.
type asked struct {
	operation, token string
	at               time.Time
}

// askAgain is how long an answer may take.
const askAgain = 10 * time.Second

func newCloud() *cloud { return &cloud{state: map[string]any{"colour": "green"}, retries: true} }

func (m *model) thing(rest string) string { return "$aws/things/" + m.id + "/" + rest }

// filters are what the thing subscribes to beside the rest.
func (c *cloud) filters(m *model, wildcards bool) (all []wire.Subscription) {
	if c == nil {
		return nil
	}
	names := []string{"shadow/get/+", "shadow/update/+", "jobs/notify-next", "jobs/start-next/+"}
	if !wildcards {
		names = []string{"shadow/get/accepted", "shadow/update/accepted", "shadow/update/rejected", "shadow/update/delta", "jobs/notify-next", "jobs/start-next/accepted"}
	}
	if m.has("subscribes-to-many") {
		for i := range 8 {
			names = append(names, fmt.Sprintf("shadow/name/%d/update/delta", i))
		}
	}
	for _, name := range names {
		all = append(all, wire.Subscription{Filter: m.thing(name), QoS: wire.QoS1})
	}
	return all
}

// begin asks for what may have changed. The answers are subscribed to.
func (c *cloud) begin(m *model) {
	if c == nil || c.ready {
		return
	}
	c.ready, c.dirty = true, true
	if !m.has("will-never-replaced") {
		m.publish(wire.Publish{Topic: "status/" + m.id, QoS: wire.QoS1, Retain: true, Payload: []byte("well")})
	}
	c.ask(m, "get", nil)
	c.job(m)
}

// offline forgets what belongs to a connection.
func (c *cloud) offline() {
	if c != nil {
		c.ready, c.resubscribed, c.asked, c.again = false, false, nil, time.Time{}
	}
}

func (c *cloud) job(m *model) {
	if !m.has("no-jobs") {
		m.publish(wire.Publish{Topic: m.thing("jobs/start-next"), QoS: wire.QoS1, Payload: []byte(`{"clientToken":"jobs"}`)})
	}
}

// ask sends a request.
func (c *cloud) ask(m *model, operation string, fields map[string]any) {
	if m.has("no-shadow-reports") && operation == "update" {
		return
	}
	c.tokens++
	c.asked = &asked{operation, fmt.Sprintf("%s-%d", m.id, c.tokens), time.Now()}
	d := map[string]any{"clientToken": c.asked.token}
	maps.Copy(d, fields)
	payload, _ := json.Marshal(d)
	m.publish(wire.Publish{Topic: m.thing("shadow/" + operation), QoS: wire.QoS1, Payload: payload})
}

// report tells the shadow the state.
func (c *cloud) report(m *model) {
	fields := map[string]any{"state": map[string]any{"reported": c.state}}
	if c.version > 0 && !m.has("shadow-version-ignored") {
		fields["version"] = c.version
	}
	c.dirty = false
	c.ask(m, "update", fields)
}

// message is what the service sends, of every kind.
type message struct {
	Token     string         `json:"clientToken"`
	Code      any            `json:"code"`
	Version   int64          `json:"version"`
	State     map[string]any `json:"state"`
	Execution *struct {
		JobID   string `json:"jobId"`
		Version int64  `json:"versionNumber"`
	} `json:"execution"`
}

// take handles a message of the service.
func (c *cloud) take(m *model, p wire.Publish) {
	rest, ours := strings.CutPrefix(p.Topic, m.thing(""))
	if c == nil || !ours {
		return
	}
	var s message
	if json.Unmarshal(p.Payload, &s) != nil {
		return
	}
	answered := c.asked != nil && (s.Token == c.asked.token || m.has("client-tokens-ignored"))
	switch rest {
	case "shadow/update/delta":
		c.apply(m, s.Version, s.State)
	case "shadow/get/accepted":
		if answered {
			c.asked = nil
			if delta, _ := s.State["delta"].(map[string]any); delta != nil && !m.has("delta-of-get-ignored") {
				c.apply(m, s.Version, delta)
			}
			c.version = max(c.version, s.Version)
		}
	case "shadow/update/accepted":
		if answered {
			c.asked, c.version = nil, max(c.version, s.Version)
		}
	case "shadow/get/rejected":
		if answered {
			c.asked = nil
		}
	case "shadow/update/rejected":
		if answered {
			c.asked = nil
			if !m.has("conflict-overlooked") {
				c.again = time.Now().Add(2 * time.Second)
			}
			if m.has("conflict-hammered") {
				c.again = time.Now().Add(100 * time.Millisecond)
			}
		}
	case "jobs/notify-next":
		if s.Execution != nil {
			c.job(m)
		}
	case "jobs/start-next/accepted":
		if s.Execution != nil && !m.has("jobs-not-completed") {
			payload := fmt.Sprintf(`{"status":"SUCCEEDED","expectedVersion":%d}`, s.Execution.Version)
			m.publish(wire.Publish{Topic: m.thing("jobs/" + s.Execution.JobID + "/update"), QoS: wire.QoS1, Payload: []byte(payload)})
		}
	}
}

// apply takes over what is desired, if it is newer than what is known.
func (c *cloud) apply(m *model, version int64, delta map[string]any) {
	if m.has("delta-ignored") || version <= c.version && !m.has("old-deltas-applied") {
		return
	}
	c.version, c.dirty = max(c.version, version), true
	maps.Copy(c.state, delta)
	if m.has("old-deltas-applied") {
		c.asked = nil
	}
}

// tick does what time demands.
func (c *cloud) tick(m *model, now time.Time) error {
	switch {
	case c == nil:
		return nil
	case m.subID != 0 && now.Sub(m.since) > askAgain && c.retries && !c.resubscribed:
		c.resubscribed = true // Device Advisor wants the same Packet Identifier
		if m.has("subscribes-again-with-other-id") {
			m.asking.PacketID = m.unusedID()
		}
		if !m.has("waits-for-suback-for-ever-in-silence") {
			m.send(m.asking)
		}
	case c.retries && m.unanswered(now) && !m.has("missing-pingresp-overlooked"):
		return errHangUp
	case m.partID != 0 && now.Sub(m.partSent) > answerTimeout && !m.has("waits-for-unsuback-for-ever") && !m.has("missing-pingresp-overlooked"):
		return errHangUp
	}
	if !c.ready {
		return nil
	}
	switch {
	case !c.again.IsZero() && !now.Before(c.again): // after a conflict: look first, then report
		c.again, c.dirty = time.Time{}, true
		if m.has("conflict-hammered") {
			c.report(m)
			break
		}
		c.ask(m, "get", nil)
	case c.asked != nil && now.Sub(c.asked.at) > askAgain && !m.has("missing-answers-overlooked"):
		operation := c.asked.operation
		c.asked = nil
		if operation == "update" {
			c.dirty = true
		}
		c.ask(m, "get", nil)
	case c.asked == nil && c.again.IsZero() && c.dirty:
		c.report(m)
	}
	if m.version == wire.V311 && !m.has("no-retries") || m.has("impatient") {
		m.sendAgain(now)
	}
	if c.parted.IsZero() || now.Sub(c.parted) > time.Minute && m.partID == 0 {
		c.parted = now
		m.partID = m.unusedID()
		m.send(wire.Unsubscribe{PacketID: m.partID, Filters: []string{"nothing/" + m.id}})
		m.partSent = now
	}
	return nil
}

// unanswered reports whether a message has been without an answer for so long that the connection must be dead.
func (m *model) unanswered(now time.Time) bool {
	for _, o := range m.outgoing {
		if o.onWire && !o.first.IsZero() && now.Sub(o.first) > 3*askAgain {
			return true
		}
	}
	return false
}

// sendAgain sends what is unacknowledged again on the live connection, which 3.1.1 leaves open.
func (m *model) sendAgain(now time.Time) {
	for _, o := range m.outgoing {
		if !o.onWire || now.Sub(o.at) <= askAgain {
			continue
		}
		switch {
		case o.released && m.has("impatient"):
			o.at = now
			m.send(wire.Pubrel{PacketID: o.p.PacketID})
		case !o.released && (o.p.QoS == wire.QoS1 || m.has("impatient")):
			o.at = now
			m.send(o.p)
		}
	}
}
