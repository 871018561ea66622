package device

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// Trouble is the kind of a [Notice].
type Trouble string

// The kinds of trouble with what belongs to no device.
const (
	TroubleHTTP        Trouble = "http"         // HTTP where MQTT is spoken, or without an Upgrade
	TroubleWebSocket   Trouble = "websocket"    // a WebSocket where MQTT is spoken without one
	TroublePlain       Trouble = "no websocket" // MQTT without a WebSocket where one is wanted
	TroubleTLS         Trouble = "tls"          // TLS where it is not spoken
	TroubleNoTLS       Trouble = "no tls"       // something else where TLS is spoken
	TroubleCertificate Trouble = "certificate"  // a TLS handshake that failed
	TroubleIdentity    Trouble = "identity"     // a TLS handshake that failed for want of a client certificate that we know
	TroubleSilent      Trouble = "silent"       // nothing comes
	TroublePartial     Trouble = "partial"      // the first packet does not come to its end
	TroubleLarge       Trouble = "large"        // the first packet is too large
	TroubleGarbage     Trouble = "garbage"      // no packet of MQTT
	TroubleCrowd       Trouble = "crowd"        // too many connections or devices
	TroubleFlood       Trouble = "flood"        // a device sends more than can be kept
	TroubleAccept      Trouble = "accept"       // connections cannot be accepted, for want of file descriptors
)

// Notice tells of something that belongs to no device, or that keeps the bench from serving one.
type Notice struct {
	Trouble Trouble
	Address string // without the port; "" if it is not about one
	Text    string
	Times   int // how often it has happened with that address
}

// String returns a line.
func (n Notice) String() string {
	s := n.Text
	if n.Address != "" {
		s = n.Address + " " + s
	}
	if n.Times > 1 {
		s += fmt.Sprintf(" (%d times)", n.Times)
	}
	return s
}

const (
	// firstPacketTimeout is how long a connection may take for its first packet. The standard names no time.
	firstPacketTimeout = 30 * time.Second
	// maxNotices is how many different notices are kept.
	maxNotices = 64
)

// notice tells of trouble: the first time, and then each time that it has happened ten times as often.
func (b *Bench) notice(n Notice) {
	b.mu.Lock()
	at := -1
	for i, known := range b.notices {
		if known.Trouble == n.Trouble && known.Address == n.Address {
			at = i
		}
	}
	switch {
	case at >= 0:
		b.notices[at].Times++
		b.notices[at].Text = n.Text
		n = b.notices[at]
	case len(b.notices) == maxNotices:
		b.mu.Unlock()
		return
	default:
		n.Times = 1
		b.notices = append(b.notices, n)
	}
	b.mu.Unlock()
	tell := n.Times
	for tell%10 == 0 {
		tell /= 10
	}
	if tell == 1 && b.config.OnNotice != nil {
		b.config.OnNotice(n)
	}
}

// Notices returns what has been told so far.
func (b *Bench) Notices() []Notice {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]Notice(nil), b.notices...)
}

// first reads the first packet of a connection. The notice, if there is one, says why what came is no MQTT.
func (n *conn) first(r *bufio.Reader) (frame []byte, about *Notice, err error) {
	n.nc.SetReadDeadline(time.Now().Add(firstPacketTimeout))
	defer n.nc.SetReadDeadline(time.Time{})
	if _, err := r.Peek(1); err == nil {
		begun, _ := r.Peek(r.Buffered())
		if trouble, text := foreign(begun); trouble != "" {
			return nil, &Notice{Trouble: trouble, Text: text}, nil
		}
	}
	frame, err = wire.ReadFrame(r, maxFrame)
	var bad *wire.Violation
	switch {
	case err == nil && (frame[0]>>4 == 0):
		return frame, &Notice{Trouble: TroubleGarbage, Text: fmt.Sprintf("sends what is no packet of MQTT: % x …", frame[:min(len(frame), 8)])}, err
	case err == nil:
		return frame, nil, nil
	case errors.As(err, &bad) && bad.Fault == wire.FaultTooLarge:
		h, _, _ := wire.ParseHeader(frame)
		return frame, &Notice{Trouble: TroubleLarge, Text: fmt.Sprintf("announces a %s of %d bytes; at most %d are taken", h.Type(), h.Length, maxFrame)}, err
	case errors.As(err, &bad):
		return frame, &Notice{Trouble: TroubleGarbage, Text: fmt.Sprintf("sends what is no packet of MQTT: % x …", frame[:min(len(frame), 8)])}, err
	case len(frame) > 0:
		return frame, &Notice{Trouble: TroublePartial, Text: fmt.Sprintf("sends %d bytes of a %s that is longer, and then %s", len(frame), wire.TypeOf(frame[0]), afterwards(err))}, err
	case isTimeout(err):
		return frame, &Notice{Trouble: TroubleSilent, Text: "connects and " + afterwards(err)}, err
	}
	return frame, nil, err
}

// afterwards says what came in the place of more bytes.
func afterwards(err error) string {
	switch {
	case isTimeout(err):
		return fmt.Sprintf("sends nothing for %s: closed", firstPacketTimeout)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "closes"
	}
	return "is gone"
}

// methods are how a request of HTTP begins.
var methods = []string{"GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "OPTIONS ", "CONNECT ", "PATCH ", "TRACE ", "PRI "}

// foreign recognises what other protocols begin with.
func foreign(begun []byte) (Trouble, string) {
	if len(begun) >= 3 && begun[0] == 0x16 && begun[1] == 3 {
		return TroubleTLS, "begins with TLS, and this port is for MQTT without it"
	}
	for _, m := range methods {
		if !bytes.HasPrefix(begun, []byte(m)) {
			continue
		}
		line, rest, _ := bytes.Cut(begun, []byte("\r\n"))
		if strings.Contains(strings.ToLower(string(rest)), "upgrade: websocket") {
			return TroubleWebSocket, fmt.Sprintf("asks for a WebSocket (%s), and this port is for MQTT without one", shorten(line))
		}
		return TroubleHTTP, fmt.Sprintf("speaks HTTP (%s), and this port is for MQTT", shorten(line))
	}
	return "", ""
}

func shorten(b []byte) string { return strings.ToValidUTF8(string(b[:min(len(b), 60)]), "?") }

// knows reports whether trouble on a connection is a device's own, which has come from the address before. What speaks
// another protocol is somebody else.
func (b *Bench) knows(address string, t Trouble) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return t != TroubleHTTP && t != TroubleWebSocket && t != TroubleTLS && b.from(address) != nil
}

// strange turns a connection away that belongs to no device.
func (n *conn) strange(about Notice) {
	about.Address = host(n.nc.RemoteAddr())
	n.bench.notice(about)
}

// unsecured says why a TLS handshake failed with who is no device yet.
func unsecured(kind string, err error) Notice {
	var header tls.RecordHeaderError
	switch {
	case errors.As(err, &header):
		begun := header.RecordHeader[:]
		switch trouble, _ := foreign(append(append([]byte(nil), begun...), ' ')); {
		case trouble == TroubleHTTP:
			return Notice{Trouble: TroubleNoTLS, Text: "speaks HTTP without TLS, and this port is for TLS"}
		case begun[0] == byte(wire.CONNECT)<<4:
			return Notice{Trouble: TroubleNoTLS, Text: "sends CONNECT without TLS, and this port is for TLS"}
		}
		return Notice{Trouble: TroubleNoTLS, Text: fmt.Sprintf("begins with % x, and this port is for TLS", begun)}
	case isTimeout(err):
		return Notice{Trouble: TroubleSilent, Text: fmt.Sprintf("does not finish the TLS handshake within %s: closed", handshakeTimeout)}
	}
	var unknown *tls.CertificateVerificationError
	if errors.As(err, &unknown) || strings.Contains(err.Error(), "didn't provide a certificate") { // which has no type
		return Notice{Trouble: TroubleIdentity, Text: "shows no client certificate that we know: " + err.Error()}
	}
	return Notice{Trouble: TroubleCertificate, Text: fmt.Sprintf("fails the TLS handshake, with the %s certificate: %s", kind, whyTLS(err))}
}

// whyTLS says why a handshake failed: by the alert of the device, or what we saw.
func whyTLS(err error) string {
	var alert *net.OpError
	switch {
	case errors.As(err, &alert) && alert.Op == "remote error":
		return "alert: " + alert.Err.Error()
	case errors.Is(err, io.EOF):
		return "it closes without an alert"
	}
	return "in silence: " + err.Error()
}

// early notes what happened to a connection before it belonged to a device.
func early(format string, args ...any) []trace.Event {
	return []trace.Event{{Kind: trace.Note, Text: fmt.Sprintf(format, args...)}}
}
