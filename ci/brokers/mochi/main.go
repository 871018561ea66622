// Command mochi serves MQTT with the mochi-mqtt broker, so that mqttspec has a second broker written in Go to run against
// as a local program. It adds nothing to the library but a command line:
//
//	mochi --tcp 127.0.0.1:1883 --db /tmp/mochi.db
//
// Everybody may connect unless --config names an auth ledger.
package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	mqtt "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/hooks/auth"
	"github.com/mochi-mqtt/server/v2/hooks/storage/bolt"
	"github.com/mochi-mqtt/server/v2/listeners"
	"gopkg.in/yaml.v3"
)

const modulePath = "github.com/mochi-mqtt/server/v2"

// options are the command line.
type options struct {
	tcp, tls, ws string // listening addresses; the empty ones are not served
	cert, key    string // PEM files for tls
	db           string // bolt file; without it everything is lost when the broker ends
	config       string // file of settings
}

// settings is the content of --config, in mochi's own words.
type settings struct {
	Capabilities *mqtt.Capabilities `yaml:"capabilities"` // limits; what is not named keeps mochi's default
	Auth         *auth.Ledger       `yaml:"auth"`         // users and access rules; nil lets everybody in
}

func main() {
	var o options
	flag.StringVar(&o.tcp, "tcp", "127.0.0.1:1883", "serve MQTT over TCP on `address`; empty for none")
	flag.StringVar(&o.tls, "tls", "", "serve MQTT over TLS on `address`, with --cert and --key")
	flag.StringVar(&o.cert, "cert", "", "certificate `file` in PEM for --tls")
	flag.StringVar(&o.key, "key", "", "private key `file` in PEM for --tls")
	flag.StringVar(&o.ws, "ws", "", "serve MQTT over WebSocket on `address`")
	flag.StringVar(&o.db, "db", "", "keep sessions, subscriptions and messages in this bolt `file`")
	flag.StringVar(&o.config, "config", "", "YAML `file` with mochi's capabilities and auth ledger")
	showVersion := flag.Bool("version", false, "print the version of mochi-mqtt and exit")
	flag.Parse()

	if *showVersion {
		fmt.Println(version())
		return
	}
	if flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "mochi: takes no arguments, only flags")
		flag.Usage()
		os.Exit(2)
	}
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "mochi:", err)
		os.Exit(1)
	}
}

// run serves until the process is told to end by SIGINT or SIGTERM.
func run(o options) error {
	s, err := readSettings(o.config)
	if err != nil {
		return err
	}
	server := mqtt.New(&mqtt.Options{
		Capabilities: s.Capabilities,
		Logger:       slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if s.Auth == nil {
		err = server.AddHook(new(auth.AllowHook), nil)
	} else {
		err = server.AddHook(new(auth.Hook), &auth.Options{Ledger: s.Auth})
	}
	if err != nil {
		return err
	}
	if o.db != "" {
		if err := server.AddHook(new(bolt.Hook), &bolt.Options{Path: o.db}); err != nil {
			return err
		}
	}
	if err := listen(server, o); err != nil {
		return err
	}

	ended, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := server.Serve(); err != nil {
		return err
	}
	<-ended.Done()
	return server.Close()
}

// listen opens a listener for each address given.
func listen(server *mqtt.Server, o options) error {
	if o.tcp != "" {
		if err := server.AddListener(listeners.NewTCP(listeners.Config{ID: "tcp", Address: o.tcp})); err != nil {
			return err
		}
	}
	if o.ws != "" {
		if err := server.AddListener(listeners.NewWebsocket(listeners.Config{ID: "ws", Address: o.ws})); err != nil {
			return err
		}
	}
	if o.tls != "" {
		pair, err := tls.LoadX509KeyPair(o.cert, o.key)
		if err != nil {
			return err
		}
		config := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
		return server.AddListener(listeners.NewTCP(listeners.Config{ID: "tls", Address: o.tls, TLSConfig: config}))
	}
	return nil
}

// readSettings reads the file, or gives mochi's defaults if the name is empty. An unknown key is an error.
func readSettings(file string) (settings, error) {
	s := settings{Capabilities: mqtt.NewDefaultServerCapabilities()}
	if file == "" {
		return s, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return s, err
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	if err := decoder.Decode(&s); err != nil {
		return s, fmt.Errorf("%s: %w", file, err)
	}
	return s, nil
}

// version is that of the library: the program itself has none.
func version() string {
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dependency := range info.Deps {
			if dependency.Path == modulePath {
				return dependency.Version[len("v"):]
			}
		}
	}
	return "unknown"
}
