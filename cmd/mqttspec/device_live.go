package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/mqttspec/mqttspec/reports"
)

// mostDevices is how many devices the live line describes.
const mostDevices = 3

// liveText tells where the devices are in the plan, and what they have to do now.
func liveText(d deviceStart, counts map[reports.Verdict]int, start time.Time) string {
	var parts []string
	clients := d.bench.Clients()
	connected, running := 0, 0
	for _, c := range clients {
		if c.Connected() {
			connected++
		}
		p := c.Progress()
		if p.Step == "" {
			continue
		}
		if running++; running > mostDevices {
			continue
		}
		text := fmt.Sprintf("%s %s (%d/%d)", printable(c.ID), p.Step, p.Number, p.Of)
		left := time.Until(p.Until)
		switch {
		case p.Awaits != "" && left > 0:
			text += fmt.Sprintf(" awaits %s, %s left", p.Awaits, clock(left))
		case !p.Until.IsZero() && left > 0:
			text += fmt.Sprintf(" waits %s", clock(left))
		}
		if left := time.Until(p.Ends); left > 0 {
			text += fmt.Sprintf(", goes on for %s", clock(left))
		}
		parts = append(parts, text)
	}
	switch {
	case len(clients) == 0:
		parts = append(parts, "waiting for a device at "+d.address)
	case running > mostDevices:
		parts = append(parts, fmt.Sprintf("and %d more", running-mostDevices))
	}
	parts = append(parts, counted(connected, "client")+" connected")
	var verdictCounts []string
	for _, v := range verdicts {
		if n := counts[v]; n > 0 {
			verdictCounts = append(verdictCounts, fmt.Sprintf("%s %d", marks[v].glyph, n))
		}
	}
	if len(verdictCounts) > 0 {
		parts = append(parts, strings.Join(verdictCounts, " "))
	}
	return strings.Join(append(parts, clock(time.Since(start))), " · ")
}

// clock writes a time as minutes and seconds, the seconds rounded up.
func clock(d time.Duration) string {
	s := int((d + time.Second - 1) / time.Second)
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}
