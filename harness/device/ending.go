package device

import (
	"errors"
	"io"
	"net"
	"syscall"
	"time"

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

// closeAfter is how long a device may take to close after its own DISCONNECT until we do. It is more than the monitors
// allow it.
const closeAfter = 12 * time.Second

// await waits until a device that has sent DISCONNECT closes: it must be the first to do so (v5:MQTT-3.14.4-2,
// v311:MQTT-3.14.4-1), and whether it does could not be seen if the broker, which closes at once, were quicker.
func (n *conn) await() {
	if !n.goodbye.Load() {
		return
	}
	t := time.NewTimer(closeAfter)
	defer t.Stop()
	select {
	case <-n.left:
	case <-t.C:
	case <-n.bench.ctx.Done():
	}
}
