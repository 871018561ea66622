// Command paho-golang is a device built on paho.golang's autopaho, for MQTT 5. ../README.md tells how devices behave.
package main

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log"
	"net/url"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/eclipse/paho.golang/autopaho"
	"github.com/eclipse/paho.golang/paho"
)

func setting(name, fallback string) string { return cmp.Or(os.Getenv("DEVICE_"+name), fallback) }

func number(name, fallback string) int {
	n, err := strconv.Atoi(setting(name, fallback))
	if err != nil {
		log.Fatalf("DEVICE_%s: %v", name, err)
	}
	return n
}

func main() {
	log.SetFlags(0)
	if v := setting("VERSION", "5"); v != "5" {
		log.Fatalf("this device speaks MQTT 5 only, not %s", v)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	me := setting("ID", "device-1")
	topic := func(leaf string) string { return "device/" + me + "/" + leaf }
	received := make(chan *paho.Publish, 1024)
	config := autopaho.ClientConfig{
		ServerUrls:                    []*url.URL{server()},
		KeepAlive:                     uint16(number("KEEP_ALIVE", "10")),
		CleanStartOnInitialConnection: setting("CLEAN_START", "0") == "1",
		SessionExpiryInterval:         uint32(number("SESSION_EXPIRY", "300")),
		OnConnectionUp: func(m *autopaho.ConnectionManager, ack *paho.Connack) {
			fmt.Println("connected, session present", ack.SessionPresent)
			go func() { // it must not block
				if !ack.SessionPresent {
					_, err := m.Subscribe(ctx, &paho.Subscribe{Subscriptions: []paho.SubscribeOptions{
						{Topic: topic("in"), QoS: 1}, {Topic: topic("in2"), QoS: 2}}})
					report(err)
				}
				_, err := m.Publish(ctx, &paho.Publish{Topic: topic("status"), Payload: []byte("online"), QoS: 1, Retain: true})
				report(err)
			}()
		},
		OnConnectionDown: func() bool { fmt.Println("disconnected"); return true },
		OnConnectError:   report,
		ClientConfig: paho.ClientConfig{
			ClientID: me,
			OnPublishReceived: []func(paho.PublishReceived) (bool, error){func(p paho.PublishReceived) (bool, error) {
				received <- p.Packet
				return true, nil
			}},
			OnClientError: report,
			OnServerDisconnect: func(d *paho.Disconnect) {
				fmt.Printf("server: DISCONNECT 0x%02x\n", d.ReasonCode)
			},
		},
	}
	var err error
	if config.TlsCfg, err = security(); err != nil {
		return err
	}
	if setting("WILL", "1") == "1" {
		config.WillMessage = &paho.WillMessage{Topic: topic("status"), Payload: []byte("offline"), QoS: 1, Retain: true}
	}
	lifetime, end := context.WithCancel(context.Background()) // longer than ctx: it says DISCONNECT
	defer end()
	m, err := autopaho.NewConnection(lifetime, config)
	if err != nil {
		return err
	}
	go func() {
		for p := range received {
			fmt.Println("received", p.Topic, len(p.Payload))
			_, err := m.Publish(lifetime, &paho.Publish{Topic: topic("echo"), Payload: p.Payload, QoS: p.QoS})
			report(err)
		}
	}()
	telemetry := time.NewTicker(time.Duration(number("INTERVAL", "5")) * time.Second)
	defer telemetry.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(lifetime, 2*time.Second)
			defer cancel()
			_, err := m.Publish(last, &paho.Publish{Topic: topic("status"), Payload: []byte("offline"), QoS: 1, Retain: true})
			report(err)
			report(m.Disconnect(last))
			return nil
		case <-telemetry.C:
			for qos := range byte(3) {
				go func() { // waits for the acknowledgement
					payload := fmt.Appendf(nil, "reading %d at QoS %d", n, qos)
					_, err := m.Publish(lifetime, &paho.Publish{Topic: topic("out"), Payload: payload, QoS: qos})
					report(err)
				}()
			}
		}
	}
}

func report(err error) {
	if err != nil {
		fmt.Println("error:", err)
	}
}

func server() *url.URL {
	scheme := map[string]string{"tcp": "mqtt", "tls": "mqtts", "ws": "ws", "wss": "wss"}[setting("TRANSPORT", "tcp")]
	u := &url.URL{Scheme: scheme, Host: setting("HOST", "127.0.0.1") + ":" + setting("PORT", "1883")}
	if scheme == "ws" || scheme == "wss" {
		u.Path = "/mqtt"
	}
	return u
}

func security() (*tls.Config, error) {
	config := &tls.Config{}
	if file := setting("CA", ""); file != "" {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		config.RootCAs.AppendCertsFromPEM(pem)
	}
	if file := setting("CERT", ""); file != "" {
		identity, err := tls.LoadX509KeyPair(file, setting("KEY", ""))
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{identity}
	}
	return config, nil
}
