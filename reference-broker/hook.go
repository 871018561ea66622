package broker

import (
	"crypto/tls"
	"net"
	"net/http"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// Hook is a service beside the broker that is told what happens and may publish in consequence, as the shadows and
// rules of a cloud do. All methods are called with the broker's lock held, one at a time: they must neither block nor
// call the broker. What they return is published at once, after what they were told of.
type Hook interface {
	// Connected is called after a CONNECT has been accepted.
	Connected(Client) []wire.Publish
	// Disconnected is called when a connection that had been accepted ends, after its Will Message.
	Disconnected(Client, Ending) []wire.Publish
	// Subscribed and Unsubscribed are told the Topic Filters of one packet that had an effect.
	Subscribed(Client, []string) []wire.Publish
	Unsubscribed(Client, []string) []wire.Publish
	// Published is called for each Application Message that is accepted, before anybody gets it: those of clients,
	// Will Messages, and those that a hook has published. Nobody gets a message that was consumed.
	Published(Message) (follow []wire.Publish, consumed bool)
}

// Client is who is connected, as a [Hook] is told.
type Client struct {
	ID         string
	Username   string // "" if none was given
	Version    wire.Version
	Remote     net.Addr
	TLS        *tls.ConnectionState // nil without TLS
	Connection uint64               // the number of the Network Connection, from 1
}

// Ending says how a connection has ended. The zero value is one that was lost: closed, reset or unreachable.
type Ending struct {
	// ByClient: the client has sent DISCONNECT, or the closing frame of a WebSocket.
	ByClient bool
	// ByServer: the broker has ended the connection.
	ByServer bool
	// Reason is the Reason Code of whoever ended it, as the standard has it, also where it was not sent.
	Reason wire.ReasonCode
}

// Message is an Application Message, as a [Hook] is told. Its payload and properties must not be changed.
type Message struct {
	Topic      string
	Payload    []byte
	QoS        wire.QoS
	Retain     bool
	Properties wire.Properties // those that are passed on as they are
	Publisher  string          // Client Identifier; "" if a hook has published it
	Will       bool            // a Will Message
	Hops       int             // of hooks that led to it, one in consequence of the other; 0 for a client's message
}

// about is what a connection keeps for the hook and the service.
type about struct {
	ending Ending
	tls    *tls.ConnectionState
	pace   pace
}

// client describes the connection.
func (c *conn) client() Client {
	return Client{
		ID: c.clientID, Username: c.username, Version: c.version, Remote: c.nc.RemoteAddr(),
		TLS: c.about.tls, Connection: c.number,
	}
}

// The methods below are called with the lock held.

// accept takes in an Application Message: the hook sees it first, then it goes where it belongs, and then what the
// hook makes of it follows.
func (b *Broker) accept(m *message) wire.ReasonCode {
	if b.config.Hook == nil || b.closed {
		return b.route(m)
	}
	follow, consumed := b.config.Hook.Published(Message{
		Topic: m.topic, Payload: m.payload, QoS: m.qos, Retain: m.retain, Properties: m.properties,
		Publisher: m.publisher, Will: m.fromWill, Hops: m.hops,
	})
	code := wire.Success
	if !consumed {
		code = b.route(m)
	}
	b.publishAll(follow, m.hops+1)
	return code
}

// publishAll publishes what a hook wants to be published.
func (b *Broker) publishAll(ps []wire.Publish, hops int) {
	for _, p := range ps {
		m := b.newMessage(p, "", now())
		m.hops = hops
		b.accept(m)
	}
}

// told calls the hook, if there is one, and publishes what it answers.
func (c *conn) told(call func(Hook) []wire.Publish) {
	if h := c.b.config.Hook; h != nil && !c.b.closed {
		c.b.publishAll(call(h), 1)
	}
}

// toldSubscribed tells of the filters of a SUBSCRIBE that were granted.
func (c *conn) toldSubscribed(p wire.Subscribe, codes []wire.ReasonCode) {
	var filters []string
	for i, s := range p.Subscriptions {
		if !codes[i].Failed() {
			filters = append(filters, s.Filter)
		}
	}
	if len(filters) > 0 {
		c.told(func(h Hook) []wire.Publish { return h.Subscribed(c.client(), filters) })
	}
}

// toldUnsubscribed tells of the filters of an UNSUBSCRIBE that had been subscribed to.
func (c *conn) toldUnsubscribed(p wire.Unsubscribe, codes []wire.ReasonCode) {
	var filters []string
	for i, f := range p.Filters {
		if codes[i] == wire.Success {
			filters = append(filters, f)
		}
	}
	if len(filters) > 0 {
		c.told(func(h Hook) []wire.Publish { return h.Unsubscribed(c.client(), filters) })
	}
}

// tlsState returns what TLS has negotiated on a connection that has carried bytes, or nil.
func tlsState(nc net.Conn) *tls.ConnectionState {
	switch nc := nc.(type) {
	case *tls.Conn:
		state := nc.ConnectionState()
		return &state
	case *webSocketConn:
		return nc.request.TLS
	}
	return nil
}

// handshakeRequest returns the request that began a WebSocket connection, or nil.
func handshakeRequest(nc net.Conn) *http.Request {
	if ws, ok := nc.(*webSocketConn); ok {
		return ws.request
	}
	return nil
}

// lost returns how a connection has ended on which nothing can be read any more.
func lost(nc net.Conn) Ending {
	ws, ok := nc.(*webSocketConn)
	return Ending{ByClient: ok && ws.closingFrame}
}
