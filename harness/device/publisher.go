package device

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/mqttspec/mqttspec/harness/memnet"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// visitTimeout bounds a conversation of ours with the broker.
const visitTimeout = 30 * time.Second

// toBroker opens a connection to the broker for c, or for ourselves. It ends if the broker panics.
func (b *Bench) toBroker(c *Client) net.Conn {
	ours, theirs := memnet.Pipe(0)
	b.goes(c, func() {
		defer theirs.Close()
		b.broker.ServeConn(theirs)
	})
	return ours
}

// visit opens a connection to the broker under a Client Identifier, talks, and disconnects.
func (b *Bench) visit(id string, talk func(write func(wire.Packet) error, read func() (wire.Packet, error)) error) error {
	ours := b.toBroker(nil)
	defer ours.Close()
	ours.SetDeadline(time.Now().Add(visitTimeout))
	r := bufio.NewReader(ours)
	write := func(p wire.Packet) error {
		_, err := ours.Write(wire.Bytes(p, wire.V5))
		return err
	}
	read := func() (wire.Packet, error) {
		frame, err := wire.ReadFrame(r, 0)
		if err != nil {
			return nil, err
		}
		return wire.Decoder{Version: wire.V5, Sender: wire.FromServer}.Decode(frame)
	}
	if err := write(wire.Connect{ClientID: id, CleanStart: true}); err != nil {
		return err
	}
	p, err := read()
	if err != nil {
		return err
	}
	if c, ok := p.(wire.Connack); !ok || c.ReasonCode != wire.Success {
		return fmt.Errorf("the broker refuses us: %s", wire.Summary(p, wire.V5))
	}
	if err := talk(write, read); err != nil {
		return err
	}
	if err := write(wire.Disconnect{}); err != nil {
		return err
	}
	for err == nil { // until the broker has seen it
		_, err = read()
	}
	return nil
}

// publisher is the Client Identifier under which we publish.
const publisher = "mqttspec-publisher"

// deliver publishes messages, each once the one before it has been taken.
func (b *Bench) deliver(topic string, p Publish) error {
	return b.visit(publisher, func(write func(wire.Packet) error, read func() (wire.Packet, error)) error {
		for i := range max(p.Count, 1) {
			m := wire.Publish{Topic: p.numbered(topic, i), QoS: p.QoS, Retain: p.Retain, Payload: payload(p.Payload, p.Size, i), PacketID: 1}
			if err := write(m); err != nil {
				return err
			}
			for awaited := p.QoS > 0; awaited; {
				answer, err := read()
				if err != nil {
					return err
				}
				switch answer := answer.(type) {
				case wire.Puback, wire.Pubcomp:
					awaited = false
				case wire.Pubrec:
					if awaited = !answer.ReasonCode.Failed(); awaited {
						if err := write(wire.Pubrel{PacketID: 1}); err != nil {
							return err
						}
					}
				case wire.Disconnect:
					return errors.New("the broker does not take the message: " + wire.Summary(answer, wire.V5))
				}
			}
		}
		return nil
	})
}

// numbered returns the topic of one of several messages: retained ones do not replace each other where a wildcard lets
// their topics differ.
func (p Publish) numbered(topic string, i int) string {
	if p.Retain && p.Count > 1 && strings.HasSuffix(topic, "mqttspec") {
		return fmt.Sprintf("%s%d", topic, i)
	}
	return topic
}

// clear removes retained messages.
func (b *Bench) clear(topics []string) error {
	return b.visit(publisher, func(write func(wire.Packet) error, _ func() (wire.Packet, error)) error {
		for _, topic := range topics {
			if err := write(wire.Publish{Topic: topic, Retain: true}); err != nil {
				return err
			}
		}
		return nil
	})
}

// payload makes a payload of a text, or of so many bytes, that differs from message to message.
func payload(text string, size, number int) []byte {
	if text == "" {
		text = fmt.Sprintf("mqttspec %d", number+1)
	}
	if size > len(text) {
		text += " " + strings.Repeat("x", size-len(text)-1)
	}
	return []byte(text)
}

// forget lets the broker discard the session of a device, as if it had expired.
func (b *Bench) forget(id string) error {
	return b.visit(id, func(func(wire.Packet) error, func() (wire.Packet, error)) error { return nil })
}
