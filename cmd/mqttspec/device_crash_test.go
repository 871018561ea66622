package main

import (
	"slices"
	"testing"

	"github.com/mqttspec/mqttspec/harness/device"
)

// TestDeviceCrash holds what a panic in the bench does to the run: it ends with the code of a defect of our own, at once
// only if the panic belongs to no device.
func TestDeviceCrash(t *testing.T) {
	for client, ends := range map[string]bool{"lamp": false, "": true} {
		x := &tester{failed: make(chan struct{})}
		x.crash(&device.Crash{Client: client, Value: "on purpose"})
		if !slices.Equal(x.codes(), []int{exitDefect}) {
			t.Errorf("client %q: codes %v", client, x.codes())
		}
		ended := false
		select {
		case <-x.failed:
			ended = true
		default:
		}
		if ended != ends {
			t.Errorf("client %q: ends the run %v", client, ended)
		}
	}
}
