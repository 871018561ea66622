package broker

import (
	"testing"

	"github.com/mqttspec/mqttspec/harness/wire"
)

func TestPublishAndSubscribe(t *testing.T) {
	bothVersions(t, Config{}, func(w *world, v wire.Version) {
		reader := w.connect(v, clean("reader"))
		writer := w.connect(v, clean("writer"))
		for sub := range wire.QoS(3) {
			if ack := reader.subscribe("a/+", sub); ack.ReasonCodes[0] != wire.ReasonCode(sub) {
				t.Fatalf("granted %v, want %v", ack.ReasonCodes[0], sub)
			}
			for pub := range wire.QoS(3) {
				writer.publish("a/b", "hello", pub)
				p := reader.got("hello")
				if p.QoS != min(sub, pub) || p.Dup || p.Retain || p.Topic != "a/b" {
					t.Errorf("published at %d, subscribed at %d: got %+v", pub, sub, p)
				}
				reader.ack(p)
			}
		}
		reader.send(wire.Unsubscribe{PacketID: 9, Filters: []string{"a/+"}})
		next[wire.Unsuback](reader)
		writer.publish("a/b", "nobody", wire.QoS1)
		reader.send(wire.Pingreq{})
		next[wire.Pingresp](reader)
		reader.leave()
		writer.leave()
	})
}

func TestNames(t *testing.T) {
	for _, c := range []Config{{Defects: []string{"no-such"}}, {Tolerances: []string{"no-such"}}} {
		if _, err := New(c); err == nil {
			t.Errorf("New(%+v) accepts an unknown name", c)
		}
	}
}
