package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"
)

// liveLine is a line at the bottom of a terminal that is drawn anew by a timer. A nil *liveLine draws nothing: that is
// for whatever is no terminal. The caller of its methods holds the lock.
type liveLine struct {
	page
	style string // of the text, as the number of an escape sequence
	text  func() string

	lock  *sync.Mutex // of what else is written
	timer *time.Timer
	drawn bool
	over  bool
}

// redraw is how often the live line changes.
const redraw = 100 * time.Millisecond

// newLiveLine returns the live line of a terminal, nil if w is none.
func newLiveLine(w io.Writer, lock *sync.Mutex, style string) *liveLine {
	if !isTerminal(w) {
		return nil
	}
	return &liveLine{page: page{w: w, colour: coloured(w)}, style: style, lock: lock}
}

// run begins to draw.
func (l *liveLine) run(text func() string) {
	if l != nil {
		l.text = text
		l.timer = time.AfterFunc(redraw, l.tick)
	}
}

func (l *liveLine) tick() {
	l.lock.Lock()
	defer l.lock.Unlock()
	if l.over {
		return
	}
	l.erase()
	fmt.Fprint(l.w, l.in(l.style, fitted(l.text(), width(l.w))))
	l.drawn = true
	l.timer.Reset(redraw)
}

// erase takes the line away, if it is there.
func (l *liveLine) erase() {
	if l == nil {
		return
	}
	if l.drawn {
		fmt.Fprint(l.w, "\r\x1b[K")
	}
	l.drawn = false
}

// stop ends the drawing.
func (l *liveLine) stop() {
	if l == nil {
		return
	}
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

// width is the number of columns of the terminal.
func width(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if columns, _, err := term.GetSize(int(f.Fd())); err == nil && columns > 10 {
			return columns
		}
	}
	return 80
}
