package device_test

import (
	"context"
	"net"
	"net/http"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	engine "github.com/mqttspec/mqttspec/harness/device"
	"github.com/mqttspec/mqttspec/harness/memnet"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reports"
	"github.com/mqttspec/mqttspec/suites/device"
)

// perFrame reads a WebSocket as if each frame held one whole packet, and throws away what does not.
type perFrame struct {
	net.Conn
	ws *websocket.Conn
}

// Read returns the next frame that is a packet.
func (f perFrame) Read(b []byte) (int, error) {
	for {
		_, frame, err := f.ws.Read(context.Background())
		if err != nil {
			return 0, err
		}
		if h, n, err := wire.ParseHeader(frame); err == nil && n > 0 && len(frame)-n == h.Length {
			return copy(b, frame), nil
		}
	}
}

// overWebSocket runs two steps with a model that connects over WebSocket, and returns the rows.
func overWebSocket(t *testing.T, version wire.Version, defect string) map[string]reports.Row {
	plan, err := device.Plan("delivery")
	if err != nil {
		t.Fatal(err)
	}
	plan.Steps = slices.DeleteFunc(plan.Steps, func(s engine.Step) bool { return s.Section != "WebSocket" })
	rows := map[string]reports.Row{}
	synctest.Test(t, func(t *testing.T) {
		b, err := engine.New(engine.Config{Plan: plan, Checks: device.Checks(), OnRow: func(r reports.Row) {
			if r.Event == "end" {
				rows[r.ID] = r
			}
		}})
		if err != nil {
			t.Fatal(err)
		}
		l := memnet.Listen()
		go func() { _ = b.ServeWebSocket(l) }() // the end of the listener ends it
		transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return l.Dial(ctx) }}
		options := &websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}, Subprotocols: []string{"mqtt"}}
		if defect == "no-subprotocol" {
			options.Subprotocols = nil
		}
		connections := 0
		m := newModel("model", func() (net.Conn, error) {
			ws, _, err := websocket.Dial(context.Background(), "ws://device.test/mqtt", options)
			if err != nil {
				return nil, err
			}
			ws.SetReadLimit(1 << 20)
			connections++
			kind := websocket.MessageBinary
			if defect == "text-frames" && connections > 1 {
				kind = websocket.MessageText
			}
			nc := websocket.NetConn(context.Background(), ws, kind)
			if defect == "a-packet-in-each-frame" {
				nc = perFrame{nc, ws}
			}
			return nc, nil
		})
		m.version = version
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() { defer close(ended); m.run(ctx) }()
		<-b.Done()
		cancel()
		<-ended
		b.Close()
		transport.CloseIdleConnections()
		time.Sleep(time.Hour)
		synctest.Wait()
	})
	return rows
}

// TestWebSocket runs the steps about WebSocket with a device that does everything right.
func TestWebSocket(t *testing.T) {
	for _, v := range []wire.Version{wire.V5, wire.V311} {
		rows := overWebSocket(t, v, "")
		for _, id := range []string{"DV-68", "DV-69"} {
			if r := rows[id]; r.Verdict != reports.Pass || len(r.Findings) > 0 {
				t.Errorf("%s in %s: %s: %s\n%s", id, v, r.Verdict, r.Reason, timeline(r))
			}
		}
	}
}

// TestWebSocketDefects runs them with one that does not.
func TestWebSocketDefects(t *testing.T) {
	for _, d := range []struct{ name, step, v5, v311 string }{
		{"no-subprotocol", "DV-68", "v5:MQTT-6.0.0-3", "v311:MQTT-6.0.0-3"},
		{"text-frames", "DV-68", "v5:MQTT-6.0.0-1", "v311:MQTT-6.0.0-1"},
		{"a-packet-in-each-frame", "DV-69", "v5:MQTT-6.0.0-2", "v311:MQTT-6.0.0-2"},
	} {
		t.Run(d.name, func(t *testing.T) {
			for v, id := range map[wire.Version]string{wire.V5: d.v5, wire.V311: d.v311} {
				if r := overWebSocket(t, v, d.name)[d.step]; !slices.Contains(complaints(r), id) {
					t.Errorf("%s: %s is not said to be broken: %s: %s\n%s", v, id, r.Verdict, r.Reason, timeline(r))
				}
			}
		})
	}
}
