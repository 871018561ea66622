package broker

import (
	"math"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// keepAliveInForce returns the Keep Alive that the broker enforces, in seconds.
func (b *Broker) keepAliveInForce(p wire.Connect) uint16 {
	own := b.config.Service.keepAlive(p.KeepAlive)
	if p.ProtocolVersion == wire.V311 {
		return own
	}
	if limit := b.config.MaximumKeepAlive; limit > 0 && (own == 0 || own > limit) {
		own = limit
	}
	if b.tolerates(serverKeepAliveAnnounced) && own > 0 {
		own = uint16(min(2*int(own), math.MaxUint16))
	}
	return own // v5:MQTT-3.2.2-21, v5:MQTT-3.2.2-22
}

// startKeepAlive sets the Keep Alive that is in force, in seconds. v5:U5-045, v311:U3-001
func (c *conn) startKeepAlive(seconds uint16) {
	b := c.b
	switch {
	case seconds == 0 && b.defect(keepAlive0Closes): // v5:U5-045, v311:U3-001
		seconds = 10
	case seconds == 0:
		return // v5:U5-045, v311:U3-001
	case b.defect(keepAliveOverflows) && int(seconds)*3/2 > math.MaxUint16: // v5:MQTT-3.1.2-22, v311:MQTT-3.1.2-24
		seconds = 10
	case b.defect(keepAliveNever): // v5:MQTT-3.1.2-22, v311:MQTT-3.1.2-24
		return
	case b.defect(keepAliveOwnValue): // v5:MQTT-3.2.2-22, v5:MQTT-3.1.2-22, v311:MQTT-3.1.2-24
		seconds = 600
	}
	c.keepAlive = time.Duration(seconds) * time.Second * 3 / 2 // v5:MQTT-3.1.2-22, v311:MQTT-3.1.2-24
	switch {
	case b.defect(keepAliveLate): // v5:MQTT-3.1.2-22, v311:MQTT-3.1.2-24
		c.keepAlive *= 4
	case b.tolerates(keepAliveCloseLate):
		c.keepAlive += time.Second
	case b.tolerates(keepAliveCloseEarly):
		c.keepAlive = c.keepAlive * 9 / 10
	}
	c.lastPacket = time.Now()
	c.keepAliveTimer = time.AfterFunc(c.keepAlive, c.keepAliveTimeout)
}

// alive notes that a Control Packet has come. v5:MQTT-3.1.2-22, v311:MQTT-3.1.2-24
func (c *conn) alive(p wire.Packet) {
	if c.b.defect(keepAliveCountsOnlyPingreq) && p.Type() != wire.PINGREQ { // v5:MQTT-3.1.2-22, v311:MQTT-3.1.2-24
		return
	}
	if c.b.defect(keepAliveIgnoresPingreq) && p.Type() == wire.PINGREQ { // v5:MQTT-3.1.2-22, v311:MQTT-3.1.2-24
		return
	}
	c.lastPacket = time.Now()
}

// restless is a connection on which every byte counts as a sign of life.
type restless struct{ c *conn }

func (r restless) Read(p []byte) (int, error) {
	n, err := r.c.nc.Read(p)
	r.c.b.mu.Lock()
	r.c.lastPacket = time.Now()
	r.c.b.mu.Unlock()
	return n, err
}

// keepAliveTimeout ends the connection if nothing has come for too long, or waits for the rest of the time.
func (c *conn) keepAliveTimeout() {
	b := c.b
	b.mu.Lock()
	defer b.mu.Unlock()
	if c.closing {
		return
	}
	if rest := c.keepAlive - time.Since(c.lastPacket); rest > 0 {
		c.keepAliveTimer.Reset(rest)
		return
	}
	if b.defect(willNotAfterKeepAlive) { // v5:MQTT-3.1.2-22, v5:MQTT-3.1.2-8, v311:MQTT-3.1.2-24, v311:MQTT-3.1.2-8
		c.session.will = nil
	}
	c.fail(wire.KeepAliveTimeout, "nothing came within one and a half of the Keep Alive") // v5:MQTT-3.1.2-22, v311:MQTT-3.1.2-24
}
