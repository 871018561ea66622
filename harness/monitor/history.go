package monitor

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// History is a trace in the form that monitors read: decoded, sorted by Network Connection and by session.
type History struct {
	Judged   wire.Sender
	Conns    []*Conn            // in the order in which they were opened
	clients  map[string][]*Conn // by Client Identifier, in the order of Conns
	misnamed []*Conn            // of clients under test, whose CONNECT names the level of 5.0 and another protocol
	crashes  []int              // the Seq of faults that concern no single connection, such as a killed server
	end      time.Time          // of the last event
	sent     []sending
}

// Conn is one Network Connection as seen next to the judged side.
type Conn struct {
	Name    string
	Version wire.Version // of its CONNECT; 0 if a client under test sent none
	Records []Record     // in the order of the trace, both directions
	Connect *wire.Connect
	Connack *wire.Connack // the first one after it
	// Disturbed tells that a fault was armed or fired on the way: silence and lateness prove nothing. On a connection
	// through a proxy any fault of the trace may have been there: a link has a name of its own.
	Disturbed bool

	proxied   bool
	connectAt int // index in Records, -1 if there is none
	connackAt int
	answerAt  int // see answered; 0: not looked for yet
	trusted   int // the number of records before the first after which the state of the other side is a guess
	closings  []closing
}

// Record is a packet on a Network Connection.
type Record struct {
	Seq    int
	At     time.Time
	Sender wire.Sender
	Raw    []byte
	Packet wire.Packet     // nil if the bytes could not be understood
	Bad    *wire.Violation // the first violation of the packet format, nil if there is none
	Loose  bool            // bytes that are no whole packet: a cut packet, or what follows one that could not be framed
}

// closing is the end of one direction.
type closing struct {
	seq    int
	at     time.Time
	sender wire.Sender // whose packets end
	how    trace.How
}

func newHistory(events []trace.Event, judged wire.Sender) *History {
	h := &History{Judged: judged, clients: map[string][]*Conn{}}
	near := trace.TargetLeg
	if judged == wire.FromClient {
		near = trace.ClientLeg
	}
	open := map[string]*Conn{}
	disturbed := map[string]bool{}
	for i := range events {
		e := &events[i]
		h.end = e.At
		if e.Kind == trace.Fault {
			if e.Conn == "" {
				h.crashes = append(h.crashes, e.Seq)
			}
			disturbed[baseName(e.Conn)] = true
			continue
		}
		if e.Leg != trace.Direct && e.Leg != near || e.Kind == trace.Note || e.Conn == "" {
			continue
		}
		c := open[e.Conn]
		if c == nil || e.Kind == trace.Open && len(c.Records) > 0 {
			c = &Conn{Name: e.Conn, connectAt: -1, connackAt: -1}
			open[e.Conn] = c
			h.Conns = append(h.Conns, c)
		}
		c.proxied = c.proxied || e.Leg != trace.Direct
		switch e.Kind {
		case trace.Packet, trace.Bytes:
			c.add(e, judged)
		case trace.Close:
			c.closings = append(c.closings, closing{e.Seq, e.At, e.Dir.Sender(), e.How})
		}
	}
	// A server judges us by our CONNECT: without one in a version that it must know, nothing it sends can be judged. A
	// client whose first packet is a CONNECT of another version does not claim to speak ours.
	h.Conns = slices.DeleteFunc(h.Conns, func(c *Conn) bool {
		if c.Connect != nil {
			return false
		}
		if judged == wire.FromClient && len(c.Records) > 0 && c.Records[0].Sender == judged {
			if _, ok := connectName(&c.Records[0]); ok {
				h.misnamed = append(h.misnamed, c)
			}
		}
		return judged == wire.FromServer || len(c.Records) == 0 || c.Records[0].Sender == wire.FromServer ||
			c.Records[0].Loose || wire.TypeOf(c.Records[0].Raw[0]) == wire.CONNECT
	})
	for _, c := range h.Conns {
		c.Disturbed = disturbed[baseName(c.Name)] || disturbed[""] || c.proxied && len(disturbed) > 0
		c.trusted = c.trust(judged)
		if id := c.clientID(); id != "" {
			h.clients[id] = append(h.clients[id], c)
		}
	}
	h.sent = h.sendings()
	return h
}

// baseName returns a connection's name without the number of a later connection of the same client.
func baseName(conn string) string {
	base, _, _ := strings.Cut(conn, "#")
	return base
}

// add decodes a packet and keeps it.
func (c *Conn) add(e *trace.Event, judged wire.Sender) {
	r := Record{Seq: e.Seq, At: e.At, Sender: e.Dir.Sender(), Raw: e.Bytes, Loose: e.Kind == trace.Bytes}
	if h, n, err := wire.ParseHeader(e.Bytes); err != nil || n == 0 || len(e.Bytes)-n != h.Length {
		r.Loose = true
	}
	version := c.Version
	if version == 0 && judged == wire.FromClient {
		version = e.Version
	}
	if !r.Loose && (version != 0 || r.Sender == wire.FromClient) {
		var err error
		r.Packet, err = wire.Decoder{Version: version, Sender: r.Sender}.Decode(e.Bytes)
		errors.As(err, &r.Bad)
	}
	switch p := r.Packet.(type) {
	case wire.Connect:
		if c.Connect == nil && r.Sender == wire.FromClient && (p.ProtocolVersion == wire.V5 || p.ProtocolVersion == wire.V311) {
			c.Connect, c.connectAt, c.Version = &p, len(c.Records), p.ProtocolVersion
		}
	case nil:
		// one that ends too early says at least what it wants to be
		if v := namedVersion(&r); c.Connect == nil && !r.Loose && r.Sender == wire.FromClient && v != 0 {
			c.Connect, c.connectAt, c.Version = &wire.Connect{ProtocolVersion: v}, len(c.Records), v
		}
	case wire.Connack:
		if c.Connack == nil && c.Connect != nil && r.Sender == wire.FromServer {
			c.Connack, c.connackAt = &p, len(c.Records)
		}
	}
	c.Records = append(c.Records, r)
}

// namedVersion returns the version that a CONNECT names, 0 if it is none of ours or no CONNECT.
func namedVersion(r *Record) wire.Version {
	const name = "\x00\x04MQTT"
	if r.typeOf() != wire.CONNECT || !bytes.HasPrefix(r.content(), []byte(name)) || len(r.content()) <= len(name) {
		return 0
	}
	if v := wire.Version(r.content()[len(name)]); v == wire.V311 || v == wire.V5 {
		return v
	}
	return 0
}

// trust returns how many records can be followed as a sound conversation. It ends with bytes that mean nothing, with
// a wrong packet of the side that is not judged, whatever the other makes of it, and with a second CONNECT.
func (c *Conn) trust(judged wire.Sender) int {
	for i, r := range c.Records {
		_, again := r.Packet.(wire.Connect)
		again = again && i != c.connectAt
		if r.Packet == nil || again || r.Bad != nil && r.Sender != judged {
			return i
		}
	}
	return len(c.Records)
}

// sound returns the records that can be followed as a conversation.
func (c *Conn) sound() []Record { return c.Records[:c.trusted] }

// intact reports whether all records could be followed.
func (c *Conn) intact() bool { return c.trusted == len(c.Records) }

// clientID returns the Client Identifier that names the session, "" if there was no CONNECT.
func (c *Conn) clientID() string {
	switch {
	case c.Connect == nil:
		return ""
	case c.Connect.ClientID != "":
		return c.Connect.ClientID
	case c.Connack != nil && c.Connack.Properties.Has(wire.PropAssignedClientIdentifier):
		return c.Connack.Properties.Text(wire.PropAssignedClientIdentifier)
	}
	// the server gave it an identifier that nobody else has; a NUL is in no other
	return "\x00" + c.Name
}

// connect returns the CONNECT if it is there and well-formed: a wrong one may have been read in any way.
func (c *Conn) connect() (wire.Connect, bool) {
	if c.Connect == nil || c.Records[c.connectAt].Bad != nil {
		return wire.Connect{}, false
	}
	return *c.Connect, true
}

// accepted reports whether the server accepted the CONNECT.
func (c *Conn) accepted() bool { return c.Connack != nil && c.Connack.ReasonCode == wire.Success }

// fresh reports whether the server said that a new session begins.
func (c *Conn) fresh() bool { return c.accepted() && !c.Connack.SessionPresent }

// limit returns the number that the receiver of the judged side's packets announced in its CONNECT or CONNACK.
func (c *Conn) limit(judged wire.Sender, id wire.PropertyID, absent uint32) uint32 {
	if judged == wire.FromServer {
		return c.Connect.Properties.Int(id, absent)
	}
	return c.Connack.Properties.Int(id, absent)
}

// informed reports whether the judged side knows the limits of the other when it sends r. A server
// has read them in the CONNECT. A client may send before it has read the CONNACK, and the standard excuses it then; it
// knows them for sure if it has meanwhile answered something that was sent after the CONNACK, if a second has passed on
// an undisturbed way, or if it has kept silent for half a second between its CONNECT and the CONNACK.
func (c *Conn) informed(judged wire.Sender, r *Record) bool {
	if judged == wire.FromServer {
		_, ok := c.connect()
		return ok
	}
	i, _ := slices.BinarySearchFunc(c.Records, r.Seq, func(r Record, seq int) int { return r.Seq - seq })
	if !c.accepted() || c.connectAt < 0 || i <= c.connackAt || c.Records[c.connackAt].Bad != nil {
		return false
	}
	connack := c.Records[c.connackAt].At
	if !c.Disturbed && r.At.Sub(connack) >= time.Second {
		return true
	}
	waited := connack.Sub(c.Records[c.connectAt].At) >= 500*time.Millisecond
	for _, r := range c.Records[c.connectAt+1 : c.connackAt] {
		waited = waited && r.Sender != wire.FromClient
	}
	return waited && !c.Disturbed || c.answered(i)
}

// answered reports whether the client has, up to the record at index i, acknowledged a PUBLISH or PUBREL that it can
// only have read after the CONNACK.
func (c *Conn) answered(i int) bool {
	if c.answerAt == 0 { // it is asked for each packet, so the way is gone once
		c.answerAt = c.firstAnswer()
	}
	return c.answerAt <= i
}

// firstAnswer returns the index of the first such acknowledgement, or the number of records if there is none.
func (c *Conn) firstAnswer() int {
	sent := map[uint16]bool{}
	for i, r := range c.Records[c.connackAt+1:] {
		id, ok := wire.PacketIDOf(r.Packet)
		switch r.Packet.(type) {
		case wire.Publish, wire.Pubrel:
			if r.Sender == wire.FromServer && ok {
				sent[id] = true
			}
		case wire.Puback, wire.Pubrec, wire.Pubcomp:
			if r.Sender == wire.FromClient && sent[id] {
				return c.connackAt + 1 + i
			}
		}
	}
	return len(c.Records)
}
