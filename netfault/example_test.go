package netfault_test

import (
	"context"
	"fmt"
	"io"
	"net"

	"github.com/mqttspec/mqttspec/harness/memnet"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/netfault"
)

// The link drops just before the client's second PUBACK reaches the server.
func ExampleLink_On() {
	client, server := memnet.Pipe(0)
	link := netfault.NewLink(func(context.Context) (net.Conn, error) { return client, nil }, nil, "reader")
	defer link.Shut()
	rule := link.On(netfault.Match{Dir: netfault.ToServer, Type: wire.PUBACK, Nth: 2}, netfault.Reset{})

	conn, _ := link.Dial(context.Background())
	conn.Write(wire.Bytes(wire.Puback{PacketID: 1}, wire.V5))
	conn.Write(wire.Bytes(wire.Puback{PacketID: 2}, wire.V5))
	<-rule.Fired()

	arrived, err := io.ReadAll(server)
	fmt.Printf("% x, %v\n", arrived, err)
	// Output: 40 02 00 01, read mem 192.0.2.1:1883->192.0.2.2:49152: read: connection reset by peer
}

// A proxy for a client that runs elsewhere.
func ExampleNewUnstartedProxy() {
	proxy := netfault.NewUnstartedProxy("127.0.0.1:1883")
	fault, err := netfault.ParseFault("stall@to-client:PINGRESP,conn=1")
	if err != nil {
		fmt.Println(err)
		return
	}
	proxy.Faults = []netfault.Fault{fault}
	if err := proxy.Start(); err != nil {
		fmt.Println(err)
		return
	}
	defer proxy.Close()
	fmt.Println(proxy.Addr != "")
	// Output: true
}
