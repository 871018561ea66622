package netfault

import (
	"slices"
	"strings"
	"testing"
)

// faultCases run in memory and over loopback TCP. Traces are what is recorded of each leg and direction once all is
// over; where none is given, the two must agree all the same.
var faultCases = []struct {
	name   string
	faults string // separated by blanks
	script string
	// late is the script for loopback TCP, where a busy machine may be late with everything; "" is the same script.
	late  string
	trace string
}{
	{name: "pass-through and an end in order", script: `
		client sends connect
		server gets connect
		server sends connack
		client gets connack
		client sends subscribe publish1
		server gets subscribe publish1
		client closes
		server sees FIN
		server closes`, trace: `
		client leg to client: CONNACK(5) FIN
		client leg to server: CONNECT(16) SUBSCRIBE(11) PUBLISH(13) FIN
		target leg to client: CONNACK(5) FIN
		target leg to server: CONNECT(16) SUBSCRIBE(11) PUBLISH(13) FIN`},
	{name: "half-close by the client is relayed and the other direction goes on", script: `
		client sends connect
		client half-closes
		server gets connect
		server sees FIN
		server sends connack
		client gets connack
		client sees nothing
		server closes
		client sees FIN`},
	{name: "half-close by the server is relayed and the other direction goes on", script: `
		server sends connack
		server half-closes
		client gets connack
		client sees FIN
		client sends connect
		server gets connect
		client closes
		server sees FIN`},
	{name: "a reset by the client is a reset for the server, after what came before", script: `
		client sends connect half
		client aborts
		server gets connect half
		server sees RST`, trace: `
		client leg to client: Local
		client leg to server: CONNECT(16) 5-bytes RST
		target leg to client: Local
		target leg to server: CONNECT(16) 5-bytes RST`},
	{name: "a reset by the server is a reset for the client, after what came before", script: `
		client sends connect
		server gets connect
		server sends connack
		server aborts
		client gets connack
		client sees RST`, trace: `
		client leg to client: CONNACK(5) RST
		client leg to server: CONNECT(16) Local
		target leg to client: CONNACK(5) RST
		target leg to server: CONNECT(16) Local`},
	{name: "reset at a packet", faults: "reset@to-server:PUBACK:2", script: `
		client sends connect puback1
		server gets connect puback1
		rule 1 waits
		client sends puback2
		server sees RST
		client sees RST
		rule 1 fired`, trace: `
		client leg to client: RST
		client leg to server: CONNECT(16) PUBACK(4) PUBACK(4) Local
		target leg to client: Local
		target leg to server: CONNECT(16) PUBACK(4) RST`},
	{name: "reset right after a packet", faults: "reset@to-client:CONNACK,after", script: `
		client sends connect
		server gets connect
		server sends connack
		client gets connack
		client sees RST
		server sees RST
		rule 1 fired`},
	{name: "packets before the one that resets arrive though they come together", faults: "reset@to-server:PUBACK", script: `
		client sends connect publish1 puback1 publish2
		server gets connect publish1
		server sees RST
		client sees RST`},
	{name: "reset now, on an idle link", script: `
		client sends connect
		server gets connect
		link reset
		client sees RST
		server sees RST`},
	{name: "reset now, inside a packet", script: `
		client sends connect half
		server gets connect half
		link reset
		client sees RST
		server sees RST`, trace: `
		client leg to client: RST
		client leg to server: CONNECT(16) 5-bytes Local
		target leg to client: Local
		target leg to server: CONNECT(16) 5-bytes RST`},
	{name: "reset at the opening", faults: "reset@connect", script: `
		client sees RST
		server sees RST
		rule 1 fired`},
	{name: "close at a packet", faults: "close@to-server:publish", script: `
		client sends connect publish1
		server gets connect
		server sees FIN
		client sees FIN
		client closes
		server closes
		rule 1 fired`, trace: `
		client leg to client: FIN
		client leg to server: CONNECT(16) PUBLISH(13) FIN
		target leg to client: FIN
		target leg to server: CONNECT(16) FIN`},
	{name: "close right after a packet", faults: "close@to-server:publish,after", script: `
		client sends connect publish1 publish2
		server gets connect publish1
		server sees FIN
		client sees FIN`},
	{name: "close now, and what comes afterwards is discarded", script: `
		client sends connect
		server gets connect
		link close
		client sees FIN
		server sees FIN
		client sends pingreq
		server sends pingresp
		client sees FIN
		server sees FIN
		server closes
		client closes`},
	{name: "half-close as a fault", faults: "half-close@to-server:PUBLISH", script: `
		client sends connect publish1
		server gets connect
		server sees FIN
		client sends publish2
		server sends connack
		client gets connack
		client sees nothing
		server closes
		client sees FIN
		client closes`},
	{name: "half-close now", script: `
		server sends connack
		client gets connack
		link half-close=to-client
		client sees FIN
		client sends connect
		server gets connect
		server sees nothing`},
	{name: "half-close of the other direction lets the packet pass", faults: "half-close=to-client@to-server:PUBLISH", script: `
		client sends connect publish1
		server gets connect publish1
		client sees FIN`},
	{name: "stall withholds bytes, the other direction goes on, heal delivers", faults: "stall@to-server:PUBACK", script: `
		client sends connect puback1 puback2
		server gets connect
		rule 1 fired
		server sees nothing
		server sends connack
		client gets connack
		link heal
		server gets puback1 puback2`},
	{name: "stall right after a packet", faults: "stall@to-server:PUBACK,after", script: `
		client sends connect puback1 puback2
		server gets connect puback1
		server sees nothing
		link heal
		server gets puback2`},
	{name: "stall withholds FIN", script: `
		link stall=to-server
		client sends connect
		client half-closes
		server sees nothing
		link heal
		server gets connect
		server sees FIN
		client sees nothing`},
	{name: "stall withholds RST", script: `
		link stall=both
		client sends connect
		client aborts
		server sees nothing
		link heal
		server gets connect
		server sees RST`},
	{name: "a stall in the direction to a client that resets withholds nothing of the reset to the server", script: `
		link stall=to-client
		server sends connack
		client sees nothing
		client aborts
		server sees RST`},
	{name: "stall at the opening", faults: "stall@connect", script: `
		client sends connect
		server sends connack
		server sees nothing
		client sees nothing
		rule 1 fired
		link heal
		server gets connect
		client gets connack`},
	{name: "reset of a stalled link", script: `
		link stall
		client sends connect
		server sees nothing
		link reset
		client sees RST
		server sees RST`},
	{name: "close of a stalled link loses what was withheld", script: `
		link stall
		client sends connect
		server sees nothing
		link close
		server sees FIN
		client sees FIN`},
	{name: "delay", faults: "delay=100ms@to-client", script: `
		client sends connect
		server gets connect
		server sends connack
		client sees nothing
		server sends pingresp
		client gets connack pingresp
		server closes
		client sees nothing
		client closes`},
	{name: "a delay withdrawn lets go at once", script: `
		link delay=1h@to-server
		client sends connect
		server sees nothing
		link delay=0s@to-server
		server gets connect`},
	{name: "drop", faults: "drop@to-server:PUBLISH:2", script: `
		client sends connect publish1 publish2 publish3
		server gets connect publish1 publish3
		rule 1 fired`, trace: `
		client leg to server: CONNECT(16) PUBLISH(13) PUBLISH(13) PUBLISH(15) Local
		client leg to client: Local
		target leg to client: Local
		target leg to server: CONNECT(16) PUBLISH(13) PUBLISH(15) Local`},
	{name: "drop each from the second on", faults: "drop@to-server:PUBLISH:2,every", script: `
		client sends connect publish1 publish2 publish3 pingreq
		server gets connect publish1 pingreq`},
	{name: "drop any packet", faults: "drop@to-server:any:3", script: `
		client sends connect publish1 publish2 pingreq
		server gets connect publish1 pingreq`},
	{name: "rewrite", faults: "replace=d0017f@to-client:PINGRESP", script: `
		client sends connect
		server gets connect
		server sends connack pingresp connack
		client gets connack replaced connack`, trace: `
		client leg to client: CONNACK(5) PINGRESP(3) CONNACK(5) Local
		client leg to server: CONNECT(16) Local
		target leg to client: CONNACK(5) PINGRESP(2) CONNACK(5) Local
		target leg to server: CONNECT(16) Local`},
	{name: "slice", faults: "slice=1,2,7/60ms@to-server:CONNECT", script: `
		client sends connect publish1
		server sees bytes-10
		server sees nothing
		after 25ms
		server sees bytes-0e
		server sees nothing
		after 25ms
		server sees bytes-00-04-4d-51-54
		server sees nothing
		after 25ms
		server gets connect-rest publish1`, late: `
		client sends connect publish1
		server gets connect-1
		server gets connect-2
		at least 60ms have passed
		server gets connect-3
		at least 120ms have passed
		server gets connect-rest publish1
		at least 180ms have passed`},
	{name: "several rules on one packet act in the order of arming", faults: "replace=d0017f@to-server:PINGREQ drop@to-server:PUBLISH reset@to-server:PINGREQ,after", script: `
		client sends connect publish1 pingreq pingreq
		server gets connect replaced
		server sees RST`},
	{name: "a rule for a packet that does not come waits", faults: "reset@to-server:DISCONNECT drop@to-client:PUBLISH", script: `
		client sends connect publish1
		server gets connect publish1
		server sends connack
		client gets connack
		rule 1 waits
		rule 2 waits`},
	{name: "a packet that is cut is forwarded as it is, though a rule waits for it", faults: "drop@to-server:PUBLISH", script: `
		client sends connect half
		server gets connect
		server sees nothing
		client closes
		server gets half
		server sees FIN
		rule 1 waits`},
	{name: "a packet that no rule could hit is forwarded in part", faults: "drop@to-server:PUBACK", script: `
		client sends connect half
		server gets connect half
		client sends rest
		server gets rest`, trace: `
		client leg to client: Local
		client leg to server: CONNECT(16) PUBLISH(11) Local
		target leg to client: Local
		target leg to server: CONNECT(16) PUBLISH(11) Local`},
	{name: "a packet that a rule could hit is held until it is whole", faults: "drop@to-server:PUBLISH:2", script: `
		client sends connect publish1 half
		server gets connect publish1
		server sees nothing
		client sends rest publish2
		server gets publish2`},
	{name: "undecodable bytes pass as they are", faults: "drop@to-server:PUBACK", script: `
		client sends connect garbage puback1
		server gets connect garbage puback1
		rule 1 waits
		client half-closes
		server sees FIN`, trace: `
		client leg to client: Local
		client leg to server: CONNECT(16) note 10-bytes FIN
		target leg to client: Local
		target leg to server: CONNECT(16) note 10-bytes FIN`},
	{name: "undecodable bytes pass though a rule holds their start", faults: "drop@to-server:PUBLISH", script: `
		client sends connect half
		server gets connect
		client sends rest
		rule 1 fired
		client sends garbage puback1
		server gets garbage puback1`},
	{name: "a length over the bound is undecodable", script: `
		client sends huge puback1
		server gets huge puback1`, trace: `
		client leg to client: Local
		client leg to server: note 9-bytes Local
		target leg to client: Local
		target leg to server: note 9-bytes Local`},
}

func TestFaults(t *testing.T) {
	for _, tt := range faultCases {
		t.Run(tt.name, func(t *testing.T) {
			var seen []string
			for _, env := range both {
				var w *world
				t.Run(env.name, func(t *testing.T) {
					env.run(t, parseAll(t, tt.faults), func(in *world) {
						w = in
						if tt.late != "" && env.name == "loopback" {
							w.play(tt.late)
							return
						}
						w.play(tt.script)
					})
				})
				if t.Failed() {
					return
				}
				seen = append(seen, streams(w.log.Events()))
			}
			want := seen[0]
			if tt.trace != "" {
				want = normal(tt.trace)
			}
			for i, env := range both {
				if normal(seen[i]) != normal(want) {
					t.Errorf("%s: the trace has\n%s\nwant\n%s", env.name, seen[i], want)
				}
			}
		})
	}
}

// TestFaultsAreWhatTheScriptsShow plays the scripts without their faults: if one holds all the same, it shows nothing
// of the fault. Scripts whose rules do not fire are meant to.
func TestFaultsAreWhatTheScriptsShow(t *testing.T) {
	for _, tt := range faultCases {
		if tt.faults == "" {
			continue
		}
		t.Run(tt.name, func(t *testing.T) {
			fired := 0
			inMemory(t, parseAll(t, tt.faults), func(w *world) {
				w.play(tt.script)
				for _, r := range w.rules {
					if r.HasFired() {
						fired++
					}
				}
			})
			var lines []string
			for line := range strings.SplitSeq(strings.TrimSpace(tt.script), "\n") {
				if !strings.HasPrefix(strings.TrimSpace(line), "rule") {
					lines = append(lines, line)
				}
			}
			inMemory(t, nil, func(w *world) {
				err := w.try(strings.Join(lines, "\n"))
				if fired > 0 && err == nil {
					t.Error("the script holds without the faults")
				}
			})
		})
	}
}

func parseAll(t *testing.T, texts string) (faults []Fault) {
	t.Helper()
	for text := range strings.FieldsSeq(texts) {
		f, err := ParseFault(text)
		if err != nil {
			t.Fatal(err)
		}
		faults = append(faults, f)
	}
	return faults
}

// normal is the lines of s in order, without indentation.
func normal(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	for i := range lines {
		lines[i] = strings.ToLower(strings.TrimSpace(lines[i]))
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
