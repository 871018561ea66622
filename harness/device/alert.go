package device

import (
	"crypto/tls"
	"net"
)

// hearing reads the alert of a device that fails a TLS handshake before it has keys. With TLS 1.3 it may send the alert
// in the clear then, as OpenSSL does; crypto/tls has keys already, tries them on the alert, and reports a bad record MAC.
type hearing struct {
	net.Conn
	header []byte // of the record that is being read, as far as it has come
	rest   int    // bytes of the record that are to come
	body   []byte // of an alert in the clear
	over   bool   // the handshake
}

const (
	recordHeader = 5  // bytes: type, version, length
	recordAlert  = 21 // the type; one that is encrypted with TLS 1.3 has another
	clearAlert   = 2  // bytes: level and description; one that is encrypted is longer
)

// Read reads from the connection and listens.
func (h *hearing) Read(b []byte) (int, error) {
	n, err := h.Conn.Read(b)
	if !h.over {
		h.listen(b[:n])
	}
	return n, err
}

// NetConn returns the connection below.
func (h *hearing) NetConn() net.Conn { return h.Conn }

func (h *hearing) listen(b []byte) {
	for len(b) > 0 {
		if h.rest == 0 {
			n := min(recordHeader-len(h.header), len(b))
			h.header, b = append(h.header, b[:n]...), b[n:]
			if len(h.header) < recordHeader {
				return
			}
			h.rest = int(h.header[3])<<8 | int(h.header[4])
		}
		n := min(h.rest, len(b))
		if h.header[0] == recordAlert && len(h.body) < clearAlert {
			h.body = append(h.body, b[:n]...)
		}
		if h.rest, b = h.rest-n, b[n:]; h.rest == 0 {
			if len(h.body) != clearAlert {
				h.body = nil
			}
			h.header = h.header[:0]
		}
	}
}

// heard returns why the handshake failed: the device's alert if it came in the clear, otherwise what crypto/tls says.
func (h *hearing) heard(err error) error {
	if len(h.body) != clearAlert || h.rest > 0 {
		return err
	}
	return &net.OpError{Op: "remote error", Err: tls.AlertError(h.body[1])}
}
