package harness

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// Pulse measures when a target stands still: its host is loaded, it collects garbage, its disk stalls, somebody pauses
// it. It keeps a connection of its own on which one PINGREQ at a time is sent, the next one some time after the answer.
// An answer that comes later than is usual for the target, by more than our own timers were late, is a stall.
//
// A nil *Pulse measures nothing: no target ever stood still. That is how virtual time has it.
type Pulse struct {
	target Target
	hello  wire.Connect
	jitter *Jitter
	end    context.CancelFunc
	done   chan struct{}

	mu     sync.Mutex
	trips  []time.Duration // the latest round trips, the oldest first
	stalls []Stall         // in the order of time
	sent   time.Time       // what has no answer yet; zero if there is nothing
	told   int             // how many answers came in all
	mute   int             // how often PINGREQ was not answered and CONNECT was
}

// Stall is a time in which a target stood still.
type Stall struct {
	From time.Time // what it did not answer was sent then
	For  time.Duration
}

const (
	// pulsePeriod is the time between an answer and the next PINGREQ. It bounds how late the beginning of a stall is seen.
	pulsePeriod = 50 * time.Millisecond
	// pulseTrips is how many round trips tell what is usual.
	pulseTrips = 32
	// pulseProof is how many answers must have come before a missing one means anything.
	pulseProof = 3
	// pulsePatience is how long an answer may take before another connection asks whether only this one is dead.
	pulsePatience = 10 * time.Second
	// pulsePause is the time between two tries to connect.
	pulsePause = 500 * time.Millisecond
	// pulseTries is how often a target that was never reached is tried.
	pulseTries = 3
	// hiccup is the shortest delay that is kept. Anything below is every day's scheduling.
	hiccup = 50 * time.Millisecond
	// StallLeast is from when on a delay counts as a stall where a wait tells no other bound.
	StallLeast = 250 * time.Millisecond
)

// TakePulse begins to measure a target in the given version. Stop ends it. The token begins the Client Identifier.
func TakePulse(ctx context.Context, t Target, token string, v wire.Version, j *Jitter) *Pulse {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p := &Pulse{target: t, jitter: j, end: cancel, done: make(chan struct{}),
		hello: authorize(t, wire.Connect{ClientID: token + "pulse", ProtocolVersion: v, CleanStart: true, KeepAlive: 60})}
	go p.run(ctx)
	return p
}

// Stop ends the measurement.
func (p *Pulse) Stop() {
	if p != nil {
		p.end()
		<-p.done
	}
}

// run connects as often as it must. A target that refuses, or answers CONNECT and no PINGREQ, is left alone.
func (p *Pulse) run(ctx context.Context) {
	defer close(p.done)
	for failures := 0; ctx.Err() == nil && p.mute < 2 && (failures < pulseTries || p.told > 0); failures++ {
		p.beat(ctx)
		select {
		case <-ctx.Done():
		case <-time.After(pulsePause):
		}
	}
	p.forget()
}

// beat connects and pings until the connection ends or an answer does not come.
func (p *Pulse) beat(ctx context.Context) {
	dialling, cancel := context.WithTimeout(ctx, pulsePatience)
	conn, err := p.target.Dial(dialling)
	cancel()
	if err != nil {
		p.forget()
		return
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	r, v := bufio.NewReader(conn), p.hello.ProtocolVersion
	var packet wire.Packet = p.hello
	for ctx.Err() == nil {
		said := p.send()
		conn.SetDeadline(time.Now().Add(pulsePatience))
		_, err := conn.Write(wire.Bytes(packet, v))
		if err == nil {
			err = p.answer(r, packet.Type())
		}
		var late net.Error
		if errors.As(err, &late) && late.Timeout() && p.told >= pulseProof {
			return // what was sent stays unanswered; another connection will tell
		}
		if err != nil {
			p.forget()
			return
		}
		p.answered(packet.Type(), said)
		packet = wire.Pingreq{}
		select {
		case <-ctx.Done():
		case <-time.After(pulsePeriod):
		}
	}
	_, _ = conn.Write(wire.Bytes(wire.Disconnect{}, v)) // the end follows in any case
}

// answer reads until the answer to a packet is there. Anything else that the target sends is none of our business.
func (p *Pulse) answer(r *bufio.Reader, to wire.Type) error {
	for {
		b, err := wire.ReadFrame(r, maxIncoming)
		if err != nil {
			return err
		}
		switch got := wire.Type(b[0] >> 4); {
		case got == wire.PINGRESP && to == wire.PINGREQ:
			return nil
		case got == wire.CONNACK && to == wire.CONNECT:
			packet, _ := wire.Decoder{Version: p.hello.ProtocolVersion, Sender: wire.FromServer}.Decode(b)
			if a, ok := packet.(wire.Connack); !ok || a.ReasonCode != wire.Success {
				return errors.New("CONNECT is refused")
			}
			return nil
		}
	}
}

// send notes that something is sent now. What was sent before and has no answer yet counts on.
func (p *Pulse) send() (now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now = time.Now()
	if p.sent.IsZero() {
		p.sent = now
	}
	return now
}

// forget notes that no answer will come, because of something else than a stall.
func (p *Pulse) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent = time.Time{}
}

// answered notes the answer to what was said at a moment, and a stall if it was late. A connection on which nothing is
// answered any more, while another one is answered at once, is no stall.
func (p *Pulse) answered(to wire.Type, said time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	switch late := p.late(now); {
	case said.After(p.sent) && now.Sub(said) < StallLeast:
		p.mute++
	case late >= hiccup:
		p.stalls = append(p.stalls, Stall{p.sent, late})
	}
	if to == wire.PINGREQ {
		p.told++
		p.trips = append(p.trips, now.Sub(p.sent))
		p.trips = p.trips[max(0, len(p.trips)-pulseTrips):]
	}
	p.sent = time.Time{}
}

// late returns by how much the answer that has not come yet is late. Three quarters of the latest round trips were
// shorter than what is usual: a stall is one of them, however long, while a slow target is slow in all.
func (p *Pulse) late(now time.Time) time.Duration {
	if p.sent.IsZero() || p.told < pulseProof {
		return 0
	}
	trips := slices.Sorted(slices.Values(p.trips))
	usual := trips[len(trips)*3/4]
	return max(0, now.Sub(p.sent)-usual-p.jitter.Worst(p.sent))
}

// Stalls returns the stalls of at least the given length that reach into a time, the one that goes on now included. A
// stall is seen as soon as it has lasted that long.
func (p *Pulse) Stalls(from, to time.Time, least time.Duration) (within []Stall) {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	all := p.stalls
	if late := p.late(time.Now()); late > 0 {
		all = append(slices.Clip(all), Stall{p.sent, late})
	}
	for _, s := range slices.Backward(all) {
		if s.From.Add(s.For).Before(from) {
			break
		}
		if s.For >= least && s.From.Before(to) {
			within = append(within, s)
		}
	}
	slices.Reverse(within)
	return within
}

// stood returns how long a target stood still between two moments, not counting what is shorter than least.
func (p *Pulse) stood(from, to time.Time, least time.Duration) (sum time.Duration) {
	for _, s := range p.Stalls(from, to, least) {
		begin, end := s.From, s.From.Add(s.For)
		if begin.Before(from) {
			begin = from
		}
		if end.After(to) {
			end = to
		}
		sum += max(0, end.Sub(begin))
	}
	return sum
}

// stoodStill says of a spec that began at start when the target stood still.
func stoodStill(stalls []Stall, start time.Time) string {
	var words []string
	for i, s := range stalls {
		if i == 3 {
			words = append(words, fmt.Sprintf("and %d times more", len(stalls)-i))
			break
		}
		words = append(words, fmt.Sprintf("for %s, %s after the spec began", tenths(s.For), tenths(max(0, s.From.Sub(start)))))
	}
	return "the target stood still " + strings.Join(words, ", ")
}

func tenths(d time.Duration) string { return d.Round(100 * time.Millisecond).String() }
