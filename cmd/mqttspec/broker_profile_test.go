package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mqttspec/mqttspec/harness/pki"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// TestBrokerWithProfile connects with the certificate that the broker has left for its clients, and sees what a rule
// publishes.
func TestBrokerWithProfile(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	o := brokerOptions{listen: []string{"tls://127.0.0.1:0"}, listenGiven: true}
	o.profile.name = "aws-iot-core"
	o.profile.rules = []string{"last/will/topic => lwt/${clientid()}"}
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- runBroker(ctx, o, w, io.Discard)
		w.Close()
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	var dir, address string
	said := bufio.NewScanner(r)
	for address == "" && said.Scan() {
		if m := regexp.MustCompile(`clients show (.*)/client.pem`).FindStringSubmatch(said.Text()); m != nil {
			dir = m[1]
		}
		if rest, ok := strings.CutPrefix(said.Text(), "listening on tls://"); ok {
			address = rest
		}
	}
	go io.Copy(io.Discard, r)
	ca, err := os.ReadFile(filepath.Join(dir, pki.CAFile))
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(ca)
	certificate, err := tls.LoadX509KeyPair(filepath.Join(dir, pki.ClientFile), filepath.Join(dir, pki.ClientKeyFile))
	if err != nil {
		t.Fatal(err)
	}
	nc, err := tls.Dial("tcp", address, &tls.Config{RootCAs: pool, Certificates: []tls.Certificate{certificate}})
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(20 * time.Second))
	for _, p := range []wire.Packet{
		wire.Connect{ClientID: "c", CleanStart: true},
		wire.Subscribe{PacketID: 1, Subscriptions: []wire.Subscription{{Filter: "lwt/+"}}},
		wire.Publish{Topic: "last/will/topic", Payload: []byte("gone")},
	} {
		if _, err := nc.Write(p.Append(nil, wire.V311)); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []wire.Packet{
		wire.Connack{}, wire.Suback{PacketID: 1, ReasonCodes: []wire.ReasonCode{0}}, wire.Publish{Topic: "lwt/c", Payload: []byte("gone")},
	} {
		frame, err := wire.ReadFrame(nc, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := string(frame), string(want.Append(nil, wire.V311)); got != want {
			t.Errorf("got % X, want % X", got, want)
		}
	}
}
