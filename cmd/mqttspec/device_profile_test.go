package main

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mqttspec/mqttspec/harness/wire"
)

// resendPlan leaves a PUBLISH unacknowledged.
const resendPlan = `
plan: resend
text: does not send again
patience: 20s
steps:
  - id: ONE
    text: does not send a PUBLISH again on a live Network Connection
    script:
      - withhold: {packet: PUBACK}
      - await: {packet: PUBLISH, where: {qos: 1}, as: first}
      - expect:
          packet: PUBLISH
          where: {id: $first}
          absent: true
          within: 3s
          text: it is not sent again
          must: ["v5:MQTT-4.4.0-1"]
`

// ownProfile is one as a user writes it for a service of his own.
const ownProfile = `name: our-cloud
title: Our cloud
deviations:
  - {statement: "v5:MQTT-4.4.0-1", on: device, verdict: skip, source: manual, why: our devices send again on the live connection}
sources:
  manual: {title: The manual of our cloud}
`

// repeater sends a PUBLISH twice on one connection, which 5.0 forbids and AWS IoT Core Device Advisor demands.
func repeater(t *testing.T, address string) {
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return
	}
	defer nc.Close()
	publish := wire.Publish{Topic: "a", QoS: wire.QoS1, PacketID: 1}
	again := publish
	again.Dup = true
	nc.Write(wire.Bytes(wire.Connect{ClientID: "tiny", CleanStart: true}, wire.V5))
	if _, err := wire.ReadFrame(nc, 0); err != nil {
		t.Error(err)
		return
	}
	nc.Write(append(wire.Bytes(publish, wire.V5), wire.Bytes(again, wire.V5)...))
	for err == nil {
		_, err = wire.ReadFrame(nc, 0)
	}
}

// TestDeviceProfile judges a device by the standard alone, with what AWS IoT Core is known to want, and with a profile of
// one's own.
func TestDeviceProfile(t *testing.T) {
	dir := t.TempDir()
	plan, own := filepath.Join(dir, "resend.yaml"), filepath.Join(dir, "own.yaml")
	for file, content := range map[string]string{plan: resendPlan, own: ownProfile} {
		if err := os.WriteFile(file, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		profile string
		code    int
		says    []string
	}{
		{"", exitFailures, []string{"✗ tiny ONE does not send a PUBLISH again on a live Network Connection: fail"}},
		{"aws-iot-core", 0, []string{
			"AWS IoT Core: a failure is known of v5:MQTT-4.4.0-1\n", "live Network Connection: known failure", "AWS IoT Core: Device Advisor demands"}},
		{own, exitUndecided, []string{
			"Our cloud: nothing is judged of v5:MQTT-4.4.0-1\n", "live Network Connection: skip", "our devices send again on the live connection"}},
	} {
		t.Run("profile "+filepath.Base(c.profile), func(t *testing.T) {
			t.Parallel()
			var stdout, stderr output
			code := make(chan int)
			arguments := []string{"device", "--ci", "--plan", plan, "--listen", "127.0.0.1:0", "--out", t.TempDir()}
			if c.profile != "" {
				arguments = append(arguments, "--profile", c.profile)
			}
			go func() { code <- run(arguments, &stdout, &stderr) }()
			go repeater(t, stdout.address(t))
			if got := <-code; got != c.code {
				t.Errorf("exit code %d, want %d\n%s%s", got, c.code, &stdout, &stderr)
			}
			for _, says := range c.says {
				if !strings.Contains(stdout.String(), says) {
					t.Errorf("it does not say %q:\n%s", says, &stdout)
				}
			}
		})
	}
}
