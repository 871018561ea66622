package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/mqttspec/mqttspec/harness/device"
)

// hookOf returns what makes a device do something: a command that is started with the word and the Client Identifier
// as its last arguments, or an HTTP address to which both are posted as a form.
func hookOf(text string) (device.Hook, error) {
	switch {
	case text == "":
		return nil, nil
	case strings.HasPrefix(text, "http://"), strings.HasPrefix(text, "https://"):
		if _, err := url.Parse(text); err != nil {
			return nil, usagef("--hook: %w", err)
		}
		return func(ctx context.Context, client, what string) error { return post(ctx, text, client, what) }, nil
	}
	words := strings.Fields(text)
	if _, err := exec.LookPath(words[0]); err != nil {
		return nil, usagef("--hook: %w", err)
	}
	return func(ctx context.Context, client, what string) error {
		c := exec.CommandContext(ctx, words[0], append(words[1:len(words):len(words)], what, client)...)
		c.WaitDelay = hookDelay
		output, err := c.CombinedOutput()
		if err != nil {
			return fmt.Errorf("hook %s: %w: %s", words[0], err, bytes.TrimSpace(output))
		}
		return nil
	}, nil
}

// hookDelay is how long the output of a hook is waited for after the hook has ended: what it started may hold on to it.
const hookDelay = time.Second

// post asks an HTTP server to make the device do something.
func post(ctx context.Context, address, client, what string) error {
	form := url.Values{"do": {what}, "client": {client}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 300 {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 200)) // the status says enough
		return fmt.Errorf("hook: %s: %s", answer.Status, text)
	}
	return nil
}

// control lets the user misbehave while devices are tested, by HTTP and by keys. The function that it returns ends that.
func (t *tester) control() (stop func(), err error) {
	var stops []func()
	stop = func() {
		for _, f := range stops {
			f()
		}
	}
	if t.o.api != "" {
		l, err := net.Listen("tcp", t.o.api)
		if err != nil {
			return stop, usagef("--api %s: %w", t.o.api, reasonOf(err))
		}
		server := &http.Server{Handler: t.bench.API(), ReadHeaderTimeout: 10 * time.Second}
		go server.Serve(l) // it ends with Close
		stops = append(stops, func() { server.Close() })
		t.say("HTTP API on http://%s", l.Addr())
	}
	if !t.o.ci && isTerminal(os.Stdin) {
		restore := singleKeys(os.Stdin)
		stops = append(stops, restore)
		t.say("keys: %s", keyNames())
		go t.keys(os.Stdin) // it ends with the program: a read of a terminal cannot be called off
	}
	return stop, nil
}

// key is a misbehaviour that a key calls for.
type key struct {
	letter byte
	text   string
	does   string // an instruction
}

var keys = []key{
	{'c', "close", "close: {}"},
	{'r', "reset", "reset: {}"},
	{'s', "stall", "stall: {}"},
	{'h', "heal", "heal: {}"},
	{'d', "disconnect", "disconnect: {code: 0x8B}"},
	{'t', "take over", "disconnect: {code: 0x8E}"},
	{'n', "no CONNACK", "withhold: {packet: CONNACK}"},
	{'k', "refuse next CONNECT", "refuse: {packet: CONNACK, code: 0x88, times: 1}"},
	{'a', "no PUBACK", "withhold: {packet: PUBACK}"},
	{'p', "no PINGRESP", "withhold: {packet: PINGRESP}"},
	{'m', "malformed packet", "send: {malformed: type-0}"},
	{'1', "message of QoS 1", "send: {topic: mqttspec/key, qos: 1}"},
	{'f', "forget the session", "forget: {}"},
	{'g', "be good again", "release: {}"},
}

func keyNames() string {
	var names []string
	for _, k := range keys {
		names = append(names, fmt.Sprintf("%c %s", k.letter, k.text))
	}
	return strings.Join(names, ", ")
}

// keys carries out what keys call for, until the input ends.
func (t *tester) keys(r io.Reader) {
	in := bufio.NewReader(r)
	for {
		pressed, err := in.ReadByte()
		if err != nil {
			return
		}
		for _, k := range keys {
			if k.letter != pressed {
				continue
			}
			t.say("key %c: %s", k.letter, k.text)
			instruction, err := device.ParseInstruction([]byte(k.does))
			if err == nil {
				err = t.bench.Do("", instruction)
			}
			if err != nil {
				t.say("%v", err)
			}
		}
	}
}
