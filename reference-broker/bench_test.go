package broker_test

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/mqttspec/mqttspec/harness/target"
	"github.com/mqttspec/mqttspec/harness/wire"
	broker "github.com/mqttspec/mqttspec/reference-broker"
)

// window is how many messages are under way at a time, few enough that every broker here takes them with its defaults.
const window = 16

// peers are the brokers that carry the messages. Those in programs of their own are left out where PATH has them not.
var peers = []struct {
	name  string
	start func(b *testing.B) (dial func() (net.Conn, error))
}{
	{"reference", serveReference},
	{"mochi", func(b *testing.B) func() (net.Conn, error) {
		return serveProgram(b, target.Exec{Command: "mochi --tcp 127.0.0.1:{port}"})
	}},
	{"mosquitto", func(b *testing.B) func() (net.Conn, error) {
		conf := "listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nset_tcp_nodelay true\n"
		return serveProgram(b, target.Exec{Command: "mosquitto -c {dir}/mosquitto.conf", Files: []target.File{{Path: "mosquitto.conf", Content: &conf}}})
	}},
}

func serveReference(b *testing.B) func() (net.Conn, error) {
	br, err := broker.New(broker.Config{})
	if err != nil {
		b.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go br.Serve(l)
	b.Cleanup(func() {
		l.Close()
		br.Close()
	})
	return func() (net.Conn, error) { return net.Dial("tcp", l.Addr().String()) }
}

func serveProgram(b *testing.B, program target.Exec) func() (net.Conn, error) {
	d := target.Description{Name: "bench", Exec: &program}
	t, err := target.OpenDescription(b.Context(), d, target.Options{})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { t.Close() })
	return func() (net.Conn, error) { return t.Dial(context.Background()) }
}

// BenchmarkMessages sends messages of 64 bytes from one publisher to one subscriber over loopback TCP. The time of an
// operation is that of one message; what is worth reading is the ratio between the brokers.
func BenchmarkMessages(b *testing.B) {
	for _, qos := range []wire.QoS{wire.QoS0, wire.QoS1, wire.QoS2} {
		for _, peer := range peers {
			if _, err := exec.LookPath(peer.name); err != nil && peer.name != "reference" {
				continue
			}
			b.Run(fmt.Sprintf("QoS%d/%s", qos, peer.name), func(b *testing.B) { benchmarkMessages(b, peer.start(b), qos) })
		}
	}
}

func benchmarkMessages(b *testing.B, dial func() (net.Conn, error), qos wire.QoS) {
	subscriber, publisher := join(b, dial, "subscriber"), join(b, dial, "publisher")
	subscriber.send(b, wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{Filter: "bench/topic", QoS: qos}}})
	if _, is := subscriber.next(b).(wire.Suback); !is {
		b.Fatal("no SUBACK")
	}
	delivered, sent := make(chan bool, window), make(chan bool, window) // tokens of what is under way on either side
	ctx, cancel := context.WithCancel(b.Context())                      // ends when all has come, or after an error
	var both sync.WaitGroup
	b.ResetTimer()
	both.Go(func() { // the receiver's part of the exchange
		defer cancel()
		for n := 0; n < b.N; {
			switch p := subscriber.next(b).(type) {
			case nil:
				return
			case wire.Publish:
				switch {
				case p.QoS != qos:
					b.Errorf("message %d came at QoS %d", n, p.QoS)
				case qos == wire.QoS1:
					subscriber.send(b, wire.Puback{PacketID: p.PacketID})
				case qos == wire.QoS2:
					subscriber.send(b, wire.Pubrec{PacketID: p.PacketID})
					continue
				}
				n++
				<-delivered
			case wire.Pubrel:
				subscriber.send(b, wire.Pubcomp{PacketID: p.PacketID})
				n++
				<-delivered
			}
		}
	})
	both.Go(func() { // what the publisher answers
		for n := 0; n < b.N && qos > wire.QoS0; {
			switch p := publisher.next(b).(type) {
			case nil:
				cancel()
				return
			case wire.Pubrec:
				publisher.send(b, wire.Pubrel{PacketID: p.PacketID})
			case wire.Puback, wire.Pubcomp:
				n++
				<-sent
			}
		}
	})
	message := wire.Publish{QoS: qos, Topic: "bench/topic", Payload: make([]byte, 64)}
	take := func(tokens chan<- bool) {
		select {
		case tokens <- true:
		case <-ctx.Done():
		}
	}
	for n := 0; n < b.N && ctx.Err() == nil; n++ {
		take(delivered)
		if qos > wire.QoS0 {
			take(sent)
			message.PacketID = uint16(n%65535) + 1
		}
		publisher.send(b, message)
	}
	both.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}

// member is a client that has connected.
type member struct {
	conn net.Conn
	in   *bufio.Reader
}

func join(b *testing.B, dial func() (net.Conn, error), id string) *member {
	conn, err := dial()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(time.Minute)) // a broker that loses a message would let it wait forever
	m := &member{conn, bufio.NewReader(conn)}
	m.send(b, wire.Connect{ClientID: id, ProtocolVersion: wire.V5, CleanStart: true})
	if p, is := m.next(b).(wire.Connack); !is || p.ReasonCode != wire.Success {
		b.Fatal("the broker refuses CONNECT")
	}
	return m
}

// send writes a packet; on one connection two goroutines may do so, each in one write.
func (m *member) send(b *testing.B, p wire.Packet) {
	if _, err := m.conn.Write(wire.Bytes(p, wire.V5)); err != nil {
		b.Error(err)
	}
}

// next returns the next packet of the broker, nil after an error.
func (m *member) next(b *testing.B) wire.Packet {
	frame, err := wire.ReadFrame(m.in, 0)
	if err != nil {
		b.Error(err)
		return nil
	}
	p, err := wire.Decoder{Version: wire.V5, Sender: wire.FromServer}.Decode(frame)
	if err != nil {
		b.Error(err)
		return nil
	}
	return p
}
