package monitor

import (
	"time"

	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// script writes a trace by hand. The same one serves both sides: what send puts down comes from the judged side.
type script struct {
	v      wire.Version
	judged wire.Sender
	conn   string
	leg    trace.Leg
	events []trace.Event
	at     time.Time
}

func newScript(v wire.Version, judged wire.Sender) *script {
	return &script{v: v, judged: judged, conn: "c", at: time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)}
}

func (s *script) add(e trace.Event) *script {
	e.Seq, e.At, e.Conn, e.Leg, e.Version = len(s.events), s.at, s.conn, s.leg, s.v
	s.events = append(s.events, e)
	return s
}

// on goes on with another connection.
func (s *script) on(conn string) *script { s.conn = conn; return s }

// wait lets time pass.
func (s *script) wait(d time.Duration) *script { s.at = s.at.Add(d); return s }

func dirOf(from wire.Sender) trace.Dir {
	if from == wire.FromServer {
		return trace.ToClient
	}
	return trace.ToServer
}

func (s *script) packets(from wire.Sender, ps []wire.Packet) *script {
	for _, p := range ps {
		s.add(trace.Event{Kind: trace.Packet, Dir: dirOf(from), Bytes: wire.Bytes(p, s.v)})
	}
	return s
}

func (s *script) other() wire.Sender { return 1 - s.judged }

// send puts down packets of the judged side, reply those of the other.
func (s *script) send(ps ...wire.Packet) *script  { return s.packets(s.judged, ps) }
func (s *script) reply(ps ...wire.Packet) *script { return s.packets(s.other(), ps) }

// client and server put down packets of one side, whichever is judged.
func (s *script) client(ps ...wire.Packet) *script { return s.packets(wire.FromClient, ps) }
func (s *script) server(ps ...wire.Packet) *script { return s.packets(wire.FromServer, ps) }

// cut puts down the first bytes of a packet.
func (s *script) cut(from wire.Sender, p wire.Packet) *script {
	b := wire.Bytes(p, s.v)
	return s.add(trace.Event{Kind: trace.Bytes, Dir: dirOf(from), Bytes: b[:len(b)-1]})
}

func (s *script) open() *script { return s.add(trace.Event{Kind: trace.Open}) }

// close ends what a side sends.
func (s *script) close(from wire.Sender, how trace.How) *script {
	return s.add(trace.Event{Kind: trace.Close, Dir: dirOf(from), How: how})
}

// fault disturbs the connection.
func (s *script) fault() *script { return s.add(trace.Event{Kind: trace.Fault, Text: "stall"}) }

// begin opens a connection of the client "me". Each side announces the properties with which it limits the other: those
// of limits come from the side that is not judged. A second passes, so that a client under test knows them.
func (s *script) begin(clean, present bool, limits ...wire.Property) *script {
	c, a := wire.Connect{ClientID: "me", CleanStart: clean, KeepAlive: 60}, wire.Connack{SessionPresent: present}
	if s.judged == wire.FromServer {
		c.Properties = limits
	} else {
		a.Properties = limits
	}
	return s.open().client(c).server(a).wait(time.Second)
}

// fresh begins a session, resumed goes on with it on a connection of the given name.
func (s *script) fresh(limits ...wire.Property) *script { return s.begin(true, false, limits...) }
func (s *script) resumed(conn string, limits ...wire.Property) *script {
	return s.on(conn).begin(false, true, limits...)
}

// publish is a PUBLISH of the payload "x" or another to topic "t".
func publish(qos wire.QoS, id uint16, edit ...func(*wire.Publish)) wire.Publish {
	p := wire.Publish{Topic: "t", QoS: qos, PacketID: id, Payload: []byte("x")}
	for _, e := range edit {
		e(&p)
	}
	return p
}

func dup(p *wire.Publish)    { p.Dup = true }
func retain(p *wire.Publish) { p.Retain = true }

func payload(s string) func(*wire.Publish) { return func(p *wire.Publish) { p.Payload = []byte(s) } }
func topic(s string) func(*wire.Publish)   { return func(p *wire.Publish) { p.Topic = s } }

func with(ps ...wire.Property) func(*wire.Publish) {
	return func(p *wire.Publish) { p.Properties = append(p.Properties, ps...) }
}

func subscribe(id uint16, qos wire.QoS, filters ...string) wire.Subscribe {
	p := wire.Subscribe{PacketID: id}
	for _, f := range filters {
		p.Subscriptions = append(p.Subscriptions, wire.Subscription{Filter: f, QoS: qos})
	}
	return p
}

func suback(id uint16, codes ...wire.ReasonCode) wire.Suback {
	return wire.Suback{PacketID: id, ReasonCodes: codes}
}
