package reports

import (
	"encoding/hex"
	"fmt"
	"time"

	"github.com/mqttspec/mqttspec/harness/req"
	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// began is when the runs of these tests began.
var began = time.Date(2026, 11, 20, 9, 30, 0, 0, time.UTC)

// tape records events as a run would.
type tape struct {
	v      wire.Version
	at     time.Duration
	events []TraceEvent
}

func (t *tape) add(e TraceEvent) {
	e.Seq, e.At = len(t.events), t.at
	t.at += 180 * time.Microsecond
	t.events = append(t.events, e)
}

func (t *tape) wait(d time.Duration) { t.at += d }

func (t *tape) open(conn, leg string) { t.add(TraceEvent{Conn: conn, Leg: leg, Kind: trace.Open}) }

func (t *tape) packet(conn, leg, dir string, p wire.Packet) {
	t.add(TraceEvent{Conn: conn, Leg: leg, Kind: trace.Packet, Dir: dir, Hex: hex.EncodeToString(wire.Bytes(p, t.v)), Text: wire.Summary(p, t.v)})
}

// through passes a packet over both legs of a link.
func (t *tape) through(conn, dir string, p wire.Packet) {
	first, second := "client", "target"
	if dir == "<" {
		first, second = second, first
	}
	t.packet(conn, first, dir, p)
	t.packet(conn, second, dir, p)
}

func (t *tape) close(conn, leg, dir, how string) {
	t.add(TraceEvent{Conn: conn, Leg: leg, Kind: trace.Close, Dir: dir, Text: how})
}

// linkDrop is the trace of a spec in which the link drops on a PUBACK.
func linkDrop(v wire.Version, payload string, again int) []TraceEvent {
	t := &tape{v: v}
	reader := wire.Connect{ClientID: "m4k2a01reader", KeepAlive: 60, Properties: wire.Properties{wire.SessionExpiryInterval(60)}}
	t.open("reader", "client")
	t.open("reader", "target")
	t.through("reader", ">", reader)
	t.through("reader", "<", wire.Connack{Properties: wire.Properties{wire.ReceiveMaximum(20), wire.TopicAliasMaximum(10)}})
	t.through("reader", ">", wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{Filter: "m4k2a01/a", QoS: wire.QoS1}}})
	t.through("reader", "<", wire.Suback{PacketID: 1, ReasonCodes: []wire.ReasonCode{1}})
	t.add(TraceEvent{Conn: "reader", Kind: trace.Fault, Text: "armed: reset when the 1st PUBACK passes to the server"})
	t.open("publisher", "")
	t.packet("publisher", "", ">", wire.Connect{ClientID: "m4k2a01pub", CleanStart: true, Username: &payload, Password: []byte("hunter2")})
	t.packet("publisher", "", "<", wire.Connack{})
	t.packet("publisher", "", ">", wire.Publish{PacketID: 7, QoS: wire.QoS1, Topic: "m4k2a01/a", Payload: []byte(payload)})
	t.packet("publisher", "", "<", wire.Puback{PacketID: 7})
	t.through("reader", "<", wire.Publish{PacketID: 3, QoS: wire.QoS1, Topic: "m4k2a01/a", Payload: []byte(payload)})
	t.packet("reader", "client", ">", wire.Puback{PacketID: 3})
	t.add(TraceEvent{Conn: "reader", Kind: trace.Fault, Text: "fired: reset, PUBACK withheld"})
	t.close("reader", "client", "<", "RST")
	t.close("reader", "target", ">", "RST")
	t.wait(1200 * time.Millisecond)
	t.open("reader#2", "client")
	t.open("reader#2", "target")
	t.through("reader#2", ">", reader)
	t.through("reader#2", "<", wire.Connack{SessionPresent: true})
	for n := range again {
		t.through("reader#2", "<", wire.Publish{PacketID: uint16(3 + n), QoS: wire.QoS1, Topic: "m4k2a01/a", Payload: []byte(payload)})
		t.through("reader#2", ">", wire.Puback{PacketID: uint16(3 + n)})
	}
	t.add(TraceEvent{Kind: trace.Note, Text: "✗ v5:MQTT-3.3.1-1: the DUP flag of the PUBLISH that is sent again"})
	t.packet("publisher", "", ">", wire.Disconnect{})
	t.close("publisher", "", ">", "FIN")
	t.close("publisher", "", "<", "FIN")
	return t.events
}

// shortTrace is the trace of a spec with one client and a pause.
func shortTrace(v wire.Version) []TraceEvent {
	t := &tape{v: v}
	t.open("client", "")
	t.packet("client", "", ">", wire.Connect{ClientID: "m4k2a02c", CleanStart: true, KeepAlive: 2})
	t.packet("client", "", "<", wire.Connack{})
	t.wait(3010 * time.Millisecond)
	t.close("client", "", "<", "FIN")
	return t.events
}

// chapters are the sections of the sample's list.
var chapters = []struct {
	section, prefix, file string
	texts                 []string
}{
	{"Clean Start", "CS", "scenarios/clean_start.go", []string{
		"reports no session for a Client Identifier that it never saw", "resumes a session with its subscriptions after a DISCONNECT",
		"resumes a session after FIN, RST and silence", "discards everything of the old session at Clean Start",
		"has really discarded it: a later resumption finds nothing", "keeps a session that began with Clean Start if it has an expiry",
	}},
	{"Session Expiry", "SE", "scenarios/session_expiry.go", []string{
		"keeps a session within its expiry interval", "ends a session after its expiry interval", "counts the interval from the close of the Network Connection",
		"takes the interval of the DISCONNECT packet", "never expires a session with the interval 0xFFFFFFFF",
	}},
	{"Message Expiry", "ME", "scenarios/message_expiry.go", []string{
		"delivers a live message with its interval", "takes the time in the queue off the interval", "drops a message that expired in the queue",
	}},
	{"Retain", "RT", "scenarios/retain.go", []string{
		"sends a retained message to a new subscription with RETAIN 1", "replaces a retained message by the newest", "removes a retained message by an empty payload",
		"obeys Retain Handling 2: no retained messages at subscribe",
	}},
	{"Ungraceful Disconnect", "UD", "scenarios/ungraceful_disconnect.go", []string{
		"publishes the will when the link is reset", "publishes no will after a DISCONNECT with 0x00", "closes a silent client after one and a half times the Keep Alive",
		"publishes the will of a client whose link stalls without FIN or RST", "waits for the Will Delay Interval before it publishes the will",
	}},
	{"Delivery while the link drops", "DG", "scenarios/delivery.go", []string{
		"redelivers an unacknowledged QoS 1 message, marked DUP, after the link drops", "delivers a QoS 2 message once when PUBREC is lost",
		"keeps the order of messages across a reconnection", "sends PUBREL again after the link drops behind PUBREC",
	}},
	{"Topic Aliases", "TA", "v5/topic_alias.go", []string{
		"refuses Topic Alias 0", "refuses an alias above its maximum", "forgets aliases when the Network Connection ends",
	}},
	{"Packet format", "PF", "v5/format.go", []string{
		"closes on a Remaining Length of five bytes", "closes on ill-formed UTF-8 in a topic", "closes on reserved flags of SUBSCRIBE", "closes on QoS 3",
	}},
}

// sampleList lists about `of` specs in both versions.
func sampleList(of int) (list []SpecInfo) {
	all := map[wire.Version][]req.Statement{wire.V5: req.Of(req.V5), wire.V311: req.Of(req.V311)}
	n := 0
	for round := 0; n < of; round++ {
		for c, ch := range chapters {
			for i, text := range ch.texts {
				number := round*len(ch.texts) + i + 1
				for _, v := range []wire.Version{wire.V5, wire.V311} {
					st := all[v]
					claims := []req.ID{st[(c*31+number*7)%len(st)].ID, st[(c*17+number*11)%len(st)].ID}
					if v == wire.V5 && ch.prefix == "DG" && number == 1 {
						claims = []req.ID{"v5:MQTT-4.4.0-1", "v5:MQTT-3.3.1-1"}
					}
					list = append(list, SpecInfo{ID: fmt.Sprintf("%s-%02d", ch.prefix, number), Text: text, Section: ch.section, Version: v,
						Claims: claims, Placement: "shared", File: "suites/" + ch.file, Line: 20 + 31*number, Wait: time.Duration(i%4) * time.Second})
				}
				if n++; n >= of {
					return list
				}
			}
		}
	}
	return list
}

// sample makes a result of `of` specs against some targets, with outcomes of every kind.
func sample(of int, targets ...string) Result {
	list := sampleList(of)
	var rows []Row
	var infos []TargetInfo
	for t, name := range targets {
		infos = append(infos, TargetInfo{Name: name, Software: "Sample Broker", Version: fmt.Sprintf("2.%d.11", t), Variant: "default",
			Observed: map[string]string{"5.0 Maximum QoS": "2", "5.0 Retain Available": "yes", "5.0 Receive Maximum": "20", "5.0 Shared Subscription Available": "no"},
			Declared: map[string]string{"5.0 Receive Maximum": "100"}})
		for i, s := range list {
			row := sampleRow(s, i, t)
			row.Target, row.Variant = name, "default"
			begin := Row{Event: "begin", ID: s.ID, Version: s.Version, Target: name, Variant: "default", At: row.At.Add(-row.Duration)}
			rows = append(rows, begin, row)
		}
	}
	return Assemble(list, rows, infos, RunInfo{
		Arguments: append([]string{"run", "--mqtt", "both", "--target"}, targets...), Seed: 42, Start: began, Duration: 11342 * time.Millisecond,
		Jitter: 740 * time.Microsecond, Parallel: 16, Complete: true, Tool: "0.1.0",
	})
}

func sampleRow(s SpecInfo, i, target int) Row {
	r := Row{Event: "end", ID: s.ID, Version: s.Version, At: began.Add(time.Duration(i) * 20 * time.Millisecond), Duration: time.Duration(3+i%17) * 1100 * time.Microsecond, Verdict: Pass, Jitter: 210 * time.Microsecond}
	for _, id := range s.Claims {
		r.Requirements = append(r.Requirements, Requirement{ID: id, Verdict: Pass, Text: "the first reply is what the statement demands"})
	}
	r.Monitored = map[req.ID]int{"v5:MQTT-1.5.4-1": 3}
	if s.Version == wire.V311 {
		r.Monitored = map[req.ID]int{"v311:MQTT-1.5.3-1": 2}
	}
	r.Trace = shortTrace(s.Version)
	kind := (i*7 + target*5) % 97
	switch {
	case s.ID == "DG-01" && target == 0 && s.Version == wire.V5:
		r.Verdict, r.Reason = Fail, "v5:MQTT-3.3.1-1: the DUP flag of the PUBLISH that is sent again: expected true, got false"
		r.Requirements = []Requirement{
			{ID: "v5:MQTT-4.4.0-1", Verdict: Pass, Text: "the target owes this step"},
			{ID: "v5:MQTT-3.3.1-1", Verdict: Fail, Text: "the DUP flag of the PUBLISH that is sent again", Expected: "true", Observed: "false"},
		}
		r.Faults = []string{"reset when the 1st PUBACK passes to the server"}
		r.Trace = linkDrop(s.Version, hostile, 1)
		r.TargetLog = "1732095000: New client connected from 127.0.0.1:51544 as m4k2a01reader (p5, c0, k60).\n1732095000: Client m4k2a01reader closed its connection.\n"
		r.Findings = []Finding{{ID: "v5:MQTT-3.3.1-1", Verdict: Fail, Text: "PUBLISH id=3 is sent again with DUP 0", Conn: "reader#2", Times: 1}}
		for _, e := range r.Trace {
			if e.Conn == "reader#2" && e.Dir == "<" && e.Leg == "target" && e.Kind == trace.Packet {
				r.Findings[0].EventSeq = e.Seq // the last one, the PUBLISH
			}
		}
	case kind < 4:
		r.Verdict, r.Reason = Fail, "the target kept the session: expected Session Present 0, got 1, after "+fmt.Sprint(kind+4)+" s"
		r.Requirements[0] = Requirement{ID: s.Claims[0], Verdict: Fail, Text: "Session Present in the CONNACK", Expected: "0: the session expired 3 s ago", Observed: "1, and the subscription is still there"}
		r.Trace = linkDrop(s.Version, "hello", kind)
	case kind < 7:
		r.Verdict, r.Reason, r.BlockedBy = Inconclusive, "blocked: no CONNACK within 2 s", "v5:MQTT-1.5.4-1"
		r.Requirements = nil
	case kind < 12:
		r.Verdict, r.Reason = Warning, "the will appears within 1 s: after 3.2 s"
		r.Warnings = []Requirement{{Verdict: Warning, Text: "the will appears within 1 s", Expected: "the will appears within 1 s", Observed: "after 3.2 s"}}
	case kind < 18:
		r.Verdict, r.Reason, r.Requirements, r.Trace = Skip, "the target offers no shared subscriptions (CONNACK: Shared Subscription Available 0)", nil, nil
	case kind < 23:
		r.Verdict, r.Behaviours = Behaviour, []Observation{{"lifetime of a 3.1.1 session", "1 h"}, {"reply to a second CONNECT", "DISCONNECT 0x82, then FIN"}}
	case kind == 30:
		r.Verdict, r.Reason = KnownFailure, "known since 2.0.11: https://example.org/issues/3743"
	case kind == 31:
		r.Findings = []Finding{{ID: "v5:MQTT-2.2.1-2", Verdict: Fail, Text: "PUBLISH with QoS 0 has a Packet Identifier", Conn: "client", EventSeq: 2, Times: 4}}
		r.Findings[0].ID = s.Claims[0]
	}
	return r
}

// hostile is a payload that would break out of a careless page, and disguise itself in a careless viewer.
const hostile = "</script><script>document.title='owned'</script><img src=x onerror=alert(1)>\u202egnp.exe\u2028&amp;]]>"
