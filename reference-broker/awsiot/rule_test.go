package awsiot

import (
	"context"
	"io"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttspec/mqttspec/harness/memnet"
	"github.com/mqttspec/mqttspec/harness/wire"
	broker "github.com/mqttspec/mqttspec/reference-broker"
)

// TestRepublish has rules and what they make of a message.
func TestRepublish(t *testing.T) {
	for _, x := range []struct {
		what  string
		rule  Rule
		topic string
		want  []wire.Publish
	}{
		{"a will is passed on", Rule{From: "last/will/topic", Republish: &Republish{Topic: "lwt/executed", QoS: 1}}, "last/will/topic",
			[]wire.Publish{{Topic: "lwt/executed", QoS: 1, Payload: []byte("x")}}},
		{"another topic is not", Rule{From: "last/will/topic", Republish: &Republish{Topic: "lwt/executed"}}, "last/will", nil},
		{"levels, client and all", Rule{From: "+/sensor/#", Republish: &Republish{Topic: "out/${topic(1)}/${clientid()}/${topic(3)}/${topic()}"}}, "a/sensor/c",
			[]wire.Publish{{Topic: "out/a/c/c/a/sensor/c", Payload: []byte("x")}}},
		{"a reserved topic", Rule{From: "a", Republish: &Republish{Topic: "$$aws/things/${clientid()}/shadow/update"}}, "a",
			[]wire.Publish{{Topic: "$aws/things/c/shadow/update", Payload: []byte("x")}}},
		{"the topics of jobs are not for rules", Rule{From: "a", Republish: &Republish{Topic: "$$aws/things/${clientid()}/jobs/get"}}, "a", nil},
		{"a level that is not there", Rule{From: "a", Republish: &Republish{Topic: "b/${topic(2)}"}}, "a", nil},
		{"a level that is empty and all there is", Rule{From: "+/a", Republish: &Republish{Topic: "${topic(1)}"}}, "/a", nil},
		{"a wildcard does not see reserved topics", Rule{From: "#", Republish: &Republish{Topic: "b"}}, "$aws/events/x", nil},
		{"a filter may name them", Rule{From: "$aws/events/#", Republish: &Republish{Topic: "b"}}, "$aws/events/x",
			[]wire.Publish{{Topic: "b", Payload: []byte("x")}}},
		{"# misses the parent level", Rule{From: "a/#", Republish: &Republish{Topic: "b"}}, "a", nil},
		{"basic ingest reaches the rule of the name", Rule{Name: "r", From: "a/+", Republish: &Republish{Topic: "b/${topic(2)}"}}, "$aws/rules/r/a/c",
			[]wire.Publish{{Topic: "b/c", Payload: []byte("x")}}},
		{"and no other", Rule{Name: "q", From: "a/+", Republish: &Republish{Topic: "b"}}, "$aws/rules/r/a/c", nil},
		{"and only if its filter matches", Rule{Name: "r", From: "z", Republish: &Republish{Topic: "b"}}, "$aws/rules/r/a/c", nil},
	} {
		s := service(t, Options{Rules: []Rule{x.rule}, HashMissesParent: true})
		got, consumed := s.Published(broker.Message{Topic: x.topic, Payload: []byte("x"), Publisher: "c"})
		if !reflect.DeepEqual(got, x.want) {
			t.Errorf("%s: got %v, want %v", x.what, got, x.want)
		}
		if want := strings.HasPrefix(x.topic, "$aws/rules/"); consumed != want {
			t.Errorf("%s: consumed is %v", x.what, consumed)
		}
	}
}

func TestRulesEnd(t *testing.T) {
	s := service(t, Options{Rules: []Rule{{From: "a", Republish: &Republish{Topic: "a"}}}, MaximumHops: 3})
	for hops, want := range []int{1, 1, 1, 0} {
		got, _ := s.Published(broker.Message{Topic: "a", Hops: hops})
		if len(got) != want {
			t.Errorf("after %d hops: %d messages, want %d", hops, len(got), want)
		}
	}
}

func TestClientOfAServiceMessage(t *testing.T) {
	s := service(t, Options{Rules: []Rule{{From: "a", Republish: &Republish{Topic: "b/${clientid()}"}}}})
	got, _ := s.Published(broker.Message{Topic: "a", Hops: 1})
	if len(got) != 1 || got[0].Topic != "b/n/a" {
		t.Errorf("got %v", got)
	}
}

func TestWrongRules(t *testing.T) {
	for _, x := range []struct {
		rule Rule
		want string
	}{
		{Rule{From: "a/#/b", Republish: &Republish{Topic: "b"}}, "from: "},
		{Rule{From: "a"}, "it does nothing"},
		{Rule{From: "a", Republish: &Republish{}}, "it is empty"},
		{Rule{From: "a", Republish: &Republish{Topic: "b", QoS: 2}}, "neither 0 nor 1"},
		{Rule{From: "a", Republish: &Republish{Topic: "b/$c"}}, "a single $"},
		{Rule{From: "a", Republish: &Republish{Topic: "b/${topic()"}}, "a single $"},
		{Rule{From: "a", Republish: &Republish{Topic: "b/${topic(0)}"}}, "unknown ${topic(0)}"},
		{Rule{From: "a", Republish: &Republish{Topic: "b/${topic(1}"}}, "unknown ${topic(1}"},
		{Rule{From: "a", Republish: &Republish{Topic: "b/${now()}"}}, "unknown ${now()}"},
		{Rule{From: "a", Webhook: &Webhook{URL: "ftp://x"}}, "no URL of an HTTP server"},
		{Rule{From: "a", Webhook: &Webhook{URL: "http://x/$y"}}, "a single $"},
	} {
		if _, err := New(Options{Rules: []Rule{x.rule}}); err == nil || !strings.Contains(err.Error(), x.want) {
			t.Errorf("%+v: got %v, want %s", x.rule, err, x.want)
		}
	}
}

func TestParseRule(t *testing.T) {
	for _, x := range []struct {
		text string
		want Rule
		ok   bool
	}{
		{"a/+ => b/${topic(2)}", Rule{From: "a/+", Republish: &Republish{Topic: "b/${topic(2)}", QoS: 1}}, true},
		{"a=>https://example.org/x", Rule{From: "a", Webhook: &Webhook{URL: "https://example.org/x"}}, true},
		{"a -> b", Rule{}, false},
		{"=> b", Rule{}, false},
		{"a =>", Rule{}, false},
		{"a+ => b", Rule{}, false},
	} {
		got, err := ParseRule(x.text)
		if (err == nil) != x.ok || x.ok && !reflect.DeepEqual(got, x.want) {
			t.Errorf("%q: got %+v, %v", x.text, got, err)
		}
	}
}

// posted is a request that a webhook has made.
type posted struct{ path, contentType, header, body string }

// server is an HTTP server in memory that answers after a delay.
func server(t *testing.T, delay func(n int) time.Duration) (client *http.Client, requests func() []posted) {
	l := memnet.Listen()
	var mu sync.Mutex
	var all []posted
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		all = append(all, posted{r.Method + " " + r.URL.RequestURI(), r.Header.Get("Content-Type"), r.Header.Get("Key"), string(body)})
		n := len(all)
		mu.Unlock()
		select {
		case <-time.After(delay(n)):
		case <-r.Context().Done():
		}
	})}
	go s.Serve(l)
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return l.Dial(ctx) },
	}
	t.Cleanup(func() { s.Close(); transport.CloseIdleConnections() })
	return &http.Client{Transport: transport}, func() []posted {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(all)
	}
}

func TestWebhook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, requests := server(t, func(n int) time.Duration {
			if n == 2 {
				return time.Hour
			}
			return 0
		})
		s := service(t, Options{Client: client, WebhookTimeout: 3 * time.Second, Rules: []Rule{
			{From: "a/#", Webhook: &Webhook{URL: "http://example.org/in/${topic(2)}?who=${clientid()}", Headers: map[string]string{"Key": "k"}}},
		}})
		start := time.Now()
		for _, m := range []broker.Message{
			{Topic: "a/b c", Payload: []byte(`{"x":1}`), Publisher: "d&e"},
			{Topic: "a/slow", Payload: []byte("no JSON"), Publisher: "c"},
			{Topic: "a/third", Payload: []byte("1"), Publisher: "c"},
		} {
			s.Published(m)
		}
		if waited := time.Since(start); waited != 0 {
			t.Errorf("the broker has waited %v for a webhook", waited)
		}
		time.Sleep(3*time.Second - 1)
		synctest.Wait()
		if n := len(requests()); n != 2 {
			t.Errorf("%d requests while the second is unanswered, want 2", n)
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		want := []posted{
			{"POST /in/b%20c?who=d%26e", "application/json", "k", `{"x":1}`},
			{"POST /in/slow?who=c", "application/octet-stream", "k", "no JSON"},
			{"POST /in/third?who=c", "application/json", "k", "1"},
		}
		if got := requests(); !reflect.DeepEqual(got, want) {
			t.Errorf("got  %q\nwant %q", got, want)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

// TestWebhookQueue fills the queue behind a call that is not answered, and ends while it is under way.
func TestWebhookQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, requests := server(t, func(int) time.Duration { return time.Hour })
		var warned strings.Builder
		s := service(t, Options{Client: client, WebhookTimeout: time.Minute, WebhookQueue: 2, Log: logTo(&warned), Rules: []Rule{
			{From: "a", Webhook: &Webhook{URL: "http://example.org/"}},
		}})
		s.Published(broker.Message{Topic: "a"})
		synctest.Wait() // the first is under way
		for range 3 {
			s.Published(broker.Message{Topic: "a"})
		}
		if n := strings.Count(warned.String(), "webhook call dropped"); n != 1 {
			t.Errorf("%d calls dropped, want 1: %s", n, warned.String())
		}
		start := time.Now()
		s.Close()
		if waited := time.Since(start); waited != 0 {
			t.Errorf("Close has waited %v", waited)
		}
		if n := len(requests()); n != 1 {
			t.Errorf("%d requests, want 1", n)
		}
	})
}
