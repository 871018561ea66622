package netfault

import (
	"bytes"
	"context"
	"errors"
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

// bubble runs a test of a link in virtual time. The servers' ends of its connections come from accept, in order.
func bubble(t *testing.T, test func(t *testing.T, l *Link, log *trace.Log, accept func() net.Conn)) {
	synctest.Test(t, func(t *testing.T) {
		log := &trace.Log{}
		targets := memnet.Listen()
		l := NewLink(targets.Dial, log, "c")
		defer targets.Close()
		defer l.Shut()
		test(t, l, log, func() net.Conn {
			c, err := targets.Accept()
			if err != nil {
				t.Fatal(err)
			}
			return c
		})
	})
}

func dial(t *testing.T, l *Link) net.Conn {
	t.Helper()
	c, err := l.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func readN(t *testing.T, c net.Conn, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if n, err := io.ReadFull(c, b); err != nil {
		t.Fatalf("%d bytes, then %v", n, err)
	}
	return b
}

func TestDelayCountsFromArrival(t *testing.T) {
	bubble(t, func(t *testing.T, l *Link, _ *trace.Log, accept func() net.Conn) {
		client, server := dial(t, l), accept()
		const delay = 200 * time.Millisecond
		l.Delay(ToServer, delay)
		start := time.Now()
		go func() {
			for i := range 10 {
				client.Write(wire.Bytes(wire.Puback{PacketID: uint16(i)}, wire.V5))
				time.Sleep(30 * time.Millisecond)
			}
			memnet.CloseWrite(client)
		}()
		for i := range 10 {
			b := readN(t, server, 4)
			if at, want := time.Since(start), delay+time.Duration(i)*30*time.Millisecond; b[3] != byte(i) || at != want {
				t.Errorf("packet %d came as the %dth after %v, want %v", b[3], i, at, want)
			}
		}
		_, err := server.Read(make([]byte, 1))
		if at := time.Since(start); err != io.EOF || at != delay+300*time.Millisecond {
			t.Errorf("the end was %v after %v", err, at)
		}
		server.Write([]byte{0xd0, 0})
		readN(t, client, 2)
		if at := time.Since(start); at != delay+300*time.Millisecond {
			t.Errorf("the other direction was late: %v", at)
		}
	})
}

func TestStallKeepsABoundedAmount(t *testing.T) {
	bubble(t, func(t *testing.T, l *Link, _ *trace.Log, accept func() net.Conn) {
		client, server := dial(t, l), accept()
		l.Stall(ToServer)
		sent := publishStream(8 << 20)
		client.SetWriteDeadline(time.Now().Add(time.Minute))
		n, err := client.Write(sent)
		if !errors.Is(err, os.ErrDeadlineExceeded) || n < aheadLimit/2 || n > aheadLimit+2*memnet.DefaultBuffer {
			t.Fatalf("a stalled link took %d bytes, %v", n, err)
		}
		l.Heal()
		client.SetWriteDeadline(time.Time{})
		go func() {
			client.Write(sent[n:])
			client.Close()
		}()
		got, err := io.ReadAll(server)
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("%d bytes came, %v, want %d", len(got), err, len(sent))
		}
	})
}

func publishStream(total int) (b []byte) {
	for i := 0; len(b) < total; i++ {
		b = wire.Publish{Topic: "t", QoS: 1, PacketID: uint16(i), Payload: bytes.Repeat([]byte{byte(i)}, i%5000)}.Append(b, wire.V5)
	}
	return b
}

func TestRulesCountOverConnectionsAndStallsOutliveThem(t *testing.T) {
	bubble(t, func(t *testing.T, l *Link, log *trace.Log, accept func() net.Conn) {
		rule := l.On(Match{Dir: ToServer, Type: wire.PINGREQ, Nth: 2}, Reset{})
		for i := range 2 {
			client, server := dial(t, l), accept()
			client.Write(wire.Bytes(wire.Pingreq{}, wire.V5))
			synctest.Wait()
			if rule.HasFired() != (i == 1) {
				t.Errorf("after PINGREQ %d: fired %v", i+1, rule.HasFired())
			}
			if i == 1 {
				if got := sees(client); got != "RST" {
					t.Errorf("the client sees %s", got)
				}
				continue
			}
			client.Close()
			readN(t, server, 2)
			server.Close()
		}
		l.Stall(ToClient)
		client, err := l.DialAs(t.Context(), "third")
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		accept().Write([]byte{0xd0, 0})
		if got := sees(client); got != "nothing" {
			t.Errorf("through the stall the client sees %s", got)
		}
		l.Heal()
		if got := sees(client); got != "bytes-d0-00" {
			t.Errorf("after the heal the client sees %s", got)
		}
		var opened []string
		for _, e := range log.Events() {
			if e.Kind == trace.Open && e.Leg == trace.ClientLeg {
				opened = append(opened, e.Conn)
			}
		}
		if want := []string{"c", "c#2", "third"}; !slices.Equal(opened, want) {
			t.Errorf("connections %q, want %q", opened, want)
		}
	})
}

func TestOpeningRuleCountsConnections(t *testing.T) {
	bubble(t, func(t *testing.T, l *Link, _ *trace.Log, accept func() net.Conn) {
		l.On(Match{Open: true, Nth: 2}, Reset{})
		for i, want := range []string{"nothing", "RST", "nothing"} {
			client := dial(t, l)
			accept()
			if got := sees(client); got != want {
				t.Errorf("connection %d sees %s, want %s", i+1, got, want)
			}
		}
	})
}

func TestConditionsAndRewritesSeeTheDecodedPacket(t *testing.T) {
	for _, v := range []wire.Version{wire.V311, wire.V5} {
		t.Run(v.String(), func(t *testing.T) {
			bubble(t, func(t *testing.T, l *Link, _ *trace.Log, accept func() net.Conn) {
				reasons := wire.ReasonCode(0)
				l.On(Match{Dir: ToServer, Type: wire.PUBLISH, When: func(p wire.Packet) bool {
					return p.(wire.Publish).PacketID == 7
				}}, Rewrite{With: func(raw []byte, p wire.Packet) []byte {
					out := p.(wire.Publish)
					out.Payload = append(out.Payload, '!')
					clear(raw) // it is ours
					return out.Append(nil, v)
				}})
				l.On(Match{Dir: ToClient, Type: wire.CONNACK, When: func(p wire.Packet) bool {
					reasons = p.(wire.Connack).ReasonCode
					return false
				}}, Drop{})
				client, server := dial(t, l), accept()
				connect := wire.Bytes(wire.Connect{ClientID: "c"}, v)
				client.Write(connect)
				readN(t, server, len(connect))
				connack := wire.Bytes(wire.Connack{ReasonCode: 5}, v)
				server.Write(connack)
				readN(t, client, len(connack))
				if reasons != 5 {
					t.Errorf("the condition saw Reason Code %v", reasons)
				}
				in, want := []byte(nil), []byte(nil)
				for id := range uint16(9) {
					p := wire.Publish{QoS: 1, PacketID: id + 1, Topic: "t", Payload: []byte("x")}
					in = p.Append(in, v)
					if p.PacketID == 7 {
						p.Payload = []byte("x!")
					}
					want = p.Append(want, v)
				}
				client.Write(in)
				if got := readN(t, server, len(want)); !bytes.Equal(got, want) {
					t.Errorf("got  % x\nwant % x", got, want)
				}
			})
		})
	}
}

func TestConditionIsNotAskedAboutUndecodablePackets(t *testing.T) {
	bubble(t, func(t *testing.T, l *Link, _ *trace.Log, accept func() net.Conn) {
		r := l.On(Match{Dir: ToServer, Type: wire.SUBSCRIBE, When: func(p wire.Packet) bool { return p.Type() > 0 }}, Drop{})
		client, server := dial(t, l), accept()
		client.Write([]byte{0x82, 1, 0}) // its Packet Identifier is cut
		if got := readN(t, server, 3); !bytes.Equal(got, []byte{0x82, 1, 0}) || r.HasFired() {
			t.Errorf("got % x, fired %v", got, r.HasFired())
		}
	})
}

func TestFaultsAreRecordedWhenArmedAndWhenFired(t *testing.T) {
	bubble(t, func(t *testing.T, l *Link, log *trace.Log, accept func() net.Conn) {
		var told []string
		l.OnFault = func(conn, text string) { told = append(told, conn+": "+text) }
		l.On(Match{Type: wire.PINGREQ, When: func(wire.Packet) bool { return true }}, Reset{After: true})
		client, server := dial(t, l), accept()
		client.Write([]byte{0xc0, 0})
		readN(t, server, 2)
		synctest.Wait()
		l.StallBoth()
		l.Delay(ToClient, time.Second)
		l.Heal()
		l.HalfClose(ToServer)
		l.CutFIN()
		var got []string
		for _, e := range log.Events() {
			if e.Kind == trace.Fault {
				got = append(got, e.Conn+": "+e.Text)
			}
		}
		want := []string{
			"c: armed: reset@to-server:PINGREQ,after when(…)",
			"c: fired: reset@to-server:PINGREQ,after when(…) on PINGREQ",
			"c: now: stall=both", "c: now: delay=1s@to-client", "c: heal", "c: now: half-close=to-server", "c: now: close",
		}
		if !slices.Equal(got, want) || !slices.Equal(told, want) {
			t.Errorf("recorded\n%s\ntold\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(told, "\n"), strings.Join(want, "\n"))
		}
	})
}

// What is received is recorded when it arrives, also where it is withheld; what is sent is recorded when it goes on.
func TestTraceShowsWhatAStallWithholds(t *testing.T) {
	bubble(t, func(t *testing.T, l *Link, log *trace.Log, accept func() net.Conn) {
		client := dial(t, l)
		accept()
		l.Stall(ToServer)
		client.Write([]byte{0xc0, 0})
		client.Close()
		synctest.Wait()
		time.Sleep(time.Second)
		l.Heal()
		synctest.Wait()
		at := map[string]time.Duration{}
		events := log.Events()
		for _, e := range events {
			if e.Dir == ToServer && (e.Kind == trace.Packet || e.Kind == trace.Close) {
				leg := map[trace.Leg]string{trace.ClientLeg: "client", trace.TargetLeg: "target"}[e.Leg]
				at[leg+" "+string(e.Kind)] = e.At.Sub(events[0].At)
			}
		}
		if len(at) != 4 || at["client packet"] != 0 || at["client close"] != 0 || at["target packet"] != time.Second || at["target close"] != time.Second {
			t.Errorf("recorded at %v", at)
		}
	})
}

func TestPanicOfAConditionResetsAndIsReported(t *testing.T) {
	bubble(t, func(t *testing.T, l *Link, _ *trace.Log, accept func() net.Conn) {
		var value any
		var stack []byte
		l.OnPanic = func(v any, s []byte) { value, stack = v, s }
		l.On(Match{Type: wire.PINGREQ, When: func(wire.Packet) bool { panic("oops") }}, Drop{})
		client, server := dial(t, l), accept()
		client.Write([]byte{0xc0, 0})
		synctest.Wait()
		if value != "oops" || !bytes.Contains(stack, []byte("TestPanicOfACondition")) {
			t.Errorf("got %v from\n%s", value, stack)
		}
		if c, s := sees(client), sees(server); c != "RST" || s != "RST" {
			t.Errorf("the client sees %s, the server %s", c, s)
		}
	})
}

func TestOnRefusesAPacketActionAtTheOpening(t *testing.T) {
	for _, a := range []Action{Drop{}, Slice{At: []int{1}}, Rewrite{}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%v was armed", a)
				}
			}()
			NewLink(nil, nil, "").On(Match{Open: true}, a)
		}()
	}
}

func TestShut(t *testing.T) {
	for name, before := range map[string]func(l *Link, client, server net.Conn){
		"idle":          func(*Link, net.Conn, net.Conn) {},
		"stalled":       func(l *Link, client, _ net.Conn) { l.StallBoth(); client.Write([]byte{0xc0, 0}) },
		"delayed":       func(l *Link, client, _ net.Conn) { l.Delay(ToServer, time.Hour); client.Write([]byte{0xc0, 0}) },
		"half-closed":   func(l *Link, client, _ net.Conn) { memnet.CloseWrite(client) },
		"cut":           func(l *Link, _, _ net.Conn) { l.CutFIN() },
		"reset":         func(l *Link, _, _ net.Conn) { l.Reset() },
		"blocked write": func(_ *Link, client, _ net.Conn) { go client.Write(publishStream(1 << 20)) },
		"full queue":    func(l *Link, client, _ net.Conn) { l.Stall(ToServer); go client.Write(publishStream(4 << 20)) },
		"slice with a gap": func(l *Link, client, _ net.Conn) {
			l.On(Match{}, Slice{At: []int{1}, Gap: time.Hour})
			client.Write([]byte{0xc0, 0})
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, l *Link, log *trace.Log, accept func() net.Conn) {
				client, server := dial(t, l), accept()
				before(l, client, server)
				synctest.Wait()
				start := time.Now()
				l.Shut()
				l.Shut()
				if took := time.Since(start); took != 0 {
					t.Errorf("it took %v", took)
				}
				closes := 0
				for _, e := range log.Events() {
					if e.Kind == trace.Close {
						closes++
					}
				}
				if closes != 4 {
					t.Errorf("%d ends are recorded, want one for each leg and direction:\n%s", closes, describe(log.Events()))
				}
				if _, err := l.Dial(t.Context()); !errors.Is(err, net.ErrClosed) {
					t.Errorf("Dial afterwards: %v", err)
				}
			})
		})
	}
}

func TestDialReportsTheErrorOfTheTarget(t *testing.T) {
	log := &trace.Log{}
	l := NewLink(func(context.Context) (net.Conn, error) { return nil, syscall.ECONNREFUSED }, log, "c")
	defer l.Shut()
	if c, err := l.Dial(t.Context()); c != nil || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v, %v", c, err)
	}
	if es := log.Events(); len(es) != 1 || es[0].Kind != trace.Note || !strings.Contains(es[0].Text, "refused") {
		t.Errorf("recorded %s", describe(es))
	}
}

// A peer that never ends its direction after a Close is left after a while.
func TestCloseDoesNotWaitForever(t *testing.T) {
	bubble(t, func(t *testing.T, l *Link, log *trace.Log, accept func() net.Conn) {
		client, server := dial(t, l), accept()
		l.CutFIN()
		readEOF := func(c net.Conn) bool { _, err := c.Read(make([]byte, 1)); return err == io.EOF }
		if !readEOF(client) || !readEOF(server) {
			t.Fatal("no end of file")
		}
		time.Sleep(linger - time.Millisecond)
		if _, err := server.Write([]byte{0xd0, 0}); err != nil || len(l.connections()) != 1 {
			t.Fatalf("before: %v, %d connections", err, len(l.connections()))
		}
		time.Sleep(2 * time.Millisecond)
		if len(l.connections()) != 0 {
			t.Error("the connection is still there")
		}
		server.Write([]byte{0xd0, 0})
		if _, err := server.Write([]byte{0xd0, 0}); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("writing on: %v", err)
		}
	})
}

// A reset is reported once by the kernel. Here the write gets it.
func TestResetThatAWriteMeetsIsPassedOn(t *testing.T) {
	bubble(t, func(t *testing.T, l *Link, log *trace.Log, accept func() net.Conn) {
		client, server := dial(t, l), accept()
		go client.Write(publishStream(2 << 20)) // until both buffers are full, so that the link is in a write
		synctest.Wait()
		server.Write([]byte{0xd0, 0})
		memnet.Abort(server)
		if got := readN(t, client, 2); !bytes.Equal(got, []byte{0xd0, 0}) {
			t.Errorf("got % x", got)
		}
		synctest.Wait() // the client may learn of it from its own write, so what counts is what was sent to it
		for _, leg := range []trace.Leg{trace.TargetLeg, trace.ClientLeg} {
			if how := closeOf(log, leg, ToClient); how != trace.RST {
				t.Errorf("leg %d ended with %q, want a reset", leg, how)
			}
		}
	})
}

// closeOf returns how a stream ended, "" if it has not.
func closeOf(log *trace.Log, leg trace.Leg, d Dir) trace.How {
	for _, e := range log.Events() {
		if e.Kind == trace.Close && e.Leg == leg && e.Dir == d {
			return e.How
		}
	}
	return ""
}
