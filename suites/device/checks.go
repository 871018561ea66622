package device

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mqttspec/mqttspec/harness/device"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reports"
)

// Checks are what plans can call, by name.
func Checks() map[string]device.Check {
	return map[string]device.Check{
		"backoff": {
			Text:  "the pauses between connections are not too short, grow, and are not always the same",
			Judge: judgeBackoff,
		},
		"pace": {
			Text:  "no pause between two connections is too short",
			Judge: judgePace,
		},
		"cipher-suites": {
			Text:  "the device offers a cipher suite that AWS IoT recommends",
			Judge: judgeCipherSuites,
		},
		"acted-anew": {
			Text:  "the device acts on a message that comes under a Packet Identifier that was used before",
			Judge: judgeActedAnew,
		},
		"mark-kept": {
			Text:  "the device keeps U+FEFF in what it repeats of a Topic Name or Response Topic",
			Judge: judgeMarkKept,
		},
		"requests": {
			Text:  "the device does not flood the service with requests",
			Judge: judgeRequests,
		},
		"acted-once": {
			Text:  "the device acts once on a message that comes twice",
			Judge: judgeActedOnce,
		},
	}
}

// once is in the payload of the message that a device must act on once.
const once = "mqttspec-once"

// judgeActedOnce counts the messages by which the device shows that it has acted: those that repeat the payload.
func judgeActedOnce(e device.Evidence, _ map[string]float64) device.Judgement {
	n := repeats(e, once)
	value := fmt.Sprintf("%d times", n)
	if n == 0 {
		value = "cannot be seen: the device publishes nothing that repeats the payload"
	}
	return device.Judgement{
		Met: n < 2, Vacuous: n == 0, Observed: value,
		Behaviours: []reports.Observation{{Key: "acts on a message of QoS 2 that came twice", Value: value}},
	}
}

// recommendedSuites are those that AWS IoT recommends, by their names in the registry of IANA.
var recommendedSuites = []string{
	"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256",
	"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
	"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
}

func judgeCipherSuites(e device.Evidence, _ map[string]float64) device.Judgement {
	for _, event := range e.Events {
		if len(event.Offers) == 0 {
			continue
		}
		offers := strings.Join(event.Offers, " ")
		return device.Judgement{
			Met:        slices.ContainsFunc(event.Offers, func(s string) bool { return slices.Contains(recommendedSuites, s) }),
			Observed:   "it offers " + offers,
			Behaviours: []reports.Observation{{Key: "cipher suites that the device offers", Value: offers}},
		}
	}
	return device.Judgement{Undecided: "no TLS handshake was seen"}
}

// judgeRequests counts the messages that a device sends to the services of AWS IoT Core: at most "most".
func judgeRequests(e device.Evidence, with map[string]float64) device.Judgement {
	n := 0
	for _, event := range e.Events {
		if _, is := event.Packet.(wire.Publish); is && event.Kind == "packet" && strings.HasPrefix(event.Topic, "$aws/") {
			n++
		}
	}
	return device.Judgement{Met: float64(n) <= with["most"], Vacuous: n == 0, Observed: fmt.Sprintf("%d requests, at most %.0f are expected", n, with["most"])}
}
