package broker

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttspec/mqttspec/harness/memnet"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// bubble runs body with a broker and *testing.T in virtual time.
func bubble(t *testing.T, c Config, body func(w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		behaviour{body: func(w *world, _ wire.Version) { body(w) }}.run(t, wire.V5, c)
	})
}

// conns returns how many Network Connections there are.
func (w *world) conns() int {
	w.b.mu.Lock()
	defer w.b.mu.Unlock()
	return len(w.b.conns)
}

// sessions returns how many sessions there are.
func (w *world) sessions() int {
	w.b.mu.Lock()
	defer w.b.mu.Unlock()
	return len(w.b.sessions)
}

// heap returns how much memory is in use.
func heap() uint64 {
	runtime.GC()
	runtime.GC() // empties pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestTenThousandConnectionsComeAndGo(t *testing.T) {
	bubble(t, Config{}, func(w *world) {
		var begin uint64
		for i := range 20_000 {
			if i == 10_000 { // the runtime and memnet have the memory that they keep
				synctest.Wait()
				begin = heap()
			}
			c := w.open(wire.V5)
			switch i % 5 {
			case 0: // says nothing
			case 1:
				c.sendBytes([]byte{0x10})
			case 2:
				c.sendBytes([]byte{0x10, 0xFF, 0xFF, 0xFF, 0x7F, 0, 4})
			case 3:
				c.send(clean(fmt.Sprint("c", i)))
			case 4:
				c.send(persistent("same", 300))
			}
			c.nc.Abort()
		}
		synctest.Wait()
		if n := w.conns(); n != 0 {
			t.Errorf("%d connections are left", n)
		}
		if n := w.sessions(); n > 1 {
			t.Errorf("%d sessions are left", n)
		}
		if n := heap(); n > begin+5<<20 {
			t.Errorf("%d MB are left", (n-begin)>>20)
		}
	})
}

func TestSilentConnectionsEnd(t *testing.T) {
	bubble(t, Config{MaximumConnections: 100}, func(w *world) {
		var all []*client
		for range 250 {
			all = append(all, w.open(wire.V5))
		}
		synctest.Wait()
		if n := w.conns(); n != 200 {
			t.Errorf("%d connections are open, want twice the maximum", n)
		}
		sleep(10 * time.Second)
		for _, c := range all {
			c.closed(tick)
			c.nc.Close()
		}
		sleep(closeTimeout)
		if n := w.conns(); n != 0 {
			t.Errorf("%d connections are left", n)
		}
	})
}

func TestRemainingLengthIsOnlyAClaim(t *testing.T) {
	bubble(t, Config{MaximumPacketSize: wire.MaxVarint + 5}, func(w *world) {
		begin := heap()
		for i := range 50 {
			c := w.connect(wire.V5, clean(fmt.Sprint(i)))
			c.sendBytes([]byte{0x30, 0xFF, 0xFF, 0xFF, 0x7F, 0, 1, 'a'})
		}
		synctest.Wait()
		if n := heap(); n > begin+20<<20 {
			t.Errorf("50 claims of 256 MB took %d MB", (n-begin)>>20)
		}
	})
}

func TestSlowReaderKeepsItsBacklogInTheQueue(t *testing.T) {
	bubble(t, Config{MaximumQueuedBytes: 1 << 20}, func(w *world) {
		slow, fast := w.connect(wire.V5, persistent("slow", 300)), w.connect(wire.V5, clean("fast"))
		slow.subscribe("s", wire.QoS1)
		fast.subscribe("s", wire.QoS0)
		writer := w.connect(wire.V5, clean("writer"))
		begin := heap()
		payload := strings.Repeat("x", 10_000)
		const many = 5000
		for range many { // 50 MB
			writer.publish("s", payload, wire.QoS1)
			fast.got(payload)
		}
		if n := heap(); n > begin+10<<20 {
			t.Errorf("a slow reader costs %d MB", (n-begin)>>20)
		}
		last := uint16(0)
		got := 0
		for {
			p, err := slow.receive(time.Second)
			if err != nil {
				break
			}
			publish := p.(wire.Publish)
			if publish.PacketID <= last {
				t.Fatalf("Packet Identifier %d after %d", publish.PacketID, last)
			}
			last = publish.PacketID
			slow.ack(publish)
			got++
		}
		if got < 100 || got >= many {
			t.Errorf("the slow reader got %d messages", got)
		}
	})
}

func TestMessagesExpireBehindASlowReader(t *testing.T) {
	bubble(t, Config{}, func(w *world) {
		near, far := memnet.Pipe(1000)
		go w.b.ServeConn(far)
		slow := &client{t: w.t, nc: near, version: wire.V5}
		slow.send(clean("slow"))
		next[wire.Connack](slow)
		slow.subscribe("s", wire.QoS1)
		writer := w.connect(wire.V5, clean("writer"))
		filler := strings.Repeat("x", 1000)
		const many = 100
		for range many {
			writer.publish("s", filler, wire.QoS1)
		}
		writer.publish("s", "short-lived", wire.QoS1, wire.MessageExpiryInterval(2))
		writer.publish("s", "end", wire.QoS1)
		sleep(4 * time.Second)
		for range many {
			slow.got(filler)
		}
		slow.got("end")
	})
}

func TestClientThatNeverReadsItsAcknowledgements(t *testing.T) {
	bubble(t, Config{}, func(w *world) {
		near, far := memnet.Pipe(16 << 10)
		go w.b.ServeConn(far)
		c := &client{t: w.t, nc: near, version: wire.V5}
		c.send(clean("a"))
		next[wire.Connack](c)
		ping := bytes.Repeat(wire.Bytes(wire.Pingreq{}, wire.V5), 1000)
		c.nc.SetWriteDeadline(time.Now().Add(time.Minute))
		sent := 0
		for {
			n, err := c.nc.Write(ping)
			sent += n
			if err != nil {
				break
			}
		}
		if sent > 1<<20 {
			t.Errorf("the broker read %d bytes of PINGREQ and got rid of no answer", sent)
		}
		other := w.connect(wire.V5, clean("b")) // nobody else is held up
		other.publish("s", "x", wire.QoS2)
		c.nc.SetWriteDeadline(time.Time{})
		for answered := 0; answered < sent/2*2; answered += 2 { // and the flow goes on when it reads
			next[wire.Pingresp](c)
		}
	})
}

func TestKeepAliveEndsAClientThatReadsNothing(t *testing.T) {
	bubble(t, Config{}, func(w *world) {
		near, far := memnet.Pipe(1000)
		done := make(chan struct{})
		go func() { w.b.ServeConn(far); close(done) }()
		c := &client{t: w.t, nc: near, version: wire.V5}
		c.send(wire.Connect{ClientID: "a", KeepAlive: 10})
		next[wire.Connack](c)
		c.subscribe("s", wire.QoS0)
		writer := w.connect(wire.V5, clean("writer"))
		for range 100 {
			writer.publish("s", strings.Repeat("x", 1000), wire.QoS0)
		}
		begin := time.Now()
		<-done
		if d := time.Since(begin); d != 15*time.Second+closeTimeout {
			t.Errorf("ended after %v", d)
		}
	})
}

func TestTakeoverOfAConnectionThatTakesNothing(t *testing.T) {
	bubble(t, Config{}, func(w *world) {
		near, far := memnet.Pipe(1000)
		go w.b.ServeConn(far)
		old := &client{t: w.t, nc: near, version: wire.V5}
		old.send(persistent("a", 300))
		next[wire.Connack](old)
		old.subscribe("s", wire.QoS1)
		writer := w.connect(wire.V5, clean("writer"))
		const many = 100
		for i := range many {
			writer.publish("s", fmt.Sprintf("%1000d", i), wire.QoS1)
		}
		begin := time.Now()
		c := w.connect(wire.V5, persistent("a", 300))
		if d := time.Since(begin); d != 0 || !c.connack.SessionPresent {
			t.Errorf("CONNACK after %v, Session Present %v", d, c.connack.SessionPresent)
		}
		for i := range many {
			c.ack(c.got(fmt.Sprintf("%1000d", i)))
		}
	})
}

func TestTakeoverWar(t *testing.T) {
	bubble(t, Config{}, func(w *world) {
		var all []*client
		for i := range 40 {
			all = append(all, w.connect(wire.V5-wire.Version(i%2), persistent("a", 300)))
		}
		alive := 0
		for _, c := range all {
			c.nc.Write(wire.Bytes(wire.Pingreq{}, c.version))
			if p, err := c.receive(time.Second); err == nil && p.Type() == wire.PINGRESP {
				alive++
			}
		}
		if alive != 1 {
			t.Errorf("%d connections are alive", alive)
		}
	})
}

// exhausted is a listener that has no file descriptor for its first connection.
type exhausted struct {
	*memnet.Listener
	failed bool
}

func (l *exhausted) Accept() (net.Conn, error) {
	if !l.failed {
		l.failed = true
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return l.Listener.Accept()
}

func TestServeOutlivesTooManyOpenFiles(t *testing.T) {
	bubble(t, Config{}, func(w *world) {
		l := &exhausted{Listener: memnet.Listen()}
		served := make(chan error, 1)
		go func() { served <- w.b.Serve(l) }()
		nc, err := l.Dial(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		c := &client{t: w.t, nc: nc.(*memnet.Conn), version: wire.V5}
		c.send(clean("a"))
		next[wire.Connack](c)
		w.b.Close()
		if err := <-served; err != ErrClosed {
			t.Errorf("Serve returned %v", err)
		}
	})
}

// TestCutPackets ends connections in the middle of each packet, at each byte.
func TestCutPackets(t *testing.T) {
	for _, v := range both {
		bubble(t, Config{}, func(w *world) {
			witness := w.connect(v, clean("witness"))
			witness.subscribe("#", wire.QoS0)
			for _, p := range []wire.Packet{
				wire.Publish{QoS: 1, PacketID: 1, Topic: "s", Payload: []byte("x")}, wire.Pubrel{PacketID: 1}, wire.Puback{PacketID: 1},
				wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{Filter: "s"}}}, wire.Unsubscribe{PacketID: 1, Filters: []string{"s"}},
				wire.Pingreq{}, wire.Disconnect{},
			} {
				whole := wire.Bytes(p, v)
				for n := 1; n < len(whole); n++ {
					c := w.connect(v, wire.Connect{ClientID: "a", CleanStart: true, Will: &wire.Will{Topic: "will", Payload: []byte("gone")}})
					c.sendBytes(whole[:n])
					c.nc.Close()
					synctest.Wait()
					witness.got("gone")
				}
			}
			witness.nothing(time.Second)
			if n := w.conns(); n != 1 {
				t.Errorf("%d connections are left", n)
			}
		})
	}
}

// TestRandomBytes changes bytes of sound packets at random. The seed is fixed: this is a regression test.
func TestRandomBytes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	bubble(t, Config{}, func(w *world) {
		for i := range 5000 {
			v := both[i%2]
			sound := []wire.Packet{
				wire.Connect{ClientID: "x", KeepAlive: 1, CleanStart: true, Will: &wire.Will{Topic: "w", QoS: 1}, Properties: wire.Properties{wire.ReceiveMaximum(5), wire.TopicAliasMaximum(3)}},
				wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{Filter: "a/#", QoS: 2}, {Filter: "$share/g/+", QoS: 1}}, Properties: wire.Properties{wire.SubscriptionIdentifier(3)}},
				wire.Publish{QoS: wire.QoS(i % 3), PacketID: 2, Topic: "a/b", Retain: i%7 == 0, Payload: []byte("payload"), Properties: wire.Properties{wire.TopicAlias(1), wire.UserProperty("a", "b")}},
				wire.Pubrel{PacketID: 2}, wire.Puback{PacketID: 1}, wire.Pubrec{PacketID: 2}, wire.Pubcomp{PacketID: 2},
				wire.Unsubscribe{PacketID: 3, Filters: []string{"a/#"}}, wire.Pingreq{}, wire.Auth{}, wire.Disconnect{},
			}
			var stream []byte
			for _, p := range sound {
				stream = p.Append(stream, v)
			}
			for range random.IntN(4) {
				stream[random.IntN(len(stream))] = byte(random.Uint32())
			}
			c := w.open(v)
			c.nc.Write(stream)
			synctest.Wait()
			c.nc.Abort()
		}
		sleep(time.Minute)
		if n := w.conns(); n != 0 {
			t.Errorf("%d connections are left", n)
		}
		c := w.connect(wire.V5, clean("alive"))
		c.send(wire.Pingreq{})
		next[wire.Pingresp](c)
	})
}

func TestManySessionsExpireAtOnce(t *testing.T) {
	bubble(t, Config{}, func(w *world) {
		for i := range 10_000 {
			c := w.connect(wire.V5, persistent(fmt.Sprint("s", i), 60))
			c.subscribe("s", wire.QoS1)
			c.drop()
		}
		if n := w.sessions(); n != 10_000 {
			t.Fatalf("%d sessions", n)
		}
		sleep(60 * time.Second)
		if n := w.sessions(); n != 0 {
			t.Errorf("%d sessions are left", n)
		}
		w.b.mu.Lock()
		defer w.b.mu.Unlock()
		if !w.b.subscriptions.root.empty() {
			t.Error("subscriptions are left")
		}
	})
}

func TestLongTopics(t *testing.T) {
	bubble(t, Config{}, func(w *world) {
		c := w.connect(wire.V5, clean("a"))
		long := strings.Repeat("x", 65_535)
		c.subscribe(long, wire.QoS0)
		c.publish(long, "x", wire.QoS1)
		if p := c.got("x"); p.Topic != long {
			t.Error("another topic came back")
		}
		deep := strings.Repeat("/", 65_535)
		c.send(wire.Publish{QoS: 1, PacketID: 1, Topic: deep})
		if code := next[wire.Puback](c).ReasonCode; code != wire.TopicNameInvalid {
			t.Errorf("PUBACK %v", code)
		}
	})
}

// TestPacketIdentifiersWrap sends more messages than there are identifiers while one stays in use.
func TestPacketIdentifiersWrap(t *testing.T) {
	bubble(t, Config{}, func(w *world) {
		c, writer := w.connect(wire.V311, clean("a")), w.connect(wire.V311, clean("writer"))
		c.subscribe("s", wire.QoS1)
		writer.publish("s", "held", wire.QoS1)
		held := c.got("held").PacketID
		seen := 0
		for range 70_000 {
			writer.send(wire.Publish{Topic: "s", QoS: 1, PacketID: 1, Payload: []byte("x")})
			next[wire.Puback](writer)
			p := c.got("x")
			if p.PacketID == held {
				t.Fatal("the identifier that is in use was used again")
			}
			if p.PacketID == held+1 {
				seen++
			}
			c.send(wire.Puback{PacketID: p.PacketID})
		}
		if seen != 2 {
			t.Errorf("the identifiers went round %d times", seen)
		}
	})
}
