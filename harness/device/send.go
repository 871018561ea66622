package device

import (
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// Send sends something directly, past the broker. Exactly one member is set, or Topic with those that describe a
// PUBLISH.
type Send struct {
	Malformed string `yaml:"malformed"` // one of [Malformed]
	Each      bool   `yaml:"each"`      // the malformed packet is that of the Repeat
	Hex       string `yaml:"hex"`
	// Topic is as in [Publish]; {subscribed} alone stands for one that the device has subscribed to.
	Topic string `yaml:"topic"`
	// Level stands in {subscribed} for the wildcards of the device's Topic Filter; one that has none is passed over.
	Level   string   `yaml:"level"`
	ID      uint16   `yaml:"id"`    // the Packet Identifier, for one that was sent before; 0: the next one
	Again   bool     `yaml:"again"` // with the Packet Identifier of the one that was sent last
	Dup     bool     `yaml:"dup"`
	QoS     wire.QoS `yaml:"qos"`
	Alias   int      `yaml:"alias"` // -1 is the device's own Topic Alias Maximum
	Bare    bool     `yaml:"bare"`  // leaves the Topic Name empty: the alias stands for it
	Payload string   `yaml:"payload"`
	Bytes   string   `yaml:"bytes"` // the payload, in hexadecimal digits
	Size    int      `yaml:"size"`
	// Expiry is a Message Expiry Interval, in seconds, Response a Response Topic; Format is a Payload Format Indicator
	// of 1. 3.1.1 has none of them.
	Expiry   int    `yaml:"expiry"`
	Response string `yaml:"response"`
	Format   bool   `yaml:"format"`
	// Release is how long the PUBREL waits after the PUBREC, where the QoS is 2.
	Release time.Duration `yaml:"release"`
	Above   bool          `yaml:"above"` // the packet is one byte larger than the device's Maximum Packet Size
}

// maxAbove bounds a packet that is sent although it is too large, in bytes.
const maxAbove = 8 << 20

// sendDirectly sends a packet past the broker.
func (c *Client) sendDirectly(s Send) error {
	n, err := c.onlineConn()
	if err != nil {
		return err
	}
	v := wire.Version(n.version.Load())
	switch {
	case s.Malformed != "":
		w, _ := malformed(s.Malformed)
		if w.only != 0 && w.only != v {
			return lacking(fmt.Sprintf("MQTT %s has no %s", v, sentence(s.Malformed)))
		}
		if w.name == aliasUnknown {
			c.mu.Lock()
			w.bytes = unknownAlias(uint16(max(1, c.connect.Properties.Int(wire.PropTopicAliasMaximum, 0))))
			c.mu.Unlock()
		}
		return c.disturb(n, w.bytes(v))
	case s.Hex != "":
		b, err := hex.DecodeString(strings.ReplaceAll(s.Hex, " ", ""))
		if err != nil {
			return err
		}
		p, _ := wire.Decoder{Version: v, Sender: wire.FromServer}.Decode(b)
		switch p.(type) {
		case wire.Publish, wire.Pubrel:
			if id, ok := wire.PacketIDOf(p); ok && id >= firstInjected {
				c.mu.Lock()
				c.injected[id] = 0 // the broker must not see the answer
				c.mu.Unlock()
			}
		}
		return c.disturb(n, b)
	}
	p, err := c.message(s, v)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	limit := int(c.connect.Properties.Int(wire.PropMaximumPacketSize, 0))
	switch {
	case s.Above && (v == wire.V311 || limit == 0 || limit > maxAbove):
		return lacking("the device has no Maximum Packet Size, or a very large one")
	case s.Above:
		p.Payload = append(p.Payload, make([]byte, max(0, limit-len(wire.Bytes(p, v))))...)
		for len(wire.Bytes(p, v)) <= limit { // the length itself may have needed another byte
			p.Payload = append(p.Payload, 0)
		}
		c.disturbed = true
	case limit > 0 && len(wire.Bytes(p, v)) > limit:
		return lacking(fmt.Sprintf("the device takes packets of at most %d bytes", limit))
	}
	if s.QoS > 0 {
		switch {
		case s.ID != 0:
			p.PacketID = s.ID
		case s.Again:
			p.PacketID = c.lastID
		default:
			c.lastID = max(c.lastID+1, firstInjected) // it starts again after 65,535
			p.PacketID = c.lastID
		}
		c.injected[p.PacketID] = s.Release
	}
	n.enqueue(output{bytes: wire.Bytes(p, v)})
	return nil
}

// disturb sends bytes after which a connection is no longer what it was.
func (c *Client) disturb(n *conn, b []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.disturbed = true
	n.enqueue(output{bytes: b})
	return nil
}

// message makes the PUBLISH that Send describes, apart from its Packet Identifier.
func (c *Client) message(s Send, v wire.Version) (p wire.Publish, err error) {
	p = wire.Publish{QoS: s.QoS, Dup: s.Dup, Payload: payload(s.Payload, s.Size, 0)}
	if s.Bytes != "" {
		if p.Payload, err = hex.DecodeString(s.Bytes); err != nil {
			return p, err
		}
	}
	if p.Topic, err = c.expand(s.Topic); err != nil {
		return p, err
	}
	if p.Topic == "{subscribed}" {
		if p.Topic, err = c.someTopic(s.Level); err != nil {
			return p, err
		}
	}
	alias := uint16(s.Alias)
	if s.Alias < 0 {
		c.mu.Lock()
		alias = uint16(c.connect.Properties.Int(wire.PropTopicAliasMaximum, 0))
		c.mu.Unlock()
		if alias == 0 {
			return p, lacking("the device takes no Topic Alias")
		}
	}
	if s.Bare {
		p.Topic = ""
	}
	if v == wire.V311 {
		return p, nil
	}
	for _, q := range []struct {
		is       bool
		property wire.Property
	}{
		{alias > 0, wire.TopicAlias(alias)},
		{s.Expiry > 0, wire.MessageExpiryInterval(uint32(s.Expiry))},
		{s.Response != "", wire.ResponseTopic(s.Response)},
		{s.Response != "", wire.CorrelationData("mqttspec")},
		{s.Format, wire.PayloadFormatIndicator(1)},
	} {
		if q.is {
			p.Properties = p.Properties.With(q.property)
		}
	}
	return p, nil
}

// someTopic returns a Topic Name that a Topic Filter of the device matches, with level in the place of its wildcards.
func (c *Client) someTopic(level string) (string, error) {
	const wildcard = "mqttspec"
	filter := c.subscribedFilter()
	switch {
	case filter == "":
		return "", lacking(c.unsubscribed())
	case level == "":
		return topicFor(filter, wildcard), nil
	case !strings.ContainsAny(filter, "+#"):
		return "", lacking("the device has subscribed without a wildcard")
	}
	return topicFor(filter, level), nil
}
