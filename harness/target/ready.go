package target

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// errNotYet is why a broker that answers is still not ready.
var errNotYet = errors.New("it says that it is not available yet")

const (
	attemptTimeout = 2 * time.Second        // for one attempt at a CONNACK
	firstPause     = 5 * time.Millisecond   // between attempts, doubled each time
	longestPause   = 100 * time.Millisecond // at which doubling ends
)

// awaitConnack returns when the broker answers CONNECT with CONNACK, accepting or not: that a TCP connection opens
// proves nothing, since container engines accept before the broker does. It tries until ctx ends or ended is closed,
// and then returns what the last attempt met.
func awaitConnack(ctx context.Context, dial func(context.Context) (net.Conn, error), l login, ended <-chan struct{}) error {
	pause := firstPause
	for {
		attempt, cancel := context.WithTimeout(ctx, attemptTimeout)
		err := connack(attempt, dial, l)
		cancel()
		if err == nil {
			return nil
		}
		t := time.NewTimer(pause)
		select {
		case <-ended:
			t.Stop()
			return err
		case <-ctx.Done():
			t.Stop()
			return err
		case <-t.C:
		}
		pause = min(2*pause, longestPause)
	}
}

// connack connects once in 5.0 and, if that is not answered, once in 3.1.1.
func connack(ctx context.Context, dial func(context.Context) (net.Conn, error), l login) error {
	err := connackIn(ctx, wire.V5, dial, l)
	if errors.Is(err, errUnanswered) {
		err = connackIn(ctx, wire.V311, dial, l)
	}
	return err
}

// errUnanswered is a connection that ends without an answer to CONNECT.
var errUnanswered = errors.New("it closes the connection without an answer to CONNECT")

func connackIn(ctx context.Context, v wire.Version, dial func(context.Context) (net.Conn, error), l login) error {
	c, err := dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	p := wire.Connect{ClientID: "mqttspecReady", CleanStart: true, KeepAlive: 60}
	if username, password, ok := l.Credentials(); ok {
		p.Username, p.Password = &username, []byte(password)
	}
	_, _ = c.Write(wire.Bytes(p, v)) // a write that fails shows as a read that fails
	b, err := wire.ReadFrame(c, 1<<20)
	if ctx.Err() != nil {
		return fmt.Errorf("it does not answer CONNECT: %w", context.Cause(ctx))
	}
	if err != nil && (len(b) == 0 || errors.Is(err, io.ErrUnexpectedEOF)) {
		return errUnanswered
	}
	answer, _ := wire.Decoder{Version: v, Sender: wire.FromServer}.Decode(b)
	a, ok := answer.(wire.Connack)
	switch {
	case !ok:
		return fmt.Errorf("it answers CONNECT with %q, not in MQTT", b[:min(len(b), 40)])
	case a.ReasonCode == wire.ServerUnavailable, a.ReasonCode == wire.ServerBusy, v == wire.V311 && a.ReasonCode == wire.RefusedServerUnavailable:
		return errNotYet
	}
	_, _ = c.Write(wire.Bytes(wire.Disconnect{}, v))
	return nil
}
