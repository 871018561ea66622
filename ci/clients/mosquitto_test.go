//go:build unix

package clients_test

import (
	"context"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mqttspec/mqttspec/harness/pki"
)

// brokers are those that the articles' programs run against: ours, and a real one in a container.
var brokers = []string{"reference", "mosquitto"}

// listeners are the ports of a Mosquitto in a container, by what is spoken there. "mutual" is TLS that demands a client
// certificate.
var listeners = map[string]int{"tcp": 1883, "tls": 8883, "ws": 8083, "wss": 8084, "mutual": 8884}

// mosquittoConf lets everybody in. (With per_listener_settings 2.0.21 drops what comes for a session that is offline.)
const mosquittoConf = `log_dest stderr
max_queued_messages 1000
allow_anonymous true
listener 1883
listener 8883
certfile /mosquitto/config/server.pem
keyfile /mosquitto/config/server-key.pem
listener 8083
protocol websockets
listener 8084
protocol websockets
certfile /mosquitto/config/server.pem
keyfile /mosquitto/config/server-key.pem
listener 8884
cafile /mosquitto/config/ca.pem
certfile /mosquitto/config/server.pem
keyfile /mosquitto/config/server-key.pem
require_certificate true
`

// passwordConf lets in anna with the password secret.
var passwordConf = strings.Replace(mosquittoConf, "allow_anonymous true", "allow_anonymous false\npassword_file /mosquitto/config/passwords", 1)

// mosquitto starts a Mosquitto in a container and returns where its listeners are reached, by the names in listeners. The
// programs to come trust its certificate. Without a container engine the test is skipped; with MQTTSPEC_REQUIRE_DOCKER=1 it
// fails.
func (s *stage) mosquitto(conf string) map[string]string {
	s.t.Helper()
	image := "eclipse-mosquitto:2.0.22"
	if os.Getenv("MQTTSPEC_LOCAL_IMAGES") == "1" || docker("image", "inspect", image) != nil {
		image = "local/mosquitto:2.0.21"
	}
	if err := docker("image", "inspect", image); err != nil {
		if os.Getenv("MQTTSPEC_REQUIRE_DOCKER") == "1" {
			s.t.Fatalf("there is no image of Mosquitto in a container engine: %v", err)
		}
		s.t.Skipf("there is no image of Mosquitto in a container engine (MQTTSPEC_REQUIRE_DOCKER=1 makes this a failure): %v", err)
	}
	dir := s.certificates("localhost", "127.0.0.1")
	for name, content := range map[string]string{"mosquitto.conf": conf, "passwords": hashed("anna", "secret")} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			s.t.Fatal(err)
		}
	}
	create := []string{"create", "--label", "org.mqttspec.owner=articles"}
	for _, port := range listeners {
		create = append(create, "--publish", fmt.Sprintf("127.0.0.1::%d", port))
	}
	id := s.docker(append(create, image)...)
	s.t.Cleanup(func() {
		if s.t.Failed() {
			log, _ := exec.Command("docker", "logs", id).CombinedOutput() // it may be gone
			s.t.Logf("Mosquitto said:\n%s", log)
		}
		if err := docker("rm", "--force", "--volumes", id); err != nil {
			s.t.Error(err)
		}
	})
	// The broker reads its files as root before it becomes another user.
	for name, file := range map[string]string{"mosquitto.conf": "mosquitto.conf", "passwords": "passwords", pki.CAFile: "ca.pem", pki.ServerFile: "server.pem", pki.ServerKeyFile: "server-key.pem"} {
		s.docker("cp", filepath.Join(dir, name), id+":/mosquitto/config/"+file)
	}
	s.docker("start", id)
	addresses := map[string]string{}
	for name, port := range listeners {
		where := s.docker("port", id, fmt.Sprint(port))
		addresses[name] = strings.Replace(strings.Split(where, "\n")[0], "127.0.0.1", "localhost", 1)
	}
	s.answers(addresses["tcp"])
	return addresses
}

// answers waits until a broker accepts a client.
func (s *stage) answers(address string) {
	s.t.Helper()
	host, port, _ := strings.Cut(address, ":")
	for end := time.Now().Add(patience); ; {
		out, err := exec.Command("mosquitto_pub", "-h", host, "-p", port, "-u", "anna", "-P", "secret", "-t", "ready", "-n").CombinedOutput()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			s.t.Fatalf("Mosquitto does not answer: %s", out)
		}
		pause(100 * time.Millisecond)
	}
}

// docker runs a command of the container engine and returns what it prints.
func (s *stage) docker(arguments ...string) string {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, "docker", arguments...)
	var said strings.Builder
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil {
		s.t.Fatalf("docker %s: %v\n%s", strings.Join(arguments, " "), err, said.String())
	}
	return strings.TrimSpace(string(out))
}

func docker(arguments ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if out, err := exec.CommandContext(ctx, "docker", arguments...).CombinedOutput(); err != nil {
		return fmt.Errorf("docker %s: %w: %s", arguments[0], err, strings.TrimSpace(string(out)))
	}
	return nil
}

// hashed returns a line of a password file of Mosquitto.
func hashed(user, password string) string {
	const iterations, length = 101, 64
	salt := make([]byte, 12)
	rand.Read(salt)
	key, err := pbkdf2.Key(sha512.New, password, salt, iterations, length)
	if err != nil {
		panic(err) // the arguments are constant
	}
	encode := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("%s:$7$%d$%s$%s\n", user, iterations, encode(salt), encode(key))
}

// each runs a test against every broker, at the same time.
func each(t *testing.T, test func(t *testing.T, broker string)) {
	t.Parallel()
	for _, broker := range brokers {
		t.Run(broker, func(t *testing.T) {
			t.Parallel()
			test(t, broker)
		})
	}
}
