package awsiot

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
	broker "github.com/mqttspec/mqttspec/reference-broker"
)

func logTo(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

func TestLifeCycleEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := service(t, Options{Events: &EventOptions{VersionLife: time.Hour}})
		c := broker.Client{
			ID: "lamp", Connection: 7, Remote: &net.TCPAddr{IP: net.IPv4(192, 0, 2, 9), Port: 5},
			TLS: &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{Raw: []byte("certificate")}}},
		}
		common := `"clientId":"lamp","sessionIdentifier":"` + sessionIdentifier(c) + `","principalIdentifier":"` + hashOfCertificate + `",`
		connected := func(version, ms string) said {
			return said{"$aws/events/presence/connected/lamp", `{` + common + `"eventType":"connected","timestamp":` + ms + `,"ipAddress":"192.0.2.9","versionNumber":` + version + `}`}
		}
		disconnected := func(version, ms, client, reason string) said {
			return said{"$aws/events/presence/disconnected/lamp", `{` + common + `"eventType":"disconnected","timestamp":` + ms +
				`,"clientInitiatedDisconnect":` + client + `,"disconnectReason":"` + reason + `","versionNumber":` + version + `}`}
		}
		expect(t, "the first connection", s.Connected(c), connected("0", "946684800000"))
		time.Sleep(1500 * time.Millisecond)
		expect(t, "a subscription", s.Subscribed(c, []string{"a", "b/#"}), said{"$aws/events/subscriptions/subscribed/lamp",
			`{` + common + `"eventType":"subscribed","timestamp":946684801500,"topics":["a","b/#"]}`})
		expect(t, "its end", s.Unsubscribed(c, []string{"a"}), said{"$aws/events/subscriptions/unsubscribed/lamp",
			`{` + common + `"eventType":"unsubscribed","timestamp":946684801500,"topics":["a"]}`})
		expect(t, "DISCONNECT", s.Disconnected(c, broker.Ending{ByClient: true}), disconnected("0", "946684801500", "true", "CLIENT_INITIATED_DISCONNECT"))
		time.Sleep(time.Hour - time.Second)
		expect(t, "back within the hour", s.Connected(c), connected("1", "946688400500"))
		expect(t, "lost", s.Disconnected(c, broker.Ending{}), disconnected("1", "946688400500", "false", "CONNECTION_LOST"))
		time.Sleep(time.Hour)
		expect(t, "back after an hour", s.Connected(c), connected("0", "946692000500"))
	})
}

// hashOfCertificate is the SHA-256 of the test's certificate.
const hashOfCertificate = "03d66dd08835c1ca3f128cceacd1f31ac94163096b20f445ae84285bc0832d72"

func TestNoEventsForWildcards(t *testing.T) {
	s := service(t, Options{Events: &EventOptions{VersionLife: time.Hour}})
	for _, id := range []string{"a+", "#"} {
		c := broker.Client{ID: id}
		n := len(s.Connected(c)) + len(s.Subscribed(c, []string{"x"})) + len(s.Disconnected(c, broker.Ending{}))
		if n != 0 {
			t.Errorf("%s has %d events", id, n)
		}
	}
}

func TestDisconnectReasons(t *testing.T) {
	for code, want := range map[wire.ReasonCode]string{
		wire.KeepAliveTimeout: "MQTT_KEEP_ALIVE_TIMEOUT", wire.SessionTakenOver: "DUPLICATE_CLIENTID", wire.NotAuthorized: "AUTH_ERROR",
		wire.QuotaExceeded: "THROTTLED", wire.ServerShuttingDown: "SERVER_INITIATED_DISCONNECT", wire.AdministrativeAction: "API_INITIATED_DISCONNECT",
		wire.ProtocolError: "CLIENT_ERROR", wire.PacketTooLarge: "CLIENT_ERROR", wire.MalformedPacket: "CLIENT_ERROR",
	} {
		if got := disconnectReason(broker.Ending{ByServer: true, Reason: code}); got != want {
			t.Errorf("%v: got %s, want %s", code, got, want)
		}
	}
}

// TestPresenceIsForgotten connects many clients once: those that are long gone cost nothing in the end.
func TestPresenceIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := service(t, Options{Events: &EventOptions{VersionLife: time.Hour}})
		for range 3000 {
			c := broker.Client{ID: "c" + time.Now().Format("150405.000000000")}
			s.Connected(c)
			s.Disconnected(c, broker.Ending{})
			time.Sleep(time.Minute)
		}
		if n := len(s.presence); n > 1100 {
			t.Errorf("%d clients are remembered", n)
		}
	})
}

func TestAuthenticate(t *testing.T) {
	name := "me"
	certificate := &tls.ConnectionState{PeerCertificates: []*x509.Certificate{{}}}
	request := func(query string) *http.Request { return &http.Request{URL: &url.URL{RawQuery: query}} }
	for _, x := range []struct {
		what  string
		users map[string]string
		who   broker.Credentials
		want  wire.ReasonCode
	}{
		{"a certificate", map[string]string{}, broker.Credentials{TLS: certificate}, wire.Success},
		{"no certificate", map[string]string{}, broker.Credentials{TLS: &tls.ConnectionState{}}, wire.NotAuthorized},
		{"a signed request", map[string]string{}, broker.Credentials{Request: request("X-Amz-Signature=1")}, wire.Success},
		{"a request that is not signed", map[string]string{}, broker.Credentials{Request: request("x=1")}, wire.NotAuthorized},
		{"the right password", map[string]string{"me": "secret"}, broker.Credentials{Username: &name, Password: []byte("secret")}, wire.Success},
		{"a wrong password", map[string]string{"me": "secret"}, broker.Credentials{Username: &name, Password: []byte("guess")}, wire.NotAuthorized},
		{"an unknown user", map[string]string{"you": ""}, broker.Credentials{Username: &name}, wire.NotAuthorized},
		{"nobody is asked for", nil, broker.Credentials{}, wire.Success},
	} {
		if got := Authenticate(x.users)(x.who); got != x.want {
			t.Errorf("%s: got %v, want %v", x.what, got, x.want)
		}
	}
}
