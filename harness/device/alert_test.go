package device

import (
	"crypto/tls"
	"net"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/mqttspec/mqttspec/harness/memnet"
	"github.com/mqttspec/mqttspec/harness/pki"
)

// inTheClear replaces whatever a TLS client writes after its ClientHello by records without encryption.
type inTheClear struct {
	net.Conn
	records string // in place of the second Write
	begun   bool
}

func (c *inTheClear) Write(b []byte) (int, error) {
	switch {
	case !c.begun:
		c.begun = true
		return c.Conn.Write(b)
	case c.records == "":
		return len(b), nil
	}
	for i := range len(c.records) { // in pieces, as a network may deliver them
		if _, err := c.Conn.Write([]byte{c.records[i]}); err != nil {
			return 0, err
		}
	}
	c.records = ""
	return len(b), nil
}

// TestAlerts has devices refuse a certificate: an alert is told whether it is encrypted or not, and what is no alert is
// not taken for one.
func TestAlerts(t *testing.T) {
	ca, err := pki.New("test")
	if err != nil {
		t.Fatal(err)
	}
	shown, err := NewTLS(ca)
	if err != nil {
		t.Fatal(err)
	}
	const (
		expired     = "\x15\x03\x03\x00\x02\x02\x2d"
		change      = "\x14\x03\x03\x00\x01\x01" // for the sake of middleboxes, before the alert
		long        = "\x15\x03\x03\x00\x13\x02\x2d0123456789abcdefg"
		application = "\x17\x03\x03\x00\x02\x02\x2d"
	)
	for _, c := range []struct {
		name, records string
		version       uint16
		encrypted     bool
		says          string
	}{
		{"1.3 encrypted", "", tls.VersionTLS13, true, "alert: tls: bad certificate"},
		{"1.2", "", tls.VersionTLS12, true, "alert: tls: bad certificate"},
		{"1.3 in the clear", expired, tls.VersionTLS13, false, "alert: tls: expired certificate"},
		{"1.3 in the clear behind another record", change + expired, tls.VersionTLS13, false, "alert: tls: expired certificate"},
		{"1.3 that cannot be read", long, tls.VersionTLS13, false, "in silence: "},
		{"1.3 of another type", application, tls.VersionTLS13, false, "in silence: "},
		{"1.3 without", "", tls.VersionTLS13, false, "in silence: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var notices told
				b, err := New(Config{Plan: waiting(t), TLS: shown, OnNotice: notices.take})
				if err != nil {
					t.Fatal(err)
				}
				l := memnet.Listen()
				go b.Serve(l)
				nc, err := l.Dial(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				plain := nc
				if !c.encrypted {
					plain = &inTheClear{Conn: nc, records: c.records}
				}
				config := &tls.Config{ServerName: "elsewhere", RootCAs: ca.Pool(), MinVersion: c.version, MaxVersion: c.version}
				if err := tls.Client(plain, config).Handshake(); err == nil {
					t.Error("the device takes the certificate")
				}
				nc.Close()
				synctest.Wait()
				if len(notices.list) != 1 || !strings.Contains(notices.list[0], "with the good certificate: "+c.says) {
					t.Errorf("told %q", notices.list)
				}
				b.Close()
			})
		})
	}
}
