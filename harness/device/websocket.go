package device

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/coder/websocket"
)

// subprotocol is the WebSocket subprotocol that a client offers. v5:MQTT-6.0.0-3, v311:MQTT-6.0.0-3
const subprotocol = "mqtt"

// ServeWebSocket is [Bench.Serve] for devices that speak MQTT over WebSocket, on any path.
func (b *Bench) ServeWebSocket(l net.Listener) error {
	secured := b.securing(l)
	silent := log.New(io.Discard, "", 0) // what is worth knowing is a notice
	server := &http.Server{ReadHeaderTimeout: handshakeTimeout, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { b.guard(nil, func() { b.upgrade(w, r) }) }), ErrorLog: silent}
	stop := context.AfterFunc(b.ctx, func() { server.Close() })
	defer stop()
	err := server.Serve(secured)
	if errors.Is(err, http.ErrServerClosed) {
		return ErrClosed
	}
	return err
}

// upgrade serves one WebSocket connection.
func (b *Bench) upgrade(w http.ResponseWriter, r *http.Request) {
	offered := strings.Join(r.Header.Values("Sec-WebSocket-Protocol"), ",")
	offers := slices.ContainsFunc(strings.Split(offered, ","), func(s string) bool { return strings.TrimSpace(s) == subprotocol })
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{subprotocol}, InsecureSkipVerify: true})
	if err != nil {
		b.notice(Notice{Trouble: TroubleHTTP, Address: host(address(r.RemoteAddr)), Text: fmt.Sprintf("asks for no WebSocket that can be given (%s %s): %v", r.Method, shorten([]byte(r.URL.Path)), err)})
		return
	}
	ws.SetReadLimit(maxFrame)
	text := "WebSocket, with the subprotocol mqtt"
	if offers {
		offered = subprotocol
	} else {
		text = "WebSocket, without the subprotocol mqtt"
	}
	nc := &webSocket{Conn: websocket.NetConn(context.WithoutCancel(r.Context()), ws, websocket.MessageBinary), remote: address(r.RemoteAddr), offered: offered}
	b.carry(nc, early("%s", text))
}

// webSocket is a WebSocket connection with the address of its client.
type webSocket struct {
	net.Conn
	remote  net.Addr
	offered string // the subprotocols: "mqtt" if it is among them
}

// webSocket returns the WebSocket that carries the connection, or nil.
func (n *conn) webSocket() *webSocket {
	w, _ := n.nc.(*webSocket)
	return w
}

// isTextFrame reports whether reading ended because the device sent another frame than a binary one, upon which a
// receiver must close (v5:MQTT-6.0.0-1, v311:MQTT-6.0.0-1). The library, which closes by itself, says so in words only.
func isTextFrame(err error) bool {
	return err != nil && strings.Contains(err.Error(), "unexpected frame type")
}

// RemoteAddr returns the client's address.
func (w *webSocket) RemoteAddr() net.Addr { return w.remote }

type address string

// Network returns "tcp".
func (address) Network() string { return "tcp" }

// String returns the address.
func (a address) String() string { return string(a) }
