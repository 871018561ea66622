package scenarios

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	. "github.com/onsi/gomega"

	. "github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// witness watches the Will Topic of a spec.
type witness struct {
	*Client
	sentinels int
}

// watch connects a witness and shows that messages reach it.
func watch(ctx context.Context) *witness {
	w := &witness{Client: Connect(ctx, Clean(ctx, "witness"))}
	w.Subscribe(ctx, Topic(ctx, "will"), q1)
	w.Publish(ctx, Topic(ctx, "will"), "control", q1)
	Step(ctx, "the witness gets messages", string(w.Receive(ctx).Payload), Equal("control"))
	return w
}

// will returns a Will on the spec's Will Topic.
func will(ctx context.Context, qos wire.QoS, props ...wire.Property) *wire.Will {
	return &wire.Will{Topic: Topic(ctx, "will"), QoS: qos, Payload: []byte("gone"), Properties: props}
}

// withWill connects a witness and then a client with a Will, whose session expires after the given seconds (5.0).
func withWill(ctx context.Context, last *wire.Will, expiry uint32) (*witness, *Client) {
	w := watch(ctx)
	me := Clean(ctx, "me")
	me.Will = last
	if expiry > 0 {
		me.Properties = wire.Properties{wire.SessionExpiryInterval(expiry)}
	}
	return w, Connect(ctx, me)
}

// oneWill demands under statement id, or with an empty id as a step, that the Will comes now and once.
func (w *witness) oneWill(ctx context.Context, id string) {
	owed := ctx
	if id != "" {
		owed = Owed(ctx, id)
	}
	p := w.Receive(owed)
	Step(owed, "what comes is the Will, as it was given", fmt.Sprintf("%s, QoS %d", p.Payload, p.QoS), Equal("gone, QoS 1"))
	again := w.untilSentinel(ctx)
	if id != "" {
		Must(ctx, removed, "the Will comes once", again, BeEmpty())
	}
}

// removed is the statement that a Will which was published is gone.
var removed = Twin("MQTT-3.1.2-10", "MQTT-3.1.2-10")

// drops says when, counted from the first, the clients are dropped with which a timed Will is tried. A target that counts
// in whole seconds is early or late by its phase, so one client would see it only now and then: some are spread over a
// second. One that publishes Wills together, the first too late or the last too early, is seen when many wait at once.
var drops = [...]time.Duration{0, 200 * time.Millisecond, 400 * time.Millisecond, 600 * time.Millisecond, 800 * time.Millisecond,
	1600 * time.Millisecond, 2400 * time.Millisecond, 3200 * time.Millisecond}

// timedWills connects clients with the given Will Delay Interval and session expiry, ends each with leave, and demands
// under statement id that each Will comes once when d has passed.
func timedWills(ctx context.Context, id string, delay, expiry uint32, d time.Duration, leave func(*Client)) {
	w := watch(ctx)
	var left [len(drops)]time.Time
	for i := range left {
		w.Subscribe(ctx, Topic(ctx, fmt.Sprint("will/", i)), q1)
	}
	for i := range left {
		me := Persistent(ctx, fmt.Sprint("me", i), expiry)
		me.Will = will(ctx, 1, wire.WillDelayInterval(delay))
		me.Will.Topic += fmt.Sprint("/", i)
		c := Connect(ctx, me)
		if i > 0 {
			Wait(ctx, drops[i]-time.Since(left[0]))
		}
		left[i] = time.Now()
		leave(c)
	}
	came := map[int]bool{}
	for range left {
		p, at, o := w.TimedPublish(ctx, d+grace+Timings(ctx).Slack)
		Must(ctx, id, "every Will is published", o, Equal(Arrived))
		w.Acknowledge(ctx, p)
		i, err := strconv.Atoi(strings.TrimPrefix(p.Topic, Topic(ctx, "will/")))
		Step(ctx, "what comes is a Will on its topic: "+p.Topic, err == nil && i < len(drops), BeTrue())
		Must(ctx, id, "every Will is published once", came[i], BeFalse())
		came[i] = true
		after := at.Sub(left[i])
		// The standard counts in seconds. A target that does so too is early by a part of one, now more and now less.
		MustBetween(ctx, id, "the Will comes", after, d-1*second, d+grace+Timings(ctx).Slack)
		ShouldBetween(ctx, "U5-055", "the Will is punctual", after, d-early, d+grace)
	}
	Must(ctx, id, "no Will comes twice", w.untilSentinel(ctx), BeEmpty())
}

// busyWills lets a client leave, and others after it, so that some Will with the same delay is always waiting. The Will of
// the first is due before the last of them goes. Their delay is longer than that of the other timed Wills, which a server
// with one list for all may not reach past one of a shorter delay.
func busyWills(ctx context.Context) {
	const delay, pause, others = 5 * second, 800 * time.Millisecond, 6
	w := watch(ctx)
	leaving := func(name, topic string) *Client {
		me := Persistent(ctx, name, 60)
		me.Will = will(ctx, 1, wire.WillDelayInterval(uint32(delay/second)))
		me.Will.Topic = topic
		return Connect(ctx, me)
	}
	first := leaving("first", Topic(ctx, "will"))
	var rest []*Client
	for i := range others {
		rest = append(rest, leaving(fmt.Sprint("other", i), Topic(ctx, "others")))
	}
	dropped := time.Now()
	first.Drop(ctx)
	for i, c := range rest {
		Wait(ctx, time.Duration(i+1)*pause-time.Since(dropped))
		c.Drop(ctx)
	}
	_, at, o := w.TimedPublish(ctx, delay+grace+Timings(ctx).Slack)
	Step(ctx, "the Will of the first client comes", o, Equal(Arrived))
	ShouldBetween(ctx, "U5-055", "it comes", at.Sub(dropped), 0, delay+grace) // whether it is early, UD-10 asks
}

// silent demands that no Will has come until now.
func (w *witness) silent(ctx context.Context, id, when string) {
	Must(ctx, id, "no Will comes "+when, w.untilSentinel(ctx), BeEmpty())
}

// untilSentinel publishes a sentinel on the Will Topic and returns the payloads of what came before it.
func (w *witness) untilSentinel(ctx context.Context) []string {
	w.sentinels++
	sentinel := fmt.Sprint("sentinel ", w.sentinels)
	publishOnce(ctx, Topic(ctx, "will"), sentinel)
	got := Payloads(w.ReceiveUntil(ctx, sentinel))
	return got[:len(got)-1]
}

// punished demands that c, which broke statement id, is disconnected, and that its Will is published.
func (w *witness) punished(ctx context.Context, c *Client, id string) {
	_, closed := c.ClosedWithin(ctx, Timings(ctx).Reply)
	Must(ctx, id, "the Network Connection is closed", closed, BeTrue())
	w.oneWill(ctx, published)
}

// willQoS publishes a Will at each QoS to subscriptions of each QoS, online and offline.
func willQoS(ctx context.Context) {
	lower := Twin("MQTT-3.8.4-8", "MQTT-3.8.4-6")
	levels := []wire.QoS{q0, q1, q2}
	var online []*Client
	var granted []wire.QoS
	for _, q := range levels {
		c := Connect(ctx, Clean(ctx, fmt.Sprint("online", q)))
		granted = append(granted, c.Subscribe(ctx, Topic(ctx, "will"), q))
		online = append(online, c)
	}
	offline := Persistent(ctx, "offline", 300)
	c := Connect(ctx, offline)
	most := c.Subscribe(ctx, Topic(ctx, "will"), q2)
	c.Disconnect(ctx)
	for _, q := range levels {
		me := Clean(ctx, fmt.Sprint("me", q))
		me.Will = will(ctx, q)
		Connect(ctx, me).Drop(ctx)
		for i, c := range online {
			p := c.Receive(Owed(ctx, published))
			Must(ctx, lower, fmt.Sprintf("a Will of QoS %d has the lower QoS for a subscription of QoS %d", q, granted[i]),
				p.QoS, Equal(min(q, granted[i])))
		}
	}
	back := Connect(ctx, offline)
	stored := Twin("MQTT-4.5.0-1", "MQTT-4.5.0-1")
	Step(ctx, "the session is resumed", back.Connack.SessionPresent, BeTrue())
	publishOnce(ctx, Topic(ctx, "will"), "sentinel")
	var kept []wire.QoS
	// messages of different QoS and from different clients have no order: the sentinel may come before the Wills
	for sentinel := false; !sentinel || len(kept) < 2; {
		p, o := back.TryPublish(ctx, Timings(ctx).Reply)
		if o != Arrived {
			break
		}
		back.Acknowledge(ctx, p)
		sentinel = sentinel || string(p.Payload) == "sentinel"
		if string(p.Payload) == "gone" && p.QoS > q0 { // a Will of QoS 0 may be queued or not
			kept = append(kept, p.QoS)
		}
	}
	slices.Sort(kept)
	Must(ctx, stored, "the offline client gets the Wills of QoS 1 and QoS 2", kept, Equal([]wire.QoS{min(q1, most), min(q2, most)}))
}

// willProperties gives a Will every property that a message can have.
func willProperties(ctx context.Context) {
	pairs := wire.Properties{wire.UserProperty("k", "1"), wire.UserProperty("a", ""), wire.UserProperty("k", "2"), wire.UserProperty("", "x")}
	given := wire.Properties{
		wire.PayloadFormatIndicator(1), wire.MessageExpiryInterval(60), wire.ContentType("text/plain"),
		wire.ResponseTopic(Topic(ctx, "answer")), wire.CorrelationData("\x00\xff\x01"),
	}
	w, c := withWill(ctx, will(ctx, 1, given.With(pairs...)...), 0)
	dropped := time.Now()
	c.Drop(ctx)
	p := w.ReceivePublish(ctx)
	Step(ctx, "what comes is the Will", string(p.Payload), Equal("gone"))
	got := p.Properties
	for _, one := range []struct {
		statement string
		id        wire.PropertyID
	}{
		{"MQTT-3.3.2-4", wire.PropPayloadFormatIndicator},
		{"MQTT-3.3.2-20", wire.PropContentType},
		{"MQTT-3.3.2-15", wire.PropResponseTopic},
		{"MQTT-3.3.2-16", wire.PropCorrelationData},
	} {
		want, _ := given.Get(one.id)
		Must(ctx, one.statement, fmt.Sprintf("the Will has its %v", one.id), got.All(one.id), Equal(wire.Properties{want}))
	}
	least := 59 - uint32(time.Since(dropped)/time.Second)
	Must(ctx, "U5-054", "the Will has its Message Expiry Interval, just begun",
		got.Int(wire.PropMessageExpiryInterval, 0), And(BeNumerically(">=", least), BeNumerically("<=", 60)))
	Must(ctx, "MQTT-3.3.2-17", "the Will has all its User Properties", pairsOf(got, pairs), ConsistOf(pairs))
	Must(ctx, "MQTT-3.3.2-18", "a message's User Properties keep their order", pairsOf(got, pairs), Equal(pairs))
	Must(ctx, "MQTT-3.1.3-10", "the Will's User Properties keep their order", pairsOf(got, pairs), Equal(pairs))
}

// takenOver is a connection with a Will that another connection takes over.
type takenOver struct {
	delay, expiry uint32 // Will Delay Interval and Session Expiry Interval in seconds
	clean         bool   // Clean Start of the other connection
}

func (t takenOver) String() string {
	start := 0
	if t.clean {
		start = 1
	}
	return fmt.Sprintf("delay %d s, expiry %d s, Clean Start %d", t.delay, t.expiry, start)
}

// resumed reports whether the Will has a delay and its session goes on.
func (t takenOver) resumed() bool { return t.delay > 0 && t.expiry > 0 && !t.clean }

// willTakeover takes over connections with every mixture of Will Delay Interval, session end and Clean Start.
func willTakeover(ctx context.Context) {
	w := watch(ctx)
	var all []takenOver
	for _, delay := range []uint32{0, 4} {
		for _, clean := range []bool{false, true} {
			for _, expiry := range []uint32{0, 60} {
				one := takenOver{delay: delay, expiry: expiry, clean: clean}
				name := fmt.Sprint("me", len(all))
				all = append(all, one)
				me := Persistent(ctx, name, expiry)
				me.Will = &wire.Will{Topic: Topic(ctx, "will/"+name), QoS: q1, Payload: []byte(one.String()), Properties: wire.Properties{wire.WillDelayInterval(delay)}}
				w.Subscribe(ctx, me.Will.Topic, q1)
				old := Connect(ctx, me)
				next := me
				next.Will, next.CleanStart = nil, clean
				Connect(ctx, next)
				old.Closed(ctx)
			}
		}
	}
	Wait(ctx, 5*second)
	publishOnce(ctx, Topic(ctx, "will"), "end")
	times := map[string]int{}
	for _, p := range w.ReceiveUntil(ctx, "end") {
		times[string(p.Payload)]++
	}
	for _, one := range all {
		name := one.String()
		if one.resumed() {
			Must(ctx, "MQTT-3.1.3-9", "the Will of a session that went on within its delay is not published: "+name, times[name], Equal(0))
			continue
		}
		Must(ctx, "MQTT-3.1.2-10", "the Will is not published twice: "+name, times[name], BeNumerically("<=", 1))
		Record(ctx, "Will of a connection that is taken over: "+name, fmt.Sprintf("published %d times", times[name]))
		// Comments in 3.1.3.2.2 and 3.1.4 have these Wills published. MQTT-3.1.2-8 itself excuses a server if a connection is
		// opened before the delay has passed, and at a takeover that is so even with a delay of 0.
		Should(ctx, "U5-047", "the Will is published, as its delay is 0 or its session ended: "+name, times[name], BeNumerically(">", 0))
	}
}
