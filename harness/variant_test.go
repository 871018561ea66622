package harness_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	. "github.com/onsi/gomega"

	. "github.com/mqttspec/mqttspec/harness"
	"github.com/mqttspec/mqttspec/harness/wire"
	"github.com/mqttspec/mqttspec/reports"
)

// varying is a target with variants: "limited" can be had, "narrow" cannot be started, "auth" is not described.
type varying struct {
	scripted
	variant Variant
	opened  *atomic.Int32
	closed  *atomic.Int32
}

func (v *varying) Info() reports.TargetInfo {
	info := reports.TargetInfo{Name: "varying", Variant: "default"}
	if v.variant != "" {
		info.Variant = string(v.variant)
	}
	return info
}

func (v *varying) Variant(_ context.Context, name Variant) (Target, error) {
	switch name {
	case Limited:
		v.opened.Add(1)
		return &varying{scripted: scripted{answer: v.answer}, variant: name, opened: v.opened, closed: v.closed}, nil
	case Narrow:
		return nil, errors.New("no room for it")
	}
	return nil, ErrNoVariant
}

func (v *varying) Close() error {
	v.closed.Add(1)
	return v.scripted.Close()
}

func TestVariants(t *testing.T) {
	var specs []Definition
	pings := func(ctx context.Context) {
		c := Connect(ctx, Clean(ctx, "me"))
		Must(ctx, "MQTT-3.12.4-1", "it answers", c.Alive(ctx), BeTrue())
	}
	for _, s := range []struct {
		id string
		on Variant
	}{{"T-DEFAULT", ""}, {"T-LIMITED-1", Limited}, {"T-LIMITED-2", Limited}, {"T-NARROW", Narrow}, {"T-AUTH", Auth}} {
		specs = append(specs, Spec(s.id, "is a test", V5("MQTT-3.12.4-1"), pings, On(s.on)))
	}
	items, err := Compile([]Group{Section("Tests", specs...)}, wire.V5)
	if err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		target := &varying{scripted: scripted{answer: polite}, opened: new(atomic.Int32), closed: new(atomic.Int32)}
		seen, err := Observe(t.Context(), target, "t", 2*time.Second, wire.V5)
		if err != nil {
			t.Fatal(err)
		}
		var told []string
		e := Start(t.Context(), items, Config{Target: target, Timing: Timing{Reply: 2 * time.Second, Slack: time.Second, Quiet: 300 * time.Millisecond}, Token: "t"}, EngineOptions{
			Observed: seen, OnVariant: func(i reports.TargetInfo) { told = append(told, i.Variant) }})
		verdicts := map[string]string{}
		for n, row := range rowsOf(t, e, items) {
			verdicts[items[n].ID] = row.Variant + " " + string(row.Verdict)
			if items[n].ID == "T-NARROW" && !strings.Contains(row.Reason, "no room for it") {
				t.Errorf("T-NARROW: %s", row.Reason)
			}
		}
		want := map[string]string{"T-DEFAULT": "default pass", "T-LIMITED-1": "limited pass", "T-LIMITED-2": "limited pass",
			"T-NARROW": "default inconclusive", "T-AUTH": "default pass"}
		for id, v := range want {
			if verdicts[id] != v {
				t.Errorf("%s: %s, want %s", id, verdicts[id], v)
			}
		}
		if target.opened.Load() != 1 || target.closed.Load() != 1 || len(told) != 1 || told[0] != "limited" {
			t.Errorf("opened %d times, closed %d times, told of %v", target.opened.Load(), target.closed.Load(), told)
		}
		target.Close()
	})
}
