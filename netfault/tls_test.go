package netfault

import (
	"context"
	"crypto/tls"
	"net"
	"testing"
	"time"

	"github.com/mqttspec/mqttspec/harness/memnet"
	"github.com/mqttspec/mqttspec/harness/pki"
	"github.com/mqttspec/mqttspec/harness/trace"
)

// TestTLSTarget carries over a server that speaks TLS: the link sees packets, and ends are ends of TLS and of TCP.
func TestTLSTarget(t *testing.T) {
	ca, err := pki.New("netfault")
	if err != nil {
		t.Fatal(err)
	}
	cert, err := ca.Server("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name     string
		do       func(l *Link, client net.Conn, server *tls.Conn)
		client   string // what it sees
		server   string
		recorded trace.How // of what the server sent
	}{
		{"half-close by the client", func(_ *Link, client net.Conn, _ *tls.Conn) { memnet.CloseWrite(client) }, "nothing", "FIN", ""},
		{"reset by the client", func(_ *Link, client net.Conn, _ *tls.Conn) { memnet.Abort(client) }, "", "RST", trace.Local},
		{"close by the server", func(_ *Link, _ net.Conn, server *tls.Conn) { server.Close() }, "FIN", "", trace.FIN},
		{"close by the server without close_notify", func(_ *Link, _ net.Conn, server *tls.Conn) { server.NetConn().Close() }, "FIN", "", trace.FIN},
		{"reset by the server", func(_ *Link, _ net.Conn, server *tls.Conn) { memnet.Abort(server) }, "RST", "", trace.RST},
		{"reset as a fault", func(l *Link, _ net.Conn, _ *tls.Conn) { l.Reset() }, "RST", "RST", trace.Local},
		{"close as a fault", func(l *Link, _ net.Conn, _ *tls.Conn) { l.CutFIN() }, "FIN", "FIN", ""},
		{"close as a fault while the server does not read", func(l *Link, client net.Conn, _ *tls.Conn) {
			go client.Write(publishStream(32 << 20))
			time.Sleep(silence)
			l.CutFIN()
		}, "FIN", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}})
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			accepted := make(chan *tls.Conn, 1)
			go func() {
				c, err := listener.Accept()
				if err != nil || c.(*tls.Conn).Handshake() != nil {
					close(accepted)
					return
				}
				accepted <- c.(*tls.Conn)
			}()
			log := &trace.Log{}
			d := tls.Dialer{Config: &tls.Config{RootCAs: ca.Pool(), ServerName: "127.0.0.1"}}
			l := NewLink(func(ctx context.Context) (net.Conn, error) {
				return d.DialContext(ctx, "tcp", listener.Addr().String())
			}, log, "c")
			defer l.Shut()
			client := dial(t, l)
			server := <-accepted
			if server == nil {
				t.Fatal("no handshake")
			}
			defer server.Close()
			server.Write([]byte{0xd0, 0})
			readN(t, client, 2)
			client.Write([]byte{0xc0, 0})
			readN(t, server, 2)

			start := time.Now()
			tt.do(l, client, server)
			if took := time.Since(start); took > linger/2 {
				t.Errorf("it took %v", took)
			}
			if got := sees(client); tt.client != "" && got != tt.client {
				t.Errorf("the client sees %s, want %s", got, tt.client)
			}
			if got := sees(server); tt.server != "" && got != tt.server {
				t.Errorf("the server sees %s, want %s", got, tt.server)
			}
			if how := closeOf(log, trace.TargetLeg, ToClient); how != tt.recorded {
				t.Errorf("the server's direction ended with %q, want %q", how, tt.recorded)
			}
		})
	}
}
