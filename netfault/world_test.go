package netfault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttspec/mqttspec/harness/memnet"
	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// world is a client and a server with a link between, in memory or over loopback TCP.
type world struct {
	t              *testing.T
	link           *Link
	log            *trace.Log
	client, server net.Conn
	rules          []*Rule
	sent           time.Time // when somebody began to send last
}

// inMemory runs a test in a bubble, where the link is dialled.
func inMemory(t *testing.T, faults []Fault, test func(*world)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{t: t, log: &trace.Log{}}
		w.link = NewLink(func(context.Context) (net.Conn, error) {
			a, b := memnet.Pipe(0)
			w.server = b
			return a, nil
		}, w.log, "client-1")
		defer func() { // a bubble that failed has to end as well
			w.link.Shut()
			if w.client != nil {
				w.client.Close()
				w.server.Close()
			}
		}()
		for _, f := range faults {
			w.rules = append(w.rules, f.Arm(w.link))
		}
		var err error
		if w.client, err = w.link.Dial(t.Context()); err != nil {
			t.Fatal(err)
		}
		test(w)
		w.settle()
		w.link.Shut()
		w.server.Close()
		w.client.Close()
	})
}

// onLoopback runs a test with real sockets on both sides of a Proxy.
func onLoopback(t *testing.T, faults []Fault, test func(*world)) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	w := &world{t: t, log: &trace.Log{}}
	p := NewUnstartedProxy(l.Addr().String())
	p.Trace = w.log
	linked := make(chan *Link, 1)
	p.OnLink = func(_ int, l *Link) {
		for _, f := range faults {
			f.Arm(l)
		}
		linked <- l
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	w.client, err = net.Dial("tcp", p.Addr)
	w.link = <-linked
	w.rules = w.link.Rules()
	if errors.Is(err, syscall.ECONNRESET) { // a reset at the opening may come before connect(2) returns
		a, b := memnet.Pipe(0)
		b.Abort()
		w.client, err = a, nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer w.client.Close()
	if w.server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	defer w.server.Close()
	test(w)
	w.settle()
	w.link.Shut()
}

// settle lets what is under way arrive.
func (w *world) settle() { time.Sleep(silence / 2) }

var both = []struct {
	name string
	run  func(*testing.T, []Fault, func(*world))
}{{"memory", inMemory}, {"loopback", onLoopback}}

// packets are the names that scripts have for packets.
var packets = map[string]wire.Packet{
	"connect":      wire.Connect{ClientID: "c", CleanStart: true, KeepAlive: 60},
	"connack":      wire.Connack{},
	"subscribe":    wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{Filter: "a/#", QoS: 1}}},
	"suback":       wire.Suback{PacketID: 1, ReasonCodes: []wire.ReasonCode{1}},
	"publish1":     wire.Publish{QoS: 1, Topic: "a/b", PacketID: 1, Payload: []byte("one")},
	"publish2":     wire.Publish{QoS: 1, Topic: "a/b", PacketID: 2, Payload: []byte("two")},
	"publish3":     wire.Publish{QoS: 1, Topic: "a/b", PacketID: 3, Payload: []byte("three")},
	"puback1":      wire.Puback{PacketID: 1},
	"puback2":      wire.Puback{PacketID: 2},
	"pingreq":      wire.Pingreq{},
	"pingresp":     wire.Pingresp{},
	"half":         wire.Raw(wire.Bytes(wire.Publish{Topic: "a/b", Payload: []byte("cut")}, wire.V5)[:5]),
	"rest":         wire.Raw(wire.Bytes(wire.Publish{Topic: "a/b", Payload: []byte("cut")}, wire.V5)[5:]),
	"connect-1":    wire.Raw(wire.Bytes(wire.Connect{ClientID: "c", CleanStart: true, KeepAlive: 60}, wire.V5)[:1]),
	"connect-2":    wire.Raw(wire.Bytes(wire.Connect{ClientID: "c", CleanStart: true, KeepAlive: 60}, wire.V5)[1:2]),
	"connect-3":    wire.Raw(wire.Bytes(wire.Connect{ClientID: "c", CleanStart: true, KeepAlive: 60}, wire.V5)[2:7]),
	"connect-rest": wire.Raw(wire.Bytes(wire.Connect{ClientID: "c", CleanStart: true, KeepAlive: 60}, wire.V5)[7:]),
	"garbage":      wire.Raw{0x30, 0xff, 0xff, 0xff, 0xff, 0x01},
	"huge":         wire.Raw{0x30, 0xff, 0xff, 0xff, 0x7f},
	"replaced":     wire.Raw{0xd0, 0x01, 0x7f},
}

func packetBytes(t *testing.T, names []string) (b []byte) {
	t.Helper()
	for _, name := range names {
		p, ok := packets[name]
		if !ok {
			t.Fatalf("no packet %q", name)
		}
		b = p.Append(b, wire.V5)
	}
	return b
}

// patience bounds what should happen; silence is how long nothing has to happen.
const (
	patience = 5 * time.Second
	silence  = 40 * time.Millisecond
)

// play runs a script of lines such as "client sends connect", "server gets connect", "client sees RST", "link stall",
// "rule 1 fired".
func (w *world) play(script string) {
	w.t.Helper()
	if err := w.try(script); err != nil {
		w.t.Fatalf("%v\n%s", err, describe(w.log.Events()))
	}
}

// try is play, up to the first line that does not hold.
func (w *world) try(script string) error {
	for line := range strings.SplitSeq(strings.TrimSpace(script), "\n") {
		if err := w.do(strings.Fields(line)); err != nil {
			return fmt.Errorf("%s: %w", strings.TrimSpace(line), err)
		}
	}
	return nil
}

func (w *world) do(words []string) error {
	switch words[0] {
	case "link":
		if words[1] == "heal" {
			w.link.Heal()
			return nil
		}
		f, err := ParseFault(words[1])
		if err == nil {
			f.Inject(w.link)
		}
		return err
	case "rule":
		r := w.rules[int(words[1][0]-'1')]
		if words[2] == "waits" {
			if r.HasFired() {
				return errors.New("it has fired")
			}
			return nil
		}
		select {
		case <-r.Fired():
			return nil
		case <-time.After(patience):
			return errors.New("it has not fired")
		}
	case "at": // least DURATION have passed since somebody sent
		d, err := time.ParseDuration(words[2])
		if passed := time.Since(w.sent); err == nil && passed < d {
			return fmt.Errorf("only %s have passed", passed)
		}
		return err
	case "after":
		d, err := time.ParseDuration(words[1])
		time.Sleep(d)
		return err
	}
	end := w.client
	if words[0] == "server" {
		end = w.server
	}
	switch words[1] {
	case "sends":
		w.sent = time.Now()
		_, err := end.Write(packetBytes(w.t, words[2:]))
		return err
	case "tries": // to send, and does not mind an error
		end.Write(packetBytes(w.t, words[2:]))
		return nil
	case "gets":
		want := packetBytes(w.t, words[2:])
		got := make([]byte, len(want))
		end.SetReadDeadline(time.Now().Add(patience))
		n, err := io.ReadFull(end, got)
		if err != nil {
			return fmt.Errorf("got % x, want % x: %w", got[:n], want, err)
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("got % x, want % x", got, want)
		}
		return nil
	case "sees":
		if got := sees(end); got != words[2] {
			return fmt.Errorf("it sees %s", got)
		}
		return nil
	case "closes":
		return end.Close()
	case "half-closes":
		return memnet.CloseWrite(end)
	case "aborts":
		return memnet.Abort(end)
	}
	return fmt.Errorf("what is %q?", words[1])
}

// sees tells what a read meets.
func sees(c net.Conn) string {
	c.SetReadDeadline(time.Now().Add(silence))
	b := make([]byte, 100)
	n, err := c.Read(b)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return "nothing"
	}
	switch {
	case n > 0:
		return strings.ReplaceAll(fmt.Sprintf("bytes-% x", b[:n]), " ", "-")
	case errors.Is(err, io.EOF):
		return "FIN"
	case errors.Is(err, syscall.ECONNRESET):
		return "RST"
	}
	return err.Error()
}

// streams tells what the trace has of each leg and direction, in order. Between them there is no order.
func streams(events []trace.Event) string {
	lines := map[string]string{}
	for _, e := range events {
		var what string
		switch e.Kind {
		case trace.Packet:
			what = fmt.Sprintf("%v(%d)", wire.TypeOf(e.Bytes[0]), len(e.Bytes))
		case trace.Bytes:
			what = fmt.Sprintf("%d-bytes", len(e.Bytes))
		case trace.Close:
			what = string(e.How)
		case trace.Note:
			what = "note"
		default:
			continue
		}
		leg := map[trace.Leg]string{trace.ClientLeg: "client", trace.TargetLeg: "target"}[e.Leg]
		lines[leg+" leg "+e.Dir.String()] += " " + what
	}
	var all []string
	for k, v := range lines {
		all = append(all, k+":"+v)
	}
	slices.Sort(all)
	return strings.Join(all, "\n")
}

func describe(events []trace.Event) string {
	var b strings.Builder
	for _, e := range events {
		fmt.Fprintf(&b, "%s leg %d %s %s %s % .20x %s\n", e.Conn, e.Leg, e.Kind, e.Dir, e.How, e.Bytes, e.Text)
	}
	return b.String()
}
