package harness

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"testing"
	"time"

	"github.com/onsi/gomega"

	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reports"
)

// flooding is a target that sends without end whatever comes.
type flooding struct{}

func (flooding) Dial(context.Context) (net.Conn, error) {
	client, server := net.Pipe()
	go func() {
		defer server.Close()
		go io.Copy(io.Discard, server) //nolint:errcheck // it ends with the connection
		var many []byte
		for range 64 {
			many = append(many, wire.Bytes(wire.Publish{Topic: "a", Payload: make([]byte, 16<<10)}, wire.V5)...)
		}
		for {
			if _, err := server.Write(many); err != nil {
				return
			}
		}
	}()
	return client, nil
}

func (flooding) Info() reports.TargetInfo { return reports.TargetInfo{Name: "flooding"} }
func (flooding) Close() error             { return nil }

// Each of these clients alone would be let to keep 16 MiB, which are 640 MiB for all.
func TestClientsOfAFloodingTargetKeepABoundedAmountTogether(t *testing.T) {
	const clients = 40
	body := func(ctx context.Context) {
		var all []*Client
		for n := range clients {
			all = append(all, Open(ctx, ID(ctx, fmt.Sprint("c", n))))
		}
		for _, c := range all {
			<-c.done
		}
		if got := allKept.Load(); got > maxAllKept+clients*(maxIncoming+packetSize) {
			t.Errorf("%d clients keep %d MiB together", clients, got>>20)
		}
		for _, c := range all {
			if !errors.Is(c.ended, errFlooded) {
				t.Errorf("%s ended with %v", c.Name, c.ended)
			}
		}
		_, closed := all[0].ClosedWithin(ctx, time.Second)
		Must(ctx, "MQTT-3.1.2-24", "the connection is closed", closed, gomega.BeTrue())
	}
	items, err := Compile([]Group{Section("Tests", Spec("T-1", "is a test", V5("MQTT-3.1.2-24"), body))}, wire.V5)
	if err != nil {
		t.Fatal(err)
	}
	row := Run(t.Context(), items[0], 1, Config{Target: flooding{}, Token: "t", Timing: Timing{Reply: time.Second}})
	if left := allKept.Load(); left != 0 {
		t.Errorf("%d bytes count as kept after the spec", left)
	}
	if row.Verdict != reports.Inconclusive {
		t.Errorf("that a client has stopped to read makes the row %s: %s", row.Verdict, row.Reason)
	}
	bytes := 0
	for _, e := range row.Trace {
		bytes += len(e.Hex)
	}
	if bytes > 16<<20 {
		t.Errorf("the row shows %d MiB of a flood", bytes>>20)
	}
}
