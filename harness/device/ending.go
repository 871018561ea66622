package device

import (
	"errors"
	"io"
	"net"
	"syscall"

	"github.com/mqttspec/mqttspec/harness/trace"
)

// howEnded tells in what way the device ended its direction.
func howEnded(err error) (how trace.How, text string) {
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return trace.FIN, ""
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return trace.RST, ""
	case errors.Is(err, net.ErrClosed), isTimeout(err):
		return trace.Local, ""
	}
	return trace.Error, err.Error()
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}
