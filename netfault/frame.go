package netfault

import (
	"encoding/binary"
	"sync"
	"sync/atomic"

	"github.com/mqttspec/mqttspec/harness/trace"
	"github.com/mqttspec/mqttspec/harness/wire"
)

// maxPacket is the largest packet that is looked at. A longer one is more likely no packet at all, and a packet that a
// rule could hit is held in memory.
const maxPacket = 16 << 20

// framer finds the packets in a stream of bytes without keeping them. The zero value is at the start of a packet.
type framer struct {
	head [5]byte // of a fixed header that has not come whole
	n    int     // bytes in head
	left int     // bytes of the packet still to come after its header
}

// atStart reports whether the next byte begins a packet.
func (f *framer) atStart() bool { return f.n == 0 && f.left == 0 }

// next returns how many bytes at the start of b, which is not empty, belong to the present packet, and whether they
// end it. After an error the stream has no packets any more, and nothing of b is taken.
func (f *framer) next(b []byte) (n int, whole bool, err error) {
	if f.left == 0 {
		var rest int
		if n, rest, err = f.header(b); err != nil || rest < 0 {
			return n, false, err
		}
		f.left = rest
	}
	body := min(f.left, len(b)-n)
	f.left -= body
	return n + body, f.left == 0, nil
}

// skip takes whole packets at the start of b, as many as there are, and returns how many bytes that is. It is next for
// a reader that looks at no packet: a length of more than two bytes is left to next.
func (f *framer) skip(b []byte) (n int) {
	if !f.atStart() {
		return 0
	}
	for len(b)-n > 2 {
		size := 2 + int(b[n+1])
		if b[n+1] >= 0x80 {
			if b[n+2] >= 0x80 {
				break
			}
			size = 3 + int(b[n+1]&0x7F) + int(b[n+2])<<7
		}
		if size > len(b)-n {
			break
		}
		n += size
	}
	return n
}

// header takes a fixed header. It returns how many bytes of b belong to it and the Remaining Length, -1 if the header
// is not whole.
func (f *framer) header(b []byte) (n, rest int, err error) {
	whole := b
	if f.n > 0 {
		whole = append(f.head[:f.n:f.n], b[:min(len(b), len(f.head)-f.n)]...)
	}
	h, size, err := wire.ParseHeader(whole)
	switch {
	case err != nil:
		return 0, 0, err
	case size == 0:
		copy(f.head[:], whole)
		n = len(whole) - f.n
		f.n = len(whole)
		return n, -1, nil
	case h.Length > maxPacket:
		return 0, 0, &wire.Violation{Fault: wire.FaultTooLarge, Type: h.Type(), Offset: 1, Code: wire.PacketTooLarge}
	}
	n = size - f.n
	f.n = 0
	return n, h.Length, nil
}

// versionPrefix is as much of a CONNECT packet as it takes to read its version, if its protocol name is of a
// reasonable length.
const versionPrefix = 5 + 2 + 64 + 1

// connectVersion reads the protocol version from the start of a CONNECT packet; 0 if it is not there.
func connectVersion(b []byte) wire.Version {
	h, n, err := wire.ParseHeader(b)
	if err != nil || n == 0 || h.Type() != wire.CONNECT || len(b) < n+2 {
		return 0
	}
	at := n + 2 + int(binary.BigEndian.Uint16(b[n:]))
	if at >= len(b) || at >= n+h.Length {
		return 0
	}
	return wire.Version(b[at])
}

// stream records one direction on one leg: the packets, the bytes that are none, and the end. A nil stream records
// nothing. It may be used by the goroutine that carries and, for the end, by any other.
type stream struct {
	log     *trace.Log
	conn    string
	leg     trace.Leg
	dir     Dir
	version *atomic.Uint32 // of the connection, 0 before its CONNECT

	mu     sync.Mutex
	frames framer
	part   []byte // of a packet that has not come whole
	raw    bool   // what comes is no packets
	how    trace.How
}

func (s *stream) add(kind trace.Kind, b []byte, how trace.How, text string) {
	s.log.Add(trace.Event{Conn: s.conn, Leg: s.leg, Kind: kind, Dir: s.dir, Version: wire.Version(s.version.Load()),
		Bytes: b, How: how, Text: text})
}

// bytes records bytes that passed. After the end of the stream there are none.
func (s *stream) bytes(b []byte) {
	if s == nil || len(b) == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.how != "" {
		return
	}
	for len(b) > 0 && !s.raw {
		n, whole, err := s.frames.next(b)
		if err != nil {
			s.raw = true
			s.add(trace.Note, nil, "", "no packets from here on, bytes pass as they are: "+err.Error())
			break
		}
		packet := b[:n]
		if !whole || len(s.part) > 0 {
			s.part = append(s.part, packet...)
			packet = s.part
		}
		if whole {
			s.packet(packet)
			s.part = s.part[:0]
		}
		b = b[n:]
	}
	if s.raw {
		s.add(trace.Bytes, append(s.part, b...), "", "")
		s.part = nil
	}
}

func (s *stream) packet(b []byte) {
	if s.dir == ToServer && s.version.Load() == 0 {
		s.version.CompareAndSwap(0, uint32(connectVersion(b)))
	}
	s.add(trace.Packet, b, "", "")
}

// note records something worth knowing about the stream.
func (s *stream) note(text string) {
	if s != nil {
		s.add(trace.Note, nil, "", text)
	}
}

// end records the end of the stream, once, after the bytes of a packet that was cut.
func (s *stream) end(how trace.How, text string) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.how != "" {
		return
	}
	s.how = how
	if len(s.part) > 0 {
		s.add(trace.Bytes, s.part, "", "cut packet")
		s.part = nil
	}
	s.add(trace.Close, nil, how, text)
}

// ended returns how the stream ended, "" if it has not.
func (s *stream) ended() trace.How {
	if s == nil {
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.how
}
