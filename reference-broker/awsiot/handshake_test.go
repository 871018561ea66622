package awsiot

import (
	"bufio"
	"encoding/base64"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	broker "github.com/mqttspec/mqttspec/reference-broker"
)

// TestHandshakeOfSDK opens a WebSocket as AWSIoTPythonSDK does and demands a CONNACK over it.
func TestHandshakeOfSDK(t *testing.T) {
	b, err := broker.New(broker.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	server := httptest.NewServer(admitSDK(b.Handler()))
	defer server.Close()
	nc, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(10 * time.Second))
	key := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 128)))
	fmt.Fprintf(nc, "GET /mqtt?X-Amz-Signature=0 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: mqttv3.1\r\nsec-websocket-key: %s\r\n\r\n", key)
	in := bufio.NewReader(nc)
	if head, _ := in.Peek(1); len(head) == 0 {
		t.Fatal("no answer")
	}
	if head, _ := in.Peek(in.Buffered()); !strings.Contains(string(head), "\r\nsec-websocket-accept: ") {
		t.Errorf("the SDK does not find sec-websocket-accept in lower case:\n%s", head)
	}
	answer, err := http.ReadResponse(in, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("status %s, want 101", answer.Status)
	}
	for name, want := range map[string]string{"Sec-WebSocket-Accept": "JcRamrYTbtm+RkVuJ52BuTGmhZ0=", "Sec-WebSocket-Protocol": "mqttv3.1"} {
		if got := answer.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	// CONNECT of 3.1.1 with Client Identifier a, in a masked binary frame whose mask is 0.
	nc.Write(append([]byte{0x82, 0x80 | 15, 0, 0, 0, 0}, "\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01a"...))
	got := make([]byte, 6)
	if _, err := in.Read(got); err != nil {
		t.Fatal(err)
	}
	if want := "\x82\x04\x20\x02\x00\x00"; string(got) != want {
		t.Errorf("got % x, want CONNACK % x", got, want)
	}
}
