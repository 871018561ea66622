package broker

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/mqttspec/mqttspec/harness/memnet"
	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// closeTimeout is how long a connection that the broker ends may take to accept what is still to be written and to
// close its own side. Until then what it sends is read and thrown away: closing with unread input would make the
// kernel send a reset, which may destroy the DISCONNECT or CONNACK before the client reads it.
const closeTimeout = time.Second

// conn is one Network Connection. Its reader is the goroutine of serve; its writer is another one.
type conn struct {
	b       *Broker
	nc      net.Conn
	number  uint64
	written chan struct{} // closed when the writer has ended

	// All that follows is guarded by b.mu.
	wake     sync.Cond // the fields that the writer, or a reader that waits for room, looks at have changed
	out      [][]byte  // packets to be written
	outSize  int       // bytes in out and in the write under way
	closing  bool      // nothing is added to out any more; when it is written the connection closes
	left     bool      // the client has said goodbye and is to close: only a tolerance waits for it
	abort    bool      // with a reset
	hurry    bool      // without waiting for the client's side
	accepted bool      // a CONNACK with Success has been sent
	name     string    // in the trace
	ended    string    // why the connection ended, if not by DISCONNECT

	connectTimer   *time.Timer
	keepAliveTimer *time.Timer
	closeTimer     *time.Timer
	keepAlive      time.Duration // one and a half of the Keep Alive in force; 0 is none
	lastPacket     time.Time     // arrival of the last Control Packet

	version  wire.Version // 0 before CONNECT
	clientID string
	username string
	session  *session // nil before CONNECT has been accepted and once the connection is closing

	maximumPacket  int             // the client's Maximum Packet Size, 0 for none
	requestProblem bool            // the client's Request Problem Information
	receiveMaximum int             // the client's
	quota          int             // how many more PUBLISH of QoS 1 and 2 may be sent now
	incoming       map[uint16]bool // QoS 2 exchanges that the client began on this connection
	aliasesIn      map[uint16]string
	aliasesOut     map[string]uint16
	aliasMaximum   int      // how many aliases may be used towards the client
	volatile       bool     // the Session Expiry Interval in CONNECT was 0
	starved        bool     // something has waited for send quota on this connection
	late           int      // how many messages were sent after something had waited for send quota
	expired        int      // how many queued messages had expired when their turn came on this connection
	orphan         *session // what a defect leaves a connection that has been taken over
	about          about    // what the hook and the service keep
}

// serve runs the connection to its end.
func (c *conn) serve() {
	defer c.b.ending.Done()
	go c.write()
	c.read()
	<-c.written
	c.nc.Close()
	c.b.mu.Lock()
	c.stopTimers()
	delete(c.b.conns, c)
	client, why := c.clientID, c.ended
	c.b.mu.Unlock()
	c.b.config.Log.Debug("connection ended", "number", c.number, "client", client, "why", why)
}

// read reads packets until the connection ends in one way or another.
func (c *conn) read() {
	var from io.Reader = c.nc
	if c.b.defect(keepAliveCountsBytes) { // v5:MQTT-3.1.2-22, v311:MQTT-3.1.2-24
		from = restless{c}
	}
	r := bufio.NewReader(from)
	largest := int(c.b.config.MaximumPacketSize) // v5:MQTT-3.2.2-15
	if c.b.defect(packetSizeNotEnforced) {
		largest = defaultMaximumPacketSize
	}
	var err error
	for err == nil && c.readable() {
		var bytes []byte
		if bytes, err = wire.ReadFrame(r, largest); err != nil {
			c.readFailed(bytes, err)
		} else {
			c.received(bytes)
		}
	}
	var v *wire.Violation
	if err == nil || errors.As(err, &v) {
		_, err = io.Copy(io.Discard, c.nc) // the broker has ended the connection, the client has not yet
	}
	c.logEnd(trace.ToServer, err)
}

// readable waits until the client has taken enough of what it was sent to be read from again: a client that never
// reads its acknowledgements gets no more of them. It returns false if nothing more is to be read.
func (c *conn) readable() bool {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	for c.outSize > c.b.config.MaximumOutput && !c.closing {
		c.wake.Wait()
	}
	return !c.closing
}

// readFailed ends the connection because no packet could be read.
func (c *conn) readFailed(bytes []byte, err error) {
	c.logBytes(trace.ToServer, bytes)
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	if c.closing {
		return
	}
	var v *wire.Violation
	if errors.As(err, &v) {
		c.fail(v.Code, v.Error()) // v5:MQTT-4.13.1-1, v311:MQTT-4.8.0-1
		return
	}
	c.ended = err.Error()
	if c.b.defect(willNotAfterFIN) && errors.Is(err, io.EOF) && c.session != nil { // v5:MQTT-3.1.2-8, v311:MQTT-3.1.2-8
		c.session.will = nil
	}
	if !c.left {
		c.about.ending = lost(c.nc)
	}
	c.close()
}

// received handles one packet.
func (c *conn) received(bytes []byte) {
	c.b.mu.Lock()
	version := c.version
	c.b.mu.Unlock()
	p, err := wire.Decoder{Version: version, Sender: wire.FromClient}.Decode(bytes)
	var v *wire.Violation
	errors.As(err, &v)
	if version == 0 {
		c.firstPacket(bytes, p, v)
		return
	}
	c.logPacket(trace.ToServer, bytes, version)
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	if c.closing || c.left {
		return
	}
	if v != nil && !(p != nil && c.b.overlooks(v)) {
		if !c.b.defect(noCloseAfterMalformed) {
			c.fail(v.Code, v.Error())        // v5:MQTT-4.13.1-1, v311:MQTT-4.8.0-1, v311:MQTT-2.2.2-2
			if c.b.defect(errorEndsOthers) { // v5:U5-072
				for _, s := range c.b.sessions {
					if s.conn != nil {
						s.conn.fail(v.Code, v.Error())
					}
				}
			}
		}
		return
	}
	c.alive(p)
	c.handle(p)
}

// handle acts on a packet that follows an accepted CONNECT.
func (c *conn) handle(p wire.Packet) {
	switch p := p.(type) {
	case wire.Publish:
		c.publish(p)
	case wire.Puback:
		c.puback(p)
	case wire.Pubrec:
		c.pubrec(p)
	case wire.Pubrel:
		c.pubrel(p)
	case wire.Pubcomp:
		c.pubcomp(p)
	case wire.Subscribe:
		c.subscribe(p)
	case wire.Unsubscribe:
		c.unsubscribe(p)
	case wire.Pingreq:
		if !c.b.defect(pingrespMissing) && !(c.quota == 0 && c.b.defect(quotaBlocksOthers)) { // v5:MQTT-3.3.4-10, v5:MQTT-4.9.0-3
			c.send(wire.Pingresp{}) // v5:MQTT-3.12.4-1, v311:MQTT-3.12.4-1
		}
	case wire.Disconnect:
		c.disconnected(p)
	case wire.Connect:
		c.connectAgain(p)
	default: // what only a server sends, or an AUTH without an Authentication Method
		c.fail(wire.ProtocolError, p.Type().String()+" from a client") // v5:U5-029, v5:MQTT-4.12.0-7, v311:MQTT-4.8.0-1
	}
}

// write writes what is queued, refills the queue from the session, and closes the connection in the end.
func (c *conn) write() {
	defer close(c.written)
	var buffer []byte
	c.b.mu.Lock()
	for {
		for len(c.out) == 0 && !c.closing {
			c.wake.Wait()
		}
		if len(c.out) == 0 {
			break
		}
		packets, version := c.out, c.version
		c.out = nil
		c.b.mu.Unlock()
		buffer = buffer[:0]
		for _, p := range packets {
			c.logPacket(trace.ToClient, p, version)
			buffer = append(buffer, p...)
		}
		err := c.writeOut(buffer)
		size := len(buffer)
		if cap(buffer) > 2*c.b.config.MaximumOutput {
			buffer = nil // one large packet does not cost its memory for ever
		}
		c.b.mu.Lock()
		c.outSize -= size
		if err != nil {
			c.out = nil
			c.close()
			break
		}
		c.pump()
		c.wake.Broadcast()
	}
	abort, hurry := c.abort, c.hurry
	c.b.mu.Unlock()
	c.hangUp(abort, hurry)
}

// writeOut writes to the network. It is called without the lock.
func (c *conn) writeOut(bytes []byte) (err error) {
	step := len(bytes)
	if c.b.tolerates(oneByteWrites) {
		step = 1
	}
	for at := 0; at < len(bytes) && err == nil; at += step {
		_, err = c.nc.Write(bytes[at : at+step])
	}
	return err
}

// hangUp ends the broker's direction.
func (c *conn) hangUp(abort, hurry bool) {
	switch {
	case abort:
		memnet.Abort(c.nc)
		c.log(trace.Event{Kind: trace.Close, Dir: trace.ToClient, How: trace.RST})
		return
	case hurry || memnet.CloseWrite(c.nc) != nil:
		c.nc.Close()
	}
	c.log(trace.Event{Kind: trace.Close, Dir: trace.ToClient, How: trace.FIN})
}

// The methods below are called with the lock held.

// fail ends the connection because of an error, which the client is told if its version has a way to say so.
func (c *conn) fail(code wire.ReasonCode, text string) {
	c.about.ending = Ending{ByServer: true, Reason: code}
	c.ended = fmt.Sprintf("%v: %s", code, text)
	if c.session != nil && code != wire.SessionTakenOver && code != wire.KeepAliveTimeout && c.b.defect(willNotAfterProtocolError) { // v5:MQTT-3.1.2-8, v311:MQTT-3.1.2-8
		c.session.will = nil
	}
	if c.accepted { // v5:MQTT-3.14.0-1
		c.sendDisconnect(code, text) // v5:U5-039
	} else if c.b.defect(disconnectBeforeConnack) && c.version != wire.V311 {
		c.send(wire.Disconnect{ReasonCode: code})
	}
	c.close() // v5:MQTT-3.14.4-2, v5:MQTT-4.13.1-1, v5:MQTT-4.13.2-1
}

// sendDisconnect sends a DISCONNECT, which only 5.0 has.
func (c *conn) sendDisconnect(code wire.ReasonCode, text string) {
	d := wire.Disconnect{ReasonCode: c.b.config.Service.listed(wire.DISCONNECT, c.b.otherCode(code)), Properties: c.b.config.Service.reason(text)}
	if c.b.defect(disconnectCodeUnknown) { // v5:MQTT-3.14.2-1
		d.ReasonCode = 0x05
	}
	if c.b.defect(disconnectWithSessionExpiry) { // v5:MQTT-3.14.2-2
		d.Properties = d.Properties.With(wire.SessionExpiryInterval(60))
	}
	if c.version == wire.V311 {
		if c.b.defect(disconnectTo311) { // v311:U3-020
			c.send(d)
		}
		return
	}
	if c.b.tolerates(closeWithoutDisconnect) {
		return
	}
	c.send(d)
	if c.b.defect(packetAfterDisconnect) { // v5:MQTT-3.14.4-1
		c.send(wire.Pingresp{})
	}
}

// close ends the connection: the session goes on without it, and what is queued is still written.
func (c *conn) close() {
	if c.closing {
		return
	}
	c.closing = true
	if c.accepted {
		c.b.connected--
	}
	c.abort = c.abort || c.b.tolerates(closeWithReset)
	c.stopTimers()
	c.detach()
	c.closeTimer = time.AfterFunc(closeTimeout, func() { c.nc.Close() })
	c.wake.Broadcast()
	if c.accepted {
		c.told(func(h Hook) []wire.Publish { return h.Disconnected(c.client(), c.about.ending) })
	}
}

// shutDown ends the connection because the broker closes.
func (c *conn) shutDown() {
	c.hurry = true
	if c.session != nil {
		c.session.will = nil
	}
	if c.closing {
		c.closeTimer.Reset(0)
		return
	}
	c.fail(wire.ServerShuttingDown, "the server shuts down")
	c.closeTimer.Reset(closeTimeout / 10)
}

func (c *conn) stopTimers() {
	for _, t := range []*time.Timer{c.connectTimer, c.keepAliveTimer, c.closeTimer, c.about.pace.timer} {
		if t != nil {
			t.Stop()
		}
	}
}

// connectTimeout ends a connection on which no CONNECT has come.
func (c *conn) connectTimeout() {
	c.b.mu.Lock()
	defer c.b.mu.Unlock()
	if c.version == 0 && !c.closing && !c.b.defect(connectAwaitedForEver) {
		c.close() // v5:U5-040, v311:U3-002
	}
}
