package wire

import (
	"bufio"
	"bytes"
	"io"
	"strings"
	"testing"

	paho5 "github.com/eclipse/paho.golang/packets"
)

// benchPackets are what the benchmarks read and write, in 5.0.
func benchPackets() []struct {
	name string
	from Sender
	p    Packet
} {
	name := "user"
	return []struct {
		name string
		from Sender
		p    Packet
	}{
		{"CONNECT", FromClient, Connect{
			CleanStart: true, KeepAlive: 60, ClientID: "client-0001", Username: &name, Password: []byte("password"),
			Properties: Properties{SessionExpiryInterval(3600), ReceiveMaximum(100)},
			Will:       &Will{QoS: QoS1, Topic: "status/client-0001", Payload: []byte("offline")},
		}},
		{"PUBLISH-64B", FromServer, Publish{QoS: QoS1, Topic: "sensor/temperature/1", PacketID: 7, Payload: make([]byte, 64)}},
		{"PUBLISH-16KiB", FromServer, Publish{QoS: QoS1, Topic: "sensor/temperature/1", PacketID: 7, Payload: make([]byte, 16<<10)}},
		{"PUBACK", FromServer, Puback{PacketID: 7, ReasonCode: NoMatchingSubscribers}},
		{"SUBSCRIBE", FromClient, Subscribe{PacketID: 7, Subscriptions: []Subscription{
			{Filter: "sensor/+/1", QoS: QoS1}, {Filter: "status/#", QoS: QoS2, NoLocal: true}, {Filter: strings.Repeat("level/", 8) + "#"},
		}}},
	}
}

// BenchmarkDecode reads one packet from a stream and decodes it.
func BenchmarkDecode(b *testing.B) {
	for _, bb := range benchPackets() {
		frame := Bytes(bb.p, V5)
		b.Run(bb.name+"/ours", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(frame)))
			in := bytes.NewReader(nil)
			for b.Loop() {
				in.Reset(frame)
				got, err := ReadFrame(in, 0)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := (Decoder{Version: V5, Sender: bb.from}).Decode(got); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(bb.name+"/paho", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(frame)))
			in := bytes.NewReader(nil)
			for b.Loop() {
				in.Reset(frame)
				if _, err := paho5.ReadPacket(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkAppend writes one packet into a buffer that is used again and again.
func BenchmarkAppend(b *testing.B) {
	for _, bb := range benchPackets() {
		frame := Bytes(bb.p, V5)
		theirs, err := paho5.ReadPacket(bytes.NewReader(frame))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(bb.name+"/ours", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(frame)))
			var out []byte
			for b.Loop() {
				out = bb.p.Append(out[:0], V5)
			}
		})
		b.Run(bb.name+"/paho", func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(frame)))
			var out bytes.Buffer
			for b.Loop() {
				out.Reset()
				if _, err := theirs.WriteTo(&out); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// counted counts the calls of Read, each of which is a system call on a real connection.
type counted struct {
	io.Reader
	reads int
}

func (c *counted) Read(p []byte) (int, error) {
	c.reads++
	return c.Reader.Read(p)
}

// TestReadFrameBuffered reads many packets through a bufio.Reader, as callers with a busy connection do.
func TestReadFrameBuffered(t *testing.T) {
	var stream []byte
	const packets = 1000
	for i := range packets {
		stream = Publish{Topic: "t", Payload: make([]byte, i%200)}.Append(stream, V5)
	}
	in := &counted{Reader: bytes.NewReader(stream)}
	r := bufio.NewReader(in)
	total := 0
	for range packets {
		frame, err := ReadFrame(r, 0)
		if err != nil {
			t.Fatal(err)
		}
		total += len(frame)
	}
	if total != len(stream) {
		t.Errorf("%d bytes of %d", total, len(stream))
	}
	if most := len(stream)/4096 + 2; in.reads > most {
		t.Errorf("%d reads for %d bytes, want at most %d", in.reads, len(stream), most)
	}
}
