package main

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reports"
)

// bench is a run of device in a test.
type bench struct {
	t              *testing.T
	dir            string // of the report
	stdout, stderr output
	ended          chan int
}

// startBench runs device with the plan that is over soon, on a free port.
func startBench(t *testing.T, args ...string) *bench {
	t.Helper()
	b := &bench{t: t, dir: t.TempDir(), ended: make(chan int, 1)}
	plan := filepath.Join(b.dir, "short.yaml")
	if err := os.WriteFile(plan, []byte(shortPlan), 0o644); err != nil {
		t.Fatal(err)
	}
	args = append([]string{"device", "--listen", "127.0.0.1:0", "--plan", plan, "--out", b.dir}, args...)
	go func() { b.ended <- run(args, &b.stdout, &b.stderr) }()
	return b
}

// until waits until the output holds a text, and returns what follows it on its line.
func (b *bench) until(text string) string {
	b.t.Helper()
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		if _, rest, ok := strings.Cut(b.stdout.String()+b.stderr.String(), text); ok {
			if line, _, whole := strings.Cut(rest, "\n"); whole {
				return line
			}
		}
		time.Sleep(10 * time.Millisecond) // the output gives no sign
	}
	b.t.Fatalf("waited in vain for %q in\n%s%s", text, &b.stdout, &b.stderr)
	return ""
}

// address is where devices connect, without scheme and path.
func (b *bench) address() string {
	b.t.Helper()
	_, address, _ := strings.Cut(b.until("listening on "), "://")
	address, _, _ = strings.Cut(address, "/")
	return address
}

// ends waits for the end and demands an exit code.
func (b *bench) ends(code int) {
	b.t.Helper()
	select {
	case got := <-b.ended:
		if got != code {
			b.t.Errorf("exit code %d, want %d\n%s%s", got, code, &b.stdout, &b.stderr)
		}
	case <-time.After(patience):
		b.t.Fatalf("it does not end\n%s%s", &b.stdout, &b.stderr)
	}
}

// result reads the report.
func (b *bench) result() (r reports.Result) {
	b.t.Helper()
	content, err := os.ReadFile(filepath.Join(b.dir, "result.json"))
	if err == nil {
		err = json.Unmarshal(content, &r)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// serveDevice connects as a device and acknowledges what it gets until the connection ends.
func serveDevice(nc net.Conn, id string) {
	defer nc.Close()
	nc.Write(wire.Bytes(wire.Connect{ClientID: id, CleanStart: true, KeepAlive: 30}, wire.V5))
	r := bufio.NewReader(nc)
	for {
		frame, err := wire.ReadFrame(r, 0)
		if err != nil {
			return
		}
		p, _ := wire.Decoder{Version: wire.V5, Sender: wire.FromServer}.Decode(frame)
		switch p := p.(type) {
		case wire.Publish:
			nc.Write(wire.Bytes(wire.Puback{PacketID: p.PacketID}, wire.V5))
		case wire.Disconnect:
			return
		}
	}
}

// device lets a device that keeps every rule come.
func (b *bench) device(id string) {
	b.t.Helper()
	nc, err := net.Dial("tcp", b.address())
	if err != nil {
		b.t.Fatal(err)
	}
	go serveDevice(nc, id)
}

// sends connects, sends bytes, and returns once the other side has closed.
func sends(t *testing.T, address string, content []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	nc, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(patience))
	nc.Write(content)
	for buffer := make([]byte, 1024); err == nil; {
		_, err = nc.Read(buffer)
	}
	if netErr, ok := err.(net.Error); ok && netErr.Timeout() {
		t.Errorf("after % x the connection stays open", content[:min(len(content), 8)])
	}
}
