package memnet

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
)

// layer is a connection above another that says so.
type layer struct{ net.Conn }

func (l layer) NetConn() net.Conn { return l.Conn }

// opaque hides all but net.Conn.
type opaque struct{ net.Conn }

func TestAbortOfAnyConnection(t *testing.T) {
	tests := []struct {
		name string
		wrap func(net.Conn) net.Conn
		want error // what the peer reads
	}{
		{"bare", func(c net.Conn) net.Conn { return c }, syscall.ECONNRESET},
		{"layer", func(c net.Conn) net.Conn { return layer{c} }, syscall.ECONNRESET},
		{"two layers", func(c net.Conn) net.Conn { return layer{layer{c}} }, syscall.ECONNRESET},
		{"opaque", func(c net.Conn) net.Conn { return opaque{c} }, io.EOF},
	}
	for _, tt := range tests {
		for kind, pair := range pairs {
			t.Run(tt.name+" on "+kind, func(t *testing.T) {
				c, peer := pair(t)
				defer peer.Close()
				if err := Abort(tt.wrap(c)); err != nil {
					t.Errorf("abort: %v", err)
				}
				if _, err := peer.Read(make([]byte, 1)); !errors.Is(err, tt.want) {
					t.Errorf("the peer reads %v, want %v", err, tt.want)
				}
				if err := Abort(tt.wrap(c)); !errors.Is(err, net.ErrClosed) {
					t.Errorf("second abort: %v", err)
				}
			})
		}
	}
}

func TestCloseWriteOfAnyConnection(t *testing.T) {
	tests := []struct {
		name string
		wrap func(net.Conn) net.Conn
		want error
	}{
		{"bare", func(c net.Conn) net.Conn { return c }, nil},
		{"layer", func(c net.Conn) net.Conn { return layer{c} }, nil},
		{"opaque", func(c net.Conn) net.Conn { return opaque{c} }, errors.ErrUnsupported},
		{"layer above opaque", func(c net.Conn) net.Conn { return layer{opaque{c}} }, errors.ErrUnsupported},
	}
	for _, tt := range tests {
		for kind, pair := range pairs {
			t.Run(tt.name+" on "+kind, func(t *testing.T) {
				c, peer := pair(t)
				defer c.Close()
				defer peer.Close()
				if err := CloseWrite(tt.wrap(c)); !errors.Is(err, tt.want) {
					t.Errorf("error %v, want %v", err, tt.want)
				}
				if _, err := c.Write([]byte("x")); (err == nil) != (tt.want != nil) {
					t.Errorf("write afterwards: %v", err)
				}
				if tt.want == nil {
					if _, err := peer.Read(make([]byte, 1)); err != io.EOF {
						t.Errorf("the peer reads %v, want EOF", err)
					}
				}
				if _, err := peer.Write([]byte("x")); err != nil {
					t.Errorf("the other direction: %v", err)
				}
			})
		}
	}
}

var pairs = map[string]func(t *testing.T) (c, peer net.Conn){
	"memory": func(*testing.T) (net.Conn, net.Conn) { return Pipe(0) },
	"TCP":    func(t *testing.T) (net.Conn, net.Conn) { return loopback(t) },
}
