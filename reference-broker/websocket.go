package broker

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/coder/websocket"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// subprotocol is the WebSocket subprotocol of both versions. v5:MQTT-6.0.0-3, v311:MQTT-6.0.0-3
const subprotocol = "mqtt"

// Handler serves MQTT over WebSocket on any path. A client that does not offer the subprotocol mqtt is refused with
// status 400.
func (b *Broker) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !offers(r, subprotocol) {
			http.Error(w, "the WebSocket subprotocol mqtt must be offered", http.StatusBadRequest) // v5:MQTT-6.0.0-3, v311:MQTT-6.0.0-3
			return
		}
		options := &websocket.AcceptOptions{
			Subprotocols:       []string{subprotocol}, // v5:MQTT-6.0.0-4, v311:MQTT-6.0.0-4
			InsecureSkipVerify: true,                  // any web page may connect: access is a matter of MQTT
		}
		if b.defect(webSocketNoSubprotocol) { // v5:MQTT-6.0.0-4, v311:MQTT-6.0.0-4
			options.Subprotocols = nil
		}
		ws, err := websocket.Accept(w, r, options)
		if err != nil {
			b.config.Log.Debug("no WebSocket", "error", err)
			return
		}
		c := newWebSocketConn(ws, r)
		c.textAccepted = b.defect(webSocketTextAccepted) // v5:MQTT-6.0.0-1, v311:MQTT-6.0.0-1
		c.aligned = b.defect(webSocketAligned)           // v5:MQTT-6.0.0-2, v311:MQTT-6.0.0-2
		b.ServeConn(c)
	})
}

// offers reports whether the client of a handshake names a subprotocol.
func offers(r *http.Request, name string) bool {
	for _, header := range r.Header.Values("Sec-WebSocket-Protocol") {
		names := strings.Split(header, ",")
		if slices.ContainsFunc(names, func(n string) bool { return strings.TrimSpace(n) == name }) {
			return true
		}
	}
	return false
}

// webSocketConn is the stream of bytes in the binary frames of a WebSocket connection. Packets need not begin and
// end where frames do. v5:MQTT-6.0.0-2, v311:MQTT-6.0.0-2
type webSocketConn struct {
	ws            *websocket.Conn
	ctx           context.Context
	cancel        context.CancelFunc
	local, remote net.Addr
	message       io.Reader // of the current message, nil between messages
	textAccepted  bool
	aligned       bool          // a message must be one packet
	request       *http.Request // that began the connection
	closingFrame  bool          // the client has sent one; only the reader asks
}

func newWebSocketConn(ws *websocket.Conn, r *http.Request) *webSocketConn {
	ws.SetReadLimit(-1) // the size of packets is limited, that of messages need not be
	ctx, cancel := context.WithCancel(context.Background())
	c := &webSocketConn{ws: ws, ctx: ctx, cancel: cancel, remote: webSocketAddr(r.RemoteAddr), request: r}
	c.local = webSocketAddr(r.Host)
	return c
}

// webSocketAddr is an address as HTTP has it.
type webSocketAddr string

func (webSocketAddr) Network() string  { return "websocket" }
func (a webSocketAddr) String() string { return string(a) }

func (c *webSocketConn) Read(p []byte) (int, error) {
	for {
		if c.message == nil {
			kind, r, err := c.ws.Reader(c.ctx)
			if err != nil {
				return 0, c.readError(err)
			}
			if kind != websocket.MessageBinary && !c.textAccepted {
				c.ws.CloseNow() // v5:MQTT-6.0.0-1, v311:MQTT-6.0.0-1
				return 0, errors.New("a WebSocket frame that is not binary")
			}
			c.message = r
			if c.aligned {
				if c.message, err = wholePacket(r); err != nil {
					c.ws.CloseNow()
					return 0, err
				}
			}
		}
		n, err := c.message.Read(p)
		if errors.Is(err, io.EOF) {
			c.message, err = nil, nil
			if n == 0 {
				continue
			}
		}
		if err != nil {
			err = c.readError(err)
		}
		return n, err
	}
}

// wholePacket reads a message that must be one packet, as the broker wants it with a defect.
func wholePacket(r io.Reader) (io.Reader, error) {
	b, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	if h, n, err := wire.ParseHeader(b); err != nil || n == 0 || n+h.Length != len(b) {
		return nil, errors.New("a WebSocket message that is not one packet")
	}
	return bytes.NewReader(b), nil
}

// readError makes the close of the WebSocket an end of file: it is not a DISCONNECT.
func (c *webSocketConn) readError(err error) error {
	if websocket.CloseStatus(err) >= 0 {
		c.closingFrame = true
		return io.EOF
	}
	return err
}

func (c *webSocketConn) Write(p []byte) (int, error) {
	if err := c.ws.Write(c.ctx, websocket.MessageBinary, p); err != nil { // v5:MQTT-6.0.0-1, v311:MQTT-6.0.0-1
		return 0, err
	}
	return len(p), nil
}

// CloseWrite goes through the closing handshake, during which somebody must read. Close cuts it short.
func (c *webSocketConn) CloseWrite() error {
	return c.ws.Close(websocket.StatusNormalClosure, "")
}

// Close ends the connection without waiting for the client.
func (c *webSocketConn) Close() error {
	c.cancel()
	return c.ws.CloseNow()
}

// Abort ends the connection without a closing handshake.
func (c *webSocketConn) Abort() error { return c.Close() }

func (c *webSocketConn) LocalAddr() net.Addr  { return c.local }
func (c *webSocketConn) RemoteAddr() net.Addr { return c.remote }

// The broker sets no deadlines: its timers close.
func (c *webSocketConn) SetDeadline(time.Time) error      { return errors.ErrUnsupported }
func (c *webSocketConn) SetReadDeadline(time.Time) error  { return errors.ErrUnsupported }
func (c *webSocketConn) SetWriteDeadline(time.Time) error { return errors.ErrUnsupported }
