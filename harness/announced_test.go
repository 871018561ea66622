package harness_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	. "github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reports"
)

// answering is a target that sends the same bytes to whoever connects, and then nothing.
type answering []byte

func (a answering) Dial(context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	go func() {
		buf := make([]byte, 256)
		if _, err := server.Read(buf); err == nil {
			_, _ = server.Write(a) // the client may have seen enough
		}
	}()
	return client, nil
}

func (answering) Info() reports.TargetInfo { return reports.TargetInfo{Name: "answering"} }
func (answering) Close() error             { return nil }

func TestWhatIsNoAnswerToCONNECTIsSaidInWords(t *testing.T) {
	for bytes, want := range map[string]string{
		"\x20\x80\xc2\xd7\x2f": "packet too large", // a CONNACK of 100 million bytes
		"\xd0\x00":             "PINGRESP",
	} {
		_, err := Observe(t.Context(), answering(bytes), "t", time.Second, wire.V5)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", bytes, err, want)
		}
	}
}
