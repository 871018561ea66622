//go:build unix

// Package clients_test runs programs that people have written about MQTT services against the reference broker, on the
// client libraries that setup.sh installs, and compares what they print.
package clients_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mqttspec/mqttspec/harness/pki"
)

// at tells the programs to come where the broker is.
func (s *stage) at(address string) {
	s.t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		s.t.Fatal(err)
	}
	s.set("HOST", "localhost")
	s.set("PORT", port)
}

// profileWith writes the profile of AWS IoT Core with one change and returns the file's name.
func (s *stage) profileWith(old, changed string) string {
	s.t.Helper()
	content, err := os.ReadFile("../../reference-broker/profile/aws-iot-core.yaml")
	if err != nil {
		s.t.Fatal(err)
	}
	if strings.Count(string(content), old) != 1 {
		s.t.Fatalf("the profile of AWS IoT Core does not have %q once", old)
	}
	file := filepath.Join(s.t.TempDir(), "profile.yaml")
	if err := os.WriteFile(file, []byte(strings.Replace(string(content), old, changed, 1)), 0o600); err != nil {
		s.t.Fatal(err)
	}
	return file
}

// certificates makes an authority for a server of these names and tells the programs to come about it. It returns the
// directory.
func (s *stage) certificates(names ...string) string {
	s.t.Helper()
	dir := s.t.TempDir()
	ca, err := pki.New("articles")
	if err == nil {
		err = ca.WriteFiles(dir, names...)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	s.trust(dir)
	return dir
}

// trust tells the programs to come which certificates to use.
func (s *stage) trust(dir string) {
	s.set("CA", filepath.Join(dir, pki.CAFile))
	s.set("CERT", filepath.Join(dir, pki.ClientFile))
	s.set("KEY", filepath.Join(dir, pki.ClientKeyFile))
}

// post sends a request to the API of netfault.
func (s *stage) post(url, body string) {
	s.t.Helper()
	r, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	defer r.Body.Close()
	if answer, _ := io.ReadAll(r.Body); r.StatusCode/100 != 2 {
		s.t.Fatalf("%s: %s %s", url, r.Status, answer)
	}
}

// pause lets time pass that the programs are about.
func pause(d time.Duration) { <-time.After(d) }

func TestMessageAndSessionExpiry(t *testing.T) { each(t, messageAndSessionExpiry) }

func messageAndSessionExpiry(t *testing.T, broker string) {
	s := newStage(t, "paho-python-2", "mosquitto")
	switch broker {
	case "mosquitto":
		s.at(s.mosquitto(mosquittoConf)["mutual"])
	default:
		s.at(s.mqttspec(1, "broker", "--profile", "aws-iot-core", "--listen", "tls://127.0.0.1:0")["tls"])
	}
	subscribe := func(options ...string) *process {
		return s.start(python("paho-python-2"), append([]string{"articles/expiry/subscribe.py"}, options...)...)
	}
	publish := func(arguments ...string) {
		s.run(python("paho-python-2"), append([]string{"articles/expiry/publish.py"}, arguments...)...)
	}

	s.step("subscribe, then go offline")
	p := subscribe()
	p.await("subscribed")
	p.stop(os.Interrupt)
	s.step("publish")
	publish("sensor/temperature", "cold", "3")
	publish("sensor/temperature", "warm", "120")
	publish("sensor/humidity", "dry")
	s.step("come back 4 s later: the message that was good for 3 s is gone")
	pause(4 * time.Second)
	p = subscribe()
	p.await("dry")
	p.stop(os.Interrupt)
	s.step("Clean Start ends the old session; Session Expiry 0 ends the new one with its connection")
	publish("sensor/temperature", "to nobody")
	p = subscribe("--clean-start", "--session-expiry", "0")
	p.await("subscribed")
	publish("sensor/temperature", "to somebody")
	p.await("to somebody")
	p.stop(os.Interrupt)
	publish("sensor/temperature", "to nobody again")
	p = subscribe()
	p.await("subscribed")
	publish("sensor/temperature", "to somebody")
	p.await("to somebody")
	p.stop(os.Interrupt)
	s.compare("articles/expiry/expected.txt")
}

func TestShadowWillAndRetain(t *testing.T) {
	t.Parallel()
	s := newStage(t, "paho-python-2")
	profile, keepAlive := "aws-iot-core", "60"
	if os.Getenv("MQTTSPEC_LONG") == "" {
		// Unchanged the program waits for a minute and a half. The service raises a shorter Keep Alive to 30 s.
		profile, keepAlive = s.profileWith("keep-alive-minimum: {value: 30,", "keep-alive-minimum: {value: 4,"), "4"
	}
	server := s.mqttspec(1, "broker", "--profile", profile, "--listen", "tls://127.0.0.1:0")["tls"]
	link := s.mqttspec(2, "netfault", "--upstream", server, "--api", "127.0.0.1:0")
	start := func(name string, arguments ...string) *process {
		return s.start(python("paho-python-2"), append([]string{"articles/shadow/" + name}, arguments...)...)
	}

	s.step("a retained state is published live")
	s.at(server)
	watch := start("watch.py")
	watch.await("watching")
	s.at(link[""])
	thing := start("thing.py", "--keep-alive", keepAlive)
	thing.await("connected")
	s.at(server)
	watch.await("online")
	watch.await("document")
	thing.await("accepted")
	s.step("and kept")
	watch.stop(os.Interrupt)
	watch = start("watch.py")
	watch.await("online")
	s.step("the shadow: somebody desires, the lamp gets the difference and reports")
	s.run(python("paho-python-2"), "articles/shadow/desire.py", `{"power": "on"}`)
	thing.await("accepted")
	watch.await("version 2")
	watch.await("version 3")
	s.run(python("paho-python-2"), "articles/shadow/desire.py", `{"power": "off"}`, "1")
	s.step("the link dies silently: the Will comes after 1.5 x Keep Alive")
	s.post("http://"+link["http"]+"/faults", `{"fault": "stall=both"}`)
	cut := time.Now()
	allowed, _ := time.ParseDuration(keepAlive + "s")
	watch.awaitWithin("offline", 3*allowed)
	// The last packet of the lamp may be up to one Keep Alive old when the link dies.
	if waited := time.Since(cut); waited < allowed/2 || waited > allowed*3/2+2*time.Second {
		t.Errorf("the Will came %v after the link died; Keep Alive is %v", waited, allowed)
	}
	s.step("and is kept too, while the lamp is without power")
	thing.stop(os.Kill)
	watch.stop(os.Interrupt)
	watch = start("watch.py")
	watch.await("offline")
	s.step("the lamp starts again")
	s.at(link[""])
	thing = start("thing.py", "--keep-alive", keepAlive)
	thing.await("accepted")
	watch.await("online")
	s.compare("articles/shadow/expected.txt")
}

func TestLastWillRepublishedByRule(t *testing.T) {
	t.Parallel()
	s := newStage(t, "aws-iot-v1")
	told := make(chan string, 10)
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		told <- string(body)
	}))
	defer hook.Close()
	const name = "device.iot.us-east-1.amazonaws.localhost" // the SDK opens WebSockets to names of this form only
	s.set("PYTHONPATH", "articles/last-will/loopback")
	certificates := s.certificates("localhost", name)
	addresses := s.mqttspec(2, "broker", "--profile", "aws-iot-core", "--listen", "tls://127.0.0.1:0", "--listen", "alpn://127.0.0.1:0",
		"--cert", filepath.Join(certificates, pki.ServerFile), "--key", filepath.Join(certificates, pki.ServerKeyFile),
		"--client-ca", filepath.Join(certificates, pki.CAFile), "--rule", "/last/will/topic => /lwt/executed", "--rule", "/last/will/topic => "+hook.URL)
	start := func(name string, arguments ...string) *process {
		return s.start(python("aws-iot-v1"), append([]string{"articles/last-will/" + name}, arguments...)...)
	}
	die := func(listener *process, name string, arguments ...string) {
		device := start("device.py", append([]string{name}, arguments...)...)
		device.await("connected")
		listener.await("works")
		device.stop(os.Kill)
		listener.await("died")
		select {
		case body := <-told:
			fmt.Fprintf(&s.transcript, "webhook: %s\n", body)
		case <-time.After(patience):
			t.Fatal("the webhook was not called")
		}
	}

	s.at(addresses["tls"])
	s.step("a device that leaves in order")
	listener := start("listener.py")
	listener.await("listening")
	s.run(python("aws-iot-v1"), "articles/last-will/device.py", "device-1", "--leave")
	listener.await("works")
	s.step("a device that is killed")
	die(listener, "device-2")
	s.step("the same over WebSocket")
	s.at(addresses["alpn"])
	s.set("HOST", name)
	die(listener, "device-3", "--websocket")
	listener.stop(os.Interrupt)
	s.compare("articles/last-will/expected.txt")
}

func TestMosquittoAndPahoBasics(t *testing.T) { each(t, mosquittoAndPahoBasics) }

func mosquittoAndPahoBasics(t *testing.T, broker string) {
	s := newStage(t, "mosquitto", "paho-python-1.6")
	switch broker {
	case "mosquitto":
		s.at(s.mosquitto(mosquittoConf)["tcp"])
		s.unset("CA") // until TLS is the matter
	default:
		s.at(s.mqttspec(1, "broker", "--listen", "tcp://127.0.0.1:0")["tcp"])
	}
	where := []string{"-h", s.get("HOST"), "-p", s.get("PORT")}
	publish := func(arguments ...string) { s.run("mosquitto_pub", append(where, arguments...)...) }
	subscribe := func(arguments ...string) *process { return s.start("mosquitto_sub", append(where, arguments...)...) }
	// What is retained on basics/ready tells that a subscription is in force.
	listen := func(arguments ...string) *process {
		p := subscribe(append(arguments, "-t", "basics/ready", "-F", "%t %p: QoS %q, RETAIN %r")...)
		p.await("ready")
		return p
	}
	paho := func(program string, arguments ...string) *process {
		return s.start(python("paho-python-1.6"), append([]string{"articles/basics/" + program}, arguments...)...)
	}
	publish("-t", "basics/ready", "-m", "listening", "-r", "-q", "1")

	s.step("QoS is the lower of the publisher's and the subscriber's")
	for _, qos := range []string{"0", "1", "2"} {
		p := listen("-t", "basics/qos", "-q", qos)
		for _, published := range []string{"0", "1", "2"} {
			publish("-t", "basics/qos", "-q", published, "-m", "published at "+published+", subscribed at "+qos)
			p.await("published at " + published)
		}
		p.stop(os.Interrupt)
	}
	s.step("a durable subscription queues what comes while the client is away")
	s.run("mosquitto_sub", append(where, "-i", "durable", "-c", "-q", "1", "-t", "basics/queue", "-E")...)
	s.run("mosquitto_sub", append(where, "-i", "fleeting", "-q", "1", "-t", "basics/queue", "-E")...)
	publish("-t", "basics/queue", "-q", "1", "-m", "one")
	publish("-t", "basics/queue", "-q", "1", "-m", "two")
	subscribe("-i", "durable", "-c", "-q", "1", "-t", "basics/queue", "-C", "2").wait(patience)
	s.step("one that is not durable does not")
	p := listen("-i", "fleeting", "-q", "1", "-t", "basics/queue")
	publish("-t", "basics/queue", "-q", "1", "-m", "three")
	p.await("three")
	p.stop(os.Interrupt)
	s.step("retained: live with RETAIN 0, later with RETAIN 1, gone after an empty one")
	p = listen("-t", "basics/retained", "-q", "1")
	publish("-t", "basics/retained", "-q", "1", "-r", "-m", "21 degrees")
	p.await("21 degrees")
	p.stop(os.Interrupt)
	p = paho("subscriber.py", "basics/retained", "1")
	p.await("21 degrees")
	p.stop(os.Interrupt)
	publish("-t", "basics/retained", "-q", "1", "-r", "-n")
	p = paho("subscriber.py", "basics/retained", "1")
	p.await("granted")
	publish("-t", "basics/retained", "-q", "1", "-m", "22 degrees")
	p.await("22 degrees")
	p.stop(os.Interrupt)

	s.step("the Will: none after DISCONNECT")
	witness := listen("-t", "basics/will", "-q", "1")
	mortal := paho("will.py", "300")
	mortal.await("connected")
	mortal.stop(os.Interrupt)
	publish("-t", "basics/will", "-q", "1", "-m", "somebody else")
	witness.await("somebody else")
	s.step("at once when the process is killed, whatever the Keep Alive")
	mortal = paho("will.py", "300")
	mortal.await("connected")
	killed := time.Now()
	mortal.stop(os.Kill)
	witness.await("died")
	if waited := time.Since(killed); waited > 5*time.Second {
		t.Errorf("the Will of a killed process came after %v", waited)
	}
	s.step("after 1.5 x Keep Alive when the process hangs")
	mortal = paho("will.py", "2")
	mortal.await("connected")
	hung := time.Now()
	if err := mortal.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	witness.await("died")
	if waited := time.Since(hung); waited < time.Second || waited > 5*time.Second {
		t.Errorf("the Will of a process that hangs came after %v; Keep Alive is 2 s", waited)
	}
	witness.stop(os.Interrupt)

	s.step("TLS with User Name and password")
	switch broker {
	case "mosquitto":
		s.at(s.mosquitto(passwordConf)["tls"])
	default:
		s.at(s.mqttspec(1, "broker", "--listen", "tls://127.0.0.1:0", "--user", "anna:secret")["tls"])
	}
	secure := []string{"-h", s.get("HOST"), "-p", s.get("PORT"), "--cafile", s.get("CA")}
	p = paho("subscriber.py", "basics/secure", "1", "anna", "secret")
	p.await("granted")
	s.run("mosquitto_pub", append(secure, "-u", "anna", "-P", "secret", "-t", "basics/secure", "-q", "1", "-m", "hello")...)
	p.await("hello")
	p.stop(os.Interrupt)
	p = paho("subscriber.py", "basics/secure", "1", "anna", "wrong")
	p.wait(patience)
	p = paho("subscriber.py", "basics/secure", "1")
	p.wait(patience)
	if broker == "mosquitto" { // it has one Connect Return code for all who are not let in
		s.replace("Refused: not authorised", "Refused: bad user name or password")
	}
	s.compare("articles/basics/expected.txt")
}

func TestMQTTXSteps(t *testing.T) { each(t, mqttxSteps) }

func mqttxSteps(t *testing.T, broker string) {
	for _, way := range []struct{ transport, scheme, version, path string }{
		{"tcp", "mqtt", "5", ""}, {"tls", "mqtts", "5", ""}, {"ws", "ws", "5", "/mqtt"}, {"wss", "wss", "5", "/mqtt"}, {"tcp", "mqtt", "3.1.1", ""},
	} {
		t.Run(way.transport+"/"+way.version, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, "mqttjs", "mosquitto")
			s.set("MQTTJS", filepath.Join(cache(), "mqttjs"))
			s.set("VERSION", way.version)
			var server string
			switch broker {
			case "mosquitto":
				server = s.mosquitto(mosquittoConf)[way.transport]
			default:
				server = s.mqttspec(1, "broker", "--listen", way.transport+"://127.0.0.1:0", "--config", "articles/mqttx/broker.yaml")[way.transport]
			}
			link := s.mqttspec(2, "netfault", "--upstream", server, "--api", "127.0.0.1:0")
			p := s.start("node", "articles/mqttx/steps.mjs", way.scheme+"://"+server+way.path, way.scheme+"://"+link[""]+way.path)
			p.awaitWithin("cut the network", 4*patience) // a thousand letters on a busy machine
			s.post("http://"+link["http"]+"/faults", `{"fault": "stall=both"}`)
			p.wait(patience)
			if broker == "mosquitto" && way.transport == "wss" {
				// 2.0.21 has the Will of a silent client 15 s later there than over all other transports.
				s.replace(`(?m)^after 2[0-9]\.[0-9]+ s$`, "within 1.5 x Keep Alive")
			}
			s.compare("articles/mqttx/expected.txt")
		})
	}
}
