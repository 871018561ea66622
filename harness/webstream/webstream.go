// Package webstream makes of a WebSocket the stream of bytes that MQTT is carried by, on the side of the client. What a
// peer must not send, it reports; what a client must not send, it can send on demand.
package webstream

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"

	"github.com/mqttspec/mqttspec/harness/memnet"
)

// Subprotocol is what a client offers and a server selects (MQTT-6.0.0-3, MQTT-6.0.0-4).
const Subprotocol = "mqtt"

// Error is a sentence about why there is no WebSocket.
type Error struct {
	text  string
	cause error
}

func (e *Error) Error() string { return e.text }

// Unwrap returns what was wrong.
func (e *Error) Unwrap() error { return e.cause }

// Dial makes a WebSocket of an open connection, which it owns and closes on an error. The host and the path stand in the
// request. An error is an [*Error], or that of ctx if it has ended.
func Dial(ctx context.Context, raw net.Conn, host, path string) (*Conn, error) {
	var once sync.Once
	// TLS is done already, so that HTTP is spoken on what we have in any case
	dial := func(context.Context, string, string) (c net.Conn, err error) {
		err = errors.New("the connection is used up")
		once.Do(func() { c, err = raw, nil })
		return c, err
	}
	client := &http.Client{
		Transport:     &http.Transport{DialContext: dial},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	ws, answer, err := websocket.Dial(ctx, "ws://"+host+path, &websocket.DialOptions{
		HTTPClient:   client,
		Subprotocols: []string{Subprotocol}, // MQTT-6.0.0-3
	})
	if err != nil {
		raw.Close()
		return nil, refused(ctx, answer, err)
	}
	ws.SetReadLimit(-1) // the size of packets has its own limits
	c := &Conn{ws: ws, raw: raw}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c, nil
}

// refused says what came instead of a WebSocket.
func refused(ctx context.Context, answer *http.Response, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case answer != nil && answer.StatusCode != http.StatusSwitchingProtocols:
		text := "it answers the WebSocket handshake with HTTP " + answer.Status
		if to := answer.Header.Get("Location"); to != "" {
			return &Error{text + ", which points to " + to, err}
		}
		return &Error{text + ": is it the right path?", err}
	case answer != nil:
		return &Error{"its answer to the WebSocket handshake is wrong: " + err.Error(), err}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), strings.Contains(err.Error(), "malformed HTTP"),
		strings.Contains(err.Error(), "connection reset"):
		return &Error{"what listens there does not speak HTTP, so no WebSocket either; plain MQTT has an address that begins with tcp://", err}
	}
	return &Error{fmt.Sprintf("the WebSocket handshake fails: %v", err), err}
}

// Conn is the stream of bytes in the binary frames of a WebSocket (MQTT-6.0.0-1). Each Write is one message. It has no
// half-close.
type Conn struct {
	ws      *websocket.Conn
	raw     net.Conn // below it, for deadlines and resets
	ctx     context.Context
	cancel  context.CancelFunc
	message io.Reader // of the current message, nil between messages
}

// Selected returns the subprotocol that the server has selected, "" for none.
func (c *Conn) Selected() string { return c.ws.Subprotocol() }

// ErrNotBinary is what reading ends with when the server sends a data frame that is not binary (MQTT-6.0.0-1).
var ErrNotBinary = errors.New("the server sends a WebSocket frame that is not binary (MQTT-6.0.0-1)")

// Read returns io.EOF when the server has closed the WebSocket, with whatever code.
func (c *Conn) Read(p []byte) (int, error) {
	for {
		if c.message == nil {
			kind, r, err := c.ws.Reader(c.ctx)
			if err != nil {
				return 0, ended(err)
			}
			if kind != websocket.MessageBinary {
				c.ws.CloseNow()
				return 0, ErrNotBinary
			}
			c.message = r
		}
		n, err := c.message.Read(p)
		if err == io.EOF { //nolint:errorlint // the end of a message comes bare, that of the stream wrapped
			c.message, err = nil, nil
			if n == 0 && len(p) > 0 {
				continue
			}
		}
		return n, ended(err)
	}
}

// ended makes the end of a WebSocket that of a stream.
func ended(err error) error {
	if err != nil && (websocket.CloseStatus(err) >= 0 || errors.Is(err, io.EOF)) {
		return io.EOF
	}
	return err
}

func (c *Conn) Write(p []byte) (int, error) {
	if err := c.ws.Write(c.ctx, websocket.MessageBinary, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// WriteText sends a text message, in which MQTT must not be carried (MQTT-6.0.0-1).
func (c *Conn) WriteText(p []byte) error { return c.ws.Write(c.ctx, websocket.MessageText, p) }

// WriteFragments sends one binary message in as many frames as there are parts, and one more, which is empty.
func (c *Conn) WriteFragments(parts ...[]byte) error {
	w, err := c.ws.Writer(c.ctx, websocket.MessageBinary)
	for _, p := range parts {
		if err == nil {
			_, err = w.Write(p)
		}
	}
	if err != nil {
		return err
	}
	return w.Close()
}

// CloseGrace is how long the server may take for its part of the closing handshake.
const CloseGrace = time.Second

// Close goes through the closing handshake, as far as the server takes part in it in time.
func (c *Conn) Close() error {
	t := time.AfterFunc(CloseGrace, func() { c.raw.Close() })
	defer t.Stop()
	c.ws.Close(websocket.StatusNormalClosure, "") // what fails leaves it closed all the same
	c.cancel()
	return nil
}

// Abort resets the TCP connection; the server sees no closing handshake.
func (c *Conn) Abort() error {
	err := memnet.Abort(c.raw)
	c.cancel()
	c.ws.CloseNow()
	return err
}

func (c *Conn) LocalAddr() net.Addr                { return c.raw.LocalAddr() }
func (c *Conn) RemoteAddr() net.Addr               { return c.raw.RemoteAddr() }
func (c *Conn) SetDeadline(t time.Time) error      { return c.raw.SetDeadline(t) }
func (c *Conn) SetReadDeadline(t time.Time) error  { return c.raw.SetReadDeadline(t) }
func (c *Conn) SetWriteDeadline(t time.Time) error { return c.raw.SetWriteDeadline(t) }
