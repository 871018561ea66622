package awsiot

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mqttspec/mqttspec/harness/wire"
	broker "github.com/mqttspec/mqttspec/reference-broker"
)

// limits are those of the tests.
func limits() *ShadowLimits {
	return &ShadowLimits{
		DocumentSize: 200, Depth: 3, ThingName: 10, ShadowName: 8, ClientToken: 6, VersionLife: 48 * time.Hour, Shadows: 2,
	}
}

func service(t *testing.T, o Options) *Service {
	t.Helper()
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// said is a message of the service: topic and JSON.
type said struct{ topic, payload string }

// expect compares what the service publishes; JSON by its meaning.
func expect(t *testing.T, what string, got []wire.Publish, want ...said) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d messages, want %d:", what, len(got), len(want))
		for _, p := range got {
			t.Errorf("  %s %s", p.Topic, p.Payload)
		}
		return
	}
	for i, p := range got {
		var g, w any
		if err := json.Unmarshal([]byte(want[i].payload), &w); err != nil {
			t.Fatalf("%s: the test's JSON: %v", what, err)
		}
		if err := json.Unmarshal(p.Payload, &g); err != nil {
			t.Errorf("%s: %s %q: %v", what, p.Topic, p.Payload, err)
		}
		if p.Topic != want[i].topic || !reflect.DeepEqual(g, w) {
			t.Errorf("%s:\ngot  %s %s\nwant %s %s", what, p.Topic, p.Payload, want[i].topic, want[i].payload)
		}
		if p.QoS != wire.QoS1 || p.Retain {
			t.Errorf("%s: %s has QoS %d, RETAIN %v", what, p.Topic, p.QoS, p.Retain)
		}
	}
}

func ask(t *testing.T, s *Service, topic, payload string) []wire.Publish {
	t.Helper()
	follow, consumed := s.Published(broker.Message{Topic: topic, Payload: []byte(payload), Publisher: "c"})
	if consumed {
		t.Errorf("%s: the request is kept from subscribers", topic)
	}
	return follow
}

// at replaces T0, T1 … by the time so many seconds after the bubble's start.
func at(text string) string {
	const start = 946684800
	for i := range 10 {
		text = strings.ReplaceAll(text, fmt.Sprint("T", i), fmt.Sprint(start+i))
	}
	return text
}

// TestShadowLife is one shadow from its making to its end, with every answer and notice.
func TestShadowLife(t *testing.T) {
	for _, x := range []struct{ name, prefix string }{
		{"classic", "$aws/things/lamp/shadow/"},
		{"named", "$aws/things/lamp/shadow/name/hall/"},
	} {
		t.Run(x.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := service(t, Options{Shadows: limits()})
				steps := []struct {
					what, operation, payload string
					want                     []said
				}{
					{"an update makes it", "update", `{"state":{"desired":{"on":true,"rgb":[1,2]},"reported":{"on":false}},"clientToken":"t1"}`, []said{
						{"update/accepted", `{"state":{"desired":{"on":true,"rgb":[1,2]},"reported":{"on":false}},
							"metadata":{"desired":{"on":{"timestamp":T0},"rgb":[{"timestamp":T0},{"timestamp":T0}]},"reported":{"on":{"timestamp":T0}}},
							"version":1,"timestamp":T0,"clientToken":"t1"}`},
						{"update/documents", `{"previous":{"state":{},"metadata":{},"version":0},
							"current":{"state":{"desired":{"on":true,"rgb":[1,2]},"reported":{"on":false}},
							"metadata":{"desired":{"on":{"timestamp":T0},"rgb":[{"timestamp":T0},{"timestamp":T0}]},"reported":{"on":{"timestamp":T0}}},"version":1},
							"timestamp":T0,"clientToken":"t1"}`},
						{"update/delta", `{"state":{"on":true,"rgb":[1,2]},"metadata":{"on":{"timestamp":T0},"rgb":[{"timestamp":T0},{"timestamp":T0}]},
							"version":1,"timestamp":T0,"clientToken":"t1"}`},
					}},
					{"a report of one key leaves the other differing, with its older time", "update", `{"state":{"reported":{"on":true}}}`, []said{
						{"update/accepted", `{"state":{"reported":{"on":true}},"metadata":{"reported":{"on":{"timestamp":T1}}},"version":2,"timestamp":T1}`},
						{"update/documents", `{"previous":{"state":{"desired":{"on":true,"rgb":[1,2]},"reported":{"on":false}},
							"metadata":{"desired":{"on":{"timestamp":T0},"rgb":[{"timestamp":T0},{"timestamp":T0}]},"reported":{"on":{"timestamp":T0}}},"version":1},
							"current":{"state":{"desired":{"on":true,"rgb":[1,2]},"reported":{"on":true}},
							"metadata":{"desired":{"on":{"timestamp":T0},"rgb":[{"timestamp":T0},{"timestamp":T0}]},"reported":{"on":{"timestamp":T1}}},"version":2},
							"timestamp":T1}`},
						{"update/delta", `{"state":{"rgb":[1,2]},"metadata":{"rgb":[{"timestamp":T0},{"timestamp":T0}]},"version":2,"timestamp":T1}`},
					}},
					{"get tells of the difference too", "get", ``, []said{
						{"get/accepted", `{"state":{"desired":{"on":true,"rgb":[1,2]},"reported":{"on":true},"delta":{"rgb":[1,2]}},
							"metadata":{"desired":{"on":{"timestamp":T0},"rgb":[{"timestamp":T0},{"timestamp":T0}]},"reported":{"on":{"timestamp":T1}}},
							"version":2,"timestamp":T2}`},
					}},
					{"an older version is a conflict", "update", `{"state":{"reported":{"on":false}},"version":1,"clientToken":"t2"}`, []said{
						{"update/rejected", `{"code":409,"message":"Version conflict","timestamp":T3,"clientToken":"t2"}`},
					}},
					{"the latest version is not; null removes, also a section; no difference, no delta", "update", `{"state":{"desired":{"rgb":null},"reported":null},"version":2}`, []said{
						{"update/accepted", `{"state":{"desired":{"rgb":null},"reported":null},"metadata":{"desired":{},"reported":{}},"version":3,"timestamp":T4}`},
						{"update/documents", `{"previous":{"state":{"desired":{"on":true,"rgb":[1,2]},"reported":{"on":true}},
							"metadata":{"desired":{"on":{"timestamp":T0},"rgb":[{"timestamp":T0},{"timestamp":T0}]},"reported":{"on":{"timestamp":T1}}},"version":2},
							"current":{"state":{"desired":{"on":true}},"metadata":{"desired":{"on":{"timestamp":T0}}},"version":3},"timestamp":T4}`},
						{"update/delta", `{"state":{"on":true},"metadata":{"on":{"timestamp":T0}},"version":3,"timestamp":T4}`},
					}},
					{"it is deleted, and tells its last version", "delete", ``, []said{
						{"delete/accepted", `{"version":3,"timestamp":T5}`},
					}},
					{"then there is none", "get", `{"clientToken":"t3"}`, []said{
						{"get/rejected", `{"code":404,"message":"No shadow exists with name: 'NAME'","timestamp":T6,"clientToken":"t3"}`},
					}},
					{"and none to delete", "delete", ``, []said{
						{"delete/rejected", `{"code":404,"message":"No shadow exists with name: 'NAME'","timestamp":T7}`},
					}},
					{"a new one goes on from the version", "update", `{"state":{"reported":{"a":1}}}`, []said{
						{"update/accepted", `{"state":{"reported":{"a":1}},"metadata":{"reported":{"a":{"timestamp":T8}}},"version":4,"timestamp":T8}`},
						{"update/documents", `{"previous":{"state":{},"metadata":{},"version":3},
							"current":{"state":{"reported":{"a":1}},"metadata":{"reported":{"a":{"timestamp":T8}}},"version":4},"timestamp":T8}`},
					}},
				}
				name := "lamp"
				if x.name == "named" {
					name = "lamp~hall"
				}
				for _, step := range steps {
					var want []said
					for _, w := range step.want {
						want = append(want, said{x.prefix + w.topic, strings.ReplaceAll(at(w.payload), "NAME", name)})
					}
					expect(t, step.what, ask(t, s, x.prefix+step.operation, step.payload), want...)
					time.Sleep(time.Second)
				}
			})
		})
	}
}

// TestShadowVersionIsForgotten waits until the version of a deleted shadow begins anew.
func TestShadowVersionIsForgotten(t *testing.T) {
	for _, x := range []struct {
		away time.Duration
		want string
	}{
		{48*time.Hour - time.Second, `"version":3`},
		{48 * time.Hour, `"version":1`},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := service(t, Options{Shadows: limits()})
			const prefix = "$aws/things/lamp/shadow/"
			ask(t, s, prefix+"update", `{"state":{"reported":{"a":1}}}`)
			ask(t, s, prefix+"update", `{"state":{"reported":{"a":2}}}`)
			ask(t, s, prefix+"delete", ``)
			time.Sleep(x.away)
			got := ask(t, s, prefix+"update", `{"state":{"reported":{"a":1}}}`)
			if len(got) == 0 || !strings.Contains(string(got[0].Payload), x.want) {
				t.Errorf("after %v: got %v, want %s", x.away, got, x.want)
			}
		})
	}
}

// TestShadowRefusals has one request for each reason to reject one.
func TestShadowRefusals(t *testing.T) {
	const update = "$aws/things/lamp/shadow/update"
	long := strings.Repeat("x", 201)
	for _, x := range []struct {
		what, topic, payload, topicOfAnswer, code, message string
	}{
		{"no JSON", update, `{"state":`, update, "400", "Invalid JSON"},
		{"more than one value", update, `{"state":{}} {}`, update, "400", "Invalid JSON"},
		{"null", update, `null`, update, "400", "Invalid JSON"},
		{"empty", update, ``, update, "400", "Invalid JSON"},
		{"get that is no JSON", "$aws/things/lamp/shadow/get", `x`, "$aws/things/lamp/shadow/get", "400", "Invalid JSON"},
		{"no UTF-8", update, "{\"state\":{\"reported\":{\"a\":\"\xff\"}}}", update, "415", "Unsupported documented encoding; supported encoding is UTF-8"},
		{"no state", update, `{}`, update, "400", "Missing required node: state"},
		{"state is null", update, `{"state":null}`, update, "400", "Missing required node: state"},
		{"state is no object", update, `{"state":1}`, update, "400", "State node must be an object"},
		{"desired is no object", update, `{"state":{"desired":[]}}`, update, "400", "Desired node must be an object"},
		{"reported is no object", update, `{"state":{"reported":"x"}}`, update, "400", "Reported node must be an object"},
		{"another section", update, `{"state":{"delta":{}}}`, update, "400", "State contains an invalid node"},
		{"null in an array", update, `{"state":{"reported":{"a":[{"b":null}]}}}`, update, "400", "State contains an invalid node"},
		{"version is text", update, `{"state":{},"version":"1"}`, update, "400", "Invalid version"},
		{"version is a fraction", update, `{"state":{},"version":1.5}`, update, "400", "Invalid version"},
		{"version of none yet", update, `{"state":{},"version":7}`, update, "409", "Version conflict"},
		{"token is a number", update, `{"state":{},"clientToken":1}`, update, "400", "Invalid clientToken"},
		{"token too long", update, `{"state":{},"clientToken":"1234567"}`, update, "400", "Invalid clientToken"},
		{"too deep", update, `{"state":{"desired":{"a":{"b":{"c":{"d":1}}}}}}`, update, "400", "JSON contains too many levels of nesting; maximum is 3"},
		{"too large", update, `{"state":{"desired":{"a":"` + long + `"}}}`, update, "413", "The payload exceeds the maximum size allowed"},
		{"much too large", update, `{"state":{"desired":{"a":"` + long + long + `"}}}`, update, "413", "The payload exceeds the maximum size allowed"},
		{"thing name too long", "$aws/things/12345678901/shadow/get", ``, "$aws/things/12345678901/shadow/get", "400", "Invalid name"},
		{"shadow name too long", "$aws/things/a/shadow/name/123456789/get", ``, "$aws/things/a/shadow/name/123456789/get", "400", "Invalid name"},
	} {
		s := service(t, Options{Shadows: limits()})
		got := ask(t, s, x.topic, x.payload)
		if len(got) != 1 || got[0].Topic != x.topicOfAnswer+"/rejected" {
			t.Errorf("%s: got %v", x.what, got)
			continue
		}
		var answer struct {
			Code    json.Number
			Message string
		}
		if err := json.Unmarshal(got[0].Payload, &answer); err != nil || answer.Code.String() != x.code || answer.Message != x.message {
			t.Errorf("%s: got %s, want %s %s", x.what, got[0].Payload, x.code, x.message)
		}
		if len(s.shadows) != 0 {
			t.Errorf("%s: it has made a shadow all the same", x.what)
		}
	}
}

func TestShadowsAreBounded(t *testing.T) {
	s := service(t, Options{Shadows: limits()})
	for _, x := range []struct{ thing, want string }{{"a", "accepted"}, {"b", "accepted"}, {"c", "rejected"}, {"a", "accepted"}} {
		got := ask(t, s, "$aws/things/"+x.thing+"/shadow/update", `{"state":{}}`)
		if len(got) == 0 || !strings.HasSuffix(got[0].Topic, x.want) {
			t.Errorf("%s: got %v, want %s", x.thing, got, x.want)
		}
	}
}

// TestShadowTopics has topics that are none of requests.
func TestShadowTopics(t *testing.T) {
	s := service(t, Options{Shadows: limits()})
	for _, topic := range []string{
		"$aws/things/lamp/shadow", "$aws/things/lamp/shadow/update/accepted", "$aws/things//shadow/get", "$aws/things/lamp/shadow/put",
		"$aws/things/lamp/shadow/name//get", "$aws/things/lamp/shadow/name/x", "$aws/things/lamp/jobs/get", "things/lamp/shadow/get",
		"$aws/things/lamp/shadow/name/x/y/get",
	} {
		if got := ask(t, s, topic, ""); len(got) != 0 {
			t.Errorf("%s: got %v", topic, got)
		}
	}
}

// TestDifference has pairs of what is desired and reported, and what differs.
func TestDifference(t *testing.T) {
	for _, x := range []struct{ desired, reported, want string }{
		{`{}`, `{"a":1}`, `{}`},
		{`{"a":1}`, `{}`, `{"a":1}`},
		{`{"a":1}`, `{"a":1.0}`, `{}`},
		{`{"a":1e2}`, `{"a":100}`, `{}`},
		{`{"a":1}`, `{"a":"1"}`, `{"a":1}`},
		{`{"a":{"b":1,"c":2}}`, `{"a":{"b":1,"c":3,"d":4}}`, `{"a":{"c":2}}`},
		{`{"a":{"b":1}}`, `{"a":{"b":1}}`, `{}`},
		{`{"a":{"b":1}}`, `{"a":7}`, `{"a":{"b":1}}`},
		{`{"a":[1,2,3]}`, `{"a":[1,2]}`, `{"a":[1,2,3]}`},
		{`{"a":[{"b":1}]}`, `{"a":[{"b":1.0}]}`, `{}`},
		{`{"a":[{"b":1}]}`, `{"a":[{"c":1}]}`, `{"a":[{"b":1}]}`},
		{`{"a":false}`, `{"a":true}`, `{"a":false}`},
	} {
		got := difference(object(t, x.desired), object(t, x.reported))
		if want := object(t, x.want); !reflect.DeepEqual(got, want) {
			t.Errorf("desired %s, reported %s: got %v, want %v", x.desired, x.reported, got, want)
		}
	}
}

func object(t *testing.T, text string) (o map[string]any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&o); err != nil {
		t.Fatal(err)
	}
	return o
}
