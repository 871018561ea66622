package main

import (
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestDeviceFullDisk has a disk that is full: one line says so, the exit code does, and nothing looks like a report.
func TestDeviceFullDisk(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("wants /dev/full")
	}
	dir := t.TempDir()
	if err := os.Symlink("/dev/full", filepath.Join(dir, rowsFile)); err != nil {
		t.Fatal(err)
	}
	b := startBench(t, "--out", dir)
	b.ends(exitUsage) // the first line of the record already finds no room
	if said := b.stderr.String(); strings.Count(said, "\n") != 1 || !strings.Contains(said, "the run cannot be recorded") || !strings.Contains(said, "no space left") {
		t.Errorf("it says %q", said)
	}
	if _, err := os.Stat(filepath.Join(dir, "result.json")); err == nil {
		t.Error("there is a result.json")
	}
}

// TestDeviceFormats judges a device that breaks a statement in the formats for programs.
func TestDeviceFormats(t *testing.T) {
	for format, says := range map[string]string{
		"json":   `"verdict":"fail"`,
		"github": "::error title=ONE MQTT 5.0::tiny ONE acknowledges a message%0Av5:MQTT-4.3.2-4: the message is acknowledged",
		"lines":  "✗ tiny ONE acknowledges a message: fail MQTT-4.3.2-4",
	} {
		b := startBench(t, "--format", format)
		var address string
		if format == "json" {
			address, _, _ = strings.Cut(b.until(`"address":"tcp://`), `"`)
		} else {
			address = b.address()
		}
		go tinyDevice(t, address, false)
		b.ends(exitFailures)
		b.until(says)
		if format == "json" {
			for _, line := range strings.Split(strings.TrimSpace(b.stdout.String()), "\n") {
				if !strings.HasPrefix(line, `{"type":"`) {
					t.Errorf("no object: %s", line)
				}
			}
			b.until(`{"type":"event","client":"tiny"`)
		}
	}
}

// TestDeviceFlood has a device send without end: it is told, its plan ends undecided, and the bench goes on.
func TestDeviceFlood(t *testing.T) {
	plan := written(t, "patient.yaml", strings.Replace(shortPlan, "answer: 2s", "answer: 5m", 1))
	b := startBench(t, "--expect-clients", "2", "--plan", plan)
	nc, err := net.Dial("tcp", b.address())
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		defer nc.Close()
		nc.Write([]byte("\x10\x12\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x05flood"))
		ping := strings.Repeat("\xc0\x00", 8192)
		for err == nil {
			_, err = nc.Write([]byte(ping))
		}
	}()
	b.until("! 127.0.0.1 floods as device flood: closed")
	b.device("after")
	b.until("✓ after ONE")
	b.ends(exitUndecided)
	b.until("ended: the device floods: it has sent more than 150000 packets")
}
