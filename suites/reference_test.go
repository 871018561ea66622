package suites_test

import (
	"net"
	"net/http"
	"sync"
	"testing"

	"github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/req"
	broker "github.com/mqttspec/mqttspec/reference-broker"
	"github.com/mqttspec/mqttspec/reports"
	"github.com/mqttspec/mqttspec/suites"
)

// reference starts the reference broker with a configuration.
func reference(config broker.Config) suites.Start {
	return func(t *testing.T) (func(net.Conn), func()) {
		b, err := broker.New(config)
		if err != nil {
			t.Fatal(err)
		}
		return b.ServeConn, func() {
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// onReference runs an item against the reference broker with a configuration, in the variant that the item wants.
func onReference(t *testing.T, i harness.Item, n int, config broker.Config) reports.Row {
	t.Helper()
	config, users := variant(t, i, config)
	if i.Variant == harness.OverWebSocket {
		return suites.Virtual(t, i, n, overWebSocket(config))
	}
	return suites.Virtual(t, i, n, reference(config), users...)
}

// overWebSocket starts the reference broker, which is given connections that begin with HTTP.
func overWebSocket(config broker.Config) suites.Start {
	return func(t *testing.T) (func(net.Conn), func()) {
		b, err := broker.New(config)
		if err != nil {
			t.Fatal(err)
		}
		return func(c net.Conn) { upgraded(c, b.Handler()) }, func() {
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// upgraded serves HTTP on a single connection and returns when that has ended, or what it was made into.
func upgraded(c net.Conn, h http.Handler) {
	over := make(chan struct{})
	end := sync.OnceFunc(func() { close(over) })
	hijacked := false
	server := &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r)
			if hijacked {
				end()
			}
		}),
		ConnState: func(_ net.Conn, s http.ConnState) {
			hijacked = hijacked || s == http.StateHijacked
			if s == http.StateClosed {
				end()
			}
		},
	}
	server.Serve(&single{conn: c, over: over})
}

// single is a listener with one connection.
type single struct {
	conn net.Conn
	over chan struct{}
	done bool
}

func (s *single) Accept() (net.Conn, error) {
	if s.done {
		<-s.over
		return nil, net.ErrClosed
	}
	s.done = true
	return s.conn, nil
}

func (s *single) Close() error   { return nil }
func (s *single) Addr() net.Addr { return s.conn.LocalAddr() }

// variant returns the configuration in the variant that an item wants, and whom it lets in.
func variant(t *testing.T, i harness.Item, config broker.Config) (broker.Config, []suites.User) {
	t.Helper()
	if i.Variant == "" {
		return config, nil
	}
	config, known := config.Variant(string(i.Variant))
	if !known {
		t.Fatalf("%s: the reference broker has no variant %s", i.Key(), i.Variant)
	}
	if i.Variant != harness.Auth {
		return config, nil
	}
	return config, []suites.User{{Name: broker.UserName, Password: broker.UserPassword}, {Name: broker.WitnessName, Password: broker.WitnessPassword}}
}

// items is the whole list.
func items(t *testing.T) []harness.Item {
	t.Helper()
	all, err := harness.Compile(suites.All(), suites.Versions...)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// failed returns the statements that a row says are broken.
func failed(row reports.Row) (ids []req.ID) {
	for _, r := range row.Requirements {
		if r.Verdict == reports.Fail {
			ids = append(ids, r.ID)
		}
	}
	for _, f := range row.Findings {
		if f.Verdict == reports.Fail {
			ids = append(ids, f.ID)
		}
	}
	return ids
}

// TestReferenceConforms runs every spec in virtual time against the reference broker as it is: each passes, and has
// looked at every statement that it claims.
func TestReferenceConforms(t *testing.T) {
	for n, i := range items(t) {
		t.Run(i.Key(), func(t *testing.T) {
			row := onReference(t, i, n, broker.Config{})
			if row.Verdict != reports.Pass && row.Verdict != reports.Behaviour {
				t.Errorf("%s: %s\n%s", row.Verdict, row.Reason, suites.Timeline(row))
			}
			for _, f := range row.Findings {
				t.Errorf("monitor %s: %s\n%s", f.ID, f.Text, suites.Timeline(row))
			}
			looked := map[req.ID]bool{}
			for _, r := range row.Requirements {
				looked[r.ID] = true
			}
			for _, id := range i.Claims.Of(i.Version) {
				if !looked[id] {
					t.Errorf("the spec claims %s and has not looked at it", id)
				}
			}
		})
	}
}

// TestTolerances runs every spec against the reference broker with each choice that the standard leaves open: nothing
// fails.
func TestTolerances(t *testing.T) {
	all := items(t)
	for _, tolerance := range broker.Tolerances() {
		t.Run(tolerance.Name, func(t *testing.T) {
			t.Parallel()
			for n, i := range all {
				row := onReference(t, i, n, broker.Config{Tolerances: []string{tolerance.Name}})
				if ids := failed(row); len(ids) > 0 || row.OwnDefect {
					t.Errorf("%s: %v %s\n%s", i.Key(), ids, row.Reason, suites.Timeline(row))
				} else if row.Verdict == reports.Inconclusive {
					t.Errorf("%s cannot be decided on a broker that conforms: %s\n%s", i.Key(), row.Reason, suites.Timeline(row))
				}
			}
		})
	}
}
