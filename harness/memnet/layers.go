package memnet

import (
	"crypto/tls"
	"errors"
	"net"
)

// Abort closes any connection as abruptly as it can be closed: with a reset for
// a [*Conn], a [*net.TCPConn], and a [*tls.Conn] or other layer with a method
// Abort or NetConn above one of these; with Close for others. A layer gets no
// chance to say goodbye: a TLS peer sees the reset, not a close_notify.
func Abort(c net.Conn) error {
	switch c := c.(type) {
	case interface{ Abort() error }:
		return c.Abort()
	case lingerer:
		// Without lingering the kernel drops what it has not sent and resets. This
		// fails only where nothing is left to reset, and Close reports that.
		_ = c.SetLinger(0)
		return c.Close()
	case interface{ NetConn() net.Conn }:
		return Abort(c.NetConn())
	}
	return c.Close()
}

// lingerer is a [*net.TCPConn], or what embeds one.
type lingerer interface {
	net.Conn
	SetLinger(seconds int) error
}

// CloseWrite ends the sending direction of any connection that can end it and
// leaves the other open: a [*Conn], a [*net.TCPConn], and layers above them. A
// [*tls.Conn] sends close_notify, which it can once its handshake is complete,
// and then the connection below it is half-closed too. A connection that
// cannot be half-closed is [errors.ErrUnsupported] and stays as it is.
func CloseWrite(c net.Conn) error {
	switch c := c.(type) {
	case *tls.Conn:
		if err := c.CloseWrite(); err != nil {
			return err
		}
		return CloseWrite(c.NetConn())
	case interface{ CloseWrite() error }:
		return c.CloseWrite()
	case interface{ NetConn() net.Conn }:
		return CloseWrite(c.NetConn())
	}
	return errors.ErrUnsupported
}
