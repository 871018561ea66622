package target

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

// upgradeError is a sentence about why there is no WebSocket.
type upgradeError struct {
	text  string
	cause error
}

func (e *upgradeError) Error() string { return e.text }
func (e *upgradeError) Unwrap() error { return e.cause }

// upgrade makes a WebSocket of an open connection, which it owns and closes on an error.
func (e endpoint) upgrade(ctx context.Context, raw net.Conn) (net.Conn, error) {
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
	ws, answer, err := websocket.Dial(ctx, "ws://"+e.host+e.path, &websocket.DialOptions{
		HTTPClient:   client,
		Subprotocols: []string{"mqtt"}, // MQTT-6.0.0-3
	})
	if err != nil {
		raw.Close()
		return nil, refusedUpgrade(ctx, answer, err)
	}
	if ws.Subprotocol() != "mqtt" && e.log != nil {
		e.log.Warn("the server does not choose the WebSocket subprotocol mqtt (MQTT-6.0.0-4)", "address", e.String(), "chosen", ws.Subprotocol())
	}
	ws.SetReadLimit(-1) // the size of packets has its own limits
	c := &webSocketConn{ws: ws, raw: raw}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c, nil
}

// refusedUpgrade says what came instead of a WebSocket.
func refusedUpgrade(ctx context.Context, answer *http.Response, err error) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case answer != nil && answer.StatusCode != http.StatusSwitchingProtocols:
		text := "it answers the WebSocket handshake with HTTP " + answer.Status
		if to := answer.Header.Get("Location"); to != "" {
			return &upgradeError{text + ", which points to " + to, err}
		}
		return &upgradeError{text + ": is it the right path?", err}
	case answer != nil:
		return &upgradeError{"its answer to the WebSocket handshake is wrong: " + err.Error(), err}
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), strings.Contains(err.Error(), "malformed HTTP"),
		strings.Contains(err.Error(), "connection reset"):
		return &upgradeError{"what listens there does not speak HTTP, so no WebSocket either; plain MQTT has an address that begins with tcp://", err}
	}
	return &upgradeError{fmt.Sprintf("the WebSocket handshake fails: %v", err), err}
}

// webSocketConn is the stream of bytes in the binary frames of a WebSocket (MQTT-6.0.0-1). Each Write is one message. It
// has no half-close.
type webSocketConn struct {
	ws      *websocket.Conn
	raw     net.Conn // below it, for deadlines and resets
	ctx     context.Context
	cancel  context.CancelFunc
	message io.Reader // of the current message, nil between messages
}

// Read returns io.EOF when the server has closed the WebSocket, with whatever code.
func (c *webSocketConn) Read(p []byte) (int, error) {
	for {
		if c.message == nil {
			kind, r, err := c.ws.Reader(c.ctx)
			if err != nil {
				return 0, ended(err)
			}
			if kind != websocket.MessageBinary {
				c.ws.CloseNow()
				return 0, errors.New("the server sends a WebSocket frame that is not binary (MQTT-6.0.0-1)")
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

func (c *webSocketConn) Write(p []byte) (int, error) {
	if err := c.ws.Write(c.ctx, websocket.MessageBinary, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// closeGrace is how long the server may take for its part of the closing handshake.
const closeGrace = time.Second

// Close goes through the closing handshake, as far as the server takes part in it in time.
func (c *webSocketConn) Close() error {
	t := time.AfterFunc(closeGrace, func() { c.raw.Close() })
	defer t.Stop()
	c.ws.Close(websocket.StatusNormalClosure, "") // what fails leaves it closed all the same
	c.cancel()
	return nil
}

// Abort resets the TCP connection; the server sees no closing handshake.
func (c *webSocketConn) Abort() error {
	err := memnet.Abort(c.raw)
	c.cancel()
	c.ws.CloseNow()
	return err
}

func (c *webSocketConn) LocalAddr() net.Addr                { return c.raw.LocalAddr() }
func (c *webSocketConn) RemoteAddr() net.Addr               { return c.raw.RemoteAddr() }
func (c *webSocketConn) SetDeadline(t time.Time) error      { return c.raw.SetDeadline(t) }
func (c *webSocketConn) SetReadDeadline(t time.Time) error  { return c.raw.SetReadDeadline(t) }
func (c *webSocketConn) SetWriteDeadline(t time.Time) error { return c.raw.SetWriteDeadline(t) }
