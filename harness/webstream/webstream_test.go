package webstream_test

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"

	"github.com/mqttspec/mqttspec/harness/webstream"
)

// message is what a server got.
type message struct {
	kind websocket.MessageType
	text string
}

// served starts a server that keeps what it gets and then sends what it is told, and connects to it.
func served(t *testing.T, subprotocols []string, sends ...message) (*webstream.Conn, <-chan message) {
	t.Helper()
	got := make(chan message, 10)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: subprotocols})
		if err != nil {
			t.Error(err)
			return
		}
		defer ws.CloseNow()
		for _, m := range sends {
			if err := ws.Write(r.Context(), m.kind, []byte(m.text)); err != nil {
				t.Error(err)
			}
		}
		for {
			kind, b, err := ws.Read(r.Context())
			if err != nil {
				close(got)
				return
			}
			got <- message{kind, string(b)}
		}
	}))
	t.Cleanup(s.Close)
	raw, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	c, err := webstream.Dial(t.Context(), raw, s.Listener.Addr().String(), "/mqtt")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, got
}

func TestMessages(t *testing.T) {
	c, got := served(t, []string{webstream.Subprotocol})
	if c.Selected() != "mqtt" {
		t.Errorf("the subprotocol is %q", c.Selected())
	}
	if _, err := c.Write([]byte("binary")); err != nil {
		t.Fatal(err)
	}
	if err := c.WriteText([]byte("text")); err != nil {
		t.Fatal(err)
	}
	if err := c.WriteFragments([]byte("in "), []byte("three "), []byte("pieces")); err != nil {
		t.Fatal(err)
	}
	for _, want := range []message{{websocket.MessageBinary, "binary"}, {websocket.MessageText, "text"}, {websocket.MessageBinary, "in three pieces"}} {
		if m := <-got; m != want {
			t.Errorf("the server got %v, want %v", m, want)
		}
	}
}

func TestStream(t *testing.T) {
	c, _ := served(t, nil, message{websocket.MessageBinary, "one "}, message{websocket.MessageBinary, ""},
		message{websocket.MessageBinary, "stream"}, message{websocket.MessageText, "text"})
	if c.Selected() != "" {
		t.Errorf("the subprotocol is %q", c.Selected())
	}
	all, err := io.ReadAll(c)
	if string(all) != "one stream" || !errors.Is(err, webstream.ErrNotBinary) {
		t.Errorf("%q, %v", all, err)
	}
}

func TestRefused(t *testing.T) {
	s := httptest.NewServer(http.NotFoundHandler())
	defer s.Close()
	raw, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_, err = webstream.Dial(t.Context(), raw, s.Listener.Addr().String(), "/mqtt")
	var refused *webstream.Error
	if !errors.As(err, &refused) || !strings.Contains(err.Error(), "404") {
		t.Errorf("%v", err)
	}
	if _, err := raw.Write([]byte("x")); err == nil {
		t.Error("the connection is still open")
	}
}
