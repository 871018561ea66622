package harness_test

import (
	"context"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"

	. "github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/memnet"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/netfault"
	"github.com/mqttspec/mqttspec/reports"
)

// scripted is a target that answers each packet with what answer returns; nil closes the connection.
type scripted struct {
	answer  func(wire.Packet) []wire.Packet
	serving sync.WaitGroup
}

func (s *scripted) Dial(context.Context) (net.Conn, error) {
	client, server := memnet.Pipe(0)
	s.serving.Go(func() {
		defer server.Close()
		for {
			b, err := wire.ReadFrame(server, 0)
			if err != nil {
				return
			}
			p, _ := wire.Decoder{Version: wire.V5}.Decode(b)
			for _, a := range s.answer(p) {
				if a == nil {
					return
				}
				server.Write(wire.Bytes(a, wire.V5))
			}
		}
	})
	return client, nil
}

func (s *scripted) Info() reports.TargetInfo { return reports.TargetInfo{Name: "scripted"} }
func (s *scripted) Close() error             { s.serving.Wait(); return nil }

// polite accepts CONNECT and answers PINGREQ.
func polite(p wire.Packet) []wire.Packet {
	switch p.(type) {
	case wire.Connect:
		return []wire.Packet{wire.Connack{}}
	case wire.Pingreq:
		return []wire.Packet{wire.Pingresp{}}
	case wire.Disconnect:
		return []wire.Packet{nil}
	}
	return nil
}

// run runs a body that claims two statements and returns its row.
func run(t *testing.T, answer func(wire.Packet) []wire.Packet, body func(context.Context)) (row reports.Row) {
	t.Helper()
	spec := Spec("T-1", "is a test", V5("MQTT-3.1.2-24", "MQTT-4.4.0-1"), body)
	items, err := Compile([]Group{Section("Tests", spec)}, wire.V5)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		target := &scripted{answer: answer}
		row = Run(t.Context(), items[0], 1, Config{Target: target, Token: "t", Timing: Timing{Reply: time.Second, Slack: time.Second, Quiet: time.Second}})
		target.Close()
		time.Sleep(2 * time.Hour) // for a body that sleeps on
	})
	return row
}

func TestVerdicts(t *testing.T) {
	const id = "MQTT-4.4.0-1"
	tests := []struct {
		name    string
		body    func(context.Context)
		verdict reports.Verdict
		own     bool
		reason  string // a part of it
	}{
		{"a Must that matches", func(ctx context.Context) { Must(ctx, id, "it is so", 1, Equal(1)) }, reports.Pass, false, ""},
		{"a Must that does not match", func(ctx context.Context) { Must(ctx, id, "it is so", 1, Equal(2)) }, reports.Fail, false, "v5:MQTT-4.4.0-1: it is so"},
		{"a Must on what is not claimed", func(ctx context.Context) { Must(ctx, "MQTT-3.1.2-4", "it is so", 1, Equal(1)) }, reports.Inconclusive, true, "does not claim v5:MQTT-3.1.2-4"},
		{"a Must with a matcher that cannot judge", func(ctx context.Context) { Must(ctx, id, "it is so", "text", BeTrue()) }, reports.Inconclusive, true, "matcher"},
		{"a Should that does not match", func(ctx context.Context) {
			Should(ctx, id, "it is nice", 1, Equal(2))
			Must(ctx, id, "it is so", 1, Equal(1))
		}, reports.Warning, false, "it is nice"},
		{"only a Should that matches", func(ctx context.Context) { Should(ctx, "", "it is nice", 1, Equal(1)) }, reports.Pass, false, ""},
		{"only a behaviour", func(ctx context.Context) { Record(ctx, "key", "value") }, reports.Behaviour, false, ""},
		{"nothing looked at", func(context.Context) {}, reports.Inconclusive, true, "without having checked"},
		{"a step that fails", func(ctx context.Context) { Step(ctx, "it is ready", false, BeTrue()) }, reports.Inconclusive, false, "blocked: it is ready"},
		{"an owed step that fails", func(ctx context.Context) { Step(Owed(ctx, id), "it is ready", false, BeTrue()) }, reports.Fail, false, "v5:MQTT-4.4.0-1: it is ready"},
		{"silence where a packet is awaited", func(ctx context.Context) { Next[wire.Publish](ctx, Connect(ctx, Clean(ctx, "c"))) }, reports.Inconclusive, false, "silence for 1s"},
		{"silence where a packet is owed", func(ctx context.Context) { Next[wire.Publish](Owed(ctx, id), Connect(ctx, Clean(ctx, "c"))) }, reports.Fail, false, "silence for 1s"},
		{"a close where a packet is awaited", func(ctx context.Context) {
			c := Connect(ctx, Clean(ctx, "c"))
			c.Disconnect(ctx)
			Next[wire.Publish](ctx, c)
		}, reports.Inconclusive, false, "ended (FIN)"},
		{"a lack that is announced", func(ctx context.Context) { SkipIf(ctx, true, "no such thing") }, reports.Skip, false, "no such thing"},
		{"a panic", func(context.Context) { panic("oops") }, reports.Inconclusive, true, "panic: oops"},
		{"a panic beside the body", func(ctx context.Context) { Together(ctx, func() { panic("oops") }) }, reports.Inconclusive, true, "panic: oops"},
		{"a failure beside the body", func(ctx context.Context) { Together(ctx, func() { Must(ctx, id, "it is so", 1, Equal(2)) }) }, reports.Fail, false, "it is so"},
		{"a body that does not end in time", func(ctx context.Context) { Wait(ctx, time.Hour) }, reports.Inconclusive, false, "longer than its deadline"},
		{"a body that ignores its end", func(context.Context) { time.Sleep(time.Hour) }, reports.Inconclusive, true, "did not end"},
		{"a time within its bounds", func(ctx context.Context) { MustBetween(ctx, id, "it comes", 2*time.Second, time.Second, 3*time.Second) }, reports.Pass, false, ""},
		{"a time out of its bounds", func(ctx context.Context) { MustBetween(ctx, id, "it comes", 4*time.Second, time.Second, 3*time.Second) }, reports.Fail, false, "after 4s"},
		{"a fault that did not fire", func(ctx context.Context) {
			Link(ctx).On(netfault.Match{Type: wire.PUBACK}, netfault.Reset{})
			Must(ctx, id, "it is so", 1, Equal(1))
		}, reports.Inconclusive, false, "did not fire"},
		{"a fault that did not fire, and a broken rule", func(ctx context.Context) {
			Link(ctx).On(netfault.Match{Type: wire.PUBACK}, netfault.Reset{})
			Must(ctx, id, "it is so", 1, Equal(2))
		}, reports.Fail, false, "it is so"},
		{"a fault that fired", func(ctx context.Context) {
			l := Link(ctx)
			r := l.On(netfault.Match{Type: wire.PINGREQ}, netfault.Reset{})
			c := Connect(ctx, Clean(ctx, "c"), l)
			c.Send(ctx, wire.Pingreq{})
			Fired(ctx, r)
			c.Closed(Owed(ctx, id))
		}, reports.Pass, false, ""},
		{"a fault that is owed and does not fire", func(ctx context.Context) {
			l := Link(ctx)
			r := l.On(netfault.Match{Dir: netfault.ToClient, Type: wire.PUBLISH}, netfault.Reset{})
			Connect(ctx, Clean(ctx, "c"), l)
			Fired(Owed(ctx, id), r)
		}, reports.Fail, false, "a packet comes for the fault"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			row := run(t, polite, tt.body)
			if row.Verdict != tt.verdict || row.OwnDefect != tt.own || !strings.Contains(row.Reason, tt.reason) {
				t.Errorf("got %q (own defect %t): %s", row.Verdict, row.OwnDefect, row.Reason)
			}
		})
	}
}

// TestUnreachableIsNoFailure holds that a target that is gone breaks no statement, also where a step was owed.
func TestUnreachableIsNoFailure(t *testing.T) {
	spec := Spec("T-1", "is a test", V5("MQTT-4.4.0-1"), func(ctx context.Context) {
		Connect(Owed(ctx, "MQTT-4.4.0-1"), Clean(ctx, "c"))
	})
	items, err := Compile([]Group{Section("Tests", spec)}, wire.V5)
	if err != nil {
		t.Fatal(err)
	}
	row := Run(t.Context(), items[0], 1, Config{Target: deafButSpeaking{}})
	if row.Verdict != reports.Inconclusive || !strings.Contains(row.Reason, "cannot be reached: nobody there") {
		t.Errorf("got %s: %s", row.Verdict, row.Reason)
	}
	if row.TargetLog != "the end of the log" {
		t.Errorf("the row has the target's log %q", row.TargetLog)
	}
}

// deafButSpeaking is deaf with a log.
type deafButSpeaking struct{ deaf }

func (deafButSpeaking) Logs() string { return "the end of the log" }

// TestClientKeepsWhatComesEarly holds that packets are not lost between steps, and are taken in order by type.
func TestClientKeepsWhatComesEarly(t *testing.T) {
	row := run(t, func(p wire.Packet) []wire.Packet {
		if _, ok := p.(wire.Pingreq); ok {
			return []wire.Packet{wire.Publish{Topic: "a", Payload: []byte("1")}, wire.Publish{Topic: "a", Payload: []byte("2")}, wire.Pingresp{}}
		}
		return polite(p)
	}, func(ctx context.Context) {
		c := Connect(ctx, Clean(ctx, "c"))
		c.Ping(ctx)
		Must(ctx, "MQTT-4.4.0-1", "both wait", Payloads(c.Pending()), Equal([]string{"1", "2"}))
		Must(ctx, "MQTT-4.4.0-1", "the first comes first", string(c.ReceivePublish(ctx).Payload), Equal("1"))
		_, o := Try[wire.Puback](ctx, c, time.Second)
		Must(ctx, "MQTT-4.4.0-1", "what did not come is a silence", o, Equal(Silent))
		Must(ctx, "MQTT-4.4.0-1", "the second was kept meanwhile", string(c.ReceivePublish(ctx).Payload), Equal("2"))
		c.Disconnect(ctx)
		_, o = Try[wire.Puback](ctx, c, time.Second)
		Must(ctx, "MQTT-4.4.0-1", "an end is not a silence", o, Equal(Ended))
	})
	if row.Verdict != reports.Pass {
		t.Errorf("got %s: %s", row.Verdict, row.Reason)
	}
}

// TestShorterSessionIsSkipped holds that a spec whose session the server cuts short is skipped with what it announced.
func TestShorterSessionIsSkipped(t *testing.T) {
	row := run(t, func(p wire.Packet) []wire.Packet {
		if _, ok := p.(wire.Connect); ok {
			return []wire.Packet{wire.Connack{Properties: wire.Properties{wire.SessionExpiryInterval(5)}}}
		}
		return polite(p)
	}, func(ctx context.Context) { Connect(ctx, Persistent(ctx, "c", 300)) })
	if row.Verdict != reports.Skip || !strings.Contains(row.Reason, "5 s at most") {
		t.Errorf("got %s: %s", row.Verdict, row.Reason)
	}
}

// TestCompileRefuses holds what makes a list an error.
func TestCompileRefuses(t *testing.T) {
	body := func(context.Context) {}
	for want, specs := range map[string][]Definition{
		"is defined at":                  {Spec("A", "text", V5("MQTT-3.1.2-4"), body), Spec("A", "text", V5("MQTT-3.1.2-4"), body)},
		"catalogue does not know":        {Spec("A", "text", V5("MQTT-3.1.2-400"), body)},
		"claims no statement":            {Spec("A", "text", nil, body)},
		"wants an id, a text and a body": {Spec("A", "", V5("MQTT-3.1.2-4"), body)},
	} {
		if _, err := Compile([]Group{Section("S", specs...)}, wire.V5); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error that says %q", err, want)
		}
	}
}

// TestIDsFitEveryServer holds that identifiers keep to what every server accepts, for every spec of a long list.
func TestIDsFitEveryServer(t *testing.T) {
	row := run(t, polite, func(ctx context.Context) {
		Must(ctx, "MQTT-4.4.0-1", "the id has at most 23 letters and digits", ID(ctx, "twelvechars1"), MatchRegexp(`^[0-9a-zA-Z]{1,23}$`))
	})
	if row.Verdict != reports.Pass {
		t.Errorf("got %s: %s", row.Verdict, row.Reason)
	}
	if row := run(t, polite, func(ctx context.Context) { ID(ctx, "muchmorethantwelvecharacters") }); !row.OwnDefect {
		t.Errorf("a name that is too long is not called a defect: %s %s", row.Verdict, row.Reason)
	}
	if token := Token(); len(token) > 7 {
		t.Errorf("the token %q leaves less than 12 characters for names", token)
	}
}
