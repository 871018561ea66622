// Package bench measures what netfault costs beside other proxies, each in the same run: the absolute numbers say little,
// the ratios are what the budget is about. It is a module of its own so that nobody else needs Toxiproxy;
// it follows the versions that the main module needs with
//
//	go test -mod=mod -bench .
package bench

import (
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/netfault"
)

// peers are ways to a server. Netfault's budget is at least twice Toxiproxy's throughput and at most half the latency
// that Toxiproxy adds to a direct connection. The naive proxy is io.Copy in both directions, which on Linux is a copy
// inside the kernel.
var peers = []struct {
	name  string
	start func(b *testing.B, upstream string) (addr string)
}{
	{"direct", func(_ *testing.B, upstream string) string { return upstream }},
	{"naive", startNaive},
	{"toxiproxy", startToxiproxy},
	{"netfault", func(b *testing.B, upstream string) string { return startProxy(b, netfault.NewUnstartedProxy(upstream)) }},
	{"netfault-armed", func(b *testing.B, upstream string) string {
		p := netfault.NewUnstartedProxy(upstream)
		p.Faults = []netfault.Fault{ // rules that look at every packet and hit none
			{Match: netfault.Match{Type: wire.PUBACK}, Action: netfault.Reset{}},
			{Match: netfault.Match{Type: wire.PUBLISH, Nth: 1 << 40}, Action: netfault.Drop{}},
		}
		return startProxy(b, p)
	}},
}

func startToxiproxy(b *testing.B, upstream string) string {
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	p := toxiproxy.NewProxy(server, "bench", "127.0.0.1:0", upstream)
	if err := p.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(p.Stop)
	return p.Listen
}

func startProxy(b *testing.B, p *netfault.Proxy) string {
	if err := p.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(p.Close)
	return p.Addr
}

func startNaive(b *testing.B, upstream string) string {
	return listen(b, func(client net.Conn) {
		server, err := net.Dial("tcp", upstream)
		if err != nil {
			b.Error(err)
			return
		}
		go func() {
			io.Copy(server, client)
			server.(*net.TCPConn).CloseWrite()
		}()
		io.Copy(client, server)
		client.Close()
		server.Close()
	})
}

// listen serves each connection to a loopback port until the benchmark ends.
func listen(b *testing.B, serve func(net.Conn)) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serve(c)
		}
	}()
	return l.Addr().String()
}

func echo(c net.Conn) {
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		if err != nil {
			c.Close()
			return
		}
		c.Write(buf[:n])
	}
}

// publishes returns PUBLISH packets with payloads of that size, about total bytes of them.
func publishes(payload, total int) (b []byte) {
	p := wire.Publish{QoS: 1, Topic: "bench/topic", PacketID: 1, Payload: make([]byte, payload)}
	for len(b) < total {
		b = p.Append(b, wire.V5)
	}
	return b
}

// BenchmarkPassThrough sends PUBLISH packets one way.
func BenchmarkPassThrough(b *testing.B) {
	for _, payload := range []int{64, 4 << 10, 64 << 10} {
		block := publishes(payload, 1<<20)
		for _, peer := range peers {
			b.Run(fmt.Sprintf("payload=%d/%s", payload, peer.name), func(b *testing.B) {
				received := make(chan int64)
				sink := listen(b, func(c net.Conn) {
					buf := make([]byte, 256<<10)
					var n int64
					for {
						k, err := c.Read(buf)
						if n += int64(k); err != nil {
							break
						}
					}
					c.Close()
					received <- n
				})
				c, err := net.Dial("tcp", peer.start(b, sink))
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(len(block)))
				b.ReportAllocs()
				b.ResetTimer()
				for range b.N {
					if _, err := c.Write(block); err != nil {
						b.Fatal(err)
					}
				}
				c.(*net.TCPConn).CloseWrite()
				if n := <-received; n != int64(len(block)*b.N) {
					b.Fatalf("%d bytes came, want %d", n, len(block)*b.N)
				}
				c.Close()
			})
		}
	}
}

// BenchmarkEcho sends one small packet at a time there and back.
func BenchmarkEcho(b *testing.B) {
	for _, peer := range peers {
		b.Run(peer.name, func(b *testing.B) { benchmarkEcho(b, peer.start(b, listen(b, echo))) })
	}
	b.Run("netfault-recorded", func(b *testing.B) {
		p := netfault.NewUnstartedProxy(listen(b, echo))
		p.Trace = &trace.Log{}
		benchmarkEcho(b, startProxy(b, p))
	})
}

func benchmarkEcho(b *testing.B, addr string) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	packet := publishes(30, 1)
	buf := make([]byte, len(packet))
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		c.Write(packet)
		if _, err := io.ReadFull(c, buf); err != nil {
			b.Fatal(err)
		}
	}
}
