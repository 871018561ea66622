package device_test

import (
	"bytes"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	engine "github.com/mqttspec/mqttspec/harness/device"
	"github.com/mqttspec/mqttspec/harness/memnet"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reports"
	"github.com/mqttspec/mqttspec/suites/device"
)

// bare is a device that a test plays by hand.
type bare struct {
	t  *testing.T
	b  *engine.Bench
	nc net.Conn
}

// connect opens a connection and returns what the server answers to CONNECT.
func (d *bare) connect(will *wire.Will) wire.Packet {
	ours, theirs := memnet.Pipe(0)
	go d.b.ServeConn(theirs)
	d.nc = ours
	d.send(wire.Connect{ClientID: "bare", CleanStart: true, Will: will, Properties: wire.Properties{wire.MaximumPacketSize(300)}})
	return d.next()
}

func (d *bare) send(p wire.Packet) { d.nc.Write(wire.Bytes(p, wire.V5)) }

// frame returns the bytes of the next packet, nil when the connection ends.
func (d *bare) frame() []byte {
	f, err := wire.ReadFrame(d.nc, 0)
	if err != nil {
		d.nc.Close()
		return nil
	}
	return f
}

func (d *bare) next() wire.Packet {
	p, _ := wire.Decoder{Version: wire.V5, Sender: wire.FromServer}.Decode(d.frame())
	return p
}

// played runs a script against what act does, and returns the row.
func played(t *testing.T, script string, act func(*bare)) (row reports.Row) {
	t.Helper()
	plan, err := device.Parse([]byte("plan: p\npatience: 1m\nsteps:\n  - id: A\n    text: t\n    script:\n" + script))
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		b, err := engine.New(engine.Config{Plan: plan, Checks: device.Checks(), OnRow: func(r reports.Row) { row = r }})
		if err != nil {
			t.Fatal(err)
		}
		d := &bare{t: t, b: b}
		act(d)
		<-b.Done()
		if d.nc != nil {
			d.nc.Close()
		}
		b.Close()
		time.Sleep(time.Hour)
		synctest.Wait()
	})
	return row
}

const ending = "      - expect: {event: online, absent: true, within: 1s, text: t, record: t}\n"

// TestInstructions plays a device by hand and looks at what the instructions do to it.
func TestInstructions(t *testing.T) {
	t.Run("swap", func(t *testing.T) {
		var ids []uint16
		played(t, "      - online: {}\n      - swap: {packet: PUBACK}\n      - await: {packet: PUBLISH, where: {id: 2}}\n"+ending, func(d *bare) {
			d.connect(nil)
			time.Sleep(time.Second)
			for id := uint16(1); id <= 2; id++ {
				d.send(wire.Publish{Topic: "a", QoS: wire.QoS1, PacketID: id})
			}
			for range 2 {
				a, _ := d.next().(wire.Puback)
				ids = append(ids, a.PacketID)
			}
		})
		if !slices.Equal(ids, []uint16{2, 1}) {
			t.Errorf("PUBACK came for %v", ids)
		}
	})
	t.Run("close at the beginning", func(t *testing.T) {
		for _, armed := range []string{"", "      - withhold: {packet: CONNACK, times: 1}\n"} {
			var answers []wire.Packet
			var lasted []time.Duration
			row := played(t, armed+"      - close: {}\n      - await: {event: online}\n"+ending, func(d *bare) {
				for range 2 {
					begin := time.Now()
					answers = append(answers, d.connect(nil))
					if len(answers) == 1 && answers[0] != nil {
						d.send(wire.Pingreq{})
						d.frame()
						time.Sleep(500 * time.Millisecond)
						d.send(wire.Pingreq{})
						d.frame()
						d.frame() // the end
					}
					lasted = append(lasted, time.Since(begin))
				}
			})
			_, first := answers[0].(wire.Connack)
			_, second := answers[1].(wire.Connack)
			if want := armed == ""; first != want || !second || row.OwnDefect {
				t.Errorf("%q: the answers are %v: %s %s", armed, answers, row.Verdict, row.Reason)
			}
			want := time.Second
			if armed == "" {
				want += 500 * time.Millisecond // it has been quiet for a second
			}
			if lasted[0] != want {
				t.Errorf("%q: the first connection lasted %v, want %v", armed, lasted[0], want)
			}
		}
	})
	t.Run("the device is alive though the broker sees nothing of it", func(t *testing.T) {
		var got []wire.Packet
		row := played(t, "      - online: {}\n      - ignore: {packet: PUBLISH}\n      - repeat:\n          times: 8\n          script:\n"+
			"            - send: {topic: a, qos: 1}\n            - await: {packet: PUBACK, within: 5s}\n            - wait: 1s\n"+ending, func(d *bare) {
			ours, theirs := memnet.Pipe(0)
			go d.b.ServeConn(theirs)
			d.nc = ours
			d.send(wire.Connect{ClientID: "bare", CleanStart: true, KeepAlive: 2})
			for p := d.next(); p != nil && len(got) < 10; p = d.next() {
				got = append(got, p)
				if p, is := p.(wire.Publish); is {
					d.send(wire.Puback{PacketID: p.PacketID})
					if len(got) == 5 {
						for range 4 {
							d.send(wire.Publish{Topic: "a"})
							time.Sleep(time.Second)
						}
						d.send(wire.Pingreq{}) // is answered, once
					}
				}
			}
		})
		var kinds []string
		for _, p := range got {
			kinds = append(kinds, p.Type().String())
		}
		want := "CONNACK PUBLISH PUBLISH PUBLISH PUBLISH PUBLISH PINGRESP PUBLISH PUBLISH PUBLISH"
		if strings.Join(kinds, " ") != want || row.OwnDefect {
			t.Errorf("it got %v, expected %s: %s %s", kinds, want, row.Verdict, row.Reason)
		}
	})
	t.Run("forget while a CONNECT is under way", func(t *testing.T) {
		row := played(t, "      - online: {}\n      - repeat:\n          times: 50\n          script:\n            - close: {}\n            - await: {packet: CONNECT}\n"+
			"            - forget: {}\n            - expect: {event: online, where: {session-present: false}, within: 5s, text: the session is gone, advice: the test}\n", func(d *bare) {
			for {
				select {
				case <-d.b.Done():
					return
				default:
				}
				ours, theirs := memnet.Pipe(0)
				go d.b.ServeConn(theirs)
				go func() { <-d.b.Done(); ours.Close() }()
				d.nc = ours
				d.send(wire.Connect{ClientID: "bare", Properties: wire.Properties{wire.SessionExpiryInterval(300)}})
				for d.frame() != nil {
				}
			}
		})
		if row.Verdict != reports.Pass || row.OwnDefect {
			t.Errorf("%s: %s", row.Verdict, row.Reason)
		}
	})
	t.Run("topics of a service", func(t *testing.T) {
		for filter, want := range map[string]string{
			"$aws/things/bare/jobs/notify": "the device has subscribed to nothing but topics that begin with $ within 5s",
			"":                             "the device has subscribed to nothing within 5s",
		} {
			row := played(t, "      - online: {subscribed: true, within: 5s}\n"+ending, func(d *bare) {
				d.connect(nil)
				if filter != "" {
					d.send(wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{Filter: filter}}})
					d.next()
				}
			})
			if row.Verdict != reports.Skip || row.Reason != want {
				t.Errorf("%s: %s %s, want %s", filter, row.Verdict, row.Reason, want)
			}
		}
	})
	t.Run("cut at any packet", func(t *testing.T) {
		var cutAt []int
		row := played(t, "      - repeat:\n          times: 3\n          script:\n            - online: {}\n            - close: {}\n            - await: {event: end}\n"+
			"            - cut: {packet: any, from: device, how: close, times: 1, each: true}\n            - await: {event: end}\n"+ending, func(d *bare) {
			for range 3 {
				d.connect(nil)
				d.frame() // the end, by close
				time.Sleep(time.Second)
				sent := 1
				for answer := d.connect(nil); answer != nil; answer = d.next() {
					d.send(wire.Pingreq{})
					sent++
				}
				cutAt = append(cutAt, sent)
				d.nc.Close()
				time.Sleep(time.Second)
			}
		})
		if !slices.Equal(cutAt, []int{1, 2, 3}) || row.OwnDefect {
			t.Errorf("connections ended at packets %v: %s %s", cutAt, row.Verdict, row.Reason)
		}
	})
	t.Run("DISCONNECT in its long form", func(t *testing.T) {
		var frame []byte
		played(t, "      - online: {}\n      - disconnect: {code: 0x98, long: true}\n"+ending, func(d *bare) {
			d.connect(nil)
			frame = d.frame()
		})
		if !bytes.Equal(frame, []byte{0xE0, 2, 0x98, 0}) {
			t.Errorf("% x", frame)
		}
	})
	t.Run("too large a packet", func(t *testing.T) {
		var frame []byte
		played(t, "      - online: {}\n      - send: {topic: a, qos: 1, above: true}\n"+ending, func(d *bare) {
			d.connect(nil)
			frame = d.frame()
		})
		if len(frame) != 301 {
			t.Errorf("%d bytes, the Maximum Packet Size is 300", len(frame))
		}
	})
	t.Run("the same packet again", func(t *testing.T) {
		var all []wire.Publish
		played(t, "      - online: {}\n      - send: {topic: a, qos: 1, id: 60001}\n      - send: {topic: a, qos: 1, id: 60001, dup: true}\n"+ending, func(d *bare) {
			d.connect(nil)
			for range 2 {
				p, _ := d.next().(wire.Publish)
				all = append(all, p)
			}
		})
		if all[0].PacketID != 60001 || all[1].PacketID != 60001 || all[0].Dup || !all[1].Dup {
			t.Errorf("%+v", all)
		}
	})
	t.Run("a Will is seen", func(t *testing.T) {
		row := played(t, "      - await: {packet: CONNECT, as: connect}\n      - online: {}\n      - watch: {will: true}\n      - await: {event: offline}\n      - rewind: {}\n"+
			"      - expect: {event: seen, where: {topic: $connect.will-topic, payload: $connect.will-payload, qos: $connect.will-qos, retain: $connect.will-retain}, text: t, demand: us}\n",
			func(d *bare) {
				d.connect(&wire.Will{Topic: "w", QoS: wire.QoS2, Retain: true, Payload: []byte("gone")})
				time.Sleep(time.Second)
				d.nc.Close()
			})
		if row.Verdict != reports.Pass {
			t.Errorf("%s: %s", row.Verdict, row.Reason)
		}
	})
	t.Run("retained messages go with their step", func(t *testing.T) {
		var seen []wire.Publish
		played(t, "      - online: {}\n      - publish: {topic: r, retain: true}\n      - wait: 5s\n"+ending+
			"  - id: B\n    text: t\n    script:\n      - wait: 5s\n"+ending, func(d *bare) {
			d.connect(nil)
			subscribe := func() {
				d.send(wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{Filter: "r"}}})
				d.next()
				d.nc.SetReadDeadline(time.Now().Add(time.Second))
				if p, ok := d.next().(wire.Publish); ok {
					seen = append(seen, p)
				}
			}
			time.Sleep(time.Second)
			subscribe()
			time.Sleep(6 * time.Second)
			d.connect(nil)
			subscribe()
		})
		if len(seen) != 1 || !seen[0].Retain {
			t.Errorf("retained messages that were seen: %+v", seen)
		}
	})
}
