package main

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/mqttspec/mqttspec/reports"
)

// liveLine is a line at the bottom of a terminal that is drawn anew by a timer.
type liveLine struct {
	page
	text func() string

	lock  *sync.Mutex // of what else is written
	timer *time.Timer
	drawn bool
	over  bool
}

// run begins to draw. The caller of all methods holds the lock.
func (l *liveLine) run(text func() string) {
	l.text = text
	l.timer = time.AfterFunc(redraw, l.tick)
}

func (l *liveLine) tick() {
	l.lock.Lock()
	defer l.lock.Unlock()
	if l.over {
		return
	}
	l.erase()
	fmt.Fprint(l.w, l.in("7", fitted(" "+l.text()+" ", width(l.w))))
	l.drawn = true
	l.timer.Reset(redraw)
}

// erase takes the line away, if it is there.
func (l *liveLine) erase() {
	if l.drawn {
		fmt.Fprint(l.w, "\r\x1b[K")
	}
	l.drawn = false
}

func (l *liveLine) stop() {
	l.over = true
	if l.timer != nil {
		l.timer.Stop()
	}
	l.erase()
}

// fitted cuts a text to less than the width of a terminal, so that it stays on one line.
func fitted(text string, width int) string {
	if r := []rune(text); len(r) >= width {
		return string(r[:width-2]) + "…"
	}
	return text
}

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
