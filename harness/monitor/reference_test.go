package monitor_test

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttspec/mqttspec/harness/memnet"
	"github.com/mqttspec/mqttspec/harness/monitor"
	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
	broker "github.com/mqttspec/mqttspec/reference-broker"
)

// traffic is a broker and clients that do as chance has it: they subscribe, publish, acknowledge or not, vanish, come
// back and take their own sessions over, each in a version of its own.
type traffic struct {
	rand   *rand.Rand
	acks   int // of a hundred packets, how many are acknowledged
	log    *trace.Log
	broker *broker.Broker
	conns  []net.Conn
	done   sync.WaitGroup
}

// visitor is one client. Its connections have numbers.
type visitor struct {
	t       *traffic
	id      string
	version wire.Version
	number  int
	lastID  uint16
	*line   // nil if it is gone
}

// line is a connection of a visitor.
type line struct {
	name string // as in the trace
	conn net.Conn

	mu    sync.Mutex
	inbox []wire.Packet
}

func (t *traffic) chance(percent int) bool { return t.rand.IntN(100) < percent }

// connect opens a new connection, whatever becomes of the old one.
func (v *visitor) connect() {
	client, server := memnet.Pipe(0)
	v.number++
	l := &line{name: fmt.Sprintf("%s#%d", v.id, v.number), conn: client}
	v.line = l
	v.t.conns = append(v.t.conns, client)
	v.t.log.Add(trace.Event{Kind: trace.Open, Conn: l.name})
	v.t.done.Go(func() { v.t.broker.ServeConn(server) })
	v.t.done.Go(func() { l.read(v.t.log, v.version) })
	c := wire.Connect{ClientID: v.id, CleanStart: v.t.chance(20), Properties: wire.Properties{wire.SessionExpiryInterval(1000)}}
	for _, p := range []wire.Property{wire.ReceiveMaximum(uint16(1 + v.t.rand.IntN(4))), wire.MaximumPacketSize(60), wire.TopicAliasMaximum(2), wire.RequestProblemInformation(0)} {
		if v.t.chance(40) {
			c.Properties = append(c.Properties, p)
		}
	}
	v.send(c)
	if v.t.chance(80) {
		synctest.Wait()
	}
}

func (v *visitor) send(p wire.Packet) {
	if v.line == nil {
		return
	}
	b := wire.Bytes(p, v.version)
	v.t.log.Add(trace.Event{Kind: trace.Packet, Conn: v.name, Dir: trace.ToServer, Version: v.version, Bytes: b})
	_, _ = v.conn.Write(b) // that the connection is gone shows elsewhere
}

func (l *line) read(log *trace.Log, version wire.Version) {
	r := bufio.NewReader(l.conn)
	for {
		b, err := wire.ReadFrame(r, 0)
		if err != nil {
			log.Add(trace.Event{Kind: trace.Close, Conn: l.name, Dir: trace.ToClient, How: trace.FIN})
			return
		}
		log.Add(trace.Event{Kind: trace.Packet, Conn: l.name, Dir: trace.ToClient, Version: version, Bytes: b})
		p, _ := wire.Decoder{Version: version, Sender: wire.FromServer}.Decode(b)
		l.mu.Lock()
		l.inbox = append(l.inbox, p)
		l.mu.Unlock()
	}
}

// answer acknowledges what has arrived, most of it.
func (v *visitor) answer() {
	v.mu.Lock()
	inbox := v.inbox
	v.inbox = nil
	v.mu.Unlock()
	for _, p := range inbox {
		id, _ := wire.PacketIDOf(p)
		switch p := p.(type) {
		case wire.Publish:
			if p.QoS == wire.QoS1 && v.t.chance(v.t.acks) {
				v.send(wire.Puback{PacketID: id})
			} else if p.QoS == wire.QoS2 && v.t.chance(v.t.acks) {
				v.send(wire.Pubrec{PacketID: id})
			}
		case wire.Pubrec:
			v.send(wire.Pubrel{PacketID: id})
		case wire.Pubrel:
			if v.t.chance(v.t.acks) {
				v.send(wire.Pubcomp{PacketID: id})
			}
		}
	}
}

// act does one thing.
func (v *visitor) act() {
	v.lastID = v.lastID%60000 + 1
	r := v.t.rand
	filters := []string{"t/0", "t/1", "t/+", "#", "$share/g/t/1", "other"}
	switch n := r.IntN(100); {
	case v.line == nil || n < 6:
		v.connect()
	case n < 9:
		_ = memnet.Abort(v.conn)
		v.t.log.Add(trace.Event{Kind: trace.Close, Conn: v.name, Dir: trace.ToServer, How: trace.RST})
		v.line = nil
	case n < 12:
		v.send(wire.Disconnect{})
		v.line = nil
	case n < 20:
		v.send(wire.Subscribe{PacketID: v.lastID, Subscriptions: []wire.Subscription{
			{Filter: filters[r.IntN(len(filters))], QoS: wire.QoS(r.IntN(3))}, {Filter: filters[r.IntN(len(filters))], QoS: wire.QoS(r.IntN(3))}}})
	case n < 23:
		v.send(wire.Unsubscribe{PacketID: v.lastID, Filters: []string{filters[r.IntN(len(filters))]}})
	case n < 25:
		v.send(wire.Pingreq{})
	case n < 60:
		v.send(wire.Publish{Topic: fmt.Sprintf("t/%d", r.IntN(3)), QoS: wire.QoS(r.IntN(3)), PacketID: v.lastID, Retain: v.t.chance(15),
			Payload: fmt.Appendf(nil, "%s %d%*s", v.id, v.lastID, r.IntN(60), "")})
	default:
		v.answer()
	}
	if v.t.chance(60) {
		synctest.Wait()
	}
}

// run lets chance work in a bubble of virtual time and returns what the clients saw and what the broker saw. The clients
// acknowledge so many of a hundred packets.
func run(t *testing.T, seed uint64, acks int, defects ...string) (clients, server []trace.Event) {
	synctest.Test(t, func(t *testing.T) {
		serverLog := &trace.Log{}
		b, err := broker.New(broker.Config{Defects: defects, Trace: serverLog})
		if err != nil {
			t.Fatal(err)
		}
		tr := &traffic{rand: rand.New(rand.NewPCG(seed, 1)), log: &trace.Log{}, acks: acks, broker: b}
		var visitors []*visitor
		for i, v := range []wire.Version{wire.V5, wire.V5, wire.V311, wire.V311} {
			visitors = append(visitors, &visitor{t: tr, id: fmt.Sprintf("c%d", i), version: v})
		}
		for range 400 {
			visitors[tr.rand.IntN(len(visitors))].act()
			time.Sleep(time.Duration(tr.rand.IntN(20)) * time.Millisecond)
		}
		synctest.Wait()
		clients, server = tr.log.Events(), serverLog.Events()
		for _, c := range tr.conns {
			_ = c.Close()
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
		tr.done.Wait()
	})
	return clients, server
}

// TestNoAlarmOnTheReferenceBroker judges random traffic of a broker that keeps all statements.
func TestNoAlarmOnTheReferenceBroker(t *testing.T) {
	seen := map[req.ID]bool{}
	for seed := range uint64(20) {
		events, _ := run(t, seed, 75)
		for _, r := range monitor.Run(events, wire.FromServer) {
			seen[r.ID] = seen[r.ID] || r.Exercised > 0
			for _, v := range r.Violations {
				t.Errorf("seed %d: %s on %s, event %d: %s", seed, r.ID, v.Conn, v.Seq, v.Text)
			}
		}
	}
	for _, id := range []req.ID{"v5:MQTT-2.2.1-4", "v311:MQTT-2.3.1-4", "v5:MQTT-3.3.1-1", "v311:MQTT-3.3.1-1", "v5:MQTT-3.3.4-9", "v5:U5-037",
		"v5:MQTT-4.4.0-1", "v5:MQTT-4.3.3-6", "v5:MQTT-3.1.2-26", "v5:MQTT-3.3.2-3", "v311:MQTT-3.3.2-3", "v5:MQTT-3.8.4-8", "v5:MQTT-3.1.2-24"} {
		if !seen[id] {
			t.Errorf("the traffic does not exercise %s", id)
		}
	}
}

// TestNoAlarmOnSoundClients judges the same clients, when they acknowledge everything, by what the broker saw.
func TestNoAlarmOnSoundClients(t *testing.T) {
	seen := map[req.ID]bool{}
	for seed := range uint64(20) {
		_, events := run(t, seed, 100)
		for _, r := range monitor.Run(events, wire.FromClient) {
			seen[r.ID] = seen[r.ID] || r.Exercised > 0
			for _, v := range r.Violations {
				t.Errorf("seed %d: %s on %s, event %d: %s", seed, r.ID, v.Conn, v.Seq, v.Text)
			}
		}
	}
	for _, id := range []req.ID{"v5:MQTT-2.2.1-3", "v311:MQTT-2.3.1-2", "v5:MQTT-4.6.0-2", "v311:MQTT-4.6.0-3", "v5:MQTT-4.5.0-2",
		"v5:MQTT-2.2.1-5", "v5:MQTT-4.3.3-4", "v5:MQTT-3.2.2-15", "v311:MQTT-3.14.4-2"} {
		if !seen[id] {
			t.Errorf("the traffic does not exercise %s", id)
		}
	}
}

// TestDefectsAreSeen switches on defects that random traffic is enough for: a monitor of a statement that the defect
// breaks must report it.
func TestDefectsAreSeen(t *testing.T) {
	for _, defect := range []string{"session-present-after-clean-start", "connack-flags-reserved", "packet-before-connack", "second-connack",
		"connack-property-repeated", "receive-maximum-0-announced", "response-information-unasked", "disconnect-with-session-expiry",
		"packet-after-disconnect", "dup-never-set", "dup-at-first", "dup-with-qos-0", "packet-id-0", "packet-id-reused", "ack-wrong-id",
		"puback-code-unknown", "publish-resent-after-pubrel", "receive-maximum-exceeded", "quota-freed-at-pubrec", "oversize-sent",
		"problem-information-unasked", "alias-above-maximum", "alias-uninvited", "alias-zero", "delivered-to-others", "granted-qos-ignored",
		"suback-wrong-id", "suback-one-code", "suback-code-unknown", "unsuback-wrong-id", "reserved-flags-set", "padded-length",
		"property-in-wrong-packet", "property-repeated", "publish-with-wildcard"} {
		i := slices.IndexFunc(broker.Defects(), func(d broker.Defect) bool { return d.Name == defect })
		if i < 0 {
			t.Errorf("the broker has no defect %q", defect)
			continue
		}
		breaks := broker.Defects()[i].Breaks
		found := false
		for seed := uint64(0); seed < 8 && !found; seed++ {
			events, _ := run(t, seed, 75, defect)
			found = slices.ContainsFunc(monitor.Run(events, wire.FromServer), func(r monitor.Result) bool {
				return len(r.Violations) > 0 && slices.Contains(breaks, string(r.ID))
			})
		}
		if !found {
			t.Errorf("%s: no monitor reports any of %v", defect, breaks)
		}
	}
}
